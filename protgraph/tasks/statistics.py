"""How sure a number is: whole families are drawn anew, the same ones for every model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.tasks.labels import Floats, Metric, Undefined
from protgraph.tasks.weighted import Counts, Weighted, weighted

REDRAWN = 0.1
"""Share of resamples that may be drawn again because the metric had no value on them."""

TOGETHER = 64
"""Resamples that are computed at once; more are no faster and take more memory."""


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
        `metric(y_true, y_score)`; `auprc`, `auroc`, `spearman`, `accuracy`, `macro_f1`, `micro_f1`
        and `fmax_gearnet` take a path several times faster.
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
    >>> from protgraph.tasks.metrics import auroc
    >>> bootstrap(auroc, [0, 1, 0, 1], [.1, .9, .5, .6], ["a", "a", "b", "b"])
    Interval(value=1.0, low=1.0, high=1.0)
    """
    y, family = _families(y_true, groups)
    return _interval(_mean(metric, y, y_score, family), family, samples, seed)


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
    >>> from protgraph.tasks.metrics import auroc
    >>> paired(auroc, y, [.1, .9, .5, .6], [.9, .1, .6, .5], families)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    y, family = _families(y_true, groups)
    first, second = (_mean(metric, y, scores, family) for scores in (a, b))
    return _interval(lambda draws: first(draws) - second(draws), family, samples, seed)


def closed(
    metric: Metric,
    y_true: npt.ArrayLike,
    own: npt.ArrayLike,
    ends: tuple[npt.ArrayLike | None, npt.ArrayLike],
    groups: npt.ArrayLike,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of (metric(own) - metric(low)) / (metric(high) - metric(low)).

    All three are taken on the same resampled families.

    Parameters
    ----------
    metric, y_true, groups, samples, seed
        As `statistics.bootstrap`.
    own : array_like
        Scores, as `y_score` there.
    ends : tuple of (low, high)
        Scores of the two models between which the way lies; None is a low end of 0, and the
        number then the share of `high` that is kept.

    Returns
    -------
    interval : Interval
        0 at the low end, 1 at the high one; below, beyond and between are all possible. A resample
        on which the high end does not lie above the low one has no such number: it counts as -∞
        for the lower and as +∞ for the upper bound, so where more than 2.5 % of the resamples are
        of that kind, the interval is without bounds.

    Raises
    ------
    ValueError
        As `statistics.bootstrap`; `Undefined` where the high end does not lie above the low one on
        all items: there is no way to go.

    Notes
    -----
    A ratio whose denominator may be 0 has a confidence set without bounds (Fieller, J R Stat Soc
    B 16:175, 1954). Leaving such resamples out would make the interval too short just where the
    two ends are hardly apart.

    Examples
    --------
    >>> from protgraph.tasks.metrics import accuracy
    >>> y = [0, 0, 1, 1]
    >>> right, wrong = [[1, 0]] * 2 + [[0, 1]] * 2, [[0, 1]] * 2 + [[1, 0]] * 2
    >>> half = [right[0], wrong[1], right[2], wrong[3]]
    >>> closed(accuracy, y, [half], ([wrong], [right]), ["a", "a", "b", "b"])
    Interval(value=0.5, low=0.5, high=0.5)
    """
    y, family = _families(y_true, groups)
    mine, most = (_mean(metric, y, scores, family) for scores in (own, ends[1]))
    least = _mean(metric, y, ends[0], family) if ends[0] is not None else _nothing

    def ratio(draws: Counts) -> Floats:
        value, low, high = mine(draws), least(draws), most(draws)
        way = high - low
        return np.where(way <= 0, np.inf, (value - low) / np.where(way <= 0, 1, way))

    value = float(ratio(_once(family))[0])
    if np.isinf(value):
        raise Undefined("closed: the high end lies above the low one, but here it does not.")
    values = _resample(ratio, family, samples, seed)
    first = np.percentile(np.where(np.isinf(values), -np.inf, values), 2.5, method="lower")
    return Interval(value, float(first), float(np.percentile(values, 97.5, method="higher")))


def _families(y_true: npt.ArrayLike, groups: npt.ArrayLike) -> tuple[Floats, Counts]:
    """Labels, and the number of each item's family."""
    y, names = np.asarray(y_true, dtype=np.float64), np.asarray(groups)
    if names.shape != y.shape[:1]:
        raise ValueError(
            f"groups: one family an item is needed, "
            f"got shape {list(names.shape)} for labels of shape {list(y.shape)}."
        )
    there, family = np.unique(names, return_inverse=True)
    if len(there) < 2:
        raise ValueError(f"groups: a bootstrap needs two families at least, got {len(there)}.")
    return y, family.astype(np.int64)


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


def _mean(metric: Metric, y: Floats, y_score: npt.ArrayLike, family: Counts) -> Weighted:
    """The mean over seeds of the metric on each resample."""
    models = [weighted(metric, y, s, family) for s in _seeds(y, y_score)]

    def values(draws: Counts) -> Floats:
        mean: Floats = np.mean([model(draws) for model in models], axis=0)
        return mean

    return values


def _nothing(draws: Counts) -> Floats:
    return np.zeros(len(draws))


def _once(family: Counts) -> Counts:
    """Every family once [1, F]: the items as they are."""
    return np.ones((1, int(family.max()) + 1), dtype=np.int64)


def _interval(number: Weighted, family: Counts, samples: int, seed: int) -> Interval:
    """The number on all items, and the middle 95 % of it on resamples."""
    low, high = np.percentile(_resample(number, family, samples, seed), (2.5, 97.5))
    return Interval(float(number(_once(family))[0]), float(low), float(high))


def _resample(number: Weighted, family: Counts, samples: int, seed: int) -> Floats:
    """The number on each resample, drawn again where it has no value."""
    if samples < 2:
        raise ValueError(f"samples: a bootstrap needs two resamples at least, got {samples}.")
    rng, families = np.random.default_rng(seed), int(family.max()) + 1
    values, redrawn = np.empty(0), 0
    while len(values) < samples:
        some = min(TOGETHER, samples - len(values))
        draws = [
            np.bincount(rng.integers(families, size=families), minlength=families)
            for _ in range(some)
        ]
        found = number(np.stack(draws))
        redrawn += int(np.isnan(found).sum())
        values = np.append(values, found[~np.isnan(found)])
        if redrawn > REDRAWN * samples:
            raise ValueError(
                f"bootstrap: at most {REDRAWN:.0%} of {samples} resamples may be without a value "
                f"(both classes are needed, say), got {redrawn} among {len(values) + redrawn}."
            )
    return values
