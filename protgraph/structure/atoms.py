"""The atoms of a structure in columns, and where in them each molecule lies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.protein import Bools
from protgraph.structure.residues import LETTERS, THREE

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

POLYMER = 1
HETATM = ord("H")
NO_AMINO = "-"

_HYDROGEN, _DEUTERIUM = 1, 119
_BLANK = ord(" ")
_VARIANTS = {
    "HID": "H", "HIE": "H", "HIP": "H", "HSD": "H", "HSE": "H", "HSP": "H", "CYX": "C",
    "CYM": "C", "ASH": "D", "GLH": "E", "LYN": "K",
}  # fmt: skip


class Atoms(NamedTuple):
    """All atoms of a structure, a column a property.

    Names of atoms and residues are packed into integers (`packed`), and so are author residue
    ids: the number times 256, plus the insertion code's character.
    """

    serial: npt.NDArray[np.int32]
    name: Words
    residue: Words
    number: Ints
    alternative: npt.NDArray[np.int8]
    element: npt.NDArray[np.uint8]
    position: Doubles
    occupancy: npt.NDArray[np.float32]
    bfactor: npt.NDArray[np.float32]
    hetero: npt.NDArray[np.int8]
    kind: npt.NDArray[np.uint8]

    def take(self, at: Ints) -> Atoms:
        """Atoms at the places `at`."""
        taken: list[Any] = [column.take(at, axis=0) for column in self]
        return Atoms(*taken)

    def cut(self, start: int, stop: int) -> Atoms:
        """Atoms from `start` to `stop`, as views."""
        views: list[Any] = [column[start:stop] for column in self]
        return Atoms(*views)


class Span(NamedTuple):
    """Where a molecule's atoms lie, and its places in the full sequence (mmCIF; 0 for none)."""

    model: str
    chain: str
    molecule: str
    start: int
    stop: int
    labels: list[int] | None


def packed(name: str) -> int:
    """Pack a name of at most 8 letters into an integer, as the columns hold it.

    Examples
    --------
    >>> unpacked(packed("CA"))
    'CA'
    """
    return int.from_bytes(name.encode("ascii"), "little")


def unpacked(name: int) -> str:
    """Name that an integer holds; see `packed`."""
    return name.to_bytes(8, "little").rstrip(b"\0").decode("latin-1")


def author_ids(numbers: Ints) -> list[str]:
    """Author residue ids that integers hold.

    Examples
    --------
    >>> author_ids(np.array([27 * 256 + ord("A"), -3 * 256 + ord(" ")]))
    ['27A', '-3']
    """
    ids = list(map(str, (numbers >> 8).tolist()))
    codes = numbers & 255
    if (codes != _BLANK).any():
        return [i + chr(code).strip() for i, code in zip(ids, codes.tolist(), strict=True)]
    return ids


def one_letter(residue: str) -> str:
    """One-letter code of a residue name; "-" where it is no amino acid that is known.

    A modified amino acid has its parent's letter, by gemmi's table; so have the names that
    force fields give to protonation states. Amino acids beyond the 20 are X.

    Examples
    --------
    >>> one_letter("MSE"), one_letter("HIE"), one_letter("SEC"), one_letter("HOH")
    ('M', 'H', 'X', '-')
    """
    return letter(packed(residue))


@lru_cache(maxsize=4096)
def letter(residue: int) -> str:
    """`one_letter` of a packed name."""
    import gemmi

    name = unpacked(residue)
    if name in _VARIANTS:
        return _VARIANTS[name]
    known = gemmi.find_tabulated_residue(name)
    if not known.is_amino_acid():
        return NO_AMINO
    code: str = known.one_letter_code.upper()
    return code if code in LETTERS else "X"


STANDARD = frozenset(packed(name) for code, name in THREE.items() if code != "X")
"""Packed names of the 20 standard amino acids."""


def columns(structure: Any) -> Atoms:
    """Columns of all atoms of a `gemmi.Structure`, model after model.

    Examples
    --------
    >>> import gemmi
    >>> line = "ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    >>> [unpacked(int(name)) for name in columns(gemmi.read_pdb_string(line)).residue]
    ['GLY']
    """
    import gemmi

    flat: Any = gemmi.FlatStructure(structure)
    flat.strings_as_numbers = True
    return Atoms(
        serial=flat.serials,
        name=flat.atom_names.view(np.uint64).ravel(),
        residue=flat.residue_names.view(np.uint64)[:, 0],
        number=flat.resnums.astype(np.int64) * 256 + flat.icodes,
        alternative=flat.altlocs,
        element=flat.elements.copy(),
        position=np.ascontiguousarray(flat.pos),
        occupancy=flat.occ,
        bfactor=flat.b_iso,
        hetero=flat.het_flags,
        kind=flat.entity_type,
    )


def chains(structure: Any) -> Iterator[Span]:
    """Author chains of a PDB file, a span each."""
    start = 0
    for model in structure:
        for chain in model:
            stop = start + chain.count_atom_sites()
            yield Span(str(model.num), chain.name, chain.name, start, stop, None)
            start = stop


def molecules(structure: Any) -> Iterator[Span]:
    """Molecules (label_asym_id) of an mmCIF file, a span each; their names are blanked."""
    start = 0
    for model in structure:
        for chain in model:
            name = chain.name
            for molecule, group in groupby(list(chain), key=lambda residue: residue.subchain):
                labels: list[int] = []
                for residue in group:
                    labels += [residue.label_seq or 0] * len(residue)
                    residue.subchain = ""  # gemmi's columns hold no name of 8 letters or more
                stop = start + len(labels)
                yield Span(str(model.num), name, molecule, start, stop, labels)
                start = stop
            chain.name = ""


def heavy(atoms: Atoms) -> Bools:
    """Atoms that are no hydrogen and are not known to be of a ligand or of water, [n]."""
    element = atoms.element
    mask: Bools = (element != _HYDROGEN) & (element != _DEUTERIUM) & (atoms.kind <= POLYMER)
    if not element.all():  # an element that gemmi cannot tell: then by the atom's name
        names = [unpacked(name).lstrip("0123456789") for name in atoms.name.tolist()]
        mask &= (element != 0) | ~np.array([name[:1] in ("H", "D") for name in names])
    return mask


def grouped(atoms: Atoms) -> tuple[Ints, Ints]:
    """First atom of every residue, [r], and the residue of every atom, [n]."""
    new = np.empty(len(atoms.number), dtype=bool)
    new[:1] = True
    np.not_equal(atoms.number[1:], atoms.number[:-1], out=new[1:])
    new[1:] |= atoms.residue[1:] != atoms.residue[:-1]
    return np.flatnonzero(new), np.cumsum(new) - 1
