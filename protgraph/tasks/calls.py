"""How good calls at a threshold are, of one output or of several together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protgraph.tasks.labels import binary
from protgraph.tasks.metrics import f1


def binary_accuracy(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Share of items on the right side of a threshold.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown; labels of one class are welcome.
    y_score : array_like of shape [N]
    threshold : float
        A score at or above it says 1.

    Returns
    -------
    value : float

    Examples
    --------
    >>> binary_accuracy([0, 1, 0, 1], [.1, .9, .5, .4])
    0.5
    """
    y, s = binary("binary_accuracy", y_true, y_score, both=False)
    return float(((s >= threshold) == (y == 1)).mean())


def micro_f1(y_true: npt.ArrayLike, y_score: npt.ArrayLike, threshold: float = 0.5) -> float:
    """F1 over all outputs together.

    Parameters
    ----------
    y_true : array_like of shape [N, C]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N, C]
    threshold : float
        A score at or above it says 1.

    Returns
    -------
    value : float

    Examples
    --------
    >>> micro_f1([[0, 1], [0, 1]], [[.1, .9], [.5, .4]])
    0.5
    """
    y, s = np.asarray(y_true, dtype=np.float64), np.asarray(y_score, dtype=np.float64)
    if y.ndim != 2 or y.shape != s.shape:
        raise ValueError(
            "micro_f1: labels and scores have the same shape [N, C], "
            f"got {list(y.shape)} and {list(s.shape)}."
        )
    return f1(y.ravel(), s.ravel(), threshold)
