"""A recipe: one flat YAML file that says all of a run; a key that means nothing is refused."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from protgraph import __version__
from protgraph.keys import DEFAULTS, EMBEDDING, ENGINE, LATER, RULES

if TYPE_CHECKING:
    from protgraph.train import pretrain
    from protgraph.train.how import How
    from protgraph.train.loop import Settings

PRETRAINING = "masked-lm"
"""The task of a recipe that trains a language model; it has keys of its own."""

VECTORS = "embedding"
"""The task of a recipe that distils language encoders into a smaller one; likewise."""


def known(task: str = "") -> dict[str, Any]:
    """Every key of a recipe for a task with its default.

    Examples
    --------
    >>> known()["graph.radius"], known(PRETRAINING)["pretrain.crop"]
    (10.0, 256)
    """
    if task == PRETRAINING:
        from protgraph.train import pretrain

        own = {f"pretrain.{field.name}": field.default for field in fields(pretrain.Settings)}
        del own["pretrain.seed"], own["pretrain.how"]
        return {**ENGINE, "task": "", "seed": 0, **own}
    from protgraph.graph.build import build
    from protgraph.train.loop import Settings

    keys = dict(EMBEDDING if task == VECTORS else DEFAULTS)
    for name, parameter in inspect.signature(build).parameters.items():
        if name not in ("protein", "vectors") and task != VECTORS:
            keys[f"graph.{name}"] = parameter.default
    for field in fields(Settings):
        if field.name not in ("seed", "how"):
            keys[f"train.{field.name}"] = field.default
    return keys


class Recipe(Mapping[str, Any]):
    """The settings of one run, complete, checked and in one flat mapping.

    Parameters
    ----------
    given : mapping
        Keys of `known()` with values; the rest have their defaults.

    Raises
    ------
    ValueError
        Where a key is not known, naming the nearest one, or a value is of another type or range.

    Examples
    --------
    >>> Recipe({"task": "zinc-site", "model.widht": 32})
    Traceback (most recent call last):
    ValueError: Unknown key model.widht. Did you mean model.width?
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        keys = known(str(given.get("task", "")))
        for key, value in given.items():
            keys[key] = _typed(key, value, keys)
        self._keys = keys
        for key, holds in RULES.items():
            if key in keys and not holds(keys[key]):
                raise ValueError(f"{key} cannot be {keys[key]!r}.")
        if keys["task"] == PRETRAINING:
            self.pretraining()
            return
        if keys["task"] != VECTORS and not keys["model.layers"] and keys["model.encoder"] != "gin":
            raise ValueError(f"model.layers cannot be 0 with {keys['model.encoder']!r}.")
        self.settings()

    def pretraining(self) -> pretrain.Settings:
        """How to pretrain: the keys under `pretrain`, and the seed."""
        from protgraph.train import pretrain

        return pretrain.Settings(**self.part("pretrain"), seed=self["seed"], how=self.how())

    def how(self) -> How:
        """Which engine trains."""
        from protgraph.train.how import How

        return How(**{key: self[key] for key in ENGINE if key != "ranks"})

    def settings(self) -> Settings:
        """How to train: the keys under `train` that the loop knows, and the seed."""
        from protgraph.train.loop import Settings

        own = {field.name for field in fields(Settings)}
        said = {key: value for key, value in self.part("train").items() if key in own}
        return Settings(**said, seed=self["seed"], how=self.how())

    def __getitem__(self, key: str) -> Any:
        return self._keys[key]

    def __iter__(self) -> Any:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def part(self, name: str) -> dict[str, Any]:
        """Keys under one head, without it: `part("graph")["radius"]`."""
        head = name + "."
        return {key[len(head) :]: v for key, v in self._keys.items() if key.startswith(head)}

    @property
    def digest(self) -> str:
        """Hash of all settings but the engine, of the tables and of the version: 12 digits."""
        counted = {
            key: value
            for key, value in self._keys.items()
            if key not in ENGINE and (key not in LATER or value != DEFAULTS[key])
        }
        text = json.dumps([__version__, counted], sort_keys=True, default=list)
        made = hashlib.sha256(text.encode())
        for key in ("data.table", "data.proteins"):
            path = Path(self._keys.get(key, ""))
            if path.is_file():
                made.update(path.read_bytes())
        return made.hexdigest()[:12]


def load(config: str | Path, overrides: Sequence[str] = ()) -> tuple[Recipe, str]:
    """Read a recipe and change it by `key=value` words.

    Parameters
    ----------
    config : path or str
        A flat YAML file, ending in `.yaml` or `.yml`; else the name of a shipped one, such as
        "zinc_site/egnn".
    overrides : sequence of str
        Such as "model.width=32"; values are YAML.

    Returns
    -------
    recipe : Recipe
    name : str
        Folder and stem of the file: what the run is called.

    Raises
    ------
    FileNotFoundError, ValueError
        Each with the file's name.

    Examples
    --------
    >>> recipe, name = load("planted_site/egnn", ["model.width=16"])
    >>> recipe["model.width"], name
    (16, 'planted_site/egnn')
    """
    path = Path(config)
    if path.suffix not in (".yaml", ".yml"):
        path = _shipped(str(config))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such recipe.")
    try:
        recipe = Recipe({**_mapping(path.read_bytes()), **_parsed(overrides)})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not recipe["task"]:
        raise ValueError(f"{path}: a recipe names its task.")
    return recipe, f"{path.parent.name}/{path.stem}".lstrip("/")


def _mapping(text: bytes) -> dict[str, Any]:
    """Read YAML as a mapping that says each key once."""
    given: dict[str, Any] = _yaml(text)
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("a recipe is a mapping of keys to values.")
    # Loading takes the last of two values for one key in silence.
    keys = [key.value for key, _ in node.value]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"a recipe says each key once, but {', '.join(twice)} more often.")
    return given


def _yaml(text: str | bytes) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error


def _parsed(words: Sequence[str]) -> dict[str, Any]:
    given = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"An override has the form key=value, got {word!r}.")
        given[key] = _yaml(value)
    return given


def configs() -> list[str]:
    """Names of the recipes that came with this package, such as "zinc_site/egnn"."""
    home = Path(__file__).parent / "configs"
    return sorted(f"{path.parent.name}/{path.stem}" for path in home.glob("*/*.yaml"))


def _shipped(name: str) -> Path:
    if name not in configs():
        near = difflib.get_close_matches(name, configs(), n=1, cutoff=0.0)
        raise ValueError(
            f"Unknown recipe {name}. Did you mean {near[0]}? A file of your own ends in .yaml."
        )
    return Path(__file__).parent / "configs" / f"{name}.yaml"


def _typed(key: str, value: Any, keys: Mapping[str, Any]) -> Any:
    """Check a value against the type of its default; an int may stand for a float."""
    if key not in keys:
        near = difflib.get_close_matches(str(key), keys, n=1, cutoff=0.0)
        raise ValueError(f"Unknown key {key}. Did you mean {near[0]}?")
    default = keys[key]
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise ValueError(f"{key} is a list of names, got {value!r}.")
        return tuple(value)
    if isinstance(default, float) and not isinstance(value, bool):
        try:
            number = float(value)  # YAML reads 2e-3 as text
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{key} is a number, got {value!r}.")
        return number
    if type(value) is not type(default):
        raise ValueError(f"{key} is a {type(default).__name__}, got {value!r}.")
    return value
