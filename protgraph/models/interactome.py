"""A graph network over an interaction network: proteins are nodes, known interactions edges."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GIN(nn.Module):
    """Graph isomorphism network, and scores of pairs that do not know which partner is first.

    h' = h + ReLU(MLP((1 + ε) LN(h_i) + mean_j LN(h_j))), j over the partners of i, none of which
    counts as 0; then MLP(h_a + h_b, |h_a - h_b|, h_a ⊙ h_b) of a pair (a, b).

    Parameters
    ----------
    inputs : int
        Width of the proteins' vectors.
    outputs : int
        C.
    width : int
        D.
    layers : int
        How many edges away a protein is heard. 0: the same network without neighbours, which
        tells what the edges add.
    dropout : float

    Notes
    -----
    Xu et al., ICLR (2019), equation 4.1, with a residual and layer norm around each layer, and the
    mean for their sum: partners range from one to hundreds, and numbers of partners, which a sum
    tells, differ between training and an unseen part of a network. GNN-PPI (Lv et al., IJCAI 2021)
    takes the product of the two vectors alone.

    Examples
    --------
    >>> network = GIN(4, 7, width=8, layers=1)
    >>> pairs = torch.tensor([[0, 1], [1, 2]])
    >>> network(torch.ones(3, 4), pairs, pairs).shape
    torch.Size([2, 7])
    """

    def __init__(
        self, inputs: int, outputs: int, *, width: int = 64, layers: int = 2, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.mixes = nn.ModuleList(_mlp(width, width, width) for _ in range(layers))
        self.epsilon = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.head = _mlp(3 * width, width, outputs, dropout)

    def forward(self, x: Tensor, edges: Tensor, pairs: Tensor) -> Tensor:
        """Score pairs of proteins.

        Parameters
        ----------
        x : Tensor of shape [B, inputs]
        edges : Tensor of int64, shape [E, 2]
            Each interaction once, in either order.
        pairs : Tensor of int64, shape [P, 2]

        Returns
        -------
        scores : Tensor of shape [P, C]
            Before the sigmoid.
        """
        h = self.encode(x, edges)
        a, b = h[pairs[:, 0]], h[pairs[:, 1]]
        scores: Tensor = self.head(torch.cat([a + b, (a - b).abs(), a * b], dim=1))
        return scores

    def encode(self, x: Tensor, edges: Tensor) -> Tensor:
        """Encode all proteins of the network: [B, D]."""
        source, target = _both_ways(edges)
        partners = torch.bincount(target, minlength=len(x)).clamp(min=1)[:, None]
        h: Tensor = self.embed(self.dropout(x))
        for norm, mix, epsilon in zip(self.norms, self.mixes, self.epsilon, strict=True):
            own = norm(h)
            heard = torch.zeros_like(own).index_add_(0, target, own[source]) / partners
            h = h + self.dropout(torch.relu(mix((1 + epsilon) * own + heard)))
        h = self.dropout(torch.relu(self.last(h)))
        return h

    @property
    def size(self) -> int:
        """How many numbers were trained."""
        return sum(p.numel() for p in self.parameters())


def _mlp(inputs: int, width: int, outputs: int, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, outputs)
    )


def _both_ways(edges: Tensor) -> Tensor:
    """Source and target of each interaction in both directions, of a protein with itself once."""
    apart = edges[edges[:, 0] != edges[:, 1]]
    return torch.cat([edges, apart.flip(1)]).T
