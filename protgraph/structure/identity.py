"""How alike two sequences are: the best local alignment, its identity and its coverage."""

from __future__ import annotations

from functools import lru_cache
from math import exp
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.residues import LETTERS

if TYPE_CHECKING:
    from Bio.Align import PairwiseAligner

OPEN, EXTEND = 11, 1
"""A gap of k letters costs `OPEN` + k `EXTEND`, the defaults of BLAST and MMseqs2."""

LAMBDA, K = 0.267, 0.041
"""Statistics of BLOSUM62 with these gaps: Altschul & Gish, Methods Enzymol 266:460 (1996)."""


class Alignment(NamedTuple):
    """The best local alignment of two sequences.

    `score` is in BLOSUM62 units; `identity` is the share of equal letters among the columns, those
    with a gap counted (X equals nothing, not even X); `first` and `second` are the shares of the
    two sequences from the first aligned letter to the last.
    """

    score: float
    identity: float
    first: float
    second: float


@lru_cache(maxsize=1)
def _aligner() -> PairwiseAligner:
    from Bio.Align import PairwiseAligner, substitution_matrices

    return PairwiseAligner(
        mode="local",
        substitution_matrix=substitution_matrices.load("BLOSUM62"),
        open_gap_score=-OPEN - EXTEND,
        extend_gap_score=-EXTEND,
    )


@lru_cache(maxsize=1)
def similarities() -> npt.NDArray[np.int16]:
    """BLOSUM62 in the order of `LETTERS`.

    Returns
    -------
    table : ndarray of int16, shape [21, 21]
        Read-only; Henikoff & Henikoff, PNAS 89:10915 (1992).

    Examples
    --------
    >>> table = similarities()
    >>> int(table[LETTERS.index("W"), LETTERS.index("W")])
    11
    """
    matrix = _aligner().substitution_matrix
    table = np.array([[matrix[a][b] for b in LETTERS] for a in LETTERS], dtype=np.int16)
    table.flags.writeable = False
    return table


def score(a: str, b: str) -> float:
    """Score the best local alignment, in half the time of `align`.

    Parameters
    ----------
    a, b : str
        Letters of `LETTERS`.

    Examples
    --------
    >>> score("MKWY", "AMKWYA")
    28.0
    """
    return float(_aligner().score(*_ordered(a, b)))


def align(a: str, b: str) -> Alignment:
    """Align two sequences locally, as Smith & Waterman with affine gaps.

    Parameters
    ----------
    a, b : str
        Letters of `LETTERS`, at least one each.

    Returns
    -------
    alignment : Alignment
        Zeros where nothing aligns. Swapping the sequences swaps the coverages and nothing else:
        of equally good alignments the same one is taken.

    Notes
    -----
    Smith & Waterman, J Mol Biol 147:195 (1981); Gotoh, J Mol Biol 162:705 (1982). The identity is
    that of MMseqs2's `--seq-id-mode 0`.

    Examples
    --------
    >>> align("MKWY", "AMKWYA")
    Alignment(score=28.0, identity=1.0, first=1.0, second=0.6666666666666666)
    """
    one, two = _ordered(a, b)
    found = _aligner().align(one, two)
    if found.score <= 0:
        return Alignment(0.0, 0.0, 0.0, 0.0)
    path = found[0].coordinates
    columns, same = 0, 0
    for k in range(path.shape[1] - 1):
        (i, j), (to_i, to_j) = path[:, k].tolist(), path[:, k + 1].tolist()
        columns += max(to_i - i, to_j - j)
        if to_i > i and to_j > j:
            same += sum(x == y != "X" for x, y in zip(one[i:to_i], two[j:to_j], strict=True))
    covers = [float(path[k, -1] - path[k, 0]) / len(s) for k, s in enumerate((one, two))]
    if (one, two) != (a, b):
        covers.reverse()
    return Alignment(float(found.score), same / columns, *covers)


def matched(a: str, b: str) -> npt.NDArray[np.int64]:
    """Places of two sequences that the best local alignment puts into one column.

    Parameters
    ----------
    a, b : str
        Letters of `LETTERS`, at least one each.

    Returns
    -------
    places : ndarray of int64, shape [2, M]
        Of `a` and of `b`, from 0; equal letters or not.

    Examples
    --------
    >>> matched("MKWYC", "AMKWYA").tolist()
    [[0, 1, 2, 3], [1, 2, 3, 4]]
    """
    found = _aligner().align(a, b)
    if found.score <= 0:
        return np.empty((2, 0), dtype=np.int64)
    blocks = np.transpose(found[0].aligned, (1, 0, 2)).tolist()
    columns = [[range(*one), range(*two)] for one, two in blocks]
    return np.array([[place for block in columns for place in block[k]] for k in (0, 1)])


def _ordered(a: str, b: str) -> tuple[str, str]:
    """The shorter first, then by letters, so that an alignment does not depend on the order."""
    return (a, b) if (len(a), a) <= (len(b), b) else (b, a)


def chance(score: float, first: int, second: int) -> float:
    """Expected number of alignments as good between two unrelated sequences of these lengths.

    Parameters
    ----------
    score : float
        In BLOSUM62 units.
    first, second : int
        Residues.

    Notes
    -----
    K m n exp(-λ S), Karlin & Altschul, PNAS 87:2264 (1990), for one pair. A search of n sequences
    expects n times as many; sequences of odd composition beat it.

    Examples
    --------
    >>> f"{chance(100, 200, 200):.1e}"
    '4.2e-09'
    """
    return K * first * second * exp(-LAMBDA * score)
