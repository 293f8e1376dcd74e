"""Stored models of pairs answer: partners have no order, names are found, files are one table."""

import gzip
import itertools
import json
from dataclasses import replace

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import protgraph
from protgraph import predict
from protgraph.cli import main
from protgraph.data import candidates
from protgraph.data.dataset import Pairs
from protgraph.models import pairwise
from protgraph.models.model import Model
from protgraph.predict import Predictor
from protgraph.recipe import Recipe
from protgraph.running.inputs import config_of
from protgraph.running.promotion import promote
from protgraph.running.run import run
from protgraph.serve import pyfunc
from protgraph.structure import synthetic, write
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.prediction import Prediction
from protgraph.tasks.probability import applied
from protgraph.tasks.text import joint
from protgraph.track import registry

TASK = TASKS["ppi-human"]
PROTEINS = tuple(synthetic.protein(i, length=60 + i, name=f"p{i}") for i in range(8))
EVERY = list(itertools.combinations_with_replacement(PROTEINS, 2))
LINE = {"slopes": [2.0], "intercepts": [-0.5], "own": [True]}


def recipe_of(encoder: str) -> Recipe:
    nodes = ["identity"] if encoder == "cnn" else ["identity", "dihedrals"]
    return Recipe(
        {
            "task": TASK.name, "model.encoder": encoder, "model.width": 8, "model.layers": 1,
            "graph.nodes": nodes, "graph.edges": ["distance"], "graph.radius": 7.0,
            "data.batch": 400, "train.epochs": 1, "train.precision": "fp32",
        }
    )  # fmt: skip


def random(encoder: str, **changes) -> Predictor:
    """A model of random weights."""
    torch.manual_seed(0)
    config = replace(config_of(recipe_of(encoder), TASK), **changes)
    return Predictor(Model(config).eval(), "random")


EGNN, CNN = random("egnn"), random("cnn")


def told(predictions) -> np.ndarray:
    return np.stack([one.scores for one in predictions])


class Counting(torch.nn.Module):
    """An encoder that notes the residues of each batch it is given."""

    def __init__(self, encoder, seen):
        super().__init__()
        self.encoder, self.seen = encoder, seen

    def forward(self, data):
        self.seen.append(len(data.residue))
        return self.encoder(data)


# Scores


@pytest.mark.parametrize("predictor", [EGNN, CNN], ids=["egnn", "cnn"])
@given(
    rows=st.lists(st.tuples(*[st.integers(0, 7)] * 2, st.booleans()), min_size=1, max_size=12),
)
@settings(max_examples=15)
def test_exchanged_partners_have_the_same_score_to_the_bit(predictor, rows):
    pairs = [(PROTEINS[a], PROTEINS[b]) for a, b, _ in rows]
    turned = [(PROTEINS[b], PROTEINS[a]) if flip else (PROTEINS[a], PROTEINS[b])
              for a, b, flip in rows]  # fmt: skip
    one, other = predictor.predict_pairs(pairs), predictor.predict_pairs(turned)
    assert np.array_equal(told(one), told(other))
    assert [(p.protein, p.partner) for p in one] == pairs
    assert [(p.protein, p.partner) for p in other] == turned


@given(st.lists(st.tuples(*[st.sampled_from(PROTEINS)] * 2), min_size=1), st.randoms())
@settings(max_examples=25)
def test_the_order_of_encoding_does_not_tell_which_partner_came_first(pairs, chance):
    turned = [(b, a) if chance.random() < 0.5 else (a, b) for a, b in pairs]
    (one, places), (other, _) = candidates.distinct(pairs), candidates.distinct(turned)
    assert one == other == sorted({p for pair in pairs for p in pair}, key=PROTEINS.index)
    assert [(one[a], one[b]) for a, b in places.tolist()] == pairs


def test_a_score_does_not_depend_on_who_else_is_asked_about():
    together = told(EGNN.predict_pairs(EVERY))
    assert np.ptp(together) > 1e-4
    for place in range(0, len(EVERY), 5):
        alone = EGNN.predict_pairs([EVERY[place]])
        assert told(alone)[0] == pytest.approx(together[place], abs=1e-6)


