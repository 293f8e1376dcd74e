"""What docs/registry.md says is done and said, in its order, from training to rollback."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from protgraph.cli import main
from protgraph.data import sets
from protgraph.structure import synthetic, write
from protgraph.track import names

TEXT = (Path(__file__).parents[1] / "docs" / "registry.md").read_text()
STEPS = re.findall(r"```sh\n(.*?)```\n(?:```\n(.*?)```\n)?", TEXT, flags=re.S)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with MLflow of its own, a few planted sites and one structure."""
    few = sets.planted(count=60)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setitem(sets.SETS, "planted-site", lambda *, gaps=True: few)
    Path("made.pdb").write_text(write.pdb(synthetic.protein(3, name="made")))


def test_the_page_has_its_steps():
    assert len(STEPS) == TEXT.count("```sh") == 8
    assert sum(bool(printed) for _, printed in STEPS) == 4


def test_every_command_does_what_the_page_says(place, capsys):
    for commands, printed in STEPS:
        for line in commands.strip().splitlines():
            capsys.readouterr()
            status = main(shlex.split(line)[1:])
            said = capsys.readouterr()
            last = (said.err if status else said.out).splitlines()[-1]
            assert not status or printed.startswith("error: "), last
        if printed:
            assert re.fullmatch(pattern(printed.strip()), last)
    assert names.find("sites@champion").number == 1
    assert names.find("models:/sites/2").tags["champion.forced"] == "needs no structure"


def pattern(printed: str) -> str:
    """A line of the page as a pattern: the numbers of an interval depend on the machine."""
    return re.sub(r"(\\-)?\d\\\.\d{3}", r"-?\\d\\.\\d{3}", re.escape(printed))


def test_numbers_may_be_others_and_words_may_not():
    line = "sites: version 2 is worse (auprc: -0.495 [-0.542, -0.433])"
    assert re.fullmatch(pattern(line), line.replace("-0.542", "-0.650"))
    assert not re.fullmatch(pattern(line), line.replace("version 2", "version 3"))
