"""How good scores are: functions of what is true and what was said, one number each.

Every metric has the signature `f(y_true, y_score)`. Labels that are NaN are unknown and left out;
scores must be finite wherever the label is known. Anything else is a ValueError that names the
metric, the rule and the value; where labels leave a metric without a value (AUROC of one class)
it is `Undefined`, a ValueError too. Larger is better, save for `brier` and `ece`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protgraph.tasks.labels import Floats, Undefined, binary, classes, known, probabilities, ranks


def auprc(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Area under the precision-recall curve as average precision.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]
        Larger for what is more likely 1; any scale.

    Returns
    -------
    value : float
        The sum of precision times gain in recall over the distinct scores (no interpolation, as
        scikit-learn's `average_precision_score`). Constant scores give the share of ones.

    Raises
    ------
    ValueError
        Where a score is not finite, a label is another number, or a class is absent.

    Examples
    --------
    >>> round(auprc([0, 1, 0, 1], [.1, .9, .5, .4]), 4)
    0.8333
    """
    y, s = binary("auprc", y_true, y_score, both=True)
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last = np.flatnonzero(np.append(np.diff(s) != 0, True))
    hits = np.cumsum(y)[last]
    return float(np.sum(np.diff(hits, prepend=0) * hits / (last + 1)) / hits[-1])


def auroc(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Chance that a random positive scores above a random negative, ties counting a half.

    Parameters
    ----------
    y_true, y_score : array_like of shape [N]
        As `auprc`.

    Returns
    -------
    value : float
        The Mann-Whitney statistic over its maximum; constant scores give 0.5.

    Examples
    --------
    >>> auroc([0, 1, 0, 1], [.1, .9, .5, .4])
    0.75
    """
    y, s = binary("auroc", y_true, y_score, both=True)
    ones = y.sum()
    rank = ranks(s)[y == 1].sum()
    return float((rank - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def _confusion(y: Floats, s: Floats, threshold: float) -> list[float]:
    """True positives, false positives, false negatives, true negatives."""
    said, true = s >= threshold, y == 1
    return [float(n.sum()) for n in (said & true, said & ~true, ~said & true, ~said & ~true)]


def mcc(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Matthews correlation of the labels with "score at or above the threshold".

    Parameters
    ----------
    y_true, y_score : array_like of shape [N]
        As `auprc`.
    threshold : float
        Chosen on validation (`calibration.threshold`), never on the items judged here.

    Returns
    -------
    value : float
        From -1 to 1; 0 where all items are said to be of one class, as in scikit-learn.

    Examples
    --------
    >>> round(mcc([0, 1, 0, 1], [.1, .9, .5, .4]), 3), mcc([0, 1], [.9, .9])
    (0.0, 0.0)
    """
    y, s = binary("mcc", y_true, y_score, both=True)
    tp, fp, fn, tn = _confusion(y, s, threshold)
    scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return float((tp * tn - fp * fn) / scale) if scale else 0.0


def f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Harmonic mean of precision and recall at a threshold.

    Parameters
    ----------
    y_true, y_score : array_like of shape [N]
        As `auprc`.
    threshold : float
        A score at or above it says 1.

    Returns
    -------
    value : float
        0 where nothing is found.

    Raises
    ------
    ValueError
        As `auprc`, but labels that are all 1 are welcome.

    Examples
    --------
    >>> f1([0, 1, 0, 1], [.1, .9, .5, .4])
    0.5
    """
    y, s = binary("f1", y_true, y_score, both=False)
    if not y.any():
        raise Undefined(f"f1: one label at least must be 1, got {len(y)} labels 0.")
    tp, fp, fn, _ = _confusion(y, s, threshold)
    return 2 * tp / (2 * tp + fp + fn)


def accuracy(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Share of items whose largest score is that of their class.

    Parameters
    ----------
    y_true : array_like of shape [N]
        Class numbers from 0, NaN for unknown.
    y_score : array_like of shape [N, C]

    Returns
    -------
    value : float
        Of equal scores the first class counts as the largest.

    Raises
    ------
    ValueError
        Where a score is not finite or a label is no class.

    Examples
    --------
    >>> accuracy([0, 1, np.nan], [[.9, .1], [.8, .2], [.5, .5]])
    0.5
    """
    y, said = classes("accuracy", y_true, y_score)
    return float((y == said).mean())


def macro_f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Mean F1 over the classes that are true or said of some item.

    Parameters
    ----------
    y_true : array_like of shape [N]
        Class numbers from 0, NaN for unknown.
    y_score : array_like of shape [N, C]

    Returns
    -------
    value : float
        A class that is neither true nor said of any item is left out, as in scikit-learn.

    Examples
    --------
    >>> round(macro_f1([0, 1, 1], [[.9, .1], [.8, .2], [.3, .7]]), 4)
    0.6667
    """
    y, said = classes("macro_f1", y_true, y_score)
    values = [
        2 * ((y == c) & (said == c)).sum() / ((y == c).sum() + (said == c).sum())
        for c in np.union1d(y, said)
    ]
    return float(np.mean(values))


def spearman(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Correlation of the ranks, ties sharing their mean rank.

    Parameters
    ----------
    y_true : array_like of shape [N]
        Measured values, NaN for unknown.
    y_score : array_like of shape [N]

    Returns
    -------
    value : float
        From -1 to 1; constant scores order nothing and give 0.

    Raises
    ------
    ValueError
        Where a score is not finite, or all labels are equal.

    Examples
    --------
    >>> spearman([1, 2, 3], [10, 20, 15])
    0.5
    """
    y, s = known("spearman", y_true, y_score)
    if s.ndim != 1:
        raise ValueError(f"spearman: one score an item is needed, got shape {list(s.shape)}.")
    if (y == y[0]).all():
        raise Undefined(f"spearman: two different labels are needed, got {y[0]:g} only.")
    if (s == s[0]).all():
        return 0.0
    return float(np.corrcoef(ranks(y), ranks(s))[0, 1])


def brier(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Mean squared distance of the probabilities from the labels; smaller is better.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]
        Probabilities from 0 to 1.

    Returns
    -------
    value : float

    Raises
    ------
    ValueError
        Where a score is no probability or a label is another number.

    Examples
    --------
    >>> round(brier([0, 1], [.2, .6]), 4)
    0.1
    """
    y, s = binary("brier", y_true, y_score, both=False)
    probabilities("brier", s)
    return float(np.mean((s - y) ** 2))


def ece(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Expected calibration error: how far probabilities are from frequencies; smaller is better.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]
        Probabilities of 1, from 0 to 1.

    Returns
    -------
    value : float
        |mean score - share of ones| of 15 bins of equal width, (0, 1/15], ..., weighted by their
        counts; a score of 0 falls in the first.

    Notes
    -----
    Guo et al., ICML (2017), who bin the confidence in the class said; here the probability of 1
    is binned, which is what a user of site scores reads.

    Examples
    --------
    >>> round(ece([0, 1, 1, 1], [.75, .75, .75, .75]), 4), round(ece([0, 0], [.9, .9]), 4)
    (0.0, 0.9)
    """
    y, s = binary("ece", y_true, y_score, both=False)
    probabilities("ece", s)
    bins = np.searchsorted(np.linspace(0, 1, 16)[1:-1], s, side="left")
    gap = np.bincount(bins, weights=s - y, minlength=15)
    return float(np.abs(gap).sum() / len(y))
