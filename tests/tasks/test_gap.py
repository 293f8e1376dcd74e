"""How much of a gap is closed: by hand, by its laws, and where there is no gap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protgraph.tasks.labels import Undefined
from protgraph.tasks.metrics import auprc, auroc
from protgraph.tasks.statistics import bootstrap, closed


def mean(y, s):
    """A metric that is a mean, so that every number can be worked by hand."""
    return float(np.mean(s))


Y, FAMILIES = [0, 1, 0, 1], ["a", "a", "b", "b"]


def of(a, b):
    """Scores whose mean is a in the first family and b in the second."""
    return [a, a, b, b]


def test_a_quarter_of_the_way_is_worked_by_hand():
    # On all items (2.5 - 2) / (4 - 2); family a alone (2 - 1) / (3 - 1), family b alone 0 / 2.
    found = closed(mean, Y, of(2, 3), (of(1, 3), of(3, 5)), FAMILIES)
    assert found == (0.25, 0.0, 0.5)


def test_the_ends_are_0_and_1_on_every_resample():
    low, high = of(1, 3), of(3, 5)
    assert closed(mean, Y, low, (low, high), FAMILIES) == (0, 0, 0)
    assert closed(mean, Y, high, (low, high), FAMILIES) == (1, 1, 1)


def test_without_a_low_end_it_is_the_share_that_is_kept():
    assert closed(mean, Y, of(1, 3), (None, of(2, 4)), FAMILIES) == (4 / 6, 1 / 2, 3 / 4)


def test_a_resample_without_a_gap_leaves_the_interval_without_bounds():
    # In family b, drawn twice in a quarter of the resamples, the high end is the low one.
    found = closed(mean, Y, of(2, 3), (of(1, 3), of(3, 3)), FAMILIES)
    assert found.value == 0.5
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_a_gap_that_closes_on_few_resamples_still_has_bounds():
    # Of 16 families one has no gap: all 16 draws are that one in next to no resample.
    families = np.arange(16)
    high = np.where(families == 0, 0.0, 2.0)
    found = closed(mean, np.zeros(16), np.minimum(high, 1), (np.zeros(16), high), families)
    assert found == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("high", [of(1, 3), of(0, 1)])
def test_without_a_gap_on_all_items_there_is_no_number(high):
    with pytest.raises(Undefined, match="the high end lies above the low one"):
        closed(mean, Y, of(2, 3), (of(1, 3), high), FAMILIES)


@pytest.mark.parametrize("metric", [auprc, auroc])
def test_resamples_are_those_of_the_bootstrap(metric):
    rng = np.random.default_rng(0)
    y = (rng.random(80) < 0.4).astype(float)
    own = rng.random(80) + 0.5 * y
    groups = rng.integers(0, 12, 80)
    # Against a high end that is right on every resample the share kept is the metric itself.
    kept = closed(metric, y, own, (None, y + 1.0), groups, samples=201)
    plain = bootstrap(metric, y, own, groups, samples=201)
    assert kept.value == pytest.approx(plain.value)
    assert kept.low <= plain.low + 1e-12
    assert kept.high >= plain.high - 1e-12
    assert closed(metric, y, own, (None, y + 1.0), groups, samples=201) == kept
