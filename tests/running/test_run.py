"""A run, from a recipe to a registered model that predicts, on data made on the spot."""

import json
from pathlib import Path

import numpy as np
import pytest

from protgraph.cli import main
from protgraph.comparing.paired import compare
from protgraph.data.sites import planted
from protgraph.recipe import load as recipe_of
from protgraph.resolve import load
from protgraph.running.decide import thresholds
from protgraph.running.evaluate import Scored
from protgraph.running.question import task_of
from protgraph.running.run import execute, run
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import auprc, ece, mcc
from protgraph.tasks.probability import applied
from protgraph.track.registry import register

FEW = ["train.epochs=6", "model.width=16", "data.batch=400"]


@pytest.fixture(scope="module")
def data():
    return planted(count=40)


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    """One tracked run of the planted sites and where it was kept."""
    place = tmp_path_factory.mktemp("run")
    patch = pytest.MonkeyPatch()
    patch.chdir(place)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
    recipe, name = recipe_of("planted_site/egnn", FEW)
    yield run(recipe, name=name, data=data, folder=place / "runs")
    patch.undo()


def of_table(encoder):
    text = "task: length\ndata.table: own.csv\ndata.labels: [y]\ntrain.epochs: 1\n"
    Path("own.yaml").write_text(f"{text}model.encoder: {encoder}\n")
    return recipe_of("own.yaml")


@pytest.fixture
def own_table(found):
    """A table of sequences in the folder where one is."""
    rows = [
        f"p{k},{'MKVL' * (k + 1)},{k},{side}"
        for k, side in enumerate(["train"] * 6 + ["valid"] * 6 + ["test"] * 9)
    ]
    Path("own.csv").write_text("\n".join(["id,sequence,y,split", *rows]) + "\n")


def test_a_network_of_sequences_needs_no_list_of_features(own_table):
    recipe, name = of_table("light-attention")
    made = run(recipe, name=name)
    assert list(load(made.folder / "model").model.config.graph["nodes"]) == ["identity", "scales"]
    assert "no model is kept" not in made.text()


def test_a_baseline_says_that_no_model_is_kept(own_table):
    recipe, name = of_table("kmer-linear")
    made = run(recipe, name=name)
    assert made.text().endswith("(no model is kept of a baseline)")
    with pytest.raises(ValueError, match=r"holds one model, this one none; of baselines"):
        register(made.summary["run"], "own")


def test_a_model_that_nobody_knows_leaves_nothing(own_table):
    recipe, name = of_table("kmer-liner")
    before = set(Path("runs").glob("*"))
    with pytest.raises(ValueError, match=r"Unknown model.encoder .* Did you mean kmer-l"):
        run(recipe, name=name)
    assert set(Path("runs").glob("*")) == before


def test_a_run_keeps_model_plots_and_numbers(found):
    kept = {path.name for path in found.folder.iterdir()}
    plots = {"precision_recall.png", "reliability.png", "selective.png", "training.png"}
    assert plots | {"model", "result.json"} <= kept
    assert json.loads((found.folder / "result.json").read_text())["test"] == found.summary["test"]


def test_a_run_is_remembered_with_recipe_data_and_split(found):
    import mlflow

    kept = mlflow.MlflowClient().get_run(found.summary["run"])
    assert kept.info.status == "FINISHED"
    assert kept.data.params["model.width"] == "16"
    assert {"recipe", "data", "split", "commit"} <= set(kept.data.tags)
    assert kept.data.metrics["test_auprc"] == pytest.approx(found.summary["test"]["auprc"])
    epochs = mlflow.MlflowClient().get_metric_history(kept.info.run_id, "auprc")
    assert len(epochs) == found.summary["epochs"]


def test_the_registered_model_says_what_the_run_measured(found, data, capsys):
    assert main(["register", found.summary["run"], "planted"]) == 0
    assert main(["promote", "planted", "1"]) == 0
    predictor = load("planted@champion")
    examples = data.side("test")
    said = predictor.predict([e.protein for e in examples])
    y = np.concatenate([e.y[:, 0] for e in examples])
    scores = np.concatenate([p.scores[:, 0] for p in said])
    assert auprc(y, scores) == pytest.approx(found.summary["test"]["auprc"], abs=1e-6)
    assert main(["models", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()[2:]]
    assert "planted" in {row["name"] for row in listed}


def test_a_run_says_how_good_its_probabilities_and_calls_are(found):
    s = found.summary
    assert s["calibration"] == "probabilities, calibrated on validation (Platt)"
    config = load(found.folder / "model").model.config
    final = applied(config.calibration, found.test.scores)[:, 0]
    y = found.test.y[:, 0]
    assert s["ece"] == {"raw": ece(y, found.test.scores[:, 0]), "calibrated": ece(y, final)}
    assert config.card["ece on test"] == s["ece"]
    assert config.thresholds == tuple(s["thresholds"])
    assert config.expected == s["expected"]
    said = final >= np.float32(config.thresholds[0])
    assert s["found"]["site"]["precision"] == pytest.approx(y[said].mean())
    assert s["test"]["mcc_stored"] == pytest.approx(mcc(y, final, config.thresholds[0]))


def test_benchmark_numbers_are_those_of_the_scores_as_trained(found):
    own = TASKS["planted-site"].measure(found.test.y, found.test.scores)
    assert {key: found.summary["test"][key] for key in own} == own


def test_the_test_side_reaches_neither_training_nor_thresholds(data, tmp_path):
    """Labels of the test side turned upside down change the test numbers and nothing else."""
    from dataclasses import replace

    turned = replace(
        data,
        examples=tuple(
            replace(e, y=1 - e.y) if e.split == "test" else e for e in data.examples
        ),
    )  # fmt: skip
    recipe, name = recipe_of("planted_site/cnn", FEW)
    task = task_of(recipe)
    one = execute(recipe, task, data, name=name, folder=tmp_path / "one")
    two = execute(recipe, task, turned, name=name, folder=tmp_path / "two")
    assert np.array_equal(one.test.scores, two.test.scores)
    for key in ("calibration", "thresholds", "expected", "valid"):
        assert one.summary[key] == two.summary[key]
    kept = [load(out.folder / "model").model.config for out in (one, two)]
    assert kept[0].calibration == kept[1].calibration != {}
    assert one.summary["test"] != two.summary["test"]


def test_a_stored_threshold_is_quiet_on_chains_without_a_label():
    task = task_of(recipe_of("planted_site/egnn")[0])
    y = np.array([[0], [1], [np.nan], [np.nan]], dtype=np.float32)
    scores = np.array([[0.1], [0.4], [0.9], [0.2]], dtype=np.float32)
    protein = np.array([0, 0, 1, 2])
    side = Scored(y, scores, protein, np.array(["a", "a", "b", "c"]))
    (chosen,) = thresholds(task, side)
    assert chosen > 0.9
    alone = Scored(y[:2], scores[:2], protein[:2], side.families[:2])
    assert thresholds(task, alone) == (pytest.approx(0.4),)


def test_a_model_compared_with_itself_does_not_differ(found):
    rows = compare({"one": [found.test], "same": [found.test]}, auprc, reference="one")
    assert rows[1]["one minus it"] == "0.000 [0.000, 0.000]"
    assert rows[0]["value"] == rows[1]["value"]


def test_models_tested_on_other_items_are_not_compared(found):
    other = Scored(1 - found.test.y, found.test.scores, found.test.protein, found.test.families)
    with pytest.raises(ValueError, match="tested on other items"):
        compare({"a": [found.test], "b": [other]}, auprc, reference="a")
