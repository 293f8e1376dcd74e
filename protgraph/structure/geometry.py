"""Distances, angles and frames of a backbone; rotation turns frames and changes nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protgraph.structure.protein import CA, CB

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
    """Cross product of two arrays [3, L]; numpy's own takes five times as long on short ones."""
    crossed: Floats = a.take(_YZX, 0)
    crossed *= b.take(_ZXY, 0)
    crossed -= a.take(_ZXY, 0) * b.take(_YZX, 0)
    return crossed


def _dot(a: Floats, b: Floats) -> Floats:
    """Dot product of two arrays [3, L]."""
    dots: Floats = np.einsum("ji,ji->i", a, b)
    return dots


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
    n, ca, c = backbone[:, :CB].transpose(1, 2, 0)
    b, c = ca - n, c - ca
    placed: Floats = -0.58273431 * _cross(b, c) + 0.56802827 * b - 0.54067466 * c
    placed += ca
    return placed.T


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
    path = np.ascontiguousarray(backbone[:, :CB].reshape(-1, 3).T)  # N, CA, C, N, CA, C, ...
    bonds = path[:, 1:] - path[:, :-1]
    normals = _cross(bonds[:, :-1], bonds[:, 1:])
    squares = _dot(bonds, bonds)
    y = _dot(bonds[:, :-2], normals[:, 1:]) * np.sqrt(squares[1:-1])
    x = _dot(normals[:, :-1], normals[:, 1:])
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
    n, ca, c = np.ascontiguousarray(backbone[:, :CB].transpose(1, 2, 0))
    axes = np.empty((3, 3, len(backbone)), dtype=backbone.dtype)
    first, second, third = axes
    np.subtract(c, ca, out=first)
    np.subtract(n, ca, out=second)
    with np.errstate(invalid="ignore", divide="ignore"):
        first /= np.sqrt(_dot(first, first))
        second -= _dot(second, first) * first
        second /= np.sqrt(_dot(second, second))
    third[:] = _cross(first, second)
    return axes.transpose(2, 0, 1)


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
    place = np.ascontiguousarray(ca.T)
    far = np.empty((3, 3, count), dtype=place.dtype)
    for k in (2, 3, 4):
        np.subtract(place[:, k : k + count], place[:, :count], out=far[:, k - 2])
    distance = np.sqrt(np.einsum("jki,jki->ki", far, far))
    one, two, three = (abs(distance - _IDEAL) <= _MARGIN).transpose(1, 0, 2)
    fits = one & two & three
    marked = np.zeros((2, len(ca)), dtype=np.bool_)
    for inner in (1, 2, 3):
        marked[:, inner : inner + count] |= fits
    state = np.zeros(len(ca), dtype=np.int64)
    state[marked[0]] = 2
    state[marked[1]] = 1
    state[np.isnan(place[0])] = 0
    return state
