"""Who teaches a student and what: teachers found or trained, and what cannot be refused early."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from protgraph import recipe, resolve
from protgraph.data.dataset import Dataset
from protgraph.distilling.graphable import GRAPH, graphable, visible
from protgraph.distilling.teach import Outputs, outputs
from protgraph.models.model import Config, Model
from protgraph.models.student import StudentConfig
from protgraph.predict import Predictor
from protgraph.recipe import Recipe
from protgraph.running.cells import Cell, kept, loaded
from protgraph.running.decide import answerable
from protgraph.running.inputs import config_of
from protgraph.running.run import place_of
from protgraph.structure.protein import Protein
from protgraph.tasks.task import Task
from protgraph.train.distill import TERMS, Weights
from protgraph.train.ranks import alone, in_turn, world

Say = Callable[[str], None]

LESSONS = TERMS[1:]
"""Terms that need no label: without one of them a pool teaches nothing."""


@dataclass(frozen=True, eq=False)
class Tuition:
    """What a student is taught and by whom.

    Parameters
    ----------
    recipe : Recipe
    name : str
        What the run is called.
    task : Task
    data : Dataset
    teachers : tuple of Predictor
    cells : tuple of Cell
        Of the teachers that are recipes.
    plans : tuple of Recipe
        One a cell.
    folder : Path
        Keeps every cell, and the teachers' outputs.
    """

    recipe: Recipe
    name: str
    task: Task
    data: Dataset = field(repr=False)
    teachers: tuple[Predictor, ...]
    cells: tuple[Cell, ...] = field(repr=False)
    plans: tuple[Recipe, ...] = field(repr=False)
    folder: Path

    def say(self, proteins: Sequence[Protein]) -> Outputs:
        """Ask the teachers; what was asked before is read."""
        return outputs(self.teachers, proteins, folder=self.folder / "outputs")

    @property
    def models(self) -> tuple[Model, ...]:
        """The teachers' networks."""
        return tuple(t.model for t in self.teachers if isinstance(t.model, Model))

    @property
    def weights(self) -> Weights:
        """How much each term counts."""
        given = self.recipe.part("distil")
        apart = ("teachers", "seeds", "pool", "size", "least")
        return Weights(**{key: value for key, value in given.items() if key not in apart})

    @property
    def config(self) -> Config | StudentConfig:
        """What the student is to be: of graphs, or of letters."""
        settings, task = self.recipe, self.task
        if settings["student.kind"] == GRAPH:
            said = ", ".join(settings["distil.teachers"])
            return replace(config_of(settings, task), card={"taught by": said} if said else {})
        return StudentConfig(
            **settings.part("student"),
            task=task.name,
            level=task.level,
            outputs=task.outputs,
            exclusive=task.exclusive,
            value=task.value,
            given=task.given,
            dropout=settings["model.dropout"],
            gaps=settings["data.gaps"],
            teacher=", ".join(settings["distil.teachers"]),
        )


def gathered(settings: Recipe, name: str, folder: Path, *, say: Say | None = None) -> Tuition:
    """Find or train the teachers of a recipe, and check that they can teach its student.

    Parameters
    ----------
    settings : Recipe
    name : str
    folder : path
    say : callable, optional
        Called with a line on every teacher.

    Raises
    ------
    ValueError
        Where the recipe has no student or no teacher, a term does not fit the student, or a
        teacher answers another question or has learned another split.
    """
    _possible(settings)
    _poolable(settings)
    graphable(settings)
    with in_turn():
        task, data = loaded(settings)
    if not isinstance(data, Dataset):
        raise ValueError(f"{task.name}: a student scores residues or proteins, not pairs.")
    if task.value and settings["distil.least"]:
        raise ValueError(
            f"distil.least={settings['distil.least']} is a probability, but {task.name} asks for "
            "a quantity."
        )
    visible(settings, data.proteins, data.name)
    answerable(task, data, "valid")
    answerable(task, data, "test")
    teachers: list[Predictor] = []
    cells: list[Cell] = []
    plans: list[Recipe] = []
    for words in settings["distil.teachers"]:
        model, *changes = re.split(r"\s+(?=[\w.]+=)", words.strip())
        if model.endswith((".yaml", ".yml")) or model in recipe.configs():
            for seed in range(settings["distil.seeds"]):
                own, named = recipe.load(model, [*changes, f"seed={seed}"])
                _same(settings, own, model)
                # Teachers are frozen, and no engine of the student's ever sees them.
                with in_turn(), alone():
                    cells.append(kept(own, named, folder))
                plans.append(own)
                teachers.append(resolve.load(place_of(own, named, folder) / "model"))
                if say is not None:
                    say(f"teacher {words}, seed {seed}: {cells[-1].summary['test']}")
        else:
            teachers.append(resolve.load(words))
    for teacher in teachers:
        _fits(teacher, task, data)
    taught = tuple(teachers), tuple(cells), tuple(plans)
    return Tuition(settings, name, task, data, *taught, folder)


def _possible(settings: Recipe) -> None:
    """Refuse what no student can learn from its teachers, before anything is computed."""
    kind, asked = settings["student.kind"], settings.part("distil")
    if not kind:
        raise ValueError("student.kind is cnn, transformer, layers or graph to distil, got none.")
    if not asked["teachers"]:
        raise ValueError("distil.teachers names one teacher at least, got none.")
    for words in asked["teachers"]:
        if re.search(r"\sseed=", words):
            raise ValueError(f"distil.seeds says which seeds a teacher has, got {words!r}.")
    if asked["attention"] and kind in ("cnn", GRAPH):
        raise ValueError(
            f"distil.attention needs a student with attention, got student.kind={kind}."
        )
    if asked["relation"] and world().ranks > 1:
        raise ValueError(
            "distil.relation compares the proteins of a batch, which ranks deal among themselves: "
            f"it needs ranks=1, got {world().ranks}."
        )


def _poolable(settings: Recipe) -> None:
    """Refuse a pool that teaches nothing, and what is said of none."""
    asked = settings.part("distil")
    if asked["pool"] and not any(asked[term] for term in LESSONS):
        raise ValueError(
            f"distil.pool={asked['pool']} has no labels: one of {', '.join(LESSONS)} teaches on "
            "it, but all have the weight 0."
        )
    if asked["pool"] and (settings["data.shuffle"] or settings["data.structure"] != "observed"):
        raise ValueError(
            "distil.pool has chains as they were observed, but data.shuffle is "
            f"{settings['data.shuffle']} and data.structure {settings['data.structure']!r}."
        )
    if asked["least"] and not asked["soft"]:
        raise ValueError(
            f"distil.least={asked['least']} is of what a teacher says, but distil.soft is 0."
        )
    if asked["size"] and not asked["pool"]:
        raise ValueError(f"distil.size={asked['size']} is of a pool, but distil.pool names none.")


def _same(settings: Recipe, own: Recipe, model: str) -> None:
    """Refuse a teacher's recipe of another question, other proteins or ranks of its own."""
    if own["task"] != settings["task"]:
        raise ValueError(f"{model} is a recipe for {own['task']}, not for {settings['task']}.")
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


def _fits(teacher: Predictor, task: Task, data: Dataset) -> None:
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
