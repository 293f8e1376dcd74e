"""Risk and coverage: hand-worked cases, counting one by one, and known areas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from protgraph.tasks.calls import binary_accuracy
from protgraph.tasks.labels import Undefined
from protgraph.tasks.metrics import accuracy
from protgraph.tasks.selective import aurc, risk_at, risk_coverage
from protgraph.tasks.statistics import bootstrap


@st.composite
def cases(draw):
    """Labels and scores on a coarse grid, so that many confidences are equal."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n = draw(st.integers(1, 30))
    if draw(st.booleans()):
        return rng.integers(0, 2, n).astype(float), rng.integers(0, 11, n) / 10
    return rng.integers(0, 3, n).astype(float), rng.integers(0, 6, (n, 3)) / 5


def sayings(s):
    """What is said and how sure, one item at a time."""
    if s.ndim == 1:
        return [(float(p >= 0.5), max(p, 1 - p)) for p in s]
    return [(float(np.argmax(row)), max(row)) for row in s]


def test_the_curve_by_hand():
    # Sure .9 (two items, both right), .8 (wrong), .6 (right).
    curve = risk_coverage([1, 0, 0, 1], [0.9, 0.1, 0.8, 0.6])
    assert curve.coverage.tolist() == [0.5, 0.75, 1]
    assert curve.risk.tolist() == [0, 1 / 3, 1 / 4]
    assert aurc([1, 0, 0, 1], [0.9, 0.1, 0.8, 0.6]) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)


def test_the_curve_of_classes_by_hand():
    # Said 0 (.7, right), 2 (.6, wrong), 1 (.5, right).
    s = [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]]
    curve = risk_coverage([0, 1, 1], s)
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3])
    assert curve.confidence.tolist() == [0.7, 0.6, 0.5]
    assert aurc([0, 1, 1], s) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


@given(cases())
def test_every_point_is_the_error_rate_of_those_that_are_as_sure(case):
    y, s = case
    curve, told = risk_coverage(y, s), sayings(s)
    assert curve.confidence.tolist() == sorted({sure for _, sure in told}, reverse=True)
    for coverage, risk, cut in zip(*curve, strict=True):
        kept = [i for i, (_, sure) in enumerate(told) if sure >= cut]
        assert coverage == len(kept) / len(y)
        said = [told[i][0] for i in kept]
        assert risk == pytest.approx(1 - accuracy_score(y[kept], said))


@given(cases())
def test_all_items_together_have_the_error_rate(case):
    y, s = case
    rate = binary_accuracy(y, s) if s.ndim == 1 else accuracy(y, s)
    assert risk_coverage(y, s).coverage[-1] == 1
    assert risk_at(y, s, 1.0) == pytest.approx(1 - rate)


@given(cases(), st.integers(0, 1000))
def test_the_order_of_items_is_of_no_matter(case, seed):
    y, s = case
    order = np.random.default_rng(seed).permutation(len(y))
    assert aurc(y[order], s[order]) == aurc(y, s)


@given(cases())
def test_the_risk_at_a_coverage_is_that_of_the_first_point_that_reaches_it(case):
    y, s = case
    coverage, risk, _ = risk_coverage(y, s)
    for k in range(1, len(y) + 1):
        first = next(i for i, reached in enumerate(coverage) if reached >= k / len(y))
        assert risk_at(y, s, k / len(y)) == risk[first]


@given(st.integers(1, 40), st.integers(0, 1000))
def test_without_ties_the_area_is_the_mean_of_the_running_risk(n, seed):
    rng = np.random.default_rng(seed)
    sure = np.sort(rng.uniform(0.5, 1, n))[::-1]
    wrong = rng.random(n) < 0.3
    running = [wrong[: k + 1].mean() for k in range(n)]
    assert aurc((~wrong).astype(float), sure) == pytest.approx(np.mean(running))


def test_the_area_of_the_best_and_the_worst_order():
    sure = np.array([0.9, 0.8, 0.7, 0.6])
    assert aurc([1, 1, 1, 0], sure) == pytest.approx(1 / 16)
    assert aurc([0, 1, 1, 1], sure) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert aurc([1, 1, 1, 1], sure) == 0
    assert aurc([0, 0, 0, 0], sure) == 1


def test_a_model_that_is_always_as_sure_has_its_error_rate_for_area():
    assert aurc([1, 0, 1, 1], [0.7, 0.7, 0.3, 0.7]) == 0.5
    assert len(risk_coverage([1, 0, 1, 1], [0.7, 0.7, 0.3, 0.7]).risk) == 1


def test_two_classes_are_a_probability():
    rng = np.random.default_rng(0)
    y, s = rng.integers(0, 2, 50), rng.random(50)
    assert aurc(y, np.stack([1 - s, s], axis=1)) == pytest.approx(aurc(y, s))


def test_unknown_items_do_not_count():
    y, s = [1, 0, np.nan, 1], [0.9, 0.6, np.nan, 0.7]
    assert aurc(y, s) == aurc([1, 0, 1], [0.9, 0.6, 0.7])
    classes = [[0.9, 0.1], [0.4, 0.6], [np.nan] * 2, [0.3, 0.7]]
    assert aurc(y, classes) == aurc([1, 0, 1], [classes[i] for i in (0, 1, 3)])


def test_the_area_has_an_interval_over_families():
    y, s = [1, 0, 0, 1, 1, 0], [0.9, 0.1, 0.8, 0.6, 0.3, 0.2]
    found = bootstrap(aurc, y, s, list("aabbcc"), samples=50)
    assert found.low <= found.value <= found.high
    assert found.value == aurc(y, s)


@pytest.mark.parametrize("coverage", [0, -0.1, 1.1, np.nan])
def test_a_coverage_outside_its_range_is_an_error(coverage):
    with pytest.raises(ValueError, match=f"risk_at: a coverage above 0, up to 1, .* {coverage}"):
        risk_at([0, 1], [0.1, 0.9], coverage)


def test_what_is_wrong_with_scores_and_labels_is_said():
    with pytest.raises(ValueError, match=r"risk_coverage: scores are probabilities .* 0 to 3"):
        risk_coverage([0, 1], [0, 3])
    with pytest.raises(ValueError, match=r"risk_coverage: labels are classes 0 to 1, got 2"):
        aurc([0, 2], [[0.1, 0.9], [0.5, 0.5]])
    with pytest.raises(Undefined, match=r"risk_coverage: one label at least .* got 2 unknown"):
        aurc([np.nan] * 2, [0.1, 0.2])
    with pytest.raises(ValueError, match=r"risk_coverage: .* got \[2\] and \[3\]"):
        aurc([0, 1], [0.1, 0.2, 0.3])
