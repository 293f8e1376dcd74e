import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server import predictions_to_json
from recorded import record

from protgraph.graph.build import build, sequence
from protgraph.graph.edges import KINDS
from protgraph.models.model import Config, Model
from protgraph.predict import Predictor
from protgraph.running.promotion import promote
from protgraph.serve import pyfunc
from protgraph.structure import synthetic, write
from protgraph.structure.protein import Protein
from protgraph.structure.read import read
from protgraph.track import registry, runs

TAGS = {"recipe": "0a", "data": "1b", "split": "2c"}


@pytest.fixture(scope="module")
def protein():
    made = synthetic.protein(3, length=60, name="made")
    return replace(made, chain="A", numbering=tuple(f"{i + 11}" for i in range(60)))


@pytest.fixture(scope="module")
def text(protein):
    return write.pdb(protein)


@pytest.fixture(scope="module")
def residues(protein):
    graph = build(protein)
    return Config(
        "site", "residue", ("zinc", "iron"), "gcn", graph.x.shape[1], graph.edge_attr.shape[1],
        len(KINDS), width=8, layers=1, thresholds=(0.5, 0.25),
    )  # fmt: skip


@pytest.fixture(scope="module")
def letters(protein):
    width = sequence(protein).x.shape[1]
    graph = {"nodes": ("identity",)}
    return Config("fit", "protein", ("fit",), "cnn", width, 0, 0, width=8, layers=1, graph=graph)


