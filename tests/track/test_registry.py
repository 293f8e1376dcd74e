from datetime import UTC
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities import PagedList
from recorded import logged, record

from protgraph.models.model import Config, Model, load
from protgraph.running.promotion import promote
from protgraph.track import registry, runs
from protgraph.track.names import absent

TAGS = {"recipe": "0a", "data": "1b", "split": "2c", "monitor": "auprc"}
PICKLES = {".pkl", ".pt", ".pth", ".bin", ".pickle", ".joblib"}

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
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'runs.db'}")
        patch.chdir(folder)
        yield folder


def finished(folder, name, *, model=True, **numbers):
    """A run, with a model of random weights."""
    frame = pd.DataFrame([["MKV"]], columns=pd.Index(["sequence"], dtype=object))
    (folder / "echo.py").write_text(CODE)
    config = Config("demo", "protein", ("fit",), "cnn", 21, 0, 0, width=4, layers=1)
    with runs.start("demo", name, params={}, tags=TAGS) as run:
        if model:
            random = Model(config).save(folder / "random")
            signature = infer_signature(frame, frame)
            run.model(
                random, folder / "echo.py", record=record(), example=frame, signature=signature
            )
        run.final(numbers)
    return run


@pytest.fixture(scope="module")
def one(store):
    return finished(store, "random-one", auprc=0.25)


@pytest.fixture(scope="module")
def two(store):
    return finished(store, "random-two")


def names():
    return {version["name"] for version in registry.models()}


def pointed(name, version, alias="champion"):
    mlflow.MlflowClient().set_registered_model_alias(name, alias, str(version))


def test_a_run_becomes_versions_and_the_alias_says_which_counts(one, two):
    assert registry.register("random-one", "random-ladder") == 1
    assert registry.register(two.id, "random-ladder") == 2
    pointed("random-ladder", 2)
    newer, older = (v for v in registry.models() if v["name"] == "random-ladder")
    assert newer.pop("created") >= older.pop("created")
    same = {"name": "random-ladder", "task": "demo"}
    assert newer == same | {"version": 2, "aliases": ("champion",), "score": None}
    assert older == same | {"version": 1, "aliases": (), "score": 0.25}


def test_times_are_in_utc(one):
    registry.register(one.id, "random-time")
    assert {version["created"].tzinfo for version in registry.models()} == {UTC}


def test_registering_again_makes_no_second_version(one, two):
    assert registry.register(one.id, "random-again") == 1
    assert registry.register(two.id, "random-again") == 2
    assert registry.register(one.id, "random-again") == 1
    versions = [v for v in registry.models() if v["name"] == "random-again"]
    assert [v["version"] for v in versions] == [2, 1]


def test_of_two_registrations_of_one_run_at_once_the_first_stays(one, monkeypatch):
    first, looks = registry._first, []

    def late(run, name):
        looks.append(name)
        if len(looks) > 1:
            return first(run, name)
        assert registry.register(run, name) == 1  # someone else, after this look
        return None

    monkeypatch.setattr(registry, "_first", late)
    assert registry.register(one.id, "random-at-once") == 1
    assert [v["version"] for v in registry.models() if v["name"] == "random-at-once"] == [1]


def test_one_run_can_have_several_names(one):
    assert registry.register(one.id, "random-a") == registry.register(one.id, "random-b") == 1
    assert {"random-a", "random-b"} <= names()


@pytest.mark.parametrize("form", ["models:/{}/1", "models:/{}@champion", "{}@champion"])
def test_a_name_leads_to_the_files(one, two, form):
    registry.register(one.id, "random-files")
    registry.register(two.id, "random-files")
    pointed("random-files", 1)
    pointed("random-files", 2, "runner-up")
    folder = registry.folder(form.format("random-files"))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert load(folder).config.task == "demo"
    (output,) = mlflow.MlflowClient().get_run(one.id).outputs.model_outputs
    assert output.model_id in folder.parts


def test_no_registered_version_holds_a_pickle(one, two):
    for run in (one, two):
        registry.register(run.id, "random-safe")
    held = set()
    for version in registry.models():
        uri = f"models:/{version['name']}/{version['version']}"
        folder = Path(mlflow.artifacts.download_artifacts(uri))
        held |= {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert ".safetensors" in held
    assert not held & PICKLES


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("nobody", "nobody: there is no run of this name"),
        ("it's", "it's: there is no run of this name"),
        ("0" * 32, "0000: there is no run of this id"),
    ],
)
def test_an_unknown_run_is_refused(store, run, said):
    with pytest.raises(ValueError, match=said):
        registry.register(run, "random-refused")
    assert "random-refused" not in names()


def test_a_name_of_two_runs_is_refused_with_their_ids(store):
    first, second = (finished(store, "twin", model=False) for _ in range(2))
    with pytest.raises(ValueError, match="twin: 2 runs have this name") as error:
        registry.register("twin", "random-refused")
    assert first.id in str(error.value)
    assert second.id in str(error.value)


def test_a_run_without_a_model_is_refused(store):
    run = finished(store, "empty", model=False)
    with pytest.raises(
        ValueError, match=r"empty: a run that is registered holds one model, this one none; of base"
    ):
        registry.register(run.id, "random-refused")
    assert "random-refused" not in names()