def test_every_protein_is_encoded_once_within_the_budget_and_no_graph_waits(monkeypatch):
    whole = told(EGNN.predict_pairs(EVERY))
    events = []
    predictor = random("egnn")
    predictor.model.encoder = Counting(predictor.model.encoder, events)
    graphs = Predictor.graphs
    monkeypatch.setattr(
        Predictor, "graphs", lambda self, own: events.append("made") or graphs(self, own)
    )
    monkeypatch.setattr(predict, "BUDGET", 140)
    monkeypatch.setattr(pairwise, "PAIRS", 5)
    pieces = told(predictor.predict_pairs(EVERY))
    sizes = events[1::2]
    assert events[::2] == ["made"] * len(sizes)  # one batch is made, then encoded, then the next
    assert max(sizes) <= 140
    assert sum(sizes) == sum(map(len, PROTEINS))
    assert pieces == pytest.approx(whole, abs=1e-6)


def test_scores_are_calibrated_and_called_as_of_the_other_levels():
    plain = told(EGNN.predict_pairs(EVERY))
    final = applied(LINE, plain)
    threshold = float(np.median(final))
    made = random("egnn", calibration=LINE, thresholds=(threshold,)).predict_pairs(EVERY)
    assert told(made) == pytest.approx(final, abs=1e-6)
    assert not np.allclose(final, plain, atol=0.01)
    calls = [bool(one.calls[0]) for one in made]
    assert calls == [bool(one.scores[0] >= np.float32(threshold)) for one in made]
    assert 0 < sum(calls) < len(calls)
    assert made[0].level == "pair"
    assert made[0].scale.startswith("probabilities, calibrated on validation")


def test_no_pair_gives_no_prediction():
    assert EGNN.predict_pairs([]) == []


def test_paths_are_read_once_and_hold_one_protein_each(tmp_path, monkeypatch):
    for protein in PROTEINS[:3]:
        (tmp_path / f"{protein.name}.pdb").write_text(write.pdb(protein))
    paths = [tmp_path / f"p{i}.pdb" for i in range(3)]
    opened = []
    read = candidates.structures.read
    monkeypatch.setattr(
        candidates.structures, "read", lambda p, **more: opened.append(p) or read(p, **more)
    )
    said = EGNN.predict_pairs([(paths[0], str(paths[1])), (paths[0], paths[2])])
    assert [(one.protein.name, one.partner.name) for one in said] == [("p0", "p1"), ("p0", "p2")]
    assert sorted(opened) == sorted(map(str, paths))
    expected = EGNN.predict_pairs([PROTEINS[:2], (PROTEINS[0], PROTEINS[2])])
    assert told(said) == pytest.approx(told(expected), abs=2e-3)  # a PDB file has three decimals

    (tmp_path / "two.fasta").write_text(">a\nMKV\n>b\nMKL\n")
    with pytest.raises(ValueError, match=r"two\.fasta: a partner is one protein, got 2: a, b"):
        CNN.predict_pairs([(PROTEINS[0], tmp_path / "two.fasta")])
    with pytest.raises(FileNotFoundError, match=r"absent\.pdb"):
        CNN.predict_pairs([(PROTEINS[0], tmp_path / "absent.pdb")])


@pytest.mark.parametrize(
    "pairs", [PROTEINS[:2], ("a.pdb", "b.pdb"), ["ab"], [PROTEINS[:3]], [(PROTEINS[0], None)], [1]]
)
def test_what_is_no_pair_is_refused(pairs):
    with pytest.raises(ValueError, match=r"Pairs are a list of two proteins .* \[\(a, b\), \.\.\."):
        EGNN.predict_pairs(pairs)


def test_each_level_says_how_it_is_asked():
    with pytest.raises(ValueError, match=r"^random: .* call predict_pairs\(\[\(a, b\), \.\.\."):
        EGNN.predict(PROTEINS[0])
    with pytest.raises(ValueError, match=r"call predict_pairs"):
        EGNN.predict("absent.pdb")
    site = replace(EGNN.model.config, level="residue")
    with pytest.raises(ValueError, match=r"^random: .* this one scores a residue: call predict in"):
        Predictor(Model(site), "random").predict_pairs([PROTEINS[:2]])


