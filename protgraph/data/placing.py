"""From the residues of a chain to those of the sequence that it is a part of."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from protgraph.structure import align
from protgraph.structure.protein import Bools, Floats, Protein
from protgraph.structure.residues import UNKNOWN, codes

Ints = npt.NDArray[np.int64]

TEAR = 8
"""Equal letters that an end has at least to be believed where the chain cannot reach it."""

_ID = re.compile(r"(-?\d+)([A-Za-z]?)")


def stand(chain: Protein, sequence: str) -> tuple[Ints, float]:
    """Find where the observed residues of a chain stand in a sequence.

    Parameters
    ----------
    chain : Protein
    sequence : str
        L letters of `residues.LETTERS`.

    Returns
    -------
    places : ndarray of int64, shape [2, M]
        Residues of the sequence and those of the chain that stand on them, from 0, both rising.
    identity : float
        Share of these that have the letter of the sequence, X of either aside; 0 where none tell.

    Raises
    ------
    ValueError
        Where an observed residue has no author number.

    Notes
    -----
    The alignment is that of `structure.align.place`: gaps are where the chain breaks, and as long
    as its author numbers say where the letters leave a choice. Residues that the sequence lacks,
    such as a tag, are not placed; nor is an end with as many letters that differ as are equal, nor
    one with fewer than `TEAR` letters that the chain, at 4.5 Å a residue, does not reach.

    Examples
    --------
    >>> backbone = 2.0 * np.arange(7)[:, None, None] * np.ones((4, 3))
    >>> places, identity = stand(Protein("1abc_A", "GSMKACD", backbone), "VVVMKVCDV")
    >>> places.tolist(), identity
    ([[3, 4, 5, 6, 7], [2, 3, 4, 5, 6]], 0.8)
    """
    index, numbers = chain.index, _numbers(chain)
    broken = align.breaks(chain.backbone[index].astype(np.float64), numbers)
    found = align.place(observed(chain), sequence, broken, numbers)
    own = np.flatnonzero(~found.added)
    at = found.at[own] - np.cumsum(found.added)[own]
    seen, given = (codes(text)[where] for text, where in ((observed(chain), own), (sequence, at)))
    telling = (seen != UNKNOWN) & (given != UNKNOWN)
    same = telling & (seen == given)
    kept = _core(2 * same - telling.astype(np.int64), _torn(chain.ca[index[own]], at))
    share = float(same[kept].sum() / max(telling[kept].sum(), 1))
    return np.stack([at[kept], index[own[kept]]]), share


def place(protein: Protein, chain: Protein, places: Ints) -> Protein:
    """Put the residues of a chain on the sequence of a protein.

    Parameters
    ----------
    protein : Protein
        Gives the name and the sequence.
    chain : Protein
        Gives coordinates, author numbers, confidence and chain id.
    places : ndarray of int64, shape [2, M]
        See `Cover.places`.

    Returns
    -------
    placed : Protein
        All other residues are not observed and have no number. Where the letters differ, the
        sequence stays as given and the backbone with CB is kept, for a mutation turns it little;
        the side chain is that of another amino acid and is left out. A note names such residues.

    Raises
    ------
    ValueError
        Where a place is outside the protein or the chain, comes twice, or was not observed.

    Examples
    --------
    >>> chain = Protein("1abc_A", "MKA", np.zeros((3, 4, 3)), np.ones((3, 3)), chain="A")
    >>> made = place(Protein("a", "GMKV"), chain, np.array([[1, 2, 3], [0, 1, 2]]))
    >>> made.observed.tolist(), made.numbering, np.isnan(made.side[:, 0]).tolist(), made.notes
    ([False, True, True, True], ('', '1', '2', '3'), [True, False, False, True], \
('3 is A in 1abc_A, V in the sequence',))
    """
    at, of = places
    for one, where in ((protein, at), (chain, of)):
        steps = np.diff(where, prepend=-1, append=len(one))
        if (steps < 1).any():
            raise ValueError(
                f"{protein.name}: places on {one.name} rise within 0 to {len(one) - 1}, "
                f"got {where[max(int(steps.argmin()) - 1, 0)]}."
            )
    if not chain.observed[of].all():
        first = int(of[~chain.observed[of]][0])
        raise ValueError(f"{protein.name}: residue {first} of {chain.name} was not observed.")
    length = len(protein)
    backbone, side = np.full((length, 4, 3), np.nan), np.full((length, 3), np.nan)
    backbone[at], side[at] = chain.backbone[of], chain.side[of]
    numbering, notes, confidence = [""] * length, list(protein.notes), None
    for i, j in zip(at.tolist(), of.tolist(), strict=True):
        numbering[i] = chain.numbering[j]
        seen, given = chain.sequence[j], protein.sequence[i]
        if seen != given and "X" not in (seen, given):
            side[i] = np.nan
            notes.append(f"{numbering[i]} is {seen} in {chain.name}, {given} in the sequence")
    if chain.confidence is not None:
        confidence = np.full(length, np.nan, dtype=np.float32)
        confidence[at] = chain.confidence[of]
    return Protein(
        protein.name, protein.sequence, backbone.astype(np.float32), side.astype(np.float32),
        chain=chain.chain, numbering=tuple(numbering), confidence=confidence, notes=tuple(notes),
    )  # fmt: skip


def observed(chain: Protein) -> str:
    """Letters of the observed residues.

    Examples
    --------
    >>> observed(Protein("demo", "MKV", np.array([[[0.0] * 3] * 4, [[np.nan] * 3] * 4,
    ...     [[1.0] * 3] * 4])))
    'MV'
    """
    return "".join(np.array(list(chain.sequence))[chain.observed].tolist())


def _torn(ca: Floats, at: Ints) -> Bools:
    """Residues too far in space from the one before for as near as they stand in the sequence."""
    step = np.linalg.norm(np.diff(ca, axis=0), axis=1)
    return np.append(False, step > align.STEP * np.diff(at))


def _core(scores: Ints, torn: Bools) -> slice:
    """The best stretch of residues, the shortest of equal ones; to go over a tear costs `TEAR`."""
    sums = np.append(0, np.cumsum(np.stack([-TEAR * torn, scores], axis=1)))
    low = np.minimum.accumulate(sums)
    end = int((sums - low).argmax())
    start = int(np.flatnonzero(sums[: end + 1] == low[end])[-1])
    return slice(start // 2, end // 2)


def _numbers(chain: Protein) -> Ints:
    """Author numbers of the observed residues, as `structure.align` takes them, [N]."""
    found = []
    for i in chain.index.tolist():
        said = _ID.fullmatch(chain.numbering[i])
        if said is None:
            raise ValueError(
                f"{chain.name}: an observed residue has an author number such as 27A, "
                f"got {chain.numbering[i]!r}."
            )
        found.append(256 * int(said[1]) + ord(said[2] or " "))
    return np.array(found, dtype=np.int64)
