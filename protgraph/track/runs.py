"""Remembering runs: what was asked, of which data and code, and what came of it, in MLflow.

Where runs go is MLflow's own affair: to `MLFLOW_TRACKING_URI`, else to where `mlflow ui`, started
in the same folder, looks for them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from protgraph.track import logged
from protgraph.track.logged import MODEL as MODEL
from protgraph.track.provenance import commit, environment
from protgraph.track.record import Record

if TYPE_CHECKING:
    from pandas import DataFrame

PROVENANCE = ("recipe", "data", "split")
"""Tags that every run has: digests of what it did, of the labels, and of how they were split."""

# MLflow would draw a bar over ours for every artefact that it copies.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

_LONGEST = 250  # characters of a key: mlflow.utils.validation.MAX_ENTITY_KEY_LENGTH


@dataclass(frozen=True, eq=False)
class Run:
    """A run that is being written; `start` makes one, and a `with` block ends it.

    Leaving the block marks the run FINISHED; an error marks it FAILED, and Ctrl-C KILLED. A
    process that is killed leaves it RUNNING: nothing ends a run but the block.

    Parameters
    ----------
    id : str
        MLflow's.
    name : str
    """

    id: str
    name: str
    _seen: set[str] = field(default_factory=set, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        from mlflow import MlflowClient

        failed = "KILLED" if kind is KeyboardInterrupt else "FAILED"
        MlflowClient().set_terminated(self.id, failed if kind else "FINISHED")

    def log(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """Remember the numbers of an epoch; those that are not finite are left out.

        Parameters
        ----------
        epoch : int
        numbers : mapping
            What MLflow does not allow in a name becomes "_", and a name ends after 250 characters.

        Raises
        ------
        ValueError
            Where two names become the same.
        """
        from mlflow import log_metrics

        kept = self._finite(numbers)
        self._seen.update(kept)
        log_metrics(kept, step=epoch, run_id=self.id)

    def final(self, numbers: Mapping[str, float]) -> None:
        """Remember the numbers that the run ends with, such as test scores; as `log`.

        Raises
        ------
        ValueError
            Also where an epoch had a number of that name, which MLflow would show instead.
        """
        from mlflow import log_metrics

        kept = self._finite(numbers)
        twice = sorted(self._seen & set(kept))
        if twice:
            raise ValueError(
                f"{self.name}: a final number has a name that no epoch's has, got {twice[0]!r}."
            )
        log_metrics(kept, run_id=self.id)

    def _finite(self, numbers: Mapping[str, float]) -> dict[str, float]:
        kept = _keyed(self.name, numbers)
        return {key: float(number) for key, number in kept.items() if math.isfinite(number)}

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep a table as the artefact `<name>.csv`, which MLflow shows; it replaces an older one.

        Parameters
        ----------
        name : str
            Letters, digits, ".", "_" and "-".
        rows : sequence of mapping
            All with the same columns.

        Raises
        ------
        ValueError
            For another name, no row, or a row with other columns.
        """
        from mlflow import MlflowClient
        from pandas import DataFrame

        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError(f"{self.name}: a table is named like a file, got {name!r}.")
        if not rows:
            raise ValueError(f"{self.name}: table {name} has no row.")
        for i, row in enumerate(rows):
            if row.keys() != rows[0].keys():
                raise ValueError(
                    f"{self.name}: table {name} has the columns {list(rows[0])}, "
                    f"but row {i} has {list(row)}."
                )
        text = DataFrame(list(rows)).to_csv(index=False, lineterminator="\n")
        MlflowClient().log_text(self.id, text, f"{name}.csv")

    def files(self, path: str | Path) -> None:
        """Keep a file, or a folder with all that is in it, under its own name.

        Raises
        ------
        FileNotFoundError
            Where there is nothing at the path.
        """
        from mlflow import MlflowClient

        if not Path(path).exists():
            raise FileNotFoundError(f"{path}: no such file or folder to keep with {self.name}.")
        MlflowClient().log_artifact(self.id, str(path))

    def model(
        self, folder: Path, code: Path, *, record: Record, example: DataFrame, signature: Any,
        task: str = "",
    ) -> str:  # fmt: skip
        """Keep the run's model in the form that MLflow serves, once.

        Parameters
        ----------
        folder : Path
            What `models.saved.load` reads. Only the two files of a model are taken, whatever else
            lies there; of a language model, which has a `task`, all files.
        code : Path
            The file that defines the pyfunc (models-from-code): nothing is pickled.
        record : Record
            What a version of the model will carry.
        example : DataFrame
            An input that the model answers.
        signature : mlflow.models.ModelSignature
            Types of its inputs and outputs.
        task : str
            What a language model was trained for; other models say it themselves.

        Returns
        -------
        uri : str
            "models:/m-...", which MLflow loads.

        Raises
        ------
        FileNotFoundError, ValueError
            Where the folder holds no model that can be read, or the run already has one.
        """
        if MODEL in self._seen:
            raise ValueError(f"{self.name}: a run has one model, got {folder} as a second one.")
        uri = logged.served(
            self.id, folder, code, record=record, example=example, signature=signature, task=task
        )
        self._seen.add(MODEL)
        return uri


def start(experiment: str, name: str, *, params: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    """Open a run; use it in a `with` block.

    Parameters
    ----------
    experiment : str
        Made if it is not there.
    name : str
        Names need not differ, but only a name that does can stand for the run later.
    params : mapping
        All settings, such as a recipe.
    tags : mapping
        All of `PROVENANCE`; and `monitor`, the name of the final number that is the score of the
        run's model, if it has one. The commit of the folder and the environment are added.

    Returns
    -------
    run : Run

    Raises
    ------
    ValueError
        Where a name is empty, a tag is missing, or the experiment was deleted.

    Examples
    --------
    >>> start("zinc-site", "egnn", params={}, tags={"recipe": "0a1b", "data": "2c3d"})
    Traceback (most recent call last):
    ValueError: egnn: a run has the tags recipe, data, split, got no split.
    """
    if not experiment.strip() or not name.strip():
        raise ValueError(f"A run and its experiment have names, got {name!r} in {experiment!r}.")
    for tag in PROVENANCE:
        if not tags.get(tag):
            raise ValueError(f"{name}: a run has the tags {', '.join(PROVENANCE)}, got no {tag}.")
    kept = _keyed(name, params)
    from mlflow import MlflowClient, log_params

    client = MlflowClient()
    all_tags = {**tags, **commit(Path.cwd())}
    made = client.create_run(_experiment(experiment), run_name=name, tags=all_tags)
    run = Run(made.info.run_id, name)
    try:
        client.log_dict(run.id, environment(), "environment.json")
        log_params(kept, run_id=run.id)
    except BaseException:
        client.set_terminated(run.id, "FAILED")
        raise
    return run


def _experiment(name: str) -> str:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:  # another process was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise ValueError(f"{name}: this experiment was deleted; restore it or take another name.")
    return str(found.experiment_id)


def _keyed(run: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give keys the form that MLflow allows, on every system that it runs on."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        clean = re.sub(r"[^\w. -]", "_", key)[:_LONGEST]
        if clean in kept:
            raise ValueError(f"{run}: {key!r} and another name both become {clean!r} in MLflow.")
        kept[clean] = value
    return kept