def test_a_protein_without_structure_is_named_where_the_model_looks_at_it():
    ghost = Protein("ghost", "MKVLAA")
    with pytest.raises(ValueError, match="ghost"):
        EGNN.predict_pairs([(PROTEINS[0], ghost)])
    assert len(CNN.predict_pairs([(PROTEINS[0], ghost)])) == 1


# Writing


def pair(**changes) -> Prediction:
    values = {
        "task": "ppi", "level": "pair", "outputs": ("binds", "cuts"), "scores": [0.75, 0.1],
        "protein": Protein("a", "MK"), "partner": Protein("1abc", "MV", chain="B"), "model": "m",
        "encoder": "none", "thresholds": (0.5, 0.5),
    }  # fmt: skip
    return Prediction(**{**values, **changes})


def test_the_table_of_pairs_is_this_one():
    head = "# task: ppi\n# model: m\n# encoder: none\n# thresholds: binds 0.5, cuts 0.5\n"
    columns = "protein_a\tchain_a\tprotein_b\tchain_b\tbinds_score\tcuts_score"
    calls = "\tbinds_call\tcuts_call\n"
    row = "a\t\t1abc\tB\t0.75\t0.1\t1\t0\n"
    assert pair().tsv() == head + columns + calls + row
    other = pair(partner=Protein("z", "M"), scores=[0.25, 1.0])
    assert joint([pair(), other]) == pair().tsv() + "a\t\tz\t\t0.25\t1\t0\t1\n"
    for odd in ([], [pair(), pair(model="other")]):
        with pytest.raises(ValueError, match=r"A table has one question and one model, got [02]"):
            joint(odd)


def test_json_names_both_partners():
    said = json.loads(pair().json())
    assert [said[key] for key in ("protein_a", "chain_a", "protein_b", "chain_b")] == [
        "a", "", "1abc", "B",
    ]  # fmt: skip
    assert said["scores"] == {"binds": 0.75, "cuts": 0.1}
    assert said["calls"] == {"binds": True, "cuts": False}
    assert "protein" not in said


def test_a_pair_is_written_as_a_table_or_json_and_not_as_one_protein(tmp_path):
    for form in ("tsv", "json"):
        path = pair().write(tmp_path, form)
        assert path.name == f"a--1abc_B.ppi.{form}"
        assert path.read_text() == getattr(pair(), form)()
    for form in ("pdb", "html"):
        with pytest.raises(ValueError, match=f"a and 1abc: {form} .* got the pair level"):
            pair().write(tmp_path, form)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_pair_alone_has_a_partner():
    with pytest.raises(ValueError, match="a: a pair alone has a partner, got no partner at the pa"):
        pair(partner=None)
    with pytest.raises(ValueError, match="got a partner at the protein level"):
        pair(level="protein")


# Lists of pairs

CHAINS = (
    *(Protein("1abc", "MK", chain=chain) for chain in "AB"), Protein("2xyz_A", "MV", chain="A"),
    Protein("P12345", "MKV"),
)  # fmt: skip


def names(pairs):
    return [(one.identifier, two.identifier) for one, two in pairs]


@pytest.mark.parametrize("start", ["", "protein_a\tprotein_b\n", "protein_a\tprotein_b\tlabel\n"])
@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.tsv.gz"])
def test_a_list_has_two_names_a_line_and_what_follows_means_nothing(tmp_path, start, name):
    text = start + "1abc_A\tP12345\t1\n\n2xyz_A\t 1abc_B \t0\r\nP12345\tP12345\n1abc_A\tP12345"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert names(candidates.read(path, CHAINS)) == [
        ("1abc_A", "P12345"), ("2xyz_A", "1abc_B"), ("P12345", "P12345"), ("1abc_A", "P12345"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("P12345\t1abc_A\nP12345\tP12346", r"pairs\.tsv:2: .* such as 'P12345', got 'P12346'"),
        ("\n\nzzzz\tP12345\t1", r"pairs\.tsv:3: .*, such as '[^']+', got 'zzzz'"),
        ("1abc\tP12345", r"pairs\.tsv:1: .* '1abc' is of 1abc_A, 1abc_B"),
        ("P12345 1abc_A", r"pairs\.tsv:1: a line has two names with a tab"),
        ("P12345\t\t1", r"pairs\.tsv:1: a line has two names with a tab"),
        ("protein_a\tprotein_b\n", r"pairs\.tsv: one pair at least"),
    ],
)
def test_a_wrong_line_of_a_list_is_named(tmp_path, text, said):
    (tmp_path / "pairs.tsv").write_text(text)
    with pytest.raises(ValueError, match=said):
        candidates.read(tmp_path / "pairs.tsv", CHAINS)


