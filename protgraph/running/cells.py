"""Cells of a comparison: a model at a seed, kept once computed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from protgraph import recipe
from protgraph.data.dataset import Dataset, Pairs
from protgraph.running import evaluate
from protgraph.running.evaluate import Scored, columns
from protgraph.running.keeping import TEST
from protgraph.running.question import question
from protgraph.running.run import Result, execute, place_of
from protgraph.tasks import calibration
from protgraph.tasks.task import Task
from protgraph.train.ranks import told, wait


@dataclass(frozen=True, eq=False)
class Cell:
    """One model at one seed: its summary and the test side as it scored it."""

    summary: Mapping[str, Any]
    test: Scored = field(repr=False)
    threshold: float
    """Best F1 on validation; NaN for a task without one."""


def cell(config: str, seed: int, folder: Path, *, overrides: Sequence[str] = ()) -> Cell:
    """Train and test a recipe at a seed, or read what an earlier call kept in the folder.

    Parameters
    ----------
    config : str
        As `recipe.load`.
    seed : int
    folder : path
    overrides : sequence of str
    """
    settings, name = recipe.load(config, [*overrides, f"seed={seed}"])
    return kept(settings, name, folder)


def kept(settings: recipe.Recipe, name: str, folder: Path) -> Cell:
    """Train and test a recipe, or read what an earlier call kept in the folder.

    Parameters
    ----------
    settings : Recipe
    name : str
        What the run is called.
    folder : path
    """

    def make() -> tuple[Task, Result]:
        task, data = loaded(settings)
        return task, execute(settings, task, data, name=name, folder=folder)

    return found_or_made(place_of(settings, name, folder), make)


def found_or_made(place: Path, make: Callable[[], tuple[Task, Result] | None]) -> Cell:
    """Read the cell that a folder keeps; where it has none, make and keep it.

    Parameters
    ----------
    place : path
        The cell's own folder.
    make : callable
        Trains and tests, and leaves its files and `test.npz` in that folder; None on a rank that
        follows.
    """
    if told((place / "cell.json").is_file()):
        return read(place)
    made = make()
    if made is not None:
        task, found = made
        best = calibration.threshold(*columns(found.valid)) if task.binary else float("nan")
        _write(place / "cell.json", json.dumps({"summary": found.summary, "best": best}))
    wait()
    return read(place)


def read(place: Path) -> Cell:
    """Read the cell that a folder keeps, wherever the folder was when it was made."""
    stored = json.loads((place / "cell.json").read_text())
    summary = {**stored["summary"], "folder": str(place)}
    return Cell(summary, evaluate.load(place / TEST), stored["best"])


def _write(path: Path, text: str) -> None:
    """Write whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        made = Path(beside, path.name)
        made.write_text(text)
        made.replace(path)


_LOADED: dict[tuple[Any, ...], tuple[Task, Dataset | Pairs]] = {}


def loaded(settings: recipe.Recipe) -> tuple[Task, Dataset | Pairs]:
    """Load the question of a recipe, once a process."""
    keys = {key: value for key, value in settings.part("data").items() if key != "batch"}
    asked = (settings["task"], *sorted(keys.items()))
    if asked not in _LOADED:
        _LOADED[asked] = question(settings)
    return _LOADED[asked]


def stacked(seeds: Sequence[Scored]) -> npt.NDArray[np.float32]:
    """Scores of a model's seeds on the same items: [S, N] or [S, N, C].

    Raises
    ------
    ValueError
        Where the seeds were not scored on the same items.
    """
    first = seeds[0]
    for other in seeds[1:]:
        if not np.array_equal(first.y, other.y, equal_nan=True):
            raise ValueError("Seeds are compared on the same items; these have other labels.")
    return np.stack([columns(seed)[1] for seed in seeds])
