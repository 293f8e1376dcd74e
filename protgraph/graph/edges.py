"""Which residues touch: every kind of edge, each a pure function of coordinates and positions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from protgraph.structure.protein import Floats

Ints = npt.NDArray[np.int64]

KINDS = ("chain", "radius", "nearest", "contact", "interface")
"""Names of the values of `edge_type`, in order."""


DENSE = 800
"""Residues; up to so many, all distances are measured sooner than a tree finds the short ones."""

_ROWS = 64  # of distances measured at a time, few enough for the cache


def _sorted(keys: Ints, count: int) -> Ints:
    """Pairs of nodes out of their numbers source * count + target, in order: [2, E]."""
    keys.sort()
    return _pairs(keys, count)


def _pairs(keys: Ints, count: int) -> Ints:
    """Pairs of nodes out of their numbers; numpy's divmod takes twice as long."""
    pairs = np.empty((2, len(keys)), dtype=np.int64)
    np.floor_divide(keys, count, out=pairs[0])
    np.subtract(keys, pairs[0] * count, out=pairs[1])
    return pairs


def _dense(place: Floats, cutoff: float) -> npt.NDArray[np.bool_]:
    """Which residues are at most `cutoff` apart, [N, N], by |a - b|² = |a|² - 2 a·b + |b|²."""
    count = len(place)
    exact = place.astype(np.float64)
    seen = exact - exact[:1]
    square = np.einsum("ij,ij->i", seen, seen)
    source, target = np.ones((count, 5)), np.ones((5, count))
    np.multiply(seen, -2.0, out=source[:, :3])
    source[:, 3] = target[4] = square
    target[:3] = seen.T
    # Of the sums of five products; half of it is the most that rounding can add.
    limit, error = cutoff * cutoff, 8e-15 * square.max(initial=0.0)
    near, sure = np.empty((count, count), dtype=np.bool_), 0
    for row in range(0, count, _ROWS):
        rows = slice(row, row + _ROWS)
        squares = source[rows] @ target
        np.less_equal(squares, limit + error, out=near[rows])
        sure += int(np.count_nonzero(squares <= limit - error))
    if np.count_nonzero(near) != sure:  # Where rounding could decide, differences do.
        i, j = np.nonzero(near)
        near[i, j] = np.square(exact[i] - exact[j]).sum(axis=1) <= limit
    return near


def radius(place: Floats, cutoff: float) -> Ints:
    """Residue pairs at most `cutoff` apart.

    Parameters
    ----------
    place : ndarray of shape [N, 3]
        Å, finite.
    cutoff : float
        Å, positive.

    Returns
    -------
    pairs : ndarray of int64, shape [2, E]
        Both directions of every pair, sorted by source, then target.

    Raises
    ------
    ValueError
        Where the cutoff is not positive.

    Examples
    --------
    >>> radius(np.array([[0.0, 0, 0], [3.0, 0, 0], [9.0, 0, 0]]), 4.0).tolist()
    [[0, 1], [1, 0]]
    """
    if not cutoff > 0:
        raise ValueError(f"radius is a distance in Å and must be positive, got {cutoff}.")
    count = len(place)
    if count > DENSE:
        tree = cKDTree(place, balanced_tree=False, compact_nodes=False)
        i, j = tree.query_pairs(cutoff, output_type="ndarray").T
        return _sorted(np.concatenate([i * count + j, j * count + i]), count)
    near = _dense(place, cutoff)
    near.ravel()[:: count + 1] = False
    return _pairs(near.ravel().nonzero()[0], count)


def nearest(place: Floats, count: int) -> Ints:
    """The `count` nearest residues of each residue, as edges that point at it.

    Parameters
    ----------
    place : ndarray of shape [N, 3]
        Å, finite.
    count : int
        At least 1; all others where the protein has fewer.

    Returns
    -------
    pairs : ndarray of int64, shape [2, E]
        From neighbour to residue, sorted by source, then target. Not symmetric.

    Raises
    ------
    ValueError
        Where the count is below 1.

    Examples
    --------
    >>> nearest(np.array([[0.0, 0, 0], [3.0, 0, 0], [9.0, 0, 0]]), 1).tolist()
    [[0, 1, 1], [1, 0, 2]]
    """
    if count < 1:
        raise ValueError(f"nearest is a number of neighbours and must be at least 1, got {count}.")
    total = len(place)
    kept = min(count, total - 1)
    if kept < 1:
        return np.empty((2, 0), dtype=np.int64)
    found = cKDTree(place).query(place, k=kept + 1)[1].reshape(total, kept + 1)
    target = np.repeat(np.arange(total), kept + 1)
    source = found.ravel().astype(np.int64)
    other = source != target
    # Two residues in one place may crowd a residue out of its own list: keep `kept` of each.
    rank = np.cumsum(other.reshape(total, -1), axis=1).ravel()
    keep = other & (rank <= kept)
    return _sorted(source[keep] * total + target[keep], total)


def chain(residue: Ints, member: Ints, steps: int) -> Ints:
    """Neighbours along the chain, by position in the full sequence.

    Parameters
    ----------
    residue : ndarray of int64, shape [N]
        Position of each node in its full sequence, increasing within a chain.
    member : ndarray of int64, shape [N]
        Which chain a node belongs to; one chain's nodes stand together.
    steps : int
        Up to how many positions apart; 0 gives no edge.

    Returns
    -------
    pairs : ndarray of int64, shape [2, E]
        Both directions, sorted by source, then target. A gap of unobserved residues is not
        bridged by an edge shorter than the gap.

    Examples
    --------
    >>> chain(np.array([0, 1, 5]), np.array([0, 0, 0]), 2).tolist()
    [[0, 1], [1, 0]]
    """
    if steps < 0:
        raise ValueError(f"steps counts neighbours along the chain, 0 or more, got {steps}.")
    count = len(residue)
    keys = [np.empty(0, dtype=np.int64)]
    for k in range(1, min(steps, count - 1) + 1):
        near = (residue[k:] - residue[:-k] <= steps) & (member[k:] == member[:-k])
        i = np.flatnonzero(near) * (count + 1)
        keys += [i + k, i + k * count]
    return _sorted(np.concatenate(keys), count)


def shuffled(pairs: Ints, group: Ints, seed: int) -> Ints:
    """Rewire edges at random: every residue keeps how many it sends and how many it receives.

    Parameters
    ----------
    pairs : ndarray of int64, shape [2, E]
    group : ndarray of int64, shape [E]
        Edges swap targets with those of their own group; one that is alone stays.
    seed : int

    Returns
    -------
    pairs : ndarray of int64, shape [2, E]
        The same sources, the targets permuted. This is the control that tells whether a network
        uses *which* residues touch, beyond how many.

    Examples
    --------
    >>> pairs = np.array([[0, 0, 1, 2, 2], [1, 2, 0, 0, 1]])
    >>> shuffled(pairs, np.array([0, 0, 0, 0, 1]), seed=0)[:, 4].tolist()
    [2, 1]
    """
    lots = np.random.default_rng(seed).random(len(group))
    target = np.empty_like(pairs[1])
    target[np.argsort(group, kind="stable")] = pairs[1, np.lexsort((lots, group))]
    return np.stack([pairs[0], target])