# The command line


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with two models, three structures, their sequences, and a list of three pairs."""
    monkeypatch.chdir(tmp_path)
    EGNN.model.save(tmp_path / "egnn")
    CNN.model.save(tmp_path / "cnn")
    for protein in PROTEINS[:3]:
        (tmp_path / f"{protein.name}.pdb").write_text(write.pdb(protein))
    text = "".join(f">{protein.name}\n{protein.sequence}\n" for protein in PROTEINS[:3])
    (tmp_path / "three.fasta").write_text(text)
    (tmp_path / "list.tsv").write_text("p0\tp1\t1\np2\tp0\t0\np1\tp1\t0\n")
    return tmp_path


def words(model="./egnn", files=("p0.pdb", "p1.pdb", "p2.pdb"), *more):
    return ["predict", model, "--pairs", "list.tsv", *files, *more]


def rows(text):
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("model", "files"), [("./egnn", ("p0.pdb", "p1.pdb", "p2.pdb")), ("./cnn", ("three.fasta",))]
)
def test_the_pairs_of_a_list_are_one_table(made, capsys, model, files):
    assert main(words(model, files)) == 0
    header, *found = rows(capsys.readouterr().out)
    assert header == ["protein_a", "chain_a", "protein_b", "chain_b", "interaction_score"]
    assert [(row[0], row[2]) for row in found] == [("p0", "p1"), ("p2", "p0"), ("p1", "p1")]
    proteins = {p.name: p for file in files for p in protgraph.read(made / file)}
    expected = protgraph.load(model).predict_pairs(
        [(proteins[r[0]], proteins[r[2]]) for r in found]
    )
    assert [float(row[4]) for row in found] == pytest.approx(told(expected)[:, 0], abs=1e-5)


def test_pairs_are_written_to_one_file(made, capsys):
    assert main(words()) == 0
    printed = capsys.readouterr().out
    assert main([*words(), "-o", "out/deep"]) == 0
    assert capsys.readouterr().out == "out/deep/list.ppi-human.tsv\n"
    assert (made / "out/deep/list.ppi-human.tsv").read_text() == printed
    assert main([*words(), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(one["protein_a"], one["protein_b"]) for one in said] == [
        ("p0", "p1"), ("p2", "p0"), ("p1", "p1"),
    ]  # fmt: skip


def test_two_proteins_alone_are_a_pair(made, capsys):
    assert main(["predict", "./egnn", "p0.pdb", "p1.pdb", "-o", "out"]) == 0
    assert capsys.readouterr().out == "out/p0--p1.ppi-human.tsv\n"
    _, row = rows((made / "out/p0--p1.ppi-human.tsv").read_text())
    assert (row[0], row[2]) == ("p0", "p1")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ["predict", "./egnn", "p0.pdb"],
            "needs a list of pairs, or two proteins alone, got no li",
        ),
        (["predict", "./cnn", "three.fasta"], "got no list and 3 proteins"),
        (words(files=("p0.pdb", "p1.pdb")), "list.tsv:2: a name is that of a protein in the files"),
        (words("zinc-site"), "this one scores a residue: leave the list out"),
        ([*words(), "--format", "html"], "pairs are written as ('tsv', 'json'), got 'html'"),
        ([*words(), "--format", "pdb"], "pairs are written as ('tsv', 'json'), got 'pdb'"),
        (words(files=("p0.pdb", "absent.pdb")), "absent.pdb: there is no such file"),
    ],
)
def test_what_cannot_be_asked_of_pairs_is_one_line(made, capsys, asked, said):
    assert main(asked) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (error,) = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert said in error


# The whole way: recipe, run, folder, registry, MLflow


@pytest.fixture(scope="module")
def data():
    """Synthetic proteins whose pairs are dealt to three sides."""
    proteins = tuple(synthetic.protein(i, length=60, name=f"q{i}") for i in range(9))
    every = np.array(list(itertools.combinations(range(9), 2)))
    sides = np.array(["train", "valid", "test"])[np.arange(len(every)) % 3]
    y = (np.arange(len(every)) // 3 % 2).astype(float)[:, None]
    return Pairs("made", "made", proteins, every, y, tuple(sides.tolist()))


@pytest.fixture(scope="module")
def done(tmp_path_factory, data):
    """A run of one epoch, in a working folder of its own with its own MLflow."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.chdir(folder)
        found = run(recipe_of("egnn"), name="made/egnn", folder=folder / "runs", data=data)
        registry.register(found.summary["run"], "made-pairs")
        promote("made-pairs", 1)
        yield found


