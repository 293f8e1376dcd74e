"""The atoms of a structure and their residues in columns."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.protein import CA, CB, Bools, C, N
from protgraph.structure.residues import LETTERS, THREE

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

POLYMER, LIGAND = 1, 2
"""Kinds of residues that gemmi tells; 0 is unknown, those beyond are no polymer either."""

SIDE, OXYGEN = 4, -1
"""Roles of atoms that are not of `Protein.backbone`: in the side chain, or beside C."""

ROLES = {"N": N, "CA": CA, "C": C, "CB": CB, "O": OXYGEN, "OXT": OXYGEN}

NO_AMINO = "-"

_BLANK = ord(" ")
_LEAST = -999
_IDS = np.array([str(number) for number in range(_LEAST, 10_000)], dtype=object)
_VARIANTS = {
    "HID": "H", "HIE": "H", "HIP": "H", "HSD": "H", "HSE": "H", "HSP": "H", "CYX": "C",
    "CYM": "C", "ASH": "D", "GLH": "E", "LYN": "K",
}  # fmt: skip


def changes(column: npt.NDArray[Any]) -> Bools:
    """Where a column begins and where it differs from what is before, [n].

    Examples
    --------
    >>> changes(np.array([7, 7, 8])).tolist()
    [True, False, True]
    """
    new = np.ones(len(column), dtype=bool)
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new


class Atoms(NamedTuple):
    """The n atoms of a structure and its r residues, a column a property.

    Names are packed into integers (`packed`), those of atoms with the blanks around them or
    without, and so are author residue ids: the number times 256, plus the insertion code's
    character. A label is a residue's place in the full sequence, 0 where the file tells none.
    Deuterium is hydrogen, and `hetero` tells the residues that begin with HETATM.
    """

    name: Words
    role: npt.NDArray[np.int8]
    alternative: npt.NDArray[np.int8]
    hydrogen: Bools
    position: Doubles
    occupancy: npt.NDArray[np.float32]
    bfactor: npt.NDArray[np.float32]
    of: Ints
    """Residue of each atom, the last column of the n."""
    first: Ints
    """First atom of each residue, the first column of the r."""
    residue: Words
    number: Ints
    label: Ints
    hetero: Bools
    kind: npt.NDArray[np.uint8]

    def where(self, mask: Bools) -> Atoms:
        """Atoms that a mask [n] picks, and their residues."""
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def take(self, at: Ints) -> Atoms:
        """Atoms at places `at`, and their residues."""
        of = self.of.take(at)
        first = np.flatnonzero(changes(of))
        return self._taken(at, of.take(first), first)

    def cut(self, start: int, stop: int) -> Atoms:
        """Atoms from `start` to `stop`, whole residues."""
        if stop - start == len(self.of):
            return self
        return self.take(np.arange(start, stop))

    def merged(self) -> Atoms:
        """With one residue for neighbours of one name and id, which a file may have kept apart."""
        if not (self.number[1:] == self.number[:-1]).any():
            return self
        residues = np.flatnonzero(changes(self.number) | changes(self.residue))
        return self._taken(np.arange(len(self.of)), residues, self.first.take(residues))

    def _taken(self, at: Ints, residues: Ints, first: Ints) -> Atoms:
        of = np.arange(len(first)).repeat(np.diff(first, append=len(at)))
        columns: Any = (
            *(column.take(at, axis=0) for column in self[:_OF]),
            *(of, first),
            *(column.take(residues) for column in self[_OF + 2 :]),
        )
        return Atoms(*columns)


_OF = Atoms._fields.index("of")


class Span(NamedTuple):
    """A chain or molecule of a model, and where its atoms lie."""

    model: str
    chain: str
    molecule: str
    start: int
    stop: int


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
    whole = numbers >> 8
    at = whole - _LEAST
    if len(at) and at.view(np.uint64).max() < len(_IDS):  # what is negative is large there
        ids: list[str] = _IDS.take(at).tolist()
    else:
        ids = list(map(str, whole.tolist()))
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


NAMES = np.array([[packed(name)] for name in ROLES], dtype=np.uint64)
"""Packed names of the atoms with a role, [6, 1]."""

_ROLES = np.array([[role - SIDE] for role in ROLES.values()], dtype=np.int8)

_CODES = dict(sorted((packed(name), code) for code, name in THREE.items() if code != "X"))
_STANDARD = np.array(list(_CODES), dtype=np.uint64)
_LETTERS = np.array(list(_CODES.values()), dtype="S1")

STANDARD = frozenset(_CODES)
"""Packed names of the 20 standard amino acids."""


def standard(residues: Words) -> str | None:
    """One-letter codes of residues that are all standard amino acids; None if one is not.

    Examples
    --------
    >>> standard(np.array([packed("GLY"), packed("ALA")], dtype=np.uint64))
    'GA'
    """
    at = _STANDARD.searchsorted(residues)
    if (_STANDARD.take(at, mode="clip") != residues).any():
        return None
    return _LETTERS.take(at).tobytes().decode("ascii")


def roles(names: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """Roles of atoms, [n]: places in `Protein.backbone`, `OXYGEN` or `SIDE`.

    Parameters
    ----------
    names : ndarray of uint, shape [n]
        Packed names.
    known : ndarray of uint, shape [6, 1]
        Those of `ROLES`, in its order, as `names` has them.

    Examples
    --------
    >>> roles(np.array([packed("CA"), packed("CG")]), NAMES).tolist()
    [1, 4]
    """
    found: npt.NDArray[np.int8] = ((names == known) * _ROLES).sum(axis=0, dtype=np.int8) + SIDE
    return found


def heavy(atoms: Atoms) -> Atoms:
    """Atoms that are no hydrogen and are not known to be of a ligand or of water."""
    if atoms.kind.max() > POLYMER:
        return atoms.where(~atoms.hydrogen & (atoms.kind <= POLYMER).take(atoms.of))
    return atoms.where(~atoms.hydrogen) if atoms.hydrogen.any() else atoms
