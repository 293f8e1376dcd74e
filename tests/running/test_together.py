"""The command line on two ranks: the same words, the same numbers, and one of them remembers."""

from __future__ import annotations

import json
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from protgraph import cli
from protgraph.recipe import Recipe
from protgraph.train import traps
from protgraph.train.launch import END

KEYS = {
    "task": "masked-lm", "pretrain.width": 16, "pretrain.layers": 1, "pretrain.heads": 2,
    "pretrain.tokens": 256 * 12, "pretrain.batch": 256, "pretrain.micro": 128, "pretrain.crop": 32,
    "pretrain.crop_late": 64, "pretrain.every": 1, "pretrain.precision": "fp32",
}  # fmt: skip
WORDS = ["engine=deepspeed", "zero=2", "ranks=2", "--folder", "runs", "--json"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A small pretraining set, its recipe and an MLflow store, in the current folder."""
    folder = tmp_path_factory.mktemp("together")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("PROTGRAPH_DATA", str(folder))
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    (folder / "pretrain").mkdir()
    generator = np.random.default_rng(0)
    for name, count in (("train_0", 40), ("valid", 10)):
        with lzma.open(folder / "pretrain" / f"{name}.tsv.xz", "wt") as file:
            for i in range(count):
                protein = "".join(generator.choice(list("ACDEFGHIKL"), 50))
                file.write(f"made up\t{name}-{i}\t{protein}\n")
    (folder / "tiny.yaml").write_text("\n".join(f"{key}: {value}" for key, value in KEYS.items()))
    yield folder
    patch.undo()


def summary(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def rank_of(process):
    """Which rank a process is, by what it was told."""
    told = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next((int(own[5:]) for own in told if own.startswith(b"RANK=")), None)


def test_one_rank_needs_no_launcher(place, helper):
    command = [sys.executable, "-m", "protgraph", "run", "tiny.yaml", "engine=deepspeed", "zero=2"]
    alone = {key: value for key, value in os.environ.items() if key != "LOCAL_RANK"}
    done = subprocess.run(
        [*command, "--folder", "single", "--json"], capture_output=True, text=True, check=False,
        env={**alone, "MLFLOW_TRACKING_URI": f"sqlite:///{place}/single.db"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["perplexity"] > 1


def test_a_killed_run_on_two_ranks_goes_on_and_ends_registered(place, helper, capsys):
    import mlflow

    from protgraph.running.promotion import promote
    from protgraph.track.registry import folder, register

    command = [sys.executable, "-m", "protgraph", "run", "tiny.yaml", *WORDS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as launcher:
        while not list(Path("runs").glob("*/checkpoint.pt")):
            assert launcher.poll() is None, launcher.stderr.read()
            time.sleep(0.02)
        ranks = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        (second,) = [int(process) for process in ranks if rank_of(process) == 1]
        os.kill(second, signal.SIGKILL)
        said = launcher.communicate(timeout=END + 60)[1]
    assert launcher.returncode == 2
    assert "error: rank 1 of 2 was ended by SIGKILL" in said
    assert not list(Path("runs").glob("*/result.json"))

    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(again.stdout.splitlines()[-1])
    assert cli.main(["run", "tiny.yaml", "--folder", "alone", "--json"]) == 0
    alone = summary(capsys)
    assert found["perplexity"] == pytest.approx(alone["perplexity"], rel=1e-3)
    assert found["recipe"] == alone["recipe"]
    client, curves = mlflow.MlflowClient(), []
    for run in (found["run"], alone["run"]):
        history = client.get_metric_history(run, "loss")
        curves.append({one.step: one.value for one in history})
    assert len(curves[1]) == 12
    assert 0 < len(curves[0]) < 12  # taken up, not begun anew
    for step, value in curves[0].items():
        assert value == pytest.approx(curves[1][step], rel=1e-4)
    # Two starts on two ranks, and one alone.
    assert len(mlflow.search_runs(search_all_experiments=True)) == 3
    assert register(found["run"], "tiny-lm") == 1
    promote("tiny-lm", 1)
    kept = (folder("tiny-lm@champion") / "model.safetensors").read_bytes()
    assert kept == (Path(found["folder"]) / "model" / "model.safetensors").read_bytes()


def test_a_launcher_that_started_another_number_is_refused(place, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert cli.main(["run", "tiny.yaml", "ranks=2"]) == 2
    assert "error: ranks is 2, but the launcher started 4." in capsys.readouterr().err


def test_what_would_stop_deepspeed_is_said_before_anything_starts(place, monkeypatch, capsys):
    def refuse(device):
        raise ValueError("needs g++, which is not found")

    monkeypatch.setattr(traps, "refuse", refuse)
    assert cli.main(["run", "tiny.yaml", "engine=deepspeed", "ranks=2"]) == 2
    assert "needs g++" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["masked-lm", "zinc-site"])
def test_an_engine_changes_no_digest(task):
    plain = Recipe({"task": task})
    other = {"engine": "deepspeed", "zero": 3, "ranks": 4, "offload": True, "recompute": True}
    assert Recipe({"task": task, **other}).digest == plain.digest
    assert Recipe({"task": task, **other}).how().zero == 3


@pytest.mark.parametrize("task", ["masked-lm", "zinc-site"])
def test_an_engine_that_cannot_be_is_refused_by_the_recipe(task):
    with pytest.raises(ValueError, match="zero is of engine=deepspeed, got 2 with engine=torch"):
        Recipe({"task": task, "zero": 2})
    with pytest.raises(ValueError, match="ranks cannot be 0"):
        Recipe({"task": task, "ranks": 0})
    with pytest.raises(ValueError, match=r"Unknown key zeroo\. Did you mean zero"):
        Recipe({"task": task, "zeroo": 2})
