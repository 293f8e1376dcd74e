"""What a model is worth: labels and scores side by side, and the numbers they give."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from protgraph.data.dataset import Dataset, Example, Pairs
from protgraph.data.pairs import CLASSES, classes
from protgraph.running.learned import Learned
from protgraph.structure.protein import Floats
from protgraph.tasks import calibration, metrics, probability
from protgraph.tasks.task import Task

OUTPUTS = 20
"""Outputs of residues, the first, whose precision and recall are looked at."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One side of a split with what a model says of it, item by item.

    Parameters
    ----------
    y : ndarray of shape [N, C], or [N, 1] where outputs exclude each other
        N residues (`Example.items`) or N proteins; NaN where unknown.
    scores : ndarray of shape [N, C]
    protein : ndarray of int, shape [N]
        Which protein an item belongs to.
    families : ndarray of str, shape [N]
    """

    y: Floats = field(repr=False)
    scores: Floats = field(repr=False)
    protein: npt.NDArray[np.int64] = field(repr=False)
    families: npt.NDArray[np.str_] = field(repr=False)

    def save(self, path: Path) -> None:
        """Write as `.npz`, whole or not at all."""
        beside = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
        np.savez_compressed(
            beside, y=self.y, scores=self.scores, protein=self.protein, families=self.families
        )
        beside.replace(path)

    def unlabelled(self, output: int) -> list[Floats]:
        """Scores of an output on each protein of which it is not known: one array each."""
        labelled = np.unique(self.protein[~np.isnan(self.y[:, output])])
        rest = np.setdiff1d(self.protein, labelled)
        return [self.scores[self.protein == protein, output] for protein in rest]


def load(path: Path) -> Scored:
    """Read what `Scored.save` wrote."""
    with np.load(path) as stored:
        return Scored(**{key: stored[key] for key in stored.files})


def scored(task: Task, learned: Learned, examples: Sequence[Example]) -> Scored:
    """Score examples; at residue level their `items` are the items."""
    rows = learned.score(examples)
    if task.level == "residue":
        kept = [e.items for e in examples]
        y = np.concatenate([e.y[i] for e, i in zip(examples, kept, strict=True)])
        said = np.concatenate([row[i] for row, i in zip(rows, kept, strict=True)])
        sizes = [len(i) for i in kept]
    else:
        y, said, sizes = np.stack([e.y for e in examples]), np.stack(rows), [1] * len(examples)
    return Scored(
        y,
        said,
        np.repeat(np.arange(len(examples)), sizes),
        np.repeat([e.family for e in examples], sizes),
    )


def sided(task: Task, learned: Learned, data: Dataset | Pairs, side: str) -> Scored:
    """Score a side of a set; of pairs, what counts as a family is the pairs of one protein.

    Which protein: of the two partners the one with more pairs on this side, for its pairs share
    what a model knows of it.
    """
    if isinstance(data, Dataset):
        return scored(task, learned, data.whole(side))
    rows = data.whole(side)
    said = np.stack(learned.score(rows)).astype(np.float32)
    partners = data.pairs[rows]
    many = np.bincount(partners.ravel(), minlength=len(data.proteins))[partners]
    hub = np.where(many[:, 0] >= many[:, 1], *partners.T)
    names = np.array([protein.name for protein in data.proteins])
    return Scored(data.y[rows], said, np.arange(len(rows)), names[hub])


def by_seen(data: Pairs, scored: Scored, *, side: str = "test") -> dict[str, Scored]:
    """Tell the pairs of a side apart by how many partners training knows.

    Parameters
    ----------
    data : Pairs
    scored : Scored
        What `sided` gives of this side.
    side : str

    Returns
    -------
    parts : dict
        Of `data.pairs.CLASSES` those that there are, in that order: "C1" both partners are in
        labelled training pairs, "C2" one, "C3" none. A pair of a protein with itself is C1 or C3.

    Raises
    ------
    ValueError
        Where the scores are not of this side.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> four = tuple(Protein(name, "M") for name in "abcd")
    >>> made = Pairs("demo", "", four, np.array([[0, 1], [0, 0], [2, 1], [3, 2]]),
    ...     np.ones((4, 1)), ("train", "valid", "test", "test"))
    >>> one = Scored(np.ones((2, 1)), np.array([[.8], [.3]]), np.arange(2), np.array(["b", "c"]))
    >>> {kind: part.scores.tolist() for kind, part in by_seen(made, one).items()}
    {'C2': [[0.8]], 'C3': [[0.3]]}
    """
    rows = data.whole(side)
    if not np.array_equal(scored.y, data.y[rows], equal_nan=True):
        raise ValueError(
            f"{data.name}: its {side} side has {len(rows)} pairs, and these are the scores of "
            f"{len(scored.y)} or other ones."
        )
    names = np.array([protein.name for protein in data.proteins], dtype=object)
    train = map(tuple, names[data.pairs[data.side("train")]])
    kinds = np.array(classes(train, map(tuple, names[data.pairs[rows]])))
    parts = {kind: np.flatnonzero(kinds == kind) for kind in CLASSES}
    return {
        kind: Scored(scored.y[at], scored.scores[at], scored.protein[at], scored.families[at])
        for kind, at in parts.items()
        if len(at)
    }


def centred(valid: Scored, test: Scored) -> tuple[Scored, Scored]:
    """Stretch scores so that the threshold that is best on validation becomes 0.5.

    Below t, which has the best F1 over all outputs of validation together, scores s become
    0.5 s / t, from t on 0.5 + 0.5 (s - t) / (1 - t): the order stays. For metrics that count scores
    from 0.5 on as calls.
    """
    best = calibration.threshold(valid.y.ravel(), valid.scores.ravel())
    t = min(max(best, 1e-6), 1 - 1e-6)

    def stretched(one: Scored) -> Scored:
        s = one.scores.astype(np.float64)
        there = np.where(s < t, 0.5 * s / t, 0.5 + 0.5 * (s - t) / (1 - t))
        return replace(one, scores=there.astype(np.float32))

    return stretched(valid), stretched(test)


def columns(scored: Scored) -> tuple[Floats, Floats]:
    """Labels and scores in the form that metrics take: one column becomes a vector."""
    y, said = scored.y, scored.scores
    return y[:, 0] if y.shape[1] == 1 else y, said[:, 0] if said.shape[1] == 1 else said


def numbers(
    task: Task, valid: Scored, test: Scored, final: Scored, stored: Sequence[float]
) -> dict[str, float]:
    """Compute the numbers of the test side.

    Parameters
    ----------
    task : Task
    valid, test : Scored
        As the model was trained to score them.
    final : Scored
        The test side as a user sees it, calibrated.
    stored : sequence of float
        Thresholds of `final`.

    Returns
    -------
    numbers : dict
        The task's metrics; for a task of one output that stands alone also `mcc` at the best-F1
        threshold of validation, `mcc_stored` at the stored one, and `fires`, the share of test
        chains without a label on which a residue reaches the stored threshold.
    """
    found = task.measure(test.y, test.scores)
    if not task.binary:
        return found
    best = calibration.threshold(*columns(valid))
    found["mcc"] = metrics.mcc(*columns(test), best)
    found["mcc_stored"] = metrics.mcc(*columns(final), stored[0])
    rest = final.unlabelled(0)
    if rest:
        found["fires"] = calibration.firing_rate(rest, stored[0])
    return found


def reliability(task: Task, raw: Scored, final: Scored) -> dict[str, dict[str, float]]:
    """Calibration error and Brier score of a side, as the model was trained and as a user sees it.

    Returns
    -------
    numbers : dict
        "ece" and "brier", each {"raw": number, "calibrated": number}; nothing for quantities.
        Of classes they are of the class said (`probability.events`).
    """
    if task.value:
        return {}
    sides = {"raw": raw, "calibrated": final}
    asked = {key: probability.events(task, one.y, one.scores) for key, one in sides.items()}
    measures = {"ece": metrics.ece, "brier": metrics.brier}
    return {
        name: {key: measure(*both) for key, both in asked.items()}
        for name, measure in measures.items()
    }


def called(
    task: Task, side: Scored, stored: Sequence[float]
) -> Iterator[tuple[str, float, Scored]]:
    """Each output with its threshold and its items; "all outputs" where they share a threshold."""
    width = len(stored)
    if task.level != "residue" and width > 1:
        flat = side.y.reshape(-1, 1), side.scores.reshape(-1, 1)
        owner = np.repeat(side.protein, width), np.repeat(side.families, width)
        yield "all outputs", stored[0], Scored(*flat, *owner)
        return
    for c, value in enumerate(stored[:OUTPUTS]):
        own = replace(side, y=side.y[:, c : c + 1], scores=side.scores[:, c : c + 1])
        yield task.outputs[c], value, own


def outcome(task: Task, final: Scored, stored: Sequence[float]) -> dict[str, dict[str, float]]:
    """Precision and recall that a side gives at the stored thresholds.

    Returns
    -------
    found : dict
        Output, or "all outputs", -> "precision" where there is a call, "recall" where there is a
        positive.
    """
    made: dict[str, dict[str, float]] = {}
    for name, value, one in called(task, final, stored):
        y, scores = columns(one)
        said = (scores >= np.float32(value)) & ~np.isnan(y)
        hits, own = float((said & (y == 1)).sum()), made.setdefault(name, {})
        if said.any():
            own["precision"] = hits / float(said.sum())
        if (y == 1).any():
            own["recall"] = hits / float((y == 1).sum())
    return made
