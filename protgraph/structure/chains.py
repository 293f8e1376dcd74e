"""From the atoms of a structure to the residues of its protein chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from protgraph.structure.align import STEP
from protgraph.structure.atoms import (
    HETATM,
    NO_AMINO,
    POLYMER,
    STANDARD,
    Atoms,
    Doubles,
    Ints,
    Span,
    author_ids,
    chains,
    columns,
    grouped,
    heavy,
    letter,
    molecules,
    packed,
    unpacked,
)
from protgraph.structure.protein import CA, CB, Bools, C, N
from protgraph.structure.source import Source, check_zeros

PEPTIDE = 2.0
"""Longest C-N distance, in Å, that still is a peptide bond (1.33 Å, and room for poor models)."""

# In the order of `Protein.backbone`, then the oxygens that are of no side chain.
_NAMES = np.array([[packed(name)] for name in ("N", "CA", "C", "CB", "O", "OXT")], dtype=np.uint64)


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
    labels : ndarray of int, shape [n], or None
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
    labels: Ints | None
    backbone: Doubles = field(repr=False)
    side: Doubles = field(repr=False)
    bfactor: Doubles = field(repr=False)
    notes: tuple[str, ...] = ()


def residues(source: Source) -> list[Residues]:
    """Protein chains of all models in a structure, as `protgraph.structure.read` documents.

    Parameters
    ----------
    source : Source
        A loaded file; gemmi's structure in it is used up.

    Raises
    ------
    ValueError
        Where an atom of a protein has a coordinate that is no finite number.

    Examples
    --------
    >>> import gemmi
    >>> line = "ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    >>> source = Source("x.pdb", gemmi.read_pdb_string(line), None, line.encode(), False)
    >>> [(chain.chain, chain.letters) for chain in residues(source)]
    [('A', 'G')]
    """
    of_cif = source.block is not None
    spans = list(molecules(source.structure) if of_cif else chains(source.structure))
    atoms = columns(source.structure)
    if not of_cif and not atoms.position.all():
        zero = np.flatnonzero((atoms.position == 0).any(axis=1))
        check_zeros(source, atoms.serial[zero].tolist(), atoms.position[zero].tolist())
    return [chain for span in spans for chain in _chain(source.name, atoms, span)]


def _chain(file: str, every: Atoms, span: Span) -> Iterator[Residues]:
    """Protein chain that a molecule holds: one, or none."""
    notes: list[str] = []
    atoms, at = every.cut(span.start, span.stop), np.arange(span.stop - span.start)
    atoms, at = _kept(heavy(atoms), atoms, at)
    if atoms.alternative.any():
        atoms, at = _kept(_one_conformer(atoms, notes), atoms, at)
    if not at.size:
        return
    first, of = grouped(atoms)
    names = atoms.residue.take(first).tolist()
    if (atoms.hetero == HETATM).any() or not STANDARD.issuperset(names):
        atoms, at = _kept(_in_chain(atoms, first, of, notes), atoms, at)
        if not at.size:
            return
        first, of = grouped(atoms)
        names = atoms.residue.take(first).tolist()
    if not np.isfinite(atoms.position).all():
        raise ValueError(_infinite(file, span.chain, atoms))
    numbers = atoms.number.take(first)
    code = {name: letter(name).replace(NO_AMINO, "X") for name in set(names)}
    backbone, side, bfactor = _geometry(atoms, first, of)
    yield Residues(
        model=span.model,
        chain=span.chain,
        molecule=span.molecule,
        letters="".join([code[name] for name in names]),
        numbers=numbers,
        labels=None if span.labels is None else np.array(span.labels)[at[first]],
        backbone=backbone,
        side=side,
        bfactor=bfactor,
        notes=(*notes, *_modified(code, names, numbers)),
    )


def _kept(mask: Bools, atoms: Atoms, at: Ints) -> tuple[Atoms, Ints]:
    if mask.all():
        return atoms, at
    rows = np.flatnonzero(mask)
    return atoms.take(rows), at.take(rows)


def _modified(code: dict[int, str], names: list[int], numbers: Ints) -> Iterator[str]:
    """Notes on the residues that are not one of the 20, grouped by name."""
    for name in sorted(code.keys() - STANDARD):
        where = author_ids(numbers[np.array(names, dtype=np.uint64) == name])
        yield f"{unpacked(name)} read as {code[name]} at {', '.join(where)}"


def _one_conformer(atoms: Atoms, notes: list[str]) -> Bools:
    """Atoms that belong to the one conformer taken of every residue, [n]."""
    keep = np.ones(len(atoms.number), dtype=bool)
    starts = np.flatnonzero(np.diff(atoms.number, prepend=atoms.number[0] - 1))
    stops = [*starts[1:].tolist(), len(keep)]
    several = np.logical_or.reduceat(atoms.alternative != 0, starts)
    for group in np.flatnonzero(several).tolist():
        start, stop = int(starts[group]), stops[group]
        keep[start:stop] = _best(atoms.cut(start, stop), notes)
    return keep


def _best(atoms: Atoms, notes: list[str]) -> Bools:
    """Atoms of the residue and of the alternative with the highest occupancy, [n]."""
    is_ca = atoms.name == packed("CA")

    def share(mask: Bools) -> float:
        return round(float(atoms.occupancy[mask].sum()), 3)

    def first_label(name: int) -> int:
        return int(atoms.alternative[atoms.residue == name].max())

    names = sorted(set(atoms.residue.tolist()), key=first_label)
    name = max(names, key=lambda name: share((atoms.residue == name) & is_ca))
    if len(names) > 1:
        among = "/".join(unpacked(name) for name in names)
        notes.append(f"{author_ids(atoms.number[:1])[0]} is {among}, read as {unpacked(name)}")
    of_name = atoms.residue == name
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


def _in_chain(atoms: Atoms, first: Ints, of: Ints, notes: list[str]) -> Bools:
    """Atoms of the residues that are amino acids of the chain itself, [n]."""
    names = atoms.residue.take(first).tolist()
    loose = (atoms.hetero == HETATM) & (atoms.kind != POLYMER)
    backbone, _, _ = _geometry(atoms, first, of)
    amino = np.array([letter(name) != NO_AMINO for name in names], dtype=bool)
    amino |= np.isfinite(backbone[:, [N, CA, C], 0]).all(axis=1)
    bound = np.concatenate([[False], _bonded(backbone), [False]])
    alone = amino & loose[first] & ~(bound[1:] | bound[:-1])
    lost = first[alone]
    for name, number in zip(
        atoms.residue[lost].tolist(), author_ids(atoms.number[lost]), strict=True
    ):
        notes.append(f"{unpacked(name)} {number} is bonded to no residue and was left out")
    kept: Bools = (amino & ~alone)[of]
    return kept


def _bonded(backbone: Doubles) -> Bools:
    """Neighbours in the file that are bonded, [n - 1]: by C-N, by CA-CA where these are absent."""
    bond = np.linalg.norm(backbone[1:, N] - backbone[:-1, C], axis=1)
    step = np.linalg.norm(backbone[1:, CA] - backbone[:-1, CA], axis=1)
    bonded: Bools = np.where(np.isnan(bond), step <= STEP, bond <= PEPTIDE)
    return bonded


def _infinite(file: str, chain: str, atoms: Atoms) -> str:
    row = int(np.flatnonzero(~np.isfinite(atoms.position).all(axis=1))[0])
    return (
        f"{file}: atom {unpacked(int(atoms.name[row]))} of residue "
        f"{unpacked(int(atoms.residue[row]))} {author_ids(atoms.number[[row]])[0]} in chain "
        f"{chain!r} has the coordinates {atoms.position[row].tolist()}, not three finite numbers."
    )


def _geometry(atoms: Atoms, first: Ints, of: Ints) -> tuple[Doubles, Doubles, Doubles]:
    """Backbone [r, 4, 3], side-chain centroid [r, 3] and the CA's B-factor [r]."""
    match = atoms.name == _NAMES  # [6, n]
    place, rows = np.nonzero(match[:4])
    place, rows = place[::-1], rows[::-1]  # of atoms named twice, the first stays
    backbone = np.full((len(first), 4, 3), np.nan)
    backbone[of.take(rows), place] = atoms.position.take(rows, axis=0)
    bfactor = np.full(len(first), np.nan)
    rows = np.flatnonzero(match[CA])[::-1]
    bfactor[of.take(rows)] = atoms.bfactor.take(rows)
    side = ~match.any(axis=0) | match[CB]
    count = np.add.reduceat(side, first, dtype=np.float64)
    total = np.add.reduceat(atoms.position * side[:, None], first)
    count[count == 0] = np.nan
    return backbone, total / count[:, None], bfactor
