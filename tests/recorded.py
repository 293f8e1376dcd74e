"""Records and runs for models of random weights that no run has measured."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from protgraph.models.model import Config, Model
from protgraph.running.evaluate import Scored
from protgraph.track import folders, runs
from protgraph.track.record import Record

TAGS = {"recipe": "0a", "data": "1b", "split": "2c", "monitor": "auprc"}

Y = np.tile([0.0, 1.0], 20)[:, None]
"""Labels of forty items, of which two make a family."""


def record(scores=None, *, teachers=(), card="# Card\n") -> Record:
    """A record with a test side, on which a model says what it is given."""
    said = np.full(Y.shape, 0.5) if scores is None else np.asarray(scores).reshape(Y.shape)
    families = np.repeat([f"f{i}" for i in range(20)], 2)
    path = Path(tempfile.mkdtemp(), "test.npz")
    Scored(Y, said.astype(np.float32), np.arange(40), families).save(path)
    return Record({"task": "demo"}, {"name": "one"}, "# Report\n", card, path, teachers)


def logged(folder, name, scores=None, *, seed=0, teachers=(), card="# Card\n", **changed):
    """A run with a model of random weights, which MLflow keeps and does not serve: quick."""
    import torch

    torch.manual_seed(seed)
    config = Config("demo", "protein", ("fit",), "cnn", 21, 0, 0, width=4, layers=1)
    random = Model(config).save(folder / f"random-{name}")
    with runs.start("demo", name, params={}, tags=TAGS | changed) as run:
        told = record(scores, teachers=teachers, card=card)
        folders.keep(run, random, task="demo", record=told)
        run.final({"auprc": 0.5})
    return run
