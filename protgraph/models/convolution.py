"""Dilated convolutions along padded sequences: a student's encoder that is fast on a CPU."""

from __future__ import annotations

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
    kernel, so no residue of the field is left out.

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
            nn.Conv2d(width, width, (1, kernel), dilation=step, padding=(0, step * (kernel // 2)))
            for step in map(dilation, range(layers))
        )
        self.last = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode codes [B, L], of which `mask` [B, L] says which are residues."""
        inside = mask[:, :, None].to(self.last.weight.dtype)
        h: Tensor = self.word(ids)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            # As an image of one row, channels last, it is convolved without a copy.
            image = (norm(h) * inside).transpose(1, 2)[:, :, None]  # [B, D, 1, L]
            h = h + self.dropout(F.gelu(conv(image))[:, :, 0].transpose(1, 2))
        h = self.last(h) * inside
        return h
