"""A metric of many resamples at once: how often each family was drawn, no item repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from protgraph.tasks.calls import micro_f1
from protgraph.tasks.function import fmax_gearnet
from protgraph.tasks.labels import Floats, Metric, Undefined
from protgraph.tasks.macro import macro
from protgraph.tasks.metrics import accuracy, auprc, auroc, macro_f1, spearman
from protgraph.tasks.ranking import best_exact_f, steps

Counts = npt.NDArray[np.int64]
Weighted = Callable[[Counts], Floats]
"""How often each of F families was drawn [K, F] -> the metric of the K resamples, NaN for none."""


def weighted(metric: Metric, y: Floats, s: Floats, family: Counts) -> Weighted:
    """Make the metric a function of how often each family counts.

    Parameters
    ----------
    metric : callable
        Those that `statistics` is asked for most go a short way; any other is taken of items that
        are repeated.
    y, s : ndarray of shape [N] or [N, C]
        Labels and scores.
    family : ndarray of shape [N]
        Number of each item's family, from 0 to F - 1.

    Returns
    -------
    values : callable
        Counts of shape [K, F] -> the metric of each resample [K], NaN where it has no value.

    Raises
    ------
    ValueError
        As the metric, where labels or scores are wrong.

    Examples
    --------
    >>> y, s = np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.9, 0.1])
    >>> weighted(auroc, y, s, np.arange(3))(np.array([[1, 3, 1], [0, 1, 1]]))
    array([0.75,  nan])
    """
    metric(y, s)  # so that what is wrong with the scores is said by the metric itself
    if isinstance(metric, macro):
        return _outputs(metric.metric, y, s, family)
    if metric in (auprc, auroc):
        return _areas(metric, y, s, family)
    if metric in (accuracy, macro_f1):
        return _confused(metric, y, s, family)
    if metric is micro_f1:
        return _called(y, s, family)
    if metric is fmax_gearnet:
        made = steps(y, s)
        return _each(lambda weights: best_exact_f(made, weights), family)
    if metric is spearman:
        return _each(_ordered(y, s), family)
    return _each(lambda w: metric(np.repeat(y, w, axis=0), np.repeat(s, w, axis=0)), family)


def _each(number: Callable[[Counts], float], family: Counts) -> Weighted:
    """One resample after the other, of a number that depends on how often each item counts."""

    def value(weights: Counts) -> float:
        try:
            return number(weights)
        except Undefined:
            return np.nan

    return lambda draws: np.array([value(draw[family]) for draw in draws])


def _outputs(metric: Metric, y: Floats, s: Floats, family: Counts) -> Weighted:
    """The mean over the outputs that have a value."""
    columns: list[Weighted] = []
    for c in range(y.shape[1]):
        try:
            columns.append(weighted(metric, y[:, c], s[:, c], family))
        except Undefined:
            continue  # without a value on all items there is none on any resample

    def values(draws: Counts) -> Floats:
        each = np.stack([column(draws) for column in columns])
        there = ~np.isnan(each)
        return _share(np.where(there, each, 0).sum(axis=0), there.sum(axis=0))

    return values


def _areas(metric: Metric, y: Floats, s: Floats, family: Counts) -> Weighted:
    """AUPRC and AUROC, which are sums over the distinct scores: what enters there, by family."""
    known, families = ~np.isnan(y), int(family.max()) + 1
    _, place = np.unique(-s[known], return_inverse=True)
    true, family = y[known] == 1, family[known]
    marks = np.unique(place[true])
    if metric is auroc:
        marks = np.union1d(marks - 1, marks)  # ties with a positive count by half, others do not
    place = np.searchsorted(marks, place)  # what enters between two marks is counted at the second
    shape = (int(place.max()) + 1, families)
    said, hits = _table(place, family, shape), _table(place[true], family[true], shape)
    area = _precision_area if metric is auprc else _rank_area

    def values(draws: Counts) -> Floats:
        gained = hits @ draws.T
        found, calls = gained.cumsum(axis=0), (said @ draws.T).cumsum(axis=0)
        both = (found[-1] > 0) & (found[-1] < calls[-1])
        return np.where(both, area(gained, found, calls), np.nan)

    return values


def _precision_area(gained: Floats, found: Floats, calls: Floats) -> Floats:
    """Average precision [K] from what each mark adds, was found and called by then [T, K]."""
    return _share(np.einsum("tk,tk->k", gained, found / np.maximum(calls, 1)), found[-1])


def _rank_area(gained: Floats, found: Floats, calls: Floats) -> Floats:
    """AUROC from the same counts: the trapezoids under the curve."""
    missed = np.diff(calls - found, axis=0, prepend=0)
    area = np.einsum("tk,tk->k", missed, found - gained / 2)
    return _share(area, found[-1] * (calls[-1] - found[-1]))


def _confused(metric: Metric, y: Floats, s: Floats, family: Counts) -> Weighted:
    """Accuracy and macro-F1, which need no more of a class than its hits, items and calls."""
    known, shape = ~np.isnan(y), (s.shape[1], int(family.max()) + 1)
    true, said, family = y[known].astype(np.int64), s[known].argmax(axis=1), family[known]
    right = true == said
    hits = _table(true[right], family[right], shape)
    there = _table(true, family, shape) + _table(said, family, shape)

    def values(draws: Counts) -> Floats:
        found, total = 2 * (hits @ draws.T), there @ draws.T
        if metric is accuracy:
            return _share(found.sum(axis=0), total.sum(axis=0))
        return _share(np.nan_to_num(_share(found, total)).sum(axis=0), (total > 0).sum(axis=0))

    return values


def _called(y: Floats, s: Floats, family: Counts) -> Weighted:
    """Micro-F1, which needs no more of a family than its hits, calls and positives."""
    said, true = (s >= 0.5) & ~np.isnan(y), y == 1
    counts = np.stack([np.bincount(family, of.sum(axis=1)) for of in (said & true, said, true)])

    def values(draws: Counts) -> Floats:
        hits, calls, positives = counts @ draws.T
        return np.where(positives > 0, _share(2 * hits, calls + positives), np.nan)

    return values


def _ordered(y: Floats, s: Floats) -> Callable[[Counts], float]:
    """Spearman's correlation without sorting again: only the sizes of the ties change."""
    known = ~np.isnan(y)
    _, of = np.unique(y[known], return_inverse=True)
    _, by = np.unique(s[known], return_inverse=True)

    def number(weights: Counts) -> float:
        drawn = weights[known].astype(np.float64)
        one, two = _centred(of, drawn), _centred(by, drawn)
        spread, other = drawn @ one**2, drawn @ two**2
        if not spread:
            raise Undefined("spearman: two different labels are needed, got one only.")
        return float(drawn @ (one * two) / np.sqrt(spread * other)) if other else 0.0

    return number


def _centred(place: Counts, drawn: Floats) -> Floats:
    """Mean ranks [N] of items that count `drawn` times each, less their mean."""
    tied = np.bincount(place, drawn)
    ranks: Floats = (tied.cumsum() - (tied + drawn.sum()) / 2)[place]
    return ranks


def _table(row: Counts, family: Counts, shape: tuple[int, int]) -> sparse.csr_matrix:
    """How many items of each family there are in each row."""
    return sparse.csr_matrix((np.ones(len(row)), (row, family)), shape)


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    """Take part / whole, NaN where there is nothing."""
    shares: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return shares
