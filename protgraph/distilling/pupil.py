"""A student while it is taught: what it needs in training alone, and its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from protgraph.distilling.heard import Heard, heard
from protgraph.distilling.lessons import Course, Lesson
from protgraph.models.letters import encode
from protgraph.models.model import Model
from protgraph.models.student import Student
from protgraph.tasks.task import Task
from protgraph.train.contacts import ContactHead, contacts, touching
from protgraph.train.distill import Term, Weights, mixed, soft_binary, soft_classes, soft_values
from protgraph.train.hints import aligned, attended, related


class Pupil(nn.Module):
    """A student with what it needs in training alone.

    Parameters
    ----------
    student : Model or Student
        Of graphs, or of letters.
    lessons : sequence of Lesson
        Say how wide the teacher's vectors are.
    weights : Weights

    Raises
    ------
    ValueError
        Where attention relations are wanted, and a protein is longer than the student's window or
        the teacher's width is no multiple of the student's heads.
    """

    def __init__(
        self, student: Model | Student, lessons: Sequence[Lesson], weights: Weights
    ) -> None:
        super().__init__()
        width = student.width if isinstance(student, Model) else student.config.width
        if weights.attention:
            _relatable(_of_letters(student), lessons)
        self.student = student
        self.project: nn.Module = nn.Identity()
        if weights.align:
            vectors = lessons[0].vectors
            assert vectors is not None
            self.project = nn.Linear(width, vectors.shape[1])
        self.contacts: nn.Module = ContactHead(width) if weights.contacts else nn.Identity()


def _of_letters(student: Model | Student) -> Student:
    if isinstance(student, Model):
        raise ValueError("distil.attention needs a student with attention, got one of graphs.")
    return student


def _relatable(student: Student, lessons: Sequence[Lesson]) -> None:
    window, heads = student.config.window, student.config.heads
    longest = max(len(lesson.sequence) for lesson in lessons)
    if longest > window:
        raise ValueError(
            f"distil.attention: the student reads {window} residues at once, got {longest}."
        )
    vectors = lessons[0].vectors
    if vectors is not None and vectors.shape[1] % heads:
        raise ValueError(
            f"distil.attention: the teacher's width is a multiple of student.heads={heads}, "
            f"got {vectors.shape[1]}."
        )


def loss_of(
    pupil: Pupil, task: Task, course: Course, *, weight: Tensor | None
) -> Callable[[Sequence[Lesson]], Term]:
    """Make the loss of a batch: what `train.loop.fit` asks for.

    Parameters
    ----------
    pupil : Pupil
    task : Task
    course : Course
    weight : Tensor of shape [C], optional
        Of the task's loss; see `learned.balance`.
    """
    items, weights, student = course.items(task), course.weights, pupil.student
    held: dict[str, Tensor] = {}

    def loss(batch: Sequence[Lesson]) -> Term:
        with _values(_of_letters(student), held) if weights.attention else nullcontext():
            said = _heard(student, batch)
        terms: dict[str, Term] = {}
        if weights.hard:
            y = torch.cat([own.y for own in batch])
            value = task.loss(said.logits.float(), y, weight=weight)
            terms["hard"] = Term(value, int((~torch.isnan(y)).sum()))
        if weights.soft:
            terms["soft"] = _soft(task, said.logits, _stacked(batch, "logits"), weights.temperature)
        if weights.align:
            own = pupil.project(said.vectors)
            trust = _stacked(batch, "trust")
            terms["align"] = aligned(own, _stacked(batch, "vectors"), trust)
        if weights.relation:
            terms["relation"] = related(said.pooled, _stacked(batch, "pooled"))
        if weights.attention:
            terms["attention"] = _attended(held["last"], batch, _of_letters(student).config.heads)
        if weights.contacts:
            terms["contacts"] = _touching(pupil.contacts, said.vectors, batch)
        return mixed(terms, weights, proteins=len(batch), items=items)

    return loss


def _heard(student: Model | Student, batch: Sequence[Lesson]) -> Heard:
    """What a student says of the residues of a batch, one after another."""
    if isinstance(student, Model):
        return heard(student, Batch.from_data_list([own.graph for own in batch]))
    ids, mask = encode([own.sequence for own in batch])
    inside, said = mask.bool(), student(ids, mask)
    logits = said.logits[inside] if student.config.level == "residue" else said.logits
    return Heard(logits, said.vectors[inside], said.pooled)


def _stacked(batch: Sequence[Lesson], name: str) -> Tensor:
    return torch.cat([getattr(own, name).float() for own in batch])


def _soft(task: Task, logits: Tensor, teacher: Tensor, temperature: float) -> Term:
    if task.value:
        return soft_values(logits, teacher)
    form = soft_classes if task.exclusive else soft_binary
    return form(logits, teacher, temperature=temperature)


def _touching(head: nn.Module, vectors: Tensor, batch: Sequence[Lesson]) -> Term:
    """Contacts of every protein of a batch."""
    parts = []
    each = torch.split(vectors, [len(own.sequence) for own in batch])
    for own, said in zip(batch, each, strict=True):
        if own.place is not None:
            pairs, y = contacts(own.place)
            parts.append(touching(head(said, pairs), y))
    return _summed(parts, vectors)


def _values(student: Student, held: dict[str, Tensor]) -> AbstractContextManager[Any]:
    """Within it, a pass keeps the last block's queries, keys and values, [N, 3 D], as "last"."""
    block = student.encoder.get_submodule(f"network.blocks.{student.config.layers - 1}.qkv")
    return block.register_forward_hook(lambda *passed: held.update(last=passed[2]))


def _attended(said: Tensor, batch: Sequence[Lesson], heads: int) -> Term:
    """Relations of the values of every protein, each between a start and a stop.

    The teacher's are those of its fused vectors, cut into heads as MiniLM v2 cuts values.
    """
    parts, first, width = [], 0, said.shape[1] // 3
    for own in batch:
        assert own.vectors is not None
        rows = said[first + 1 : first + 1 + len(own.sequence), -width:]
        first += len(own.sequence) + 2
        sides = (one.reshape(len(one), heads, -1) for one in (rows, own.vectors.float()))
        parts.append(attended(*(one.transpose(0, 1) for one in sides)))
    return _summed(parts, said)


def _summed(parts: Sequence[Term], like: Tensor) -> Term:
    zero = like[:0].float().sum()
    return Term(sum((part.sum for part in parts), zero), sum(part.number for part in parts))
