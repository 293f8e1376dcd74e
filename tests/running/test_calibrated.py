"""A saved model takes its calibration along, and whoever asks it sees probabilities and says so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from protgraph.models.model import CONFIG, Config, Model, load
from protgraph.predict import Predictor
from protgraph.resolve import load as named
from protgraph.resolve import shipped
from protgraph.structure.protein import Protein
from protgraph.tasks.probability import applied

LINE = {"slopes": [0.5, 2.0], "intercepts": [-1.0, 0.25], "own": [True, False]}
EXPECTED = {"zinc": {"precision": [0.9, 0.8, 0.95], "recall": [0.7, 0.6, 0.8]}}
PROTEIN = Protein("demo", "MKVLAHC", chain="A")


def config_of(level="residue", **changes):
    graph = {"nodes": ("identity",)}
    own = Config("site", level, ("zinc", "iron"), "cnn", 0, 0, 0, width=8, layers=1, graph=graph)
    return replace(own, **changes)


def width():
    from protgraph.graph.features import NODES

    return NODES["identity"][0]


def model_of(**changes):
    torch.manual_seed(0)
    return Model(config_of(inputs=width(), **changes)).eval()


def predictor(**changes):
    return Predictor(model_of(**changes), "demo")


@pytest.mark.parametrize("level", ["residue", "protein"])
@pytest.mark.parametrize(
    ("calibration", "exclusive"), [(LINE, False), ({"temperature": 3.0}, True)], ids=["own", "one"]
)
def test_predictions_are_the_calibrated_scores(level, calibration, exclusive):
    raw = predictor(level=level, exclusive=exclusive).predict(PROTEIN).scores
    made = predictor(level=level, exclusive=exclusive, calibration=calibration).predict(PROTEIN)
    assert np.array_equal(made.scores, applied(calibration, raw))
    assert not np.allclose(made.scores, raw, atol=0.01)
    assert made.scale.startswith("probabilities, calibrated on validation")


def test_calls_are_made_on_the_calibrated_scores():
    plain = predictor(calibration=LINE).predict(PROTEIN)
    cut = tuple(map(float, np.median(plain.scores, axis=0)))
    made = predictor(calibration=LINE, thresholds=cut).predict(PROTEIN)
    assert made.calls.tolist() == (plain.scores >= np.float32(cut)).tolist()
    assert 0 < made.calls.sum() < made.calls.size


def test_a_model_without_a_calibration_says_that_its_scores_are_not_calibrated():
    made = predictor().predict(PROTEIN)
    assert "# scores: not calibrated\n" in made.tsv()
    assert "scores: not calibrated" in predictor().describe()


def test_quantities_are_neither():
    one = predictor(level="protein", value=True)
    assert one.predict(PROTEIN).scale == ""
    assert "calibrated" not in one.describe()


def test_every_form_says_what_scores_are_and_what_to_expect_of_calls():
    one = predictor(calibration=LINE, thresholds=(0.5, 0.25), expected=EXPECTED)
    made = one.predict(PROTEIN)
    said = "probabilities, calibrated on validation (Platt, 1 of 2 outputs by a line of its own)"
    promise = "precision 0.90 [0.80, 0.95], recall 0.70 [0.60, 0.80]"
    head = [line for line in made.tsv().splitlines() if line.startswith("#")]
    assert head[-3:] == [
        f"# scores: {said}",
        "# thresholds: zinc 0.5, iron 0.25",
        f"# expected of zinc: {promise}",
    ]
    stored = json.loads(made.json())
    assert (stored["scale"], stored["expected"]) == (said, EXPECTED)
    page = made.html()
    assert f"<dt>Scores</dt><dd>{said}</dd>" in page
    assert promise in page
    lines = one.describe().splitlines()
    assert lines[-4:] == [
        f"scores: {said}",
        "threshold of zinc: 0.5",
        "threshold of iron: 0.25",
        f"expected of zinc: {promise}",
    ]


def test_what_is_not_known_of_calls_is_said():
    odd = {"zinc": {"unknown": "a bootstrap needs two families at least, got 1."}}
    made = predictor(thresholds=(0.5, 0.5), expected=odd).predict(PROTEIN)
    assert "# expected of zinc: unknown: a bootstrap needs two families" in made.tsv()
    assert "threshold of all outputs: 0.5" in predictor(thresholds=(0.5, 0.5)).describe()


def test_a_saved_model_comes_back_with_its_calibration(tmp_path):
    model = model_of(calibration=LINE, thresholds=(0.5, 0.5), expected=EXPECTED)
    again = load(model.save(tmp_path / "model"))
    assert again.config == model.config
    one, two = (Predictor(m, "demo").predict(PROTEIN) for m in (model, again))
    assert np.array_equal(one.scores, two.scores)


def test_a_model_saved_before_there_was_calibration_loads_and_is_not_calibrated(tmp_path):
    folder = model_of().save(tmp_path / "model")
    stored = json.loads((folder / CONFIG).read_text())
    for key in ("calibration", "expected"):
        del stored[key]
    (folder / CONFIG).write_text(json.dumps(stored))
    again = Predictor(load(folder), "old")
    assert again.predict(PROTEIN).scale == "not calibrated"
    assert np.array_equal(again.predict(PROTEIN).scores, predictor().predict(PROTEIN).scores)


@pytest.mark.parametrize(
    "odd",
    [
        {"slopes": [1.0], "intercepts": [0.0], "own": [True]},
        {"isotonic": 1},
        {"temperature": "warm"},
    ],
    ids=["width", "kind", "value"],
)
def test_a_calibration_that_does_not_fit_is_refused_before_anything_is_predicted(odd):
    with pytest.raises(ValueError, match=r"^demo: "):
        predictor(calibration=odd)


def test_a_calibration_that_is_no_mapping_is_refused_where_it_is_read(tmp_path):
    folder = model_of().save(tmp_path / "model")
    stored = json.loads((folder / CONFIG).read_text()) | {"calibration": 3}
    (folder / CONFIG).write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=r"config\.json"):
        load(folder)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_says_whether_its_scores_are_calibrated(name):
    assert "\nscores: " in named(name).describe()


def test_what_mlflow_serves_is_calibrated_too():
    from protgraph.serve.pyfunc import Served

    served = Served()
    served.predictor = predictor(calibration=LINE)
    said = served.predict(None, pd.DataFrame({"sequence": ["MKVLAHC"]}))
    expected = predictor(calibration=LINE).predict(PROTEIN).scores
    scores = said[["zinc_score", "iron_score"]].astype(float).to_numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-6)
