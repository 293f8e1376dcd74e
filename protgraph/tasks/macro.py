"""One number for several outputs: the mean of a metric over those on which it has a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protgraph.tasks.labels import Metric, Undefined


@dataclass(frozen=True)
class macro:
    """Metric of several outputs: the mean over those on which `metric` has a value.

    Parameters
    ----------
    metric : callable
        A metric of one output, such as `auprc`.

    Notes
    -----
    Takes labels and scores of shape [N, C], NaN labels for unknown. Outputs whose known labels
    leave the metric `Undefined` (one class only) are left out of the mean; where that is all of
    them, it is `Undefined` too. A value and no closure, so that `statistics` can look inside.

    Examples
    --------
    >>> from protgraph.tasks.metrics import auroc
    >>> y = [[0, 1], [1, 1], [1, np.nan]]
    >>> macro(auroc)(y, [[.1, .3], [.2, .2], [.3, .1]])
    1.0
    """

    metric: Metric

    def __call__(self, y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
        """Take the mean over the outputs."""
        y, s = np.asarray(y_true, dtype=np.float64), np.asarray(y_score, dtype=np.float64)
        if y.ndim != 2 or y.shape != s.shape:
            raise ValueError(
                f"macro: labels and scores have the same shape [N, C], "
                f"got {list(y.shape)} and {list(s.shape)}."
            )
        values = []
        for c in range(y.shape[1]):
            try:
                values.append(self.metric(y[:, c], s[:, c]))
            except Undefined:
                continue
        if not values:
            raise Undefined(
                f"macro: one output at least must have a value, got {y.shape[1]} without."
            )
        return float(np.mean(values))
