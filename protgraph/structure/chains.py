"""From the atoms of a structure to the residues of its protein chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from protgraph.structure.align import STEP
from protgraph.structure.atoms import (
    NO_AMINO,
    POLYMER,
    STANDARD,
    Atoms,
    Doubles,
    Ints,
    Span,
    author_ids,
    heavy,
    letter,
    standard,
    unpacked,
)
from protgraph.structure.protein import CA, CB, Bools, C, N
from protgraph.structure.source import Source

PEPTIDE = 2.0
"""Longest C-N distance, in Å, that still is a peptide bond (1.33 Å, and room for poor models)."""


@dataclass(frozen=True, eq=False)
class Residues:
    """The n residues of one chain that have atoms, in the order of the file.

    Parameters
    ----------
    model, chain, molecule : str
        Model number, author chain id, and the molecule's id (label_asym_id) in mmCIF.
    letters : str
        One-letter codes, n of them.
    numbers : ndarray of int, shape [n]
        Author residue ids, packed (`protgraph.structure.atoms.author_id`).
    labels : ndarray of int, shape [n]
        Places in the molecule's full sequence, counted from 1, where the file gives them; else 0.
    backbone, side, bfactor : ndarray, shape [n, 4, 3], [n, 3] and [n]
        Coordinates in Å, NaN where absent; the B-factor is the CA's.
    notes : tuple of str
        Decisions taken.
    """

    model: str
    chain: str
    molecule: str
    letters: str
    numbers: Ints
    labels: Ints
    backbone: Doubles = field(repr=False)
    side: Doubles = field(repr=False)
    bfactor: Doubles = field(repr=False)
    notes: tuple[str, ...] = ()


def residues(source: Source) -> list[Residues]:
    """Protein chains of all models in a structure, as `protgraph.structure.read` documents.

    Parameters
    ----------
    source : Source
        A loaded file.

    Raises
    ------
    ValueError
        Where an atom of a protein has a coordinate that is no finite number.

    Examples
    --------
    >>> from protgraph.structure.load import pdb
    >>> line = b"ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    >>> [(chain.chain, chain.letters) for chain in residues(pdb("x.pdb", line))]
    [('A', 'G')]
    """
    return [chain for span in source.spans for chain in _chain(source.name, source.atoms, span)]


def _chain(file: str, every: Atoms, span: Span) -> Iterator[Residues]:
    """Protein chain that a molecule holds: one, or none."""
    notes: list[str] = []
    atoms = heavy(every.cut(span.start, span.stop))
    if atoms.alternative.any():
        atoms = atoms.where(_one_conformer(atoms, notes))
    atoms = atoms.merged()
    letters = standard(atoms.residue)
    if letters is None or atoms.hetero.any():
        atoms = atoms.where(_in_chain(atoms, notes)).merged()
        notes += _modified(atoms)
        letters = "".join(map(letter, atoms.residue.tolist())).replace(NO_AMINO, "X")
    if not letters:
        return
    if not np.isfinite(atoms.position).all():
        raise ValueError(_infinite(file, span.chain, atoms))
    backbone, side, bfactor = _geometry(atoms)
    yield Residues(
        model=span.model,
        chain=span.chain,
        molecule=span.molecule,
        letters=letters,
        numbers=atoms.number,
        labels=atoms.label,
        backbone=backbone,
        side=side,
        bfactor=bfactor,
        notes=tuple(notes),
    )


def _modified(atoms: Atoms) -> Iterator[str]:
    """Notes on the residues that are not one of the 20, grouped by name."""
    for name in sorted(set(atoms.residue.tolist()) - STANDARD):
        where = ", ".join(author_ids(atoms.number[atoms.residue == name]))
        yield f"{unpacked(name)} read as {letter(name).replace(NO_AMINO, 'X')} at {where}"


def _one_conformer(atoms: Atoms, notes: list[str]) -> Bools:
    """Atoms that belong to the one conformer taken of every residue, [n]."""
    keep = np.ones(len(atoms.of), dtype=bool)
    starts = atoms.first[np.diff(atoms.number, prepend=atoms.number[0] - 1) != 0]
    stops = [*starts[1:].tolist(), len(keep)]
    several = np.logical_or.reduceat(atoms.alternative != 0, starts)
    for group in np.flatnonzero(several).tolist():
        start, stop = int(starts[group]), stops[group]
        keep[start:stop] = _best(atoms.cut(start, stop), notes)
    return keep


def _best(atoms: Atoms, notes: list[str]) -> Bools:
    """Atoms of the residue and of the alternative with the highest occupancy, [n]."""
    is_ca, residue = atoms.role == CA, atoms.residue.take(atoms.of)

    def share(mask: Bools) -> float:
        return round(float(atoms.occupancy[mask].sum()), 3)

    def first_label(name: int) -> int:
        return int(atoms.alternative[residue == name].max())

    names = sorted(set(residue.tolist()), key=first_label)
    name = max(names, key=lambda name: share((residue == name) & is_ca))
    if len(names) > 1:
        among = "/".join(unpacked(name) for name in names)
        notes.append(f"{author_ids(atoms.number[:1])[0]} is {among}, read as {unpacked(name)}")
    of_name = residue == name
    common: Bools = of_name & (atoms.alternative == 0)
    labels = sorted(set(atoms.alternative[of_name].tolist()) - {0})
    if not labels:
        return common

    def worth(label: int) -> tuple[bool, float]:
        mask = of_name & (atoms.alternative == label)
        return bool(((common | mask) & is_ca).any()), share(mask)

    best = max(labels, key=worth)
    common |= of_name & (atoms.alternative == best)
    return common


def _in_chain(atoms: Atoms, notes: list[str]) -> Bools:
    """Atoms of the residues that are amino acids of the chain itself, [n]."""
    loose = atoms.hetero & (atoms.kind != POLYMER)
    backbone, _, _ = _geometry(atoms)
    amino = np.array([letter(name) != NO_AMINO for name in atoms.residue.tolist()], dtype=bool)
    amino |= np.isfinite(backbone[:, [N, CA, C], 0]).all(axis=1)
    bound = np.concatenate([[False], _bonded(backbone), [False]])
    alone = amino & loose & ~(bound[1:] | bound[:-1])
    lost = zip(atoms.residue[alone].tolist(), author_ids(atoms.number[alone]), strict=True)
    notes += [f"{unpacked(name)} {i} is bonded to no residue and was left out" for name, i in lost]
    kept: Bools = (amino & ~alone).take(atoms.of)
    return kept


def _bonded(backbone: Doubles) -> Bools:
    """Neighbours in the file that are bonded, [n - 1]: by C-N, by CA-CA where these are absent."""
    bond = np.linalg.norm(backbone[1:, N] - backbone[:-1, C], axis=1)
    step = np.linalg.norm(backbone[1:, CA] - backbone[:-1, CA], axis=1)
    bonded: Bools = np.where(np.isnan(bond), step <= STEP, bond <= PEPTIDE)
    return bonded


def _infinite(file: str, chain: str, atoms: Atoms) -> str:
    row = int(np.flatnonzero(~np.isfinite(atoms.position).all(axis=1))[0])
    residue = atoms.of[[row]]
    return (
        f"{file}: atom {unpacked(int(atoms.name[row])).strip()} of residue "
        f"{unpacked(int(atoms.residue[residue][0]))} {author_ids(atoms.number[residue])[0]} in "
        f"chain {chain!r} has the coordinates {atoms.position[row].tolist()}, "
        "not three finite numbers."
    )


def _geometry(atoms: Atoms) -> tuple[Doubles, Doubles, Doubles]:
    """Backbone [r, 4, 3], side-chain centroid [r, 3] and the CA's B-factor [r]."""
    role, position, count = atoms.role, atoms.position.T, len(atoms.first)
    rows = (role.view(np.uint8) <= CB).nonzero()[0][::-1]  # of atoms named twice, the first stays
    source = np.zeros(4 * count, dtype=np.int64) - 1
    source[4 * atoms.of.take(rows) + role.take(rows)] = rows
    backbone = position.take(source, axis=1).T.copy()
    backbone[(source < 0).nonzero()[0]] = np.nan
    ca = source[CA::4]
    bfactor = np.where(ca < 0, np.nan, atoms.bfactor.take(ca))
    side = np.empty((4, len(role)))  # x, y, z and 1 of the side chain's atoms
    side[3] = role >= CB
    np.multiply(position, side[3], out=side[:3])
    total = np.add.reduceat(side, atoms.first, axis=1)
    total[3, total[3] == 0] = np.nan
    return backbone.reshape(count, 4, 3), (total[:3] / total[3]).T, bfactor
