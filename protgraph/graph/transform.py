"""The contact graph as a transform of torch-geometric, for points that come from elsewhere."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from protgraph.graph import edges
from protgraph.graph.edges import Ints
from protgraph.graph.features import CENTRES, REACH, WIDTH
from protgraph.structure.protein import Floats


class ContactEdges(BaseTransform):  # type: ignore[misc]
    """Join the residues of a graph: chain, radius and nearest edges with their distances.

    For a `Data` of your own in a `Compose` or as a dataset's `transform`; `build` makes the same
    edges, and richer features, from a `Protein`.

    Parameters
    ----------
    radius : float
        Å; points at most this far apart touch. 0 leaves these edges out.
    nearest : int
        Edges from so many nearest points; 0 leaves them out.
    steps : int
        Edges to neighbours up to so many positions apart in the sequence; 0 leaves them out.

    Raises
    ------
    ValueError
        When called: where `pos` is absent, has another shape than [N, 3] or is not finite,
        `residue` or `chain` do not have N entries, the nodes of a chain do not stand together in
        the order of `residue`, or a setting is negative.

    Notes
    -----
    Reads `pos` [N, 3], and `residue` [N] and `chain` [N] where there are any; else a point's
    position is its number, and all points are one chain. Edges of every kind stay within a chain.
    Sets `edge_index` [2, E], from neighbour to residue; `edge_type` [E], the place in
    `edges.KINDS`; and `edge_attr` [E, 16], the radial basis of the distance (`basis`), through
    which gradients reach `pos`.

    Examples
    --------
    >>> points = Data(pos=torch.tensor([[0.0, 0, 0], [3.8, 0, 0], [12.0, 0, 0]]))
    >>> graph = ContactEdges(radius=10.0)(points)
    >>> graph.edge_index.tolist()
    [[0, 1, 1, 2, 0, 1, 1, 2], [1, 0, 2, 1, 1, 0, 2, 1]]
    >>> graph.edge_type.tolist(), graph.edge_attr.shape
    ([0, 0, 0, 0, 1, 1, 1, 1], torch.Size([8, 16]))
    """

    def __init__(self, radius: float = 10.0, *, nearest: int = 0, steps: int = 1) -> None:
        self.radius = radius
        self.nearest = nearest
        self.steps = steps

    def forward(self, data: Data) -> Data:
        """Add the edges to a graph; the one given is not changed by `ContactEdges()(data)`."""
        place, residue, chain = _points(data)
        kinds = [edges.chain(residue, chain, self.steps)]
        kinds += [np.concatenate(found, axis=1) for found in self._spatial(place, chain)]
        pairs = torch.from_numpy(np.concatenate(kinds, axis=1)).to(data.pos.device)
        source, target = data.pos[pairs]
        data.edge_index = pairs
        data.edge_type = torch.repeat_interleave(
            torch.arange(len(kinds)), torch.tensor([kind.shape[1] for kind in kinds])
        ).to(data.pos.device)
        data.edge_attr = basis(torch.linalg.vector_norm(source - target, dim=1))
        return data

    def _spatial(self, place: Floats, chain: Ints) -> tuple[list[Ints], list[Ints]]:
        """Radius and nearest edges, chain by chain."""
        ball, close = [np.empty((2, 0), np.int64)], [np.empty((2, 0), np.int64)]
        for member in np.unique(chain):
            nodes = np.flatnonzero(chain == member)
            if self.radius:
                ball.append(nodes[edges.radius(place[nodes], self.radius)])
            if self.nearest:
                close.append(nodes[edges.nearest(place[nodes], self.nearest)])
        return ball, close

    def __repr__(self) -> str:
        return f"ContactEdges(radius={self.radius}, nearest={self.nearest}, steps={self.steps})"


def basis(distance: torch.Tensor) -> torch.Tensor:
    """Spread distances over Gaussian radial basis functions.

    Parameters
    ----------
    distance : Tensor of shape [E]
        Å.

    Returns
    -------
    basis : Tensor of shape [E, 16]
        exp(-((d - centre) / width)^2), centres from 0 to 12 Å, width 0.75 Å
        (Schütt et al., NeurIPS 2017, with fewer centres). Four widths from the centre it has
        fallen to 1e-7, the resolution of float32 beside 1, and stays there.

    Examples
    --------
    >>> [round(value, 3) for value in basis(torch.tensor([0.0]))[0, :3].tolist()]
    [1.0, 0.321, 0.011]
    """
    centres = torch.linspace(0.0, REACH / WIDTH, CENTRES, dtype=torch.float64).to(distance)
    away = (distance * (1 / WIDTH))[:, None] - centres
    # Without the bound most values are subnormal numbers, which take 20 times as long to compute
    # here and again in every matrix product.
    return away.square().clamp(max=16.0).neg().exp()


def _points(data: Data) -> tuple[Floats, Ints, Ints]:
    """Points, positions and chains of a graph as arrays, checked."""
    pos = data.get("pos")
    if pos is None or pos.dim() != 2 or pos.shape[1] != 3:
        shape = None if pos is None else list(pos.shape)
        raise ValueError(f"ContactEdges needs pos of shape [N, 3], got {shape}.")
    place = pos.detach().cpu().numpy()
    if not np.isfinite(place).all():
        row = int(np.flatnonzero(~np.isfinite(place).all(axis=1))[0])
        raise ValueError(f"ContactEdges needs finite pos, got {place[row].tolist()} in row {row}.")
    rows = {"residue": np.arange(len(place)), "chain": np.zeros(len(place), dtype=np.int64)}
    for name in rows:
        given = data.get(name)
        if given is None:
            continue
        if given.shape != (len(place),):
            raise ValueError(
                f"ContactEdges needs {name} of shape [{len(place)}], as pos, "
                f"got {list(given.shape)}."
            )
        rows[name] = given.cpu().numpy()
    residue, chain = rows.values()
    next_chain = np.diff(chain) != 0
    torn = len(place) and next_chain.sum() + 1 != len(np.unique(chain))
    if torn or (np.diff(residue)[~next_chain] <= 0).any():
        raise ValueError(
            "ContactEdges needs the nodes of a chain together and residue increasing along it, "
            f"got residue {residue.tolist()[:20]} and chain {chain.tolist()[:20]}."
        )
    return place, residue, chain
