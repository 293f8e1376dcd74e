"""How sure a number is: whole families are drawn anew, the same ones for every model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.tasks.calls import micro_f1
from protgraph.tasks.function import fmax_gearnet
from protgraph.tasks.labels import Floats, Metric, Undefined
from protgraph.tasks.macro import macro, mean_of
from protgraph.tasks.metrics import accuracy, auprc, auroc, macro_f1
from protgraph.tasks.ranking import best_exact_f, steps

Counts = npt.NDArray[np.int64]
_Weighted = Callable[[Counts], float]

REDRAWN = 0.1
"""Share of resamples that may be drawn again because the metric had no value on them."""


class Interval(NamedTuple):
    """A value and its 95 % interval.

    Examples
    --------
    >>> print(Interval(0.8612, 0.7951, 0.9134))
    0.861 [0.795, 0.913]
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    metric: Metric,
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of a metric when the families, not the items, are drawn anew.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_score)`; `auprc`, `auroc`, `accuracy`, `macro_f1` and `fmax_gearnet` take
        a path several times faster.
    y_true : array_like of shape [N] or [N, C]
        NaN for unknown.
    y_score : array_like of shape [S, *y_true.shape], or y_true.shape for a single seed
        Scores of the S seeds of one model. Scores of several classes for labels [N] have the
        shape [S, N, C] (S = 1 must be written out).
    groups : array_like of shape [N]
        The family of each item: numbers or names.
    samples : int
        Resamples, 2 or more.
    seed : int

    Returns
    -------
    interval : Interval
        `value` is the mean over seeds of the metric on all items. Each resample draws as many
        families as there are, with replacement; a family drawn twice counts each of its items
        twice; and its number is again the mean over seeds. `low` and `high` are the 2.5 and 97.5
        percentiles. So the interval says what other proteins would change; that seeds differ
        enters by their mean, not as a further source of spread.

    Raises
    ------
    ValueError
        Where shapes do not fit, there are fewer than two families, or the metric has no value on
        more than 10 % of the draws. Up to there, such draws (no positive, say) are made again.

    Notes
    -----
    The cluster bootstrap: Field & Welsh, J R Stat Soc B 69:369 (2007). Percentiles of few
    families (under about 20) are somewhat too narrow.

    Examples
    --------
    >>> bootstrap(auroc, [0, 1, 0, 1], [.1, .9, .5, .6], ["a", "a", "b", "b"])
    Interval(value=1.0, low=1.0, high=1.0)
    """
    y, places, n = _families(y_true, groups)
    weighted = [_weighted(metric, y, s) for s in _seeds(y, y_score)]
    values = _resample(lambda w: _mean(weighted, w), places, n, samples, seed)
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(_mean(weighted, np.ones(len(y), dtype=np.int64)), float(low), float(high))


def paired(
    metric: Metric,
    y_true: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of metric(a) - metric(b), both taken on the same resampled families.

    Parameters
    ----------
    metric, y_true, groups, samples, seed
        As `bootstrap`.
    a, b : array_like
        Scores of two models on the same items, each as `y_score` of `bootstrap`. The numbers of
        seeds may differ: each model's number is its mean over its own seeds. Where they are the
        same, this equals the mean of the differences seed by seed.

    Returns
    -------
    interval : Interval
        Positive where `a` is better. A model against itself gives [0, 0].

    Raises
    ------
    ValueError
        As `bootstrap`.

    Examples
    --------
    >>> y, families = [0, 1, 0, 1], ["a", "a", "b", "b"]
    >>> paired(auroc, y, [.1, .9, .5, .6], [.9, .1, .6, .5], families)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    y, places, n = _families(y_true, groups)
    first = [_weighted(metric, y, s) for s in _seeds(y, a)]
    second = [_weighted(metric, y, s) for s in _seeds(y, b)]

    def difference(weights: Counts) -> float:
        return _mean(first, weights) - _mean(second, weights)

    values = _resample(difference, places, n, samples, seed)
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(difference(np.ones(len(y), dtype=np.int64)), float(low), float(high))


def _families(y_true: npt.ArrayLike, groups: npt.ArrayLike) -> tuple[Floats, Counts, int]:
    """Labels, the number of each item's family, and how many families there are."""
    y, family = np.asarray(y_true, dtype=np.float64), np.asarray(groups)
    if family.shape != y.shape[:1]:
        raise ValueError(
            f"groups: one family an item is needed, "
            f"got shape {list(family.shape)} for labels of shape {list(y.shape)}."
        )
    names, places = np.unique(family, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"groups: a bootstrap needs two families at least, got {len(names)}.")
    return y, places.astype(np.int64), len(names)


def _seeds(y: Floats, y_score: npt.ArrayLike) -> list[Floats]:
    """The scores of each seed."""
    scores = np.asarray(y_score, dtype=np.float64)
    if scores.shape == y.shape:
        scores = scores[None]
    if not len(scores) or scores.shape[1 : 1 + y.ndim] != y.shape:
        raise ValueError(
            f"scores: shape [S, {', '.join(map(str, y.shape))}] is needed for S seeds, "
            f"got {list(scores.shape)}."
        )
    return list(scores)


def _mean(metrics: list[_Weighted], weights: Counts) -> float:
    return float(np.mean([metric(weights) for metric in metrics]))


def _resample(number: _Weighted, places: Counts, families: int, samples: int, seed: int) -> Floats:
    """The number on each resample, drawn again where it has no value."""
    if samples < 2:
        raise ValueError(f"samples: a bootstrap needs two resamples at least, got {samples}.")
    rng = np.random.default_rng(seed)
    values: list[float] = []
    redrawn = 0
    while len(values) < samples:
        drawn = np.bincount(rng.integers(families, size=families), minlength=families)
        try:
            values.append(number(drawn[places]))
        except Undefined as error:
            redrawn += 1
            if redrawn > REDRAWN * samples:
                raise ValueError(
                    f"bootstrap: at most {REDRAWN:.0%} of {samples} resamples may be without a "
                    f"value, got {redrawn} among {len(values) + redrawn} ({error})"
                ) from error
    return np.array(values)


def _weighted(metric: Metric, y: Floats, s: Floats) -> _Weighted:
    """The metric of items that each count as often as an integer weight says."""
    metric(y, s)  # so that what is wrong with the scores is said by the metric itself
    if metric in (accuracy, macro_f1):
        return _confused(metric, y, s)
    if metric is fmax_gearnet:
        made = steps(y, s)
        return lambda weights: best_exact_f(made, weights)
    if metric is micro_f1:
        return _called(y, s)
    if isinstance(metric, macro):
        outputs = [_column(metric.metric, y[:, c], s[:, c]) for c in range(y.shape[1])]
        there = [output for output in outputs if output is not None]
        return lambda weights: mean_of([partial(output, weights) for output in there])
    if metric not in (auprc, auroc):
        return lambda weights: metric(np.repeat(y, weights, axis=0), np.repeat(s, weights, axis=0))
    known = ~np.isnan(y)
    order = np.flatnonzero(known)[np.argsort(-s[known], kind="stable")]
    last = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))
    ones = y[order] == 1
    area = _precision_area if metric is auprc else _rank_area

    def number(weights: Counts) -> float:
        drawn = weights[order]
        hits = np.cumsum(np.where(ones, drawn, 0))[last]
        said = np.cumsum(drawn)[last]
        if hits[-1] == 0 or hits[-1] == said[-1]:
            raise Undefined(f"{metric.__name__}: both classes are needed, got {said[-1]} of one.")
        return area(hits, said)

    return number


def _called(y: Floats, s: Floats) -> _Weighted:
    """Micro-F1, which needs no more of an item than its hits, calls and positives."""
    said, true = (s >= 0.5) & ~np.isnan(y), y == 1
    counts = np.stack([(said & true).sum(axis=1), said.sum(axis=1), true.sum(axis=1)])

    def number(weights: Counts) -> float:
        hits, calls, positives = counts @ weights
        if not positives:
            raise Undefined("micro_f1: one label at least must be 1, got none.")
        return float(2 * hits / (calls + positives))

    return number


def _column(metric: Metric, y: Floats, s: Floats) -> _Weighted | None:
    """One output of several; None where it has no value on all items, and so on no resample."""
    try:
        return _weighted(metric, y, s)
    except Undefined:
        return None


def _confused(metric: Metric, y: Floats, s: Floats) -> _Weighted:
    """Accuracy and macro-F1, which need no more than how often each class was taken for each."""
    known, count = ~np.isnan(y), s.shape[1]
    cells = y[known].astype(np.int64) * count + s[known].argmax(axis=1)

    def number(weights: Counts) -> float:
        drawn = np.bincount(cells, weights[known], count**2).reshape(count, count)
        if not drawn.any():
            raise Undefined(f"{metric.__name__}: an item of known class is needed, got none.")
        hits, total = drawn.diagonal(), drawn.sum(axis=0) + drawn.sum(axis=1)
        if metric is accuracy:
            return float(hits.sum() / drawn.sum())
        there = total > 0
        return float(np.mean(2 * hits[there] / total[there]))

    return number


def _precision_area(hits: Counts, said: Counts) -> float:
    """Average precision from running counts at each distinct score, largest score first."""
    gain = np.diff(hits, prepend=0)
    return float(np.sum(gain * hits / np.maximum(said, 1)) / hits[-1])


def _rank_area(hits: Counts, said: Counts) -> float:
    """AUROC from the same counts: the trapezoids under the curve."""
    misses = said - hits
    above = hits - np.diff(hits, prepend=0) / 2
    return float(np.sum(np.diff(misses, prepend=0) * above) / (hits[-1] * misses[-1]))
