"""Graph encoders: graph -> [N, D], each from its paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Data
from torch_geometric.nn import GATv2Conv, GCNConv

from protgraph.models.messages import ROUND, Routes, Weights, gathered, routes


def _joined(messages: Tensor, target: Tensor, count: int) -> Tensor:
    """Sum messages [E, D] at their targets: [N, D]."""
    return messages.new_zeros(count, messages.shape[1]).index_add_(0, target, messages)


class GCN(nn.Module):
    """Graph convolution (Kipf & Welling, ICLR 2017) with a residual and layer norm around it.

    h' = h + ReLU(D^-1/2 (A + I) D^-1/2 LN(h) W); edge features and kinds are not used.

    Parameters
    ----------
    inputs : int
        Width of `x`.
    edges : int
        Width of `edge_attr`.
    kinds : int
        Number of values of `edge_type`.
    width : int
        D, the width of the output.
    layers : int
    dropout : float

    Examples
    --------
    >>> GCN(4, 2, 5, width=8, layers=1)(Data(x=torch.ones(3, 4),
    ...     edge_index=torch.tensor([[0, 1], [1, 0]]))).shape
    torch.Size([3, 8])
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 3,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.convs = nn.ModuleList(GCNConv(width, width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        h: Tensor = self.embed(data.x)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = h + self.dropout(torch.relu(conv(norm(h), data.edge_index)))
        return h


class GATv2(nn.Module):
    """Graph attention with dynamic scores (Brody et al., ICLR 2022), edge features in the scores.

    h' = h + ReLU(Σ_j a_ij W LN(h_j)), a = softmax_j u·LeakyReLU(W_s h_i + W_t h_j + W_e e_ij).

    Parameters are those of `GCN`; 4 heads share the width.
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 3,
        dropout: float = 0.1, heads: int = 4,
    ) -> None:  # fmt: skip
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of {heads} heads, got {width}.")
        self.embed = nn.Linear(inputs, width)
        self.kind = nn.Embedding(kinds, width)
        self.edge = nn.Linear(edges, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.convs = nn.ModuleList(
            GATv2Conv(width, width // heads, heads=heads, edge_dim=width, add_self_loops=False)
            for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        h: Tensor = self.embed(data.x)
        e = self.edge(data.edge_attr) + self.kind(data.edge_type)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = h + self.dropout(torch.relu(conv(norm(h), data.edge_index, e)))
        return h


class Relational(nn.Module):
    """One weight per edge kind, after GearNet (Zhang et al., ICLR 2023).

    h' = h + ReLU(Σ_r W_r mean_{j in N_r} (LN(h_j) + W_e e_ij)). GearNet sums and normalises by
    batch; we average and normalise by layer, so that a batch equals its single proteins.

    Parameters are those of `GCN`.
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 3,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kinds = kinds
        self.embed = nn.Linear(inputs, width)
        self.edge = nn.ModuleList(nn.Linear(edges, width) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.weights = nn.ModuleList(nn.Linear(kinds * width, width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        h: Tensor = self.embed(data.x)
        source, target = data.edge_index
        slot = target * self.kinds + data.edge_type
        slots = len(h) * self.kinds
        degree = torch.bincount(slot, minlength=slots).clamp(min=1)[:, None].to(h.dtype)
        for norm, edge, weight in zip(self.norms, self.edge, self.weights, strict=True):
            messages = norm(h)[source] + edge(data.edge_attr)  # [E, D]
            mean = _joined(messages, slot, slots) / degree  # [N * R, D]
            h = h + self.dropout(torch.relu(weight(mean.reshape(len(h), -1))))
        return h


class EGNNLayer(nn.Module):
    """One layer of `EGNN`: messages along edges, then an update of the residues."""

    def __init__(self, edges: int, kinds: int, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ends = nn.Linear(width, 2 * width)
        self.edge = nn.Linear(edges, width)
        self.kind = nn.Embedding(kinds, width)
        self.message = nn.Linear(width, width)
        self.gate = nn.Linear(width, 1)
        self.update = nn.Sequential(
            nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width), nn.Dropout(dropout)
        )

    def forward(self, h: Tensor, features: Tensor, along: Routes) -> Tensor:
        """Update the residues [N, D] from features [E, F + R] whose last columns tell the kind."""
        n = self.norm(h)
        weights = Weights(
            # Each edge has one kind, so the bias is as well theirs.
            torch.cat([self.edge.weight, (self.kind.weight + self.edge.bias).T], dim=1),
            self.message.weight,
            self.message.bias,
            self.gate.weight,
            self.gate.bias,
        )
        around = gathered(self.ends(n), features, weights, along)
        update: Tensor = self.update(torch.cat([n, around.to(n.dtype)], dim=1))
        return h + update


class EGNN(nn.Module):
    """E(n) graph network (Satorras et al., ICML 2021) on fixed coordinates.

    m_ij = φ_e(h_i, h_j, e_ij), gated by σ(w·m_ij); h_i' = h_i + φ_h(h_i, Σ_j m_ij). The paper
    gives φ_e the squared distance and moves the coordinates; here distances and local directions
    come as edge features, all invariant, and coordinates stay, since the structure is known.

    Parameters are those of `GCN`.
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 3,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kinds = kinds
        self.embed = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(EGNNLayer(edges, kinds, width, dropout) for _ in range(layers))

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        count = len(data.x)
        h: Tensor = self.embed(functional.pad(data.x, (0, 0, 0, -count % ROUND)))
        along = routes(data.edge_index, len(h))
        kind = torch.eye(self.kinds, dtype=h.dtype, device=h.device)[data.edge_type[along.order]]
        attr = data.edge_attr.to(h.dtype).index_select(0, along.order)
        features = torch.cat([attr, kind], dim=1)
        for layer in self.layers:
            h = layer(h, features, along)
        return h[:count]
