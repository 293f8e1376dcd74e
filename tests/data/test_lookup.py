"""Ids of a table: no network ends the command, and an id that does not exist is a wrong row."""

from __future__ import annotations

from functools import partial

import pytest
from wire import silent, status, whole, wire

from protgraph.data.table import load
from protgraph.structure import cache, synthetic
from protgraph.structure import fetch as module
from protgraph.structure.download import download
from protgraph.structure.fetch import fetch
from protgraph.structure.write import pdb

HEAD = "structure,y,split\n"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server in the place of the PDB, which is asked once and without a pause."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "download", partial(download, tries=1, pause=lambda _: None))
    for i in range(4):
        (tmp_path / f"s{i}.pdb").write_text(pdb(synthetic.protein(i, length=60)))
    with wire() as made:
        monkeypatch.setattr(module, "RCSB", made.url)
        yield made


@pytest.fixture
def table(tmp_path):
    """Four files of one's own, and an entry of the PDB."""
    sides = ("train", "train", "valid", "test")
    rows = [f"s{i}.pdb,{i},{side}\n" for i, side in enumerate(sides)]
    path = tmp_path / "my.csv"
    path.write_text(HEAD + "".join(rows) + "9zzz,5,train\n")
    return path


def test_an_id_that_does_not_exist_is_a_wrong_row(server, table):
    with pytest.warns(UserWarning, match="1 of 5 rows was left out"):
        found = load(table, labels="y", fetch=fetch)
    (problem,) = found.report.problems
    assert (problem.row, problem.column, problem.value) == (6, "structure", "9zzz")
    assert "9zzz.cif: the server has no such file (404" in problem.rule
    assert len(found.dataset.examples) == 4


@pytest.mark.parametrize("manner", [silent, status(503), status(403)])
@pytest.mark.parametrize("strict", [True, False])
def test_a_server_that_does_not_tell_ends_the_command(server, table, manner, strict):
    server.manners = [manner]
    with pytest.raises(ConnectionError, match=r"^my.csv:6: structure '9zzz': http.*9zzz.cif: "):
        load(table, labels="y", fetch=fetch, strict=strict)
    assert len(server.asked) == 1


def test_without_network_the_first_id_is_the_last_that_is_tried(table, server, monkeypatch):
    monkeypatch.setattr(module, "RCSB", "http://127.0.0.1:9")  # nothing listens there
    table.write_text(table.read_text() + "8zzz,6,train\n")
    with pytest.raises(ConnectionError, match=r"^my.csv:6: .*no whole file, tries=1: .*refused"):
        load(table, labels="y", fetch=fetch)


def test_what_else_keeps_a_file_from_coming_ends_the_command_too(table):
    def full(name):
        raise OSError(28, "No space left on device")

    with pytest.raises(ConnectionError, match=r"'9zzz': the file was not had \(.*No space left"):
        load(table, labels="y", fetch=full)


def test_what_came_but_is_no_structure_is_a_wrong_row(server, table):
    server.files["/9zzz.cif"] = b"<html>moved</html>"
    server.manners = [whole]
    with pytest.warns(UserWarning, match="1 of 5 rows was left out"):
        found = load(table, labels="y", fetch=fetch)
    assert "a structure is expected" in found.report.problems[0].rule
    assert not list((cache.folder() / "structures").glob("*"))
