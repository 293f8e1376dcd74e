"""Contacts as a lesson besides the task: what touches in the structure, said from the sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from protgraph.tasks.loss import binary_cross_entropy
from protgraph.train.distill import Term

CUTOFF, SEPARATION = 8.0, 6
"""Å between Cβ, and positions apart in the sequence: the contacts of CASP, short ones included."""

PAIRS = 32_768
"""Pairs of a protein that are asked for, at most: all of one of 261 residues."""


def contacts(
    place: Tensor,
    *,
    cutoff: float = CUTOFF,
    separation: int = SEPARATION,
    most: int = PAIRS,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Pairs of observed residues and whether they touch.

    Parameters
    ----------
    place : Tensor of shape [L, 3]
        Cβ (`structure.geometry.cb`) or Cα in Å; NaN where unobserved.
    cutoff : float
        Å; a contact is nearer.
    separation : int
        Positions in the full sequence, at least.
    most : int
        Where a protein has more pairs, so many are drawn, each as likely as any other and
        possibly twice: then the mean over the drawn ones is that of all in expectation.
    generator : torch.Generator, optional
        Decides the draw.

    Returns
    -------
    pairs : Tensor of int64, shape [2, P]
        Positions i and j in the full sequence, i + separation <= j.
    y : Tensor of shape [P]
        1 for a contact, 0 for none.

    Raises
    ------
    ValueError
        Where the cutoff, the separation or the number of pairs is not positive.

    Examples
    --------
    >>> line = torch.tensor([[0.0], [4.0], [8.0], [float("nan")], [5.0]]) * torch.tensor([1, 0, 0])
    >>> [found.tolist() for found in contacts(line, separation=2)]
    [[[0, 0, 1, 2], [2, 4, 4, 4]], [0.0, 1.0, 1.0, 1.0]]
    """
    for name, value in (("cutoff", cutoff), ("separation", separation), ("most", most)):
        if value <= 0:
            raise ValueError(f"contacts: {name} is positive, got {value}.")
    index = (~torch.isnan(place).any(dim=1)).nonzero()[:, 0]
    # First partner i has so many j after it, of the residues that were observed.
    first = torch.searchsorted(index, index + separation)
    after = len(index) - first
    ends = after.cumsum(0)
    total = int(ends[-1]) if len(index) else 0
    rank = (
        torch.arange(total) if total <= most else torch.randint(total, (most,), generator=generator)
    )
    i = torch.searchsorted(ends, rank, right=True)
    j = first[i] + rank - (ends[i] - after[i])
    pairs = torch.stack([index[i], index[j]])
    far = (place[pairs[0]] - place[pairs[1]]).norm(dim=1)
    return pairs, (far < cutoff).float()


class ContactHead(nn.Module):
    """A symmetric bilinear form of residue vectors: [L, D] and pairs [2, P] -> scores [P].

    s_ij = Σ_k w_k (U h_i)_k (U h_j)_k / √K + b, the same, bit for bit, whichever residue is
    first. w_k may be of either sign, so every symmetric form of rank K can be learned.

    Parameters
    ----------
    width : int
        D.
    rank : int
        K.

    Examples
    --------
    >>> ContactHead(8)(torch.zeros(3, 8), torch.tensor([[0, 0], [1, 2]])).shape
    torch.Size([2])
    """

    def __init__(self, width: int, rank: int = 32) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, rank, bias=False)
        # Of both signs from the start: likes may attract, and opposites too.
        self.weight = nn.Parameter(torch.ones(rank).index_fill_(0, torch.arange(0, rank, 2), -1.0))
        # About one pair of twenty touches.
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, vectors: Tensor, pairs: Tensor) -> Tensor:
        """Score pairs of residues before the sigmoid."""
        own = self.project(self.norm(vectors)).float()
        one, other = own[pairs[0]], own[pairs[1]]
        scores: Tensor = (one * other * self.weight).sum(dim=1) / own.shape[1] ** 0.5 + self.bias
        return scores


def touching(scores: Tensor, y: Tensor) -> Term:
    """Binary cross-entropy of contacts.

    Parameters
    ----------
    scores, y : Tensor of shape [P]
        Of `ContactHead` and of `contacts`; NaN where unknown.

    Returns
    -------
    term : Term
        An item is a pair of residues.

    Notes
    -----
    What language models' attention knows of contacts: Rao et al., ICLR (2021).

    Examples
    --------
    >>> round(float(touching(torch.zeros(2), torch.tensor([1.0, float("nan")])).sum), 3)
    0.693
    """
    known = ~torch.isnan(y)
    value = binary_cross_entropy(scores[known].float()[:, None], y[known][:, None])
    return Term(value, int(known.sum()))
