"""A run's model in MLflow: its two files, and beside them the record of what it is."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protgraph.models.model import CONFIG, WEIGHTS
from protgraph.models.saved import load
from protgraph.track import record as carried
from protgraph.track.provenance import PACKAGES, pinned
from protgraph.track.record import RECORD, TAGS, Record, weights

if TYPE_CHECKING:
    from pandas import DataFrame

MODEL = "model"
"""What a run's model is called, and the folder of the artefact that holds its two files."""


def served(
    run: str, folder: Path, code: Path, *, record: Record, example: DataFrame, signature: Any,
    task: str = "",
) -> str:  # fmt: skip
    """Log a model in the form that MLflow serves; parameters are those of `runs.Run.model`."""
    import mlflow

    if task:
        files, calls = [path.name for path in folder.iterdir() if path.is_file()], "{}"
    else:
        config = load(folder).config
        task, files = config.task, [CONFIG, WEIGHTS]
        calls = carried.thresholds(config.outputs, config.thresholds)
    with tempfile.TemporaryDirectory() as beside:
        clean, kept = Path(beside, MODEL), Path(beside, RECORD)
        clean.mkdir()
        kept.mkdir()
        for file in files:
            shutil.copyfile(folder / file, clean / file)
        record.write(kept)
        made = begun(run, clean, record, task=task, thresholds=calls)
        # Not mlflow.pyfunc.log_model: it writes to the active run and experiment, and ends the
        # run as FINISHED when the interpreter exits, whatever happened.
        logged = mlflow.models.Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            run_id=run,
            model_id=made.model_id,
            python_model=str(code),
            artifacts={MODEL: str(clean), RECORD: str(kept)},
            input_example=example,
            signature=signature,
            pip_requirements=[pinned(package) for package in PACKAGES],
        )
    return str(logged.model_uri)


def begun(run: str, source: Path, record: Record, *, task: str, thresholds: str) -> Any:
    """Begin a logged model with the tags of its run and its own.

    Parameters
    ----------
    run : str
        Id.
    source : Path
        With the model's two files.
    record : Record
    task, thresholds : str
        Tags of the model.

    Returns
    -------
    model : mlflow.entities.LoggedModel
        Which is not ready until it is finalised.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    held = client.get_run(run)
    tags = {key: held.data.tags[key] for key in TAGS if key in held.data.tags}
    tags |= {"task": task, "thresholds": thresholds, "teachers": json.dumps(record.teachers)}
    tags |= {"weights": weights(source)}
    return client.create_logged_model(held.info.experiment_id, MODEL, run, tags=tags)
