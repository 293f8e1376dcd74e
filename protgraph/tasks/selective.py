"""What is gained by silence: the risk among the items that a model is most confident of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.tasks.labels import Floats, binary, classes, known, probabilities


class Curve(NamedTuple):
    """Risk by coverage, the most confident items first.

    Parameters
    ----------
    coverage : ndarray of shape [K]
        Share of items whose confidence reaches `confidence`; rises to 1.
    risk : ndarray of shape [K]
        Share of these that are said wrong.
    confidence : ndarray of shape [K]
        The K distinct confidences, falling.

    Examples
    --------
    >>> curve = Curve(np.array([0.5, 1.0]), np.array([0.0, 0.25]), np.array([0.9, 0.6]))
    >>> curve.risk.tolist()
    [0.0, 0.25]
    """

    coverage: Floats
    risk: Floats
    confidence: Floats


def risk_coverage(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> Curve:
    """Risk-coverage curve: how often a model errs when its least confident items are left out.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0 and 1, or class numbers from 0; NaN for unknown.
    y_score : array_like of shape [N] or [N, C]
        Probabilities of 1, where 0.5 and more says 1 and p has the confidence max(p, 1 - p); or a
        score for each class, where the largest is said (the first of equals) and is the
        confidence.

    Returns
    -------
    curve : Curve
        Items of equal confidence enter together, so their order is of no matter; the last point
        is the error rate of all.

    Raises
    ------
    ValueError
        Where a score is not finite (or, of one score an item, no probability), or a label is no
        class.

    Notes
    -----
    El-Yaniv & Wiener, JMLR 11:1605 (2010); with the softmax response as confidence, Geifman &
    El-Yaniv, NIPS (2017). A confidence of one score an item means something where 0.5 does:
    calibrate first (`platt`).

    Examples
    --------
    >>> curve = risk_coverage([1, 0, 0, 1], [.9, .1, .8, .6])
    >>> curve.coverage.tolist(), curve.risk.tolist(), curve.confidence.tolist()
    ([0.5, 0.75, 1.0], [0.0, 0.3333333333333333, 0.25], [0.9, 0.8, 0.6])
    """
    if np.ndim(y_score) == 1:
        y, s = binary("risk_coverage", y_true, y_score, both=False)
        probabilities("risk_coverage", s)
        said, sure = (s >= 0.5).astype(np.float64), np.maximum(s, 1 - s)
    else:
        y, said = classes("risk_coverage", y_true, y_score)
        sure = known("risk_coverage", y_true, y_score)[1].max(axis=1)
    order = np.argsort(-sure, kind="stable")
    sure = sure[order]
    last = np.flatnonzero(np.append(np.diff(sure) != 0, True))
    wrong = np.cumsum(said[order] != y[order])[last]
    return Curve((last + 1) / len(y), wrong / (last + 1), sure[last])


def aurc(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Area under the risk-coverage curve; smaller is better.

    Parameters
    ----------
    y_true, y_score : array_like
        As `risk_coverage`.

    Returns
    -------
    value : float
        From 0 (never wrong) to 1. It falls when errors become fewer, and when they move to the
        items of least confidence.

    Raises
    ------
    ValueError
        As `risk_coverage`.

    Notes
    -----
    The mean, over the N items from the most to the least confident, of the risk of those up to it:
    Geifman, Uziel & El-Yaniv, ICLR (2019). Items of equal confidence all count the risk of
    their group's end, the only coverage that can be had; no interpolation, as in `auprc`.

    Examples
    --------
    >>> round(aurc([1, 0, 0, 1], [.9, .1, .8, .6]), 4)  # (0 + 0 + 1/3 + 1/4) / 4
    0.1458
    """
    curve = risk_coverage(y_true, y_score)
    return float(np.diff(curve.coverage, prepend=0) @ curve.risk)


def risk_at(y_true: npt.ArrayLike, y_score: npt.ArrayLike, coverage: float) -> float:
    """Risk when a model must answer for a share of the items at least; smaller is better.

    Parameters
    ----------
    y_true, y_score : array_like
        As `risk_coverage`.
    coverage : float
        Above 0, up to 1.

    Returns
    -------
    risk : float
        At the smallest coverage on the curve that is not below the one asked for.

    Raises
    ------
    ValueError
        As `risk_coverage`, or where the coverage is outside its range.

    Examples
    --------
    >>> y, s = [1, 0, 0, 1], [.9, .1, .8, .6]
    >>> risk_at(y, s, .25), risk_at(y, s, 1)  # .9 and .1 are equally sure: half of all is left
    (0.0, 0.25)
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"risk_at: a coverage above 0, up to 1, is needed, got {coverage}.")
    curve = risk_coverage(y_true, y_score)
    return float(curve.risk[np.searchsorted(curve.coverage, coverage)])
