"""Writing proteins as PDB and FASTA text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from protgraph.structure.protein import Protein
from protgraph.structure.residues import THREE

ATOMS = ("N", "CA", "C", "CB")
MOST_ATOMS = 99_999
WIDTH = 60
REMARK = "REMARK 999 "


def pdb(
    protein: Protein,
    *,
    bfactor: Sequence[float] | npt.NDArray[np.floating] | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Write the observed backbone (N, CA, C, CB) of a protein as PDB text.

    Parameters
    ----------
    protein : Protein
        X is written as UNK; side chains beyond CB are not kept in a protein and not written.
    bfactor : array of float, shape [L], optional
        A value per residue for the B-factor column, NaN is written as 0.00; left out, all are 0.
    remarks : sequence of str
        Written first, as REMARK 999, broken at spaces into lines of 80 letters; what is not ASCII
        becomes `?`.

    Returns
    -------
    text : str
        ATOM records with author numbers, TER and END. The format is that of "Atomic Coordinate
        Entry Format Description", version 3.3 (wwPDB, 2012). Residues that were never observed
        leave no trace but the gap in the numbering.

    Raises
    ------
    ValueError
        For what the format cannot hold: a chain id of more than one letter, a residue without
        number or with one beyond -999 to 9999, coordinates beyond -999.999 to 9999.999, a
        B-factor beyond -99.99 to 999.99, more than 99,999 atoms, nothing observed; and for a
        `bfactor` of another shape than [L].

    Examples
    --------
    >>> backbone = np.full((2, 4, 3), np.nan)
    >>> backbone[0, 1] = [1, 2, 3]
    >>> print(pdb(Protein("demo", "MK", backbone, numbering=("27A", "28")), bfactor=[50, 0]))
    ATOM      1  CA  MET    27A      1.000   2.000   3.000  1.00 50.00           C
    TER       2      MET    27A
    END
    """
    values = _values(protein, bfactor)
    if len(protein.chain) > 1:
        raise ValueError(
            f"{protein.name}: a PDB file holds chain ids of one letter, got {protein.chain!r}."
        )
    if not protein.observed.any():
        raise ValueError(f"{protein.name}: no residue is observed, so there is nothing to write.")
    lines: list[str] = []
    residue = ""
    for i in protein.index.tolist():
        residue = f"{THREE[protein.sequence[i]]} {protein.chain or ' '}{_number(protein, i)}"
        for atom, at in zip(ATOMS, protein.backbone[i].astype(float).tolist(), strict=True):
            if not np.isfinite(at).all():
                continue
            xyz = "".join(_fixed(protein, "coordinate", x, 8, 3) for x in at)
            b = _fixed(protein, "B-factor", values[i], 6, 2)
            serial = len(lines) + 1
            lines.append(f"ATOM  {serial:5d}  {atom:<3} {residue}   {xyz}  1.00{b}{atom[0]:>12}")
    if len(lines) >= MOST_ATOMS:
        raise ValueError(
            f"{protein.name}: a PDB file holds {MOST_ATOMS} atoms and TER, got {len(lines)} atoms."
        )
    told = [line for text in remarks for line in _remark(text)]
    return "\n".join(
        [*told, *lines, f"TER   {len(lines) + 1:5d}      {residue}".rstrip(), "END", ""]
    )


def _remark(text: str) -> list[str]:
    plain = text.encode("ascii", "replace").decode()
    return textwrap.wrap(plain, 80, initial_indent=REMARK, subsequent_indent=REMARK + "  ")


def fasta(proteins: Iterable[Protein]) -> str:
    """Write full sequences as FASTA text, 60 letters a line.

    Parameters
    ----------
    proteins : iterable of Protein
        Each gives a record headed by its name, and by "name_chain" where it has a chain id.

    Raises
    ------
    ValueError
        For a name with white space, which FASTA would cut, and for two records of one name.

    Examples
    --------
    >>> print(fasta([Protein("1abc", "MKV", np.zeros((3, 4, 3)), chain="A")]), end="")
    >1abc_A
    MKV
    """
    records: dict[str, str] = {}
    for protein in proteins:
        name = f"{protein.name}_{protein.chain}" if protein.chain else protein.name
        if re.search(r"\s", name):
            raise ValueError(f"{name}: a FASTA id has no white space.")
        if name in records:
            raise ValueError(f"{name}: a FASTA file has each id once, got it twice.")
        rows = range(0, len(protein), WIDTH)
        records[name] = "\n".join(protein.sequence[i : i + WIDTH] for i in rows)
    return "".join(f">{name}\n{rows}\n" for name, rows in records.items())


def _values(
    protein: Protein, bfactor: Sequence[float] | npt.NDArray[np.floating] | None
) -> list[float]:
    values = np.zeros(len(protein)) if bfactor is None else np.asarray(bfactor, dtype=np.float64)
    if values.shape != (len(protein),):
        raise ValueError(
            f"{protein.name}: bfactor has shape {list(values.shape)}, "
            f"but a sequence of {len(protein)} residues needs [{len(protein)}]."
        )
    kept: list[float] = np.where(np.isnan(values), 0.0, values).tolist()
    return kept


def _number(protein: Protein, i: int) -> str:
    """Author residue id in columns 23-27."""
    found = re.fullmatch(r"(-?\d+)([^\s\d]?)", protein.numbering[i])
    if not found or not -999 <= int(found[1]) <= 9999:
        raise ValueError(
            f"{protein.name}: a PDB file holds residue numbers from -999 to 9999 with one letter, "
            f"got {protein.numbering[i]!r} for residue {i} (counted from 0)."
        )
    return f"{found[1]:>4}{found[2] or ' '}"


def _fixed(protein: Protein, what: str, value: float, width: int, digits: int) -> str:
    text = f"{value:{width}.{digits}f}"
    if len(text) > width or not np.isfinite(value):
        raise ValueError(
            f"{protein.name}: a PDB file holds a {what} in {width} columns with {digits} digits "
            f"after the point, got {value:g}."
        )
    return text
