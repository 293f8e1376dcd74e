"""Models inside the package: what their cards claim is what their weights do."""

import numpy as np
import pytest

from protgraph.data.sets import SETS
from protgraph.resolve import load, shipped
from protgraph.structure import synthetic
from protgraph.tasks import metrics
from protgraph.tasks.catalogue import TASKS


def test_zinc_site_is_shipped():
    assert "zinc-site" in shipped()


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_predicts_and_has_thresholds(name):
    predictor = load(name)
    said = predictor.predict(synthetic.protein(5))
    assert np.isfinite(said.scores).all()
    assert len(said.thresholds) == len(said.outputs)
    assert said.given


def test_the_chain_in_the_picture_is_called_as_it_is_labelled(data):
    (one,) = [e for e in SETS["zinc-site"]().side("test") if e.protein.name == "5yf4_A"]
    calls = load("zinc-site").predict(one.protein).calls
    assert np.flatnonzero(calls[:, 0]).tolist() == np.flatnonzero(one.y[:, 0] == 1).tolist()


@pytest.mark.parametrize("name", shipped())
def test_the_scores_on_its_card_are_those_of_its_weights(name, data):
    predictor = load(name)
    config = predictor.model.config
    examples = SETS[config.task](gaps=config.gaps)
    assert config.card["split"] == examples.split_digest
    test = examples.side("test")
    said = predictor.predict([e.protein for e in test])
    y = np.concatenate([e.y for e in test])
    scores = np.concatenate([p.scores for p in said])
    seen = ~np.isnan(scores[:, 0])
    for metric, value in TASKS[config.task].measure(y[seen], scores[seen]).items():
        assert value == pytest.approx(config.card["test"][metric], abs=2e-3)
    calls = metrics.mcc(y[seen, 0], scores[seen, 0], config.thresholds[0])
    assert calls == pytest.approx(config.card["test"]["mcc_stored"], abs=2e-2)
