"""What a model is worth: labels and scores side by side, thresholds from validation alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from protgraph.data.dataset import Dataset, Example, Pairs
from protgraph.learned import Learned
from protgraph.structure.protein import Floats
from protgraph.tasks import calibration, metrics
from protgraph.tasks.task import Task

QUIET = 0.10
"""Largest share of validation chains without a label on which a site model may fire."""


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
        beside = path.with_suffix(".part.npz")
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


def numbers(task: Task, valid: Scored, test: Scored, stored: Sequence[float]) -> dict[str, float]:
    """Compute the numbers of the test side.

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
    found["mcc_stored"] = metrics.mcc(*columns(test), stored[0])
    rest = test.unlabelled(0)
    if rest:
        found["fires"] = calibration.firing_rate(rest, stored[0])
    return found
