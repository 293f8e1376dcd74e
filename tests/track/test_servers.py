"""The registry on real servers: PostgreSQL behind `mlflow server`, many writers, and a kill -9."""

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from postgres import kill, mlflow_server, port, postgres
from recorded import logged

from protgraph.models.model import load
from protgraph.track import names, registry
from protgraph.track.aliases import rollback
from protgraph.track.record import FILES, SCORES, TAGS

RUNS = 4


@pytest.fixture(scope="module")
def store():
    with postgres() as uri:
        yield uri


@pytest.fixture(scope="module")
def server(store, tmp_path_factory):
    """A server with four runs; it may be killed, and `again` starts another one on its store."""
    folder = tmp_path_factory.mktemp("server")
    number = port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{number}")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        patch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
        patch.chdir(folder)

        def again():
            return mlflow_server(store, folder / "artefacts", number)

        with again() as process:
            ids = [logged(folder, f"run-{i}", seed=i).id for i in range(RUNS)]
            yield process, again, ids


def whole(version):
    """Whether a version has all that one carries, with its files behind the server."""
    told = mlflow.MlflowClient().get_model_version(version.name, str(version.number))
    kept = {path.name for path in registry.record(version.uri).iterdir()}
    config = load(registry.folder(version.uri)).config
    untold = {"commit", "dirty"}  # of the folder that a run starts in
    return (
        set(TAGS) - untold <= set(version.tags)
        and version.tags["score"] == "0.5"
        and told.description == "# Card\n"
        and {*FILES, SCORES} <= kept
        and config.task == "demo"
    )


def held(name):
    return names.versions(names.registered(name, name))


def test_parallel_registrations_of_one_name_lose_nothing(server):
    _, _, ids = server
    with ThreadPoolExecutor(RUNS) as pool:
        given = list(pool.map(lambda run: registry.register(run, "random-race"), ids))
    assert sorted(given) == list(range(1, RUNS + 1))
    versions = held("random-race")
    assert {version.run: version.number for version in versions} == dict(
        zip(ids, given, strict=True)
    )
    assert all(whole(version) for version in versions)


def test_a_model_of_many_outputs_is_registered(server):
    run = logged(Path.cwd(), "many-outputs", seed=9, card="- a term and its threshold\n" * 1000)
    assert registry.register(run.id, "random-many") == 1


def test_a_model_is_promoted_rolled_back_and_read_through_the_server(server, tmp_path):
    from protgraph.running.promotion import promote

    _, _, ids = server
    for run in ids[:2]:
        registry.register(run, "random-ladder")
    promote("random-ladder", 1)
    assert promote("random-ladder", 2).interval.value == 0
    assert rollback("random-ladder") == (2, 1)
    folder = registry.folder("random-ladder@champion")
    assert folder.resolve() not in Path.cwd().resolve().parents
    assert load(folder).config.task == "demo"


def test_a_server_that_is_killed_while_versions_are_made_leaves_whole_ones(server, monkeypatch):
    process, again, ids = server
    create = mlflow.MlflowClient.create_model_version
    made, gone = Counter(), threading.Event()

    def last(self, name, *given, **named):
        version = create(self, name, *given, **named)
        made[name] += 1
        if made.total() == 5:  # others are at any point of their way
            kill(process)
            gone.set()
        return version

    def many(run):
        for i in range(50):
            if gone.is_set():
                return
            try:
                registry.register(run, f"random-{run[:6]}-{i}")
            except MlflowException:
                return

    monkeypatch.setattr(mlflow.MlflowClient, "create_model_version", last)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(many, ids[:3]))
    assert gone.is_set()
    monkeypatch.undo()
    with pytest.MonkeyPatch.context() as patch, again():
        patch.setenv("MLFLOW_TRACKING_URI", mlflow.get_tracking_uri())
        there = names.pages(mlflow.MlflowClient().search_registered_models)
        begun = {one.name: held(one.name) for one in there if one.name.count("-") == 2}
        assert set(made) <= set(begun)
        for name, versions in begun.items():
            assert len(versions) <= 1
            assert all(whole(version) for version in versions)
            (run,) = (run for run in ids if run.startswith(name.split("-")[1]))
            assert registry.register(run, name) == 1
            assert len(held(name)) == 1


WRITER = """
import sys
from protgraph.track.registry import register
for run in sys.argv[2:]:
    print(register(run, sys.argv[1]))
"""


def test_two_processes_on_one_sqlite_file_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    ids = [logged(tmp_path, f"run-{i}", seed=i).id for i in range(RUNS)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, "random-race", *part], stdout=subprocess.PIPE, text=True
        )
        for part in (ids[:2], ids[2:])
    ]
    said = [writer.communicate(timeout=300)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(int(number) for own in said for number in own) == [1, 2, 3, 4]
    assert {version.run for version in held("random-race")} == set(ids)
