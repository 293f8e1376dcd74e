"""Intervals over families: laws, the fast path against the plain one, and known cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.tasks.calls import micro_f1
from protgraph.tasks.function import fmax_gearnet
from protgraph.tasks.macro import macro
from protgraph.tasks.metrics import accuracy, auprc, auroc, macro_f1, spearman
from protgraph.tasks.statistics import Interval, bootstrap, paired
from protgraph.tasks.weighted import weighted


def plain(metric):
    """The same metric under another name, so that it takes the path of any callable."""
    return lambda y, s: metric(y, s)


def example(seed, n=60, families=8, seeds=2):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(float)
    y[:2] = 0, 1
    y[rng.random(n) < 0.1] = np.nan
    scores = np.round(rng.random((seeds, n)) + 0.4 * np.nan_to_num(y), 1)
    return y, scores, rng.integers(0, families, n)


@given(st.integers(0, 10_000), st.sampled_from([auprc, auroc]))
@settings(deadline=None, max_examples=25)
def test_the_fast_path_equals_the_plain_one(seed, metric):
    y, scores, groups = example(seed)
    fast = bootstrap(metric, y, scores, groups, samples=20)
    slow = bootstrap(plain(metric), y, scores, groups, samples=20)
    assert fast == pytest.approx(slow, abs=1e-12)


def test_the_interval_by_hand():
    # Two families, one always right and one always wrong: accuracy is 0, .5 or 1 with chances
    # 1/4, 1/2 and 1/4, so the percentiles are the ends.
    y, scores = [0, 0, 1], [[[1, 0], [1, 0], [1, 0]]]
    assert bootstrap(accuracy, y, scores, ["a", "a", "b"]) == (pytest.approx(2 / 3), 0, 1)


def test_resampling_takes_families_and_not_items():
    # Within each family the accuracy is .5: whichever are drawn, it stays .5.
    y = np.tile([0, 1], 50)
    scores = np.tile([1.0, 0.0], (1, 100, 1))
    groups = np.repeat(np.arange(10), 10)
    assert bootstrap(accuracy, y, scores, groups, samples=50) == (0.5, 0.5, 0.5)
    items = bootstrap(accuracy, y, scores, np.arange(100), samples=50)
    assert items.high - items.low > 0.1


@pytest.mark.parametrize("metric", [auprc, plain(auprc)])
def test_equal_models_differ_by_nothing(metric):
    y, scores, groups = example(1)
    assert paired(metric, y, scores, scores, groups, samples=50) == (0, 0, 0)


def test_swapping_the_models_turns_the_interval():
    y, scores, groups = example(2)
    one = paired(auroc, y, scores[0], scores[1], groups, samples=200)
    two = paired(auroc, y, scores[1], scores[0], groups, samples=200)
    assert one == pytest.approx((-two.value, -two.high, -two.low))


def test_the_value_is_the_mean_over_seeds():
    y, scores, groups = example(3, seeds=3)
    value = bootstrap(auprc, y, scores, groups, samples=2).value
    assert value == pytest.approx(np.mean([auprc(y, s) for s in scores]))


def test_each_resample_takes_the_mean_over_seeds():
    # Two seeds, one perfect and one upside down: their mean is .5 on every resample.
    y, _, groups = example(4)
    scores = np.stack([np.nan_to_num(y), 1 - np.nan_to_num(y)])
    assert bootstrap(auroc, y, scores, groups, samples=50) == (0.5, 0.5, 0.5)


def test_models_may_have_different_numbers_of_seeds():
    y, scores, groups = example(5, seeds=3)
    difference = paired(auprc, y, scores, scores[:1], groups, samples=50)
    expected = np.mean([auprc(y, s) for s in scores]) - auprc(y, scores[0])
    assert difference.value == pytest.approx(expected)


def test_the_seed_decides_the_interval():
    y, scores, groups = example(6)
    runs = [bootstrap(auprc, y, scores, groups, samples=50, seed=s) for s in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0][1:] != runs[2][1:]


def test_the_order_of_the_items_changes_nothing():
    y, scores, groups = example(7)
    turned = bootstrap(auprc, y[::-1], scores[:, ::-1], groups[::-1], samples=50)
    assert turned == pytest.approx(bootstrap(auprc, y, scores, groups, samples=50))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    # 40 families, the accuracy of each drawn uniformly from 0 to 1: the true mean is .5, and the
    # 20 items of a family share their fate. Drawing items would hold it about 45 % of the time.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 20)
    y, held = np.zeros(800), 0
    for trial in range(200):
        right = rng.random(800) < np.repeat(rng.random(40), 20)
        scores = np.stack([right, ~right], axis=1)[None].astype(float)
        interval = bootstrap(accuracy, y, scores, groups, samples=200, seed=trial)
        held += interval.low <= 0.5 <= interval.high
    assert 0.90 <= held / 200 <= 0.98


def test_several_outputs_and_regression():
    rng = np.random.default_rng(8)
    y, scores = rng.integers(0, 2, (40, 3)).astype(float), rng.random((2, 40, 3))
    groups = np.arange(40) // 4
    both = bootstrap(macro(auroc), y, scores, groups, samples=20)
    assert both.value == pytest.approx(np.mean([macro(auroc)(y, s) for s in scores]))
    y[:, 2] = 1.0  # An output of one class has no value on any resample either.
    y[:36, 1] = np.nan  # And one that is rarely known has none on some.
    same = bootstrap(macro(auroc), y, scores, groups, samples=20)
    assert same == pytest.approx(bootstrap(plain(macro(auroc)), y, scores, groups, samples=20))
    line = np.arange(40.0)
    assert bootstrap(spearman, line, line, groups, samples=20) == pytest.approx((1, 1, 1))


def test_a_resample_without_positives_is_drawn_again():
    # One of four families holds a negative: (3/4)^4 = 32 % of draws miss it, which is too many.
    y, groups = [0, 1, 1, 1, 1], [0, 0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"10% of 100 .* \(both classes .* got 22 among 64"):
        bootstrap(auroc, y, np.arange(5), groups, samples=100)
    # Three of four hold one: (1/4)^4 = .4 % of draws miss them, which passes.
    interval = bootstrap(auroc, [0, 1, 0, 1, 0, 1, 1], np.arange(7), [0, 0, 1, 1, 2, 2, 3])
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_what_does_not_fit_is_an_error():
    y, s = [0, 1], [0.1, 0.9]
    with pytest.raises(ValueError, match=r"groups: one family an item .* \[3\] for .* \[2\]"):
        bootstrap(auroc, y, s, [0, 1, 2])
    with pytest.raises(ValueError, match=r"groups: .* two families at least, got 1"):
        bootstrap(auroc, y, s, [0, 0])
    with pytest.raises(ValueError, match=r"scores: shape \[S, 2\] .* got \[3, 3\]"):
        bootstrap(auroc, y, np.zeros((3, 3)), [0, 1])
    with pytest.raises(ValueError, match=r"samples: .* got 1"):
        bootstrap(auroc, y, s, [0, 1], samples=1)
    with pytest.raises(ValueError, match="auroc: scores of known labels must be finite"):
        bootstrap(auroc, y, [0.1, np.nan], [0, 1])


def test_an_interval_prints_as_a_table_shows_it():
    assert str(Interval(0.8612, 0.7951, 0.9134)) == "0.861 [0.795, 0.913]"


def cases():
    """Metric, labels and scores with ties and gaps, and items that leave it without a value."""
    rng = np.random.default_rng(0)
    one = (rng.random(60) < 0.4).astype(float)
    one[rng.random(60) < 0.2] = np.nan
    classes = rng.integers(0, 20, 60).astype(float)
    called = rng.random((60, 20)) + np.eye(20)[classes.astype(int)]
    classes[rng.random(60) < 0.2] = np.nan
    many = (rng.random((60, 3)) < 0.4).astype(float)
    terms = (rng.random((60, 6)) < 0.3).astype(float)
    some = np.where(rng.random((60, 3)) < 0.2, np.nan, many)
    measured = np.where(np.isnan(one), np.nan, rng.normal(size=60).round(1))
    yield auprc, one, rng.random(60).round(1), one != 1
    yield auroc, one, rng.random(60).round(1), one != 1
    yield spearman, measured, rng.random(60).round(1), np.isnan(one) | (np.arange(60) == 0)
    yield accuracy, classes, called, np.isnan(classes)
    yield macro_f1, classes, called, np.isnan(classes)
    yield micro_f1, some, rng.random((60, 3)).round(1), ~(some == 1).any(axis=1)
    yield macro(auprc), some, rng.random((60, 3)).round(1), ~(some == 1).any(axis=1)
    yield fmax_gearnet, terms, rng.integers(0, 20, (60, 6)) / 20, None


@pytest.mark.parametrize(("metric", "y", "scores", "without"), list(cases()))
def test_the_short_way_is_the_metric_of_repeated_items(metric, y, scores, without):
    rng = np.random.default_rng(1)
    family = rng.integers(0, 30, 60)
    family[:30] = np.arange(30)
    draws = rng.integers(0, 3, (20, 30))
    values = weighted(metric, y, scores, family)(draws)
    for draw, value in zip(draws, values, strict=True):
        times = draw[family]
        expected = metric(np.repeat(y, times, axis=0), np.repeat(scores, times, axis=0))
        assert value == pytest.approx(expected, abs=1e-12)
    if without is not None:
        alone = weighted(metric, y, scores, np.arange(60))(
            np.stack([without, np.ones(60)]).astype(int)
        )
        assert np.isnan(alone).tolist() == [True, False]
