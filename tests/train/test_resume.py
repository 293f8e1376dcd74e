"""Stopping, repeating, breaking off and going on: none of it changes the numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small import items, network, numbers, trained, weights
from torch import nn

from protgraph.train.checkpoint import CHECKPOINT

# Early stopping


def test_the_best_epoch_is_kept_and_training_stops_after_patience():
    heights = [0.1, 0.5, 0.9, 0.3, 0.9, 0.2, 1.0]
    model, seen = network(), []

    def evaluate():
        assert not model.training
        seen.append(weights(model))
        return heights[len(seen) - 1], {"height": heights[len(seen) - 1]}

    history = trained(model, [items(8, 0)], evaluate=evaluate, epochs=7, patience=3)
    assert history.best == 2
    assert [row["height"] for row in history.rows] == heights[:6]  # a tie is no improvement
    assert torch.equal(weights(model), seen[2])
    assert not torch.equal(seen[2], seen[5])
    assert not model.training


def test_training_never_goes_beyond_its_epochs():
    history = trained(network(), [items(8, 0)], epochs=3, patience=50)
    assert len(history.rows) == 3
    assert set(history.rows[0]) == {"loss", "accuracy", "seconds"}


def test_every_epoch_is_told_with_its_numbers():
    told = []
    history = trained(
        network(), [items(8, 0)], log=lambda epoch, row: told.append((epoch, dict(row)))
    )
    assert told == [(epoch, dict(row)) for epoch, row in enumerate(history.rows)]


# Seeds


def test_one_seed_gives_one_result_and_two_seeds_two():
    results = {}
    for run, seed in (("one", 1), ("again", 1), ("two", 2)):
        model = network(dropout=0.5)
        history = trained(model, [items(30, 0)], seed=seed)
        results[run] = weights(model), numbers(history)
    assert torch.equal(results["one"][0], results["again"][0])
    assert results["one"][1] == results["again"][1]
    assert not torch.equal(results["one"][0], results["two"][0])


def test_what_was_drawn_before_training_does_not_matter():
    one, two = network(dropout=0.5), network(dropout=0.5)
    trained(one, [items(30, 0)])
    torch.rand(1000)
    trained(two, [items(30, 0)])
    assert torch.equal(weights(one), weights(two))


# Breaking off and going on


def task(folder):
    """A run of six epochs with dropout, batches of their own in each epoch and an early best."""
    model = network(dropout=0.5)

    def batches(epoch):
        return [items(20, 100 * epoch + k) for k in range(4)]

    history = trained(
        model, batches, folder, epochs=6, patience=6, warmup=0.2, rate=0.3, accumulate=2
    )
    return model, history


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    model, history = task(tmp_path_factory.mktemp("whole"))
    assert history.best < 3  # the best epoch, too, must come out of the checkpoint
    return model, history


@pytest.mark.parametrize("moment", ["in an epoch", "in a checkpoint"])
def test_a_killed_run_goes_on_to_the_numbers_of_an_unbroken_one(tmp_path, unbroken, moment):
    killed = subprocess.run(
        [sys.executable, __file__, str(tmp_path), moment], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(torch.load(tmp_path / CHECKPOINT, weights_only=True)["rows"]) == 3
    model, history = task(tmp_path)
    assert numbers(history) == numbers(unbroken[1])
    assert history.best == unbroken[1].best
    assert torch.equal(weights(model), weights(unbroken[0]))


def test_a_finished_run_is_not_trained_again(tmp_path, unbroken):
    task(tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    model, history = task(tmp_path)
    assert torch.equal(weights(model), weights(unbroken[0]))
    assert numbers(history) == numbers(unbroken[1])
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_numbers_of_other_libraries_are_kept_as_plain_ones(tmp_path):
    def evaluate():
        return np.float64(0.5), {"accuracy": np.float32(0.5)}

    for _ in range(2):  # the second reads the checkpoint of the first
        history = trained(network(), [items(4, 0)], folder=tmp_path, evaluate=evaluate, epochs=1)
    assert history.rows[0]["accuracy"] == 0.5


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    trained(network(), [items(4, 0)], folder=tmp_path)
    with pytest.raises(ValueError, match=rf"{tmp_path / CHECKPOINT}: .* other settings, .*0\.05"):
        trained(network(), [items(4, 0)], folder=tmp_path, rate=0.01)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    trained(network(), [items(4, 0)], folder=tmp_path)
    with pytest.raises(ValueError, match=rf"{tmp_path / CHECKPOINT}: .* another model"):
        trained(nn.Sequential(nn.Linear(3, 1)), [items(4, 0)], folder=tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_one_clear_error(tmp_path, kept):
    trained(network(), [items(4, 0)], folder=tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ValueError, match=f"{path}: a damaged checkpoint"):
        trained(network(), [items(4, 0)], folder=tmp_path)


@pytest.mark.parametrize("content", [{}, [1], {"settings": 1}, {"model": Path("x")}], ids=str)
def test_a_file_that_is_no_checkpoint_is_one_clear_error(tmp_path, content):
    torch.save(content, tmp_path / CHECKPOINT)
    with pytest.raises(ValueError, match=str(tmp_path / CHECKPOINT)):
        trained(network(), [items(4, 0)], folder=tmp_path)


def test_a_failing_checkpoint_leaves_the_old_one(tmp_path, monkeypatch):
    save, before = torch.save, []

    def full(content, path):
        if len(content["rows"]) == 2:
            before.append((tmp_path / CHECKPOINT).read_bytes())
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(content, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        trained(network(), [items(4, 0)], folder=tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == before


def _die(moment):
    """Kill this process without warning in the fourth epoch, or halfway into its checkpoint."""
    save, tanh, read = torch.save, nn.Tanh.forward, []

    def half(content, path):
        save(content, path)
        if moment == "in a checkpoint" and len(content["rows"]) == 4:
            Path(path).write_bytes(Path(path).read_bytes()[:300])
            os.kill(os.getpid(), signal.SIGKILL)

    def forward(self, x):
        read.append(self.training)
        if moment == "in an epoch" and sum(read) == 3 * 4 + 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return tanh(self, x)

    torch.save, nn.Tanh.forward = half, forward


if __name__ == "__main__":
    _die(sys.argv[2])
    task(Path(sys.argv[1]))
