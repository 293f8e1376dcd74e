"""Which sequences may be relatives: letters shared on a diagonal, before anything is aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from protgraph.structure.identity import similarities
from protgraph.structure.residues import UNKNOWN, codes

Ints = npt.NDArray[np.int32]

SEEDS = ((0, 1, 2), (0, 1, 3), (0, 3, 4), (0, 4, 6))
"""Places of three letters that are equal in both sequences; spaced seeds survive mutations that
words do not (Ma, Tromp & Li, Bioinformatics 18:440, 2002)."""

HITS = 3
"""Seeds that two sequences share on one diagonal before it is looked at."""

NOISE = 12
"""What a diagonal scores by chance; only what is above counts."""

BAND = 12
"""Diagonals to each side whose scores are added: what gaps have cut into pieces."""

BEFORE, WINDOW, APART = 12, 32, 20
"""Diagonals are first scored in windows of `WINDOW` letters that begin `BEFORE` letters before a
seed, one for every `APART` letters."""

SLACK = 16
"""How far below the least score the sum over windows may be; above, whole diagonals are scored."""

SPARE = 20
"""So many times the targets that are asked for are scored whole, those with the best windows."""

BLOCK = 4096
"""Diagonals that are scored at once."""

USUAL, THOROUGH = 52, 44
"""Least score of a candidate in BLOSUM62 units: to make clusters, and to check them."""


@dataclass(frozen=True, eq=False)
class Index:
    """Sequences, and where each seed stands in them.

    The letters stand in one row with room between the sequences, `starts` [B] tells where each
    begins. `tables` has, for each seed, the bounds of its words and the places of their first
    letters.
    """

    letters: npt.NDArray[np.uint8] = field(repr=False)
    starts: Ints
    tables: tuple[tuple[npt.NDArray[np.int64], Ints], ...] = field(repr=False)
    longest: int


def index(sequences: Sequence[str], *, longest: int) -> Index:
    """Note where each seed stands.

    Parameters
    ----------
    sequences : sequence of str
        B of them, at least one.
    longest : int
        Length of the longest sequence that will be looked up.

    Raises
    ------
    ValueError
        Where B times `longest` and all letters are more than 2^31.

    Examples
    --------
    >>> index(["MKWY", "ACD"], longest=4).starts.tolist()
    [44, 92]
    """
    # A band around a diagonal of one sequence reaches none of the next.
    room = max(longest, WINDOW) + BAND
    ends = list(accumulate((len(s) + room for s in sequences), initial=room))
    if ends[-1] >= 2**31:
        raise ValueError(
            f"index: room for 2^31 letters, but {len(sequences)} sequences with {longest} between "
            f"them take {ends[-1]}. MMseqs2 has no such limit."
        )
    starts = np.array(ends[:-1], dtype=np.int32)
    letters = np.full(ends[-1], UNKNOWN, dtype=np.uint8)
    for sequence, start in zip(sequences, ends, strict=False):
        letters[start : start + len(sequence)] = codes(sequence)
    # Words are sought in a row with less room, just so much that no word is of two sequences.
    gap = max(seed[-1] for seed in SEEDS)
    close = codes(("X" * gap).join(sequences)).astype(np.uint8)
    lengths = np.array([len(sequence) + gap for sequence in sequences])
    shifts = np.repeat((starts - np.cumsum(lengths) + lengths).astype(np.int32), lengths)
    tables = []
    for seed in SEEDS:
        found, places = words(close, seed)
        order = np.argsort(found.astype(np.int16), kind="stable")  # numbers of 16 bits sort fast
        counts = np.bincount(found, minlength=UNKNOWN ** len(seed))
        places = places[order]
        tables.append((np.append(0, np.cumsum(counts)), shifts[places] + places.astype(np.int32)))
    return Index(letters, starts, tuple(tables), longest)


def words(
    letters: npt.NDArray[np.uint8], seed: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find the words of a sequence.

    Parameters
    ----------
    letters : ndarray of uint8, shape [L]
        Codes of `residues.LETTERS`.
    seed : tuple of int
        Places of the K letters of a word, the first 0.

    Returns
    -------
    words, places : ndarray of int64, shape [W]
        Number of each word without X, in base 20 its letters, and the place of its first one.

    Examples
    --------
    >>> [found.tolist() for found in words(np.array([0, 2, 1, 20, 3], dtype=np.uint8), (0, 2))]
    [[1, 23], [0, 2]]
    """
    count = max(len(letters) - seed[-1], 0)
    word, known = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
    for step in seed:
        letter = letters[step : step + count]
        word = word * UNKNOWN + letter  # UNKNOWN is 20, the number of amino acids
        known &= letter < UNKNOWN
    places = np.flatnonzero(known)
    return word[places], places


