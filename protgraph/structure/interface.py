"""Residues of one structure that touch another one in the same frame of reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from protgraph.structure.atoms import NO_AMINO, Atoms, Doubles, author_ids, heavy, letter
from protgraph.structure.load import load

CUTOFF = 5.0
"""Å between heavy atoms: the interface of Docking Benchmark studies (Fout et al., NeurIPS 2017, use
6 Å)."""


def touching(one: Path, other: Path, *, cutoff: float = CUTOFF) -> dict[str, frozenset[str]]:
    """Find the residues of a file with a heavy atom near a heavy atom of another file.

    Parameters
    ----------
    one, other : Path
        Structure files, both in one frame of reference.
    cutoff : float
        Å.

    Returns
    -------
    residues : dict of str to frozenset of str
        Chain -> author ids of its residues that touch; ligands and water touch nothing.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load`, and where the cutoff is not positive.
    """
    if not cutoff > 0:
        raise ValueError(f"cutoff is a distance in Å and must be positive, got {cutoff}.")
    there = cKDTree(np.concatenate([atoms.position for _, atoms in _chains(other)]))
    found: dict[str, frozenset[str]] = {}
    for chain, atoms in _chains(one):
        apart: Doubles = there.query(atoms.position, distance_upper_bound=cutoff)[0]
        near = np.unique(atoms.of[apart <= cutoff])
        ids = frozenset(author_ids(atoms.number[near]))
        found[chain] = found.get(chain, frozenset()) | ids
    return found


def _chains(path: Path) -> list[tuple[str, Atoms]]:
    """Heavy atoms of the amino acids of the first model, a chain each."""
    source = load(path)
    parts = []
    for span in source.spans:
        atoms = heavy(source.atoms.cut(span.start, span.stop))
        amino = np.array([letter(name) != NO_AMINO for name in atoms.residue.tolist()], dtype=bool)
        if amino.any():
            parts.append((span.chain, atoms.where(amino[atoms.of])))
    return parts
