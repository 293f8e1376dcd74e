"""Losses on a student's vectors: turned, placed and related as the teacher's are.

Rules are those of `distill`: sums over items, without what the teacher has as NaN, in fp32.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from protgraph.train.distill import Term


def aligned(vectors: Tensor, teacher: Tensor, weight: Tensor) -> Term:
    """Turn residue vectors towards the teacher's: the sum of weight · (1 - cosine).

    Parameters
    ----------
    vectors : Tensor of shape [N, D]
        The student's, already projected to the teacher's width.
    teacher : Tensor of shape [N, D]
        A row with a NaN says nothing, as of a residue that no structure covers.
    weight : Tensor of shape [N]
        pLDDT / 100, 1 for experiments.

    Returns
    -------
    term : Term
        An item is a residue, whatever its weight: trust in the teacher makes the sum larger.

    Notes
    -----
    Hidden states as hints, through a projection: Romero et al., ICLR (2015); by cosine: Sanh et
    al. (2019), arXiv:1910.01108.

    Examples
    --------
    >>> student, teacher = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0]] * 2)
    >>> aligned(student, teacher, torch.tensor([1.0, 0.5])).sum
    tensor(0.5000)
    """
    known = ~torch.isnan(teacher).any(dim=1)
    cosine = functional.cosine_similarity(vectors[known].float(), teacher[known].float(), dim=1)
    return Term((weight[known].float() * (1 - cosine)).sum(), len(cosine))


def related(pooled: Tensor, teacher: Tensor) -> Term:
    """Keep the distances between the proteins of a batch as the teacher has them.

    Parameters
    ----------
    pooled : Tensor of shape [B, D]
    teacher : Tensor of shape [B, T]
        A row with a NaN says nothing; widths may differ.

    Returns
    -------
    term : Term
        The mean over the other proteins of the Huber loss (δ = 1) of d_ij over its mean in the
        batch. An item is a protein; one alone has no distance and counts as none.

    Notes
    -----
    RKD-D: Park et al., CVPR (2019). Chosen above similarity-preserving distillation (Tung & Mori,
    ICCV 2019) because pooled vectors share a large common part: it makes all their products
    alike, and leaves distances as they are. Nothing changes when either side is moved, turned or
    scaled, so no projection is needed.

    Examples
    --------
    >>> line = torch.tensor([[0.0], [1.0], [3.0]])
    >>> related(5 - 2 * line, line)
    Term(sum=tensor(0.), number=3)
    """
    known = ~torch.isnan(teacher).any(dim=1)
    count = int(known.sum())
    if count < 2:
        return Term(pooled[:0].float().sum(), 0)
    # Not torch.cdist: pdist is exact for near vectors, and its gradient is 0 between equal ones.
    own, other = (functional.pdist(rows[known].float()) for rows in (pooled, teacher))
    own, other = (far / far.mean().clamp_min(1e-12) for far in (own, other))
    each = functional.smooth_l1_loss(own, other, reduction="sum")
    return Term(2 * each / (count - 1), count)


def attended(vectors: Tensor, teacher: Tensor) -> Term:
    """Keep how the residues of a protein attend to each other: relations of one kind of vectors.

    Parameters
    ----------
    vectors, teacher : Tensor of shape [H, L, D] and [H, L, T]
        Queries, keys or values of one protein by H relation heads; widths may differ. A residue
        for which the teacher has a NaN is left out, on both sides.

    Returns
    -------
    term : Term
        Kullback-Leibler divergence of softmax(x xᵀ / √width) from the teacher's, a mean over
        heads. An item is a residue.

    Notes
    -----
    Wang et al., NeurIPS (2020), MiniLM, for values; Wang et al., ACL Findings (2021), for queries
    and keys too, and for heads that are made equal in number by cutting all of them anew.

    Examples
    --------
    >>> attended(torch.zeros(1, 2, 3), torch.ones(1, 2, 4))
    Term(sum=tensor(0.), number=2)
    """
    known = ~torch.isnan(teacher).any(dim=2).any(dim=0)
    with torch.autocast(vectors.device.type, enabled=False):
        s, t = (_relations(x[:, known].float()) for x in (vectors, teacher))
    return Term((t.exp() * (t - s)).sum() / len(t), int(known.sum()))


def _relations(x: Tensor) -> Tensor:
    """Logarithms of how much each residue attends to each: [H, L, D] -> [H, L, L]."""
    scores: Tensor = x @ x.transpose(1, 2) / x.shape[2] ** 0.5
    return scores.log_softmax(dim=2)
