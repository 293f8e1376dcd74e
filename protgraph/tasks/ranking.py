"""Precision and recall of proteins at every distinct score, kept as the steps they take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.tasks.curves import Flags, checked, counted, harmonic, share
from protgraph.tasks.labels import Floats

_BLOCK = 256  # proteins ranked at a time, so that their terms stay in the cache
_Places = npt.NDArray[np.intp]


class Steps(NamedTuple):
    """What terms of B proteins change as the threshold is lowered through K scores.

    Parameters
    ----------
    labelled : ndarray of bool, shape [B]
        The proteins that count.
    thresholds : int
        K, counted from the largest score.
    first : ndarray of int, shape [B]
        The threshold at which each protein has its first prediction; K where that is at none.
    protein, entered : ndarray of int, shape [M]
        Whose precision changes, and at which threshold; several steps of one protein at one
        threshold add up.
    gain : ndarray of shape [M]
        By how much.
    true_protein, true_entered : ndarray of int, shape [P]
        The same for recall: a step for every label.
    true_gain : ndarray of shape [P]
    """

    labelled: Flags
    thresholds: int
    first: _Places
    protein: npt.NDArray[np.int32]
    entered: _Places
    gain: Floats
    true_protein: _Places
    true_entered: _Places
    true_gain: Floats


def steps(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> Steps:
    """Rank the terms of every protein.

    Parameters
    ----------
    y_true, y_score : array_like of shape [B, C]
        As `protgraph.tasks.function.fmax`, protocol "gearnet".

    Returns
    -------
    steps : Steps
        At the scores of true terms. The others are no loss: where only false terms enter, mean
        precision falls and recall stays, so F is never the largest there.

    Examples
    --------
    >>> made = steps([[0, 1]], [[.9, .2]])
    >>> made.thresholds, float(made.gain.sum())
    (1, 0.5)
    """
    y, s = checked("fmax", y_true, y_score)
    row, column = np.nonzero(y)
    s = -s  # so that scores ascend as terms enter
    cuts = np.unique(s[row, column])
    enters = np.searchsorted(cuts, s[row, column])
    first, parts = [], []
    for start in range(0, len(y), _BLOCK):
        here = (row >= start) & (row < start + _BLOCK)
        entered = np.searchsorted(cuts, np.sort(s[start : start + _BLOCK], axis=1))
        gain = _gain(entered, row[here] - start, enters[here], len(cuts) + 1)
        kept = (gain != 0) & (entered < len(cuts))
        protein = np.arange(start, start + len(kept), dtype=np.int32)
        first.append(entered[:, 0])
        parts.append((np.repeat(protein, kept.sum(axis=1)), entered[kept], gain[kept]))
    changed, entered, gains = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Steps(
        np.asarray(y.any(axis=1)),
        len(cuts),
        np.concatenate(first),
        changed,
        entered,
        gains,
        row,
        enters,
        1 / y.sum(axis=1)[row],
    )


def best_exact_f(steps: Steps, weights: npt.ArrayLike | None = None) -> float:
    """Largest F1 of mean precision and mean recall, of proteins that each count `weights` times.

    Examples
    --------
    >>> round(best_exact_f(steps([[0, 1]], [[.9, .2]])), 4)
    0.6667
    """
    w, width = counted(steps.labelled, weights), steps.thresholds + 1
    covered = np.bincount(steps.first, w, width).cumsum()
    precision = np.bincount(steps.entered, w[steps.protein] * steps.gain, width).cumsum()
    recall = np.bincount(steps.true_entered, w[steps.true_protein] * steps.true_gain, width)
    f = harmonic(share(precision, covered), recall.cumsum() / w.sum())
    return float(f[:-1].max())  # what enters after the last threshold is never said


def _gain(entered: _Places, row: _Places, enters: _Places, width: int) -> Floats:
    """Change of precision as each of the ranked terms [B, C] enters; true ones are given apart."""
    cell = entered + width * np.arange(len(entered))[:, None]
    place = np.searchsorted(cell.ravel(), row * width + enters)
    # Within a threshold the order of terms is free: steps that are not its last cancel out.
    hits = np.bincount(place, minlength=cell.size).reshape(cell.shape).cumsum(axis=1)
    made: Floats = np.diff(hits / np.arange(1, cell.shape[1] + 1), prepend=0)
    return made
