"""Sequence families: every two relatives that were found are in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from protgraph.data import neighbours
from protgraph.data.dataset import digest
from protgraph.data.neighbours import COVERAGE, IDENTITY, named, related
from protgraph.data.seeds import USUAL


@dataclass(frozen=True)
class Families:
    """Names with the family of each, and how it was found.

    `rows` are (name, family) sorted by name; a family is called after its first name. `method` is
    "builtin", "mmseqs" or "exact".
    """

    rows: tuple[tuple[str, str], ...] = field(repr=False)
    identity: float
    coverage: float
    method: str

    @property
    def count(self) -> int:
        """Number of families."""
        return len({family for _, family in self.rows})

    @property
    def digest(self) -> str:
        """Hash of who is in which family."""
        return digest(f"{name}\t{family}" for name, family in self.rows)

    def tsv(self) -> str:
        """Write a table with the columns name and family."""
        return "name\tfamily\n" + "".join(f"{name}\t{family}\n" for name, family in self.rows)


class Union:
    """Sets that only grow together; the smallest member stands for its set.

    Examples
    --------
    >>> sets = Union(3)
    >>> sets.join(2, 1)
    >>> [sets.root(i) for i in range(3)]
    [0, 1, 1]
    """

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, member: int) -> int:
        """Find the smallest member of the set."""
        while self._above[member] != member:
            self._above[member] = self._above[self._above[member]]
            member = self._above[member]
        return member

    def join(self, a: int, b: int) -> None:
        """Make one set of two."""
        low, high = sorted((self.root(a), self.root(b)))
        self._above[high] = low


def cluster(
    items: Iterable[tuple[str, str]],
    *,
    identity: float = IDENTITY,
    coverage: float = COVERAGE,
    method: str = "auto",
) -> Families:
    """Put sequences into families: connected components of the relatives that were found.

    Parameters
    ----------
    items : iterable of (name, sequence)
        In any order.
    identity, coverage : float
        When two sequences are one family, see `neighbours.related`; in (0, 1].
    method : {"auto", "builtin", "mmseqs", "exact"}
        How candidates are found. Whether a candidate is a relative is decided by the same full
        alignment. "auto" takes MMseqs2 where it is installed; `Families.method` says which ran.
        "exact" aligns all pairs.

    Returns
    -------
    families : Families

    Raises
    ------
    ValueError
        For a name that comes twice, an empty sequence, a threshold out of range, and "mmseqs"
        without the program.

    Notes
    -----
    MMseqs2's own `easy-cluster` covers the set greedily by representatives: two members of
    different clusters may be alike. Components are larger and leave no such pair among those
    found.

    Examples
    --------
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> cluster([("b", chain[3:]), ("c", "ACDEF" * 5), ("a", chain)], method="builtin").rows
    (('a', 'a'), ('b', 'a'), ('c', 'c'))
    """
    checked(identity=identity, coverage=coverage)
    sequences = named(items)
    chosen = neighbours.method(method)
    names, sets = list(sequences), Union(len(sequences))
    texts = list(sequences.values())
    join(sets, texts, range(len(texts)), identity=identity, coverage=coverage, method=chosen)
    rows = tuple((name, names[sets.root(place)]) for place, name in enumerate(names))
    return Families(rows, identity, coverage, chosen)


def checked(*, identity: float, coverage: float) -> None:
    """Refuse thresholds outside (0, 1].

    Examples
    --------
    >>> checked(identity=30, coverage=0.5)
    Traceback (most recent call last):
    ValueError: identity is a share, above 0 and at most 1, got 30.
    """
    for name, value in (("identity", identity), ("coverage", coverage)):
        if not 0 < value <= 1:
            raise ValueError(f"{name} is a share, above 0 and at most 1, got {value:g}.")


def join(
    sets: Union,
    sequences: Sequence[str],
    chosen: Sequence[int],
    *,
    identity: float,
    coverage: float,
    method: str,
    least: float = USUAL,
) -> int:
    """Join each chosen sequence with all its relatives.

    Parameters
    ----------
    sets : Union
        Of the places in `sequences`; changed.
    sequences : sequence of str
    chosen : sequence of int
        Places of the sequences to look up among all.
    identity, coverage : float
    method : {"builtin", "mmseqs", "exact"}
    least : float
        Least score of a candidate, see `seeds`.

    Returns
    -------
    joined : int
        How many pairs of sets became one. Pairs within a set are not aligned, and no pair twice.

    Examples
    --------
    >>> sets = Union(2)
    >>> join(sets, ["MKWY", "MKWY"], [0], identity=0.3, coverage=0.5, method="builtin")
    1
    """
    queries, joined = [sequences[place] for place in chosen], 0
    found = neighbours.search(queries, sequences, method=method, least=least)
    asked: set[int] = set()
    for place, others in zip(chosen, found, strict=True):
        for other in others.tolist():
            if other in asked or sets.root(place) == sets.root(other):
                continue
            if related(sequences[place], sequences[other], identity=identity, coverage=coverage):
                sets.join(place, other)
                joined += 1
        if method != "mmseqs":  # the others propose a pair from both sides or from none
            asked.add(place)
    return joined
