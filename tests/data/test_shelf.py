"""The shelf knows every set that is read, and a set that was fetched is the set that is meant."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from pathlib import Path

import pytest
from wire import dropping, other, status, whole, wire

from protgraph.data import stock
from protgraph.data.sets import SETS
from protgraph.data.shelf import FILES, SHELF, File, Set, named
from protgraph.data.stock import fetch, listed, verify
from protgraph.structure.download import download

A, B = b"a" * 5000, b"b" * 300


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A server, and on the shelf a set of two files, of which the first alone is public."""
    monkeypatch.setenv("NO_PROXY", "*")
    with wire() as made:
        made.files = {"/a": A, "/copy/demo/a": A, "/copy/demo/b": B}
        files = (
            File("demo/a", len(A), sha256(A), f"{made.url}/a"),
            File("demo/b", len(B), sha256(B)),
        )
        for file in files:
            monkeypatch.setitem(FILES, file.path, file)
        paths = tuple(file.path for file in files)
        demo = Set("demo", "two files", "us", "CC0", "https://us.org", paths, ("demo-*",))
        monkeypatch.setitem(SHELF, "demo", demo)
        yield made


def states(rows) -> list[str]:
    return [row.state for row in rows]


def put(folder: Path, **files: bytes) -> None:
    (folder / "demo").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / "demo" / name).write_bytes(data)


# What is on the shelf


def test_every_task_with_data_is_read_from_one_set():
    for task in SETS:
        owners = [one for one in SHELF.values() if named_by(one, task)]
        assert len(owners) == (task != "planted-site"), task
        assert not owners or named(task) is owners[0]


def named_by(one: Set, task: str) -> bool:
    return any(re.fullmatch(name.replace("*", "[a-z0-9-]+"), task) for name in one.tasks)


def test_every_set_is_complete_and_every_file_belongs_to_one():
    assert {path for one in SHELF.values() for path in one.files} == set(FILES)
    for name, one in SHELF.items():
        assert name == one.name
        assert all(one)
        assert re.fullmatch("https://[!-~]+", one.origin)
    for path, file in FILES.items():
        assert path == file.path
        assert file.size > 0
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert re.fullmatch("(https://[!-~]+)?", file.url)
        assert not Path(path).is_absolute()
        assert ".." not in Path(path).parts
    assert len({file.sha256 for file in FILES.values()}) == len(FILES)


def test_a_name_that_is_not_on_the_shelf_lists_those_that_are():
    with pytest.raises(ValueError, match=r"No set 'zinc'\. There are: sites, interface, "):
        named("zinc")


# The real data


def test_the_data_are_what_the_shelf_says(data):
    rows = verify(folder=data)
    assert [row for row in rows if row.state != "ok"] == []
    assert {row.path for row in rows} == set(FILES)
    assert {row.present for row in listed(data)} == {"yes"}


QUICK = ("ec-chains", "gb1-sampled", "localisation", "shs27k-bfs-0", "topology")


@pytest.mark.parametrize("task", QUICK)
def test_the_files_of_a_set_are_all_that_its_task_reads(data, tmp_path, monkeypatch, task):
    for path in named(task).files:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).symlink_to(data / path)
    monkeypatch.setenv("PROTGRAPH_DATA", str(tmp_path))
    assert SETS[task]().name
    (tmp_path / named(task).files[-1]).unlink()
    with pytest.raises(FileNotFoundError):
        SETS[task]()


# List and verify


def test_presence_is_told_by_all_files_and_their_sizes(server, tmp_path):
    def line():
        return next(row for row in listed(tmp_path) if row.name == "demo")

    assert (line().size, line().present) == (5300, "no")
    put(tmp_path, a=A)
    assert line().present == "in part"
    put(tmp_path, b=B[:-1])
    assert line().present == "in part"
    put(tmp_path, b=B)
    assert line().present == "yes"
    assert line().where == "not downloadable from here; its source is https://us.org"


def test_without_a_folder_all_is_listed_and_nothing_is_verified(monkeypatch):
    monkeypatch.delenv("PROTGRAPH_DATA", raising=False)
    assert {row.present for row in listed()} == {"no"}
    for do in (verify, lambda: fetch("gb1")):
        with pytest.raises(FileNotFoundError, match="set PROTGRAPH_DATA, or name one"):
            do()


def test_the_folder_is_that_of_the_environment(server, tmp_path, monkeypatch):
    put(tmp_path, a=A, b=B)
    monkeypatch.setenv("PROTGRAPH_DATA", str(tmp_path))
    assert states(verify("demo-7")) == ["ok", "ok"]
    assert states(fetch("demo")) == ["ok", "ok"]
    assert server.asked == []


def test_a_changed_byte_is_another_checksum_and_both_are_said(server, tmp_path):
    put(tmp_path, a=A[:-1] + b"b")
    first, second = verify("demo", folder=tmp_path)
    assert (first.state, second.state) == ("another checksum", "missing")
    assert sha256(A) in first.said
    assert sha256(A[:-1] + b"b") in first.said
    assert second.said == "not downloadable from here; its source is https://us.org"


# Fetch


def test_what_is_public_is_fetched_and_the_rest_says_where_to_ask(server, tmp_path):
    first, second = fetch("demo", tmp_path / "new")
    assert (first.state, second.state) == ("ok", "missing")
    assert "https://us.org" in second.said
    assert (tmp_path / "new" / "demo" / "a").read_bytes() == A
    assert [path for path, _ in server.asked] == ["/a"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_has_everything_and_is_asked_once(server, tmp_path, slash):
    for _ in range(2):
        assert states(fetch("demo", tmp_path, mirror=f"{server.url}/copy{slash}")) == ["ok", "ok"]
        assert [path for path, _ in server.asked] == ["/copy/demo/a", "/copy/demo/b"]


def test_a_mirror_with_another_file_is_refused_and_its_file_thrown_away(server, tmp_path):
    server.manners = [whole, other(b"c" * len(B))]
    with pytest.raises(ValueError, match=f"sha256 {sha256(B)} is right"):
        fetch("demo", tmp_path, mirror=f"{server.url}/copy")
    assert states(verify("demo", folder=tmp_path)) == ["ok", "missing"]


def test_a_fetch_that_broke_goes_on_where_it_was(server, tmp_path, monkeypatch):
    server.manners = [dropping(3000), status(403)]
    paused = []
    monkeypatch.setattr(stock, "download", partial(download, pause=paused.append))
    with pytest.raises(ConnectionError, match="the server refused"):
        fetch("demo", tmp_path)
    server.manners = [whole]
    assert fetch("demo", tmp_path)[0].state == "ok"
    assert server.ranges == [None, "bytes=3000-", "bytes=3000-"]
    assert paused == [1]


def test_a_damaged_file_is_fetched_anew(server, tmp_path):
    put(tmp_path, a=A[:-1] + b"b", b=B)
    assert states(fetch("demo", tmp_path)) == ["ok", "ok"]


def test_progress_names_the_file(server, tmp_path):
    told = []
    fetch("demo", tmp_path, told=lambda *piece: told.append(piece))
    assert told[-1] == ("demo/a", len(A), len(A))
