"""How much of the way from one model to a better one a third has gone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protgraph.tasks.labels import Metric, Undefined
from protgraph.tasks.statistics import (
    Counts,
    Interval,
    _families,
    _mean,
    _resample,
    _seeds,
    _weighted,
)


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
    y, places, n = _families(y_true, groups)
    low, high = ends
    models = [
        [_weighted(metric, y, one) for one in _seeds(y, scores)] if scores is not None else None
        for scores in (own, low, high)
    ]

    def ratio(weights: Counts) -> float:
        mine, least, most = (_mean(one, weights) if one else 0.0 for one in models)
        return (mine - least) / (most - least) if most > least else np.nan

    value = ratio(np.ones(len(y), dtype=np.int64))
    if np.isnan(value):
        raise Undefined("closed: the high end lies above the low one, but here it does not.")
    values = _resample(ratio, places, n, samples, seed)
    bound = np.where(np.isnan(values), -np.inf, values)
    first = np.percentile(bound, 2.5, method="lower")
    last = np.percentile(np.where(np.isnan(values), np.inf, values), 97.5, method="higher")
    return Interval(value, float(first), float(last))
