"""Platt scaling: hand-worked cases, laws of the fit, and scikit-learn's own."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from protgraph.tasks.labels import Undefined
from protgraph.tasks.metrics import auroc, ece
from protgraph.tasks.platt import EDGE, Calibrator, calibrator, platt


def drawn(seed, n=200, slope=1.0, intercept=0.0):
    """Labels drawn from true logits, and scores whose logits are those on another line."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 2, n)
    y = (rng.random(n) < expit(z)).astype(float)
    y[:2], z[:2] = (0, 1), (-1, 1)
    return y, expit(slope * z + intercept)


def smoothed(y):
    ones, zeros = (y == 1).sum(), (y == 0).sum()
    return np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))


def entropy(target, p):
    return -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))


@st.composite
def risings(draw):
    """Small cases of every shape, ties, ends and unknowns among them, that rise."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n = draw(st.integers(4, 60))
    y = (rng.random(n) < draw(st.sampled_from([0.1, 0.5, 0.9]))).astype(float)
    y[:2] = 0, 1
    s = expit(draw(st.sampled_from([0.1, 3.0, 30.0])) * (rng.normal(0, 1, n) + y))
    s[:2] = np.sort(s[:2])
    s = np.round(s, draw(st.sampled_from([1, 3, 16])))
    return y, s


def fitted(y, s):
    """The line, or None where there is none that rises."""
    try:
        return platt(y, s)
    except Undefined:
        return None


def test_two_scores_by_hand():
    # Each score's probability is the mean of its targets: ones 5/6, zeros 1/6 of four each.
    y, s = [0, 0, 0, 1, 0, 1, 1, 1], [0.2] * 4 + [0.6] * 4
    slope, intercept = platt(y, s)
    at = expit(slope * logit([0.2, 0.6]) + intercept)
    assert at == pytest.approx([(3 * 1 / 6 + 5 / 6) / 4, (1 / 6 + 3 * 5 / 6) / 4], abs=1e-9)


def test_scores_that_separate_have_a_finite_line():
    # Two ones and two zeros: targets 3/4 and 1/4, so the line goes through (+-1, +-log 3).
    slope, intercept = platt([0, 0, 1, 1], expit([-1, -1, 1, 1]))
    assert slope == pytest.approx(np.log(3), abs=1e-9)
    assert intercept == pytest.approx(0, abs=1e-9)


def test_a_lone_one_far_away_is_fitted_although_full_steps_run_off():
    # Twenty zeros at logit -16, a one at 0: the targets 1/22 and 2/3 are met exactly.
    slope, intercept = platt([0] * 20 + [1], expit([-16.0] * 20 + [0.0]))
    assert slope == pytest.approx((np.log(2) + np.log(21)) / 16, abs=1e-9)
    assert intercept == pytest.approx(np.log(2), abs=1e-9)


@given(risings())
def test_the_fit_is_where_the_slopes_of_the_loss_vanish(case):
    y, s = case
    line = fitted(y, s)
    if line is not None:
        x = logit(np.clip(s, EDGE, 1 - EDGE))
        rest = expit(line[0] * x + line[1]) - smoothed(y)
        assert abs(rest.sum()) < 1e-5
        assert abs(rest @ (x - x.mean())) < 1e-5 * x.std()


@given(risings())
def test_the_fit_is_never_worse_than_the_scores_on_its_targets(case):
    y, s = case
    line = fitted(y, s)
    if line is not None:
        x = logit(np.clip(s, EDGE, 1 - EDGE))
        after = entropy(smoothed(y), expit(line[0] * x + line[1]))
        assert after <= entropy(smoothed(y), expit(x)) + 1e-9


@pytest.mark.parametrize(("slope", "intercept"), [(3.0, 0.0), (0.3, 1.0), (1.0, -2.0), (2.0, 3.0)])
def test_the_log_loss_falls_on_the_labels_themselves(slope, intercept):
    y, s = drawn(0, 400, slope, intercept)
    after = Calibrator(*[(v,) for v in platt(y, s)], (True,))(s[:, None])[:, 0]
    assert log_loss(y, after) < log_loss(y, s)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_finds_the_same_line(seed):
    y, s = drawn(seed, 300, 2.0, 1.0)
    slope, intercept = platt(y, s)
    theirs = _SigmoidCalibration().fit(logit(s), y)
    assert slope == pytest.approx(-theirs.a_, rel=1e-3)
    assert intercept == pytest.approx(-theirs.b_, rel=1e-3)


@given(risings())
def test_weighted_logistic_regression_finds_the_same_line(case):
    y, s = case
    line = fitted(y, s)
    if line is not None:
        # A target t is an item that is 1 with weight t and 0 with weight 1 - t.
        x, t = logit(np.clip(s, EDGE, 1 - EDGE)), smoothed(y)
        there = (x - x.mean()) / x.std()
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
        both = np.concatenate([there, there])[:, None]
        model.fit(both, np.repeat([1, 0], len(y)), np.concatenate([t, 1 - t]))
        assert line[0] * x + line[1] == pytest.approx(model.decision_function(there[:, None]), 1e-4)


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, 0.5), (0.5, -1.0)])
def test_a_known_line_is_undone(slope, intercept):
    y, s = drawn(1, 40_000, slope, intercept)
    found = platt(y, s)
    assert found[0] == pytest.approx(1 / slope, rel=0.05)
    assert found[1] == pytest.approx(-intercept / slope, abs=0.1)


def test_calibrated_scores_hardly_change():
    y, s = drawn(2, 40_000)
    made = calibrator(y[:, None], s[:, None])(s[:, None])[:, 0]
    assert np.abs(made - s).max() < 0.02


@pytest.mark.parametrize(("slope", "intercept"), [(3.0, 0.0), (2.0, 3.0), (0.3, 1.0)])
def test_the_calibration_error_falls_on_other_items(slope, intercept):
    made = calibrator(*(one[:, None] for one in drawn(3, 2000, slope, intercept)))
    y, s = drawn(4, 2000, slope, intercept)
    after = made(s[:, None])[:, 0]
    assert ece(y, after) < 0.5 * ece(y, s)
    assert auroc(y, after) == auroc(y, s)


def test_unknown_labels_move_nothing():
    y, s = drawn(5)
    more = np.append(y, np.nan), np.append(s, np.nan)
    assert platt(*more) == platt(y, s)


def test_single_precision_at_its_ends_is_welcome():
    s = np.array([0, 1e-30, 0.5, 1 - 2**-24, 1], dtype=np.float32)
    slope, _ = platt([0, 0, 1, 1, 1], s)
    assert 0 < slope < 1


@pytest.mark.parametrize(
    ("y", "s", "said"),
    [
        ([0, 1], [0.9, 0.1], r"a positive slope is needed, the best is -"),
        ([0, 1, 0, 1], [0.1, 0.1, 0.9, 0.9], r"a positive slope is needed"),
        ([0, 1], [0.5, 0.5], r"scores that differ are needed, got 0.5 only"),
        ([1, 1], [0.5, 0.6], r"both classes are needed, got 2 labels 1 only"),
    ],
)
def test_no_line_that_rises_is_an_error(y, s, said):
    with pytest.raises(Undefined, match=f"platt: {said}"):
        platt(y, s)


def test_scores_that_are_no_probabilities_are_an_error():
    with pytest.raises(ValueError, match=r"platt: scores are probabilities .* got -3 to 2"):
        platt([0, 1], [-3, 2])


def several(seed, n=300):
    """Three outputs: many ones, few, none; and a line for each."""
    both = [drawn(seed + output, n, 2.0) for output in range(3)]
    y, s = np.stack([y for y, _ in both], axis=1), np.stack([s for _, s in both], axis=1)
    y[9:, 1], y[:, 2] = 0, 0
    return y, s


def test_outputs_with_few_ones_or_one_class_share_the_line_of_all():
    y, s = several(10)
    made = calibrator(y, s)
    assert made.own == (True, False, False)
    assert (made.slopes[0], made.intercepts[0]) == platt(y[:, 0], s[:, 0])
    assert (made.slopes[1], made.intercepts[1]) == platt(y.ravel(), s.ravel())
    assert (made.slopes[2], made.intercepts[2]) == (made.slopes[1], made.intercepts[1])


@pytest.mark.parametrize("rare", [0, 1])
def test_ten_items_of_the_rarer_class_are_enough(rare):
    y, s = drawn(11, 100)
    both = np.stack([y, y], axis=1)
    for column, count in enumerate((9, 10)):
        both[:, column] = 1 - rare
        order = np.argsort(s) if rare == 0 else np.argsort(-s)
        both[order[:count], column] = rare
    assert calibrator(both, np.stack([s, s], axis=1)).own == (False, True)


def test_an_output_whose_line_would_fall_shares_the_line_of_all():
    y, s = drawn(12)
    turned = calibrator(np.stack([y, y, y], axis=1), np.stack([s, s, 1 - s], axis=1))
    assert turned.own == (True, True, False)
    assert turned.slopes[2] > 0


def test_a_common_line_that_falls_is_an_error():
    y, s = drawn(13)
    with pytest.raises(Undefined, match="platt: a positive slope"):
        calibrator(y[:, None], 1 - s[:, None])


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=20),
    st.floats(1e-3, 50),
    st.floats(-50, 50),
)
def test_probabilities_stay_inside_and_in_order(scores, slope, intercept):
    s = np.sort(scores)[:, None]
    made = Calibrator((slope,), (intercept,), (True,))(s)[:, 0]
    assert (np.diff(made) >= 0).all()
    for dtype in (np.float32, np.float64):
        assert ((made.astype(dtype) > 0) & (made.astype(dtype) < 1)).all()


def test_a_row_is_calibrated_as_in_its_table_and_nan_stays():
    y, s = several(14)
    made = calibrator(y, s)
    s[3, 1] = np.nan
    assert made(s).shape == s.shape
    np.testing.assert_array_equal(made(s[3]), made(s)[3])
    np.testing.assert_array_equal(np.isnan(made(s)), np.isnan(s))


def test_it_comes_back_from_json_as_it_was():
    made = calibrator(*several(15))
    assert Calibrator(**json.loads(json.dumps(asdict(made)))) == made


def test_what_does_not_fit_is_an_error():
    made = Calibrator((1.0, 1.0), (0.0, 0.0), (True, True))
    with pytest.raises(ValueError, match=r"calibrator: scores have shape \[N, 2\] .* got \[3\]"):
        made([0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"calibrator: scores are probabilities .* got 0 to 2"):
        made([0, 2])
    with pytest.raises(ValueError, match=r"calibrator: .* one an output, got \[1, 2, 1\]"):
        Calibrator((1.0,), (0.0, 1.0), (True,))
    with pytest.raises(ValueError, match=r"positive slope, got slope 0 and intercept 1"):
        Calibrator((0.0,), (1.0,), (True,))
    with pytest.raises(ValueError, match=r"positive slope, got slope 1 and intercept nan"):
        Calibrator((1.0,), (np.nan,), (True,))
    with pytest.raises(ValueError, match=r"calibrator: .* got \[2\] and \[2\]"):
        calibrator([0, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"calibrator: fewest is 1 or more, got 0"):
        calibrator([[0], [1]], [[0.1], [0.2]], fewest=0)
