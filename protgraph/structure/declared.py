"""The full sequence that a structure file itself declares for a chain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from protgraph.structure.atoms import NO_AMINO, Ints, one_letter
from protgraph.structure.chains import Residues
from protgraph.structure.source import Source


class Declared(NamedTuple):
    """Full sequence, author ids of its residues ("" unknown), and where the observed ones stand.

    `at` is None where the file tells the sequence (SEQRES) but not the places.
    """

    sequence: str
    ids: list[str]
    at: Ints | None


def declared(source: Source, chain: Residues) -> Declared | None:
    """Full sequence that a file declares for a chain, or None.

    It is `_pdbx_poly_seq_scheme`, else `_entity_poly_seq`, in mmCIF, and SEQRES in PDB. Caps
    (ACE, NH2) are left out, as they are among the observed residues.

    Examples
    --------
    >>> from protgraph.structure.chains import residues
    >>> from protgraph.structure.load import pdb
    >>> text = b'''SEQRES   1 A    3  MET GLY VAL
    ... ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C'''
    >>> source = pdb("x.pdb", text)
    >>> declared(source, residues(source)[0]).sequence
    'MGV'
    """
    names, ids = _scheme(source, chain)
    if not names:
        return None
    letters = [_letter(name) for name in names]
    labels = chain.labels if _placed(chain.labels, len(names)) else None
    if labels is not None:
        for label, letter in zip(labels.tolist(), chain.letters, strict=True):
            letters[label - 1] = letter
    kept = np.array([letter != NO_AMINO for letter in letters])
    return Declared(
        sequence="".join(letter for letter in letters if letter != NO_AMINO),
        ids=[i for i, keep in zip(ids, kept.tolist(), strict=True) if keep],
        at=None if labels is None else (np.cumsum(kept) - 1)[labels - 1],
    )


def _placed(labels: Ints, length: int) -> bool:
    """Whether every residue has a place in the full sequence, each another one."""
    return bool((labels > 0).all() and (labels <= length).all() and (np.diff(labels) > 0).all())


def _scheme(source: Source, chain: Residues) -> tuple[list[str], list[str]]:
    """Residue names and author ids of a molecule's full sequence."""
    if source.block is not None:
        tags = ["asym_id", "seq_id", "mon_id", "pdb_seq_num", "?pdb_ins_code"]
        found: dict[str, tuple[str, str]] = {}
        for row in source.block.find("_pdbx_poly_seq_scheme.", tags):
            if row.str(0) == chain.molecule:
                code = row.str(4) if row.has(4) else ""
                found.setdefault(row.str(1), (row.str(2), row.str(3) + code))
        if found:
            return [name for name, _ in found.values()], [number for _, number in found.values()]
    names = source.sequences.get(chain.molecule, [])
    return names, [""] * len(names)


def _letter(name: str) -> str:
    import gemmi

    known = gemmi.find_tabulated_residue(name).found() or name in ("NME", "FOR")
    return one_letter(name) if known else one_letter(name).replace(NO_AMINO, "X")
