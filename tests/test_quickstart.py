"""The way that a stranger goes first works without any data, and says what it used."""

from protgraph.data import sets
from protgraph.quickstart import quickstart
from protgraph.resolve import load


def test_quickstart_ends_with_a_registered_model_and_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("PROTGRAPH_DATA", raising=False)
    few = sets.planted(count=40)
    monkeypatch.setitem(sets.SETS, "planted-site", lambda *, gaps=True: few)
    said: list[str] = []
    page = quickstart(tmp_path / "out", say=said.append)
    account = "\n".join(said)
    assert "PROTGRAPH_DATA is not set" in account
    assert "egnn minus it" in account
    assert "planted-site@champion is version 1" in account
    assert "3Dmol" in page.read_text()
    assert load("planted-site@champion").model.config.thresholds
