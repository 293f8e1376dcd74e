"""Spatial edges of the proteins of a complex: within each, between them, and rewired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protgraph.graph import edges
from protgraph.graph.edges import Ints
from protgraph.graph.frame import NEAR, Frame


def inside(
    f: Frame, *, radius: float, nearest: int, contact: float, separation: int
) -> tuple[Ints, Ints, Ints]:
    """Radius, nearest and contact edges of one protein; a setting of 0 leaves a kind out.

    Examples
    --------
    >>> from protgraph.graph.frame import frame
    >>> from protgraph.structure.protein import Protein
    >>> backbone = np.full((3, 4, 3), np.nan)
    >>> backbone[:, 1] = [[0, 0, 0], [3.8, 0, 0], [7.6, 0, 0]]
    >>> f = frame(Protein("demo", "MKV", backbone))
    >>> ball, close, apart = inside(f, radius=5.0, nearest=0, contact=8.0, separation=2)
    >>> ball.tolist(), close.shape, apart.tolist()
    ([[0, 1, 1, 2], [1, 0, 2, 1]], (2, 0), [[0, 2], [2, 0]])
    """
    none = np.empty((2, 0), dtype=np.int64)
    ball = none
    if radius:
        known = f.place is f.ca and radius == NEAR
        ball = f.near if known else edges.radius(f.place, radius)
    close = edges.nearest(f.place, nearest) if nearest else none
    apart = none
    if contact:
        apart = edges.radius(f.place, contact)
        apart = apart[:, abs(f.residue[apart[0]] - f.residue[apart[1]]) >= separation]
    return ball, close, apart


def joined(inside: Sequence[tuple[Ints, Ints, Ints]], frames: Sequence[Frame]) -> Sequence[Ints]:
    """Join the edges of several proteins, the nodes of each counted on from those before it."""
    if len(inside) == 1:
        return inside[0]
    starts = np.cumsum([0, *(len(f.letters) for f in frames)])
    return [
        np.concatenate([pairs + start for pairs, start in zip(kind, starts, strict=False)], axis=1)
        for kind in zip(*inside, strict=True)
    ]


def between(f: Frame, cutoff: float) -> Ints:
    """Edges between the chains of a complex; a cutoff of 0 leaves them out."""
    if not f.member[-1] or not cutoff:
        return np.empty((2, 0), dtype=np.int64)
    pairs = edges.radius(f.place, cutoff)
    return pairs[:, f.member[pairs[0]] != f.member[pairs[1]]]


def trusted(f: Frame, kinds: Sequence[Ints], least: float) -> Sequence[Ints]:
    """Edges of each kind both of whose ends have a pLDDT of at least `least`."""
    sure = f.confidence >= least
    if sure.all():
        return kinds
    return [pairs[:, sure[pairs].all(axis=0)] for pairs in kinds]


def rewired(f: Frame, pairs: Ints, kind: Ints, seed: int) -> Ints:
    """Rewire all but chain edges (kind 0), each kind and pair of chains by itself."""
    source, target = f.member[pairs]
    count = len(f.member)
    group = (kind * count + source) * count + target
    alone = kind == 0
    group[alone] = -1 - np.arange(np.count_nonzero(alone))
    return edges.shuffled(pairs, group, seed)
