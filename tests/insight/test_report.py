"""Plots of probabilities: what is drawn is what was counted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from protgraph.insight import report

Y, S = [0, 0, 1, 1, np.nan, 0], [0.05, 0.08, 0.62, 0.68, 0.9, 0.95]


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (3, 7), (10, 10), (500, 1000)])
def test_intervals_of_shares_are_those_of_wilson(hits, count):
    low, high = report._wilson(np.array([hits / count]), np.array([count]))
    known = binomtest(hits, count).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((known.low, known.high), abs=1e-4)


def drawn(monkeypatch):
    """Keep the figures that are saved."""
    from matplotlib.figure import Figure

    kept, save = [], Figure.savefig

    def both(self, *given, **named):
        kept.append(self)
        save(self, *given, **named)

    monkeypatch.setattr(Figure, "savefig", both)
    return kept


def test_a_reliability_diagram_has_a_point_a_bin_that_has_items(tmp_path, monkeypatch):
    kept = drawn(monkeypatch)
    path = report.reliability({"one": (Y, S)}, tmp_path / "r.png", title="demo")
    assert path.read_bytes().startswith(b"\x89PNG")
    axes, below = kept[0].axes
    line = axes.containers[0].lines[0]
    assert line.get_xdata() == pytest.approx([0.065, 0.65, 0.95])
    assert line.get_ydata() == pytest.approx([0, 1, 0])
    assert below.patches[0].get_data().values.tolist() == [2, 0, 0, 0, 0, 0, 2, 0, 0, 1]


def test_a_selective_curve_ends_at_the_error_rate_of_all(tmp_path, monkeypatch):
    kept = drawn(monkeypatch)
    report.selective(Y, S, tmp_path / "s.png", title="demo")
    line = kept[0].axes[0].get_lines()[0]
    assert (line.get_xdata()[-1], line.get_ydata()[-1]) == (1, 0.2)
    assert line.get_ydata()[0] == 0.5  # .05 and .95 are equally sure; the second is wrong
