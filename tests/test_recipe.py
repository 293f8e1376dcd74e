"""Recipes: complete, typed, and refused with a word that helps."""

from __future__ import annotations

import math
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph import recipe as recipes
from protgraph.keys import ENGINE
from protgraph.recipe import Recipe, configs, known

KEYS = sorted(known())


def load(path, words=()):
    """The recipe alone, without its name."""
    return recipes.load(path, words)[0]


def plain(value):
    return list(value) if isinstance(value, tuple) else value


def other(value):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if value in ("fp32", "bf16"):
        return {"fp32": "bf16", "bf16": "fp32"}[value]
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, float) and value < 1:
        return value / 2 or 0.5
    return value[:-1] if isinstance(value, tuple) else value + 1


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "demo.yaml"
    made.write_text("task: zinc-site\nmodel.width: 32\n")
    return made


# What a recipe holds


def test_a_recipe_is_complete():
    recipe = Recipe({"task": "zinc-site"})
    assert set(recipe) == set(known())
    assert len(recipe) == len(known())
    assert recipe["graph.radius"] == 10.0
    assert recipe["train.rate"] == 2e-3


def test_keys_of_graph_and_training_are_those_of_build_and_settings():
    import inspect
    from dataclasses import fields

    from protgraph.graph.build import build
    from protgraph.train.loop import Settings

    own = {f.name for f in fields(Settings)} - {"seed", "how"} | {"drop_side", "balance"}
    assert set(Recipe({}).part("train")) == own
    asked = set(inspect.signature(build).parameters) - {"protein", "vectors"}
    assert set(Recipe({}).part("graph")) == asked


@settings(deadline=None)
@given(st.sets(st.sampled_from(KEYS)))
def test_any_keys_with_their_defaults_are_the_recipe_of_defaults(tmp_path_factory, keys):
    text = yaml.safe_dump({**{key: plain(known()[key]) for key in keys}, "task": "zinc-site"})
    path = tmp_path_factory.getbasetemp() / "defaults.yaml"
    path.write_text(text)
    assert dict(load(path)) == dict(Recipe({"task": "zinc-site"}))
    assert load(path).digest == Recipe({"task": "zinc-site"}).digest


@pytest.mark.parametrize("key", sorted(set(KEYS) - set(ENGINE)))
def test_the_digest_changes_with_any_value(key):
    named = {
        "data.structure": "fold", "network.edges": "all", "student.kind": "cnn",
        "distil.teachers": ("zinc_site/egnn",),
    }  # fmt: skip
    value = named.get(key, other(known()[key]))
    assert Recipe({key: value})[key] == value
    assert Recipe({key: value}).digest != Recipe({}).digest


def test_the_digest_does_not_see_how_a_value_is_written(tmp_path):
    texts = ("graph.radius: 8\nseed: 1", "seed: 1\ngraph.radius: 8.0", "seed: 0x1\ngraph.radius: 8")
    digests = set()
    for text in texts:
        (tmp_path / "a.yaml").write_text("task: zinc-site\n" + text)
        digests.add(load(tmp_path / "a.yaml").digest)
    assert len(digests) == 1


# Values


