"""Language encoders teach a smaller one what they make of each residue; nobody labels anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from protgraph.data.batch import batches
from protgraph.data.unlabelled import Unlabelled, unlabelled
from protgraph.distilling.fitted import fitted
from protgraph.distilling.spoken import Spoken, spoken
from protgraph.language.encoder import Floats, encoder
from protgraph.models.kinds import VECTORS
from protgraph.models.letters import encode
from protgraph.models.student import Student, StudentConfig, begin
from protgraph.recipe import Recipe
from protgraph.running.shares import Shared, own
from protgraph.train.distill import Term, Weights, mixed
from protgraph.train.hints import aligned, related
from protgraph.train.loop import History, fit
from protgraph.train.ranks import in_turn, world

Log = Callable[[int, Mapping[str, float]], None]
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
    def config(self) -> StudentConfig:
        """What the student is to be."""
        return StudentConfig(
            **self.recipe.part("student"),
            task=self.recipe["task"],
            level=VECTORS,
            outputs=(),
            dropout=0.0,
            teacher=", ".join(self.recipe["distil.teachers"]),
        )

    @property
    def place(self) -> Path:
        """The student's folder: by recipe, teachers and proteins."""
        facts = [*(teacher.encoder.digest for teacher in self.teachers), self.proteins.digest]
        text = json.dumps([self.recipe.digest, *facts])
        known = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self.folder / f"{self.name.replace('/', '-')}-s{self.recipe['seed']}-{known}"

    def begun(self) -> Student:
        """Make the student as it is before it learns, the same each time."""
        torch.manual_seed(self.recipe["seed"])
        return begin(self.config)


class Taught(NamedTuple):
    """A student that has learned, and how."""

    student: Student
    history: History


class Learner(nn.Module):
    """A student and what it needs in training alone: a linear map to each teacher's width.

    Parameters
    ----------
    student : Student
    teachers : sequence of Spoken
        Say how wide they are.
    """

    def __init__(self, student: Student, teachers: Sequence[Spoken]) -> None:
        super().__init__()
        self.student = student
        width = student.config.width
        self.maps = nn.ModuleList(nn.Linear(width, teacher.width) for teacher in teachers)


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


def taught(study: Study, *, log: Log | None = None) -> Taught:
    """Train the student, or go on with the one whose checkpoint is in its folder.

    Parameters
    ----------
    study : Study
    log : callable, optional
        Called with each epoch and its numbers.

    Returns
    -------
    taught : Taught
        At its best epoch by the mean cosine on the validation side.

    Notes
    -----
    1 - cosine a residue, through a linear map to each teacher, as a mean over teachers: maps as in
    FitNets (Romero et al., ICLR 2015), the cosine as in DistilBERT (Sanh et al., 2019), a map a
    teacher as in AM-RADIO (Ranzinger et al., CVPR 2024). Maps begin where ridge puts them for the
    student that has learned nothing, so that from the first step on it is the student that moves.
    """
    settings, proteins, teachers = study.recipe, study.proteins, study.teachers
    student = study.begun()
    learner = Learner(student, teachers)
    began = fitted(rows_of(student), teachers, proteins.train, proteins.valid)
    for layer, found in zip(learner.maps, began, strict=True):
        parts = {"weight": found.weight.T, "bias": found.bias}
        layer.load_state_dict({key: torch.tensor(part) for key, part in parts.items()})
    sizes = [len(sequence) for sequence in proteins.train]

    def draw(epoch: int) -> Shared:
        generator = np.random.default_rng((settings["seed"], epoch))
        dealt = batches(sizes, settings["data.batch"], generator=generator)
        parts, idle = own(dealt, sizes)
        return Shared([[proteins.train[i] for i in part] for part in parts], idle)

    def evaluate() -> tuple[float, Mapping[str, float]]:
        found = cosines(learner, teachers, proteins.valid)
        mean = float(np.mean(found))
        each = {f"cosine {place}": value for place, value in enumerate(found, 1)}
        return mean, {"cosine": mean, **(each if len(found) > 1 else {})}

    history = fit(
        learner,
        draw,
        loss=loss_of(learner, study),
        evaluate=evaluate,
        settings=settings.settings(),
        folder=study.place,
        log=log,
    )
    return Taught(student, history)


def loss_of(learner: Learner, study: Study) -> Callable[[Sequence[str]], Term]:
    """Make the loss of a batch of sequences: what `train.loop.fit` asks for."""
    teachers, train = study.teachers, study.proteins.train
    given = study.recipe.part("distil")
    weights = Weights(hard=0, soft=0, align=given["align"], relation=given["relation"])
    items = {"align": sum(map(len, train)) / len(train), "relation": 1.0}

    def loss(batch: Sequence[str]) -> Term:
        ids, mask = encode(batch)
        said = learner.student(ids, mask)
        vectors = said.vectors[mask.bool()]  # [N, D]
        align, relation = vectors.new_zeros(()), vectors.new_zeros(())
        for layer, teacher in zip(learner.maps, teachers, strict=True):
            apart = [torch.from_numpy(teacher[sequence]) for sequence in batch]
            aim = torch.cat(apart)
            align = align + aligned(layer(vectors), aim, torch.ones(len(aim))).sum
            if weights.relation:
                pooled = torch.stack([rows.mean(dim=0) for rows in apart])
                relation = relation + related(said.pooled, pooled).sum
        terms = {
            "align": Term(align / len(teachers), len(vectors)),
            "relation": Term(relation / len(teachers), len(batch)),
        }
        return mixed(terms, weights, proteins=len(batch), items=items)

    return loss


@torch.inference_mode()
def cosines(learner: Learner, teachers: Sequence[Spoken], proteins: Sequence[str]) -> list[float]:
    """Mean cosine over the residues of proteins, through the maps, for each teacher."""
    rows = rows_of(learner.student)
    totals = np.zeros(len(teachers))
    for sequence in proteins:
        vectors = torch.from_numpy(rows([sequence])[0])
        for place, (layer, teacher) in enumerate(zip(learner.maps, teachers, strict=True)):
            made: Tensor = layer(vectors)
            aim = torch.from_numpy(teacher[sequence])
            totals[place] += float(functional.cosine_similarity(made, aim, dim=1).sum())
    return [float(total) for total in totals / sum(map(len, proteins))]


def rows_of(student: Student) -> Callable[[Sequence[str]], list[Floats]]:
    """Make the function from sequences to a student's vectors, [L, D] each."""

    @torch.inference_mode()
    def rows(sequences: Sequence[str]) -> list[Floats]:
        student.eval()
        ids, mask = encode(sequences)
        vectors = student(ids, mask).vectors.float().numpy()
        return [own[: len(one)] for own, one in zip(vectors, sequences, strict=True)]

    return rows
