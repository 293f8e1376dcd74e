"""Recipes for real language models run as they stand, here with a small random checkpoint."""

from argparse import Namespace

import pytest

from protgraph.data.sites import planted
from protgraph.language.store import Store
from protgraph.recipe import configs, load
from protgraph.resolve import load as load_model
from protgraph.running.question import task_of
from protgraph.running.run import execute

FEW = ["task=planted-site", "train.epochs=1", "model.width=16"]


@pytest.fixture(scope="module")
def data():
    return planted(count=10)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path / "cache"))


SITES = [n for n in configs() if "esm2" in n and "enzyme" not in n and "embedding" not in n]


@pytest.mark.parametrize("name", SITES)
def test_a_recipe_with_esm2_trains_saves_and_predicts(name, data, pt, tmp_path):
    recipe, called = load(name, [*FEW, f"vectors.encoder={pt}"])
    found = execute(recipe, task_of(recipe), data, name=called, folder=tmp_path)
    predictor = load_model(found.folder / "model")
    assert predictor.model.config.vectors == pt
    assert "esm2_tiny" in predictor.encoder
    protein = data.side("test")[0].protein
    assert predictor.predict(protein).scores.shape == (len(protein), 1)
    assert len(Store(tmp_path / "cache" / "vectors")) == len(
        {e.protein.sequence for e in data.examples}
    )


def test_a_model_whose_language_model_is_gone_says_so(data, pt, tmp_path):
    import shutil

    moved = shutil.copy(pt, tmp_path / "moved.pt")
    recipe, name = load("zinc_site/esm2_35m", [*FEW, f"vectors.encoder={moved}"])
    found = execute(recipe, task_of(recipe), data, name=name, folder=tmp_path)
    (tmp_path / "moved.pt").unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=r"moved\.pt"):
        load_model(found.folder / "model").predict(data.side("test")[0].protein)


def test_a_model_refuses_other_weights_under_the_same_name(data, pt, tmp_path):
    import shutil

    import torch

    named = shutil.copy(pt, tmp_path / "esm2.pt")
    recipe, name = load("zinc_site/esm2_35m", [*FEW, f"vectors.encoder={named}"])
    found = execute(recipe, task_of(recipe), data, name=name, folder=tmp_path)
    with torch.serialization.safe_globals([Namespace]):
        stored = torch.load(named, weights_only=True)
    stored["model"]["encoder.sentence_encoder.embed_tokens.weight"] *= 2
    torch.save(stored, named)
    with pytest.raises(ValueError, match="the weights that are there now"):
        load_model(found.folder / "model").predict(data.side("test")[0].protein)
