"""A metric of items that each count as often as a whole number says, without repeating them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from protgraph.tasks.calls import micro_f1
from protgraph.tasks.function import fmax_gearnet
from protgraph.tasks.labels import Floats, Metric, Undefined
from protgraph.tasks.macro import macro, mean_of
from protgraph.tasks.metrics import accuracy, auprc, auroc, macro_f1
from protgraph.tasks.ranking import best_exact_f, steps

Counts = npt.NDArray[np.int64]
Weighted = Callable[[Counts], float]


def weighted(metric: Metric, y: Floats, s: Floats) -> Weighted:
    """Make the metric a function of how often each item counts.

    Parameters
    ----------
    metric : callable
        Those that `statistics` is asked for most go a short way; any other is taken of items that
        are repeated.
    y, s : ndarray of shape [N] or [N, C]
        Labels and scores.

    Returns
    -------
    number : callable
        Weights of shape [N] -> the metric. Raises `Undefined` where it has no value on them.

    Raises
    ------
    ValueError
        As the metric, where labels or scores are wrong.

    Examples
    --------
    >>> number = weighted(auroc, np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.9, 0.1]))
    >>> number(np.array([1, 3, 1]))
    0.75
    """
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


def _called(y: Floats, s: Floats) -> Weighted:
    """Micro-F1, which needs no more of an item than its hits, calls and positives."""
    said, true = (s >= 0.5) & ~np.isnan(y), y == 1
    counts = np.stack([(said & true).sum(axis=1), said.sum(axis=1), true.sum(axis=1)])

    def number(weights: Counts) -> float:
        hits, calls, positives = counts @ weights
        if not positives:
            raise Undefined("micro_f1: one label at least must be 1, got none.")
        return float(2 * hits / (calls + positives))

    return number


def _column(metric: Metric, y: Floats, s: Floats) -> Weighted | None:
    """One output of several; None where it has no value on all items, and so on no resample."""
    try:
        return weighted(metric, y, s)
    except Undefined:
        return None


def _confused(metric: Metric, y: Floats, s: Floats) -> Weighted:
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
