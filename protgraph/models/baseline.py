"""Cheap baselines that every network has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from protgraph.structure import geometry
from protgraph.structure.protein import Floats, Protein
from protgraph.structure.residues import UNKNOWN, codes

SHELLS = (5.0, 7.0, 9.0, 12.0)
"""Radii in Å around the side-chain centroid within which amino acids are counted."""

WINDOW = 7
"""Residues to each side whose letters are given as they stand."""


def window(
    protein: Protein, *, reach: int = WINDOW, at: npt.NDArray[np.int64] | None = None
) -> Floats:
    """One-hot letters of residues and their neighbours in the full sequence.

    Parameters
    ----------
    protein : Protein
    reach : int
        Residues to each side.
    at : ndarray of int64, shape [N], optional
        Positions in the full sequence; those of the observed residues if left out.

    Returns
    -------
    features : ndarray of float32, shape [N, (2 reach + 1) 20]
        Zeros beyond the ends and for X.

    Examples
    --------
    >>> protein = Protein("demo", "AC", np.zeros((2, 4, 3)))
    >>> window(protein, reach=1).shape
    (2, 60)
    """
    one_hot = np.eye(UNKNOWN + 1, dtype=np.float32)[codes(protein.sequence)][:, :UNKNOWN]
    padded = np.pad(one_hot, ((reach, reach), (0, 0)))
    length = len(protein)
    beside = [padded[k : k + length] for k in range(2 * reach + 1)]
    return np.concatenate(beside, axis=1)[protein.index if at is None else at]


def shells(protein: Protein, *, radii: Sequence[float] = SHELLS, side: bool = True) -> Floats:
    """Count the amino acids in shells around each observed residue's side chain.

    Parameters
    ----------
    protein : Protein
    radii : sequence of float
        Å.
    side : bool
        Distances between side-chain centroids (CB where there is none); False: between CB.

    Returns
    -------
    features : ndarray of float32, shape [N, 20 len(radii)]
        How many of each of the 20 amino acids lie within each radius, the residue itself left out.

    Examples
    --------
    >>> backbone = np.zeros((2, 4, 3)); backbone[1] += 3.0
    >>> shells(Protein("demo", "AC", backbone), radii=(6.0,))[0, :3].tolist()
    [0.0, 1.0, 0.0]
    """
    index = protein.index
    place = geometry.cb(protein.backbone)[index]
    if side:
        place = np.where(np.isnan(protein.side[index, :1]), place, protein.side[index])
    one_hot = np.eye(UNKNOWN + 1, dtype=np.float32)[codes(protein.sequence)[index]][:, :UNKNOWN]
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    counts = [(apart <= radius).astype(np.float32) @ one_hot for radius in radii]
    return np.concatenate(counts, axis=1)


def site_features(protein: Protein, *, structure: bool = True, side: bool = True) -> Floats:
    """Sequence window, with shells where structure is asked for: [N, 300] or [N, 380]."""
    if not structure:
        return window(protein)
    return np.concatenate([window(protein), shells(protein, side=side)], axis=1)


def boosting(
    x: Floats, y: npt.NDArray[np.int64], *, seed: int = 0
) -> HistGradientBoostingClassifier:
    """Fit gradient-boosted trees (scikit-learn's histogram form), 300 rounds at rate 0.05.

    Parameters
    ----------
    x : ndarray of shape [N, F]
    y : ndarray of int64, shape [N]
    seed : int
    """
    model = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.05, early_stopping=False, random_state=seed
    )
    return model.fit(x, y)


def composition(protein: Protein) -> Floats:
    """Share of each of the 20 amino acids and the logarithm of the length: [21].

    Examples
    --------
    >>> composition(Protein("demo", "AACX", np.zeros((4, 4, 3))))[:2].tolist()
    [0.5, 0.25]
    """
    count = np.bincount(codes(protein.sequence), minlength=UNKNOWN + 1)[:UNKNOWN]
    return np.append(count / len(protein), np.log(len(protein))).astype(np.float32)
