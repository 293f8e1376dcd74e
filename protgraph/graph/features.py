"""What is known of a residue and of a pair of residues, in numbers that no rotation changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from protgraph.graph.frame import Frame, Pairs, lengths, rows
from protgraph.structure import geometry
from protgraph.structure.protein import Floats
from protgraph.structure.residues import LETTERS, SCALES, standardised

CENTRES = 16
"""Radial basis functions of a distance, evenly spaced from 0 to `REACH`."""

REACH = 12.0
"""Å; a longer distance lies beyond the last basis function."""

WIDTH = REACH / CENTRES
"""Å, of a basis function: see `transform.basis`."""

LETTER_FEATURES: dict[str, Floats] = {
    "identity": np.eye(len(LETTERS), dtype=np.float32),
    "scales": standardised(),
}
"""Features of a letter alone: name -> table [21, width]."""

_CENTRES = (np.linspace(0.0, REACH, CENTRES) / WIDTH).astype(np.float32)[:, None]


def _turned(axes: Floats, arrow: Floats) -> Floats:
    """Turn vectors [N, 3] into local frames [N, 3, 3]."""
    turned: Floats = np.einsum("nij,nj->ni", axes, arrow)
    return turned


def _identity(f: Frame) -> Floats:
    return LETTER_FEATURES["identity"].take(f.letters, axis=0)


def _scales(f: Frame) -> Floats:
    return LETTER_FEATURES["scales"].take(f.letters, axis=0)


def _dihedrals(f: Frame) -> Floats:
    angles = geometry.dihedrals(f.backbone)
    waves: Floats = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    waves[np.isnan(waves)] = 0.0
    return waves


def _secondary(f: Frame) -> Floats:
    return np.eye(3, dtype=np.float32).take(geometry.secondary(f.ca), axis=0)


def _burial(f: Frame) -> Floats:
    near = Pairs(f, *f.near)
    ahead = np.einsum("je,je->e", rows(f.cb - f.ca, near.target), near.arrow) > 0
    burial = np.empty((len(f.ca), 2), dtype=np.float32)
    burial[:, 0] = np.bincount(near.target, minlength=len(f.ca))
    burial[:, 1] = np.bincount(near.target, ahead, minlength=len(f.ca))
    burial /= 20.0
    return burial


def _neighbours(f: Frame) -> Floats:
    step = np.zeros((len(f.ca), 6), dtype=np.float32)
    ahead = geometry.unit(f.ca[1:] - f.ca[:-1])
    ahead[np.diff(f.residue) != 1] = 0.0
    step[:-1, :3] = _turned(f.axes[:-1], ahead)
    step[1:, 3:] = _turned(f.axes[1:], -ahead)
    step[np.isnan(step)] = 0.0
    return step


def _side(f: Frame) -> Floats:
    side = np.empty((len(f.ca), 4), dtype=np.float32)
    side[:, :3] = _turned(f.axes, f.tip - f.ca)
    side[:, 3] = f.has_side
    return side


def _confidence(f: Frame) -> Floats:
    return f.confidence[:, None] / np.float32(100.0)


NODES: dict[str, tuple[int, Callable[[Frame], Floats]]] = {
    # One-hot amino acid in the order of `LETTERS`; always the first columns where chosen.
    "identity": (len(LETTERS), _identity),
    # Physico-chemical scales, standardised; sources in `structure.residues`.
    "scales": (len(SCALES), _scales),
    # sin and cos of φ, ψ, ω; 0 at ends and breaks.
    "dihedrals": (6, _dihedrals),
    # Coil, helix, strand from the Cα trace.
    "secondary": (3, _secondary),
    # Cα within 10 Å, and those of them in the half-sphere towards the side chain, over 20
    # (half-sphere exposure: Hamelryck, Proteins 59:38, 2005; there within 13 Å).
    "burial": (2, _burial),
    # Unit vectors to the next and the previous Cα in the local frame.
    "neighbours": (6, _neighbours),
    # Side point in the local frame, Å, and whether a side chain was observed.
    "side": (4, _side),
    # pLDDT from 0 to 1; 1 for an experimental structure.
    "confidence": (1, _confidence),
}
"""Node features: name -> (width, function). Vectors are given in the residue's own frame."""


