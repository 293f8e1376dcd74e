"""One training loop, several engines: time of a step, memory of a rank, and the same losses.

A smoke run trains a small network for a few steps; `PROTGRAPH_BENCHMARK=full` trains the shape of
`pretrain/mini`. The text is made up: its letters are not what takes time. `pytest
benchmarks/test_engines.py -s` shows the table, `RESULTS.md` keeps it. Every case is `protgraph run`
in processes of its own, as a user starts it.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
CASES = {
    "torch": ["engine=torch"],
    "ZeRO 0": ["engine=deepspeed", "zero=0"],
    "ZeRO 2": ["engine=deepspeed", "zero=2"],
    "ZeRO 3": ["engine=deepspeed", "zero=3"],
}
EVERY = 5
STEPS = 3 * EVERY if FULL else 2 * EVERY
SMALL = ["pretrain.width=32", "pretrain.layers=2", "pretrain.batch=2048", "pretrain.micro=1024"]


class Measured(NamedTuple):
    """What a run said of itself."""

    seconds: float
    megabytes: float
    losses: list[float]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A folder with a pretraining set of its own, as long as the natural one's proteins."""
    (tmp_path / "pretrain").mkdir()
    generator = np.random.default_rng(0)
    for name, count in (("train_0", 3000 if FULL else 200), ("valid", 20)):
        with lzma.open(tmp_path / "pretrain" / f"{name}.tsv.xz", "wt") as file:
            for i, length in enumerate(generator.integers(100, 600, count)):
                protein = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), length))
                file.write(f"made up\t{name}-{i}\t{protein}\n")
    return tmp_path


def trained(words: list[str], ranks: int, folder: Path) -> Measured:
    """Train in a process of its own; seconds a step are the median window but the first."""
    import mlflow

    folder.mkdir()
    store = f"sqlite:///{folder / 'runs.db'}"
    batch = 16384 if FULL else 2048
    own = [f"pretrain.tokens={batch * STEPS}", f"pretrain.every={EVERY}"]
    own += [*([] if FULL else SMALL), *words, f"ranks={ranks}"]
    command = [sys.executable, "-m", "protgraph", "run", "pretrain/mini", *own, "--folder", "runs"]
    measure = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    environment = {
        **os.environ, "MLFLOW_TRACKING_URI": store, "OMP_NUM_THREADS": "1",
        "PROTGRAPH_DATA": str(folder.parent),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", measure, *command], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    told = {
        key: [point.value for point in sorted(client.get_metric_history(run.info.run_id, key),
                                              key=lambda point: point.step)]
        for key in ("tokens_per_second", "loss")
    }  # fmt: skip
    speed = float(np.median(told["tokens_per_second"][1:]))
    return Measured(batch / speed, int(done.stdout) / 1024, told["loss"])


def laid(rows: Mapping[tuple[str, int], Measured]) -> str:
    """The table of RESULTS.md."""
    base = rows["torch", 1]
    lines = ["| engine | ranks | ms a step | against torch, 1 rank | MB, largest rank |"]
    lines.append("|---|---|---|---|---|")
    for (engine, ranks), own in rows.items():
        ratio = f"{base.seconds / own.seconds:.2f} x"
        time = f"{1e3 * own.seconds:.0f}"
        lines.append(f"| {engine} | {ranks} | {time} | {ratio} | {own.megabytes:.0f} |")
    return "\n".join(lines)


def test_every_engine_takes_the_same_steps(text, capsys):
    rows = {}
    for name, words in CASES.items() if FULL else list(CASES.items())[::2]:
        for ranks in (1, 2):
            place = text / f"{name} {ranks}"
            rows[name, ranks] = trained(words, ranks, place)
    with capsys.disabled():
        print(f"\n{laid(rows)}\n")
    base = rows["torch", 1].losses
    for (name, ranks), own in rows.items():
        # In bf16 the order of sums tells: fp32 is compared to 1e-4 in the tests.
        assert own.losses == pytest.approx(base, rel=5e-3), (name, ranks)
