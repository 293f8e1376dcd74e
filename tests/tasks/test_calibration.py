"""Thresholds and temperatures: hand-worked cases and exhaustive search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.tasks.calibration import (
    firing_rate,
    quiet_threshold,
    site_threshold,
    temperature,
    threshold,
)
from protgraph.tasks.metrics import f1


@given(st.integers(0, 10_000))
def test_no_threshold_has_a_better_f1(seed):
    rng = np.random.default_rng(seed)
    y, s = rng.integers(0, 2, 20).astype(float), rng.integers(0, 8, 20) / 8
    y[:2] = 0, 1
    best = threshold(y, s)
    assert f1(y, s, best) == pytest.approx(max(f1(y, s, cut) for cut in np.unique(s)))


def test_of_equally_good_thresholds_the_largest_is_taken():
    # At .9: tp 1, fn 1, F1 2/3. At .1: tp 2, fp 2, F1 2/3.
    assert threshold([1, 0, 0, 1], [0.9, 0.5, 0.4, 0.1]) == 0.9


def test_tied_scores_are_taken_together():
    # At .5 all four are said to be 1, whatever their order: F1 2/3, against 0 for none.
    assert threshold([1, 1, 0, 0], [0.5] * 4) == 0.5
    assert threshold([1, 1, 0, 0, 1], [0.5, 0.5, 0.5, 0.5, 0.4]) == 0.4


def test_unknown_labels_choose_nothing():
    assert threshold([0, 1, np.nan], [0.1, 0.4, 0.9]) == 0.4


def test_a_threshold_needs_both_classes():
    with pytest.raises(ValueError, match=r"threshold: both classes .* got 2 labels 1 only"):
        threshold([1, 1], [0.1, 0.2])


def test_a_chain_fires_when_one_residue_reaches_the_threshold():
    chains = [[0.1, 0.5, np.nan], [0.4], [0.9, 0.9]]
    assert firing_rate(chains, 0.5) == pytest.approx(2 / 3)
    assert firing_rate(chains, 0.91) == 0


def test_a_chain_without_scores_counts_and_stays_quiet():
    assert firing_rate([[np.nan], [], [1.0]], 0.5) == pytest.approx(1 / 3)


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=4), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]),
)
def test_the_quiet_threshold_is_the_smallest_that_is_quiet(chains, rate):
    cut = quiet_threshold(chains, rate)
    assert firing_rate(chains, cut) <= rate + 1e-9
    below = float(np.nextafter(np.float32(cut), np.float32(-1)))
    assert firing_rate(chains, below) > rate


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_quiet_threshold_is_quiet_in_every_precision(dtype):
    chains = np.random.default_rng(0).random((30, 5)).astype(dtype)
    cut = quiet_threshold(list(chains), 0.1)
    assert (chains >= cut).any(axis=1).sum() == 3


def test_rounding_costs_no_chain():
    # .29 x 100 is 28.999... in floating point.
    chains = np.arange(100)[:, None] / 100
    assert firing_rate(chains, quiet_threshold(chains, 0.29)) == 0.29


def test_no_chain_or_no_share_is_an_error():
    with pytest.raises(ValueError, match=r"scores_by_chain: one chain at least .* got none"):
        quiet_threshold([])
    with pytest.raises(ValueError, match=r"rate: .* got 1"):
        quiet_threshold([[0.1]], 1.0)


def test_chains_without_any_score_need_no_threshold():
    assert quiet_threshold([[np.nan], [np.nan]]) == -np.inf


def test_the_site_threshold_is_the_stricter_of_the_two():
    assert site_threshold([0, 1], [0.1, 0.4], [[0.2]] * 20) == 0.4
    assert site_threshold([0, 1], [0.1, 0.4], [[0.8]] * 20) == pytest.approx(0.8)


def test_temperature_by_hand():
    # Three of four are right at logit 2: the fit is where sigmoid(2 / T) = 3/4, T = 2 / log 3.
    assert temperature([1, 1, 1, 0], [2.0] * 4) == pytest.approx(2 / np.log(3), abs=1e-4)
    # Three classes, 2 of 3 right at logits (1, 0, 0): e^x / (e^x + 2) = 2/3, x = log 4.
    logits = [[1.0, 0, 0]] * 2 + [[1.0, 0, 0]]
    assert temperature([0, 0, 1], logits) == pytest.approx(1 / np.log(4), abs=1e-4)


def test_binary_and_two_class_logits_have_one_temperature():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, 200)
    y = (rng.random(200) < 1 / (1 + np.exp(-z / 2))).astype(float)
    assert temperature(y, z) == pytest.approx(temperature(y, np.stack([0 * z, z], 1)), abs=1e-5)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found_again(true):
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, 20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-z))).astype(float)
    assert temperature(y, z * true) == pytest.approx(true, rel=0.05)


def test_logits_larger_by_a_factor_are_hotter_by_it():
    y, z = [1, 0, 1, 1, np.nan], np.array([1.0, 0.5, 2.0, -1.0, np.nan])
    assert temperature(y, 3 * z) == pytest.approx(3 * temperature(y, z), rel=1e-4)


def test_no_best_temperature_is_an_error():
    with pytest.raises(ValueError, match=r"temperature: a best one .* got 0.01"):
        temperature([0, 1], [-1.0, 1.0])
    with pytest.raises(ValueError, match=r"temperature: a best one .* got 100"):
        temperature([0, 1], [1.0, -1.0])
    with pytest.raises(ValueError, match=r"temperature: both classes .* got 2 labels 1"):
        temperature([1, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"temperature: two classes .* got 2 labels 1"):
        temperature([1, 1], [[1.0, 2.0], [0.0, 1.0]])
