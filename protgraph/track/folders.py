"""Models that MLflow keeps and names, but does not serve."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from protgraph.track.logged import MODEL, begun
from protgraph.track.record import RECORD, Record
from protgraph.track.runs import Run


def keep(run: Run, folder: Path, *, task: str, record: Record) -> None:
    """Keep a folder as a run's model, so that the run can be registered.

    Parameters
    ----------
    run : Run
        That has no model yet.
    folder : Path
        With `config.json` and `model.safetensors`, such as that of a language model.
    task : str
        What it was trained for; the registry shows it.
    record : Record
        What a version of the model will carry.
    """
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModelOutput

    client = MlflowClient()
    made = begun(run.id, folder, record, task=task, thresholds="{}")
    with tempfile.TemporaryDirectory() as beside:
        # Where `registry.folder` looks, as in a pyfunc.
        kept = Path(beside, "artifacts", RECORD)
        kept.mkdir(parents=True)
        shutil.copytree(folder, kept.parent / MODEL)
        record.write(kept)
        client.log_model_artifacts(made.model_id, beside)
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run.id, [LoggedModelOutput(made.model_id, 0)])
