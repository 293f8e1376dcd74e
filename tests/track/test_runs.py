import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from recorded import record

from protgraph.models.model import Config, Model, load
from protgraph.track import provenance, runs
from protgraph.track.record import FILES, SCORES

TAGS = {"recipe": "0a", "data": "1b", "split": "2c"}

CODE = """
import mlflow
import pandas
class Echo(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        pass
    def predict(self, context, model_input: pandas.DataFrame, params=None):
        return model_input
mlflow.models.set_model(Echo())
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with a tracking store of its own; making one takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'runs.db'}")
        patch.chdir(folder)
        yield folder


@pytest.fixture
def random(tmp_path):
    config = Config("demo", "protein", ("fit",), "cnn", 21, 0, 0, width=4, layers=1)
    return Model(config).save(tmp_path / "random")


def start(name="one", experiment="demo", params=None, **tags):
    return runs.start(experiment, name, params=params or {}, tags=TAGS | tags)


def stored(run):
    return mlflow.MlflowClient().get_run(run.id)


def artefact(run, name):
    path = mlflow.artifacts.download_artifacts(run_id=run.id, artifact_path=name)
    return Path(path).read_text()


def test_a_run_remembers_what_it_was_told(store):
    with start(params={"model.width": 8, "graph.nodes": ("identity",)}, monitor="auprc") as run:
        run.log(0, {"loss": 1.5})
        run.log(1, {"loss": 0.5})
        run.final({"auprc": 0.25})
    kept = stored(run)
    assert kept.info.run_name == "one"
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"model.width": "8", "graph.nodes": "('identity',)"}
    assert kept.data.metrics == {"loss": 0.5, "auprc": 0.25}
    assert kept.data.tags.items() >= (TAGS | {"monitor": "auprc"}).items()
    assert kept.data.tags.items() >= provenance.commit(store).items()
    history = mlflow.MlflowClient().get_metric_history(run.id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.5), (1, 0.5)]
    assert json.loads(artefact(run, "environment.json")) == provenance.environment()


def test_runs_of_one_experiment_stand_together(store):
    with start() as one, start("two") as two, start(experiment="other") as three:
        pass
    first, second, third = (stored(run).info.experiment_id for run in (one, two, three))
    assert first == second != third


def test_a_run_that_fails_is_failed(store):
    with pytest.raises(ZeroDivisionError), start() as run:
        raise ZeroDivisionError
    assert stored(run).info.status == "FAILED"


def test_a_run_that_is_interrupted_is_killed(store):
    with pytest.raises(KeyboardInterrupt), start() as run:
        raise KeyboardInterrupt
    assert stored(run).info.status == "KILLED"


def test_a_run_whose_start_fails_is_failed(store, monkeypatch):
    def refuse(*_, **__):
        raise OSError("full")

    monkeypatch.setattr(mlflow, "log_params", refuse)
    with pytest.raises(OSError, match="full"):
        start("no room")
    found = mlflow.search_runs(
        search_all_experiments=True, filter_string="run_name = 'no room'", output_format="list"
    )
    assert [run.info.status for run in found] == ["FAILED"]


def test_a_process_that_gives_up_leaves_no_finished_run(store):
    code = f"""
import sys
from protgraph.track import runs
run = runs.start("demo", "gives up", params={{}}, tags={TAGS!r})
print(run.id, flush=True)
run.log(0, {{"loss": 1.0}})
sys.exit(3)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 3, process.stderr
    kept = mlflow.MlflowClient().get_run(process.stdout.strip())
    assert kept.info.status == "RUNNING"
    assert kept.data.metrics == {"loss": 1.0}


def test_numbers_that_are_not_finite_are_left_out(store):
    with start() as run:
        run.log(0, {"loss": math.nan, "mcc": math.inf, "auprc": np.float32(0.5)})
        run.final({"test": math.nan})
    assert stored(run).data.metrics == {"auprc": 0.5}


def test_names_get_the_form_that_mlflow_allows(store):
    long = "a" * 300
    with start(params={long: 1, "wäre/gut:?": 2}) as run:
        run.log(0, {"recall@5": 0.5, long: 1.0, "EC 1.-": 2.0})
    assert stored(run).data.metrics == {"recall_5": 0.5, "a" * 250: 1.0, "EC 1.-": 2.0}
    assert stored(run).data.params == {"a" * 250: "1", "wäre_gut__": "2"}


def test_names_that_become_one_are_refused(store):
    with start() as run, pytest.raises(ValueError, match=r"'a@b'.*'a_b'"):
        run.log(0, {"a/b": 1.0, "a@b": 2.0})
    with pytest.raises(ValueError, match="a_b"):
        start(params={"a/b": 1, "a@b": 2})


def test_a_final_number_does_not_hide_behind_an_epoch(store):
    with start() as run:
        run.log(3, {"auprc": 0.5})
        with pytest.raises(ValueError, match=r"one: a final number .* 'auprc'"):
            run.final({"auprc": 0.25})


