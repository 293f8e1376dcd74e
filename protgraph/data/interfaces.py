"""Interface residues of protein complexes: taught on bound structures, asked of unbound ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from protgraph.data.dataset import Dataset, Example
from protgraph.data.source import root, unpacked
from protgraph.structure.identity import align, matched
from protgraph.structure.interface import touching
from protgraph.structure.protein import Floats, Protein
from protgraph.structure.read import read

SAME = 0.7
"""Identity of a bound and an unbound chain, and share of the shorter one covered, at least."""

_SIDES = {"train": "train", "val": "valid", "test": "test"}


def interfaces() -> Dataset:
    """Residues within 5 Å (heavy atoms) of the partner: the complexes of Docking Benchmark 5.5.

    Each chain of either partner is an example; its family is the complex, so the chains of a
    complex stay on one side of the source's split. Training and validation have the bound
    structures. Testing has the unbound ones: what a user has before docking. Their labels come from
    the bound chain of the same partner that is most like them, residue by residue along the
    alignment, and are unknown where the bound chain has no residue, or no chain is alike. Complexes
    that are in no split are left out, and chains without a labelled residue.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.

    Notes
    -----
    Guest et al., Structure 29:606 (2021); split of Ganea et al. (EquiDock), ICLR 2022.
    """
    home = unpacked(root() / "interfaces" / "db55.tar.xz") / "db55"
    examples = []
    for name, side in _SIDES.items():
        for code in (home / "splits" / f"{name}.txt").read_text().split():
            for protein, y in _complex(home / "structures", code, unbound=side == "test"):
                if np.isfinite(y).any():
                    examples.append(Example(protein, y, side, code))
    return Dataset("interface", "Docking Benchmark 5.5 by way of EquiDock (MIT)", tuple(examples))


def _complex(home: Path, code: str, *, unbound: bool) -> Iterator[tuple[Protein, Floats]]:
    """Chains of both partners of a complex with their labels."""
    for one, other in (("l", "r"), ("r", "l")):
        bound = home / f"{code}_{one}_b.pdb"
        near = touching(bound, home / f"{code}_{other}_b.pdb")
        chains = [(p, _marked(p, near.get(p.chain, frozenset()))) for p in _named(bound)]
        if unbound:
            chains = [(p, carried(p, chains)) for p in _named(home / f"{code}_{one}_u.pdb")]
        yield from chains


def _named(path: Path) -> list[Protein]:
    """Chains of a file, named by file and chain."""
    return [replace(p, name=f"{path.stem}_{p.chain}") for p in read(path)]


def _marked(protein: Protein, near: frozenset[str]) -> Floats:
    y = np.full((len(protein), 1), np.nan, dtype=np.float32)
    for place in protein.index.tolist():
        y[place] = protein.numbering[place] in near
    return y


def carried(protein: Protein, known: list[tuple[Protein, Floats]]) -> Floats:
    """Carry labels over from the chain that is most like a protein.

    Parameters
    ----------
    protein : Protein
        Of L letters.
    known : list of (Protein, ndarray of shape [K, 1])

    Returns
    -------
    y : ndarray of float32, shape [L, 1]
        NaN where nothing is known, which is everywhere if no chain is alike (`SAME`).

    Examples
    --------
    >>> line = np.arange(12.0)[:, None, None] * np.ones((1, 4, 3))
    >>> bound = Protein("bound", "MKWYCHLLDEPG", line)
    >>> free = Protein("free", "AMKWYCHLLDEP", line)
    >>> y = np.array([[0.0], [1.0], *[[0.0]] * 10])
    >>> carried(free, [(bound, y)])[:4, 0].tolist()
    [nan, 0.0, 1.0, 0.0]
    """
    y = np.full((len(protein), 1), np.nan, dtype=np.float32)
    found = [(align(protein.sequence, other.sequence), other, own) for other, own in known]
    alike = [
        (alignment.score, other, own)
        for alignment, other, own in found
        if alignment.identity >= SAME and max(alignment.first, alignment.second) >= SAME
    ]
    if alike:
        _, other, own = max(alike, key=lambda one: one[0])
        here, there = matched(protein.sequence, other.sequence)
        y[here] = own[there]
        y[~protein.observed] = np.nan
    return y
