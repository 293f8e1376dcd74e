"""Metrics: hand-worked cases, and the libraries that define them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from protgraph.tasks import metrics
from protgraph.tasks.labels import Undefined
from protgraph.tasks.macro import macro

BINARY = {
    "auprc": metrics.auprc,
    "auroc": metrics.auroc,
    "mcc": metrics.mcc,
    "f1": metrics.f1,
    "brier": metrics.brier,
    "ece": metrics.ece,
}


@st.composite
def cases(draw):
    """Labels of both classes and scores of one decimal, so that many are tied."""
    n = draw(st.integers(2, 40))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda v: 0 < sum(v) < n))
    s = draw(st.lists(st.integers(0, 10), min_size=n, max_size=n))
    return np.array(y, dtype=float), np.array(s) / 10


@given(cases())
def test_binary_metrics_equal_those_of_scikit_learn(case):
    y, s = case
    assert metrics.auprc(y, s) == pytest.approx(sklearn.metrics.average_precision_score(y, s))
    assert metrics.auroc(y, s) == pytest.approx(sklearn.metrics.roc_auc_score(y, s))
    assert metrics.brier(y, s) == pytest.approx(sklearn.metrics.brier_score_loss(y, s))
    for cut in (0.0, 0.3, 0.5, 1.1):
        said = s >= cut
        assert metrics.mcc(y, s, cut) == pytest.approx(sklearn.metrics.matthews_corrcoef(y, said))
        assert metrics.f1(y, s, cut) == pytest.approx(sklearn.metrics.f1_score(y, said))


@given(st.integers(0, 10_000))
def test_class_metrics_equal_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    y, s = rng.integers(0, 4, 30), rng.integers(0, 3, (30, 4))
    said = s.argmax(axis=1)
    assert metrics.accuracy(y, s) == pytest.approx(sklearn.metrics.accuracy_score(y, said))
    expected = sklearn.metrics.f1_score(y, said, average="macro")
    assert metrics.macro_f1(y, s) == pytest.approx(expected)


@given(st.integers(0, 10_000))
def test_spearman_equals_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    y, s = rng.integers(0, 9, 30), rng.integers(0, 9, 30)
    assert metrics.spearman(y, s) == pytest.approx(scipy.stats.spearmanr(y, s).statistic)


@given(cases())
def test_the_order_of_the_items_changes_nothing(case):
    y, s = case
    for metric in (metrics.auprc, metrics.auroc, metrics.ece):
        assert metric(y[::-1], s[::-1]) == pytest.approx(metric(y, s))


def test_average_precision_by_hand():
    # Ranked 1, 0, 1: precision 1 at recall 1/2, then 2/3 at recall 1.
    assert metrics.auprc([1, 0, 1], [0.9, 0.8, 0.7]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_mcc_and_f1_by_hand():
    # tp 2, fp 1, fn 1, tn 2
    y, s = [1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2, 0.3]
    assert metrics.mcc(y, s, 0.5) == pytest.approx((2 * 2 - 1 * 1) / 9)
    assert metrics.f1(y, s, 0.5) == pytest.approx(2 / 3)


def test_a_score_equal_to_the_threshold_says_yes():
    assert metrics.f1([1], [0.5], 0.5) == 1
    assert metrics.mcc([1, 0], [0.5, 0.4], 0.5) == 1


def test_calibration_error_by_hand():
    # Bin (1/15, 2/15]: scores .1 and .12, one of two true: gap |.11 - .5|. Bin of .8: gap .2.
    y, s = [0, 1, 1], [0.1, 0.12, 0.8]
    assert metrics.ece(y, s) == pytest.approx((2 * 0.39 + 0.2) / 3)


def test_calibration_bins_hold_their_upper_edge_and_the_ends():
    edge = np.linspace(0, 1, 16)[1]
    # In one bin with .01 the two gaps cancel; in two they would add up.
    assert metrics.ece([0, 1], [edge, 1 - edge]) == pytest.approx(edge)
    assert metrics.ece([1, 0], [edge, edge / 2]) == pytest.approx(abs(0.75 * edge - 0.5))
    assert metrics.ece([0, 1], [0.0, 1.0]) == 0


@pytest.mark.parametrize("name", BINARY)
def test_unknown_labels_are_left_out(name):
    y, s = [0, 1, 0, 1, np.nan], [0.2, 0.9, 0.6, 0.4, np.nan]
    assert BINARY[name](y, s) == BINARY[name](y[:4], s[:4])


def test_unknown_labels_are_left_out_of_classes_and_ranks():
    assert metrics.accuracy([0, np.nan], [[1, 0], [np.nan, np.nan]]) == 1
    assert metrics.macro_f1([0, np.nan], [[1, 0], [np.nan, np.nan]]) == 1
    assert metrics.spearman([1, np.nan, 2], [3, 100, 4]) == pytest.approx(1)


def test_constant_scores_have_a_value():
    y, s = [0, 0, 0, 1], [0.3] * 4
    assert metrics.auprc(y, s) == pytest.approx(0.25)
    assert metrics.auroc(y, s) == 0.5
    assert metrics.mcc(y, s) == 0
    assert metrics.f1(y, s) == 0
    assert metrics.spearman(y, s) == 0


@pytest.mark.parametrize("name", BINARY)
def test_a_score_that_is_no_number_is_an_error(name):
    with pytest.raises(ValueError, match=f"{name}: scores of known labels .* got 1 that"):
        BINARY[name]([0, 1], [0.1, np.nan])


@pytest.mark.parametrize("name", BINARY)
def test_a_label_that_is_no_class_is_an_error(name):
    with pytest.raises(ValueError, match=f"{name}: labels are 0, 1 or NaN .* got 2"):
        BINARY[name]([0, 1, 2], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("name", ["auprc", "auroc", "mcc"])
@pytest.mark.parametrize("label", [0, 1])
def test_a_single_class_is_an_error_that_names_metric_rule_and_value(name, label):
    with pytest.raises(Undefined, match=f"{name}: both classes .* got 2 labels {label} only"):
        BINARY[name]([label, label], [0.1, 0.2])


def test_f1_needs_a_positive_and_spearman_two_values():
    with pytest.raises(Undefined, match=r"f1: one label at least must be 1, got 2 labels 0"):
        metrics.f1([0, 0], [0.1, 0.2])
    with pytest.raises(Undefined, match=r"spearman: two different labels .* got 3 only"):
        metrics.spearman([3, 3], [0.1, 0.2])


@pytest.mark.parametrize("name", BINARY)
def test_all_labels_unknown_is_an_error(name):
    with pytest.raises(Undefined, match=f"{name}: one label at least .* got 2 unknown"):
        BINARY[name]([np.nan, np.nan], [0.1, 0.2])


def test_shapes_that_do_not_fit_are_errors():
    with pytest.raises(ValueError, match=r"auprc: .* got \[2\] and \[3\]"):
        metrics.auprc([0, 1], [1, 2, 3])
    with pytest.raises(ValueError, match=r"auroc: one score an item .* \[2, 2\]"):
        metrics.auroc([0, 1], [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"spearman: one score an item .* \[2, 2\]"):
        metrics.spearman([0, 1], [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"accuracy: scores have shape \[N, C\], got \[2\]"):
        metrics.accuracy([0, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="macro_f1: labels are classes 0 to 1, got 2"):
        metrics.macro_f1([0, 2], [[0.1, 0.2], [0.1, 0.2]])
    with pytest.raises(ValueError, match=r"macro: .* got \[2\] and \[2\]"):
        macro(metrics.auroc)([0, 1], [0.1, 0.2])


@pytest.mark.parametrize("name", ["brier", "ece"])
def test_calibration_needs_probabilities(name):
    with pytest.raises(ValueError, match=f"{name}: scores are probabilities .* -1 to 2"):
        BINARY[name]([0, 1], [-1, 2])


def test_several_outputs_are_averaged_over_those_with_a_value():
    y = np.array([[0, 1, 0], [1, np.nan, 0], [1, 1, np.nan], [0, 1, 1]], dtype=float)
    s = np.random.default_rng(0).random((4, 3))
    expected = (metrics.auprc(y[:, 0], s[:, 0]) + metrics.auprc(y[:, 2], s[:, 2])) / 2
    assert macro(metrics.auprc)(y, s) == pytest.approx(expected)
    with pytest.raises(Undefined, match=r"macro: one output at least .* got 1 without"):
        macro(metrics.auprc)(y[:, 1:2], s[:, 1:2])


def test_a_wrong_score_is_not_taken_for_an_output_without_value():
    with pytest.raises(ValueError, match="auprc: scores of known labels must be finite"):
        macro(metrics.auprc)([[0, 0], [1, 1]], [[0.1, np.nan], [0.2, 0.3]])
