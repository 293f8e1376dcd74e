"""Your own table goes the whole way: from rows to a comparison, by one recipe."""

import json

import numpy as np
import pytest

from protgraph.cli import main
from protgraph.recipe import Recipe
from protgraph.running.question import question


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Proteins whose melting point is their share of lysine, and a place to keep runs."""
    rng = np.random.default_rng(0)
    lines = ["id,sequence,celsius,split"]
    for i in range(50):
        count = int(rng.integers(0, 20))
        letters = "K" * count + "".join(rng.choice(list("ADGST"), 30 - count))
        split = ("train", "train", "train", "valid", "test")[i % 5]
        lines.append(f"p{i},{letters},{40 + count},{split}")
    path = tmp_path / "melting.csv"
    path.write_text("\n".join(lines))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    return path


def own(path, **more):
    keys = {"task": "melting", "data.table": str(path), "data.labels": ["celsius"]}
    return Recipe({**keys, **more})


def test_a_table_makes_its_own_task(table):
    task, data = question(own(table))
    assert (task.name, task.level, task.value, task.outputs) == (
        "melting", "protein", True, ("celsius",),
    )  # fmt: skip
    assert len(data.side("train")) == 30


def test_a_model_learns_from_a_table(table, capsys):
    words = ["task=melting", f"data.table={table}", "data.labels=[celsius]"]
    recipe = table.parent / "ridge.yaml"
    recipe.write_text("task: melting\nmodel.encoder: kmer-linear\n")
    assert main(["run", str(recipe), *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["spearman"] > 0.9


def test_a_changed_table_is_another_recipe(table):
    before = own(table).digest
    assert own(table).digest == before
    table.write_text(table.read_text().replace("p0,", "p00,"))
    assert own(table).digest != before


def test_a_table_that_is_not_there_is_said(table):
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        question(own(table.parent / "absent.csv"))


def test_a_table_may_not_take_the_name_of_a_task(table):
    with pytest.raises(ValueError, match="zinc-site is a task of its own"):
        question(own(table, task="zinc-site"))
