"""Who teaches a student and what: teachers found or trained, and what cannot be refused early."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from protgraph import resolve
from protgraph.data.dataset import Dataset
from protgraph.distilling.graphable import GRAPH, graphable, visible
from protgraph.distilling.planned import fits, planned
from protgraph.distilling.teach import Outputs, outputs
from protgraph.models.model import Config, Model
from protgraph.models.student import Student, StudentConfig, begin
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
        return weights_of(self.recipe)

    @property
    def config(self) -> Config | StudentConfig:
        """What the student is to be: of graphs, or of letters."""
        return wanted(self.recipe, self.task)


def weights_of(settings: Recipe) -> Weights:
    """How much each term of a recipe counts."""
    apart = ("teachers", "seeds", "pool", "size", "strict", "least")
    given = settings.part("distil")
    return Weights(**{key: value for key, value in given.items() if key not in apart})


def wanted(settings: Recipe, task: Task) -> Config | StudentConfig:
    """What the student of a recipe is to be: of graphs, or of letters."""
    said = ", ".join(settings["distil.teachers"])
    if settings["student.kind"] == GRAPH:
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
        teacher=said,
    )


def fresh(config: Config | StudentConfig) -> Model | Student:
    """Make a student to be trained."""
    return Model(config) if isinstance(config, Config) else begin(config)


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
    fresh(wanted(settings, task))
    weights_of(settings)
    asked = planned(settings, task, data)
    teachers: list[Predictor] = []
    cells: list[Cell] = []
    plans: list[Recipe] = []
    for one in asked:
        if isinstance(one, Predictor):
            teachers.append(one)
            continue
        # Teachers are frozen, and no engine of the student's ever sees them.
        with in_turn(), alone():
            cells.append(kept(one.recipe, one.name, folder))
        plans.append(one.recipe)
        teachers.append(resolve.load(place_of(one.recipe, one.name, folder) / "model"))
        fits(teachers[-1], task, data)
        if say is not None:
            seed = one.recipe["seed"]
            say(f"teacher {one.words}, seed {seed}: {cells[-1].summary['test']}")
    taught = tuple(teachers), tuple(cells), tuple(plans)
    return Tuition(settings, name, task, data, *taught, folder)


def _possible(settings: Recipe) -> None:
    """Refuse what no student can learn from its teachers, before anything is computed."""
    kind, asked = settings["student.kind"], settings.part("distil")
    if not kind:
        raise ValueError(
            "student.kind is cnn, transformer, layers or graph to distil, got none; "
            "zinc_site/student is a recipe with one."
        )
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
    for key in ("size", "strict"):
        if asked[key] and not asked["pool"]:
            raise ValueError(f"distil.{key}={asked[key]} is of a pool, but distil.pool names none.")
