"""From residue vectors to scores: one a residue, a protein or a pair of proteins."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def membership(batch: Tensor | None, count: int) -> Tensor:
    """Which protein each of N nodes belongs to: all to the first where there is no batch."""
    return torch.zeros(count, dtype=torch.long) if batch is None else batch


class ResidueHead(nn.Module):
    """Layer norm and a linear map of every residue: [N, D] -> [N, C]."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, outputs)

    def forward(self, h: Tensor, batch: Tensor | None) -> Tensor:
        """Score every residue."""
        scores: Tensor = self.out(self.norm(h))
        return scores


class ProteinHead(nn.Module):
    """Attention-weighted mean and maximum over a protein's residues: [N, D] -> [B, C].

    a = softmax_i u·tanh(W h_i) within a protein (Ilse et al., ICML 2018). `parts` times D numbers
    go into the hidden layer after the pool.
    """

    def __init__(self, width: int, outputs: int, parts: int = 2) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.score = nn.Sequential(
            nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False)
        )
        self.out = nn.Sequential(
            nn.Linear(parts * width, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, outputs)
        )

    def pool(self, h: Tensor, batch: Tensor | None) -> Tensor:
        """One vector a protein: [B, 2 D]."""
        owner = membership(batch, len(h))
        count = int(owner.max()) + 1
        h = self.norm(h)
        score = self.score(h)[:, 0]
        index = owner[:, None].expand_as(h)
        top = score.new_full((count,), float("-inf")).scatter_reduce(0, owner, score, "amax")
        share = torch.exp(score - top.detach()[owner])
        total = share.new_zeros(count).index_add(0, owner, share)
        mean = h.new_zeros(count, h.shape[1]).index_add(0, owner, h * share[:, None])
        peak = h.new_full((count, h.shape[1]), float("-inf")).scatter_reduce(0, index, h, "amax")
        return torch.cat([mean / total[:, None], peak], dim=1)

    def forward(self, h: Tensor, batch: Tensor | None) -> Tensor:
        """Score every protein."""
        scores: Tensor = self.out(self.pool(h, batch))
        return scores


class PairHead(nn.Module):
    """One vector a protein, and scores of what two of them share: [N, D] -> [B, 2 D] -> [P, C].

    A protein's vector v is what `ProteinHead` pools. Its hidden layer then sees the layer norm of
    (v_a + v_b, |v_a - v_b|, v_a v_b), which is the same, bit for bit, whichever partner is first.
    Without the norm, scores of real pairs became one constant; with a layer or a norm between
    the pool and these features, planted rules were learned late or not at all.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.own = ProteinHead(width, outputs, parts=6)
        self.norm = nn.LayerNorm(6 * width)

    def vectors(self, h: Tensor, batch: Tensor | None) -> Tensor:
        """One vector a protein: [B, 2 D]."""
        return self.own.pool(h, batch)

    def forward(self, vectors: Tensor, partners: Tensor) -> Tensor:
        """Score every pair of places [P, 2] among the vectors."""
        a, b = vectors[partners[:, 0]], vectors[partners[:, 1]]
        both = torch.cat([a + b, (a - b).abs(), a * b], dim=1)  # [P, 6 D]
        scores: Tensor = self.own.out(self.norm(both))
        return scores


class LinearHead(nn.Linear):
    """A linear map of every residue, and nothing else: [N, D] -> [N, C]."""

    def forward(self, h: Tensor, batch: Tensor | None = None) -> Tensor:
        """Score every residue."""
        return super().forward(h)


class MeanHead(nn.Linear):
    """A linear map of a protein's mean and the logarithm of its length: [N, D] -> [B, C].

    Of one-hot letters the mean is the composition. The last column of the weight [C, D + 1] is
    that of the length.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__(width + 1, outputs)

    def forward(self, h: Tensor, batch: Tensor | None = None) -> Tensor:
        """Score every protein."""
        owner = membership(batch, len(h))
        length = torch.bincount(owner)[:, None]
        mean = h.new_zeros(len(length), h.shape[1]).index_add(0, owner, h) / length
        return super().forward(torch.cat([mean, length.to(h.dtype).log()], dim=1))


HEADS: dict[str, type[nn.Module]] = {
    "residue": ResidueHead,
    "protein": ProteinHead,
    "pair": PairHead,
}
"""Level of a task -> the head of a network."""

LINEAR: dict[str, type[nn.Module]] = {"residue": LinearHead, "protein": MeanHead}
"""Level of a task -> what is left of a network without an encoder."""


def heads_of(encoder: str) -> dict[str, type[nn.Module]]:
    """Level of a task -> the head that goes with an encoder."""
    return LINEAR if encoder == "linear" else HEADS
