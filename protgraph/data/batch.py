"""Batches by a budget of residues, so that memory does not depend on who meets whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch_geometric.data import Batch, Data

PAIRS = 64
"""Pairs of a batch, where its residues leave room for so many."""


def batches(
    sizes: Sequence[int], budget: int, *, generator: np.random.Generator | None = None
) -> list[list[int]]:
    """Deal items into batches of at most `budget` residues.

    Parameters
    ----------
    sizes : sequence of int
        Residues of each item.
    budget : int
        Residues a batch; an item larger than that is a batch of its own, never cut.
    generator : numpy Generator, optional
        Shuffles the items first; in the given order without one.

    Returns
    -------
    batches : list of list of int
        Positions of the items; each item once.

    Raises
    ------
    ValueError
        Where the budget is not positive.

    Examples
    --------
    >>> batches([5, 3, 9, 2], 8)
    [[0, 1], [2], [3]]
    """
    if budget < 1:
        raise ValueError(f"A batch holds one residue at least, got a budget of {budget}.")
    order = np.arange(len(sizes)) if generator is None else generator.permutation(len(sizes))
    dealt: list[list[int]] = []
    room = 0
    for item in order.tolist():
        if not dealt or sizes[item] > room:
            dealt.append([])
            room = budget
        dealt[-1].append(item)
        room -= sizes[item]
    return dealt


def pair_batches(
    pairs: npt.NDArray[np.int64], sizes: Sequence[int], budget: int, *,
    generator: np.random.Generator,
) -> list[list[int]]:  # fmt: skip
    """Deal pairs into batches that share proteins, so that few proteins need to be encoded.

    A batch begins with a random pair that is left. Then the protein with the most pairs left among
    those already in it joins, ties at random, and brings these pairs; until the batch has `PAIRS`
    pairs or no protein fits.

    Parameters
    ----------
    pairs : ndarray of int64, shape [P, 2]
        Places of the two partners in `sizes`.
    sizes : sequence of int
        Residues of each protein.
    budget : int
        Residues of the proteins of a batch, each counted once; a single pair may have more.
    generator : numpy Generator

    Returns
    -------
    batches : list of list of int
        Rows of `pairs` in random order of batches; each row once.

    Raises
    ------
    ValueError
        Where the budget is not positive.

    Notes
    -----
    The greedy choice is that of neighbour expansion (Zhang et al., KDD 2017), which cuts the edges
    of a network into parts that share few nodes. Batches have about as many pairs each, so a pair
    weighs about the same in whatever company it is; every pair comes once an epoch.

    On 9,448 pairs of 608 human proteins (199,000 residues), an epoch of batches of at most 12,000
    residues encodes every protein 7.3 times; batches of random pairs encode it 33 times.

    Examples
    --------
    >>> star = np.array([[0, 1], [2, 3], [0, 2]])
    >>> dealt = pair_batches(star, [5, 5, 5, 5], 20, generator=np.random.default_rng(0))
    >>> len(dealt), sorted(dealt[0])
    (1, [0, 1, 2])
    """
    if budget < 1:
        raise ValueError(f"A batch holds one residue at least, got a budget of {budget}.")
    size = np.asarray(sizes, dtype=np.int64)
    left: list[dict[int, int]] = [{} for _ in sizes]  # protein -> partner -> row
    for row, (a, b) in enumerate(pairs.tolist()):
        left[a][b] = left[b][a] = row
    dealt: list[list[int]] = []
    for a, b in pairs[generator.permutation(len(pairs))].tolist():
        if b not in left[a]:
            continue
        links = generator.random(len(size)) / 2  # pairs with the batch, and a fraction for ties
        apart = np.array([bool(partners) for partners in left])
        rows = _join(a, left, links, apart)
        if a != b:
            rows += _join(b, left, links, apart)
        room = budget - int(size[list({a, b})].sum())
        while len(rows) < PAIRS:
            fits = apart & (size <= room)
            if not fits.any():
                break
            best = int(np.where(fits, links, -1.0).argmax())
            rows += _join(best, left, links, apart)
            room -= int(size[best])
        dealt.append(rows)
    return [dealt[i] for i in generator.permutation(len(dealt))]


def _join(
    protein: int, left: list[dict[int, int]], links: npt.NDArray[np.float64],
    apart: npt.NDArray[np.bool_],
) -> list[int]:  # fmt: skip
    """Take a protein into a batch; rows of its pairs with those that are in it, taken from left."""
    apart[protein] = False
    rows = []
    for partner in list(left[protein]):
        links[partner] += 1
        if not apart[partner]:
            rows.append(left[protein].pop(partner))
            left[partner].pop(protein, None)
    return rows


class Collated(Sequence[Batch]):
    """Batches of graphs that are put together when they are asked for.

    Parameters
    ----------
    graphs : sequence of Data
    dealt : list of list of int
        Positions of the graphs of each batch; see `batches`.
    """

    def __init__(self, graphs: Sequence[Data], dealt: list[list[int]]) -> None:
        self.graphs = graphs
        self.dealt = dealt

    def __len__(self) -> int:
        return len(self.dealt)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        return Batch.from_data_list([self.graphs[i] for i in self.dealt[place]])
