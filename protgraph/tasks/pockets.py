"""Sites in space: residues that lie together are one site, and a few guesses may find it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from protgraph.tasks.labels import Floats, Undefined, binary

NEAR = 4.0
"""Å; how far from a site the centre of a cluster that finds it may be, as P2Rank's DCA."""


class Cluster(NamedTuple):
    """Residues that lie together.

    Parameters
    ----------
    residues : ndarray of int64
        Rows of the coordinates, rising.
    centre : ndarray of shape [3]
        Mean of their coordinates, in Å.
    score : float
        Sum of their squared scores.

    Examples
    --------
    >>> Cluster(np.array([3, 7]), np.zeros(3), 1.25).residues.tolist()
    [3, 7]
    """

    residues: npt.NDArray[np.int64]
    centre: Floats
    score: float


def clusters(
    place: npt.ArrayLike, scores: npt.ArrayLike, *, threshold: float = 0.5, radius: float = 8.0
) -> list[Cluster]:
    """Sites of one protein: residues that reach a threshold, joined where they are near.

    Parameters
    ----------
    place : array_like of shape [N, 3]
        One point a residue in Å, such as the centroid of its side chain.
    scores : array_like of shape [N]
    threshold : float
        Above 0. A residue that scores at or above it is in a cluster.
    radius : float
        Å, above 0. Two such residues no farther apart are in one cluster, and so are those that a
        chain of such steps joins (single linkage). A residue near no other is a cluster alone.

    Returns
    -------
    clusters : list of Cluster
        The best score first; of equal scores that of the first residue. Empty where no residue
        reaches the threshold.

    Raises
    ------
    ValueError
        Where a shape is wrong, a coordinate or score is not finite, or a number is not above 0.

    Notes
    -----
    P2Rank (Krivák & Hoksza, J Cheminform 10:39, 2018) joins points of the solvent-accessible
    surface within 3 Å by single linkage and ranks pockets by the sum of squared scores of their
    points, so that a few sure points outweigh many doubtful ones. Residues lie wider apart: on
    real chains the number of sites hardly changes with radii of 7 to 9 Å between side-chain
    centroids of residues that bind zinc (1.8 to 1.7 a chain), where 5 Å splits them (2.5). P2Rank
    also drops clusters of fewer than 3 points and adds the points around; neither is done here.

    Examples
    --------
    >>> place = [[0, 0, 0], [6, 0, 0], [12, 0, 0], [40, 0, 0], [41, 0, 0]]
    >>> found = clusters(place, [.5, .5, .5, 1.0, .1])
    >>> [(one.residues.tolist(), one.score) for one in found]
    [([3], 1.0), ([0, 1, 2], 0.75)]
    """
    at, s = np.asarray(place, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    _check("clusters", at, s, threshold, radius)
    rows = np.flatnonzero(s >= threshold)
    found = [
        # fsum, so that the order of residues cannot part two equal scores.
        Cluster(one, at[one].mean(axis=0), math.fsum(s[one] ** 2))
        for one in _joined(at[rows], rows, radius)
    ]
    return sorted(found, key=lambda one: (-one.score, one.residues[0]))


def top_recall(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    place: npt.ArrayLike,
    owner: npt.ArrayLike,
    *,
    extra: int = 0,
    threshold: float = 0.5,
    radius: float = 8.0,
) -> float:
    """Share of true sites that the best N + `extra` predicted ones find, over many proteins.

    Parameters
    ----------
    y_true : array_like of shape [N]
        1 for residues that bind, 0 for others, NaN for unknown: those are left out.
    y_score : array_like of shape [N]
    place : array_like of shape [N, 3]
        One point a residue in Å, such as the centroid of its side chain.
    owner : array_like of shape [N]
        The protein of each residue: numbers or names.
    extra : int
        0 for "top N", 2 for "top N + 2", N being the number of true sites of the protein.
    threshold, radius : float
        As `clusters`, which makes predicted sites of the scores and true ones of the labels.

    Returns
    -------
    recall : float
        Found true sites of all proteins over all of their true sites. A site is found where the
        centre of one of the best N + `extra` clusters is at most 4 Å from one of the site's
        residue points or from their centre. One cluster may find several sites. Clusters of equal
        score enter together: a cluster is among the best n where n at most, itself included,
        score as high as it does. A protein without a true site does not count; one without a
        residue at the threshold finds nothing.

    Raises
    ------
    ValueError
        As `clusters`, where `extra` is negative or a label is another number; `Undefined` where
        no protein has a true site.

    Notes
    -----
    Krivák & Hoksza, J Cheminform 10:39 (2018), count a ligand as found where the centre of a
    pocket is at most 4 Å from any of its atoms (DCA). Without the ligand, its site stands for it:
    the residues and, since they lie around what they bind, their centre. Of the sites of ATP on
    real chains a fifth have a centre farther than 4 Å from all their residues' points, and
    would be missed by a perfect prediction without it. Numbers are not comparable with those of
    P2Rank: sites here are clusters, one for two ligands side by side, two for a ligand held by
    two groups of residues that lie apart.

    Examples
    --------
    >>> place = [[0, 0, 0], [6, 0, 0], [40, 0, 0], [46, 0, 0]]
    >>> y, s, owner = [1, 1, 0, 0], [.6, .6, .9, .9], ["1abc"] * 4
    >>> top_recall(y, s, place, owner), top_recall(y, s, place, owner, extra=2)
    (0.0, 1.0)
    """
    if extra < 0:
        raise ValueError(f"top_recall: extra is 0 or more, got {extra}.")
    y, s = binary("top_recall", y_true, y_score, both=False)
    told = ~np.isnan(np.asarray(y_true, dtype=np.float64))
    at, whose = np.asarray(place, dtype=np.float64), np.asarray(owner)
    if at.shape != (len(told), 3) or whose.shape != told.shape:
        raise ValueError(
            f"top_recall: {len(told)} labels need points [{len(told)}, 3] and as many owners, "
            f"got {list(at.shape)} and {list(whose.shape)}."
        )
    at, whose = at[told], np.unique(whose[told], return_inverse=True)[1]
    _check("top_recall", at, s, threshold, radius)
    order = np.argsort(whose, kind="stable")
    found = sites = 0
    for rows in np.split(order, np.flatnonzero(np.diff(whose[order])) + 1):
        true = clusters(at[rows], y[rows], radius=radius)
        if true:
            said = clusters(at[rows], s[rows], threshold=threshold, radius=radius)
            centres = _best(said, len(true) + extra)
            sites += len(true)
            found += sum(_near(centres, at[rows][one.residues], one.centre) for one in true)
    if not sites:
        raise Undefined(f"top_recall: a residue that binds is needed, got none of {len(y)}.")
    return found / sites


def _check(name: str, at: Floats, s: Floats, threshold: float, radius: float) -> None:
    if s.ndim != 1 or at.shape != (len(s), 3):
        raise ValueError(
            f"{name}: {len(s)} scores [N] need points [N, 3], "
            f"got {list(s.shape)} and {list(at.shape)}."
        )
    for what, values in (("coordinates", at), ("scores", s)):
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise ValueError(f"{name}: {what} are finite, got {bad} that are not.")
    for what, number in (("threshold", threshold), ("radius", radius)):
        if not 0 < number < math.inf:
            raise ValueError(f"{name}: {what} is a number above 0, got {number}.")


def _joined(at: Floats, rows: npt.NDArray[np.int64], radius: float) -> list[npt.NDArray[np.int64]]:
    """Rows in groups: single linkage within the radius."""
    if not len(rows):
        return []
    pairs = cKDTree(at).query_pairs(radius, output_type="ndarray")
    near = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(rows), len(rows)))
    count, group = connected_components(near, directed=False)
    return [rows[group == one] for one in range(count)]


def _best(said: list[Cluster], n: int) -> Floats:
    """Centres of the best n clusters; those that tie across the end stay out."""
    if len(said) > n:
        said = [one for one in said if one.score > said[n].score]
    return np.array([one.centre for one in said]).reshape(-1, 3)


def _near(centres: Floats, points: Floats, centre: Floats) -> bool:
    """Whether a centre is at most `NEAR` from a site's points or its own centre."""
    site = np.vstack([points, centre])
    return bool((np.linalg.norm(centres[:, None] - site[None], axis=2) <= NEAR).any())
