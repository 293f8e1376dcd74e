"""What one rank has of the batches of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from protgraph.data.ranks import share
from protgraph.train.ranks import Idle, world


class Own(NamedTuple):
    """Items of each batch that are this rank's, and the batches in which none is.

    Parameters
    ----------
    parts : list of list of int
        One a batch and never empty: where no item is left for this rank, the shortest one keeps
        it in step.
    idle : frozenset of int
        Positions of those batches.
    """

    parts: list[list[int]]
    idle: frozenset[int]


def own(dealt: Sequence[Sequence[int]], sizes: Sequence[int]) -> Own:
    """Take this rank's part of every batch.

    Parameters
    ----------
    dealt : sequence of sequence of int
        Items of each batch, as a single rank would have them.
    sizes : sequence of int
        Residues of each item.

    Examples
    --------
    >>> own([[2, 0], [1]], [5, 3, 9])  # one rank has all
    Own(parts=[[2, 0], [1]], idle=frozenset())
    """
    rank, ranks = world()
    parts, idle = [], set()
    for place, batch in enumerate(dealt):
        part = [batch[i] for i in share([sizes[item] for item in batch], ranks)[rank]]
        if not part:
            idle.add(place)
            part = [min(batch, key=lambda item: sizes[item])]
        parts.append(part)
    return Own(parts, frozenset(idle))


class Shared(Sequence[Any]):
    """Batches of a rank, some of which keep it in step alone.

    Parameters
    ----------
    batches : sequence
    idle : set of int
        Positions from which nothing is learned.
    """

    def __init__(self, batches: Sequence[Any], idle: frozenset[int]) -> None:
        self.batches, self.idle = batches, idle

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        made = self.batches[place]
        return Idle(made) if place in self.idle else made
