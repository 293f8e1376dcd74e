"""Dilated convolutions along sequences: a student's encoder that is fast on a CPU."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from protgraph.structure.residues import LETTERS

CYCLE = 4
"""Layers after which dilations begin again at 1."""


def dilation(layer: int) -> int:
    """Distance between the residues that a layer looks at: 1, 3, 9, 27, and again.

    Examples
    --------
    >>> [dilation(layer) for layer in range(5)]
    [1, 3, 9, 27, 1]
    """
    return int(3 ** (layer % CYCLE))


def field(layers: int, kernel: int) -> int:
    """Residues that one residue's vector depends on, itself in the middle.

    Examples
    --------
    >>> field(layers=1, kernel=5), field(layers=4, kernel=5)
    (5, 161)
    """
    return 1 + (kernel - 1) * sum(map(dilation, range(layers)))


class _Place(NamedTuple):
    """Where residues are: each one's protein, and place in all proteins after each other [T]."""

    proteins: Tensor
    residues: Tensor
    number: int
    """Of proteins."""
    total: int
    """Of residues, and what may lie between those of a protein."""


class _Taps(nn.Module):
    """A convolution of all proteins [T, D] -> [T, D], as one product a tap.

    Weights begin, and are kept, as those of torch's convolution of an image of one row.
    """

    def __init__(self, width: int, kernel: int, step: int) -> None:
        super().__init__()
        made = nn.Conv2d(width, width, (1, kernel))
        self.weight, self.bias = made.weight, cast("nn.Parameter", made.bias)
        self.step, self.reach = step, step * (kernel // 2)

    def forward(self, h: Tensor, place: _Place) -> Tensor:
        # A residue's taps reach into the zeros on both sides, not into another protein.
        size = place.total + self.reach * max(0, place.number - 1)
        if len(h) == size:  # one protein is a line already
            line, inside = F.pad(h, (0, 0, self.reach, self.reach)), None
        else:
            inside = place.residues + self.reach * place.proteins
            line = h.new_zeros(size + 2 * self.reach, h.shape[1])
            line = line.index_copy(0, inside + self.reach, h)
        found: Tensor = self.bias
        taps = self.weight[:, :, 0].permute(2, 1, 0).contiguous()  # [K, D, D]
        for tap, weight in enumerate(taps):
            found = torch.addmm(found, line[tap * self.step : tap * self.step + size], weight)
        return found if inside is None else found[inside]


class Convolutions(nn.Module):
    """Residual dilated convolutions of letters: codes [B, L] -> vectors [B, L, D].

    h' = h + GELU(Conv(m · LN(h))), where m is 0 in padding, so that every layer sees there what
    it sees beyond the end of a protein that stands alone.

    Parameters
    ----------
    width : int
        D.
    layers, kernel : int
        Each layer looks at `kernel` residues, `dilation` apart; see `field`.
    dropout : float

    Notes
    -----
    Dilated residual convolutions of sequences are as in ProtCNN (Bileschi et al., Nat Biotechnol
    40:932, 2022) and CARP (Yang et al., Cell Syst 15:286, 2024); without the latter's bottleneck,
    which on a CPU takes about as long for half the weights. Dilations grow by 3, at most the
    kernel, so no residue of the field is left out. All proteins are convolved as one line with
    zeros between them, as many as a layer reaches; padding is not computed. Products of matrices,
    unlike torch's convolutions on a CPU, are not prepared anew and kept for each length: those
    are faster for lengths that were seen before and are alike.

    Examples
    --------
    >>> import torch
    >>> ids = torch.tensor([[0, 1, 20]])
    >>> Convolutions(8, layers=2, kernel=3)(ids, torch.ones(1, 3, dtype=torch.bool)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, *, layers: int, kernel: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.word = nn.Embedding(len(LETTERS) + 1, width)  # the last row is padding
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.convs = nn.ModuleList(
            _Taps(width, kernel, step) for step in map(dilation, range(layers))
        )
        self.last = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode codes [B, L], of which `mask` [B, L] says which are residues."""
        place = _placed(mask)
        h: Tensor = self.word(ids[mask])  # [T, D]
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = h + self.dropout(F.gelu(conv(norm(h), place)))
        out = h.new_zeros(*mask.shape, h.shape[1])
        out[mask] = self.last(h)
        return out


def _placed(mask: Tensor) -> _Place:
    proteins, columns = mask.nonzero(as_tuple=True)
    lengths = torch.where(mask, torch.arange(1, mask.shape[1] + 1, device=mask.device), 0)
    sizes = lengths.amax(dim=1)
    starts = sizes.cumsum(0) - sizes
    return _Place(proteins, columns + starts[proteins], len(mask), int(sizes.sum()))
