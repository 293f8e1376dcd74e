"""Every shipped recipe is whole: flat, short, and fit for a model of its task."""

from pathlib import Path

import pytest
import yaml

from protgraph.models.model import Model
from protgraph.models.student import StudentConfig
from protgraph.recipe import PRETRAINING, VECTORS, configs, load
from protgraph.running.baselines import BASELINES
from protgraph.running.inputs import config_of
from protgraph.running.interactome import ENCODER
from protgraph.running.question import task_of

HOME = Path(__file__).parents[1] / "configs"


def test_the_folder_at_the_top_is_the_one_in_the_package():
    assert sorted(str(p.relative_to(HOME))[:-5] for p in HOME.glob("*/*.yaml")) == configs()


@pytest.mark.parametrize("name", configs())
def test_a_recipe_is_flat_and_short(name):
    text = (HOME / f"{name}.yaml").read_text()
    assert len(text.splitlines()) <= 40
    assert not any(isinstance(value, dict) for value in yaml.safe_load(text).values())


@pytest.mark.parametrize("name", configs())
def test_a_recipe_makes_a_model_of_its_task(name):
    recipe, called = load(name)
    assert called == name
    if recipe["task"] == PRETRAINING:
        assert recipe.pretraining().steps > 0
        return
    if recipe["task"] == VECTORS:
        assert StudentConfig(**recipe.part("student"), level="vectors", outputs=()).layers > 0
        return
    task = task_of(recipe).named(("1.1.1.1", "1.1.1.2"))
    if recipe["model.encoder"] in (*BASELINES, ENCODER):
        return
    if "/" in recipe["vectors.encoder"]:  # a hub id: the checkpoint is not here
        with pytest.raises((FileNotFoundError, ValueError), match="esm2_t"):
            config_of(recipe, task)
        recipe, _ = load(name, ["vectors.encoder=onehot"])
    assert Model(config_of(recipe, task)).size > 0


def test_the_sequence_only_model_has_as_many_parameters_as_the_graph_network():
    sizes = {}
    for model in ("egnn", "cnn"):
        recipe, _ = load(f"zinc_site/{model}")
        sizes[model] = Model(config_of(recipe, task_of(recipe))).size
    assert abs(sizes["cnn"] / sizes["egnn"] - 1) < 0.05
