import numpy as np
import pytest

from protgraph.data.corpora import PLACES, STATES, localisation, pretraining, secondary_structure


def test_secondary_structure_has_its_published_split_and_masks(data):
    found = secondary_structure()
    counts = {side: len(found.whole(side)) for side in ("train", "valid", "test")}
    assert counts == {"train": 9712, "valid": 1080, "test": 364}
    first = next(e for e in found.examples if e.protein.name == "1es5-A")
    assert len(first.y) == len(first.protein) == 262
    assert np.isnan(first.y[:2]).all()
    assert "".join(STATES[int(s)] for s in first.y[2:16, 0]) == "CCCCCCCEEEEEEC"


def test_localisation_keeps_clusters_on_one_side(data):
    found = localisation()
    assert len(found.examples) == 10_081
    test = found.whole("test")
    assert {PLACES[int(e.y[0])] for e in test} == set(PLACES)
    assert sum(PLACES[int(e.y[0])] == "Cellwall" for e in test) == 16


def test_pretraining_shares_no_sequence_between_its_sides(data):
    train, valid = pretraining("train"), pretraining("valid")
    assert (len(train), len(valid)) == (226_659, 2501)
    assert not set(train) & set(valid)


def test_without_data_it_says_so(monkeypatch):
    monkeypatch.delenv("PROTGRAPH_DATA", raising=False)
    for make in (secondary_structure, localisation, lambda: pretraining("valid")):
        with pytest.raises(FileNotFoundError, match="set PROTGRAPH_DATA"):
            make()
