"""Code that came with a model runs only where the user says so."""

import gzip
from pathlib import Path

import mlflow
import pytest
from recorded import record

from protgraph.cli import main
from protgraph.models.model import Config, Model
from protgraph.resolve import load
from protgraph.running.promotion import promote
from protgraph.serve import pyfunc
from protgraph.serve.registered import held, served
from protgraph.track import registry, runs

TAGS = {"recipe": "0a", "data": "1b", "split": "2c"}

CODE = """
from pathlib import Path
import mlflow
import pandas
Path({marker!r}).touch()
class Stranger(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        pass
    def predict(self, context, model_input: pandas.DataFrame, params=None):
        said = model_input.assign(said="by a stranger")
        bad = said["name"] == "bad"
        return said.assign(error=bad.map(dict([(True, "bad: no.")]))) if bad.any() else said
mlflow.models.set_model(Stranger())
"""


@pytest.fixture(scope="module")
def marker(tmp_path_factory):
    """A file that the code of the registered model "stranger" makes when it runs."""
    folder = tmp_path_factory.mktemp("trust")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'runs.db'}")
        patch.chdir(folder)
        (folder / "code.py").write_text(CODE.format(marker=str(folder / "ran")))
        config = Config("demo", "protein", ("fit",), "cnn", 21, 0, 0, width=4, layers=1,
                        graph={"nodes": ("identity",)})  # fmt: skip
        random = Model(config).save(folder / "random")
        form = {"example": pyfunc.example(config), "signature": pyfunc.signature(config)}
        with runs.start("demo", "stranger", params={}, tags=TAGS) as run:
            run.model(random, folder / "code.py", record=record(), **form)
        registry.register(run.id, "stranger")
        promote("stranger", 1)
        (folder / "x.fasta").write_text(">one\nMKVLAHCDEW\n")
        yield folder / "ran"


@pytest.fixture(autouse=True)
def not_run(marker):
    marker.unlink(missing_ok=True)


def asked():
    load("stranger@champion")
    assert main(["predict", "stranger@champion", "x.fasta"]) == 0
    said = served("stranger@champion").predict([{"sequence": "MKVLAHCDEW", "name": "one"}])
    assert list(said["name"]) == ["one"]
    assert main(["lineage", "stranger"]) == 0
    assert main(["models"]) == 0
    registry.record("stranger@champion")


def test_without_trust_it_does_not_run(marker, capsys):
    asked()
    assert not marker.exists()
    assert "by a stranger" not in capsys.readouterr().out


def test_with_trust_it_does(marker, capsys):
    assert main(["predict", "stranger@champion", "x.fasta", "--trust"]) == 0
    assert marker.exists()
    assert capsys.readouterr().out == "sequence\tname\tsaid\nMKVLAHCDEW\tone\tby a stranger\n"


def test_with_trust_a_file_that_cannot_be_read_loses_no_other(marker, capsys):
    words = ["predict", "stranger@champion", "absent.fasta", "x.fasta", "--trust"]
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out.endswith("MKVLAHCDEW\tone\tby a stranger\n")
    assert "error: absent.fasta: there is no such file." in said.err
    assert main(["predict", "stranger@champion", "absent.fasta", "--trust"]) == 2


def test_with_trust_a_row_that_is_not_scored_is_no_success(marker, capsys):
    (marker.parent / "y.fasta").write_text(">good\nMKV\n>bad\nMKV\n")
    assert main(["predict", "stranger@champion", "y.fasta", "--trust"]) == 2
    said = capsys.readouterr()
    assert said.out.endswith("MKV\tgood\tby a stranger\t\nMKV\tbad\tby a stranger\tbad: no.\n")
    assert "error: bad: no." in said.err


@pytest.mark.parametrize(
    "words", [["--pairs", "p.tsv"], ["--chain", "A"], ["--format", "json"], ["-o", "out"]]
)
def test_with_trust_the_table_is_all_that_there_is(marker, capsys, words):
    assert main(["predict", "stranger@champion", "x.fasta", "--trust", *words]) == 2
    assert "leave --pairs, --chain, --format and -o out" in capsys.readouterr().err
    assert not marker.exists()


def test_a_packed_structure_is_held_under_the_name_of_its_file(tmp_path):
    (tmp_path / "1abc.v2.pdb.gz").write_bytes(gzip.compress(b"ATOM\n"))
    assert held(str(tmp_path / "1abc.v2.pdb.gz"), "structure") == [("ATOM\n", "1abc.v2")]


def test_trust_is_of_registered_models(capsys):
    assert main(["predict", "zinc-site", "x.fasta", "--trust"]) == 2
    assert "zinc-site: not of the form models:/name/3" in capsys.readouterr().err


def test_no_file_of_a_version_is_a_pickle(marker):
    folder = Path(mlflow.artifacts.download_artifacts("models:/stranger/1"))
    kept = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert {".safetensors", ".npz", ".json", ".yaml", ".md"} <= kept
    assert not kept & {".pkl", ".pt", ".pth", ".bin", ".pickle", ".joblib"}
