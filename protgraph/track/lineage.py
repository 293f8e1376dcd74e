"""Where a registered model comes from: its run, its data, and the models that taught it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from protgraph.track import names


class Ancestor(NamedTuple):
    """A model in a lineage.

    Parameters
    ----------
    uri : str
    depth : int
        0 is the model asked for, 1 its teachers.
    run : str
        Id of its run; "" where it is not known.
    tags : mapping
        `task`, `recipe`, `commit`, `data`, `split` and the like; empty where nothing is known.

    Examples
    --------
    >>> Ancestor("models:/zinc/1", 1, "", {"recipe": "0a1b", "split": "2c"}).text()
    '  models:/zinc/1: recipe 0a1b, split 2c'
    """

    uri: str
    depth: int
    run: str
    tags: Mapping[str, str]

    def text(self) -> str:
        """Say it in one line, set in by its depth."""
        keys = ("task", "recipe", "commit", "data", "split")
        said = [f"{key} {self.tags[key]}" for key in keys if key in self.tags]
        said += [f"score {float(self.tags['score']):.3f}"] if "score" in self.tags else []
        said += [f"run {self.run}"] if self.run else []
        return "  " * self.depth + f"{self.uri}: {', '.join(said) or 'not in this registry'}"


def lineage(uri: str) -> list[Ancestor]:
    """Walk from a registered model to its teachers, and to theirs.

    Parameters
    ----------
    uri : str
        As `names.find`; a bare name means its champion.

    Returns
    -------
    found : list of Ancestor
        Depth first. What is no longer in MLflow is named all the same.

    Raises
    ------
    ValueError
        Where there is no such model.

    Examples
    --------
    >>> lineage("zinc/site")
    Traceback (most recent call last):
    ValueError: zinc/site: not of the form models:/name/3, models:/name@alias, name@alias.
    """
    asked = uri if "@" in uri or "/" in uri else f"{names.named(uri)}@champion"
    return _walked(names.find(asked).uri, 0)


def known(experiment: str, weights: str) -> str:
    """Look up the URI of a model of an experiment by the hash of its files; "" if there is none."""
    from mlflow import MlflowClient

    client = MlflowClient()
    held = client.get_experiment_by_name(experiment)
    if held is None:
        return ""
    found = client.search_logged_models([held.experiment_id], f"tags.weights = '{weights}'")
    ready = [one.model_id for one in found if str(one.status) == "READY"]
    return f"models:/{min(ready)}" if ready else ""


def _walked(uri: str, depth: int) -> list[Ancestor]:
    """An ancestor and its own ones; a model is older than those it taught, so there is an end."""
    own = _one(uri, depth)
    teachers: list[str] = json.loads(own.tags.get("teachers", "[]"))
    return [own, *(one for teacher in teachers for one in _walked(teacher, depth + 1))]


def _one(uri: str, depth: int) -> Ancestor:
    if not uri.startswith("models:/"):
        return Ancestor(uri, depth, "", {})
    if "/" not in uri.removeprefix("models:/"):
        return _logged(uri, depth)
    try:
        version = names.find(uri)
    except ValueError:
        if not depth:
            raise
        return Ancestor(uri, depth, "", {})
    return Ancestor(uri, depth, version.run, version.tags)


def _logged(uri: str, depth: int) -> Ancestor:
    """A model that a run logged and nobody registered."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        model: Any = MlflowClient().get_logged_model(uri.removeprefix("models:/"))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return Ancestor(uri, depth, "", {})
    return Ancestor(uri, depth, model.source_run_id or "", model.tags)
