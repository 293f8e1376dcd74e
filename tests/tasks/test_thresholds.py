"""Recommended thresholds: hand-worked cases, exhaustive search, and the item-wise bootstrap."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, precision_score, recall_score

from protgraph.tasks import calibration
from protgraph.tasks.labels import Undefined
from protgraph.tasks.statistics import bootstrap
from protgraph.tasks.thresholds import recommended

Y = [1, 0, 1, 1, 0, 0]
S = [0.9, 0.2, 0.7, 0.4, 0.6, 0.1]
FAMILIES = ["a", "a", "b", "b", "c", "c"]


def drawn(seed, n=60, families=12):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.5).astype(float)
    y[:2] = 0, 1
    s = np.round(0.6 * rng.random(n) + 0.4 * y, 1)
    return y, s, rng.permutation(np.arange(n) % families)


def quality(y, s):
    """Precision, recall and score of every threshold, by scikit-learn."""
    precision, recall, cuts = precision_recall_curve(y, s)
    # The first two have one more point, of no call at all.
    return list(zip(precision[:-1], recall[:-1], cuts, strict=True))


def test_by_hand():
    # Scores down: 1 1 0 1 0 0. Precision 1, 1, 2/3, 3/4, 3/5, 1/2; recall 1/3, 2/3, 2/3, 1, 1, 1.
    best = recommended(Y, S, FAMILIES, samples=50)
    assert (best.value, best.precision.value, best.recall.value) == (0.4, 0.75, 1)
    sure = recommended(Y, S, FAMILIES, precision=0.9, samples=50)
    assert (sure.value, sure.precision.value) == (0.7, 1)
    assert sure.recall.value == pytest.approx(2 / 3)
    found = recommended(Y, S, FAMILIES, recall=0.5, samples=50)
    assert (found.value, found.precision.value) == (0.7, 1)
    assert recommended(Y, S, FAMILIES, recall=1, samples=50).value == 0.4
    # Scores down: 0 1 1 1. Precision rises with recall: 0, 1/2, 2/3, 3/4.
    late = recommended([0, 1, 1, 1], [0.9, 0.8, 0.7, 0.6], list("aabb"), recall=0.3, samples=50)
    assert (late.value, late.precision.value) == (0.6, 0.75)


@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.8]))
def test_no_threshold_of_the_wanted_precision_has_a_better_recall(seed, wanted):
    y, s, families = drawn(seed)
    good = [(recall, cut) for right, recall, cut in quality(y, s) if right >= wanted]
    if good:
        found = recommended(y, s, families, precision=wanted, samples=2)
        assert (found.recall.value, found.value) == pytest.approx(max(good))
        assert found.precision.value >= wanted


@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_no_threshold_of_the_wanted_recall_has_a_better_precision(seed, wanted):
    y, s, families = drawn(seed)
    good = [(right, cut) for right, recall, cut in quality(y, s) if recall >= wanted]
    found = recommended(y, s, families, recall=wanted, samples=2)
    assert (found.precision.value, found.value) == pytest.approx(max(good))
    assert found.recall.value >= wanted


@given(st.integers(0, 10_000))
def test_without_a_wish_it_is_the_threshold_of_the_best_f1(seed):
    y, s, families = drawn(seed)
    assert recommended(y, s, families, samples=2).value == calibration.threshold(y, s)


def test_the_intervals_are_those_of_the_items_by_family():
    y, s, families = drawn(3)
    found = recommended(y, s, families, samples=200)
    said = (s >= found.value).astype(float)
    for own, metric in ((found.precision, precision_score), (found.recall, recall_score)):
        assert own == pytest.approx(bootstrap(metric, y, said, families, samples=200))
        assert own.low < own.value < own.high


def test_equal_families_leave_no_doubt():
    y, s = np.tile([1, 1, 0, 0], 6), np.tile([0.9, 0.3, 0.4, 0.1], 6)
    found = recommended(y, s, np.repeat(np.arange(6), 4), precision=0.9, samples=20)
    assert found.precision == (1, 1, 1)
    assert found.recall == (0.5, 0.5, 0.5)


def test_a_precision_that_is_never_reached_names_the_highest():
    said = "no threshold reaches a precision of 0.9, the highest is 0.667 at 0.3."
    with pytest.raises(ValueError, match=re.escape(said)):
        recommended([0, 1, 1, 0], [0.5, 0.3, 0.4, 0.1], list("aabb"), precision=0.9)


def test_unknown_items_and_their_families_do_not_count():
    y, s, families = [np.nan, *Y], [np.nan, *S], ["z", *FAMILIES]
    both = [recommended(*one, samples=50) for one in ((y, s, families), (Y, S, FAMILIES))]
    assert both[0] == both[1]


def test_it_is_frozen_and_reads_as_a_sentence():
    found = recommended(Y, S, FAMILIES, precision=0.9, samples=50)
    assert str(found).startswith("0.7: precision 1.000 [1.000, 1.000], recall 0.667 [")
    with pytest.raises(FrozenInstanceError):
        found.value = 0.5


def test_calls_in_too_few_families_give_no_interval():
    y, s = np.tile([1.0, 0.0], 20), np.tile([0.2, 0.1], 20)
    s[0] = 0.9
    y[2:] = np.where(np.arange(38) % 7 == 0, 1, 0)
    with pytest.raises(ValueError, match="bootstrap: at most 10% of 100 resamples"):
        recommended(y, s, np.repeat(np.arange(20), 2), precision=0.9, samples=100)


@pytest.mark.parametrize("wish", [{"precision": 0}, {"precision": 1.1}, {"recall": np.nan}])
def test_a_wish_outside_its_range_is_an_error(wish):
    ((name, value),) = wish.items()
    with pytest.raises(ValueError, match=f"recommended: {name} is above 0, up to 1, got {value}"):
        recommended(Y, S, FAMILIES, **wish)


def test_two_wishes_are_an_error():
    with pytest.raises(ValueError, match=r"recommended: precision or recall .* got 0.5 and 0.9"):
        recommended(Y, S, FAMILIES, precision=0.5, recall=0.9)


def test_what_is_wrong_with_labels_and_families_is_said():
    with pytest.raises(Undefined, match=r"recommended: both classes .* got 2 labels 1 only"):
        recommended([1, 1], [0.1, 0.2], ["a", "b"])
    with pytest.raises(ValueError, match=r"expected: one family .* \[3\] for 2 items"):
        recommended([0, 1], [0.1, 0.2], ["a", "b", "c"])
    with pytest.raises(ValueError, match="a bootstrap needs two families at least, got 1"):
        recommended([0, 1], [0.1, 0.2], ["a", "a"])
