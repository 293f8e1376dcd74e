"""Remembering an evaluation of registered models, beside the runs that made them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protgraph.track import runs
from protgraph.track.names import Version


def remember(asked: Version, facts: Mapping[str, Any], page: str, plot: bytes) -> str:
    """Log an evaluation as a run of the experiment of a version's run.

    Parameters
    ----------
    asked : Version
        The one that the others are compared with.
    facts : mapping
        "model", "dataset", "monitor", "data", "split" and the "rows", each with "version", "model",
        "split", and under the monitor the value with its interval.
    page : str
        Markdown.
    plot : bytes
        PNG.

    Returns
    -------
    run : str
        Id. Every value is also a metric of the logged model that it is of, on the data set.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    held = client.get_experiment(client.get_run(asked.run).info.experiment_id)
    monitor, rows = facts["monitor"], facts["rows"]
    tags = {"recipe": asked.tags["recipe"], "data": facts["data"], "split": facts["split"]}
    name = f"evaluate {facts['model']} on {facts['dataset']}"
    with runs.start(held.name, name, params={"evaluated": asked.uri}, tags=tags) as run:
        for row in rows:
            value = row[monitor][0]
            run.final({f"version_{row['version']}_{monitor}": value})
            client.log_metric(
                run.id, monitor, value, dataset_name=facts["dataset"],
                dataset_digest=facts["data"], model_id=row["model"],
            )  # fmt: skip
        kept = [
            {"version": row["version"], "value": value, "low": low, "high": high,
             "split": row["split"]}
            for row in rows for value, low, high in [row[monitor]]
        ]  # fmt: skip
        run.table("versions", kept)
        with tempfile.TemporaryDirectory() as folder:
            for file, content in {"evaluation.md": page.encode(), "versions.png": plot}.items():
                Path(folder, file).write_bytes(content)
                run.files(Path(folder, file))
    return run.id
