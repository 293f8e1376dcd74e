"""Linear baselines as models that can be saved: the same scores, without what fitted them."""

import numpy as np
import pytest

from protgraph.data.dataset import Dataset, Example
from protgraph.models.model import load
from protgraph.predict import Predictor
from protgraph.recipe import Recipe
from protgraph.running.baselines import BASELINES
from protgraph.running.learn import learn
from protgraph.running.run import run
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import own

TASKS = {
    "classes": own("made", "protein", "classes", ("few", "some", "many", "none has this")),
    "two": own("made", "protein", "classes", ("few", "many")),
    "value": own("made", "protein", "value", ("share",)),
    "labels": own("made", "protein", "multilabel", ("K", "W")),
    "states": own("made", "residue", "classes", ("other", "K", "none has this")),
}


def dataset(task):
    """Proteins of several lengths, some with unknown letters, and how many K they have."""
    rng = np.random.default_rng(0)
    examples = []
    for i in range(90):
        length = int(rng.integers(20, 60))
        word = "".join(rng.choice(list("ADGKWX"), length, p=rng.dirichlet(np.ones(6))))
        share = word.count("K") / length
        y = {
            "classes": [min(int(share * 6), 2)],
            "two": [share > 0.2],
            "value": [share],
            "labels": [share > 0.2, word.count("W") > 8],
            "states": [[letter == "K"] for letter in word],
        }[task]
        side = ("train", "train", "train", "valid", "test")[i % 5]
        examples.append(Example(Protein(f"p{i}", word), np.asarray(y, float), side, f"f{i}"))
    return Dataset("made", "", tuple(examples))


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("composition-linear", "classes"),
        ("composition-linear", "two"),
        ("composition-linear", "value"),
        ("vectors-linear", "classes"),
        ("vectors-linear", "value"),
        ("vectors-linear", "states"),
    ],
)
def test_what_is_saved_says_what_was_fitted(name, task, tmp_path):
    data = dataset(task)
    recipe = Recipe({"task": "made", "model.encoder": name, "vectors.encoder": "physchem"})
    learned = BASELINES[name](recipe, TASKS[task], data)
    test = data.side("test")
    predictor = Predictor(load(learned.model.save(tmp_path / "model")), "saved")
    found = predictor.predict([example.protein for example in test])
    for said, answer in zip(learned.score(test), found, strict=True):
        assert answer.scores == pytest.approx(said, abs=1e-5)
    assert len({tuple(np.ravel(answer.scores).tolist()) for answer in found}) > 1
    wants = "physchem" if name == "vectors-linear" else ""
    assert predictor.model.config.vectors == wants


def test_labels_that_stand_alone_are_no_model():
    # A ridge is cut off at 0 and 1, a model's scores come from a sigmoid.
    recipe = Recipe({"task": "made", "model.encoder": "composition-linear"})
    assert BASELINES["composition-linear"](recipe, TASKS["labels"], dataset("labels")).model is None


def test_a_run_of_a_linear_model_leaves_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.setattr("protgraph.running.question.TASKS", {"made": TASKS["classes"]})
    recipe = Recipe({"task": "made", "model.encoder": "composition-linear"})
    result = run(recipe, name="made/composition", folder=tmp_path, data=dataset("classes"))
    model = load(result.folder / "model")
    assert model.config.card["test"] == result.summary["test"]
    assert model.config.calibration


def test_a_linear_model_can_be_trained_by_gradient_too():
    data = dataset("two")
    keys = {
        "train.epochs": 40,
        "train.patience": 40,
        "train.rate": 0.1,
        "graph.nodes": ["identity"],
    }
    recipe = Recipe({"task": "made", "model.encoder": "linear", **keys})
    learned = learn(recipe, TASKS["two"], data)
    test = data.side("test")
    y = np.stack([example.y for example in test])
    # One class for all has .5 at most.
    assert TASKS["two"].measure(y, np.stack(learned.score(test)))["macro_f1"] > 0.6
    assert learned.parameters == 2 * (21 + 1 + 1)
