"""From a gemmi structure to columns of atoms."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.structure.atoms import NAMES, Atoms, Span, Words, changes, roles, unpacked
from protgraph.structure.protein import Bools

_HYDROGEN, _DEUTERIUM = 1, 119


class Header(NamedTuple):
    """What a PDB file says beside its atoms.

    `model` is the number of the first one, `sequences` are the residue names of SEQRES by chain,
    `method` is EXPDTA.
    """

    model: str
    sequences: dict[str, list[str]]
    method: str | None


def header(structure: Any) -> Header:
    """What gemmi found in a PDB file beside its atoms."""
    sequences = {entity.name: first_names(entity) for entity in structure.entities}
    method = dict(structure.info).get("_exptl.method")
    return Header(str(structure[0].num), sequences, method)


def first_names(entity: Any) -> list[str]:
    """Residue names of the full sequence of a `gemmi.Entity`; of several at one place the first."""
    return [name.split(",")[0] for name in entity.full_sequence]


def chains(structure: Any) -> list[Span]:
    """Author chains of a PDB file."""
    spans: list[Span] = []
    start = 0
    for model in structure:
        for chain in model:
            stop = start + chain.count_atom_sites()
            spans.append(Span(str(model.num), chain.name, chain.name, start, stop))
            start = stop
    return spans


def molecules(structure: Any) -> tuple[list[Span], list[int]]:
    """Molecules (label_asym_id) of an mmCIF file, whose names are blanked; labels of all atoms."""
    spans: list[Span] = []
    labels: list[int] = []
    for model in structure:
        for chain in model:
            name = chain.name
            for molecule, group in groupby(list(chain), key=lambda residue: residue.subchain):
                start = len(labels)
                for residue in group:
                    labels += [residue.label_seq or 0] * len(residue)
                    residue.subchain = ""  # gemmi's columns hold no name of 8 letters or more
                spans.append(Span(str(model.num), name, molecule, start, len(labels)))
            chain.name = ""
    return spans, labels


def columns(structure: Any, spans: list[Span], labels: list[int] | None = None) -> Atoms:
    """Columns of all atoms of a `gemmi.Structure`, model after model.

    Parameters
    ----------
    structure : gemmi.Structure
        For mmCIF with its names blanked, as `molecules` does.
    spans : list of Span
        Its chains or molecules.
    labels : list of int, optional
        Places in the full sequence, one an atom.

    Examples
    --------
    >>> import gemmi
    >>> from protgraph.structure.atoms import unpacked
    >>> line = "ATOM      1  CA  GLY A   7       1.000   2.000   3.000  1.00  0.00           C"
    >>> structure = gemmi.read_pdb_string(line)
    >>> [unpacked(int(name)) for name in columns(structure, chains(structure)).residue]
    ['GLY']
    """
    import gemmi

    flat: Any = gemmi.FlatStructure(structure)
    flat.strings_as_numbers = True
    names = flat.atom_names.view(np.uint64).ravel()
    residue = flat.residue_names.view(np.uint64)[:, 0]
    number = flat.resnums.astype(np.int64) * 256 + flat.icodes
    hetero, kind = flat.het_flags == ord("H"), flat.entity_type
    label = np.zeros(len(number), dtype=np.int64) if labels is None else np.array(labels)
    new = changes(number) | changes(residue) | changes(label) | changes(hetero) | changes(kind)
    new[[span.start for span in spans]] = True
    first = np.flatnonzero(new)
    return Atoms(
        name=names,
        role=roles(names, NAMES),
        alternative=flat.altlocs,
        hydrogen=_hydrogens(flat.elements.copy(), names),
        position=np.ascontiguousarray(flat.pos),
        occupancy=flat.occ,
        bfactor=flat.b_iso,
        of=np.cumsum(new) - 1,
        first=first,
        residue=residue.take(first),
        number=number.take(first),
        label=label.take(first),
        hetero=hetero.take(first),
        kind=kind.take(first),
    )


def _hydrogens(elements: npt.NDArray[np.uint8], names: Words) -> Bools:
    """Which atoms are hydrogen or deuterium, [n]."""
    found: Bools = (elements == _HYDROGEN) | (elements == _DEUTERIUM)
    if not elements.all():  # an element that gemmi cannot tell: then by the atom's name
        bare = [unpacked(name).lstrip("0123456789") for name in names.tolist()]
        found |= (elements == 0) & np.array([name[:1] in ("H", "D") for name in bare])
    return found
