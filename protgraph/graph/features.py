"""What is known of a residue and of a pair of residues, in numbers that no rotation changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from protgraph.graph.frame import Frame, Pairs, lengths
from protgraph.structure import geometry
from protgraph.structure.protein import Floats
from protgraph.structure.residues import LETTERS, SCALES, standardised

CENTRES = 16
"""Radial basis functions of a distance, evenly spaced from 0 to `REACH`."""

REACH = 12.0
"""Å; a longer distance lies beyond the last basis function."""

LETTER_FEATURES: dict[str, Floats] = {
    "identity": np.eye(len(LETTERS), dtype=np.float32),
    "scales": standardised(),
}
"""Features of a letter alone: name -> table [21, width]."""

_SPREAD = CENTRES / REACH
_CENTRES = torch.linspace(0.0, REACH, CENTRES, dtype=torch.float64) * _SPREAD


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
    source, target = f.near
    arrow = Pairs(f, source, target).arrow
    ahead = np.einsum("ij,ij->i", (f.cb - f.ca).take(target, axis=0), arrow) > 0
    count = len(f.ca)
    burial = np.empty((count, 2), dtype=np.float32)
    burial[:, 0] = np.bincount(target, minlength=count)
    burial[:, 1] = np.bincount(target[ahead], minlength=count)
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
    away = (distance * _SPREAD)[:, None] - _CENTRES.to(distance)
    # Without the bound most values are subnormal numbers, which take 20 times as long to compute
    # here and again in every matrix product.
    return away.square_().clamp_(max=16.0).neg_().exp_()


def _basis(length: Floats) -> Floats:
    return basis(torch.from_numpy(length)).numpy()


def _direction(pairs: Pairs, arrow: Floats, length: Floats) -> Floats:
    """Unit vectors in the target's frame; 0 where the length is."""
    way = _turned(pairs.frame.axes.take(pairs.target, axis=0), arrow)
    way /= np.maximum(length, 1e-6)[:, None]
    return way


def _separation(pairs: Pairs) -> Floats:
    f = pairs.frame
    apart = f.residue.take(pairs.source) - f.residue.take(pairs.target)
    if f.member[-1]:
        apart[f.member[pairs.source] != f.member[pairs.target]] = 0
    steps = apart.astype(np.float32)
    scaled: Floats = np.copysign(np.log(abs(steps) + 1.0), steps)
    scaled /= np.log(100.0)
    return scaled[:, None]


def _sides(pairs: Pairs) -> Floats:
    arrow = pairs.between(pairs.frame.tip)
    length = lengths(arrow)
    return np.concatenate([_basis(length), _direction(pairs, arrow, length)], axis=1)


def _orientation(pairs: Pairs) -> Floats:
    axes = pairs.frame.axes
    turn = np.einsum(
        "eij,ekj->eik", axes.take(pairs.target, axis=0), axes.take(pairs.source, axis=0)
    )
    return np.asarray(turn.reshape(-1, 9))


EDGES: dict[str, tuple[int, Callable[[Pairs], Floats]]] = {
    # Radial basis of the Cα-Cα distance.
    "distance": (CENTRES, lambda pairs: _basis(pairs.length)),
    # Unit vector from target Cα to source Cα, in the target's frame.
    "direction": (3, lambda pairs: _direction(pairs, pairs.arrow, pairs.length)),
    # Positions apart in the full sequence, sign(s) log(1 + |s|) / log(100); 0 between chains.
    "separation": (1, _separation),
    # Radial basis of the distance between side points and its direction in the target's frame.
    "sides": (CENTRES + 3, _sides),
    # The source's axes in the target's frame.
    "orientation": (9, _orientation),
}
"""Edge features: name -> (width, function). The kind of an edge is `edge_type`."""


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
