"""Teacher, student and the student of labels alone on one test side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from protgraph.data.dataset import Example
from protgraph.data.leakage import BINS, leakage
from protgraph.distilling.distil import model_of
from protgraph.distilling.tuition import Tuition
from protgraph.models.model import Config
from protgraph.models.saved import load
from protgraph.predict import alone as reads_letters
from protgraph.running.cells import Cell
from protgraph.running.decide import decide
from protgraph.running.evaluate import Scored, centred, columns, reliability, sided
from protgraph.running.learned import Learned
from protgraph.structure.protein import Floats
from protgraph.tasks import statistics
from protgraph.tasks.labels import Metric, Undefined
from protgraph.tasks.metrics import spearman
from protgraph.tasks.probability import applied
from protgraph.tasks.statistics import Interval, closed

if TYPE_CHECKING:
    from protgraph.models.student import StudentConfig

LARGEST = 1_000_000
"""Pairs of a training and a test protein up to which nearest neighbours are looked for."""


class Side(NamedTuple):
    """What one of the three says of the test side.

    Parameters
    ----------
    raw : Scored
        As it was trained to score: what is measured.
    final : Scored or None
        Calibrated; None where `raw` was stretched for the metric.
    thresholds : tuple of float
        Of `final`.
    reliability : mapping
        Of `evaluate.reliability`.
    needs : {"structure", "sequence"}
    """

    raw: Scored
    final: Scored | None
    thresholds: tuple[float, ...]
    reliability: Mapping[str, Mapping[str, float]]
    needs: str


def taught(course: Tuition) -> Side:
    """Score the test side by all teachers together, calibrated on validation.

    Parameters
    ----------
    course : Tuition

    Returns
    -------
    side : Side
        Of the mean of their probabilities (`teach.voted`): what the student was taught.
    """
    first = course.models[0]

    def score(examples: Sequence[Example]) -> list[Floats]:
        said = course.say([e.protein for e in examples])
        logits = [torch.from_numpy(np.atleast_2d(said[i].logits)) for i in range(len(examples))]
        rows = [first.bounded(one).numpy() for one in logits]
        return rows if course.task.level == "residue" else [one[0] for one in rows]

    learned = Learned(score, None, None, 0)
    valid, test = (sided(course.task, learned, course.data, side) for side in ("valid", "test"))
    decision = decide(course.task, valid)
    final = decision.calibrated(test)
    told = reliability(course.task, test, final)
    rest = decision.thresholds, told, needs(*(model.config for model in course.models))
    if "micro_f1" in course.task.metrics:
        return Side(centred(valid, test)[1], None, *rest)
    return Side(test, final, *rest)


def cell_side(course: Tuition, cell: Cell) -> Side:
    """Read what a kept student says of the test side.

    Parameters
    ----------
    course : Tuition
    cell : Cell
        Of `distil.student` or `distil.alone`.
    """
    config = load(model_of(cell)).config
    told = {key: cell.summary[key] for key in ("ece", "brier") if key in cell.summary}
    if "micro_f1" in course.task.metrics:
        return Side(cell.test, None, config.thresholds, told, needs(config))
    scores = applied(config.calibration, cell.test.scores)
    final = Scored(cell.test.y, scores, cell.test.protein, cell.test.families)
    return Side(cell.test, final, config.thresholds, told, needs(config))


def needs(*configs: Config | StudentConfig) -> str:
    """Say what models that answer together need: "structure", or "sequence" alone.

    Examples
    --------
    >>> from dataclasses import replace
    >>> letters = Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0)
    >>> needs(letters), needs(letters, replace(letters, encoder="gcn"))
    ('sequence', 'structure')
    """
    return "sequence" if all(map(reads_letters, configs)) else "structure"


def _stack(side: Side) -> Floats:
    return columns(side.raw)[1][None]


def rows_of(course: Tuition, sides: Mapping[str, Side]) -> list[dict[str, Any]]:
    """Set the three beside each other.

    Returns
    -------
    rows : list of dict
        Model, what it needs, the test value with its interval by family, the share of the
        teacher's that is kept, calibration error and Brier score after calibration.
    """
    task = course.task
    metric = task.metrics[task.monitor]
    y, families = columns(sides["teacher"].raw)[0], sides["teacher"].raw.families
    rows = []
    for kind, side in sides.items():
        row: dict[str, Any] = {
            "model": kind,
            "needs": side.needs,
            f"test {task.monitor}": statistics.bootstrap(metric, y, _stack(side), families),
            "kept": "",
        }
        if kind != "teacher":
            ends = None, _stack(sides["teacher"])
            row["kept"] = way(metric, y, _stack(side), ends, families)
        for key in ("ece", "brier"):
            row[key] = f"{side.reliability[key]['calibrated']:.4f}" if side.reliability else ""
        rows.append(row)
    return rows


def way(
    metric: Metric,
    y: npt.ArrayLike,
    own: npt.ArrayLike,
    ends: tuple[npt.ArrayLike | None, npt.ArrayLike],
    families: npt.ArrayLike,
) -> Interval | str:
    """Say how much of a way is closed, or why there is none to go.

    Parameters
    ----------
    metric, y, own, ends, families
        As `statistics.closed`.

    Examples
    --------
    >>> from protgraph.tasks.metrics import accuracy
    >>> one, other = [[[1, 0], [0, 1]]], [[[0, 1], [0, 1]]]
    >>> way(accuracy, [0, 1], one, (one, other), ["a", "b"])
    'none: the high end lies above the low one, but here it does not.'
    """
    try:
        return closed(metric, y, own, ends, families)
    except Undefined as error:
        return f"none: {str(error).removeprefix('closed: ')}"


def gaps(course: Tuition, sides: Mapping[str, Side]) -> dict[str, Any]:
    """Say how much of the gap the student has closed, and what it gains over labels alone.

    Parameters
    ----------
    course : Tuition
    sides : mapping
        "teacher", "student" and "labels alone", in this order.

    Returns
    -------
    numbers : dict
        "closed", as `statistics.closed` or why there is none, and "gain", paired.
    """
    metric = course.task.metrics[course.task.monitor]
    teacher, own, hard = (_stack(side) for side in sides.values())
    y, families = columns(sides["teacher"].raw)[0], sides["teacher"].raw.families
    return {
        "closed": way(metric, y, own, (hard, teacher), families),
        "gain": statistics.paired(metric, y, own, hard, families),
    }


def agreement(course: Tuition, sides: Mapping[str, Side]) -> dict[str, float | None]:
    """Say how far the student agrees with its teacher.

    Returns
    -------
    numbers : dict
        "spearman" of the scores over all items and outputs, and "equal", the share of equal calls,
        each at its own thresholds; None where there is no such number.
    """
    teacher, own = sides["teacher"], sides["student"]
    try:
        alike: float | None = float(spearman(teacher.raw.scores.ravel(), own.raw.scores.ravel()))
    except Undefined:
        alike = None
    if course.task.value or teacher.final is None or own.final is None:
        return {"spearman": alike, "equal": None}
    if course.task.exclusive:
        calls = [side.raw.scores.argmax(axis=1) for side in (teacher, own)]
    else:
        sides_of = ((teacher.final, teacher.thresholds), (own.final, own.thresholds))
        calls = [one.scores >= np.array(values, np.float32) for one, values in sides_of]
    return {"spearman": alike, "equal": float((calls[0] == calls[1]).mean())}


def near(course: Tuition, sides: Mapping[str, Side]) -> list[dict[str, Any]] | str:
    """Score the test side by the identity of the nearest labelled training protein.

    Returns
    -------
    rows : list of dict, or str
        A row a bin of `data.leakage`, with its labelled proteins; a model's number is "" where the
        bin allows none. Why there are no rows, where alignments would take long.
    """
    train, test = course.data.side("train"), course.data.whole("test")
    if len(train) * len(test) > LARGEST:
        return f"left out, for {len(train)} by {len(test)} proteins take long to align."
    both = ([(e.protein.name, e.protein.sequence) for e in part] for part in (train, test))
    bins = leakage(*both).bins()
    metric, raw = course.task.metrics[course.task.monitor], sides["teacher"].raw
    labelled = ~np.isnan(raw.y).all(axis=1)
    rows = []
    for name in BINS:
        here = bins[raw.protein] == name
        known = len(np.unique(raw.protein[here & labelled]))
        row: dict[str, Any] = {"identity, %": name, "proteins": known}
        for kind, side in sides.items():
            y, scores = columns(side.raw)
            try:
                row[kind] = float(metric(y[here], scores[here]))
            except Undefined:
                row[kind] = ""
        rows.append(row)
    return rows
