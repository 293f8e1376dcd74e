"""Pairs of proteins: which test pairs are new, splits by that, negatives of the same degrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from protgraph.data.dataset import SPLITS, digest
from protgraph.data.split import SHARES, drawn, grouped

Pair = tuple[str, str]

CLASSES = ("C1", "C2", "C3")
"""Both, one or no protein of a pair is in training: Park & Marcotte, Nat Methods 9:1134 (2012)."""

PASSES, TRIES = 10, 200
"""Exchanges tried for each negative that is not allowed, in each pass, before it is given up."""


def unordered(pairs: Iterable[Pair]) -> list[Pair]:
    """Write each pair in the order of the names, and sort; (a, b) and (b, a) are one.

    Raises
    ------
    ValueError
        Where a pair comes twice.

    Examples
    --------
    >>> unordered([("b", "a"), ("a", "a")])
    [('a', 'a'), ('a', 'b')]
    """
    made = sorted((a, b) if a <= b else (b, a) for a, b in pairs)
    for one, two in pairwise(made):
        if one == two:
            raise ValueError(f"Pairs differ, in either order, but {one[0]} - {one[1]} comes twice.")
    return made


def classes(train: Iterable[Pair], test: Iterable[Pair]) -> list[str]:
    """Tell how many proteins of each test pair are in training pairs.

    Parameters
    ----------
    train, test : iterable of (name, name)
        Training pairs of any label: a negative shows a protein too.

    Returns
    -------
    classes : list of str
        Of `CLASSES`, in the order of the test pairs.

    Examples
    --------
    >>> classes([("a", "b")], [("b", "a"), ("a", "c"), ("c", "d"), ("a", "a")])
    ['C1', 'C2', 'C3', 'C1']
    """
    seen = {name for pair in train for name in pair}
    return [CLASSES[(a not in seen) + (b not in seen)] for a, b in test]


@dataclass(frozen=True)
class PairSplit:
    """Every pair with its side and its class.

    `rows` are (a, b, side, class), a <= b, sorted; the class, as `classes` says, is "" in train.
    """

    rows: tuple[tuple[str, str, str, str], ...] = field(repr=False)
    seed: int

    def side(self, side: str, kind: str | None = None) -> list[Pair]:
        """Pairs of one side, of one class if it is said."""
        return [(a, b) for a, b, s, c in self.rows if s == side and kind in (None, c)]

    @property
    def digest(self) -> str:
        """Hash of which pair is on which side."""
        return digest("\t".join(row) for row in self.rows)

    def tsv(self) -> str:
        """Write a table with the columns a, b, split and class."""
        return "a\tb\tsplit\tclass\n" + "".join("\t".join(row) + "\n" for row in self.rows)

    def counts(self) -> dict[str, int]:
        """Count the pairs of each side and class, as `{"train": 8, "test C1": 1}`."""
        return dict(sorted(Counter(f"{s} {c}".strip() for _, _, s, c in self.rows).items()))


def split(
    pairs: Iterable[Pair],
    *,
    shares: Sequence[float] = SHARES,
    seen: float = 0.05,
    seed: int = 0,
    families: Mapping[str, str] | None = None,
) -> PairSplit:
    """Split pairs so that each class of new pair is there to be tested.

    The proteins are split first. A pair with a test protein is a test pair, else one with a valid
    protein is a valid pair; of the pairs between training proteins a share goes to valid and one
    to test, as C1.

    Parameters
    ----------
    pairs : iterable of (name, name)
        Of both labels; in any order.
    shares : sequence of float
        Of the *proteins* of train, valid and test.
    seen : float
        Share, below 0.5, of the pairs between training proteins that goes to each of valid and
        test. A pair goes only if both proteins keep a training pair, so that it is C1.
    seed : int
    families : mapping, optional
        Protein -> family; families stay whole, so that a new protein has no relative in training.

    Returns
    -------
    split : PairSplit
        A pair of a test and a valid protein is a test pair of two proteins that training has not
        seen.

    Raises
    ------
    ValueError
        Where a pair comes twice, a protein has no family, a share is none, there are too few
        proteins or families, or no pair is left to train.

    Examples
    --------
    >>> pairs = [(a, b) for a in "abcdefghij" for b in "abcdefghij" if a < b]
    >>> split(pairs, shares=(.6, .2, .2)).counts()
    {'test C2': 12, 'test C3': 5, 'train': 15, 'valid C2': 12, 'valid C3': 1}
    """
    if not 0 <= seen < 0.5:
        raise ValueError(f"seen is a share from 0 to below 0.5, got {seen:g}.")
    known = unordered(pairs)
    proteins = sorted({name for pair in known for name in pair})
    if families is None:
        families = {name: name for name in proteins}
    for name in proteins:
        if name not in families:
            raise ValueError(f"Every protein of a pair has a family, but {name} has none.")
    made = grouped([(name, families[name]) for name in proteins], shares=shares, seed=seed)
    rank = {name: SPLITS.index(side) for name, side, _ in made.rows}
    sides = {pair: SPLITS[max(rank[pair[0]], rank[pair[1]])] for pair in known}
    _held_out(sides, seen, seed)
    train = [pair for pair in known if sides[pair] == SPLITS[0]]
    if not train:
        raise ValueError("A split of pairs needs a pair of two training proteins, got none.")
    kinds = classes(train, known)
    rows = tuple(
        (*pair, sides[pair], "" if sides[pair] == SPLITS[0] else kind)
        for pair, kind in zip(known, kinds, strict=True)
    )
    return PairSplit(rows, seed)


def _held_out(sides: dict[Pair, str], seen: float, seed: int) -> None:
    """Move training pairs to test and valid whose proteins both keep another."""
    train = [pair for pair, side in sides.items() if side == SPLITS[0]]
    degree = Counter(name for pair in train for name in set(pair))
    wanted = int(seen * len(train))
    left = [SPLITS[2]] * wanted + [SPLITS[1]] * wanted
    for pair in sorted(train, key=lambda pair: drawn(seed, "\t".join(pair))):
        if left and min(degree[name] for name in pair) > 1:
            sides[pair] = left.pop()
            degree.subtract(set(pair))


def negatives(
    positives: Iterable[Pair],
    *,
    known: Iterable[Pair] = (),
    seed: int = 0,
    slack: float = 0.0,
) -> list[Pair]:
    """Draw as many negatives as there are positives, with every protein as often.

    Parameters
    ----------
    positives : iterable of (name, name)
        In any order. A pair of a protein with itself counts the protein twice.
    known : iterable of (name, name)
        Further pairs that are no negatives, such as the positives of the other sides.
    seed : int
    slack : float
        Share of the negatives, from 0 to below 1, that may be missing in the end. 0 asks for the
        degrees exactly.

    Returns
    -------
    negatives : list of (name, name)
        a < b, sorted; none is a positive or known, none comes twice.

    Raises
    ------
    ValueError
        Where a positive comes twice, there is none, or more than `slack` of the negatives cannot
        be placed; how far it came, and for which protein it is hardest, is said.

    Notes
    -----
    Without matched degrees a model learns which proteins have many partners and no more. The
    positives' ends are drawn into pairs at random, and each pair that is not allowed exchanges
    ends with a random other one (Maslov & Sneppen, Science 296:910, 2002) until all are allowed.
    A protein that interacts with most of the others has too few strangers left: that is where it
    is impossible.

    Examples
    --------
    >>> negatives([("a", "b"), ("c", "d"), ("a", "c"), ("e", "f")], seed=1)
    [('a', 'd'), ('a', 'e'), ('b', 'c'), ('c', 'f')]
    """
    if not 0 <= slack < 1:
        raise ValueError(f"slack is a share from 0 to below 1, got {slack:g}.")
    true = unordered(positives)
    if not true:
        raise ValueError("Negatives are drawn for one positive at least, got none.")
    closed = set(true) | {(min(pair), max(pair)) for pair in known}
    made = _Rewired(true, closed, seed)
    made.repair()
    good = sorted(made.good())
    if len(true) - len(good) > slack * len(true):
        count = Counter(name for pair in true for name in pair)
        count.subtract(name for pair in good for name in pair)
        name, missing = max(count.items(), key=lambda item: (item[1], item[0]))
        raise ValueError(
            f"negatives: {len(good)} of {len(true)} could be placed with the degrees of the "
            f"positives, and slack {slack:g} allows {int(slack * len(true))} to be missing; "
            f"hardest is {name}, which lacks {missing}."
        )
    return good


class _Rewired:
    """Pairs with the ends of the positives, and how often each is there."""

    def __init__(self, true: list[Pair], closed: set[Pair], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        ends = [name for pair in true for name in pair]
        mixed = [ends[place] for place in self._rng.permutation(len(ends)).tolist()]
        self._pairs = [(min(a, b), max(a, b)) for a, b in zip(mixed[::2], mixed[1::2], strict=True)]
        self._closed = closed
        self._count = Counter(self._pairs)

    def _closed_to(self, pair: Pair) -> bool:
        return pair[0] == pair[1] or pair in self._closed

    def _wrong(self, pair: Pair, count: int) -> bool:
        """Whether a pair that is there `count` times is not allowed."""
        return self._closed_to(pair) or count > 1

    def repair(self) -> None:
        """Exchange the ends of pairs that are not allowed with those of others."""
        for _ in range(PASSES):
            wrong = [k for k, p in enumerate(self._pairs) if self._wrong(p, self._count[p])]
            if not wrong:
                break
            for place in wrong:
                for _ in range(TRIES):
                    pair = self._pairs[place]
                    if not self._wrong(pair, self._count[pair]):
                        break
                    self._exchange(place, int(self._rng.integers(len(self._pairs))))

    def _exchange(self, place: int, other: int) -> None:
        """Pair the ends of two pairs anew, unless more of them would be wrong than were."""
        (a, b), (c, d) = self._pairs[place], self._pairs[other]
        if self._rng.integers(2):
            c, d = d, c
        one, two = (min(a, d), max(a, d)), (min(c, b), max(c, b))
        if other == place or one == two:
            return
        old = (self._pairs[place], self._pairs[other])
        before = sum(self._wrong(pair, self._count[pair]) for pair in old)
        after = sum(self._wrong(pair, self._count[pair] + 1) for pair in (one, two))
        if after <= before:
            self._count.subtract(old)
            self._pairs[place], self._pairs[other] = one, two
            self._count.update((one, two))

    def good(self) -> set[Pair]:
        """Return the pairs that are allowed, each once."""
        return {pair for pair in self._pairs if not self._closed_to(pair)}
