"""The way that a stranger goes first works without any data, and says what it used."""

import re

from protgraph.data import sets
from protgraph.models.saved import STUDENT
from protgraph.quickstart import quickstart
from protgraph.resolve import load
from protgraph.running import cells


def test_quickstart_ends_with_a_registered_model_and_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("PROTGRAPH_DATA", raising=False)
    few = sets.planted(count=40)
    monkeypatch.setitem(sets.SETS, "planted-site", lambda *, gaps=True: few)
    monkeypatch.setattr(cells, "_LOADED", {})
    said: list[str] = []
    page = quickstart(tmp_path / "out", say=said.append)
    account = "\n".join(said)
    assert "PROTGRAPH_DATA is not set" in account
    assert "egnn minus it" in account
    assert "planted-site: version 1 is champion" in account
    assert re.search(r"through the pyfunc: \d+ of \d+ residues are called", account)
    assert "3Dmol" in page.read_text()
    assert load("planted-site@champion").model.config.thresholds
    assert "student minus labels alone" in account
    assert re.search(r"from its sequence alone: \d+ residues are called", account)
    assert load("planted-site-seq@champion").model.config.model_type == STUDENT
