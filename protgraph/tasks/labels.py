"""Labels and scores as every metric takes them: checked, and rid of what is unknown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Metric = Callable[[npt.ArrayLike, npt.ArrayLike], float]


class Undefined(ValueError):
    """A metric has no value for these labels, such as AUROC where all of them are 1.

    Examples
    --------
    >>> issubclass(Undefined, ValueError)
    True
    """


def known(name: str, y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Keep the items whose label is known.

    Parameters
    ----------
    name : str
        What to call the metric in errors.
    y_true : array_like of shape [N]
        NaN for unknown.
    y_score : array_like of shape [N] or [N, C]

    Returns
    -------
    y, s : ndarray of shape [K], [K] or [K, C]

    Raises
    ------
    ValueError
        Where shapes differ, nothing is known (`Undefined`), or a score of a known label is not
        finite.

    Examples
    --------
    >>> [kept.tolist() for kept in known("auroc", [1, np.nan], [.5, .7])]
    [[1.0], [0.5]]
    """
    y, s = np.asarray(y_true, dtype=np.float64), np.asarray(y_score, dtype=np.float64)
    if y.ndim != 1 or s.shape[:1] != y.shape:
        raise ValueError(
            f"{name}: labels have shape [N] and scores one row for each, "
            f"got {list(y.shape)} and {list(s.shape)}."
        )
    known = ~np.isnan(y)
    y, s = y[known], s[known]
    if not len(y):
        raise Undefined(f"{name}: one label at least must be known, got {len(known)} unknown ones.")
    if not np.isfinite(s).all():
        bad = int((~np.isfinite(s)).sum())
        raise ValueError(f"{name}: scores of known labels must be finite, got {bad} that are not.")
    return y, s


def binary(
    name: str, y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, both: bool
) -> tuple[Floats, Floats]:
    """As `known`, for labels 0 and 1 and one score an item; with `both`, each class must be there.

    Examples
    --------
    >>> binary("auroc", [1, 1], [.5, .7], both=True)
    Traceback (most recent call last):
        ...
    protgraph.tasks.labels.Undefined: auroc: both classes are needed, got 2 labels 1 only.
    """
    y, s = known(name, y_true, y_score)
    if s.ndim != 1:
        raise ValueError(f"{name}: one score an item is needed, got shape {list(s.shape)}.")
    odd = np.setdiff1d(y, (0.0, 1.0))
    if len(odd):
        raise ValueError(f"{name}: labels are 0, 1 or NaN for unknown, got {odd[0]:g}.")
    if both and (y == y[0]).all():
        raise Undefined(f"{name}: both classes are needed, got {len(y)} labels {y[0]:g} only.")
    return y, s


def probabilities(name: str, scores: Floats) -> None:
    """Refuse scores outside 0 to 1.

    Examples
    --------
    >>> probabilities("ece", np.array([0.0, 1.0]))
    """
    if ((scores < 0) | (scores > 1)).any():
        raise ValueError(
            f"{name}: scores are probabilities from 0 to 1, "
            f"got {scores.min():g} to {scores.max():g}."
        )


def classes(name: str, y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Floats, Floats]:
    """As `known`, for class numbers; what is said is the largest of C scores, the first of equals.

    Examples
    --------
    >>> [kept.tolist() for kept in classes("accuracy", [1], [[.2, .8]])]
    [[1.0], [1.0]]
    """
    y, s = known(name, y_true, y_score)
    if s.ndim != 2:
        raise ValueError(f"{name}: scores have shape [N, C], got {list(s.shape)}.")
    odd = np.setdiff1d(y, np.arange(s.shape[1]))
    if len(odd):
        raise ValueError(f"{name}: labels are classes 0 to {s.shape[1] - 1}, got {odd[0]:g}.")
    return y, s.argmax(axis=1).astype(np.float64)


def ranks(values: Floats) -> Floats:
    """Ranks from 1, tied values sharing their mean rank.

    Examples
    --------
    >>> ranks(np.array([5.0, 3.0, 5.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    shared: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return shared
