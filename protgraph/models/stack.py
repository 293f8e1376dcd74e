"""A language network as a student's encoder: padded letters in, vectors out, gradients through."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from protgraph.language.network import Network, Shape
from protgraph.language.packing import Pack
from protgraph.language.reader import windows
from protgraph.language.students import TOKENS as TOKENS
from protgraph.structure.residues import LETTERS


class Stack(nn.Module):
    """Transformer blocks over padded letters: codes [B, L] -> vectors [B, L, D].

    Parameters
    ----------
    shape : Shape
    tokens : sequence of int
        23 of the network's tokens: of `residues.LETTERS`, of start and of stop.
    window : int
        Longer proteins are read in overlapping windows of so many residues, each as a protein of
        its own, and their vectors are averaged, as `LanguageModel` does.

    Raises
    ------
    ValueError
        Where there are not 23 tokens.

    Examples
    --------
    >>> stack = Stack(Shape(23, 8, layers=1, heads=2, hidden=16), TOKENS, window=4)
    >>> stack(torch.zeros(2, 9).long(), torch.ones(2, 9, dtype=torch.bool)).shape
    torch.Size([2, 9, 8])
    """

    def __init__(self, shape: Shape, tokens: Sequence[int], *, window: int) -> None:
        super().__init__()
        if len(tokens) != len(TOKENS):
            raise ValueError(f"A stack needs {len(TOKENS)} tokens, got {len(tokens)}.")
        self.network = Network(shape)
        self.tokens = tuple(tokens)
        self.window = window

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode codes [B, L], of which `mask` [B, L] says which are residues."""
        known = torch.tensor(self.tokens, device=ids.device)
        start, stop = known[-2:-1], known[-1:]
        tokens = known[ids.clamp(max=len(LETTERS) - 1)]  # padding is never looked at
        pieces = [
            (row, first, min(self.window, length))
            for row, length in enumerate(mask.sum(1).tolist())
            for first in windows(length, self.window)
        ]
        parts = [
            part
            for row, first, size in pieces
            for part in (start, tokens[row, first : first + size], stop)
        ]
        sizes = tuple(size + 2 for _, _, size in pieces)
        counted = [torch.arange(size, device=ids.device) for size in sizes]
        (x,) = self.network(Pack(torch.cat(parts), torch.cat(counted), sizes))  # [N, D]
        x = torch.cat([own[1:-1] for own in x.split(sizes)])
        columns = ids.shape[1]
        at = torch.cat([
            own[:-2] + row * columns + first
            for own, (row, first, _) in zip(counted, pieces, strict=True)
        ])  # fmt: skip
        total = x.new_zeros(ids.numel(), x.shape[1]).index_add(0, at, x)
        times = torch.bincount(at, minlength=ids.numel()).clamp(min=1)
        return (total / times[:, None]).view(*ids.shape, -1)