def test_many_settings_are_kept(store):
    params = {f"key {i}": i for i in range(250)}
    with start(params=params) as run:
        pass
    assert stored(run).data.params == {key: str(value) for key, value in params.items()}


@pytest.mark.parametrize("tag", runs.PROVENANCE)
def test_a_run_says_where_it_comes_from(tag):
    tags = {key: value for key, value in TAGS.items() if key != tag}
    with pytest.raises(ValueError, match=f"one: .* got no {tag}"):
        runs.start("demo", "one", params={}, tags=tags)


@pytest.mark.parametrize(("experiment", "name"), [("", "one"), ("demo", " ")])
def test_a_run_has_a_name(experiment, name):
    with pytest.raises(ValueError, match="have names"):
        start(name, experiment)


def test_a_deleted_experiment_is_refused(store):
    client = mlflow.MlflowClient()
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(ValueError, match="gone: this experiment was deleted"):
        start(experiment="gone")


def test_a_table_comes_back_as_it_was(store):
    rows = [{"protein": "1abc, A", "auprc": 0.1 + 0.2}, {"protein": "2abc", "auprc": math.nan}]
    with start() as run:
        run.table("proteins", rows[:1])
        run.table("proteins", rows)
    text = artefact(run, "proteins.csv")
    assert text == 'protein,auprc\n"1abc, A",0.30000000000000004\n2abc,\n'
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(text)), pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("../a", [{"a": 1}], "named like a file, got '../a'"),
        ("a", [], "table a has no row"),
        ("a", [{"a": 1}, {"b": 1}], r"columns \['a'\], but row 1 has \['b'\]"),
    ],
)
def test_a_table_that_is_none_is_refused(store, name, rows, said):
    with start() as run, pytest.raises(ValueError, match=f"one: .*{said}"):
        run.table(name, rows)


def test_files_and_folders_are_kept(store, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.svg").write_text("<svg/>")
    (tmp_path / "note.md").write_text("hello")
    with start() as run:
        run.files(tmp_path / "plots")
        run.files(tmp_path / "note.md")
        with pytest.raises(FileNotFoundError, match="absent"):
            run.files(tmp_path / "absent")
    assert artefact(run, "plots/a.svg") == "<svg/>"
    assert artefact(run, "note.md") == "hello"


def test_a_model_is_kept_beside_its_run_without_what_else_lies_there(store, random, tmp_path):
    (random / "checkpoint.pt").write_bytes(b"pickle")
    (tmp_path / "echo.py").write_text(CODE)
    frame = pd.DataFrame([["MKV"]], columns=pd.Index(["sequence"], dtype=object))
    log = {"example": frame, "signature": infer_signature(frame, frame)}
    with start(experiment="models") as run:
        uri = run.model(random, tmp_path / "echo.py", record=record(), **log)
        with pytest.raises(ValueError, match="one: a run has one model"):
            run.model(random, tmp_path / "echo.py", record=record(), **log)
    assert stored(run).info.status == "FINISHED"
    (output,) = stored(run).outputs.model_outputs
    assert uri == f"models:/{output.model_id}"
    kept = mlflow.MlflowClient().get_logged_model(output.model_id)
    assert kept.experiment_id == stored(run).info.experiment_id
    assert (kept.source_run_id, kept.status, kept.tags["task"]) == (run.id, "READY", "demo")
    folder = Path(mlflow.artifacts.download_artifacts(uri))
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in found if name.startswith("artifacts/")} == {
        "artifacts/model/config.json",
        "artifacts/model/model.safetensors",
        *(f"artifacts/record/{name}" for name in (*FILES, SCORES)),
    }
    assert "echo.py" in found
    assert not {Path(name).suffix for name in found} & {".pt", ".bin", ".pkl", ".pickle"}
    assert load(folder / "artifacts/model").config.task == "demo"
    assert "protgraph==" in (folder / "requirements.txt").read_text()
    assert "+" not in (folder / "requirements.txt").read_text()
    said = mlflow.pyfunc.load_model(uri).predict(frame)
    assert said.to_dict("records") == [{"sequence": "MKV"}]


def test_a_folder_without_a_model_is_refused(store, tmp_path):
    log = {"record": record(), "example": pd.DataFrame(), "signature": None}
    with start() as run, pytest.raises(FileNotFoundError, match=r"config\.json"):
        run.model(tmp_path, tmp_path / "echo.py", **log)
    assert not stored(run).outputs.model_outputs


def test_runs_go_where_mlflow_itself_would_put_them(store):
    with start() as run:
        pass
    assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"]
    assert stored(run).info.artifact_uri.startswith(str(store / "mlruns"))


def test_tracking_is_imported_without_mlflow():
    code = "import sys, protgraph.track.registry; assert 'mlflow' not in sys.modules"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
