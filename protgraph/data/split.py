"""Who trains, who validates, who tests: at random, by groups, or with no relatives across."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from protgraph.data import neighbours
from protgraph.data.cluster import Union, checked, join
from protgraph.data.dataset import SPLITS, digest
from protgraph.data.neighbours import COVERAGE, IDENTITY, named
from protgraph.data.seeds import THOROUGH

SHARES = (0.8, 0.1, 0.1)
"""Shares of the items that train, validate and test."""


@dataclass(frozen=True)
class Split:
    """Every item with its side and its group.

    `rows` are (name, side, group), sorted by name. `method` says how it was made; `joined` how
    many families had to be joined after the search across the sides.
    """

    rows: tuple[tuple[str, str, str], ...] = field(repr=False)
    method: str
    seed: int | None = None
    joined: int = 0

    def __post_init__(self) -> None:
        for side in SPLITS:
            if not self.side(side):
                groups = Counter(group for _, _, group in self.rows).most_common(3)
                largest = ", ".join(f"{group} ({count})" for group, count in groups)
                raise ValueError(
                    f"Every side of a split has an item, but {side} is empty: {len(self.rows)} "
                    f"items, the largest groups are {largest}."
                )

    def side(self, side: str) -> list[str]:
        """Names on one side."""
        return [name for name, where, _ in self.rows if where == side]

    @property
    def digest(self) -> str:
        """Hash of who is on which side, in which group."""
        return digest("\t".join(row) for row in self.rows)

    def tsv(self) -> str:
        """Write a table with the columns name, split and family."""
        return "name\tsplit\tfamily\n" + "".join("\t".join(row) + "\n" for row in self.rows)

    def text(self) -> str:
        """Say in one line how many items are where, and how that came."""
        sides = ", ".join(f"{side} {len(self.side(side))}" for side in SPLITS)
        groups = len({group for _, _, group in self.rows})
        return f"{sides}; {groups} groups; {self.method}; digest {self.digest}"


def given(sides: Iterable[tuple[str, str]]) -> Split:
    """Take a split as it is given, as in a column of a table.

    Parameters
    ----------
    sides : iterable of (name, side)
        Sides are "train", "valid" and "test".

    Raises
    ------
    ValueError
        For another side, a name that comes twice, and a side without items.

    Examples
    --------
    >>> given([("c", "test"), ("a", "train"), ("b", "valid")]).text()
    'train 1, valid 1, test 1; 3 groups; given; digest 1ebef8652fea2034'
    """
    found = _once(sides)
    for name, side in found.items():
        if side not in SPLITS:
            raise ValueError(f"{name}: a side is one of {', '.join(SPLITS)}, got {side!r}.")
    return Split(tuple((name, side, name) for name, side in found.items()), "given")


def random(names: Iterable[str], *, shares: Sequence[float] = SHARES, seed: int = 0) -> Split:
    """Split at random: right only where items are not relatives.

    Parameters
    ----------
    names : iterable of str
        In any order.
    shares : sequence of float
        Of train, valid and test: positive, together 1. Kept to the item.
    seed : int

    Raises
    ------
    ValueError
        For a name that comes twice, shares that are none, and fewer than three items.

    Examples
    --------
    >>> [len(random("abcdefghij").side(side)) for side in ("train", "valid", "test")]
    [8, 1, 1]
    """
    rows = _assigned(_once((name, name) for name in names), shares, seed)
    return Split(rows, "random", seed)


def grouped(
    groups: Iterable[tuple[str, str]], *, shares: Sequence[float] = SHARES, seed: int = 0
) -> Split:
    """Split so that groups stay whole: a column of families, patients, laboratories, years.

    Parameters
    ----------
    groups : iterable of (name, group)
        In any order.
    shares : sequence of float
        Of the items that train, validate and test; kept as nearly as whole groups allow. A group
        that is larger than its side would be goes where most room is, as a rule to train.
    seed : int

    Raises
    ------
    ValueError
        As `random`, and for fewer than three groups, or groups too large to fill each side.

    Examples
    --------
    >>> made = grouped([("a", "x"), ("b", "x"), ("c", "y"), ("d", "z")], shares=(.5, .25, .25))
    >>> [made.side(side) for side in ("train", "valid", "test")]
    [['a', 'b'], ['c'], ['d']]
    """
    return Split(_assigned(_once(groups), shares, seed), "grouped", seed)


def by_family(
    items: Iterable[tuple[str, str]],
    *,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    identity: float = IDENTITY,
    coverage: float = COVERAGE,
    method: str = "auto",
) -> Split:
    """Split so that no two relatives are on two sides.

    Families are made (`cluster`), put whole on sides (`grouped`), and then every protein of valid
    and test is looked up among all others by the more thorough search. Where a relative is found
    on another side the two families become one and sides are drawn again, until none is.

    Parameters
    ----------
    items : iterable of (name, sequence)
        In any order.
    shares, seed
        As `grouped`.
    identity, coverage, method
        As `cluster`.

    Returns
    -------
    split : Split
        `method` names the search that ran, `joined` counts the joins of the check.

    Raises
    ------
    ValueError
        As `grouped` and `cluster`.

    Notes
    -----
    What is guaranteed: `neighbours.related` is false for every pair across the sides, with the
    method "exact"; with the others for every pair that the thorough search (and MMseqs2, if that
    was taken) proposes. What it misses, `benchmarks/test_cluster.py` counts.

    Examples
    --------
    >>> made = by_family([("a", "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"), ("b", "ACDEF" * 7),
    ...     ("c", "WYHKRNQ" * 5)], method="builtin")
    >>> sorted(side for _, side, _ in made.rows)
    ['test', 'train', 'valid']
    """
    checked(identity=identity, coverage=coverage)
    counts(shares, 3)
    sequences = named(items)
    names, texts = list(sequences), list(sequences.values())
    chosen, sets = neighbours.method(method), Union(len(texts))
    check = "exact" if chosen == "exact" else "builtin"
    search = partial(join, sets, texts, identity=identity, coverage=coverage)
    search(range(len(texts)), method=chosen)
    seen: set[int] = set()
    joined = 0
    while True:
        families = {name: names[sets.root(place)] for place, name in enumerate(names)}
        rows = _assigned(families, shares, seed)
        new = [p for p, row in enumerate(rows) if row[1] != SPLITS[0] and p not in seen]
        found = search(new, method=check, least=THOROUGH) if new else 0
        seen.update(new)
        joined += found
        if not found:
            how = f"family, {chosen}, identity {identity:g}, coverage {coverage:g}"
            return Split(rows, how, seed, joined)


def counts(shares: Sequence[float], items: int) -> tuple[int, ...]:
    """Turn shares into numbers of items by largest remainders, one a side at least.

    Examples
    --------
    >>> counts((0.8, 0.1, 0.1), 7)
    (5, 1, 1)
    """
    if len(shares) != len(SPLITS) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(
            f"shares of {', '.join(SPLITS)} are positive and together 1, "
            f"got {', '.join(f'{share:g}' for share in shares)}."
        )
    if items < len(SPLITS):
        raise ValueError(f"A split needs {len(SPLITS)} items or groups at least, got {items}.")
    exact = [share * items for share in shares]
    made = [max(1, int(number + 1e-9)) for number in exact]
    while sum(made) != items:
        step = 1 if sum(made) < items else -1
        free = [k for k in range(len(made)) if step == 1 or made[k] > 1]
        made[max(free, key=lambda k: (step * (exact[k] - made[k]), -k))] += step
    return tuple(made)


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name -> value, sorted by name; no name comes twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"Names of items differ, but two are named {name!r}.")
        found[name] = value
    return dict(sorted(found.items()))


def drawn(seed: int, key: str) -> float:
    """Draw a number from 0 to 1 that depends on the seed and the key alone.

    Examples
    --------
    >>> 0 <= drawn(0, "a") < 1 and drawn(0, "a") == drawn(0, "a") != drawn(1, "a")
    True
    """
    made = hashlib.sha256(f"{seed}\t{key}".encode()).digest()
    return int.from_bytes(made[:6]) / 2**48


def _assigned(
    groups: dict[str, str], shares: Sequence[float], seed: int
) -> tuple[tuple[str, str, str], ...]:
    """Put groups on sides: those too large for valid and test first, then in drawn order."""
    members = defaultdict(list)
    for name, group in groups.items():
        members[group].append(name)
    if len(groups) >= len(SPLITS) > len(members):
        raise ValueError(
            f"A split needs {len(SPLITS)} groups at least, one a side, got {len(members)} "
            f"for {len(groups)} items."
        )
    room = list(counts(shares, len(groups)))
    small = max(room[1:])
    order = sorted(
        members,
        key=lambda g: (-len(members[g]) if len(members[g]) > small else 0, drawn(seed, g), g),
    )
    side: dict[str, str] = {}
    for group in order:
        size = len(members[group])
        fits = [place for place in range(len(room)) if room[place] >= size]
        place = _place(room, fits, drawn(seed, f"side of {group}"))
        room[place] -= size
        side[group] = SPLITS[place]
    return tuple((name, side[group], group) for name, group in groups.items())


def _place(room: list[int], fits: list[int], number: float) -> int:
    """Draw among the sides with room, by room; where none has it, the one with most."""
    if not fits:
        return max(range(len(room)), key=lambda place: room[place])
    left = number * sum(room[place] for place in fits)
    for place in fits[:-1]:
        if left < room[place]:
            return place
        left -= room[place]
    return fits[-1]