def _basis(length: Floats, out: Floats) -> None:
    """What `transform.basis` computes, by 2^x, which takes numpy half the time of e^x."""
    np.subtract(length * (1 / WIDTH), _CENTRES, out=out)
    out.clip(-4.0, 4.0, out=out)
    np.square(out, out=out)
    out *= -math.log2(math.e)
    np.exp2(out, out=out)


def _direction(pairs: Pairs, arrow: Floats, length: Floats, out: Floats) -> None:
    """Unit vectors in the target's frame; 0 where the length is."""
    np.einsum("ije,je->ie", pairs.target_axes, arrow, out=out)
    out /= np.maximum(length, 1e-6)


def _separation(pairs: Pairs, out: Floats) -> None:
    f = pairs.frame
    residue = f.residue.astype(np.float32)
    steps = residue.take(pairs.source)
    steps -= residue.take(pairs.target)
    if f.member[-1]:
        steps[f.member[pairs.source] != f.member[pairs.target]] = 0.0
    np.log1p(abs(steps), out=out[0])
    np.copysign(out[0], steps, out=out[0])
    out /= math.log(100.0)


def _sides(pairs: Pairs, out: Floats) -> None:
    arrow = pairs.between(pairs.frame.tip)
    length = lengths(arrow)
    _basis(length, out[:CENTRES])
    _direction(pairs, arrow, length, out[CENTRES:])


def _orientation(pairs: Pairs, out: Floats) -> None:
    turned = pairs.axes(pairs.source)
    np.einsum("ije,kje->ike", pairs.target_axes, turned, out=out.reshape(3, 3, -1))


EDGES: dict[str, tuple[int, Callable[[Pairs, Floats], None]]] = {
    # Radial basis of the Cα-Cα distance.
    "distance": (CENTRES, lambda pairs, out: _basis(pairs.length, out)),
    # Unit vector from target Cα to source Cα, in the target's frame.
    "direction": (3, lambda pairs, out: _direction(pairs, pairs.arrow, pairs.length, out)),
    # Positions apart in the full sequence, sign(s) log(1 + |s|) / log(100); 0 between chains.
    "separation": (1, _separation),
    # Radial basis of the distance between side points and its direction in the target's frame.
    "sides": (CENTRES + 3, _sides),
    # The source's axes in the target's frame.
    "orientation": (9, _orientation),
}
"""Edge features: name -> (width, function that fills rows [width, E]). Kinds: `edge_type`."""


def of_nodes(f: Frame, chosen: Sequence[str]) -> Floats:
    """Node features by name, side by side: [N, F]."""
    columns = [NODES[name][1](f) for name in chosen]
    return np.concatenate(columns or [np.empty((len(f.ca), 0), dtype=np.float32)], axis=1)


def of_edges(pairs: Pairs, chosen: Sequence[str]) -> Floats:
    """Edge features by name, side by side: [E, K]."""
    total = sum(EDGES[name][0] for name in chosen)
    table = np.empty((total, len(pairs.source)), dtype=np.float32)
    first = 0
    for name in chosen:
        width, fill = EDGES[name]
        fill(pairs, table[first : first + width])
        first += width
    return np.ascontiguousarray(table.T)


def names(nodes: Sequence[str], edges: Sequence[str]) -> None:
    """Refuse a feature that does not exist.

    Raises
    ------
    ValueError
        Naming the feature and those there are.
    """
    for kind, asked, known in (("node", nodes, NODES), ("edge", edges, EDGES)):
        for name in asked:
            if name not in known:
                raise ValueError(f"Unknown {kind} feature {name!r}. There are: {', '.join(known)}.")
