"""The observed residues of a protein as arrays, with what several features share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from protgraph.graph.edges import Ints, radius
from protgraph.structure import geometry
from protgraph.structure.protein import CA, Floats, Protein
from protgraph.structure.residues import codes

NEAR = 10.0
"""Å; the radius around Cα within which burial is counted."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The observed residues of one protein, with what several features share.

    Parameters
    ----------
    letters : ndarray of int64, shape [N]
    residue : ndarray of int64, shape [N]
        Position in the full sequence.
    member : ndarray of int64, shape [N]
        Which protein of a complex a residue belongs to.
    backbone : ndarray of shape [N, 4, 3]
    ca : ndarray of shape [N, 3]
        Å.
    place : ndarray of shape [N, 3]
        Where the residue is when edges are drawn, Å.
    cb : ndarray of shape [N, 3]
        CB, ideal where absent, Å: see `geometry.cb`.
    tip : ndarray of shape [N, 3]
        The point that stands for a residue's side chain, Å: its observed centroid, else CB.
    has_side : ndarray of bool, shape [N]
        Whether the side-chain centroid was observed and is used.
    axes : ndarray of shape [N, 3, 3]
        Local frames, zero where the backbone does not define one.
    near : ndarray of int64, shape [2, E]
        Pairs of residues whose Cα lie within 10 Å.
    confidence : ndarray of shape [N]
        pLDDT from 0 to 100; 100 for an experimental structure.
    """

    letters: Ints
    residue: Ints
    member: Ints
    backbone: Floats
    ca: Floats
    place: Floats
    cb: Floats
    tip: Floats
    has_side: npt.NDArray[np.bool_]
    axes: Floats
    near: Ints
    confidence: Floats


def rows(values: Floats, nodes: Ints) -> Floats:
    """Values [N, width] of some of the nodes, as rows [width, E]."""
    return np.ascontiguousarray(values.T).take(nodes, axis=1)


def lengths(arrow: Floats) -> Floats:
    """Lengths of vectors [3, E]: [E]."""
    measured: Floats = np.sqrt(np.einsum("je,je->e", arrow, arrow))
    return measured


@dataclass(frozen=True, eq=False)
class Pairs:
    """Edges between the residues of a frame, with what several features share.

    Parameters
    ----------
    frame : Frame
    source, target : ndarray of int64, shape [E]

    Notes
    -----
    What is known of the edges lies in rows, [width, E], which numpy goes through fastest.
    """

    frame: Frame
    source: Ints
    target: Ints

    def between(self, place: Floats) -> Floats:
        """Vector from each target's `place` to its source's, Å, [3, E]."""
        arrow = rows(place, self.source)
        arrow -= rows(place, self.target)
        return arrow

    def axes(self, end: Ints) -> Floats:
        """Local frames of the residues at one end, [3, 3, E]."""
        return rows(self.frame.axes.reshape(-1, 9), end).reshape(3, 3, -1)

    @cached_property
    def target_axes(self) -> Floats:
        """Local frames of the targets, [3, 3, E]."""
        return self.axes(self.target)

    @cached_property
    def arrow(self) -> Floats:
        """Vector from target Cα to source Cα, Å, [3, E]."""
        return self.between(self.frame.ca)

    @cached_property
    def length(self) -> Floats:
        """Cα-Cα distance, Å, [E]."""
        return lengths(self.arrow)


def frame(protein: Protein, *, point: str = "ca", side: bool = True) -> Frame:
    """Gather what the features of one protein share.

    Parameters
    ----------
    protein : Protein
    point : {"ca", "cb", "side"}
        Where a residue is when edges are drawn: its CA, its CB, or its side-chain centroid.
    side : bool
        Whether observed side chains are used; CB stands in for them otherwise.

    Raises
    ------
    ValueError
        Where no residue was observed, or `point` is none of these.
    """
    index = protein.index
    if not len(index):
        raise ValueError(
            f"{protein.name}: a graph needs an observed residue, got none of {len(protein)}. "
            "Give a PDB or mmCIF file, or ask a model that reads the sequence alone."
        )
    backbone = protein.backbone.take(index, axis=0)
    ca = np.ascontiguousarray(backbone[:, CA])
    cb = geometry.cb(backbone)
    observed = protein.side.take(index, axis=0)
    has_side = ~np.isnan(observed[:, 0]) & side
    tip = np.where(has_side[:, None], observed, cb)
    places = {"ca": ca, "cb": cb, "side": tip}
    if point not in places:
        raise ValueError(f"point is one of {', '.join(places)}, got {point!r}.")
    axes = geometry.frames(backbone)
    axes[np.isnan(axes)] = 0.0
    return Frame(
        letters=codes(protein.sequence)[index],
        residue=index,
        member=np.zeros(len(index), dtype=np.int64),
        backbone=backbone,
        ca=ca,
        place=places[point],
        cb=cb,
        tip=tip,
        has_side=has_side,
        axes=axes,
        near=radius(ca, NEAR),
        confidence=_confidences(protein, index),
    )


def _confidences(protein: Protein, index: Ints) -> Floats:
    if protein.confidence is None:
        return np.full(len(index), 100.0, dtype=np.float32)
    return np.nan_to_num(protein.confidence[index], nan=0.0)


def together(frames: Sequence[Frame]) -> Frame:
    """Join the frames of the proteins of a complex, in order.

    Pairs in `near` stay within their protein: burial is a chain's own.
    """
    if len(frames) == 1:
        return frames[0]
    starts = np.cumsum([0, *(len(f.letters) for f in frames)])
    joined = {
        key.name: np.concatenate([getattr(f, key.name) for f in frames])
        for key in fields(Frame)
        if key.name not in ("near", "member")
    }
    return Frame(
        near=np.concatenate([f.near + s for f, s in zip(frames, starts, strict=False)], axis=1),
        member=np.repeat(np.arange(len(frames)), np.diff(starts)),
        **joined,
    )
