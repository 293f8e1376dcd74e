"""What validation decides: calibration by kind of task, thresholds, and what to expect of them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from protgraph.data.dataset import Dataset, Example
from protgraph.recipe import Recipe
from protgraph.running.decide import QUIET, answerable, decide, settle
from protgraph.running.evaluate import Scored, called, outcome, reliability
from protgraph.running.run import execute
from protgraph.structure.protein import Protein
from protgraph.tasks import calibration, metrics
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.platt import platt
from protgraph.tasks.thresholds import recommended

ZINC, CLASSES, VALUE = (TASKS[name] for name in ("zinc-site", "enzyme-class", "stability"))
ACTIONS = TASKS["shs27k-bfs-0"]


def side(task, *, count=600, seed=0, families=30):
    """Items whose scores are too sure: the true logits, three times too large."""
    rng = np.random.default_rng(seed)
    width = len(task.outputs)
    z = rng.normal(-1, 1.5, (count, width))
    if task.exclusive:
        chance = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        y = np.array([[rng.choice(width, p=p)] for p in chance], dtype=np.float32)
        sure = np.exp(3 * z) / np.exp(3 * z).sum(axis=1, keepdims=True)
    else:
        y = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(np.float32)
        sure = 1 / (1 + np.exp(-3 * z))
    place = rng.integers(families, size=count)
    return Scored(y, sure.astype(np.float32), place, place.astype(str))


@pytest.mark.parametrize("task", [ZINC, CLASSES, ACTIONS], ids=lambda task: task.name)
def test_calibrated_scores_of_other_items_are_closer_to_what_happens(task):
    made, other = decide(task, side(task, count=3000)), side(task, count=3000, seed=1)
    numbers = reliability(task, other, made.calibrated(other))
    assert made.reason == ""
    assert numbers["ece"]["calibrated"] < 0.03 < 0.1 < numbers["ece"]["raw"]
    assert numbers["brier"]["calibrated"] < numbers["brier"]["raw"]


def test_outputs_that_stand_alone_have_a_line_classes_a_temperature_quantities_nothing():
    assert set(decide(ZINC, side(ZINC)).calibration) == {"slopes", "intercepts", "own"}
    assert decide(CLASSES, side(CLASSES)).calibration == {"temperature": pytest.approx(3, rel=0.2)}
    measured = Scored(*(np.arange(8.0)[:, None],) * 2, np.arange(8), np.arange(8).astype(str))
    made = decide(VALUE, measured)
    assert (made.calibration, made.thresholds, made.expected) == ({}, (), {})
    assert made.scale == "not calibrated: the outputs are quantities"
    assert made.calibrated(measured).scores.tolist() == measured.scores.tolist()


def test_the_line_is_that_of_platt_on_the_same_items():
    valid = side(ZINC)
    made = decide(ZINC, valid).calibration
    line = platt(valid.y[:, 0], valid.scores[:, 0])
    assert (made["slopes"][0], made["intercepts"][0], made["own"]) == (*line, [True])


def test_a_decision_is_plain_json():
    for task in (ZINC, CLASSES, ACTIONS):
        made = decide(task, side(task))
        kept = asdict(made) | {"thresholds": list(made.thresholds)}
        assert json.loads(json.dumps(kept, allow_nan=False)) == kept


def test_where_no_calibration_can_be_fitted_the_decision_says_why():
    flat = side(ZINC)
    flat = Scored(flat.y, np.full_like(flat.scores, 0.25), flat.protein, flat.families)
    made = decide(ZINC, flat)
    assert made.calibration == {}
    assert made.scale == "not calibrated: platt: scores that differ are needed, got 0.25 only."
    one = side(CLASSES)
    made = decide(CLASSES, Scored(0 * one.y, one.scores, one.protein, one.families))
    assert made.scale.startswith("not calibrated: temperature: two classes are needed")


def test_scores_that_are_no_probabilities_are_an_error_and_not_silence():
    wild = side(ZINC)
    wild = Scored(wild.y, 5 * wild.scores, wild.protein, wild.families)
    with pytest.raises(ValueError, match=r"platt: scores are probabilities from 0 to 1"):
        decide(ZINC, wild)


def test_calls_do_not_depend_on_the_calibration():
    """Of one output the order stays, and with it which items the best F1 calls."""
    valid, test = side(ZINC), side(ZINC, seed=1)
    made = decide(ZINC, valid)
    raw = calibration.threshold(valid.y[:, 0], valid.scores[:, 0])
    final = made.calibrated(test).scores >= np.float32(made.thresholds[0])
    assert np.array_equal(final, test.scores >= np.float32(raw))


def test_a_threshold_is_a_calibrated_score_and_its_promise_that_of_recommended():
    valid = side(ZINC)
    made = decide(ZINC, valid)
    there = made.calibrated(valid)
    best = recommended(there.y[:, 0], there.scores[:, 0], there.families)
    assert made.thresholds == (best.value,)
    assert made.expected["zinc"] == {
        "precision": list(best.precision), "recall": list(best.recall),
    }  # fmt: skip


def test_the_promise_of_a_quiet_threshold_is_its_own_and_not_that_of_the_best_f1():
    valid = side(ZINC)
    loud = Scored(
        np.concatenate([valid.y, np.full((10, 1), np.nan, dtype=np.float32)]),
        np.concatenate([valid.scores, np.full((10, 1), 0.999, dtype=np.float32)]),
        np.concatenate([valid.protein, 100 + np.arange(10)]),
        np.concatenate([valid.families, np.full(10, "loud")]),
    )
    made, best = decide(ZINC, loud), decide(ZINC, valid)
    final = made.calibrated(loud)
    assert calibration.firing_rate(final.unlabelled(0), made.thresholds[0]) <= QUIET
    assert made.thresholds[0] > best.thresholds[0]
    found = outcome(ZINC, made.calibrated(valid), made.thresholds)["zinc"]
    for key, value in found.items():
        assert made.expected["zinc"][key][0] == pytest.approx(value)
    assert found["recall"] < best.expected["zinc"]["recall"][0]


def test_outputs_of_pairs_share_a_threshold_and_what_is_expected_of_it():
    valid = side(ACTIONS)
    made = decide(ACTIONS, valid)
    final = made.calibrated(valid)
    assert len(set(made.thresholds)) == 1
    assert set(made.expected) == {"all outputs"}
    best = calibration.threshold(final.y.ravel(), final.scores.ravel())
    assert made.thresholds[0] == best
    ((_, _, flat),) = called(ACTIONS, final, made.thresholds)
    said = flat.scores[:, 0] >= np.float32(best)
    assert made.expected["all outputs"]["precision"][0] == pytest.approx(flat.y[said].mean())


def test_a_single_family_leaves_the_promise_unknown_and_says_why():
    made = decide(ZINC, side(ZINC, families=1))
    assert made.thresholds
    assert "two families at least, got 1" in made.expected["zinc"]["unknown"]


def test_what_test_gave_by_hand():
    y = np.array([[1], [0], [1], [np.nan]], dtype=np.float32)
    test = Scored(y, np.array([[0.9], [0.8], [0.1], [0.9]]), np.arange(4), np.array(list("aabb")))
    assert outcome(ZINC, test, [0.5]) == {"zinc": {"precision": 0.5, "recall": 0.5}}
    assert outcome(ZINC, test, [0.95]) == {"zinc": {"recall": 0.0}}


def test_reliability_of_classes_is_of_the_class_said():
    y = np.array([[0], [1]], dtype=np.float32)
    one = Scored(
        y, np.array([[0.7, 0.1, 0.1, 0.1], [0.6, 0.4, 0, 0]]), np.arange(2), np.array(["a", "b"])
    )
    numbers = reliability(CLASSES, one, one)
    assert numbers["ece"]["raw"] == metrics.ece([1, 0], [0.7, 0.6])
    assert numbers["brier"]["raw"] == pytest.approx((0.3**2 + 0.6**2) / 2)


@pytest.fixture
def one_class():
    """Labels of a set with three residues a side: test has both classes, validation not."""
    labels = {"train": (0, 1, 0), "valid": (0, np.nan, 0), "test": (0, 1, 1)}
    examples = tuple(
        Example(Protein(name, "MKV"), np.array(y, dtype=float)[:, None], name, name)
        for name, y in labels.items()
    )
    return Dataset("few", "", examples)


def test_validation_of_one_class_is_refused_before_training(monkeypatch, one_class):
    monkeypatch.setattr("protgraph.running.decide.learn", None)
    answerable(ZINC, one_class, "test")
    with pytest.raises(ValueError, match="few: the valid side needs both classes of zinc, got 0 a"):
        settle(Recipe({"task": "zinc-site"}), ZINC, one_class)


def test_a_test_side_of_one_class_is_refused_before_training(monkeypatch, one_class, tmp_path):
    monkeypatch.setattr("protgraph.running.run.settle", None)
    turned = {"valid": "test", "test": "valid", "train": "train"}
    other = tuple(
        replace(e, split=turned[e.split], family=turned[e.split]) for e in one_class.examples
    )
    data = replace(one_class, examples=other)
    with pytest.raises(ValueError, match="few: the test side needs both classes of zinc"):
        execute(Recipe({"task": "zinc-site"}), ZINC, data, name="few", folder=tmp_path)
    assert not list(tmp_path.iterdir())
