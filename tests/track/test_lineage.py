"""From a student to its teacher and to the teacher's teacher, also where some are gone."""

import json

import mlflow
import pytest
from recorded import logged

from protgraph.cli import main
from protgraph.track import aliases, lineage, names, registry
from protgraph.track.lineage import known


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A student of a registered teacher, which was taught by a model that a run alone knows."""
    folder = tmp_path_factory.mktemp("lineage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'runs.db'}")
        patch.chdir(folder)
        first = logged(folder, "first", seed=1)
        (output,) = mlflow.MlflowClient().get_run(first.id).outputs.model_outputs
        logged(folder, "second", seed=2, teachers=(f"models:/{output.model_id}",))
        registry.register("second", "teacher")
        gone = ("models:/teacher/1", "models:/gone/7", "weights:0a1b ./folder")
        logged(folder, "third", seed=3, teachers=gone)
        registry.register("third", "student")
        aliases.point(names.find("models:/student/1"), "champion", tags={})
        yield output.model_id


def test_every_ancestor_is_found_and_those_that_are_gone_are_named(store):
    found = lineage.lineage("student")
    assert [(one.uri, one.depth) for one in found] == [
        ("models:/student/1", 0),
        ("models:/teacher/1", 1),
        (f"models:/{store}", 2),
        ("models:/gone/7", 1),
        ("weights:0a1b ./folder", 1),
    ]
    assert [bool(one.run) for one in found] == [True, True, True, False, False]
    assert found == lineage.lineage("models:/student/1")


def test_the_verb_sets_in_by_depth(store, capsys):
    assert main(["lineage", "student"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("models:/student/1: task demo, recipe 0a, commit ")
    assert "score 0.500" in lines[0]
    assert lines[2].startswith(f"    models:/{store}: task demo, recipe 0a")
    assert lines[3] == "  models:/gone/7: not in this registry"
    assert main(["lineage", "student", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["depth"] for row in rows] == [0, 1, 2, 1, 1]


def test_an_absent_model_is_an_error_and_an_absent_teacher_is_not(store):
    with pytest.raises(ValueError, match="nobody@champion: no model has this name"):
        lineage.lineage("nobody")


def test_a_model_is_known_by_its_weights(store):
    tags = names.find("models:/teacher/1").tags
    found = known("demo", tags["weights"])
    assert found == f"models:/{names.find('models:/teacher/1').model}"
    assert known("demo", "none") == known("no such experiment", tags["weights"]) == ""
