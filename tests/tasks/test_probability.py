"""Probabilities of scores: order stays, sums stay, and what is stored gives them again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.probability import applied, events, fitted, scale

SITES, CLASSES = TASKS["ligand-sites"], TASKS["enzyme-class"]


@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_a_temperature_is_that_of_the_logits(seed, heat):
    z = np.random.default_rng(seed).normal(0, 2, (6, 4))
    made = applied({"temperature": heat}, softmax(z, axis=1))
    np.testing.assert_allclose(made, softmax(z / heat, axis=1), rtol=1e-4, atol=1e-6)
    assert np.array_equal(made.argmax(axis=1), z.argmax(axis=1))


@given(st.integers(0, 10_000))
def test_of_two_scores_of_an_output_the_larger_stays_the_larger(seed):
    rng = np.random.default_rng(seed)
    s = np.sort(rng.random((20, 2)).astype(np.float32), axis=0)
    lines = {"slopes": [0.3, 4.0], "intercepts": [-2.0, 3.0], "own": [True, True]}
    made = applied(lines, s)
    assert made.dtype == np.float32
    assert (np.diff(made, axis=0) >= 0).all()
    assert ((made > 0) & (made < 1)).all()


def test_nothing_fitted_changes_nothing():
    s = np.array([[0.0, 1.0], [0.5, np.nan]], dtype=np.float32)
    assert np.array_equal(applied({}, s), s, equal_nan=True)
    assert fitted(TASKS["stability"], [[3.0], [-1.0]], [[2.0], [9.0]]) == {}


def test_unknown_scores_stay_unknown():
    lines = {"slopes": [1.0], "intercepts": [0.0], "own": [True]}
    assert np.isnan(applied(lines, [[np.nan], [0.5]])[0, 0])


def test_one_protein_has_the_probabilities_of_its_row():
    for kind in ({"temperature": 2.0}, {"slopes": [1, 2], "intercepts": [0, 1], "own": [True] * 2}):
        assert applied(kind, [0.3, 0.7]).tolist() == applied(kind, [[0.3, 0.7]])[0].tolist()


def test_what_was_fitted_comes_back_from_json_the_same():
    rng = np.random.default_rng(0)
    for task, y in (
        (SITES, rng.integers(0, 2, (300, 10))),
        (CLASSES, rng.integers(0, 4, (300, 1))),
    ):
        z = rng.normal(0, 1, (300, len(task.outputs)))
        told = y == np.arange(4) if task.exclusive else y
        s = softmax(z + told, axis=1) if task.exclusive else 1 / (1 + np.exp(-z - told))
        made = fitted(task, y, s)
        again = json.loads(json.dumps(made))
        assert np.array_equal(applied(again, s), applied(made, s))


def test_a_calibration_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match="a temperature, got isotonic"):
        applied({"isotonic": [1]}, [[0.5]])
    with pytest.raises(ValueError, match="temperature: scores are probabilities"):
        applied({"temperature": 1.0}, [[1.5, -0.5]])


def test_the_line_that_says_it():
    assert scale({"slopes": [1.0], "intercepts": [0.0], "own": [True]}).endswith("(Platt)")
    assert "temperature 0.5" in scale({"temperature": 0.5})
    assert scale({}) == "not calibrated"


def test_what_happened_of_outputs_and_of_classes():
    y, s = events(SITES, [[1, np.nan]], [[0.2, 0.9]])
    assert (y[0], np.isnan(y[1]), s.tolist()) == (1, True, [0.2, 0.9])
    y, s = events(CLASSES, [[1], [np.nan]], [[0.2, 0.8, 0, 0], [0.6, 0.4, 0, 0]])
    assert (y[0], np.isnan(y[1]), s.tolist()) == (1, True, [0.8, 0.6])
