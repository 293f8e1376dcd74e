"""No padding: proteins end to end in one row of tokens, and attention inside each of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor


class Pack(NamedTuple):
    """Proteins end to end.

    Parameters
    ----------
    ids : Tensor of int64, shape [N]
        Tokens of all proteins, each with its start and stop.
    place : Tensor of int64, shape [N]
        Position of each token in its own protein, from 0.
    lengths : tuple of int
        Tokens a protein, in order.

    Examples
    --------
    >>> pack([np.array([0, 7, 2]), np.array([0, 2])]).place.tolist()
    [0, 1, 2, 0, 1]
    """

    ids: Tensor
    place: Tensor
    lengths: tuple[int, ...]

    def to(self, device: str | torch.device) -> Pack:
        """Move the tokens to a device."""
        return Pack(self.ids.to(device), self.place.to(device), self.lengths)


def pack(proteins: Sequence[npt.NDArray[np.int64]]) -> Pack:
    """Lay the tokens of proteins end to end.

    Examples
    --------
    >>> pack([np.array([0, 7, 2]), np.array([0, 2])]).lengths
    (3, 2)
    """
    place = np.concatenate([np.arange(len(ids)) for ids in proteins])
    ids = torch.from_numpy(np.concatenate(proteins))
    return Pack(ids, torch.from_numpy(place), tuple(len(ids) for ids in proteins))


def groups(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring proteins of one length, as (how many, tokens each).

    Examples
    --------
    >>> groups([5, 3, 3])
    [(1, 5), (2, 3)]
    """
    return [(len(list(same)), length) for length, same in groupby(lengths)]


def attend(query: Tensor, key: Tensor, value: Tensor, lengths: Sequence[int]) -> Tensor:
    """Let every token attend to the tokens of its own protein.

    Parameters
    ----------
    query, key, value : Tensor of shape [N, H, d]
    lengths : sequence of int
        Tokens a protein; they sum to N.

    Returns
    -------
    mixed : Tensor of shape [N, H * d]

    Notes
    -----
    On a GPU in half precision this is one call of torch's variable-length flash attention; else one
    call for each group of neighbours of equal length, which on a CPU is faster than one padded call
    or one dense mask over the pack.

    Examples
    --------
    >>> one = torch.ones(3, 1, 2)
    >>> attend(one, one, torch.arange(6.0).view(3, 1, 2), [2, 1])
    tensor([[1., 2.],
            [1., 2.],
            [4., 5.]])
    """
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        return _varlen(query, key, value, lengths)
    runs = groups(lengths)
    # One split for all: its backward is one concatenation, that of a slice is a pack of zeros.
    sizes = [count * length for count, length in runs]
    pieces = []
    apart = (torch.split(x, sizes) for x in (query, key, value))
    for run, *parts in zip(runs, *apart, strict=True):
        q, k, v = (
            part.unflatten(0, run).transpose(1, 2) for part in parts
        )  # [count, H, length, d]
        # Backward through torch's fused kernel for CPUs takes four times that of three products.
        mix = _products if q.requires_grad and not q.is_cuda else F.scaled_dot_product_attention
        pieces.append(mix(q, k, v).transpose(1, 2).flatten(2).flatten(0, 1))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


def _products(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2), dim=-1) @ v


def _varlen(query: Tensor, key: Tensor, value: Tensor, lengths: Sequence[int]) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    ends = torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32, device=query.device)
    most = max(lengths)
    mixed = varlen_attn(query, key, value, ends, ends, most, most)
    assert isinstance(mixed, Tensor)
    return mixed.flatten(1)
