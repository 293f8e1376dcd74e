"""The command line does what it says, and says in one line what it cannot do."""

import gzip
import json
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from protgraph.cli import main
from protgraph.structure import synthetic, write


@pytest.fixture
def made(tmp_path):
    """A folder with one good structure, `made.pdb`."""
    protein = synthetic.protein(3, name="made")
    (tmp_path / "made.pdb").write_text(write.pdb(protein, bfactor=np.zeros(len(protein))))
    return tmp_path


def good(folder: Path) -> str:
    return str(folder / "made.pdb")


def broken(folder: Path, kind: str) -> Path:
    """A file that cannot be read, of a kind."""
    text = (folder / "made.pdb").read_text()
    path = folder / "bad.pdb"
    if kind == "empty file":
        path.write_text("")
    elif kind == "directory":
        path.mkdir()
    elif kind == "truncated gz":
        path = folder / "bad.pdb.gz"
        path.write_bytes(gzip.compress(text.encode())[:200])
    elif kind == "binary noise":
        path.write_bytes(np.random.default_rng(0).bytes(4000))
    elif kind == "HTML page":
        path.write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    elif kind == "NaN coordinates":
        first = text.splitlines()[0]
        path.write_text(text.replace(first, first[:30] + "     nan" + first[38:]))
    elif kind == "unknown suffix":
        path = folder / "bad.xyz"
        path.write_text(text)
    else:
        assert kind == "missing"
    return path


BROKEN = (
    "empty file", "directory", "truncated gz", "binary noise", "HTML page", "NaN coordinates",
    "unknown suffix", "missing",
)  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("verb", [["graph"], ["predict", "zinc-site"]])
def test_a_bad_file_is_one_line_and_the_good_one_is_still_done(made, capsys, verb, kind):
    bad = broken(made, kind)
    assert main([*verb, str(bad), good(made)]) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert bad.name.split(".")[0] in errors[0]
    assert "Traceback" not in said.err
    assert "made" in said.out


def test_graph_prints_one_object_a_chain(made, capsys):
    assert main(["graph", good(made), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert list(row) == ["file", "chain", "residues", "observed", "edges"]
    assert row["observed"] == row["residues"] == len(synthetic.protein(3).sequence)


def test_a_wider_radius_has_more_edges(made, capsys):
    edges = []
    for radius in ("6", "12"):
        assert main(["graph", good(made), "--json", "--radius", radius]) == 0
        edges.append(json.loads(capsys.readouterr().out)["edges"])
    assert edges[0] < edges[1]


def test_a_chain_that_is_not_there_is_named_with_those_that_are(made, capsys):
    assert main(["graph", good(made), "--chain", "Q"]) == 2
    assert "Q" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "start"), [("tsv", "#"), ("json", "{"), ("pdb", "REMARK 999 task: ")]
)
def test_predict_prints_each_format(made, capsys, form, start):
    assert main(["predict", "zinc-site", good(made), "--format", form]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(start)
    assert "language encoder none" in said.err
    assert "given that the chain binds zinc" in said.err


def test_tables_of_several_files_are_one_table(made, capsys):
    (made / "two.pdb").write_text((made / "made.pdb").read_text().replace(" A ", " B "))
    assert main(["predict", "zinc-site", good(made), str(made / "two.pdb")]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = [place for place, line in enumerate(lines) if line.startswith(("#", "protein\t"))]
    assert head == list(range(len(head)))
    assert {line.split("\t")[0] for line in lines[len(head) :]} == {"made", "two"}


def test_predict_takes_one_chain_and_says_what_was_decided(made, capsys):
    atoms = [line for line in (made / "made.pdb").read_text().splitlines() if line[:4] == "ATOM"]
    both = "".join(f"{line[:21]}{chain}{line[22:]}\n" for chain in "PQ" for line in atoms)
    models = [f"MODEL     {number:4d}\n{both}ENDMDL\n" for number in (1, 2)]
    (made / "both.pdb").write_text("".join(models))
    assert main(["predict", "zinc-site", str(made / "both.pdb"), "--chain", "Q"]) == 0
    said = capsys.readouterr()
    rows = [line.split("\t") for line in said.out.splitlines() if line.startswith("both")]
    assert {row[1] for row in rows} == {"Q"}
    assert "both chain Q: the first of 2 models" in said.err
    assert main(["predict", "zinc-site", good(made), "--chain", "Q"]) == 2
    assert "no protein chain 'Q'" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"protgraph {version('protgraph')}\n"


def test_predict_writes_pages_to_a_folder(made, capsys):
    assert (
        main(["predict", "zinc-site", good(made), "--format", "html", "-o", str(made / "o")]) == 0
    )
    (page,) = (made / "o").iterdir()
    assert page.name == "made.zinc-site.html"
    assert capsys.readouterr().out.strip() == str(page)


def test_two_inputs_of_one_name_do_not_overwrite_each_other(made, capsys):
    (made / "b").mkdir()
    (made / "b" / "made.pdb").write_text((made / "made.pdb").read_text())
    words = [
        "predict",
        "zinc-site",
        good(made),
        str(made / "b" / "made.pdb"),
        "-o",
        str(made / "o"),
    ]
    assert main(words) == 2
    assert "was written for another input already" in capsys.readouterr().err
    assert len(list((made / "o").iterdir())) == 1


def test_an_output_that_cannot_be_written_leaves_nothing(made, capsys):
    (made / "file").write_text("in the way")
    assert main(["predict", "zinc-site", good(made), "-o", str(made / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert (made / "file").read_text() == "in the way"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "zinc-sit", "made.pdb"], "Did you mean zinc-site"),
        (["predict", "./nowhere", "made.pdb"], "nowhere"),
        (["run", "nowhere.yaml"], "nowhere.yaml: no such recipe"),
        (["run", "zinc_site/egnn", "model.widht=32"], "Did you mean model.width?"),
        (["run", "zinc_site/egnn", "model.width"], "key=value"),
        (["run", "zinc_site/egnn", "model.width=wide"], "model.width is a int"),
        (["run", "zinc_site/egnn", "task=zync"], "Unknown task"),
        (["run", "zinc_site/egnn", "train.epochs=0"], "train.epochs cannot be 0"),
        (["run", "zinc_site/egnn", "model.width=0"], "model.width cannot be 0"),
    ],
)
def test_a_wrong_word_is_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("PROTGRAPH_DATA", "")
    assert main(words) == 2
    errors = capsys.readouterr().err.splitlines()
    assert said in errors[-1]
    assert errors[-1].startswith("error: ")


def test_the_benchmark_data_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROTGRAPH_DATA", str(tmp_path / "nowhere"))
    assert main(["run", "zinc_site/egnn"]) == 2
    assert "PROTGRAPH_DATA" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["data", "list"], ["predict", "zinc-site-seq", "long.fasta"]])
