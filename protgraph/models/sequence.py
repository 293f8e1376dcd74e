"""Sequence encoders with the graph encoders' signature: the edges are there and not looked at."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Data


def places(data: Data) -> tuple[Tensor, tuple[int, int]]:
    """Where each node stands when chains are laid out as rows of one table.

    A row a chain, a column a position in the *full* sequence: an unobserved residue is a hole, so
    a gap keeps its length.

    Returns
    -------
    place : Tensor of int64, shape [N]
        Row times number of columns plus column.
    shape : tuple of int
        Rows and columns.

    Examples
    --------
    >>> places(Data(residue=torch.tensor([0, 2, 0]), chain=torch.tensor([0, 0, 1]),
    ...     num_nodes=3))
    (tensor([0, 2, 3]), (2, 3))
    """
    batch = data.batch if data.get("batch") is not None else torch.zeros_like(data.chain)
    owner = batch * (int(data.chain.max()) + 1) + data.chain
    _, row = torch.unique(owner, return_inverse=True)
    columns = int(data.residue.max()) + 1
    return row * columns + data.residue, (int(row.max()) + 1, columns)


def spread(h: Tensor, place: Tensor, shape: tuple[int, int]) -> Tensor:
    """Lay nodes [N, D] out as [B, L, D], zero in the holes."""
    table = h.new_zeros(shape[0] * shape[1], h.shape[1])
    return table.index_copy(0, place, h).reshape(*shape, -1)


class Linear(nn.Module):
    """No encoder: what goes in goes to the head as it is, [N, inputs]; no parameter is used."""

    def __init__(self, *_: int, **__: float) -> None:
        super().__init__()

    def forward(self, data: Data) -> Tensor:
        """Hand on the features of the residues."""
        x: Tensor = data.x
        return x


class Composition(nn.Module):
    """What a residue is, and what its protein is made of: no order, no edges.

    h_i = W x_i + U mean_j x_j, the mean over the chain.

    Parameters
    ----------
    inputs : int
        Width of `x`.
    edges, kinds : int
        Not used; every encoder is made with them.
    width : int
        D, the width of the output.
    layers : int
        Not used.
    dropout : float

    Examples
    --------
    >>> data = Data(x=torch.ones(3, 4), residue=torch.arange(3), chain=torch.zeros(3).long())
    >>> Composition(4, 2, 5, width=8)(data).shape
    torch.Size([3, 8])
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 1,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.own = nn.Linear(inputs, width)
        self.rest = nn.Linear(inputs, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        place, shape = places(data)
        row = place // shape[1]
        total = data.x.new_zeros(shape[0], data.x.shape[1]).index_add_(0, row, data.x)
        mean = total / torch.bincount(row, minlength=shape[0])[:, None]
        h: Tensor = self.own(data.x) + self.rest(mean)[row]
        h = self.dropout(torch.relu(h))
        return h


class CNN(nn.Module):
    """Residual convolutions along the sequence (ProtCNN: Bileschi et al., Nat Biotechnol 2022).

    h' = h + ReLU(Conv_9(LN(h))); a gap of unobserved residues is zeros of its length.

    Parameters are those of `Composition`; `layers` convolutions of 9 residues.
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 3,
        dropout: float = 0.1, kernel: int = 9,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.convs = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        place, shape = places(data)
        h: Tensor = self.embed(data.x)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            table = spread(norm(h), place, shape).transpose(1, 2)  # [B, D, L]
            out = conv(table).transpose(1, 2).reshape(-1, h.shape[1])[place]
            h = h + self.dropout(torch.relu(out))
        return h


class BiLSTM(nn.Module):
    """A bidirectional LSTM along the sequence (Hochreiter & Schmidhuber, 1997).

    Reads the observed residues of a chain in order. Parameters are those of `Composition`.
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 1,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        if width % 2:
            raise ValueError(f"width must be even, half for each direction, got {width}.")
        self.embed = nn.Linear(inputs, width)
        self.lstm = nn.LSTM(width, width // 2, layers, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        place, shape = places(data)
        counts = torch.bincount(place // shape[1], minlength=shape[0])
        h: Tensor = self.embed(data.x)
        order = torch.argsort(place)
        packed = nn.utils.rnn.pack_sequence(
            list(torch.split(h[order], counts.tolist())), enforce_sorted=False
        )
        out, _ = self.lstm(packed)
        rows = nn.utils.rnn.unpack_sequence(out)
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        h = self.dropout(torch.cat(rows)[back])
        return h


class LightAttention(nn.Module):
    """Light attention (Stärk et al., Bioinform Adv 2021), its summary given to every residue.

    Two convolutions of 9, one for values v, one for scores a; h_i = W [v_i, Σ_j softmax(a)_j v_j,
    max_j v_j]. The paper keeps the two summaries only; v_i makes it an encoder of residues.

    Parameters are those of `Composition`; `layers` is not used.
    """

    def __init__(
        self, inputs: int, edges: int, kinds: int, *, width: int = 64, layers: int = 1,
        dropout: float = 0.1, kernel: int = 9,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.value = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        # No bias: the softmax would cancel it.
        self.score = nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False)
        self.out = nn.Linear(3 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, data: Data) -> Tensor:
        """Encode the residues: [N, D]."""
        place, shape = places(data)
        table = spread(self.embed(data.x), place, shape).transpose(1, 2)  # [B, D, L]
        there = torch.zeros(shape[0] * shape[1], dtype=torch.bool, device=place.device)
        there[place] = True
        hole = ~there.reshape(shape[0], 1, shape[1])
        value = self.value(table)
        share = self.score(table).masked_fill(hole, float("-inf")).softmax(dim=2)
        mean = (share * value).sum(dim=2)  # [B, D]
        top = value.masked_fill(hole, float("-inf")).amax(dim=2)
        own = value.transpose(1, 2).reshape(-1, value.shape[1])[place]
        row = place // shape[1]
        h: Tensor = self.out(torch.cat([own, mean[row], top[row]], dim=1))
        h = self.dropout(torch.relu(h))
        return h
