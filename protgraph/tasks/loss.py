"""Losses: sums over labelled items, which the training loop divides by their global number."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def binary_cross_entropy(scores: Tensor, y: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Sum the binary cross-entropy over labelled items.

    Parameters
    ----------
    scores : Tensor of shape [N, C]
        Before the sigmoid.
    y : Tensor of shape [N, C]
        0 or 1, NaN where unknown.
    weight : Tensor of shape [C], optional
        How much more a positive counts than a negative.

    Examples
    --------
    >>> y = torch.tensor([[1.0], [float("nan")]])
    >>> round(float(binary_cross_entropy(torch.zeros(2, 1), y)), 3)
    0.693
    """
    known = ~torch.isnan(y)
    truth = torch.where(known, y, torch.zeros_like(y))
    each = functional.binary_cross_entropy_with_logits(
        scores, truth, pos_weight=weight, reduction="none"
    )
    return (each * known).sum()


def squared_error(scores: Tensor, y: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Sum the squared error over labelled items.

    Parameters
    ----------
    scores : Tensor of shape [N, C]
    y : Tensor of shape [N, C]
        NaN where unknown.
    weight : Tensor of shape [C], optional
        How much an output counts.

    Examples
    --------
    >>> y = torch.tensor([[1.0], [float("nan")]])
    >>> float(squared_error(torch.full((2, 1), 3.0), y))
    4.0
    """
    known = ~torch.isnan(y)
    each = torch.where(known, scores - y, torch.zeros_like(y)).square()
    return (each if weight is None else each * weight).sum()


def cross_entropy(scores: Tensor, y: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Sum the cross-entropy over labelled items.

    Parameters
    ----------
    scores : Tensor of shape [N, C]
        Before the softmax.
    y : Tensor of shape [N, 1]
        The class, 0 to C - 1, NaN where unknown.
    weight : Tensor of shape [C], optional
        How much an item of each class counts.

    Examples
    --------
    >>> round(float(cross_entropy(torch.zeros(1, 4), torch.tensor([[2.0]]))), 3)
    1.386
    """
    known = ~torch.isnan(y[:, 0])
    return functional.cross_entropy(
        scores[known], y[known, 0].long(), weight=weight, reduction="sum"
    )
