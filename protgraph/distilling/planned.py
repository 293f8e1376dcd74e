"""Teachers before one is trained: recipes read, models loaded, and what cannot teach refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from protgraph import recipe, resolve
from protgraph.data.dataset import Dataset
from protgraph.data.pool import STRUCTURES, lettered
from protgraph.models.model import ENCODERS, SEQUENCE, Model
from protgraph.predict import Predictor, alone
from protgraph.recipe import Recipe
from protgraph.tasks.task import Task
from protgraph.train.ranks import world


class Planned(NamedTuple):
    """A teacher to be trained, or found where it was.

    Parameters
    ----------
    recipe : Recipe
    name : str
    words : str
        Of `distil.teachers`.
    """

    recipe: Recipe
    name: str
    words: str


def planned(settings: Recipe, task: Task, data: Dataset) -> list[Planned | Predictor]:
    """Read the recipes of a student's teachers, one a seed, and load those that are models.

    Parameters
    ----------
    settings : Recipe
        Of the student.
    task : Task
    data : Dataset

    Raises
    ------
    ValueError
        Where a teacher answers another question, has learned another split, or looks at structures
        while the pool has none.
    """
    made: list[Planned | Predictor] = []
    for words in settings["distil.teachers"]:
        model, *changes = re.split(r"\s+(?=[\w.]+=)", words.strip())
        if not (model.endswith((".yaml", ".yml")) or model in recipe.configs()):
            loaded = resolve.load(words)
            fits(loaded, task, data)
            made.append(loaded)
            continue
        for seed in range(settings["distil.seeds"]):
            own, named = recipe.load(model, [*changes, f"seed={seed}"])
            _same(settings, own, model)
            made.append(Planned(own, named, words))
    _readable(settings["distil.pool"], made)
    return made


def _readable(pool: str, teachers: list[Planned | Predictor]) -> None:
    """Refuse a pool that is not there, and one of letters for a teacher that needs coordinates."""
    if pool not in ("", STRUCTURES) and not Path(pool).exists():
        raise FileNotFoundError(f"distil.pool={pool}: there is no such file or folder.")
    if not lettered(pool):
        return
    for one in teachers:
        if isinstance(one, Planned):
            name, blind = one.words, one.recipe["model.encoder"] in SEQUENCE
        else:
            name, blind = one.name, alone(one.model.config)
        if not blind:
            raise ValueError(
                f"distil.pool={pool} has sequences alone, but the teacher {name} looks at "
                "structures."
            )


def _same(settings: Recipe, own: Recipe, model: str) -> None:
    """Refuse a teacher's recipe of another question, other proteins or ranks of its own."""
    if own["task"] != settings["task"]:
        raise ValueError(f"{model} is a recipe for {own['task']}, not for {settings['task']}.")
    if own["model.encoder"] not in ENCODERS:
        raise ValueError(
            f"{model}: a teacher is a network ({', '.join(ENCODERS)}), got {own['model.encoder']}."
        )
    if own["engine"] != "torch" and world().ranks > 1:
        raise ValueError(
            f"{model}: with several ranks one of them trains a teacher, by engine=torch alone, "
            f"got engine={own['engine']}."
        )
    for key, value in settings.part("data").items():
        if key != "batch" and own[f"data.{key}"] != value:
            raise ValueError(
                f"{model}: teacher and student see the same proteins, but its data.{key} is "
                f"{own[f'data.{key}']!r} and the student's {value!r}."
            )


def fits(teacher: Predictor, task: Task, data: Dataset) -> None:
    """Refuse a model that answers another question, or has learned from another split."""
    c = teacher.model.config
    if not isinstance(teacher.model, Model):
        raise ValueError(f"{teacher.name}: a teacher is a model of graphs, got a student.")
    said = (c.level, tuple(c.outputs), c.exclusive, c.value)
    asked = (task.level, task.outputs, task.exclusive, task.value)
    if said != asked or c.task != task.name:
        raise ValueError(
            f"{teacher.name}: a teacher of {task.name} scores a {task.level}'s "
            f"{', '.join(task.outputs)}, got one of {c.task}, a {c.level}'s {', '.join(c.outputs)}."
        )
    split = c.card.get("split", "none")
    if split != data.split_digest:
        raise ValueError(
            f"{teacher.name}: learned from the split {split}, but {data.name} has "
            f"{data.split_digest}: it may have seen what the student is tested on."
        )
