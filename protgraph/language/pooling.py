"""One vector from many: several layers of a residue, or all residues of a protein."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ScalarMix(nn.Module):
    """A learned mean of layers: γ Σ softmax(w)ₖ hₖ (Peters et al., NAACL 2018, equation 1).

    Parameters
    ----------
    layers : int
        K, how many are mixed; at first all weigh alike.

    Examples
    --------
    >>> ScalarMix(2)([torch.tensor([[1.0]]), torch.tensor([[3.0]])]).item()
    2.0
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"A mix is of one layer at least, got {layers}.")
        self.weight = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Map K tensors of one shape to their mix of the same shape."""
        if len(layers) != len(self.weight):
            raise ValueError(f"The mix is of {len(self.weight)} layers, got {len(layers)}.")
        shares = torch.softmax(self.weight, dim=0)
        mixed: Tensor = self.scale * torch.tensordot(shares, torch.stack(list(layers)), dims=1)
        return mixed


def mean_pool(x: Tensor, lengths: Sequence[int]) -> Tensor:
    """Average the residues of each protein.

    Parameters
    ----------
    x : Tensor of shape [N, D]
        Residues of B proteins, end to end.
    lengths : sequence of int
        Residues a protein, all positive; they sum to N.

    Returns
    -------
    pooled : Tensor of shape [B, D]

    Raises
    ------
    ValueError
        Where the lengths do not say where each protein ends.

    Examples
    --------
    >>> mean_pool(torch.tensor([[1.0], [3.0], [5.0]]), [2, 1]).tolist()
    [[2.0], [5.0]]
    """
    own = _owners(x, lengths)
    return _summed(x, own, len(lengths)) / torch.tensor(lengths, device=x.device)[:, None]


class AttentionPool(nn.Module):
    """A learned weighted mean of residues: softmax over a protein of v·x.

    Parameters
    ----------
    width : int
        D.

    Examples
    --------
    >>> AttentionPool(1)(torch.ones(3, 1), [2, 1]).tolist()
    [[1.0], [1.0]]
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """Map [N, D] and B lengths to [B, D]; errors are those of `mean_pool`."""
        own = _owners(x, lengths)
        scores = self.score(x)[:, 0]
        top = torch.full((len(lengths),), -torch.inf, device=x.device, dtype=scores.dtype)
        top = top.scatter_reduce(0, own, scores, "amax")
        weights = torch.exp(scores - top[own])[:, None]
        return _summed(weights * x, own, len(lengths)) / _summed(weights, own, len(lengths))


def _owners(x: Tensor, lengths: Sequence[int]) -> Tensor:
    if sum(lengths) != len(x) or not all(length > 0 for length in lengths):
        raise ValueError(
            f"Lengths are positive and sum to the {len(x)} residues, got {list(lengths)}."
        )
    return torch.repeat_interleave(torch.tensor(lengths, device=x.device))


def _summed(x: Tensor, own: Tensor, count: int) -> Tensor:
    return x.new_zeros(count, x.shape[1]).index_add(0, own, x)
