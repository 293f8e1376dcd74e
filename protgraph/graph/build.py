"""A protein and its vectors become one PyG graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch_geometric.data import Data

from protgraph.graph import features, spatial
from protgraph.graph.edges import KINDS, chain
from protgraph.graph.frame import Pairs, frame, together
from protgraph.structure.protein import Complex, Floats, Protein
from protgraph.structure.residues import codes

if TYPE_CHECKING:
    import networkx

NODE_FEATURES = ("identity", "scales", "dihedrals", "secondary", "burial", "side", "confidence")
SEQUENCE_FEATURES = tuple(features.LETTER_FEATURES)
EDGE_FEATURES = ("distance", "direction", "separation")
KEYS = (
    "x", "pos", "edge_index", "edge_attr", "edge_type",
    "residue", "chain", "confidence", "y", "target",
)  # fmt: skip
"""Every key a graph may have. PyG shifts keys that contain "index", "batch" or "face"."""


def build(  # noqa: PLR0913 - the one door to graphs: one keyword a decision
    protein: Protein | Complex,
    *,
    vectors: Floats | Sequence[Floats] | None = None,
    radius: float = 10.0,
    point: str = "ca",
    nearest: int = 0,
    steps: int = 1,
    contact: float = 0.0,
    separation: int = 3,
    interface: float = 10.0,
    trusted: float = 70.0,
    nodes: Sequence[str] = NODE_FEATURES,
    edges: Sequence[str] = EDGE_FEATURES,
    side: bool = True,
    shuffle: bool = False,
) -> Data:
    """Build the contact graph of a protein or complex; its nodes are the observed residues.

    Parameters
    ----------
    protein : Protein or Complex
    vectors : ndarray of shape [L, D], optional
        A row a letter of the *full* sequence, such as language-model vectors (for a complex, one
        array a protein); the rows of observed residues follow the node features.
    radius : float
        Å; residues at most this far apart touch. 0 leaves these edges out.
    point : {"ca", "cb", "side"}
        Where a residue is: its CA; its CB (the ideal place where it was not observed, as in
        glycine; CA where the backbone is a trace); or its side-chain centroid (CB, so defined,
        where there is none).
    nearest : int
        Edges from so many nearest residues; 0 leaves them out.
    steps : int
        Edges to neighbours up to so many positions apart in the full sequence.
    contact : float
        Å; edges between residues at most this far apart by `point` and at least `separation`
        positions apart in the sequence. 0 leaves them out.
    separation : int
    interface : float
        Å; edges between chains of a complex, 0 leaves them out. All other kinds stay within a
        chain.
    trusted : float
        pLDDT from 0 to 100; spatial edges whose less confident end is below it are dropped, chain
        edges stay. Experimental structures have no pLDDT and lose nothing.
    nodes, edges : sequence of str
        Features by name, in order: `features.NODES` and `features.EDGES`.
    side : bool
        False treats side chains as not observed, as in a backbone-only model.
    shuffle : bool
        Rewire the spatial edges of each kind and pair of chains at random (`edges.shuffled`,
        seeded by the sequence) after their features were computed: the control for "does it
        matter which residues touch".

    Returns
    -------
    graph : torch_geometric.data.Data
        `x` [N, F], `pos` [N, 3] (Cα, Å), `edge_index` [2, E] (an edge points from neighbour to
        residue), `edge_attr` [E, K], `edge_type` [E] (place in `edges.KINDS`), `residue` [N]
        (position in the full sequence: the residue bridge), `chain` [N], `confidence` [N].

    Raises
    ------
    ValueError
        Where no residue was observed, `vectors` do not fit the sequence, or a setting breaks its
        rule.

    Examples
    --------
    >>> backbone = np.full((4, 4, 3), np.nan)
    >>> backbone[[0, 1, 3], 1] = [[0, 0, 0], [3.8, 0, 0], [9.0, 0, 0]]
    >>> graph = build(Protein("demo", "MKXV", backbone), radius=6.0, steps=1)
    >>> graph.residue.tolist(), graph.edge_index.tolist(), graph.edge_type.tolist()
    ([0, 1, 3], [[0, 1, 0, 1, 1, 2], [1, 0, 1, 0, 2, 1]], [0, 0, 1, 1, 1, 1])
    """
    features.names(nodes, edges)
    members = protein.proteins if isinstance(protein, Complex) else (protein,)
    frames = [frame(member, point=point, side=side) for member in members]
    inside = [
        spatial.inside(f, radius=radius, nearest=nearest, contact=contact, separation=separation)
        for f in frames
    ]
    f = together(frames)
    found = (*spatial.joined(inside, frames), spatial.between(f, interface))
    kinds = [chain(f.residue, f.member, steps), *spatial.trusted(f, found, trusted)]
    pairs = np.concatenate(kinds, axis=1)
    kind = np.arange(len(KINDS)).repeat([each.shape[1] for each in kinds])
    rows = [features.of_nodes(one, nodes) for one in frames]
    x = rows[0] if len(rows) == 1 else np.concatenate(rows)
    if vectors is not None:
        each = vectors if isinstance(protein, Complex) else [vectors]
        x = np.concatenate([x, _bridged(members, each)], axis=1)
    attr = features.of_edges(Pairs(f, *pairs), edges)
    if shuffle:
        pairs = spatial.rewired(f, pairs, kind, _seed(members))
    return Data().update(
        {
            "x": torch.from_numpy(x),
            "edge_index": torch.from_numpy(pairs),
            "edge_attr": torch.from_numpy(attr),
            "pos": torch.from_numpy(f.ca),
            "edge_type": torch.from_numpy(kind),
            "residue": torch.from_numpy(f.residue),
            "chain": torch.from_numpy(f.member),
            "confidence": torch.from_numpy(f.confidence),
        }
    )


def sequence(
    protein: Protein, *, vectors: Floats | None = None, nodes: Sequence[str] = ("identity",)
) -> Data:
    """Give a sequence the form of a graph: every letter a node, observed or not, and no edge.

    Parameters
    ----------
    protein : Protein
    vectors : ndarray of shape [L, D], optional
        A row a letter.
    nodes : sequence of str
        Of "identity" and "scales", the features that need no structure.

    Returns
    -------
    graph : torch_geometric.data.Data
        The keys of `build`; `pos` is NaN and there are no edges.

    Raises
    ------
    ValueError
        Where a feature needs a structure.

    Examples
    --------
    >>> sequence(Protein("demo", "MKX", np.full((3, 4, 3), np.nan))).x.shape
    torch.Size([3, 21])
    """
    for name in nodes:
        if name not in SEQUENCE_FEATURES:
            raise ValueError(
                f"graph.nodes: {name!r} needs a structure; "
                f"a sequence has {' and '.join(SEQUENCE_FEATURES)}."
            )
    length = len(protein)
    letters = codes(protein.sequence)
    x = [np.empty((length, 0), dtype=np.float32)]
    x += [features.LETTER_FEATURES[name][letters] for name in nodes]
    if vectors is not None:
        x.append(_bridged([protein], [vectors], all_letters=True))
    return Data(
        x=torch.from_numpy(np.concatenate(x, axis=1)),
        pos=torch.full((length, 3), torch.nan),
        edge_index=torch.empty((2, 0), dtype=torch.long),
        edge_attr=torch.empty((0, 0)),
        edge_type=torch.empty(0, dtype=torch.long),
        residue=torch.arange(length),
        chain=torch.zeros(length, dtype=torch.long),
        confidence=torch.full((length,), 100.0),
    )


def _bridged(members: Sequence[Protein], vectors: Any, *, all_letters: bool = False) -> Floats:
    """Rows of the observed residues (or all) out of one array a protein of its full sequence."""
    if len(vectors) != len(members):
        raise ValueError(
            f"A complex of {len(members)} proteins needs as many arrays of vectors, "
            f"got {len(vectors)}."
        )
    for member, rows in zip(members, vectors, strict=True):
        if np.ndim(rows) != 2 or len(rows) != len(member):
            raise ValueError(
                f"{member.name}: vectors have shape {list(np.shape(rows))}, "
                f"but a sequence of {len(member)} residues needs [{len(member)}, D]."
            )
    taken = [
        rows if all_letters else rows[member.index]
        for member, rows in zip(members, vectors, strict=True)
    ]
    return np.concatenate(taken).astype(np.float32, copy=False)


def _seed(members: Sequence[Protein]) -> int:
    letters = "/".join(member.sequence for member in members)
    return int.from_bytes(hashlib.sha256(letters.encode()).digest()[:8], "big")


def to_networkx(graph: Data, protein: Protein | None = None) -> networkx.MultiDiGraph:
    """Show a graph to people: nodes by number with their residue, edges with their kind.

    Parameters
    ----------
    graph : Data
        From `build`.
    protein : Protein, optional
        Adds the author's residue number and the letter to every node.

    Returns
    -------
    graph : networkx.MultiDiGraph
        Nodes 0 to N-1 with `residue`, `chain`, `pos` (and `number`, `letter`); edges from
        neighbour to residue with `kind` and `distance` (Cα-Cα, Å).

    Examples
    --------
    >>> backbone = np.full((2, 4, 3), np.nan)
    >>> backbone[:, 1] = [[0, 0, 0], [3.8, 0, 0]]
    >>> protein = Protein("demo", "MK", backbone, numbering=("7", "7A"))
    >>> to_networkx(build(protein, radius=0), protein).nodes[1]["number"]
    '7A'
    """
    import networkx

    shown = networkx.MultiDiGraph()
    place = graph.pos.numpy()
    for node, (residue, member) in enumerate(
        zip(graph.residue.tolist(), graph.chain.tolist(), strict=True)
    ):
        shown.add_node(node, residue=residue, chain=member, pos=tuple(place[node].tolist()))
        if protein is not None:
            shown.nodes[node]["number"] = protein.numbering[residue]
            shown.nodes[node]["letter"] = protein.sequence[residue]
    for (i, j), kind in zip(graph.edge_index.T.tolist(), graph.edge_type.tolist(), strict=True):
        apart = float(np.linalg.norm(place[i] - place[j]))
        shown.add_edge(i, j, kind=KINDS[kind], distance=apart)
    return shown
