"""Models side by side on one test side: each with its seeds, and a reference minus each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from protgraph.running.cells import Cell, stacked
from protgraph.running.evaluate import Scored, columns
from protgraph.tasks import metrics, statistics
from protgraph.tasks.labels import Metric


def mcc_of(cells: Sequence[Cell]) -> list[Scored]:
    """Scores less each seed's own threshold, so that `calls` can be their metric."""
    return [
        Scored(c.test.y, c.test.scores - np.float32(c.threshold), c.test.protein, c.test.families)
        for c in cells
    ]


def calls(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """MCC of what lies at or above 0."""
    return metrics.mcc(y_true, y_score, 0.0)


def compare(
    models: Mapping[str, Sequence[Scored]], metric: Metric, *, reference: str
) -> list[dict[str, Any]]:
    """Set models beside each other on one test side.

    Parameters
    ----------
    models : mapping
        Name -> the test side as each seed of the model scored it.
    metric : callable
    reference : str
        The model that the others are subtracted from.

    Returns
    -------
    rows : list of dict
        Model, mean over seeds and 95 % interval by family; then reference minus model with its
        paired interval.

    Raises
    ------
    ValueError
        Where the reference is not among the models, or they saw different items.
    """
    if reference not in models:
        raise ValueError(f"The reference is one of {', '.join(models)}, got {reference!r}.")
    y = columns(models[reference][0])[0]
    families = models[reference][0].families
    best = stacked(models[reference])
    rows = []
    for name, seeds in models.items():
        if not np.array_equal(columns(seeds[0])[0], y, equal_nan=True):
            raise ValueError(f"{name} was tested on other items than {reference}.")
        said = stacked(seeds)
        row = {
            "model": name,
            "seeds": len(seeds),
            "value": str(statistics.bootstrap(metric, y, said, families)),
        }
        if name != reference:
            row[f"{reference} minus it"] = str(statistics.paired(metric, y, best, said, families))
        else:
            row[f"{reference} minus it"] = ""
        rows.append(row)
    return rows
