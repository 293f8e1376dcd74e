"""What a student is taught: proteins with labels, a teacher's outputs, contacts; in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch_geometric.data import Data

from protgraph.data.dataset import Example
from protgraph.distilling.teach import Outputs
from protgraph.structure.geometry import cb
from protgraph.structure.protein import Protein
from protgraph.tasks.task import Task
from protgraph.train.contacts import contacts
from protgraph.train.distill import Weights

Counts = npt.NDArray[np.int64]

MIXED = 8
"""Steps' worth of proteins that are sorted by length, so that little of a batch is padding."""


class Lesson(NamedTuple):
    """One protein to learn from; what is not taught is None, what is not known NaN.

    Parameters
    ----------
    sequence : str
        Letters of the residues that the student reads: all, or those that are nodes of its graph.
    y : Tensor of shape [L, C], or [1, C] of a protein
    logits : Tensor of the same shape, or None
        The teacher's. Of classes y has one column, and these have one a class.
    vectors, pooled, trust : Tensor of shape [L, D], [1, P] and [L], or None
        The teacher's, as `teach.Output`.
    place : Tensor of shape [L, 3], or None
        Cβ in Å.
    protein : Protein, or None
        Whose lesson it is.
    graph, hidden : Data, or None
        What a student of graphs reads (`nodes.graphed`), and the same without side chains.
    """

    sequence: str
    y: Tensor
    logits: Tensor | None = None
    vectors: Tensor | None = None
    pooled: Tensor | None = None
    trust: Tensor | None = None
    place: Tensor | None = None
    protein: Protein | None = None
    graph: Data | None = None
    hidden: Data | None = None


def lessons_of(
    task: Task,
    labelled: Sequence[Example],
    pool: Sequence[Protein],
    *,
    outputs: Outputs | None,
    weights: Weights,
    least: float = 0.0,
) -> list[Lesson]:
    """Put together what a student learns from.

    Parameters
    ----------
    task : Task
    labelled : sequence of Example
        Of the training side. Residues that were not observed have no label.
    pool : sequence of Protein
    outputs : Outputs or None
        What the teacher says of the labelled proteins and, after them, of the pool.
    weights : Weights
        What counts: the rest is left out.
    least : float
        As `sure`; proteins of the pool of which the teacher is sure of nothing are left out.
    """
    columns = len(labelled[0].y.T)
    made = []
    proteins = [*(e.protein for e in labelled), *pool]
    for place, protein in enumerate(proteins):
        if place < len(labelled):
            y = _known(task, labelled[place])
        else:
            y = torch.full((len(protein) if task.level == "residue" else 1, columns), torch.nan)
        own = Lesson(protein.sequence, y, protein=protein)
        if outputs is not None:
            own = _taught(own, outputs, place, weights)
        if least and own.logits is not None:
            said = sure(task, own.logits, y, least)
            if place >= len(labelled) and bool(said.isnan().all()):
                continue
            own = own._replace(logits=said)
        if weights.contacts:
            own = own._replace(place=torch.tensor(cb(protein.backbone), dtype=torch.float32))
        made.append(own)
    return made


def sure(task: Task, logits: Tensor, y: Tensor, least: float) -> Tensor:
    """Forget what the teacher is unsure of where no label tells that it was rightly asked.

    Parameters
    ----------
    task : Task
    logits : Tensor of shape [N, C]
        Of the residues of a protein, or of the protein.
    y : Tensor of shape [N, C], or [N, 1] where outputs exclude each other
    least : float
        A probability that an output must reach on one residue to be kept on all of the protein; of
        a protein's own output, yes or no must reach it; where outputs exclude each other, that the
        most likely one must have.

    Returns
    -------
    logits : Tensor of shape [N, C]
        NaN where it is forgotten.

    Notes
    -----
    A teacher of sites was asked where a protein binds that binds. Of one that does not, it says
    where it would: below all it says of true ones, yet often far from 0.

    Examples
    --------
    >>> from protgraph.tasks.catalogue import TASKS
    >>> site, said = TASKS["zinc-site"], torch.tensor([[1.0], [-3.0]])
    >>> unknown = torch.full((2, 1), torch.nan)
    >>> sure(site, said, unknown, 0.7).flatten(), sure(site, said, unknown, 0.8).flatten()
    (tensor([ 1., -3.]), tensor([nan, nan]))
    """
    if task.exclusive:
        kept = (logits.softmax(dim=1).amax(dim=1) >= least) | ~y[:, 0].isnan()
        return logits.masked_fill(~kept[:, None], torch.nan)
    chance = logits.sigmoid()
    if task.level == "protein":
        chance = torch.maximum(chance, 1 - chance)
    high = chance.nan_to_num(0).amax(dim=0)
    return logits.masked_fill((high < least) & y.isnan().all(dim=0), torch.nan)


