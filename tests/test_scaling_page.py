"""What docs/scaling.md says is what the command line calculates today."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from protgraph.cli import main, parser

TEXT = (Path(__file__).parents[1] / "docs" / "scaling.md").read_text()
BLOCKS = re.findall(
    r"```sh\nprotgraph ([^`]*?)\n```\n<!-- calculated -->\n(.*?)<!-- end -->", TEXT, flags=re.S
)
SIZES = {"650M": (1280, 33, 20), "3B": (2560, 36, 40)}


def test_every_marked_table_has_its_command():
    assert len(BLOCKS) == TEXT.count("<!-- calculated -->") == 7


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=range(len(BLOCKS)))
def test_a_table_is_what_its_command_prints(command, printed, capsys):
    failed = main(shlex.split(command.replace("\\\n", " ")))
    said = capsys.readouterr()
    assert (said.err if failed else said.out) == printed
    assert bool(failed) == printed.startswith("error: ")


def test_its_defaults_are_those_of_the_command_line():
    args = parser().parse_args(["plan", "pretrain/mini", "--gpus", "8", "--memory", "80"])
    said = re.findall(r"^\| `--(\w+)` \| ([\d.]+)", TEXT, flags=re.M)
    assert len(said) == 7
    for name, value in said:
        assert getattr(args, name) == float(value)


def found(size, gpus, capsys, *, muon=False):
    width, layers, heads = SIZES[size]
    words = [
        f"pretrain.width={width}", f"pretrain.layers={layers}", f"pretrain.heads={heads}",
        "pretrain.batch=2097152", f"pretrain.muon={str(muon).lower()}", "--gpus", str(gpus),
        "--memory", "80", "--json",
    ]  # fmt: skip
    assert main(["plan", "pretrain/mini_gpu", *words]) == 0
    return json.loads(capsys.readouterr().out)


def lost(plan):
    return 1 - plan["efficiency"]


@pytest.mark.parametrize("size", SIZES)
def test_what_it_says_of_one_node_is_so(size, capsys):
    stages = found(size, 8, capsys)["stages"]
    assert lost(stages[0]) < 0.01
    assert lost(stages[1]) < 0.01
    assert lost(stages[3]) == pytest.approx({"650M": 1 / 20, "3B": 1 / 5}[size], rel=0.1)
    muon = found(size, 8, capsys, muon=True)["chosen"]["times"]
    assert 0.01 < muon["optimiser"] / muon["step"] < 0.05


@pytest.mark.parametrize("size", SIZES)
def test_what_it_says_of_eight_nodes_is_so(size, capsys):
    few, many = found(size, 8, capsys)["chosen"], found(size, 64, capsys)["chosen"]
    assert few["stage"] == many["stage"] == 0
    assert lost(many) == pytest.approx(1 / 4, abs=0.03)
    assert 64 / many["residues"] / (8 / few["residues"]) == pytest.approx(4 / 3, abs=0.05)


def test_what_it_says_of_the_larger_one_on_eight_nodes_is_so(capsys):
    stages = found("3B", 64, capsys)["stages"]
    assert [lost(stage) for stage in stages[2:]] == pytest.approx([1 / 2, 1 / 2], abs=0.04)
    muon = found("3B", 64, capsys, muon=True)["chosen"]["times"]
    assert muon["optimiser"] / muon["step"] == pytest.approx(1 / 6, abs=0.02)
