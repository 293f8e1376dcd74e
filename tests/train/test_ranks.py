"""Two ranks do what one does, whichever engine takes the steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from protgraph.train.launch import spread

NEAR = 1e-4


def zero(stage, **more):
    return {"engine": "deepspeed", "zero": stage, **more}


SMALL = ["model.width=8", "train.drop_side=0.5"]
# Ranks have unequal numbers of items, and in one batch the second rank has no label: `ranked.own`.
TORCH = {
    "fit": {"kind": "fit"},
    "in twos": {"kind": "fit", "settings": {"accumulate": 2, "clip": 0.3}},
    "pretrain": {"kind": "pretrain"},
    "by AdamW": {"kind": "pretrain", "settings": {"muon": False}},
    "learn": {"kind": "learn"},
    "distil": {"kind": "distil"},
    "distil graphs": {"kind": "distil", "settings": {"name": "student_graph", "words": SMALL}},
}
DEEPSPEED = {
    "fit 0": ("fit", zero(0)),
    "fit 2": ("fit", zero(2)),
    "fit 3": ("fit", zero(3)),
    "in twos 2": ("in twos", zero(2, offload=True)),
    "in twos 3": ("in twos", zero(3)),
    "pretrain 2": ("pretrain", zero(2)),
    "by AdamW 3": ("by AdamW", zero(3, recompute=True)),
    "learn 3": ("learn", zero(3)),
    "distil 2": ("distil", zero(2)),
    "distil graphs 3": ("distil graphs", zero(3)),
}
PLAIN = {"warmup": 0.0, "cooldown": 0.0, "muon": False}
WHOLE = {"kind": "pretrain", "settings": PLAIN}
HALF = {"kind": "pretrain", "settings": {**PLAIN, "tokens": 256 * 2}}
HALVES = {"torch": {}, "zero 0": zero(0), "zero 2": zero(2), "zero 3": zero(3)}


def near(one, other, weights=NEAR):
    assert np.abs(one[0] - other[0]).max() < weights
    assert len(one[1]) == len(other[1])
    for row, same in zip(one[1], other[1], strict=True):
        pairs = zip(row, same, strict=True)
        if isinstance(row, dict):
            assert row.keys() == same.keys()
            pairs = ((row[key], same[key]) for key in row)
        for value, again in pairs:
            assert value == pytest.approx(again, rel=NEAR, abs=NEAR)


@pytest.fixture(scope="module")
def done(ranked, request, tmp_path_factory):
    """All cases in three starts: on one rank, on two, and what two began on one again."""
    folder = tmp_path_factory.mktemp("halves")
    try:
        request.getfixturevalue("helper")
        cut = {k: {**TORCH[of], "how": how} for k, (of, how) in DEEPSPEED.items()}
        hows = HALVES
    except pytest.skip.Exception:  # the tests that need it say so
        cut, hows = {}, {"torch": {}}

    def at(case, name, how):
        return {**case, "folder": str(folder / name), "how": how}

    begun = {f"from 1 to {stage}": at(HALF, f"1 to {stage}", {}) for stage in (2, 3)}
    alone = ranked({**TORCH, "whole": WHOLE, **begun}, 1)
    halves = {f"half {name}": at(HALF, name, how) for name, how in hows.items()}
    rest = {f"1 to {n}": at(WHOLE, f"1 to {n}", zero(n)) for n in (2, 3) if cut}
    two = ranked({**TORCH, **cut, **halves, **rest}, 2)
    last = {name: at(WHOLE, name, {}) for name in hows}
    if cut:
        last["zero 3"]["how"] = zero(2)
    return alone, two, {**two, **ranked(last, 1)}


@pytest.mark.parametrize("name", TORCH)
def test_two_ranks_end_where_one_does(done, name):
    near(done[1][name], done[0][name])


@pytest.mark.parametrize("name", DEEPSPEED)
def test_zero_ends_where_torch_does_on_one_rank(helper, done, name):
    # Muon rounds its matrices to bf16, and what is rounded differs in its last digits.
    near(done[1][name], done[0][DEEPSPEED[name][0]], NEAR if name != "pretrain 2" else 2e-3)


# Breaking off and going on


@pytest.mark.parametrize("name", [*HALVES, "1 to 2", "1 to 3"])
def test_a_run_goes_on_with_another_engine_and_number_of_ranks(request, done, name):
    if name != "torch":
        request.getfixturevalue("helper")
    weights, rows = done[0]["whole"]
    near(done[2][name], (weights, rows[1:]))
    assert len(rows) == 3


# A rank that dies


# The other rank would wait two minutes, and then leave word of it.
WAITING = (
    "import os, pathlib, signal, time\n"
    "out = pathlib.Path(os.environ['OUT'])\n"
    "def wait():\n"
    "    (out / 'new').write_text(str(os.getpid()))\n"
    "    (out / 'new').rename(out / 'id')\n"
    "    time.sleep(120)\n"
    "    (out / 'late').touch()\n"
    "def other():\n"
    "    while not (out / 'id').exists(): time.sleep(0.1)\n"
)


def test_a_killed_rank_is_named_and_ends_the_others(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("OUT", str(tmp_path))
    code = "import sys\n" + WAITING + (
        "if os.environ['RANK'] == '0':\n"
        "    sys.stderr.write('50 %')\n"
        "    wait()\n"
        "other()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )  # fmt: skip
    with pytest.raises(ChildProcessError, match=r"rank 1 of 2 was ended by SIGKILL.* last check"):
        spread([sys.executable, "-c", code], 2)
    assert not _runs(_said(tmp_path / "id"))
    assert not (tmp_path / "late").exists()
    assert capfd.readouterr().err == "50 %\n"  # what is said next has a line of its own


def test_a_rank_that_does_not_listen_is_killed_too(tmp_path, monkeypatch):
    monkeypatch.setenv("OUT", str(tmp_path))
    code = WAITING + (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.environ['RANK'] == '1': wait()\n"
        "other()\n"
        "os._exit(3)"
    )
    assert spread([sys.executable, "-c", code], 2) == 3
    assert not _runs(_said(tmp_path / "id"))
    assert not (tmp_path / "late").exists()


def test_ranks_end_when_the_one_that_started_them_is_gone(tmp_path):
    rank = (
        "import os, time, pathlib\n"
        "from protgraph.train.launch import follow_launcher\n"
        "follow_launcher()\n"
        "pathlib.Path(os.environ['OUT'], os.environ['RANK']).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    start = "import sys; from protgraph.train.launch import spread; spread(sys.argv[1:], 2)"
    command = [sys.executable, "-c", start, sys.executable, "-c", rank]
    with subprocess.Popen(command, env={**os.environ, "OUT": str(tmp_path)}) as launcher:
        ids = [_said(tmp_path / str(rank)) for rank in range(2)]
        launcher.send_signal(signal.SIGKILL)
    for own in ids:
        _until(lambda own=own: not _runs(own))


def _said(path: Path) -> int:
    _until(lambda: path.is_file() and path.read_text())
    return int(path.read_text())


def _runs(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def _until(holds) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("waited for two minutes")