@pytest.mark.parametrize("file", ["recipe.yaml", "report.md", "card.md", "environment.json"])
def test_a_model_without_its_record_is_not_registered(one, file):
    (output,) = mlflow.MlflowClient().get_run(one.id).outputs.model_outputs
    place = mlflow.MlflowClient().get_logged_model(output.model_id).artifact_location
    path = Path(mlflow.artifacts.download_artifacts(place), "artifacts", "record", file)
    text = path.read_text()
    path.unlink()
    try:
        with pytest.raises(ValueError, match=f"random-one: a registered model carries {file}"):
            registry.register(one.id, "random-refused")
    finally:
        path.write_text(text)
    assert "random-refused" not in names()


def test_a_version_carries_the_tags_of_its_run_and_its_card(one):
    registry.register(one.id, "random-told")
    version = mlflow.MlflowClient().get_model_version("random-told", "1")
    run = mlflow.MlflowClient().get_run(one.id)
    own = {"task": "demo", "thresholds": "{}", "teachers": "[]", "score": "0.25"}
    assert version.tags.items() >= own.items()
    for key in ("recipe", "data", "split", "commit", "dirty", "monitor"):
        assert version.tags[key] == run.data.tags[key]
    assert version.description == "# Card\n"


def test_of_a_long_card_a_version_shows_the_beginning_and_says_where_the_rest_is(store):
    run = logged(store, "long-card", card="# Card\n" + "a line\n" * 2000)
    registry.register(run.id, "random-long")
    said = mlflow.MlflowClient().get_model_version("random-long", "1").description
    assert len(said) == 5000
    assert said.startswith("# Card\na line\n")
    assert said.endswith("The whole card: record/card.md\n")


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a@b", "a b", "-a", "a'b"])
def test_a_name_that_cannot_be_written_in_a_uri_is_refused(name):
    with pytest.raises(ValueError, match="registered model's name"):
        registry.register("random-one", name)


@pytest.mark.parametrize("alias", ["", "latest", "v3", "V3", "3", "a b", "a@b"])
def test_an_alias_that_reads_like_something_else_is_refused(alias):
    with pytest.raises(ValueError, match="random: an alias"):
        promote("random", 1, alias=alias)


@pytest.mark.parametrize(
    "uri", ["", "random", "random/1", "models:/random", "runs:/a/model", "a@3"]
)
def test_another_form_is_no_registered_model(uri):
    with pytest.raises(ValueError, match="not of the form models:/name/3"):
        registry.folder(uri)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("absent@champion", "absent@champion: no model has this name in .*sqlite.*'random-known'"),
        ("models:/absent/1", "models:/absent/1: no model has this name"),
        ("random-known@runner-up", r"random-known has the aliases \['champion'\]"),
        ("models:/random-known/7", r"random-known has the versions \[1\]"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(one, uri, said):
    registry.register(one.id, "random-known")
    pointed("random-known", 1)
    with pytest.raises(ValueError, match=said):
        registry.folder(uri)


def test_a_question_makes_no_registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}?timeout=5")
    assert registry.models() == []
    with pytest.raises(ValueError, match=r"registry sqlite:///.*none\.db.*; it is empty"):
        registry.folder("sites@champion")
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'gone' / 'none.db'}")
    assert not absent()  # MLflow says what is wrong with a folder that is not there
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}?timeout=5")
    (tmp_path / "none.db").touch()
    assert not absent()


def test_a_password_of_the_registry_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow, "get_registry_uri", lambda: "https://me:secret@example.org/x")
    nothing = SimpleNamespace(
        get_registered_model=lambda name: _missing(),
        search_registered_models=lambda query, page_token: PagedList([], None),
    )
    monkeypatch.setattr(mlflow, "MlflowClient", lambda: nothing)
    with pytest.raises(ValueError, match=r"registry https://example\.org/x; it is empty"):
        registry.folder("sites@champion")


def _missing():
    raise MlflowException("no", RESOURCE_DOES_NOT_EXIST)


def test_models_of_others_are_not_listed_and_not_read(store):
    (store / "echo.py").write_text(CODE)
    (store / "theirs" / "model").mkdir(parents=True)
    (store / "theirs" / "model" / "weights.txt").write_text("1")
    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(
            name="model",
            artifacts={"model": str(store / "theirs" / "model")},
            python_model=str(store / "echo.py"),
            input_example=[1.0],
            pip_requirements=[],
        )
    mlflow.register_model(info.model_uri, "theirs")
    assert "theirs" not in names()
    with pytest.raises(ValueError, match=r"models:/theirs/1: .* holds config\.json"):
        registry.folder("models:/theirs/1")
    with pytest.raises(ValueError, match="holds one model, this one"):
        registry.register(run.info.run_id, "random-refused")


def test_every_page_is_read(one, monkeypatch):
    found = {f"random-page-{i}" for i in range(5)}
    for name in found:
        registry.register(one.id, name)
    whole = mlflow.MlflowClient.search_registered_models

    def paged(self, query=None, page_token=None):
        return whole(self, query, max_results=2, page_token=page_token)

    monkeypatch.setattr(mlflow.MlflowClient, "search_registered_models", paged)
    assert found <= names()
