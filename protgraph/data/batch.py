"""Batches by a budget of residues, so that memory does not depend on who meets whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch_geometric.data import Batch, Data


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
