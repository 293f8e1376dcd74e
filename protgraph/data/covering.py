"""Which chain covers each sequence best, and where its residues stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from protgraph.data.cluster import checked
from protgraph.data.placing import observed, stand
from protgraph.data.seeds import words
from protgraph.structure.protein import Protein
from protgraph.structure.residues import UNKNOWN, codes

Ints = npt.NDArray[np.int64]

IDENTITY, COVERAGE = 0.95, 0.5
"""A chain of the same protein, tags and mutants included, that shows half of it."""

WORD = tuple(range(5))
"""Five letters in a row: of unrelated sequences few share three such words."""

FEWEST = 3
"""Words that a chain and a sequence share before they are aligned."""


@dataclass(frozen=True, eq=False)
class Cover:
    """The chain that covers a sequence best.

    Parameters
    ----------
    protein, chain : str
        Names.
    identity : float
        Share of the residues placed that have the letter of the sequence, X of either aside.
    coverage : float
        Share of the sequence on which an observed residue was placed.
    places : ndarray of int64, shape [2, M]
        Residues of the sequence and those of the chain that stand on them, from 0.
    """

    protein: str
    chain: str
    identity: float
    coverage: float
    places: Ints = field(repr=False)

    @property
    def runs(self) -> str:
        """Write the places as unbroken runs: where in the sequence, in the chain (from 1), letters.

        Examples
        --------
        >>> Cover("a", "b", 1.0, 0.5, np.array([[2, 3, 7], [0, 1, 2]])).runs
        '3:1:2 8:3:1'
        """
        first = np.flatnonzero((np.diff(self.places, axis=1, prepend=-9) != 1).any(axis=0))
        ends = pairwise([*first.tolist(), self.places.shape[1]])
        begins = (self.places + 1).T.tolist()
        return " ".join(f"{begins[a][0]}:{begins[a][1]}:{b - a}" for a, b in ends)


@dataclass(frozen=True, eq=False)
class Covering:
    """All sequences that were asked about, and those covered.

    Parameters
    ----------
    names : tuple of str
        Of all sequences.
    rows : tuple of Cover
        Of those covered, in the same order.
    identity, coverage : float
        The least that was asked for.
    """

    names: tuple[str, ...] = field(repr=False)
    rows: tuple[Cover, ...] = field(repr=False)
    identity: float
    coverage: float

    def tsv(self) -> str:
        """Write a table, a line a sequence; where none covers it, the cells are empty."""
        found = {row.protein: row for row in self.rows}
        lines = ["name\tchain\tidentity\tcoverage\truns"]
        for name in self.names:
            row = found.get(name)
            cells = ("", "", "", "")
            if row is not None:
                cells = (row.chain, f"{row.identity:.4f}", f"{row.coverage:.4f}", row.runs)
            lines.append("\t".join((name, *cells)))
        return "\n".join(lines) + "\n"

    def text(self) -> str:
        """Say in a line how many are covered, and how well.

        Examples
        --------
        >>> Covering(("a",), (), 0.95, 0.5).text()
        '0 of 1 sequences are covered'
        """
        said = f"{len(self.rows)} of {len(self.names)} sequences are covered"
        if not self.rows:
            return said
        identity, coverage = np.mean([(row.identity, row.coverage) for row in self.rows], axis=0)
        return f"{said}, mean identity {identity:.3f}, mean coverage {coverage:.3f}"


def cover(
    proteins: Sequence[Protein],
    chains: Iterable[Protein],
    *,
    identity: float = IDENTITY,
    coverage: float = COVERAGE,
) -> Covering:
    """Find the chain that covers each sequence best.

    Parameters
    ----------
    proteins : sequence of Protein
        Sequences; what is observed of them does not matter.
    chains : iterable of Protein
        With coordinates; only their observed residues count.
    identity : float
        Least share of equal letters among the residues placed; in (0, 1].
    coverage : float
        Least share of the sequence on which a residue is placed; in (0, 1].

    Returns
    -------
    covering : Covering
        Of the chains that are good enough the one with most residues placed, then of the highest
        identity, then of the first name.

    Raises
    ------
    ValueError
        Where two sequences or two chains share a name, a threshold is out of range, or an
        observed residue has no author number.

    Notes
    -----
    A chain is aligned where it shares words of five letters with the sequence: `FEWEST`, and half
    of those that are left where the least share of residues is placed and each that differs
    spoils five. Which of its residues are placed then, `placing.stand` says.

    Examples
    --------
    >>> backbone = 3.8 * np.arange(34)[:, None, None] * np.ones((4, 3)) / 3**0.5
    >>> chain = Protein("1abc_A", "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKE", backbone)
    >>> found = cover([Protein("a", "ACD" + chain.sequence + "FGH"), Protein("b", "MKV")], [chain])
    >>> [(row.protein, row.chain, row.identity, row.coverage, row.runs) for row in found.rows]
    [('a', '1abc_A', 1.0, 0.85, '4:1:34')]
    """
    checked(identity=identity, coverage=coverage)
    own = sorted(chains, key=lambda chain: chain.name)
    names = tuple(protein.name for protein in proteins)
    for kind, called in (("sequences", names), ("chains", tuple(c.name for c in own))):
        twice = [name for name, after in pairwise(sorted(called)) if name == after]
        if twice:
            raise ValueError(f"cover: names of {kind} differ, but two are named {twice[0]!r}.")
    shared = _shared([p.sequence for p in proteins], [observed(chain) for chain in own])
    lengths = np.array([len(chain.index) for chain in own], dtype=np.int64)
    rows = []
    for protein, count in zip(proteins, shared, strict=True):
        known = coverage * len(protein) * (1 - len(WORD) * (1 - identity)) / 2
        likely = np.flatnonzero(
            (count >= max(FEWEST, known)) & (lengths / len(protein) >= coverage)
        )
        order = likely[np.argsort(-lengths[likely], kind="stable")]
        row = _best(protein, [own[i] for i in order.tolist()], identity, coverage)
        rows += [] if row is None else [row]
    return Covering(names, tuple(rows), identity, coverage)


def _shared(sequences: Sequence[str], chains: Sequence[str]) -> Iterator[Ints]:
    """How many words of each chain every sequence has, [chains], a sequence at a time."""
    row = codes("X".join(chains)).astype(np.uint8)
    owner = np.repeat(np.arange(len(chains)), [len(chain) + 1 for chain in chains])
    found, at = words(row, WORD)
    owner = owner[at[np.argsort(found, kind="stable")]]
    bounds = np.append(0, np.cumsum(np.bincount(found, minlength=UNKNOWN ** len(WORD))))
    for sequence in sequences:
        own = np.unique(words(codes(sequence).astype(np.uint8), WORD)[0])
        low, count = bounds[own], bounds[own + 1] - bounds[own]
        first = low - np.cumsum(count) + count
        hits = owner[np.arange(count.sum()) + np.repeat(first, count)]
        yield np.bincount(hits, minlength=len(chains))


def _best(
    protein: Protein, chains: Iterable[Protein], identity: float, coverage: float
) -> Cover | None:
    """The best of some chains, which come longest first."""
    best = None
    for chain in chains:
        if best is not None and len(chain.index) < best.places.shape[1]:
            break
        places, same = stand(chain, protein.sequence)
        share = places.shape[1] / len(protein)
        if same < identity or share < coverage:
            continue
        here = Cover(protein.name, chain.name, same, share, places)
        if best is None or _worth(here) < _worth(best):
            best = here
    return best


def _worth(one: Cover) -> tuple[int, float, str]:
    """What the best one has the least of."""
    return -one.places.shape[1], -one.identity, one.chain