@pytest.mark.parametrize(
    ("written", "value"), [("2e-3", 0.002), ("1", 1.0), ("0.5", 0.5), ("'0.5'", 0.5)]
)
def test_a_number_may_be_written_as_yaml_does_not_know_it(path, written, value):
    assert load(path, [f"train.rate={written}"])["train.rate"] == value


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.width=wide", "model.width is a int, got 'wide'"),
        ("model.width=32.5", "model.width is a int, got 32.5"),
        ("model.width=true", "model.width is a int, got True"),
        ("seed=", "seed is a int, got None"),
        ("train.rate=fast", "train.rate is a number, got 'fast'"),
        ("train.rate=true", "train.rate is a float, got True"),
        ("train.rate=[1]", "train.rate is a number, got [1]"),
        ("graph.radius=.inf", "graph.radius is a number, got inf"),
        ("graph.trusted=.nan", "graph.trusted is a number, got nan"),
        ("graph.trusted=nan", "graph.trusted is a number, got 'nan'"),
        (f"graph.radius=1{'0' * 400}", "graph.radius is a number, got 1000"),
        ("data.gaps=1", "data.gaps is a bool, got 1"),
        ("graph.nodes=identity", "graph.nodes is a list of names, got 'identity'"),
        ("graph.nodes=[1]", "graph.nodes is a list of names, got [1]"),
        ("model.encoder=3", "model.encoder is a str, got 3"),
    ],
    ids=lambda word: word[:24],
)
def test_a_value_of_another_type_is_refused(path, word, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        load(path, [word])


def test_a_list_of_names_becomes_a_tuple(path):
    assert load(path, ["graph.nodes=[identity, scales]"])["graph.nodes"] == ("identity", "scales")
    assert load(path, ["graph.nodes=[]"])["graph.nodes"] == ()


# Keys


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("model.widht", "model.width"), ("graph.radios", "graph.radius"), ("tsk", "task"),
        ("train.lr", None), ("graph.protein", None), ("train.seed", None), ("", None),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_nearest_one(key, near):
    with pytest.raises(ValueError, match=r"^Unknown key .*\. Did you mean .+\?$") as caught:
        Recipe({key: 1})
    assert f"Unknown key {key}." in str(caught.value)
    named = re.findall(r"mean (\S+)\?", str(caught.value))[0]
    assert named == near if near else named in known()


# Files


def test_a_file_is_read_and_changed_by_words(path):
    assert load(path)["model.width"] == 32
    changed = load(path, ["model.width=8", "model.encoder=gcn", "train.rate=1e-4", "seed=3"])
    assert [changed[k] for k in ("model.width", "model.encoder", "train.rate", "seed")] == [
        8, "gcn", 1e-4, 3,
    ]  # fmt: skip
    assert changed["task"] == "zinc-site"


def test_the_last_of_two_words_for_a_key_counts(path):
    assert load(path, ["seed=1", "seed=2"])["seed"] == 2


def test_a_value_may_hold_an_equals_sign(path):
    assert load(path, ["vectors.encoder=/models/a=b"])["vectors.encoder"] == "/models/a=b"


def test_a_word_without_an_equals_sign_is_refused(path):
    with pytest.raises(ValueError, match=r"form key=value, got 'model.width'"):
        load(path, ["model.width"])


def test_a_word_that_is_not_yaml_is_named(path):
    with pytest.raises(ValueError, match=r"demo\.yaml: not YAML: .*identity"):
        load(path, ["graph.nodes=[identity"])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.yaml: no such recipe"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"task: [zinc", "not YAML"),
        (b"task: zinc: site", "not YAML"),
        (b"\xff\xfe\x00\xd8", "not YAML"),
        (b"? [a]\n: 1", "not YAML"),
        (b"task: !!python/object/apply:os.getcwd []", "not YAML"),
        (b"", "a recipe is a mapping"),
        (b"- task", "a recipe is a mapping"),
        (b"zinc-site", "a recipe is a mapping"),
        (b"model.width: 32", "a recipe names its task"),
        (b"task: ''", "a recipe names its task"),
        (b"task: a\nmodel: {width: 3}", "Unknown key model. Did you mean model."),
        (b"task: a\nmodel.width: wide", "model.width is a int"),
        (b"task: a\n3: 4", "Unknown key 3."),
        (b"task: a\nseed: 1\nseed: 2", "says each key once, but seed more often"),
    ],
    ids=str,
)
def test_a_file_that_is_no_recipe_is_named_with_the_reason(tmp_path, content, said):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: ") as caught:
        load(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_default_is_outside_what_a_recipe_takes():
    assert dict(Recipe(known())) == known()
    assert all(math.isfinite(v) for v in known().values() if isinstance(v, float))


# Shipped recipes


@pytest.mark.parametrize("name", configs())
def test_a_shipped_recipe_is_found_by_name(name):
    from protgraph.tasks.catalogue import TASKS

    recipe, found = recipes.load(name)
    assert found == name
    folder = name.partition("/")[0]
    if folder == "pretrain":
        assert recipe["task"] == recipes.PRETRAINING
        return
    if folder == recipes.VECTORS:
        assert recipe["task"] == recipes.VECTORS
        return
    assert recipe["task"] in TASKS
    # One recipe serves all splits of shs27k.
    split = "_random_0" if folder == "shs27k" else ""
    assert recipe["task"].replace("-", "_") == folder + split


def test_a_run_is_called_by_the_folder_and_stem_of_its_file(path):
    assert recipes.load(path)[1] == f"{path.parent.name}/demo"


def test_a_name_that_is_not_shipped_names_the_nearest_one():
    with pytest.raises(ValueError, match=r"Unknown recipe zinc_site/egn\. Did you mean zinc_site/"):
        recipes.load("zinc_site/egn")