def candidates(
    sequence: str, index: Index, *, least: float = USUAL, most: int | None = None
) -> tuple[Ints, Ints]:
    """Sequences of the index that may be relatives.

    Parameters
    ----------
    sequence : str
        At most `index.longest` letters.
    index : Index
    least : float
        Least score.
    most : int, optional
        Only so many, the best. Faster: of a large index, `SPARE` times as many are scored whole.

    Returns
    -------
    targets, scores : ndarray of int32, shape [K]
        Places in the index, the best first and equal ones in the order of the index. Whether a
        sequence is among them depends, without `most`, on the two sequences alone, and not on
        which is looked up.

    Notes
    -----
    Three seeds on one diagonal, then the best ungapped segment on it, as BLAST (Altschul et al.,
    Nucleic Acids Res 25:3389, 1997) and MMseqs2 do; the seeds here are of equal letters. Windows
    around the seeds tell first which targets may reach `least`; whole diagonals of the others,
    most of them, are not looked at.

    Measured on 900 PDB chains, all 404,550 pairs aligned: of 463 pairs of relatives (30 %
    identity, half of one covered) `USUAL` and `THOROUGH` find 461 (`benchmarks/test_cluster.py`).
    The numbers here were chosen on chains of the same kind, some of them the same ones.

    Examples
    --------
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> targets, scores = candidates(chain[3:], index([chain, "ACDEFGHIKL"], longest=40))
    >>> targets.tolist(), scores.tolist()
    ([0], [158])
    """
    if len(sequence) > index.longest:
        raise ValueError(
            f"candidates: the index has room for {index.longest} letters, got {len(sequence)}."
        )
    query = codes(sequence).astype(np.uint8)
    diagonals, own = _diagonals(query, index)
    places = np.searchsorted(index.starts, diagonals + len(query) - 1, side="right") - 1
    scores = _windows(query, diagonals, own, index.letters)
    best = _best(places, diagonals, scores, len(index.starts))
    floor = least - SLACK
    if most is not None and SPARE * most < len(best):
        floor = max(floor, np.partition(best, -SPARE * most)[-SPARE * most])
    chosen = (best[places] >= floor) & (np.diff(diagonals, prepend=-1) != 0)
    diagonals, places = diagonals[chosen], places[chosen]
    scores = _ungapped(query, diagonals, index.letters)
    best = _best(places, diagonals, scores, len(index.starts))
    order = np.argsort(-best, kind="stable")
    order = order[: int((best >= least).sum())][:most]
    return order.astype(np.int32), best[order]


def _best(places: npt.NDArray[np.int64], diagonals: Ints, scores: Ints, count: int) -> Ints:
    """Sum scores over near diagonals, and take the best sum of each of `count` targets."""
    above = scores > NOISE
    places, diagonals, scores = places[above], diagonals[above], scores[above] - NOISE
    sums = np.append(0, np.cumsum(scores, dtype=np.int64))
    high = np.searchsorted(diagonals, diagonals + BAND, side="right")
    low = np.searchsorted(diagonals, diagonals - BAND, side="left")
    best = np.zeros(count, dtype=np.int32)
    np.maximum.at(best, places, (sums[high] - sums[low] + NOISE).astype(np.int32))
    return best


