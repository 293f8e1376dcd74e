"""Proteins made from nothing: ideal backbones with planted sites, for demos and tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protgraph.structure.ideal import Array, Kind, fold
from protgraph.structure.protein import CA, CB, Protein
from protgraph.structure.residues import LETTERS, SCALES, UNKNOWN

METALS = "CDEH"
"""The letters a planted site is made of: those that bind metal ions in nature."""

_SITES = ("CCC", "CCH", "CHH", "HHH", "HHE", "HHD", "HDE", "CHD")

NEAR, FAR = 8.0, 6
"""A site: side centroids within 8 Å of each other, 6 or more residues apart in sequence."""

# Mean CA to side centroid distance in Å, measured on 508 human PDB chains (1,900 or more of each).
_REACH = {
    "A": 1.52, "C": 2.07, "D": 2.48, "E": 3.12, "F": 3.41, "G": np.nan, "H": 3.16, "I": 2.31,
    "K": 3.56, "L": 2.62, "M": 2.95, "N": 2.49, "P": 1.88, "Q": 3.11, "R": 4.16, "S": 1.90,
    "T": 1.94, "V": 1.96, "W": 3.88, "Y": 3.78,
}  # fmt: skip

# Composition of Swiss-Prot in percent (UniProt release statistics), in the order of LETTERS.
_COMPOSITION = np.array(
    [8.25, 1.38, 5.46, 6.71, 3.86, 7.07, 2.27, 5.90, 5.80, 9.65,
     2.41, 4.06, 4.74, 3.93, 5.53, 6.65, 5.36, 6.85, 1.10, 2.92]
)  # fmt: skip
_AMINO = np.array(list(LETTERS[:UNKNOWN]))


def protein(
    seed: int, *, kind: Kind = "helices", length: int | None = None, name: str | None = None
) -> Protein:
    """Make one protein; the same seed makes the same one.

    Parameters
    ----------
    seed : int
    kind : {"helices", "strands", "mixed"}
        A bundle of helices, two packed sheets, or a sheet with helices on it.
    length : int, optional
        Residues, 60 to 200; drawn from 60 to 120 if left out.
    name : str, optional
        "helices-<seed>" and the like if left out.

    Returns
    -------
    protein : Protein
        Its note names the planted site.

    Raises
    ------
    ValueError
        Where `kind` or `length` is not one of those above.

    Notes
    -----
    The backbone is that of `ideal.fold`. Side centroids lie along CA->CB, at the mean distance of
    the residue type: rotamers are left out. Letters follow the composition of Swiss-Prot times
    the helix and strand propensities of `residues.SCALES`; residues of positive φ are glycine.

    Examples
    --------
    >>> made = protein(0, length=60)
    >>> made.name, len(made), bool(made.observed.all())
    ('helices-0', 60, True)
    """
    return _make(np.random.default_rng(seed), kind, length, name or f"{kind}-{seed}")[0]


def dataset(n: int, *, seed: int = 0) -> list[tuple[Protein, npt.NDArray[np.float32]]]:
    """Make `n` proteins, the kinds by turn, and say which residues are the site.

    Parameters
    ----------
    n : int
    seed : int

    Returns
    -------
    examples : list of (Protein, ndarray of shape [L])
        1 at the three residues of the planted site, else 0. Of all C, D, E and H these are the
        ones with two others near in space and far in sequence (`NEAR`, `FAR`). The same letters
        stand elsewhere too, alone and in pairs, so they do not tell by themselves.

    Raises
    ------
    ValueError
        If `n` is negative.

    Examples
    --------
    >>> [(made.name, int(y.sum())) for made, y in dataset(2)]
    [('helices-0-0', 3), ('strands-0-1', 3)]
    """
    if n < 0:
        raise ValueError(f"n is a number of proteins and must not be negative, got {n}.")
    kinds: tuple[Kind, ...] = ("helices", "strands", "mixed")
    return [
        _make(np.random.default_rng([seed, i]), kinds[i % 3], None, f"{kinds[i % 3]}-{seed}-{i}")
        for i in range(n)
    ]


def _make(
    rng: np.random.Generator, kind: Kind, length: int | None, name: str
) -> tuple[Protein, npt.NDArray[np.float32]]:
    length = int(rng.integers(60, 121)) if length is None else length
    if not 60 <= length <= 200:
        raise ValueError(f"{name}: a synthetic protein has 60 to 200 residues, got {length}.")
    for _ in range(50):
        made = fold(kind, length, rng)
        if made is None:
            continue
        backbone, torsions, states = made
        letters = _letters(torsions, states, rng)
        site = _plant(backbone, letters, rng)
        if site is not None:
            break
    else:
        raise RuntimeError(
            f"{name}: no fold of {length} residues with room for a site in 50 attempts."
        )
    side = _side(backbone, letters)
    backbone[letters == "G", CB] = np.nan
    y = np.zeros(length, dtype=np.float32)
    y[site] = 1
    note = "planted site " + " ".join(f"{letters[i]}{i + 1}" for i in site)
    whole = Protein(name, "".join(letters), backbone.astype(np.float32), side, notes=(note,))
    return whole, y


def _letters(torsions: Array, states: str, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    """Draw letters [L] by composition, helix and strand propensity; positive φ is glycine's."""
    helix, strand = (np.array([SCALES[s][a] for a in _AMINO]) for s in ("helix", "strand"))
    weights = {"L": _COMPOSITION, "H": _COMPOSITION * np.exp(-helix / 0.593)}  # RT at 298 K
    weights["E"] = _COMPOSITION * strand
    letters = np.empty(len(states), dtype="<U1")
    for state, weight in weights.items():
        here = np.array([s == state for s in states])
        letters[here] = rng.choice(_AMINO, size=here.sum(), p=weight / weight.sum())
    letters[torsions[:, 0] > 0] = "G"
    return letters