@pytest.mark.parametrize("name", ["folder", "made-pairs@champion"])
def test_what_a_run_stored_scores_pairs_as_the_run_did(done, data, name):
    predictor = protgraph.load(done.folder / "model" if name == "folder" else name)
    test = data.whole("test")
    said = predictor.predict_pairs(
        [(data.proteins[a], data.proteins[b]) for a, b in data.pairs[test].tolist()]
    )
    config = predictor.model.config
    assert told(said) == pytest.approx(applied(config.calibration, done.test.scores), abs=1e-6)
    assert list(said[0].thresholds) == done.summary["thresholds"]
    assert said[0].scale == done.summary["calibration"].partition(":")[0]
    assert said[0].model == predictor.name


def test_mlflow_serves_pairs_row_by_row(done, data):
    served = mlflow.pyfunc.load_model("models:/made-pairs@champion")
    inputs = served.metadata.get_input_schema()
    assert inputs.required_input_names() == ["structure_a", "structure_b"]
    assert not served.predict(served.input_example)["error"].any()
    one, two = (write.pdb(protein) for protein in data.proteins[:2])
    double = one.replace("END", "") + "".join(
        line[:21] + "B" + line[22:] + "\n" for line in two.splitlines() if line.startswith("ATOM")
    )
    frame = pd.DataFrame(
        {
            "structure_a": [one, two, double, one, double],
            "structure_b": [two, one, two, None, two],
            "name_a": ["x", "y", "both", "x", "x"], "name_b": ["y", "x", "y", None, "y"],
            "chain_a": [None, None, None, None, "B"],
        }
    )  # fmt: skip
    said = served.predict(frame)
    assert said.columns.tolist() == served.metadata.get_output_schema().input_names()
    assert said.columns[:5].tolist() == ["row", "name_a", "chain_a", "name_b", "chain_b"]
    assert said["interaction_score"][0] == said["interaction_score"][1]
    (expected,) = protgraph.load(done.folder / "model").predict_pairs([data.proteins[:2]])
    assert said["interaction_score"][0] == pytest.approx(expected.scores[0], abs=2e-3)
    assert said["error"][2] == "Row 2: structure_a has one chain, got , B."
    assert said["error"][3] == "Row 3: structure_b is empty."
    assert said["name_a"].tolist() == ["x", "y", "both", "x", "x"]
    assert said["interaction_score"][4] != said["interaction_score"][0]
    assert said["chain_a"].tolist()[4] == "B"


def test_mlflow_serves_pairs_of_sequences():
    served = pyfunc.Served()
    served.predictor = CNN
    frame = pd.DataFrame({"sequence_a": ["mkv", "MK1"], "sequence_b": ["MLLK*", "MK"]})
    said = served.predict(None, frame)
    (expected,) = CNN.predict_pairs([(Protein("a", "MKV"), Protein("b", "MLLK"))])
    assert said["interaction_score"][0] == pytest.approx(expected.scores[0], abs=1e-6)
    assert said["name_b"][0] == "row-0_b"
    assert said["error"][1].startswith("row-1_a: ")
    assert pyfunc.signature(CNN.model.config).inputs.input_names() == [
        "sequence_a", "sequence_b", "name_a", "name_b",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"ppi-human: the input has a column 'sequence_b', got"):
        served.predict(None, frame[["sequence_a"]])
