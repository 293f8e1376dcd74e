"""What validation decides once training is done: what scores mean, and where to call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from protgraph.data.dataset import Dataset, Pairs
from protgraph.recipe import Recipe
from protgraph.running.evaluate import Scored, called, columns, sided
from protgraph.running.learn import learn
from protgraph.running.learned import Learned
from protgraph.tasks import calibration, probability
from protgraph.tasks import thresholds as promises
from protgraph.tasks.labels import Undefined
from protgraph.tasks.task import Task

QUIET = 0.10
"""Largest share of validation chains without a label on which a site model may fire."""

Log = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Decision:
    """What follows from the validation side of a trained model, as plain JSON.

    Parameters
    ----------
    calibration : mapping
        For `probability.applied`; empty where there is none.
    reason : str
        Why there is none; "" where there is one.
    thresholds : tuple of float
        One an output, on the calibrated scores; none for classes and quantities.
    expected : mapping
        Output, or "all outputs" where they share a threshold, -> {"precision": [value, low, high],
        "recall": the same}, or {"unknown": reason}.
    """

    calibration: Mapping[str, Any]
    reason: str
    thresholds: tuple[float, ...]
    expected: Mapping[str, Mapping[str, Any]]

    def calibrated(self, side: Scored) -> Scored:
        """Make probabilities of the scores of a side."""
        return replace(side, scores=probability.applied(self.calibration, side.scores))

    @property
    def scale(self) -> str:
        """What scores are after it, and why where they are not calibrated."""
        said = probability.scale(self.calibration)
        return f"{said}: {self.reason}" if self.reason else said


class Settled(NamedTuple):
    """A trained model, what it says of validation (as trained), what follows, seconds of training.

    Examples
    --------
    >>> Settled._fields
    ('learned', 'valid', 'decision', 'seconds')
    """

    learned: Learned
    valid: Scored
    decision: Decision
    seconds: float


def settle(
    recipe: Recipe,
    task: Task,
    data: Dataset | Pairs,
    *,
    folder: Path | None = None,
    log: Log | None = None,
) -> Settled:
    """Train on the training side, decide on the validation side; the test side is not looked at.

    Parameters
    ----------
    recipe, task, data, folder, log
        As `learn`.

    Raises
    ------
    ValueError
        Before training, where validation has not both classes of an output that needs a threshold.
    """
    answerable(task, data, "valid")
    began = time.perf_counter()
    learned = learn(recipe, task, data, folder=folder, log=log)
    seconds = time.perf_counter() - began
    valid = sided(task, learned, data, "valid")
    return Settled(learned, valid, decide(task, valid), seconds)


def answerable(task: Task, data: Dataset | Pairs, side: str) -> None:
    """Refuse a side on which nothing could be measured or decided, before any training.

    Parameters
    ----------
    task : Task
    data : Dataset or Pairs
    side : str
        "valid", where each output that has a threshold needs both classes, or "test", where one
        at least needs them.

    Raises
    ------
    ValueError
        Naming the side, the output and the class that is there. Classes that exclude each other
        and quantities are not asked.
    """
    if task.exclusive or task.value:
        return
    if isinstance(data, Pairs):
        y = data.y[data.side(side)]
    else:
        y = np.concatenate([np.atleast_2d(e.y) for e in data.side(side)])
    apart = task.level == "residue" and side == "valid"
    name = task.outputs[0] if len(task.outputs) == 1 else "its outputs"
    asked = zip(task.outputs, y.T, strict=True) if apart else [(name, y.ravel())]
    for output, column in asked:
        there = np.unique(column[~np.isnan(column)])
        if len(there) < 2:
            raise ValueError(
                f"{data.name}: the {side} side needs both classes of {output}, "
                f"got {' '.join(f'{one:g}' for one in there) or 'no label'} alone."
            )


def decide(task: Task, valid: Scored) -> Decision:
    """Calibrate, then choose thresholds on the calibrated scores.

    Parameters
    ----------
    task : Task
    valid : Scored
        The validation side, as the model was trained to score it.

    Raises
    ------
    ValueError
        Where a score is no probability, though the task's outputs are no quantities; or validation
        has not both classes of an output that needs a threshold.
    """
    fitted, reason = _calibration(task, valid)
    undecided = Decision(fitted, reason, (), {})
    there = undecided.calibrated(valid)
    stored = thresholds(task, there)
    return replace(undecided, thresholds=stored, expected=_expected(task, there, stored))


def thresholds(task: Task, valid: Scored) -> tuple[float, ...]:
    """Choose thresholds on the validation side: one an output, none for classes and quantities.

    Of residues the best F1, or, where that is stricter, the score that at most 10 % of the chains
    without a label for the output reach anywhere. Of proteins and pairs, whose outputs validation
    may not all have, one threshold for all: the best F1 of all of them together.
    """
    if task.exclusive or task.value:
        return ()
    if task.level != "residue":
        common = calibration.threshold(valid.y.ravel(), valid.scores.ravel())
        return (common,) * len(task.outputs)
    chosen = []
    for output in range(len(task.outputs)):
        y, said = valid.y[:, output], valid.scores[:, output]
        rest = valid.unlabelled(output)
        chosen.append(
            calibration.site_threshold(y, said, rest, QUIET)
            if rest
            else calibration.threshold(y, said)
        )
    return tuple(chosen)


def _calibration(task: Task, valid: Scored) -> tuple[Mapping[str, Any], str]:
    """What is fitted, or why nothing is."""
    if task.value:
        return {}, "the outputs are quantities"
    try:
        return probability.fitted(task, valid.y, valid.scores), ""
    except Undefined as error:
        return {}, str(error)


def _expected(task: Task, valid: Scored, stored: tuple[float, ...]) -> dict[str, Mapping[str, Any]]:
    """Precision and recall on validation, with intervals by family where there can be any."""
    made: dict[str, Mapping[str, Any]] = {}
    for name, value, one in called(task, valid, stored):
        try:
            own = promises.expected(*columns(one), one.families, value)
        except ValueError as error:  # too few families, or too few of them with a call
            made[name] = {"unknown": str(error)}
        else:
            made[name] = {"precision": list(own.precision), "recall": list(own.recall)}
    return made