@pytest.fixture(scope="module")
def store(tmp_path_factory, residues, letters):
    """A folder with a registry that holds two models of random weights."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'runs.db'}")
        patch.chdir(folder)
        for name, config in (("random-residues", residues), ("random-letters", letters)):
            random = Model(config).save(folder / name)
            log = {"example": pyfunc.example(config), "signature": pyfunc.signature(config)}
            with runs.start("demo", name, params={}, tags=TAGS) as run:
                run.model(random, pyfunc.CODE, record=record(), **log)
            registry.register(run.id, name)
            promote(name, 1)
        yield folder


@pytest.fixture(scope="module")
def by_structure(store):
    return mlflow.pyfunc.load_model("models:/random-residues@champion")


@pytest.fixture(scope="module")
def by_sequence(store):
    return mlflow.pyfunc.load_model("models:/random-letters@champion")


@pytest.fixture
def expected(store, text, tmp_path):
    """What the model itself says of the protein."""
    from protgraph.models.model import load

    (tmp_path / "row-0.pdb").write_text(text)
    model = load(store / "random-residues")
    return Predictor(model, "random").predict(read(tmp_path / "row-0.pdb"))[0]


def test_the_text_of_a_file_gives_a_row_a_residue(by_structure, text, protein, expected):
    said = by_structure.predict(pd.DataFrame({"structure": [text]}))
    assert said.columns.tolist() == [
        "row", "name", "chain", "position", "index", "letter",
        "zinc_score", "iron_score", "zinc_call", "iron_call", "error",
    ]  # fmt: skip
    assert said["row"].tolist() == [0] * 60
    assert set(said["name"]) == {"row-0"}
    assert set(said["chain"]) == {"A"}
    assert said["position"].tolist() == [str(i) for i in range(11, 71)]
    assert said["index"].tolist() == list(range(60))
    assert "".join(said["letter"]) == protein.sequence
    scores = said[["zinc_score", "iron_score"]].astype(float).to_numpy()
    np.testing.assert_allclose(scores, expected.scores, atol=1e-6)
    assert said[["zinc_call", "iron_call"]].to_numpy().tolist() == expected.calls.tolist()
    assert said["error"].tolist() == [None] * 60


def test_a_sequence_gives_a_row_a_protein(by_sequence, store):
    from protgraph.models.model import load

    frame = pd.DataFrame({"sequence": ["mkv*", "ACD-EF"], "name": ["a", None]})
    said = by_sequence.predict(frame)
    assert said.columns.tolist() == ["row", "name", "chain", "fit_score", "error"]
    assert said["row"].tolist() == [0, 1]
    assert said["name"].tolist() == ["a", "row-1"]
    none = np.full((3, 4, 3), np.nan)
    predictor = Predictor(load(store / "random-letters"), "random")
    alone = predictor.predict(Protein("a", "MKV", none))
    assert said["fit_score"][0] == pytest.approx(alone.scores[0], abs=1e-6)


def test_a_row_that_cannot_be_scored_says_so_and_the_rest_is_answered(by_structure, text):
    frame = pd.DataFrame(
        {
            "structure": ["ATOM\nnonsense", text, "", None, text],
            "chain": [None, "A", None, None, "Z"],
            "name": ["odd", "good", None, None, "chainless"],
        }
    )
    said = by_structure.predict(frame)
    bad = said[said["error"].notna()]
    assert bad["row"].tolist() == [0, 2, 3, 4]
    assert bad["name"].tolist() == ["odd", "", "", "chainless"]
    assert bad["zinc_score"].isna().all()
    assert bad["error"].str.startswith(("row-0.pdb: ", "Row 2: ", "Row 3: ", "row-4.pdb: ")).all()
    assert "structure is empty" in bad["error"].iloc[1]
    assert "'Z'" in bad["error"].iloc[3]
    good = said[said["error"].isna()]
    assert good["row"].tolist() == [1] * 60
    assert set(good["name"]) == {"good"}
    assert good["index"].tolist() == list(range(60))


def test_a_sequence_that_cannot_be_scored_says_so(by_sequence):
    said = by_sequence.predict(pd.DataFrame({"sequence": ["MK1", "MKV"]}))
    assert said["error"][0].startswith("row-0: a sequence is written in the letters A to Z")
    assert said["error"][1] is None


def test_what_is_missing_is_null_in_json(by_structure, text):
    unseen = "".join(line + "\n" for line in text.splitlines() if line[22:26].strip() != "30")
    said = by_structure.predict(pd.DataFrame({"structure": [unseen, "no\nstructure"]}))
    answer = StringIO()
    predictions_to_json(said, answer)
    rows = json.loads(answer.getvalue(), parse_constant=pytest.fail)["predictions"]
    gap = rows[19]
    assert (gap["position"], gap["index"], gap["letter"]) == ("30", 19, "X")
    assert gap["zinc_score"] is gap["zinc_call"] is gap["error"] is None
    assert rows[18]["index"] == 18
    assert type(rows[18]["index"]) is int
    assert type(rows[18]["zinc_call"]) is bool
    assert rows[60]["index"] is None
    assert rows[60]["error"]


def test_the_chains_of_a_file_are_all_scored_unless_one_is_named(by_structure, text):
    two = text.replace("END", "").rstrip() + "\n"
    two += "".join(
        line[:21] + "B" + line[22:] + "\n"
        for line in text.splitlines()
        if line.startswith(("ATOM", "TER"))
    )
    said = by_structure.predict(pd.DataFrame({"structure": [two, two], "chain": [None, "B"]}))
    assert said["chain"].tolist() == ["A"] * 60 + ["B"] * 120
    assert said["row"].tolist() == [0] * 120 + [1] * 60


def test_mmcif_is_told_from_pdb_by_its_text(by_structure, text):
    gemmi = pytest.importorskip("gemmi")
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    cif = "# made here\n\n" + structure.make_mmcif_document().as_string()
    said = by_structure.predict(pd.DataFrame({"structure": [text, cif]}))
    assert said["error"].isna().all()
    scores = [said.loc[said["row"] == row, "zinc_score"].astype(float) for row in (0, 1)]
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_a_path_is_not_read_where_no_folder_is_named(by_structure, text, tmp_path, monkeypatch):
    monkeypatch.delenv(pyfunc.PATHS, raising=False)
    (tmp_path / "a.pdb").write_text(text)
    said = by_structure.predict(pd.DataFrame({"structure": [str(tmp_path / "a.pdb")]}))
    (error,) = said["error"]
    assert pyfunc.PATHS in error


def test_a_path_is_read_only_inside_the_folder(by_structure, text, tmp_path, monkeypatch):
    inside, outside = tmp_path / "in", tmp_path / "in-not"
    inside.mkdir()
    outside.mkdir()
    (inside / "a.pdb").write_text(text)
    (outside / "b.pdb").write_text(text)
    (inside / "link.pdb").symlink_to(outside / "b.pdb")
    monkeypatch.setenv(pyfunc.PATHS, str(inside))
    allowed = [str(inside / "a.pdb"), "a.pdb", "../in/a.pdb"]
    refused = [str(outside / "b.pdb"), "../in-not/b.pdb", "link.pdb", "/etc/passwd", "a\0b", "~"]
    said = by_structure.predict(pd.DataFrame({"structure": allowed + refused + ["absent.pdb"]}))
    assert said[said["error"].isna()].groupby("row").size().tolist() == [60, 60, 60]
    assert set(said.loc[said["row"] < 3, "name"]) == {"a"}
    errors = said.loc[said["error"].notna(), ["row", "error"]].to_numpy().tolist()
    assert [row for row, _ in errors] == list(range(3, 10))
    assert all("is not in the folder" in error for row, error in errors if row not in (7, 8, 9))
    assert "b.pdb" in errors[0][1]


def test_a_name_from_outside_writes_no_file(by_structure, text, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    frame = pd.DataFrame({"structure": [text], "name": ["../../evil/" + "x" * 300]})
    said = by_structure.predict(frame)
    assert said["error"].isna().all()
    assert not list(tmp_path.iterdir())


def test_the_column_that_the_model_reads_must_be_there(store, residues):
    served = pyfunc.Served()
    served.predictor = Predictor(Model(residues).eval(), "random")
    with pytest.raises(ValueError, match=r"site: the input has a column 'structure', got \['seq"):
        served.predict(None, pd.DataFrame({"sequence": ["MKV"]}))


def test_the_signature_says_what_is_read_and_answered(by_structure, by_sequence):
    inputs = by_structure.metadata.get_input_schema()
    assert inputs.input_names() == ["structure", "chain", "name"]
    assert inputs.required_input_names() == ["structure"]
    assert by_sequence.metadata.get_input_schema().input_names() == ["sequence", "name"]
    for model in (by_structure, by_sequence):
        said = model.predict(model.input_example)
        assert said["error"].isna().all()
        outputs = model.metadata.get_output_schema()
        assert outputs.input_names() == said.columns.tolist()


def test_a_fresh_process_gives_the_same_scores(by_structure, text, tmp_path):
    frame = pd.DataFrame({"structure": [text]})
    frame.to_json(tmp_path / "in.json")
    code = f"""
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/random-residues@champion")
said = model.predict(pandas.read_json({str(tmp_path / "in.json")!r}))
said.to_json({str(tmp_path / "out.json")!r})
"""
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    said = pd.read_json(tmp_path / "out.json")
    here = by_structure.predict(frame)
    assert said["zinc_score"].to_numpy() == pytest.approx(
        here["zinc_score"].astype(float).to_numpy(), abs=1e-6
    )
