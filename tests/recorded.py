"""Records and runs for models of random weights that no run has measured."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from protgraph.models.model import Config, Model
from protgraph.running.evaluate import Scored
from protgraph.track import runs
from protgraph.track.logged import MODEL, begun
from protgraph.track.record import RECORD, Record

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


def keep(run, folder, *, task, record):
    """Keep a folder as a run's model in MLflow, which does not serve it: quick."""
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModelOutput

    client = MlflowClient()
    made = begun(run.id, folder, record, task=task, thresholds="{}")
    with tempfile.TemporaryDirectory() as beside:
        kept = Path(beside, "artifacts", RECORD)
        kept.mkdir(parents=True)
        shutil.copytree(folder, kept.parent / MODEL)
        record.write(kept)
        client.log_model_artifacts(made.model_id, beside)
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run.id, [LoggedModelOutput(made.model_id, 0)])


def logged(folder, name, scores=None, *, seed=0, teachers=(), card="# Card\n", **changed):
    """A run with a model of random weights, which MLflow keeps and does not serve: quick."""
    import torch

    torch.manual_seed(seed)
    config = Config("demo", "protein", ("fit",), "cnn", 21, 0, 0, width=4, layers=1)
    random = Model(config).save(folder / f"random-{name}")
    with runs.start("demo", name, params={}, tags=TAGS | changed) as run:
        told = record(scores, teachers=teachers, card=card)
        keep(run, random, task="demo", record=told)
        run.final({"auprc": 0.5})
    return run
