"""What a network of graphs says besides its scores: a teacher to teach it, a student to learn."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch_geometric.data import Batch

from protgraph.models.heads import ProteinHead, membership
from protgraph.models.model import Model


class Heard(NamedTuple):
    """What a network says of a batch of N residues in B proteins.

    Parameters
    ----------
    logits : Tensor of shape [N, C] or [B, C]
    vectors : Tensor of shape [N, D]
        What the encoder makes of each residue.
    pooled : Tensor of shape [B, P]
        What the head of a protein pools; at residue level the mean of the vectors.
    """

    logits: Tensor
    vectors: Tensor
    pooled: Tensor


def heard(model: Model, data: Batch) -> Heard:
    """Ask a network of a batch of graphs, for more than its scores.

    Examples
    --------
    >>> import torch
    >>> from torch_geometric.data import Data
    >>> from protgraph.models.model import Config
    >>> model = Model(Config("demo", "protein", ("a",), "gcn", inputs=4, edges=0, kinds=5, width=8))
    >>> edge = torch.tensor([[0], [1]])
    >>> graphs = [Data(x=torch.ones(size, 4), edge_index=edge) for size in (3, 2)]
    >>> [tuple(part.shape) for part in heard(model, Batch.from_data_list(graphs))]
    [(2, 1), (5, 8), (2, 16)]
    """
    h: Tensor = model.encoder(data)
    owner = membership(data.batch, len(h))
    if isinstance(model.head, ProteinHead):
        pooled = model.head.pool(h, owner)
        return Heard(model.head.out(pooled), h, pooled)
    sums = h.new_zeros(data.num_graphs, h.shape[1]).index_add(0, owner, h)
    return Heard(model.head(h, owner), h, sums / owner.bincount()[:, None])