def _diagonals(query: npt.NDArray[np.uint8], index: Index) -> tuple[Ints, Ints]:
    """Diagonals with `HITS` seeds, sorted, each with places of seeds in the query, `APART` or more.

    A diagonal is named by the place where the query's first letter would stand.
    """
    bits = len(query).bit_length()
    found, owns, counts = [np.empty(0, dtype=np.int32)], [], []
    for seed, (bounds, places) in zip(SEEDS, index.tables, strict=True):
        seen, own = words(query, seed)
        low, high = bounds[seen], bounds[seen + 1]
        found += [places[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)]
        owns.append(own)
        counts.append(high - low)
    # diagonal << bits | own, where the diagonal is place - own
    hits = np.concatenate(found, dtype=np.int64)
    hits <<= bits
    hits -= np.repeat(np.concatenate(owns) * (2**bits - 1), np.concatenate(counts))
    hits.sort()
    hits = hits[: 1 - HITS][hits[HITS - 1 :] ^ hits[: 1 - HITS] < 2**bits]
    rows = hits >> bits
    own = hits & (2**bits - 1)
    new = np.diff(rows, prepend=-1) != 0
    first = np.maximum.accumulate(np.where(new, np.arange(len(own)), 0))
    new |= np.diff((own - own[first]) // APART, prepend=0) != 0
    return rows[new].astype(np.int32), own[new].astype(np.int32)


def _windows(
    query: npt.NDArray[np.uint8], diagonals: Ints, own: Ints, letters: npt.NDArray[np.uint8]
) -> Ints:
    """Score of the best segment without gaps in the window of each seed at `own` in the query."""
    table = similarities().astype(np.int16)
    padded = np.pad(query, (BEFORE, WINDOW), constant_values=UNKNOWN)
    profile, width = table[padded].ravel(), len(table)
    best = np.zeros(len(own), dtype=np.int16)
    for start in range(0, len(own), BLOCK):
        part = best[start : start + BLOCK]
        at = own[start : start + BLOCK].astype(np.int64) * width  # BEFORE letters before own
        beside = (diagonals[start : start + BLOCK] + own[start : start + BLOCK]).astype(np.int64)
        beside -= BEFORE
        run, none = np.zeros((2, len(part)), dtype=np.int16)
        for _ in range(WINDOW):
            np.add(run, profile.take(at + letters.take(beside)), out=run)
            np.maximum(run, none, out=run)
            np.maximum(part, run, out=part)
            at += width
            beside += 1
    return best.astype(np.int32)


def _ungapped(
    query: npt.NDArray[np.uint8], diagonals: Ints, letters: npt.NDArray[np.uint8]
) -> Ints:
    """Score of the best segment without gaps on each diagonal."""
    table = similarities()
    width = np.int16 if int(table.max()) * len(query) < 2**15 else np.int32
    best = np.zeros(len(diagonals), dtype=width)
    tables = [row.tobytes().ljust(256, b"\0") for row in table.astype(np.int8)]
    windows = np.lib.stride_tricks.sliding_window_view(letters, len(query))
    for start in range(0, len(diagonals), BLOCK):
        part = best[start : start + BLOCK]
        beside = np.ascontiguousarray(windows[diagonals[start : start + BLOCK]].T)
        run, none = np.zeros((2, len(part)), dtype=width)
        for letter, row in zip(query.tolist(), beside, strict=True):
            # bytes.translate looks a table up several times as fast as numpy does
            scores = np.frombuffer(row.tobytes().translate(tables[letter]), dtype=np.int8)
            np.add(run, scores.astype(width), out=run)
            np.maximum(run, none, out=run)
            np.maximum(part, run, out=part)
    return best.astype(np.int32)