def test_where_nobody_reads_on_the_end_is_quiet(tmp_path, words):
    """The first is told of it when it ends, the second while it writes what a file gave."""
    (tmp_path / "long.fasta").write_text(">long\n" + "MKVLAHCDEW" * 100 + "\n")
    command = [sys.executable, "-m", "protgraph", *words]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert "rror" not in said
    assert "ipe" not in said


def test_a_tracking_server_that_does_not_answer_is_one_line(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for words in (["models"], ["rollback", "sites"], ["predict", "sites@champion", "x.fasta"]):
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: MLflow: ")
        assert str(port) in line


def test_debug_shows_the_traceback(made):
    with pytest.raises(ValueError, match="chain"):
        main(["graph", good(made), "--chain", "Q", "--debug"])


def test_embed_keeps_vectors_and_finds_them_again(tmp_path, capsys):
    from protgraph.language.store import Store

    fasta = tmp_path / "three.fasta"
    fasta.write_text(">a\nMKV\n>b\nmk-v*\n>c\nACDEF\n")
    words = ["embed", str(fasta), "-o", str(tmp_path / "vectors"), "--encoder", "mini"]
    for done in ("2 computed", "0 computed"):
        assert main([*words, "--layer", "2,6", "--pool", "mean"]) == 0
        said = capsys.readouterr()
        assert f"3 proteins, 2 sequences, {done}" in said.out
        assert "encoder mini, layer 2,6" in said.err
        assert "b: 1 gap was removed" in said.err
    assert len(Store(tmp_path / "vectors")) == 4


def test_a_file_that_cannot_be_embedded_is_one_line(tmp_path, capsys):
    fasta = tmp_path / "odd.fasta"
    fasta.write_text(">a\nMK1V\n")
    assert main(["embed", str(fasta), "-o", str(tmp_path / "v"), "--encoder", "onehot"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "error: odd.fasta: a: a sequence is written in the letters A to Z, got '1' at 3."
    assert not (tmp_path / "v").exists()


def test_fold_without_a_checkpoint_says_how_to_get_one(tmp_path, capsys):
    fasta = tmp_path / "one.fasta"
    fasta.write_text(">a\nMKV\n")
    words = ["fold", str(fasta), "-o", str(tmp_path / "m"), "--model", str(tmp_path / "esmfold")]
    assert main(words) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_sets_are_listed_and_what_is_absent_is_no_success(tmp_path, capsys):
    assert main(["data", "list", "--folder", str(tmp_path)]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert ["gb1", "no", "1.2 MB"] in [row[:3] for row in rows]
    assert main(["data", "verify", "gb1", "--folder", str(tmp_path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["state"] == "missing"
    assert main(["data", "fetch", "--folder", str(tmp_path)]) == 2
    assert "needs the name of a set" in capsys.readouterr().err
