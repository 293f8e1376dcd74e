"""Every version of a model on one set, in one table, remembered beside the runs."""

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
from recorded import keep, record

from protgraph.cli import main
from protgraph.comparing.paired import compare
from protgraph.data import sets
from protgraph.models.model import Model
from protgraph.models.model import load as read_model
from protgraph.recipe import load as recipe_of
from protgraph.resolve import load
from protgraph.running.appraisal import appraise
from protgraph.running.run import run
from protgraph.serve.registered import served
from protgraph.structure import write
from protgraph.tasks.catalogue import TASKS
from protgraph.track import names, registry, runs

FEW = ["train.epochs=2", "model.width=16", "model.layers=1", "data.batch=400"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two runs on planted sites, registered under one name, the first one champion."""
    place = tmp_path_factory.mktemp("appraisal")
    few = sets.planted(count=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
        patch.setitem(sets.SETS, "planted-site", lambda *, gaps=True: few)
        made = []
        for kind in ("egnn", "cnn"):
            recipe, name = recipe_of(f"planted_site/{kind}", FEW)
            made.append(run(recipe, name=name, data=few, folder=place / "runs"))
            registry.register(made[-1].summary["run"], "sites")
        assert main(["promote", "sites", "1"]) == 0
        yield made


def test_the_numbers_are_those_of_the_runs(found):
    told = appraise("sites@champion", "planted-site").facts
    assert [row["version"] for row in told["rows"]] == [1, 2]
    for row, one in zip(told["rows"], found, strict=True):
        assert row["auprc"][0] == pytest.approx(one.summary["test"]["auprc"], abs=1e-6)
        assert row["split"] == "same"
    metric = TASKS["planted-site"].metrics["auprc"]
    rows = compare({"1": [found[0].test], "2": [found[1].test]}, metric, reference="1")
    assert told["rows"][0]["minus"] is None
    value, low, high = told["rows"][1]["minus"]
    assert f"{-value:.3f} [{-high:.3f}, {-low:.3f}]" == rows[1]["1 minus it"]


def test_versions_that_answer_otherwise_are_left_out_and_named(found, tmp_path):
    """One of whole proteins with an output of the same name, and one that reads no gaps as X."""
    config = read_model(found[0].folder / "model").config
    registry.register(found[0].summary["run"], "mixed")
    others = {
        "whole": replace(config, task="whole", level="protein"),
        "gapless": replace(config, gaps=False),
    }
    for name, other in others.items():
        tags = {"recipe": "0a", "data": "1b", "split": "2c"}
        with runs.start("demo", name, params={}, tags=tags) as run:
            keep(run, Model(other).save(tmp_path / name), task="x", record=record())
        registry.register(run.id, "mixed")
    told = appraise("models:/mixed/1", "planted-site").facts
    assert [row["version"] for row in told["rows"]] == [1]
    assert told["notes"] == [
        "Version 3 reads gaps otherwise and is left out.",
        "Version 2 answers another question and is left out.",
    ]


def test_an_evaluation_is_a_run_of_the_same_experiment(found):
    made = appraise("sites@champion", "planted-site")
    client = mlflow.MlflowClient()
    kept = client.get_run(made.facts["run"])
    assert kept.info.experiment_id == client.get_run(found[0].summary["run"]).info.experiment_id
    files = {one.path for one in client.list_artifacts(kept.info.run_id)}
    assert {"versions.csv", "versions.png", "evaluation.md"} <= files
    version = names.find("sites@champion")
    model = client.get_logged_model(version.model)
    held = [(one.key, one.dataset_name, one.value) for one in model.metrics]
    assert ("auprc", "planted-site", made.facts["rows"][0]["auprc"][0]) in held


def test_the_verb_prints_one_table(found, capsys):
    assert main(["evaluate", "sites@champion", "planted-site"]) == 0
    said = capsys.readouterr().out
    assert "| version | aliases | auprc | minus the reference | split |" in said
    assert "| 1 | champion | " in said
    assert main(["evaluate", "sites@champion", "planted-site", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2


def test_a_set_of_another_kind_is_refused(found, capsys):
    assert main(["evaluate", "sites@champion", "nowhere.tsv"]) == 2
    assert "nowhere.tsv: no table is there, and the sets are zinc-site" in capsys.readouterr().err
    sides = ["train", "valid", "test"] * 3
    rows = [f"p{i},MKVLAHCDEW{'ACDEFGHIK'[i]},{side},{i}" for i, side in enumerate(sides)]
    Path("own.csv").write_text("\n".join(["id,sequence,split,label", *rows]))
    assert main(["evaluate", "sites@champion", "own.csv"]) == 2
    assert "planted-site scores a residue's site" in capsys.readouterr().err


def test_a_version_carries_what_its_run_knew(found):
    version = names.find("sites@champion")
    summary = found[0].summary
    for key in ("recipe", "data", "split", "commit"):
        assert version.tags[key] == summary[key]
    assert json.loads(version.tags["thresholds"]) == {"site": summary["thresholds"][0]}
    folder = registry.record(version.uri)
    again, _ = recipe_of(folder / "recipe.yaml")
    assert again.digest == summary["recipe"]
    assert json.loads((folder / "result.json").read_text())["test"] == summary["test"]
    assert (folder / "environment.json").is_file()
    assert (folder / "precision_recall.png").is_file()
    assert f"| auprc | {summary['valid']['auprc']:.3f}" in (folder / "report.md").read_text()
    card = mlflow.MlflowClient().get_model_version("sites", "1").description
    assert card == (folder / "card.md").read_text()
    assert f"- split: {summary['split']}" in card
    info = mlflow.models.get_model_info(version.uri)
    assert info.signature.inputs.required_input_names() == ["structure"]
    assert info.saved_input_example_info is not None


def test_the_pyfunc_says_what_the_model_says(found):
    few = sets.SETS["planted-site"]()
    protein = few.side("test")[0].protein
    said = served("sites@champion").predict(
        [{"structure": write.pdb(protein), "name": protein.name}]
    )
    scores = np.array([np.nan if x is None else x for x in said["site_score"]], float)
    Path("one.pdb").write_text(write.pdb(protein))
    (own,) = load("sites@champion").predict("one.pdb")
    np.testing.assert_allclose(scores, own.scores[:, 0], atol=1e-6)
