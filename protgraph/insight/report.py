"""Tables and plots of what a run found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay rows out as a Markdown table; numbers have three digits after the point.

    Parameters
    ----------
    rows : sequence of mapping
        All with the keys of the first.

    Examples
    --------
    >>> print(table([{"model": "egnn", "auprc": 0.91234}]))
    | model | auprc |
    |---|---|
    | egnn | 0.912 |
    """
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = [f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _axes(width: float = 5.0) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def intervals(
    values: Mapping[str, Sequence[float]], path: Path, *, title: str, metric: str
) -> Path:
    """Plot a value and its interval for each of several models, the first on top.

    Parameters
    ----------
    values : mapping
        Name -> value, low, high.
    path : Path
        PNG.
    title, metric : str
    """
    figure, axes = _axes(7.0)
    figure.set_figheight(1.2 + 0.35 * len(values))
    for place, (value, low, high) in enumerate(values.values()):
        axes.plot([low, high], [-place, -place], color="C0", linewidth=2)
        axes.plot([value], [-place], "o", color="C0")
    axes.set_yticks([-place for place in range(len(values))], labels=list(values))
    axes.grid(axis="x", linewidth=0.4)
    axes.set(xlabel=f"test {metric}, 95 % interval", title=title)
    figure.savefig(path, dpi=150)
    return path


def precision_recall(
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], path: Path, *, title: str
) -> Path:
    """Plot precision against recall.

    Parameters
    ----------
    curves : mapping
        Name -> (labels [N] with NaN for unknown, scores [N]).
    path : Path
        PNG.
    title : str
    """
    from sklearn.metrics import precision_recall_curve

    figure, axes = _axes()
    for name, (y_true, y_score) in curves.items():
        y, s = np.asarray(y_true), np.asarray(y_score)
        known = ~np.isnan(y)
        precision, recall, _ = precision_recall_curve(y[known], s[known])
        axes.step(recall, precision, where="post", label=name, linewidth=1.5)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=title)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    return path


def history(rows: Sequence[Mapping[str, float]], path: Path, *, monitor: str, best: int) -> Path:
    """Plot loss and monitor over epochs, the kept epoch marked.

    Parameters
    ----------
    rows : sequence of mapping
        One an epoch, with "loss" and the monitor.
    path : Path
        PNG.
    monitor : str
    best : int
        The epoch that was kept, from 0.
    """
    figure, axes = _axes()
    epochs = range(1, len(rows) + 1)
    axes.plot(epochs, [row["loss"] for row in rows], color="C1", label="loss (training)")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", title="training")
    right = axes.twinx()
    right.spines["top"].set_visible(False)
    right.plot(epochs, [row[monitor] for row in rows], color="C0", label=f"{monitor} (validation)")
    right.axvline(best + 1, color="0.6", linewidth=0.8, linestyle=":")
    right.set(ylabel=monitor, ylim=(0, 1))
    lines = [*axes.get_lines(), right.get_lines()[0]]
    right.legend(handles=lines, frameon=False, loc="center right")
    figure.savefig(path, dpi=150)
    return path
