"""How near each test protein is to training: the report that every result should carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.data import neighbours
from protgraph.data.neighbours import CHANCE, COVERAGE, MOST, named

EDGES = (0.3, 0.4, 0.5, 0.7, 0.95)
"""Identities at which a bin begins; a bin holds its lower edge."""

BINS = ("<30", "30-40", "40-50", "50-70", "70-95", ">=95")


class Nearest(NamedTuple):
    """A test protein and its nearest training protein.

    `nearest` is "" where none is near, and `identity` and `coverage` (the share of the test protein
    that is aligned) are then 0. `same` tells that the two sequences are equal.
    """

    name: str
    nearest: str
    identity: float
    coverage: float
    same: bool

    @property
    def bin(self) -> str:
        """Of `BINS`, in percent identity."""
        return BINS[int(np.searchsorted(EDGES, self.identity, side="right"))]


@dataclass(frozen=True)
class Leakage:
    """The nearest training protein of every test protein, in the order of the test proteins.

    `method` is the search that ran, `trained` how many training proteins there are, `twins` the
    names (test, training) of all equal sequences.
    """

    rows: tuple[Nearest, ...] = field(repr=False)
    method: str
    trained: int
    twins: tuple[tuple[str, str], ...] = field(repr=False)

    def bins(self) -> npt.NDArray[np.str_]:
        """Bin of each test protein, shape [N]."""
        return np.array([row.bin for row in self.rows])

    def counts(self) -> dict[str, int]:
        """Test proteins in each bin."""
        bins = self.bins()
        return {name: int((bins == name).sum()) for name in BINS}

    def tsv(self) -> str:
        """Write a table: name, nearest, identity, coverage, bin, same."""
        lines = ["name\tnearest\tidentity\tcoverage\tbin\tsame\n"]
        for row in self.rows:
            numbers = f"{row.identity:.3f}\t{row.coverage:.3f}" if row.nearest else "\t"
            lines.append(f"{row.name}\t{row.nearest}\t{numbers}\t{row.bin}\t{int(row.same)}\n")
        return "".join(lines)

    def markdown(self) -> str:
        """Write the report as text: the bins, the rule, the equal sequences by name."""
        total = len(self.rows)
        lines = [
            f"{total} test proteins against {self.trained} training proteins, "
            f"search: {self.method}.",
            "",
            "| identity, % | test proteins | share |",
            "|---|---|---|",
        ]
        lines += [f"| {b} | {n} | {n / total:.3f} |" for b, n in self.counts().items()]
        far = sum(not row.nearest for row in self.rows)
        lines += [
            "",
            f"Identity is that of the best local alignment, gaps counted; it counts where the "
            f"alignment spans {COVERAGE:.0%} of one of the two sequences and is no chance "
            f"(at most {CHANCE:g} expected a pair). {far} test proteins have no such neighbour "
            f"and are in the first bin.",
            "",
            f"Test proteins whose sequence is also in training: {len({t for t, _ in self.twins})}.",
        ]
        lines += [f"- {test} = {train}" for test, train in self.twins]
        return "\n".join(lines) + "\n"


def leakage(
    train: Iterable[tuple[str, str]],
    test: Iterable[tuple[str, str]],
    *,
    method: str = "builtin",
    most: int = MOST,
) -> Leakage:
    """Find the nearest training protein of every test protein.

    Parameters
    ----------
    train, test : iterable of (name, sequence)
        In any order; the names of a side differ. One name on both sides is allowed, as copies in
        both are what is looked for.
    method : {"auto", "builtin", "mmseqs", "exact"}
        See `neighbours.search`.
    most : int
        Candidates that are aligned, the best first. Fewer are faster; in a family of hundreds the
        most identical member may then be missed, hardly ever a whole family.

    Returns
    -------
    report : Leakage

    Raises
    ------
    ValueError
        For a name that comes twice on a side, an empty sequence or side, and "mmseqs" without the
        program.

    Examples
    --------
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> report = leakage([("a", chain)], [("b", chain[:30]), ("c", "ACDEF" * 5), ("d", chain)])
    >>> [(row.name, row.nearest, row.bin) for row in report.rows], report.twins
    ([('b', 'a', '>=95'), ('c', '', '<30'), ('d', 'a', '>=95')], (('d', 'a'),))
    """
    if most < 1:
        raise ValueError(f"most: one candidate at least is aligned, got {most}.")
    given = list(test)
    known, asked = _side("train", train), _side("test", given)
    chosen = neighbours.method(method)
    names, texts = list(known), list(known.values())
    order = [name for name, _ in given]
    queries = [asked[name] for name in order]
    found = neighbours.nearest(queries, texts, method=chosen, most=most)
    rows = []
    for name, near in zip(order, found, strict=True):
        if near is None:
            rows.append(Nearest(name, "", 0.0, 0.0, False))
        else:
            same = texts[near.target] == asked[name]
            rows.append(Nearest(name, names[near.target], near.identity, near.coverage, same))
    return Leakage(tuple(rows), chosen, len(names), _twins(known, asked))


def _side(side: str, items: Iterable[tuple[str, str]]) -> dict[str, str]:
    try:
        return named(items)
    except ValueError as error:
        raise ValueError(f"{side}: {error}") from None


def _twins(train: dict[str, str], test: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """All equal sequences, (test, training)."""
    by_text: dict[str, list[str]] = {}
    for name, text in train.items():
        by_text.setdefault(text, []).append(name)
    return tuple((name, other) for name, text in test.items() for other in by_text.get(text, []))
