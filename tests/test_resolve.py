import subprocess
import sys
from pathlib import Path

import pytest

from protgraph import resolve
from protgraph.models.model import Config, Model
from protgraph.track import registry

CONFIG = Config("demo", "protein", ("fit",), "cnn", 21, 0, 0, width=4, layers=1)


@pytest.fixture
def random(tmp_path, monkeypatch):
    """A model of random weights in the working folder's `models/random`."""
    monkeypatch.chdir(tmp_path)
    return Model(CONFIG).save(Path("models", "random"))


@pytest.fixture
def ships(tmp_path, monkeypatch):
    """A package that ships `random-zinc` and `random-iron`, and a folder that is no model."""
    for name in ("random-zinc", "random-iron"):
        Model(CONFIG).save(tmp_path / "package" / name)
    (tmp_path / "package" / "__pycache__").mkdir()
    monkeypatch.setattr(resolve, "_home", lambda: tmp_path / "package")


@pytest.mark.parametrize("name", ["models/random", "./models/random", Path("models/random")])
def test_a_slash_is_a_folder(random, name):
    predictor = resolve.load(name)
    assert predictor.name == str(name)
    assert predictor.model.config == CONFIG


def test_a_folder_that_exists_needs_no_slash(random, monkeypatch):
    monkeypatch.chdir("models")
    assert resolve.load("random").name == "random"
    assert resolve.load(Path("random")).name == "random"


@pytest.mark.parametrize("name", ["./random-zinc", "models/none", Path("random-zinc")])
def test_a_folder_without_a_model_is_an_error_and_nothing_else_is_tried(random, ships, name):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        resolve.load(name)


def test_a_word_is_a_model_of_the_package(random, ships):
    assert resolve.shipped() == ["random-iron", "random-zinc"]
    predictor = resolve.load("random-iron")
    assert predictor.name == "random-iron"
    assert predictor.model.config == CONFIG


def test_a_word_that_is_two_things_is_refused(random, ships, monkeypatch):
    Path("random-zinc").mkdir()
    with pytest.raises(ValueError, match=r"random-zinc is both .* write \./random-zinc"):
        resolve.load("random-zinc")


def test_an_unknown_word_names_the_nearest_and_the_forms(random, ships):
    with pytest.raises(ValueError, match="Unknown model random-zink") as error:
        resolve.load("random-zink")
    assert "Did you mean random-zinc" in str(error.value)
    assert resolve.FORMS in str(error.value)
    with pytest.raises(ValueError, match=r"has: random-iron, random-zinc\."):
        resolve.load("xyz")


def test_a_package_without_models_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(resolve, "_home", lambda: tmp_path / "absent")
    assert resolve.shipped() == []
    with pytest.raises(ValueError, match=r"has: none\."):
        resolve.load("xyz")


@pytest.mark.parametrize("name", ["models:/random/3", "models:/random@champion", "random@champion"])
def test_a_registered_name_is_asked_of_the_registry(random, monkeypatch, name):
    asked = []
    monkeypatch.setattr(registry, "folder", lambda uri: asked.append(uri) or random)
    predictor = resolve.load(name)
    assert asked == [name]
    assert predictor.name == name
    assert predictor.model.config == CONFIG


def test_where_a_model_is_can_be_told_without_loading_it(random, ships, tmp_path):
    assert resolve.place("random-iron") == tmp_path / "package" / "random-iron"
    for name in ("models@2/none", "./models", Path("random@champion")):
        assert resolve.place(name) == Path(name)
    assert resolve.place("models:/random/3") is resolve.place("random@champion") is None


def test_mlflow_is_left_alone_unless_a_registered_model_is_asked_for(random):
    code = """
import sys
from protgraph import resolve
resolve.load("models/random")
assert not any(name.split(".")[0] == "mlflow" for name in sys.modules)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
