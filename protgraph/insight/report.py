"""Tables and plots of what a run found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from protgraph.tasks.selective import aurc, risk_coverage

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


def between(page: str, parts: Mapping[str, str]) -> str:
    """Put texts between their marks in a Markdown page.

    Raises
    ------
    ValueError
        Where the page does not have a mark exactly once.

    Examples
    --------
    >>> between("<!-- sites -->\\nold\\n<!-- end -->", {"sites": "new"})
    '<!-- sites -->\\nnew\\n<!-- end -->'
    """
    for name, text in parts.items():
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        new = f"{start}{text}\n{end}".replace("\\", r"\\")
        page, count = re.subn(re.escape(start) + ".*?" + end, new, page, flags=re.S)
        if count != 1:
            raise ValueError(f"A page has the mark <!-- {name} --> once, got it {count} times.")
    return page


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


def bargain(
    points: Mapping[str, tuple[float, Sequence[float]]], path: Path, *, title: str, metric: str
) -> Path:
    """Plot what models are worth against what they cost.

    Parameters
    ----------
    points : mapping
        Name -> (milliseconds a protein, (value, low, high)).
    path : Path
        PNG.
    title, metric : str
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure, axes = _axes()
    taken: list[float] = []
    for place, (name, (ms, (value, low, high))) in enumerate(points.items()):
        # Models of one price stand side by side, not one upon the other.
        x = ms * 1.04 ** taken.count(ms)
        taken.append(ms)
        axes.plot([x, x], [low, high], color=f"C{place}", linewidth=1.5)
        axes.plot([x], [value], "o", color=f"C{place}", label=name)
    axes.grid(linewidth=0.4)
    axes.set(xscale="log", xlabel="ms a protein", title=title)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(f"test {metric}, 95 % interval")
    axes.legend(frameon=False, fontsize=8)
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


def reliability(
    sides: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], path: Path, *, title: str
) -> Path:
    """Plot how often each probability comes true, above how many items have it.

    Parameters
    ----------
    sides : mapping
        Name -> (labels [N] with NaN for unknown, probabilities [N]).
    path : Path
        PNG.
    title : str

    Notes
    -----
    Ten bins of equal width, each at its mean probability; bars are 95 % intervals of the share by
    Wilson, J Am Stat Assoc 22:209 (1927), as if items were independent. Residues of a chain are
    not, so they are somewhat short.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle=":")
    edges = np.linspace(0, 1, 11)
    for place, (name, (y_true, y_score)) in enumerate(sides.items()):
        y, s = np.asarray(y_true, dtype=np.float64), np.asarray(y_score, dtype=np.float64)
        y, s = y[~np.isnan(y)], s[~np.isnan(y)]
        bins = np.searchsorted(edges[1:-1], s)
        count = np.bincount(bins, minlength=10)
        there = count > 0
        n = count[there]
        share = np.bincount(bins, weights=y, minlength=10)[there] / n
        mean = np.bincount(bins, weights=s, minlength=10)[there] / n
        low, high = _wilson(share, n)
        axes.errorbar(
            mean, share, yerr=[share - low, high - share], fmt="o-", color=f"C{1 - place}",
            markersize=4, linewidth=1.2, elinewidth=0.8, label=name,
        )  # fmt: skip
        below.stairs(count, edges, color=f"C{1 - place}", linewidth=1.2)
    axes.set(ylabel="share that is true", xlim=(0, 1), ylim=(0, 1.02), title=title)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    below.set(xlabel="probability", ylabel="items", yscale="log")
    below.set_ylim(bottom=0.8)
    for one in (axes, below):
        one.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    return path


def selective(y_true: npt.ArrayLike, y_score: npt.ArrayLike, path: Path, *, title: str) -> Path:
    """Plot the error rate among the most confident items over their share of all.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]
        Calibrated probabilities.
    path : Path
        PNG.
    title : str
    """
    figure, axes = _axes()
    curve = risk_coverage(y_true, y_score)
    axes.plot(curve.coverage, curve.risk, drawstyle="steps-pre", linewidth=1.5)
    axes.axhline(curve.risk[-1], color="0.6", linewidth=0.8, linestyle=":")
    axes.text(0.02, curve.risk[-1], "all answered", color="0.4", fontsize=8, va="bottom")
    axes.set(
        xlabel="share of items answered, most confident first",
        ylabel="share of these said wrong",
        xlim=(0, 1),
        ylim=(0, max(1.1 * curve.risk.max(), 1e-3)),
        title=f"{title} (area {aurc(y_true, y_score):.4f})",
    )
    figure.savefig(path, dpi=150)
    return path


def _wilson(share: npt.NDArray[np.float64], count: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Lower and upper end of the 95 % interval of shares."""
    z2 = 1.96**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * share * (1 - share) / count + z2**2 / (4 * count**2)) / (1 + z2 / count)
    return np.stack([np.minimum(middle - half, share), np.maximum(middle + half, share)])


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
