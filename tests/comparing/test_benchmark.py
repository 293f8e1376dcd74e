"""A benchmark: baselines always, controls of every model, one failure loses nothing else."""

import json

import numpy as np
import pytest

from protgraph.cli import main
from protgraph.comparing.benchmark import benchmark, plan, rows_of
from protgraph.data import sets
from protgraph.data.dataset import Dataset, Example
from protgraph.running import baselines
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A set in which the share of lysine says the class, and a place to keep runs."""
    rng = np.random.default_rng(0)
    examples = []
    for i in range(60):
        label = i % 4
        letters = "K" * (4 * label) + "".join(rng.choice(list("ADGSTV"), 30))
        split = ("train", "train", "train", "valid", "test")[i // 4 % 5]
        examples.append(Example(Protein(f"p{i}", letters), np.array([label]), split, f"f{i}"))
    data = Dataset("few", "made for a test", tuple(examples))
    monkeypatch.setitem(sets.SETS, "enzyme-class", lambda *, gaps=True: data)
    monkeypatch.setattr("protgraph.running.cells._LOADED", {})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "cnn.yaml"
    path.write_text(
        "task: enzyme-class\nmodel.encoder: cnn\nmodel.width: 8\ntrain.epochs: 2\n"
        "graph.nodes: [identity]\n"
    )
    return str(path)


def test_baselines_and_controls_stand_beside_the_model(few, recipe, capsys):
    assert main(["benchmark", "enzyme-class", "--models", recipe, "--seeds", "2", "-o", "out"]) == 0
    told = json.loads((few / "out" / "report.json").read_text())
    names = [row["model"] for row in told["rows"]]
    model = f"{few.name}/cnn"
    assert set(names) == {*TASKS["enzyme-class"].baselines, model, f"{model}, letters shuffled"}
    rows = {row["model"]: row for row in told["rows"]}
    assert [len(rows[name]["seeds"]) for name in ("prior", model)] == [1, 2]
    assert rows["composition-linear"]["interval"][0] > rows["prior"]["interval"][0]
    assert (few / "out" / "intervals.png").stat().st_size > 1000
    assert f'"model": "{model}"' in (few / "out" / "report.html").read_text()
    page = (few / "out" / "report.md").read_text()
    assert page == capsys.readouterr().out
    assert "| prior |" in page


def test_a_model_may_be_changed_by_words_and_is_called_by_them(few, recipe):
    task = TASKS["enzyme-class"]
    planned = plan(task, [f"{recipe} model.width=4 task=enzyme-class", recipe], 1)
    (narrow, wide) = (planned[f"{few.name}/cnn{words}"][0] for words in (" model.width=4", ""))
    assert (narrow["model.width"], wide["model.width"]) == (4, 8)
    with pytest.raises(ValueError, match="planted-site, not for enzyme-class"):
        plan(task, [f"{recipe} task=planted-site"], 1)


def test_every_cell_is_a_child_of_one_run(few, recipe):
    import mlflow

    benchmark("enzyme-class", models=[], seeds=1, folder=few / "runs")
    runs = mlflow.search_runs(experiment_names=["enzyme-class"], output_format="list")
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.run_name for run in children} == set(TASKS["enzyme-class"].baselines)
    assert all("test_macro_f1" in run.data.metrics for run in children)


def test_a_second_time_nothing_is_computed(few, monkeypatch):
    first = benchmark("enzyme-class", models=[], seeds=1, folder=few / "runs")
    monkeypatch.setattr("protgraph.running.cells.execute", None)
    again = benchmark("enzyme-class", models=[], seeds=1, folder=few / "runs")
    assert again.rows == first.rows


def test_a_model_that_breaks_does_not_lose_the_others(few, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of ideas")

    monkeypatch.setitem(baselines.BASELINES, "kmer-linear", broken)
    found = benchmark("enzyme-class", models=[], seeds=1, folder=few / "runs")
    assert dict(found.failed) == {"kmer-linear": "RuntimeError: out of ideas"}
    assert "**kmer-linear** failed: RuntimeError: out of ideas" in found.markdown()
    assert {row["model"] for row in found.rows} == {
        "prior", "composition-linear", "kmer-neighbour", "kmer-fused",
    }  # fmt: skip


def test_the_reference_is_chosen_on_validation(few):
    found = benchmark("enzyme-class", models=[], seeds=1, folder=few / "runs")
    by_valid = [row["model"] for row in found.rows]
    cells = dict(found.cells)
    worst = by_valid[-1]
    # Whatever the test side says, the best on validation is subtracted.
    cells[worst] = [cells[by_valid[0]][0]]
    cells[by_valid[0]] = [found.cells[worst][0]]
    rows = rows_of(TASKS["enzyme-class"], cells)
    assert rows[0]["model"] == worst
    assert f"minus {worst}" in rows[0]


def test_what_cannot_be_compared_is_refused(few, recipe):
    with pytest.raises(ValueError, match="is a recipe for enzyme-class, not for zinc-site"):
        plan(TASKS["zinc-site"], [recipe], 1)
    with pytest.raises(ValueError, match="1 or more, got 0"):
        plan(TASKS["zinc-site"], [], 0)
    with pytest.raises(ValueError, match="Unknown task 'zinc'"):
        benchmark("zinc")


def test_a_graph_model_has_its_edges_shuffled_and_a_sequence_model_not():
    planned = plan(TASKS["zinc-site"], ["zinc_site/egnn", "zinc_site/cnn"], 1)
    assert planned["zinc_site/egnn, edges shuffled"][0]["graph.shuffle"]
    assert planned["zinc_site/egnn, letters shuffled"][0]["data.shuffle"]
    assert "zinc_site/cnn, edges shuffled" not in planned