def _known(task: Task, example: Example) -> Tensor:
    y = example.y
    if task.level != "residue":
        return torch.from_numpy(np.ascontiguousarray(y[None]))
    asked = np.full_like(y, np.nan)
    asked[example.items] = y[example.items]
    return torch.from_numpy(asked)


def _taught(lesson: Lesson, outputs: Outputs, place: int, weights: Weights) -> Lesson:
    """Add what the teacher says, where it counts."""
    said = outputs[place]
    made = lesson
    if weights.soft:
        made = made._replace(logits=torch.tensor(np.atleast_2d(said.logits)))
    if weights.align or weights.attention:
        # fp16 is how they are kept: half the memory of a pool.
        made = made._replace(
            vectors=torch.tensor(said.vectors, dtype=torch.float16), trust=torch.tensor(said.weight)
        )
    if weights.relation:
        made = made._replace(pooled=torch.tensor(said.pooled[None]))
    return made


@dataclass(frozen=True, eq=False)
class Course:
    """Lessons in the order of training.

    Parameters
    ----------
    lessons : sequence of Lesson
    weights : Weights
    steps : int
        Batches an epoch.
    size : float
        Residues a batch, in the mean.
    seed : int
    """

    lessons: Sequence[Lesson] = field(repr=False)
    weights: Weights
    steps: int
    size: float
    seed: int

    def draw(self, epoch: int) -> list[list[Lesson]]:
        """Deal the batches of an epoch, always the same ones.

        There are always `steps` of them. Every lesson comes equally often, give or take one time:
        in as many rounds as `steps` batches of `size` residues hold, each in an order of its own.
        A protein that is longer than a batch counts as one.
        """
        generator = np.random.default_rng((self.seed, epoch))
        # No longer than a batch, so that none is left empty: two middles are a batch apart at most.
        sizes = np.array([len(lesson.sequence) for lesson in self.lessons]).clip(max=self.size)
        rounds = max(1, int(np.ceil(self.steps * self.size / sizes.sum() - 1e-9)))
        order = np.concatenate([generator.permutation(len(sizes)) for _ in range(rounds)])
        # Of whole groups of steps: sorting by length must not move a lesson past the epoch's end.
        order = order[_step(sizes[order], self.size) < self.steps]
        group = _step(sizes[order], self.size * MIXED)
        order = order[np.lexsort((sizes[order], group))]
        step = _step(sizes[order], self.size).clip(max=self.steps - 1)
        dealt = [
            [self.lessons[i] for i in part]
            for part in np.split(order, np.flatnonzero(np.diff(step)) + 1)
        ]
        return [dealt[i] for i in generator.permutation(len(dealt))]

    def items(self, task: Task) -> dict[str, float]:
        """Items of each term that counts, over the lessons: what `mixed` divides by."""
        counted = {name: self._count(name, task) for name in self.weights.of}
        return {name: count / len(self.lessons) for name, count in counted.items()}

    def _count(self, name: str, task: Task) -> int:
        if name == "hard":
            return sum(int((~torch.isnan(own.y)).sum()) for own in self.lessons)
        if name == "relation":
            return sum(own.pooled is not None for own in self.lessons)
        if name == "contacts":
            places = [own.place for own in self.lessons if own.place is not None]
            return sum(len(contacts(place)[1]) for place in places)
        total = 0
        for own in self.lessons:
            said = own.logits if name == "soft" else own.vectors
            if said is not None:
                known = ~torch.isnan(said)
                rows = name != "soft" or task.exclusive
                total += int(known.all(dim=1).sum() if rows else known.sum())
        return total


def _step(sizes: Counts, size: float) -> Counts:
    """In which batch of `size` residues the middle of each item lies."""
    return ((sizes.cumsum() - sizes / 2) / size + 1e-9).astype(np.int64)
