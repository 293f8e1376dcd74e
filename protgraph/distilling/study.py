"""Who teaches a student of vectors, and on which proteins: what cannot be is refused early."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from protgraph.data.unlabelled import Unlabelled, unlabelled
from protgraph.distilling.spoken import Spoken, spoken
from protgraph.language.encoder import encoder
from protgraph.models.kinds import VECTORS
from protgraph.models.student import Student, StudentConfig, begin
from protgraph.recipe import Recipe
from protgraph.train.ranks import in_turn, world

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Study:
    """Who teaches a student of vectors, on which proteins.

    Parameters
    ----------
    recipe : Recipe
    name : str
        What the run is called.
    proteins : Unlabelled
    teachers : tuple of Spoken
    folder : Path
        Keeps the student's own folder.
    """

    recipe: Recipe
    name: str
    proteins: Unlabelled = field(repr=False)
    teachers: tuple[Spoken, ...]
    folder: Path

    @property
    def names(self) -> tuple[str, ...]:
        """What the recipe calls the teachers, each by another word."""
        return tuple(self.recipe["distil.teachers"])

    @property
    def place(self) -> Path:
        """The student's folder: by recipe, teachers and proteins."""
        facts = [*(teacher.encoder.digest for teacher in self.teachers), self.proteins.digest]
        if self.recipe["student.kind"] == "layers":
            facts.append(encoder(self.recipe["student.encoder"]).digest)
        text = json.dumps([self.recipe.digest, *facts])
        known = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self.folder / f"{self.name.replace('/', '-')}-s{self.recipe['seed']}-{known}"

    def begun(self) -> Student:
        """Make the student as it is before it learns, the same each time."""
        torch.manual_seed(self.recipe["seed"])
        return begin(config_of(self.recipe))


def config_of(settings: Recipe) -> StudentConfig:
    """What the student of a recipe is to be."""
    return StudentConfig(
        **settings.part("student"),
        task=settings["task"],
        level=VECTORS,
        outputs=(),
        dropout=0.0,
        teacher=", ".join(settings["distil.teachers"]),
    )


def gathered(settings: Recipe, name: str, folder: Path, *, say: Say | None = None) -> Study:
    """Open the teachers of a recipe, gather its proteins, and have the vectors at hand.

    Parameters
    ----------
    settings : Recipe
        Of the task "embedding".
    name : str
    folder : path
        Its `vectors` is the store of the teachers' vectors.
    say : callable, optional
        Called with a line on the proteins and on each teacher.

    Raises
    ------
    ValueError, FileNotFoundError
        Where keys do not fit each other, a teacher is not there, or the proteins are none or of
        too few families.
    """
    _possible(settings)
    begin(config_of(settings))
    how = {"precision": settings["distil.precision"], "device": settings["distil.device"]}
    encoders = [encoder(teacher, **how) for teacher in settings["distil.teachers"]]
    asked = (settings[f"data.{key}"] for key in ("proteins", "size", "held"))
    source, size, held = asked
    with in_turn():
        proteins = unlabelled(source, size=size, held=held, seed=settings["seed"])
        if say is not None:
            say(proteins.text())
            for one in encoders:
                say(f"teacher {one.name}, width {one.width}")
        rest = (*proteins.valid, *proteins.test)
        teachers = spoken(encoders, proteins.train, rest, folder=folder / "vectors")
    return Study(settings, name, proteins, teachers, folder)


def _possible(settings: Recipe) -> None:
    """Refuse keys that do not go together, before anything is computed."""
    kind, source = settings["student.kind"], settings["student.encoder"]
    teachers = settings["distil.teachers"]
    if not kind:
        raise ValueError("student.kind is transformer, cnn or layers to distil, got none.")
    if (kind == "layers") != bool(source):
        raise ValueError(
            "student.encoder names whose first layers a student of kind layers has, and none else: "
            f"got {source or 'none'} for the kind {kind}."
        )
    if not teachers:
        raise ValueError("distil.teachers names one encoder at least, got none.")
    if len(set(teachers)) < len(teachers):
        raise ValueError(f"distil.teachers are different encoders, got {', '.join(teachers)}.")
    if not settings["distil.align"]:
        raise ValueError("distil.align is above 0: without it no vector is taught, got 0.")
    if settings["distil.relation"] and world().ranks > 1:
        raise ValueError(
            "distil.relation compares the proteins of a batch, which ranks deal among themselves: "
            f"it needs ranks=1, got {world().ranks}."
        )
