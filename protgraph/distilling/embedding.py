"""Language encoders teach a smaller one what they make of each residue; nobody labels anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from protgraph.data.batch import batches
from protgraph.distilling.fitted import fitted
from protgraph.distilling.spoken import Spoken
from protgraph.distilling.study import Study
from protgraph.language.encoder import Floats
from protgraph.models.letters import encode
from protgraph.models.student import Student
from protgraph.running.shares import Shared, own
from protgraph.train.distill import Term, Weights, mixed
from protgraph.train.hints import aligned, related
from protgraph.train.loop import History, fit

Log = Callable[[int, Mapping[str, float]], None]


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
