"""One number for several outputs: the mean of a metric over those on which it has a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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
        return mean_of([partial(self.metric, y[:, c], s[:, c]) for c in range(y.shape[1])])


def mean_of(outputs: Sequence[Callable[[], float]]) -> float:
    """Take the mean over the outputs that have a value.

    Raises
    ------
    Undefined
        Where none has.
    """
    values = []
    for output in outputs:
        try:
            values.append(output())
        except Undefined:
            continue
    if not values:
        raise Undefined(f"macro: one output at least must have one, got {len(outputs)} without.")
    return float(np.mean(values))
