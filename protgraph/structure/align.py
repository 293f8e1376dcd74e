"""Where the residues of a chain stand in its full sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.atoms import Doubles, Ints
from protgraph.structure.protein import CA, Bools

STEP = 4.5
"""Longest distance, in Å, between the Cα atoms of neighbours in a chain (3.8 Å, and room)."""

LONGEST = 30
"""Most letters X that stand for one gap in the numbering."""

MATCH, MISMATCH = 2.0, -2.0
GAP = 10.0
"""Cost of a gap where the chain is unbroken; at a break and at the ends a gap is free."""
OPEN, EXTEND = 4.0, 1.0
"""Cost of observed residues that the full sequence lacks, such as a purification tag."""
NUMBERED = 0.5
"""Bonus for a gap as long as the numbering says: it decides between equal letters."""


class Place(NamedTuple):
    """Where n observed residues stand in a sequence of L letters.

    `sequence` is the full one with the observed residues that it lacked put in, `at` [n] the
    positions, `added` [n] tells the residues put in, `identity` is the share of observed
    residues (X aside) that have the letter of the full sequence.
    """

    sequence: str
    at: Ints
    added: Bools
    identity: float


def breaks(backbone: Doubles, numbers: Ints) -> Bools:
    """Neighbours between which residues may be missing, [n - 1].

    Those whose Cα atoms are more than `STEP` apart (or absent), or whose author numbers jump.

    Examples
    --------
    >>> backbone = np.zeros((3, 4, 3)); backbone[2, CA] = [9.0, 0.0, 0.0]
    >>> breaks(backbone, 256 * np.array([1, 2, 3])).tolist()
    [False, True]
    """
    step = np.linalg.norm(np.diff(backbone[:, CA], axis=0), axis=1)
    broken: Bools = ~(step <= STEP) | (np.diff(numbers >> 8) > 1)
    return broken


def missing(backbone: Doubles, numbers: Ints) -> Ints:
    """Residues missing after each residue by its number, at most `LONGEST`, [n - 1].

    Examples
    --------
    >>> backbone = np.zeros((3, 4, 3)); backbone[2, CA] = [9.0, 0.0, 0.0]
    >>> missing(backbone, 256 * np.array([1, 5, 8])).tolist()
    [0, 2]
    """
    number = numbers >> 8
    count: Ints = number[1:] - number[:-1] - 1
    found = np.zeros(len(count), dtype=np.int64)
    gaps = (count > 0).nonzero()[0]
    if len(gaps):
        apart = backbone[gaps + 1, CA] - backbone[gaps, CA]
        gaps = gaps[~(np.sqrt((apart * apart).sum(axis=1)) <= STEP)]
        found[gaps] = np.minimum(count[gaps], LONGEST)
    return found


def place(observed: str, full: str, broken: Bools, numbers: Ints) -> Place:
    """Align the observed residues to the full sequence, with gaps only where the chain breaks.

    The global alignment of Gotoh, J Mol Biol 162:705 (1982), with free gaps at the ends, where
    the cost of leaving out residues of the full sequence depends on the place: nothing at a
    break of the chain, `GAP` elsewhere. Where the author numbers alone fit exactly, they decide.

    Parameters
    ----------
    observed, full : str
        One-letter codes, n and m of them; X fits anything.
    broken : ndarray of bool, shape [n - 1]
        Where the chain breaks, see `breaks`.
    numbers : ndarray of int, shape [n]
        Packed author ids.

    Examples
    --------
    >>> found = place("MKWY", "MKVVLWY", np.array([False, True, False]), 256 * np.arange(4))
    >>> found.at.tolist(), found.identity
    ([0, 1, 5, 6], 1.0)
    """
    at = _by_number(observed, full, numbers)
    anchors = at
    if at is None:
        at, anchors = _aligned(observed, full, broken, numbers)
    assert anchors is not None
    added = at < 0
    seen, whole = _array(observed), _array(full)
    same = seen[~added] == whole[at[~added]]
    telling = (seen[~added] != "X") & (whole[at[~added]] != "X")
    counted = int(telling.sum() + added.sum())
    before: Ints = np.cumsum(added) - added
    return Place(
        sequence="".join(np.insert(whole, anchors[added], seen[added]).tolist()),
        at=anchors + before,
        added=added,
        identity=float((same & telling).sum() / counted) if counted else 1.0,
    )


def _array(letters: str) -> npt.NDArray[np.str_]:
    return np.array(list(letters), dtype="U1")


def _by_number(observed: str, full: str, numbers: Ints) -> Ints | None:
    """Positions by number alone, up to a shift, where every letter then fits; else None."""
    steps = (numbers >> 8) - (numbers[0] >> 8)
    span = int(steps[-1]) + 1
    if (np.diff(steps) <= 0).any() or span > len(full):
        return None
    seen, whole = _array(observed), _array(full)
    for shift in np.flatnonzero(whole[: len(full) - span + 1] == seen[0]).tolist():
        if (whole[steps + shift] == seen).all():
            positions: Ints = steps + shift
            return positions
    return None


def _aligned(observed: str, full: str, broken: Bools, numbers: Ints) -> tuple[Ints, Ints]:
    """Position of every observed residue, -1 if it has none, and before which position it is."""
    n, m = len(observed), len(full)
    seen, whole = _array(observed), _array(full)
    skipped = np.diff(numbers >> 8) - 1
    source = np.zeros((n, m + 1), dtype=np.int32)  # where the gap before a residue begins
    fit = np.zeros((n, m + 1), dtype=bool)  # the residue stands on a letter of the full sequence
    more = np.zeros((n, m + 1), dtype=bool)  # it is added to one that was added
    ready, adding = np.zeros(m + 1), np.full(m + 1, -np.inf)
    for i in range(n):
        fits = np.full(m + 1, -np.inf)
        fits[1:] = ready[:-1] + np.where(whole == seen[i], MATCH, MISMATCH)
        if seen[i] == "X":
            fits[1:] = ready[:-1]
        more[i] = adding - EXTEND > ready - OPEN
        adding = np.maximum(adding - EXTEND, ready - OPEN)
        fit[i] = fits >= adding
        best = np.maximum(fits, adding)
        if i + 1 < n:
            ready, source[i + 1] = _gapped(best, bool(broken[i]), int(skipped[i]))
    at, anchors = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    j, joined = int(best.argmax()), False
    for i in reversed(range(n)):
        fitted = bool(fit[i, j]) and not joined
        j -= fitted
        at[i], anchors[i] = (j if fitted else -1), j
        joined = bool(more[i, j]) and not fitted
        if not joined:
            j = int(source[i, j])
    return at, anchors


def _gapped(best: Doubles, broken: bool, skipped: int) -> tuple[Doubles, Ints]:
    """Best score with a gap allowed before each position, and where that gap begins, [m + 1]."""
    here = np.arange(len(best))
    run = np.maximum.accumulate(best)
    start = np.maximum.accumulate(np.where(best == run, here, 0))
    score = run if broken else run - GAP
    open_ = score > best
    ready, source = np.where(open_, score, best), np.where(open_, start, here)
    if broken and 0 <= skipped < len(best):
        counted = np.full(len(best), -np.inf)
        counted[skipped:] = best[: len(best) - skipped] + NUMBERED
        better = counted > ready
        ready, source = np.where(better, counted, ready), np.where(better, here - skipped, source)
    return ready, source