def _side(backbone: Array, letters: npt.NDArray[np.str_]) -> npt.NDArray[np.float32]:
    """Side centroids [L, 3]: along CA->CB at the mean distance of the letter."""
    along = backbone[:, CB] - backbone[:, CA]
    reach = np.array([_REACH[a] for a in letters]) / np.linalg.norm(along, axis=1)
    side: npt.NDArray[np.float32] = (backbone[:, CA] + reach[:, None] * along).astype(np.float32)
    return side


def _near(backbone: Array, letters: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
    """Pairs [L, L] of metal letters that are near in space and far in sequence."""
    side, at = _side(backbone, letters), np.arange(len(letters))
    near = np.linalg.norm(side[:, None] - side, axis=-1) <= NEAR
    metal = np.isin(letters, list(METALS))
    pairs: npt.NDArray[np.bool_] = near & (abs(at - at[:, None]) >= FAR) & metal & metal[:, None]
    return pairs


def _partnered(backbone: Array, letters: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """Residues with two partners or more."""
    return np.flatnonzero(_near(backbone, letters).sum(axis=1) >= 2)


def _plant(
    backbone: Array, letters: npt.NDArray[np.str_], rng: np.random.Generator
) -> npt.NDArray[np.int64] | None:
    """Write a site and its decoys into `letters`; the site's places [3], None without room."""
    able = letters != "G"
    near = np.triu(_near(backbone, np.where(able, "D", letters)))
    one, two = np.nonzero(near)
    pair, three = np.nonzero(near[one] & near[two])
    if not len(pair):
        return None
    room = np.stack([one[pair], two[pair], three], axis=1)
    site: npt.NDArray[np.int64] = rng.choice(room)
    letters[site] = rng.permutation(list(rng.choice(_SITES)))
    others = np.setdiff1d(_partnered(backbone, letters), site)
    while len(others):
        letters[rng.choice(others)] = rng.choice(list("KNQST"))
        others = np.setdiff1d(_partnered(backbone, letters), site)
    # Decoys where a site could be: three letters alone, and three with a second one beside them.
    for count, at in enumerate(rng.permutation(np.setdiff1d(room, site))[:6]):
        places = [at] if count < 3 else [at, at + rng.integers(1, FAR)]
        places = [i for i in places if i < len(able) and able[i] and i not in site]
        trial = letters.copy()
        trial[places] = rng.choice(list(METALS), size=len(places))
        if np.isin(_partnered(backbone, trial), site).all():
            letters[:] = trial
    # The side chains of the letters drawn may reach less far than the aspartates of `room`.
    return site if _near(backbone, letters)[np.ix_(site, site)].sum() == 6 else None
