"""Which sequences are relatives, and the nearest one of each: one rule, two ways to search."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from protgraph.data.seeds import USUAL, Ints, candidates, index
from protgraph.structure.fasta import letters
from protgraph.structure.identity import Alignment, align, chance, score

IDENTITY, COVERAGE = 0.3, 0.5
"""From here on two sequences are one family, as with MMseqs2's `--min-seq-id 0.3 -c 0.5`."""

CHANCE = 1e-6
"""Alignments as good that two unrelated sequences may be expected to have; above it an identity
means nothing: short pieces of any two sequences are 30 % identical."""

METHODS = ("auto", "builtin", "mmseqs", "exact")

MOST = 15
"""Candidates that are aligned, the best first, to find the nearest neighbour."""


class Neighbour(NamedTuple):
    """The nearest sequence: its place, the identity, and the share of the query aligned to it."""

    target: int
    identity: float
    coverage: float


def named(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Check names and sequences, and clean the letters.

    Parameters
    ----------
    items : iterable of (name, sequence)

    Returns
    -------
    sequences : dict
        Name -> sequence in upper case, letters beyond the 20 amino acids as X; sorted by name, so
        that the order of the input matters nowhere.

    Raises
    ------
    ValueError
        Where a name comes twice, a sequence is empty or has a letter that is none, or nothing is
        given.

    Examples
    --------
    >>> named([("b", "mku"), ("a", "ACD")])
    {'a': 'ACD', 'b': 'MKX'}
    """
    found: dict[str, str] = {}
    for name, text in items:
        if name in found:
            raise ValueError(f"Names of proteins differ, but two are named {name!r}.")
        found[name] = letters(name, text)[0]
    if not found:
        raise ValueError("One protein at least is needed, got none.")
    return dict(sorted(found.items()))


def relation(a: str, b: str, *, likely: bool = False) -> Alignment | None:
    """Align two sequences; None where the likeness may be chance.

    Parameters
    ----------
    a, b : str
        Letters of `residues.LETTERS`.
    likely : bool
        Align at once instead of taking the score alone first, which costs less where it is enough
        for no relation. The result is the same.

    Returns
    -------
    alignment : Alignment or None
        None where `identity.chance` is above `CHANCE`. Equal sequences have identity 1 always.

    Examples
    --------
    >>> relation("MKWY", "MKWY").identity, relation("MKWY", "MKWYA")
    (1.0, None)
    """
    if a == b:
        return Alignment(score(a, b), 1.0, 1.0, 1.0)
    found = align(a, b) if likely else None
    if chance(found.score if found else score(a, b), len(a), len(b)) > CHANCE:
        return None
    return found or align(a, b)


def related(a: str, b: str, *, identity: float = IDENTITY, coverage: float = COVERAGE) -> bool:
    """Tell whether two sequences are one family: the rule that splits keep.

    Parameters
    ----------
    a, b : str
        Letters of `residues.LETTERS`.
    identity : float
        Least identity of the best local alignment, gaps counted.
    coverage : float
        Least share of one of the two sequences, in practice the shorter, that it spans.

    Notes
    -----
    MMseqs2's `-c 0.5` asks for half of both; to ask it of one is stricter for a split: a domain
    alone and the long protein that contains it are kept together.

    Examples
    --------
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> related(chain, "ACDEF" * 8 + chain), related(chain, "ACDEF" * 8)
    (True, False)
    """
    found = relation(a, b)
    return found is not None and found.identity >= identity and _coverage(found) >= coverage


def _coverage(found: Alignment) -> float:
    return max(found.first, found.second)


def method(name: str) -> str:
    """Decide how to search.

    Parameters
    ----------
    name : {"auto", "builtin", "mmseqs", "exact"}
        "auto" is MMseqs2 where it is installed; results carry what was taken.

    Raises
    ------
    ValueError
        For another name, and for "mmseqs" where there is no such program.

    Examples
    --------
    >>> method("builtin")
    'builtin'
    """
    if name not in METHODS:
        raise ValueError(f"Unknown method {name!r}. There are: {', '.join(METHODS)}.")
    there = shutil.which("mmseqs") is not None
    if name == "mmseqs" and not there:
        raise ValueError(
            "method mmseqs: there is no program mmseqs on the PATH. Get it with "
            "'conda install -c bioconda mmseqs2', 'apt install mmseqs2' or from "
            "https://mmseqs.com, or choose the method builtin."
        )
    if name == "auto":
        return "mmseqs" if there else "builtin"
    return name


def search(
    queries: Sequence[str],
    targets: Sequence[str],
    *,
    method: str,
    least: float = USUAL,
    most: int | None = None,
) -> Iterator[Ints]:
    """Find the targets that may be relatives of each query.

    Parameters
    ----------
    queries, targets : sequence of str
        Letters of `residues.LETTERS`.
    method : {"builtin", "mmseqs", "exact"}
        See `seeds.candidates`; or MMseqs2 at its highest usual sensitivity, 7.5; or every target,
        which misses nothing and takes about a millisecond a pair: for some hundred proteins.
    least : float
        Least score of a candidate; "builtin" only.
    most : int, optional
        Candidates that are enough beside the equal ones, the best; "builtin" only, and faster.

    Yields
    ------
    places : ndarray of int32, shape [K]
        One a query: equal targets first, then the best first ("exact": in their order).
    """
    same = defaultdict(list)
    for place, target in enumerate(targets):
        same[target].append(place)
    if method == "mmseqs":
        found = _mmseqs(queries, targets)
    elif method == "exact":
        found = (np.arange(len(targets), dtype=np.int32) for _ in queries)
    else:
        made = index(targets, longest=max(map(len, queries)))
        found = (candidates(query, made, least=least, most=most)[0] for query in queries)
    for query, places in zip(queries, found, strict=True):
        equal = np.array(same.get(query, []), dtype=np.int32)
        yield np.concatenate([equal, places[~np.isin(places, equal)]])


def _mmseqs(queries: Sequence[str], targets: Sequence[str]) -> Iterator[Ints]:
    """The hits of MMseqs2, the best first."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, sequences in (("queries", queries), ("targets", targets)):
            text = "".join(f">{place}\n{s}\n" for place, s in enumerate(sequences))
            (home / f"{name}.fasta").write_text(text)
        said = subprocess.run(
            ["mmseqs", "easy-search", "queries.fasta", "targets.fasta", "hits", "work",
             "-s", "7.5", "-e", "1", "--max-seqs", str(max(300, len(targets))), "-v", "1",
             "--format-output", "query,target,bits"],
            cwd=home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if said.returncode:
            raise ValueError(f"mmseqs easy-search failed: {(said.stderr or said.stdout).strip()}")
        rows = [line.split("\t") for line in (home / "hits").read_text().splitlines()]
    hits: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for query, target, bits in rows:
        hits[int(query)].append((-float(bits), int(target)))
    for place in range(len(queries)):
        yield np.array([target for _, target in sorted(hits[place])], dtype=np.int32)


def nearest(
    queries: Sequence[str], targets: Sequence[str], *, method: str = "builtin", most: int = MOST
) -> list[Neighbour | None]:
    """Find the target that is most identical to each query.

    Parameters
    ----------
    queries, targets : sequence of str
        Letters of `residues.LETTERS`.
    method : {"builtin", "mmseqs", "exact"}
    most : int
        Candidates that are aligned, the best first; "exact" aligns all.

    Returns
    -------
    neighbours : list of Neighbour or None
        None where no target shares half of one of the two sequences by more than chance. Of
        equally identical targets the one that covers more, then the first.

    Examples
    --------
    >>> chain = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG"
    >>> nearest([chain], ["ACDEFGHIKL", chain[:30]])
    [Neighbour(target=1, identity=1.0, coverage=0.8571428571428571)]
    """
    found: list[Neighbour | None] = []
    proposed = search(queries, targets, method=method, most=most)
    for query, places in zip(queries, proposed, strict=True):
        best, likely = None, True
        for place in places[: None if method == "exact" else most].tolist():
            alignment = relation(query, targets[place], likely=likely)
            likely = alignment is not None  # the best come first
            if alignment is None or _coverage(alignment) < COVERAGE:
                continue
            here = Neighbour(place, alignment.identity, alignment.first)
            if best is None or (here.identity, here.coverage, -place) > (*best[1:], -best.target):
                best = here
        found.append(best)
    return found
