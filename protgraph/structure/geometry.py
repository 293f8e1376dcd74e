"""Distances, angles and frames of a backbone; rotation turns frames and changes nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protgraph.structure.protein import CA, CB, C, N

Floats = npt.NDArray[np.float32]

_BOND = 1.8  # Å; a peptide C-N bond is 1.33, so anything longer is a break in the chain

# Cα(i) to Cα(i+2), (i+3) and (i+4) in a strand and in a helix, Å: see `secondary`.
_IDEAL = np.array([[6.7, 9.9, 12.4], [5.5, 5.3, 6.4]], dtype=np.float32)[:, :, None]
_MARGIN = np.array([[0.6, 0.9, 1.1], [0.5, 0.5, 0.6]], dtype=np.float32)[:, :, None]


_YZX, _ZXY = np.array([1, 2, 0]), np.array([2, 0, 1])


def unit(vectors: Floats) -> Floats:
    """Scale vectors to length 1.

    Parameters
    ----------
    vectors : ndarray of shape [..., 3]

    Returns
    -------
    unit : ndarray of shape [..., 3]
        NaN where a vector has no direction.

    Examples
    --------
    >>> unit(np.array([3.0, 0.0, 4.0])).tolist()
    [0.6, 0.0, 0.8]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
        unit: Floats = vectors / length[..., None]
    return unit


def _cross(a: Floats, b: Floats) -> Floats:
    """Cross product of two arrays [L, 3]; numpy's own takes three times as long on short ones."""
    crossed: Floats = a.take(_YZX, 1) * b.take(_ZXY, 1) - a.take(_ZXY, 1) * b.take(_YZX, 1)
    return crossed


def virtual_cb(backbone: Floats) -> Floats:
    """Place the CB that ideal geometry asks for, also in glycine.

    Parameters
    ----------
    backbone : ndarray of shape [L, 4, 3]
        N, CA, C, CB in Å.

    Returns
    -------
    cb : ndarray of shape [L, 3]
        NaN where N, CA or C is absent.

    Notes
    -----
    Coefficients of Dauparas et al., Science 378:49 (2022), ideal tetrahedral geometry.

    Examples
    --------
    >>> atoms = np.array([[[1.46, 0, 0], [0, 0, 0], [-0.55, 1.42, 0], [np.nan] * 3]])
    >>> virtual_cb(atoms).round(1).tolist()
    [[-0.5, -0.8, 1.2]]
    """
    b = backbone[:, CA] - backbone[:, N]
    c = backbone[:, C] - backbone[:, CA]
    placed: Floats = -0.58273431 * _cross(b, c) + 0.56802827 * b - 0.54067466 * c
    placed += backbone[:, CA]
    return placed


def cb(backbone: Floats) -> Floats:
    """Return CB where observed, else its ideal place, else CA.

    Parameters
    ----------
    backbone : ndarray of shape [L, 4, 3]

    Returns
    -------
    cb : ndarray of shape [L, 3]
        Å; NaN only where CA is absent too.

    Examples
    --------
    >>> trace = np.full((1, 4, 3), np.nan); trace[0, CA] = 1.0
    >>> cb(trace).tolist()
    [[1.0, 1.0, 1.0]]
    """
    place = backbone[:, CB].copy()
    absent = np.flatnonzero(np.isnan(place[:, 0]))
    if len(absent):
        bare = backbone.take(absent, axis=0)
        ideal = virtual_cb(bare)
        place[absent] = np.where(np.isnan(ideal[:, :1]), bare[:, CA], ideal)
    return place


