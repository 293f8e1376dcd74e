"""What nearness to training does to a score: by bin of identity, and as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from protgraph.data.leakage import BINS, Leakage
from protgraph.tasks.labels import Metric, Undefined


def by_identity(
    report: Leakage, y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, metric: Metric
) -> list[dict[str, str | int | float]]:
    """Score the test proteins of each bin of identity apart.

    Parameters
    ----------
    report : Leakage
        Of N test proteins.
    y_true, y_score : array_like
        Labels and scores, a row for each test protein in the order of the report.
    metric : callable
        `metric(y_true, y_score)`.

    Returns
    -------
    rows : list of dict
        `identity` (the bin), `proteins`, `score`, a row a bin and one for "all"; NaN where the
        bin is empty or the metric has no value in it (`tasks.labels.Undefined`).

    Raises
    ------
    ValueError
        Where there is not one row of labels and scores a test protein, and as the metric says.

    Examples
    --------
    >>> from protgraph.data.leakage import leakage
    >>> from protgraph.tasks.metrics import accuracy
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> report = leakage([("a", chain)], [("b", chain), ("c", "ACDEF" * 5)])
    >>> rows = by_identity(report, [0, 1], [[.9, .1], [.8, .2]], metric=accuracy)
    >>> [(row["identity"], row["score"]) for row in rows if row["proteins"]]
    [('<30', 0.0), ('>=95', 1.0), ('all', 0.5)]
    """
    y, s, count = np.asarray(y_true), np.asarray(y_score), len(report.rows)
    if len(y) != count or len(s) != count:
        raise ValueError(
            f"by_identity: the report has {count} test proteins, "
            f"got {len(y)} labels and {len(s)} scores."
        )
    bins = report.bins()
    rows: list[dict[str, str | int | float]] = []
    for name in (*BINS, "all"):
        here = bins == name if name != "all" else np.ones(count, dtype=bool)
        score = _value(metric, y[here], s[here]) if here.any() else float("nan")
        rows.append({"identity": name, "proteins": int(here.sum()), "score": score})
    return rows


def _value(metric: Metric, y: npt.ArrayLike, s: npt.ArrayLike) -> float:
    try:
        return float(metric(y, s))
    except Undefined:
        return float("nan")


def histogram(report: Leakage, path: Path, *, title: str = "nearest training protein") -> Path:
    """Plot how many test proteins are how near to training.

    Parameters
    ----------
    report : Leakage
    path : Path
        PNG.
    title : str
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    bars = axes.bar(list(BINS), list(report.counts().values()), color="C0")
    axes.bar_label(bars, fontsize=8)
    axes.set(xlabel="identity, %", ylabel="test proteins", title=title)
    figure.savefig(path, dpi=150)
    return path
