"""A threshold with what it promises: the precision and recall to expect of other families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from protgraph.tasks import calibration
from protgraph.tasks.labels import Floats, Undefined, binary
from protgraph.tasks.statistics import Interval, bootstrap

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Threshold:
    """Where to call, and how good the calls are.

    Parameters
    ----------
    value : float
        A score at or above it says 1.
    precision, recall : Interval
        On validation, each with its 95 % interval over families.

    Examples
    --------
    >>> print(Threshold(0.35, Interval(0.9, 0.82, 0.95), Interval(0.7, 0.61, 0.78)))
    0.35: precision 0.900 [0.820, 0.950], recall 0.700 [0.610, 0.780]
    """

    value: float
    precision: Interval
    recall: Interval

    def __str__(self) -> str:
        return f"{self.value:.3g}: precision {self.precision}, recall {self.recall}"


def recommended(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    families: npt.ArrayLike,
    *,
    precision: float | None = None,
    recall: float | None = None,
    samples: int = 2000,
    seed: int = 0,
) -> Threshold:
    """Choose a threshold on validation and say what to expect of it.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]
    families : array_like of shape [N]
        The family of each item: numbers or names.
    precision : float, optional
        Above 0, up to 1. The highest recall of all thresholds that reach this precision.
    recall : float, optional
        Above 0, up to 1. The highest precision of all thresholds that reach this recall.
    samples, seed : int
        As `statistics.bootstrap`.

    Returns
    -------
    threshold : Threshold
        Of the best F1 where neither is given, as `calibration.threshold`. `value` is one of the
        scores, the largest of equally good ones.

    Raises
    ------
    ValueError
        Where both are given or one is outside its range, no threshold reaches the precision (the
        highest reached is named), labels or scores are wrong, there are fewer than two families
        with a known label, or too few of them have a call for an interval.

    Notes
    -----
    The threshold stays while families are drawn anew: the intervals say what other families
    change, not that the choice was made on these, which flatters it where there are few.

    Examples
    --------
    >>> y, s = [1, 0, 1, 1, 0, 0], [.9, .2, .7, .4, .6, .1]
    >>> families = ["a", "a", "b", "b", "c", "c"]
    >>> found = recommended(y, s, families, precision=.9)
    >>> found.value, found.precision.value, round(found.recall.value, 4)
    (0.7, 1.0, 0.6667)
    >>> recommended(y, s, families, recall=.9).value
    0.4
    """
    y, s = binary("recommended", y_true, y_score, both=True)
    value = _chosen(y, s, precision, recall)
    return expected(y_true, y_score, families, value, samples=samples, seed=seed)


def expected(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    families: npt.ArrayLike,
    value: float,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Threshold:
    """Say what to expect of a threshold that was chosen on validation.

    Parameters
    ----------
    y_true, y_score, families, samples, seed
        As `recommended`.
    value : float
        A score at or above it says 1.

    Returns
    -------
    threshold : Threshold
        With this `value`.

    Raises
    ------
    ValueError
        As `recommended`, and where no item with a known label reaches the threshold.

    Examples
    --------
    >>> y, s, families = [1, 0, 1, 0], [.9, .8, .7, .1], ["a", "a", "b", "b"]
    >>> found = expected(y, s, families, .7)
    >>> found.precision  # one right of two in "a", one of one in "b"
    Interval(value=0.6666666666666666, low=0.5, high=1.0)
    """
    y, s = binary("expected", y_true, y_score, both=True)
    groups = np.asarray(families)
    told = ~np.isnan(np.asarray(y_true, dtype=np.float64))
    if groups.shape != told.shape:
        raise ValueError(
            f"expected: one family an item is needed, "
            f"got shape {list(groups.shape)} for {len(told)} items."
        )
    hits, called, positive = _counts(y, s >= value, groups[told])
    own = np.arange(len(hits))
    return Threshold(
        value,
        bootstrap(_share, hits, called, own, samples=samples, seed=seed),
        bootstrap(_share, hits, positive, own, samples=samples, seed=seed),
    )


def _chosen(y: Floats, s: Floats, precision: float | None, recall: float | None) -> float:
    """The best threshold among the distinct scores."""
    for name, wanted in (("precision", precision), ("recall", recall)):
        if wanted is not None and not 0 < wanted <= 1:
            raise ValueError(f"recommended: {name} is above 0, up to 1, got {wanted}.")
    if precision is not None and recall is not None:
        raise ValueError(
            f"recommended: precision or recall is wanted, not both, got {precision} and {recall}."
        )
    if precision is None and recall is None:
        return calibration.threshold(y, s)
    order = np.argsort(-s, kind="stable")
    last = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))
    cuts, hits = s[order][last], np.cumsum(y[order])[last]
    right, found = hits / (last + 1), hits / y.sum()
    if precision is not None:
        good = np.where(right >= precision, found, -1.0)
    else:
        good = np.where(found >= recall, right, -1.0)
    best = int(np.argmax(good))
    if good[best] < 0:
        top = int(np.argmax(right))
        raise ValueError(
            f"recommended: no threshold reaches a precision of {precision}, "
            f"the highest is {right[top]:.3f} at {cuts[top]:.3g}."
        )
    return float(cuts[best])


def _counts(y: Floats, said: npt.NDArray[np.bool_], groups: npt.NDArray[Any]) -> list[_Ints]:
    """Of each family: true positives, calls and positives."""
    names, place = np.unique(groups, return_inverse=True)
    wanted = ((y == 1) & said, said, y == 1)
    return [np.bincount(place[one], minlength=len(names)) for one in wanted]


def _share(hits: npt.ArrayLike, of: npt.ArrayLike) -> float:
    """Precision or recall from the counts of families, as a metric of them."""
    total = np.sum(of)
    if not total:
        raise Undefined("expected: a call and a positive are needed, got families without.")
    return float(np.sum(hits) / total)