def dihedrals(backbone: Floats) -> Floats:
    """Backbone dihedrals φ, ψ and ω.

    Parameters
    ----------
    backbone : ndarray of shape [L, 4, 3]
        N, CA, C, CB in Å.

    Returns
    -------
    angles : ndarray of shape [L, 3]
        Radians; φ is NaN for the first residue, ψ and ω (of the bond to the next residue) for the
        last, and all that span a break, where the C-N distance exceeds 1.8 Å. Signs by the rule
        of IUPAC-IUB, Biochemistry 9:3471 (1970).

    Notes
    -----
    For bonds a, b, c in a row the angle is atan2(|b| a·(b×c), (a×b)·(b×c)) (Blondel & Karplus,
    J Comput Chem 17:1132, 1996), which is exact near 0 and π.

    Examples
    --------
    >>> dihedrals(np.zeros((1, 4, 3))).tolist()
    [[nan, nan, nan]]
    """
    length = len(backbone)
    angles = np.full((length, 3), np.nan, dtype=np.float32)
    if length < 2:
        return angles
    path = backbone[:, :CB].reshape(-1, 3)  # N, CA, C, N, CA, C, ...
    bonds = path[1:] - path[:-1]
    normals = _cross(bonds[:-1], bonds[1:])
    squares = np.einsum("ij,ij->i", bonds, bonds)
    y = np.einsum("ij,ij->i", bonds[:-2], normals[1:]) * np.sqrt(squares[1:-1])
    x = np.einsum("ij,ij->i", normals[:-1], normals[1:])
    turns = np.arctan2(y, x).reshape(-1, 3)  # ψ, ω and the next residue's φ: those of one bond
    turns[~(squares[2::3] <= _BOND**2)] = np.nan
    angles.ravel()[1:-2] = turns.ravel()
    return angles


def frames(backbone: Floats) -> Floats:
    """Local frame of each residue, from N, CA and C.

    Parameters
    ----------
    backbone : ndarray of shape [L, 4, 3]

    Returns
    -------
    frames : ndarray of shape [L, 3, 3]
        Rows are the axes: along CA->C, towards N within the plane, and their cross product, so
        that `frames[i] @ (point - ca[i])` are a point's local coordinates. NaN where an atom is
        absent.

    Notes
    -----
    Algorithm 21 of Jumper et al., Nature 596:583 (2021).

    Examples
    --------
    >>> frames(np.array([[[0, 2.0, 0], [0, 0, 0], [3.0, 0, 0], [0, 0, 0]]])).tolist()
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]
    """
    first = unit(backbone[:, C] - backbone[:, CA])
    towards = backbone[:, N] - backbone[:, CA]
    second = unit(towards - np.einsum("ij,ij->i", towards, first)[:, None] * first)
    return np.stack([first, second, _cross(first, second)], axis=1)


def secondary(ca: Floats) -> npt.NDArray[np.int64]:
    """Secondary structure from the Cα trace alone.

    Parameters
    ----------
    ca : ndarray of shape [L, 3]
        Å, NaN where unobserved.

    Returns
    -------
    state : ndarray of int64, shape [L]
        0 coil (and unobserved), 1 helix, 2 strand.

    Notes
    -----
    The distance criteria of P-SEA (Labesse et al., CABIOS 13:291, 1997): Cα(i) to Cα(i+2), (i+3)
    and (i+4) of 5.5 ± 0.5, 5.3 ± 0.5, 6.4 ± 0.6 Å mark a helix and 6.7 ± 0.6, 9.9 ± 0.9,
    12.4 ± 1.1 Å a strand; a window of five that fits marks its three inner residues. P-SEA's
    angles and its pairing of strands are left out.

    Examples
    --------
    >>> i = np.arange(12)
    >>> turn = np.radians(100.0) * i
    >>> helix = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * i], axis=1)
    >>> secondary(helix).tolist()
    [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    """
    if len(ca) < 5:
        return np.zeros(len(ca), dtype=np.int64)
    count = len(ca) - 4
    far = np.stack([ca[k : k + count] - ca[:count] for k in (2, 3, 4)])
    distance = np.sqrt(np.einsum("kij,kij->ki", far, far))
    fits = (abs(distance - _IDEAL) <= _MARGIN).all(axis=1)
    marked = np.zeros((2, len(ca)), dtype=np.bool_)
    for inner in (1, 2, 3):
        marked[:, inner : inner + count] |= fits
    strand, helix = marked & ~np.isnan(ca[:, 0])
    return np.where(helix, 1, np.where(strand, 2, 0))
