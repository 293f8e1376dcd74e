"""What a student's loss is made of, and the teacher's scores as softened labels.

Each loss is a `Term`: the sum over items and their number. What the teacher says nothing of is
NaN; it is left out before anything is computed, so it changes neither the sum nor a gradient. All
is computed in fp32, also under autocast. Losses on vectors are in `hints`, contacts in `contacts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

TERMS = ("hard", "soft", "align", "relation", "attention", "contacts")
"""What a student's loss is a sum of; "hard" is the task's own loss on labels."""


class Term(NamedTuple):
    """A loss: its sum over items, and how many there are."""

    sum: Tensor
    number: int


@dataclass(frozen=True)
class Weights:
    """How much each term counts, and at which temperature a teacher's scores are softened.

    Raises
    ------
    ValueError
        Where one is negative or not finite, the temperature is not positive, or no term counts.

    Examples
    --------
    >>> Weights(align=0.5).of
    {'hard': 1.0, 'soft': 1.0, 'align': 0.5}
    """

    hard: float = 1.0
    soft: float = 1.0
    temperature: float = 2.0
    align: float = 0.0
    relation: float = 0.0
    attention: float = 0.0
    contacts: float = 0.0

    def __post_init__(self) -> None:
        for key in fields(self):
            value = getattr(self, key.name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"distil.{key.name} is 0 or more, got {value!r}.")
        if not self.temperature:
            raise ValueError("distil.temperature is above 0, got 0.")
        if not self.of:
            raise ValueError(f"One of {', '.join(TERMS)} has a weight above 0, got none.")

    @property
    def of(self) -> dict[str, float]:
        """The terms that count, with their weights."""
        return {name: weight for name in TERMS if (weight := getattr(self, name))}


def mixed(
    terms: Mapping[str, Term], weights: Weights, *, proteins: int, items: Mapping[str, float]
) -> Term:
    """Weigh the terms of a batch, each divided by the number of its own items in all of training.

    Parameters
    ----------
    terms : mapping
        Name -> its sum over the batch; every one that `weights.of` names.
    weights : Weights
    proteins : int
        Proteins in the batch, labelled or not.
    items : mapping
        Name -> items of the term in all batches of an epoch over the proteins in them.

    Returns
    -------
    term : Term
        Σ weight · sum / items, and the number of proteins: what `train.loop.fit` divides by.

    Raises
    ------
    ValueError
        Where a term that counts is not there, or has no item in all of training.

    Notes
    -----
    Over an epoch this is Σ weight · (mean of the term over its items). Divisors are of the epoch
    and not of the step, so an item weighs the same whichever batch, step or rank it falls in; by
    the step, one labelled protein among thirty without labels would weigh as much as thirty.

    Examples
    --------
    >>> terms = {"hard": Term(torch.tensor(6.0), 3), "soft": Term(torch.tensor(8.0), 4)}
    >>> value, number = mixed(terms, Weights(soft=0.5), proteins=2, items={"hard": 1.5, "soft": 2})
    >>> float(value) / number  # 6/3 + 0.5 · 8/4
    3.0
    """
    parts = []
    for name, weight in weights.of.items():
        if name not in terms:
            raise ValueError(f"distil.{name} is {weight:g}, but a batch has no such term.")
        if not items.get(name):
            raise ValueError(f"distil.{name} is {weight:g}, but training has no item of it.")
        parts.append(terms[name].sum * (weight / items[name]))
    return Term(torch.stack(parts).sum(), proteins)


def soft_binary(scores: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Term:
    """Kullback-Leibler divergence from the teacher of outputs that stand alone, times T².

    Parameters
    ----------
    scores, teacher : Tensor of shape [N, C]
        Before the sigmoid. The teacher's are NaN where it says nothing.
    temperature : float
        T; probabilities are σ(score / T).

    Returns
    -------
    term : Term
        An item is one output of one residue or protein. 0 where student and teacher agree.

    Notes
    -----
    Hinton et al. (2015), arXiv:1503.02531, for each output by itself. The cross-entropy less the
    teacher's entropy, so that gradients are its and the least value is 0.

    Examples
    --------
    >>> nothing = torch.tensor([[float("nan")]])
    >>> soft_binary(torch.ones(1, 1), nothing)
    Term(sum=tensor(0.), number=0)
    """
    known = ~torch.isnan(teacher)
    s, t = scores[known].float() / temperature, teacher[known].float() / temperature
    log = functional.logsigmoid
    each = t.sigmoid() * (log(t) - log(s)) + (-t).sigmoid() * (log(-t) - log(-s))
    return Term(each.sum() * temperature**2, len(s))


def soft_classes(scores: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Term:
    """Kullback-Leibler divergence from the teacher of outputs that exclude each other, times T².

    Parameters
    ----------
    scores, teacher : Tensor of shape [N, C]
        Before the softmax; a teacher's row with a NaN says nothing.
    temperature : float

    Returns
    -------
    term : Term
        An item is one row.

    Notes
    -----
    Hinton et al. (2015), arXiv:1503.02531: T² keeps the size of the gradient when T changes.

    Examples
    --------
    >>> said = torch.tensor([[2.0, 0.0]])
    >>> soft_classes(said, said, temperature=3.0)
    Term(sum=tensor(0.), number=1)
    """
    known = ~torch.isnan(teacher).any(dim=1)
    s = (scores[known].float() / temperature).log_softmax(dim=1)
    t = (teacher[known].float() / temperature).log_softmax(dim=1)
    return Term((t.exp() * (t - s)).sum() * temperature**2, len(s))


def soft_values(scores: Tensor, teacher: Tensor) -> Term:
    """Squared error to the quantities that the teacher says.

    Parameters
    ----------
    scores, teacher : Tensor of shape [N, C]
        The teacher's are NaN where it says nothing.

    Returns
    -------
    term : Term
        An item is one output of one residue or protein.

    Notes
    -----
    Ba and Caruana, NeurIPS (2014), who regress on what a network says before its softmax.

    Examples
    --------
    >>> float(soft_values(torch.tensor([[3.0]]), torch.tensor([[1.0]])).sum)
    4.0
    """
    known = ~torch.isnan(teacher)
    each = (scores[known].float() - teacher[known].float()).square()
    return Term(each.sum(), len(each))
