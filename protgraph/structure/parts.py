"""Parts of chains as a PDB file has them one after another, and what TER tells of them.

gemmi decides so when it reads a file, and what is read without it has to come out the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.atoms import LIGAND, POLYMER, Atoms, Ints, Span, Words, packed

_CASE = 0xDFDFDFDF
_WATERS = frozenset(packed(name) & _CASE for name in ("HOH", "DOD", "WAT", "H2O"))


class Part(NamedTuple):
    """Residues from `start` to `stop`, which are of one chain; `chain` is its id's character."""

    chain: int
    start: int
    stop: int


def parts(chain: npt.NDArray[np.uint8]) -> list[Part]:
    """Parts of chains, by the chain ids of the residues, [r].

    Examples
    --------
    >>> [tuple(part) for part in parts(np.frombuffer(b"AAB", np.uint8))]
    [(65, 0, 2), (66, 2, 3)]
    """
    edges = [0, *((chain[1:] != chain[:-1]).nonzero()[0] + 1).tolist(), len(chain)]
    return [Part(int(chain[start]), start, stop) for start, stop in pairwise(edges)]


def unique(parts: list[Part], residue: Words, number: Ints) -> bool:
    """Whether no residue comes twice in a part, by names and ids, [r] each.

    Examples
    --------
    >>> ids = np.array([1, 2, 1]) * 256
    >>> unique(parts(np.frombuffer(b"AAB", np.uint8)), ids, ids), unique([Part(65, 0, 3)], ids, ids)
    (True, False)
    """
    rising = number[1:] > number[:-1]
    for _, start, stop in parts:
        if not rising[start : stop - 1].all():
            ids = zip(residue[start:stop].tolist(), number[start:stop].tolist(), strict=True)
            if len(set(ids)) < stop - start:
                return False
    return True


def kinds(parts: list[Part], ters: list[int], residue: Words) -> npt.NDArray[np.uint8]:
    """Kinds of residues, [r]: TER ends the polymer of a chain, what follows in it is none.

    A second TER in a chain, or water before one, shows that TER has another meaning in the file.

    Parameters
    ----------
    parts : list of Part
        All of the file.
    ters : list of int
        How many residues stand before each TER.
    residue : ndarray of uint64, shape [r]
        Packed names.

    Examples
    --------
    >>> names = np.array([packed("GLY"), packed("ALA"), packed("HOH")], dtype=np.uint64)
    >>> kinds([Part(65, 0, 3)], [2], names).tolist(), kinds([Part(65, 0, 3)], [3], names).tolist()
    ([1, 1, 2], [0, 0, 0])
    """
    kind = np.zeros(len(residue), dtype=np.uint8)
    heads: dict[int, int] = {}
    for chain, start, stop in parts:
        head = heads.setdefault(chain, start)
        ended = bool(kind[head] == POLYMER)
        if ended:
            kind[start:stop] = LIGAND
        for ter in ters:
            if not start < ter <= stop:
                continue
            if ended or not _WATERS.isdisjoint((residue[start:ter] & _CASE).tolist()):
                return np.zeros_like(kind)
            kind[start:ter], kind[ter:stop], ended = POLYMER, LIGAND, True
    return kind


def by_chain(atoms: Atoms, parts: list[Part], model: str) -> tuple[Atoms, list[Span]]:
    """Atoms with the parts of each chain put together, chains in the order of their first parts.

    Examples
    --------
    >>> from protgraph.structure.plain import plain
    >>> line = b"ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    >>> by_chain(plain(line).atoms, [Part(65, 0, 1)], "1")[1]
    [Span(model='1', chain='A', molecule='A', start=0, stop=1)]
    """
    edges = pairwise([*(int(atoms.first[part.start]) for part in parts), len(atoms.of)])
    chains: dict[int, list[tuple[int, int]]] = {}
    for part, edge in zip(parts, edges, strict=True):
        chains.setdefault(part.chain, []).append(edge)
    spans: list[Span] = []
    stop = 0
    for chain, its_edges in chains.items():
        begin, name = stop, chr(chain).strip()
        stop += sum(end - start for start, end in its_edges)
        spans.append(Span(model, name, name, begin, stop))
    if len(parts) > len(chains):
        rows = [np.arange(*edge) for its_edges in chains.values() for edge in its_edges]
        atoms = atoms.take(np.concatenate(rows))
    return atoms, spans
