"""What a score means: thresholds and temperatures, chosen on validation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from protgraph.tasks.labels import Floats, Undefined, binary, classes


def threshold(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Threshold of the best F1 ("score at or above it" says 1), to be chosen on validation.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]

    Returns
    -------
    threshold : float
        One of the scores: all distinct ones are tried. The largest of equally good ones.

    Raises
    ------
    ValueError
        Where a score is not finite, a label is another number, or a class is absent.

    Examples
    --------
    >>> threshold([0, 1, 0, 1], [.1, .9, .3, .4])
    0.4
    """
    y, s = binary("threshold", y_true, y_score, both=True)
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last = np.flatnonzero(np.append(np.diff(s) != 0, True))
    f1 = 2 * np.cumsum(y)[last] / (last + 1 + y.sum())
    return float(s[last[np.argmax(f1)]])


def firing_rate(scores_by_chain: Iterable[npt.ArrayLike], threshold: float) -> float:
    """Share of chains with a residue that scores at or above the threshold.

    Parameters
    ----------
    scores_by_chain : iterable of array_like, shape [L] each
        NaN where unobserved. A chain without any score cannot fire, and counts.
    threshold : float

    Returns
    -------
    rate : float

    Raises
    ------
    ValueError
        Where there is no chain.

    Examples
    --------
    >>> firing_rate([[.1, .9], [.2, np.nan]], .5)
    0.5
    """
    return float((_peaks(scores_by_chain) >= threshold).mean())


def quiet_threshold(scores_by_chain: Iterable[npt.ArrayLike], rate: float = 0.10) -> float:
    """Smallest threshold at which at most `rate` of the chains fire.

    Parameters
    ----------
    scores_by_chain : iterable of array_like, shape [L] each
        Scores of chains that have no label for the ligand, NaN where unobserved. Most of them do
        not bind it: a model that fires on many of them cries wolf.
    rate : float
        From 0 to below 1.

    Returns
    -------
    threshold : float
        The next float32 above the highest score of the first chain that must stay quiet, so the
        condition holds in float32 and float64 alike; -inf where it always does.

    Raises
    ------
    ValueError
        Where there is no chain or `rate` is outside its range.

    Examples
    --------
    >>> chains = [[.1, .2], [.3], [.9], [.4]]
    >>> cut = quiet_threshold(chains, rate=.25)
    >>> round(cut, 6), firing_rate(chains, cut)
    (0.4, 0.25)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate: a share of chains from 0 to below 1 is needed, got {rate}.")
    peaks = np.sort(_peaks(scores_by_chain))[::-1]
    # The tiny term keeps .29 x 100 chains at 29, which floating point puts just below.
    loud = int(np.floor(rate * len(peaks) + 1e-9))
    peak = np.float32(peaks[loud])
    return float(np.nextafter(peak, np.float32(np.inf))) if np.isfinite(peak) else float(peak)


def site_threshold(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    scores_by_chain: Iterable[npt.ArrayLike],
    rate: float = 0.10,
) -> float:
    """Stricter of the best-F1 threshold and the quiet one, both chosen on validation.

    Parameters
    ----------
    y_true, y_score : array_like of shape [N]
        As `threshold`.
    scores_by_chain : iterable of array_like
        As `quiet_threshold`.
    rate : float

    Returns
    -------
    threshold : float

    Raises
    ------
    ValueError
        As the two.

    Examples
    --------
    >>> site_threshold([0, 1], [.1, .4], [[.2], [.3]])
    0.4
    """
    return max(threshold(y_true, y_score), quiet_threshold(scores_by_chain, rate))


def _peaks(scores_by_chain: Iterable[npt.ArrayLike]) -> Floats:
    """The highest score of each chain, -inf where it has none."""
    peaks = []
    for chain in scores_by_chain:
        scores = np.asarray(chain, dtype=np.float64)
        peaks.append(np.max(scores, initial=-np.inf, where=~np.isnan(scores)))
    if not peaks:
        raise ValueError("scores_by_chain: one chain at least is needed, got none.")
    return np.array(peaks)


def temperature(y_true: npt.ArrayLike, logits: npt.ArrayLike) -> float:
    """Temperature T whose probabilities, of logits / T, fit the labels best.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0 and 1, or class numbers from 0; NaN for unknown.
    logits : array_like of shape [N] or [N, C]
        Of the positive class (for a sigmoid), or of all classes (for a softmax).

    Returns
    -------
    temperature : float
        From 0.01 to 100; above 1 where the model was too sure of itself.

    Raises
    ------
    ValueError
        Where a logit is not finite or a label is no class, or where no temperature is best: all
        labels are of one class, or the logits say nothing or are never wrong, so that the fit ends
        at the edge of the range.

    Notes
    -----
    Guo et al., ICML (2017): the mean negative log-likelihood, minimised over 1 / T, in which it is
    convex.

    Examples
    --------
    >>> round(temperature([1, 1, 1, 0], [2.0, 2.0, 2.0, 2.0]), 3)  # 2 / T = log 3
    1.82
    """
    two = np.ndim(logits) == 1
    if two:
        y, z = binary("temperature", y_true, logits, both=True)
        z = np.stack([np.zeros_like(z), z], axis=1)
    else:
        y, _ = classes("temperature", y_true, logits)
        z = np.asarray(logits, dtype=np.float64)[~np.isnan(np.asarray(y_true, dtype=np.float64))]
    if (y == y[0]).all():
        raise Undefined(f"temperature: two classes are needed, got {len(y)} labels {y[0]:g} only.")
    right = np.take_along_axis(z, y.astype(np.int64)[:, None], axis=1)[:, 0]

    def loss(log_t: float) -> float:
        inverse = np.exp(-log_t)
        return float(np.mean(logsumexp(inverse * z, axis=1) - inverse * right))

    edge = np.log(100.0)
    best = minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6})
    if abs(best.x) > edge - 1e-3:
        raise Undefined(
            f"temperature: a best one from 0.01 to 100 is needed, got {np.exp(best.x):.3g}."
        )
    return float(np.exp(best.x))
