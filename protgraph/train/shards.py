"""Tensors as ZeRO cuts them: what one rank holds of many, and the whole made of all parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
import torch.distributed as dist
from torch import Tensor

Shape = tuple[int, ...]


def cut(tensors: Sequence[Tensor], ranks: int, *, size: int, each: bool) -> list[Tensor]:
    """Cut tensors into one flat part a rank.

    Parameters
    ----------
    tensors : sequence of Tensor
    ranks : int
    size : int
        Numbers a part; ends are filled with zeros.
    each : bool
        Cut every tensor in `ranks` pieces (ZeRO 3), or all of them end to end (ZeRO 1 and 2).

    Examples
    --------
    >>> ones, twos = torch.ones(3), 2 * torch.ones(1)
    >>> [part.tolist() for part in cut([ones, twos], 2, size=2, each=False)]
    [[1.0, 1.0], [1.0, 2.0]]
    >>> [part.tolist() for part in cut([ones, twos], 2, size=3, each=True)]
    [[1.0, 1.0, 2.0], [1.0, 0.0, 0.0]]
    """
    if not each:
        whole = torch.cat([tensor.flatten() for tensor in tensors])
        return list(_filled(whole, ranks * size).chunk(ranks))
    pieces = [_filled(t.flatten(), ranks * -(-t.numel() // ranks)).chunk(ranks) for t in tensors]
    return [_filled(torch.cat(own), size) for own in zip(*pieces, strict=True)]


def joined(parts: Sequence[Tensor], shapes: Sequence[Shape], *, each: bool) -> list[Tensor]:
    """Make the whole tensors of the parts of all ranks: what `cut` undoes.

    Parameters
    ----------
    parts : sequence of Tensor
        One a rank, as `cut` made them.
    shapes : sequence of tuple of int
        Of the whole tensors.
    each : bool

    Examples
    --------
    >>> parts = torch.tensor([1.0, 1, 2]), torch.tensor([1.0, 0, 0])
    >>> [whole.tolist() for whole in joined(parts, [(3,), (1,)], each=True)]
    [[1.0, 1.0, 1.0], [2.0]]
    """
    numbers = [prod(shape) for shape in shapes]
    if each:
        ends = _ends([-(-number // len(parts)) for number in numbers])
        flat = [torch.cat([part[a:b] for part in parts]) for a, b in pairwise(ends)]
    else:
        whole, ends = torch.cat(list(parts)), _ends(numbers)
        flat = [whole[a:b] for a, b in pairwise(ends)]
    return [
        own[:number].view(shape) for own, number, shape in zip(flat, numbers, shapes, strict=True)
    ]


def gathered(part: Tensor) -> list[Tensor]:
    """Parts of all ranks."""
    parts = [torch.empty_like(part) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, part.contiguous())
    return parts


def _filled(flat: Tensor, size: int) -> Tensor:
    return torch.cat([flat, flat.new_zeros(size - flat.numel())])


def _ends(numbers: Sequence[int]) -> list[int]:
    ends = [0]
    for number in numbers:
        ends.append(ends[-1] + number)
    return ends
