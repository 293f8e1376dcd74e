"""What the README says is so: its Python runs, its verbs exist, its figures were measured."""

import re
from pathlib import Path

import numpy as np
import pytest

from protgraph.cli import parser
from protgraph.structure import synthetic, write

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_the_python_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    protein = synthetic.protein(1, name="my")
    Path("my.pdb").write_text(write.pdb(protein, bfactor=np.zeros(len(protein))))
    Path("proteins.fasta").write_text(">one\nMKVLAH\n>two\nmkw\n")
    exec(compile(code, "README", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("line", re.findall(r"^protgraph (.*)$", TEXT, flags=re.M))
def test_the_verbs_exist_with_their_options(line, capsys):
    verb, *words = line.split()
    with pytest.raises(SystemExit):
        parser().parse_args([verb, "--help"])
    said = capsys.readouterr().out
    for option in re.findall(r"--?[a-z]+", " ".join(words)):
        assert option in said


@pytest.mark.parametrize(
    ("mark", "experiment"),
    [("results", "01_does_the_graph_help"), ("distilled", "04_distillation")],
)
def test_its_figures_are_those_of_the_experiment(mark, experiment):
    found = re.search(rf"<!-- {mark} -->\n(.*?)<!-- end -->", TEXT, flags=re.S)
    rows = [line for line in found[1].splitlines() if re.search(r"\d\.\d{3}", line)]
    kept = (ROOT / "experiments" / experiment / "README.md").read_text()
    assert rows
    assert not [row for row in rows if row not in kept]


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / link).exists(), link
