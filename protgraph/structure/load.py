"""From a file on disk, PDB, mmCIF or BinaryCIF, to columns of atoms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from protgraph.structure.atoms import Atoms
from protgraph.structure.binary import binary_block
from protgraph.structure.columns import chains, columns, first_names, header, molecules
from protgraph.structure.fields import NotPlain
from protgraph.structure.plain import plain
from protgraph.structure.source import Source, content, suffix

PDB = (".pdb", ".ent")
CIF = (".cif", ".mmcif")
BCIF = (".bcif",)

FEW = 20
"""Most atoms with a 0 among their coordinates that are looked up one by one."""

_FOLDERS = tuple(
    name + b"FOLD" for name in (b"ALPHA", b"ESM", b"COLAB", b"OPEN", b"OMEGA", b"ROSETTA")
)
_PARENT = re.compile(rb"^PARENT\b", re.MULTILINE)


def load(path: Path, *, every: bool = False) -> Source:
    """Read a structure file; the suffix tells its format.

    Parameters
    ----------
    path : Path
        `.pdb .ent .cif .mmcif .bcif`, each also with `.gz`.
    every : bool
        All models, not the first alone.

    Raises
    ------
    FileNotFoundError, ValueError
        As `content`; and where the text is not in the format that the suffix promises.
    ImportError
        For BinaryCIF without biotite.

    Examples
    --------
    >>> load(Path("missing.cif"))
    Traceback (most recent call last):
    FileNotFoundError: missing.cif: there is no such file.
    """
    data = content(path)
    kind = suffix(path)
    if kind in PDB:
        return pdb(path.name, data, every=every)
    block = binary_block(path.name, data) if kind in BCIF else _text_block(path.name, data)
    return _cif(path.name, block, every=every)


def pdb(name: str, data: bytes, *, every: bool = False) -> Source:
    """Read the text of a PDB file: by its columns where it is plain, else by gemmi.

    Raises
    ------
    ValueError
        Where gemmi cannot read it, it has no atom, or a coordinate is no number.

    Examples
    --------
    >>> line = b"ATOM      1  CA  GLY A   1    ********   2.000   3.000\\n"
    >>> pdb("x.pdb", line)
    Traceback (most recent call last):
    ValueError: x.pdb: line 1 has the coordinates '********   2.000   3.000', not three numbers.
    """
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    try:
        atoms, spans, said = plain(data)
    except NotPlain:
        return _of_gemmi(name, data, every=every)
    predicted = _pdb_predicted(said.method, data)
    return Source(name, atoms, spans, False, said.sequences, None, predicted)


def _of_gemmi(name: str, data: bytes, *, every: bool) -> Source:
    try:
        structure, notes = _parsed(data)
    except RuntimeError as error:
        raise ValueError(f"{name}: not a PDB file that can be read ({_said(error)}).") from None
    structure.merge_chain_parts()
    if not len(structure) or not structure[0].count_atom_sites():
        start = data[:40].decode("latin-1")
        raise ValueError(f"{name}: no ATOM or HETATM record (the file starts with {start!r}).")
    said = header(structure)
    predicted = _pdb_predicted(said.method, data)
    several, more = _several(structure, every=every)
    spans = chains(structure)
    atoms = columns(structure, spans)
    if not atoms.position.all():
        _check_zeros(name, data, structure, atoms)
    return Source(name, atoms, spans, several, said.sequences, None, predicted, notes + more)


def _poly_seq(structure: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entity in structure.entities:
        names = first_names(entity)
        for molecule in entity.subchains:
            found.setdefault(molecule, names)
    return found


def _several(structure: Any, *, every: bool) -> tuple[bool, tuple[str, ...]]:
    """Whether there are several models left; all but the first go if not asked for, with a note."""
    count = len(structure)
    if every or count < 2:
        return count > 1, ()
    while len(structure) > 1:
        del structure[-1]
    return False, (f"the first of {count} models",)


def _check_zeros(name: str, data: bytes, structure: Any, atoms: Atoms) -> None:
    """Refuse a text with a coordinate that is no number, which gemmi reads as 0."""
    import gemmi

    zero = np.flatnonzero((atoms.position == 0).any(axis=1))
    serials = gemmi.FlatStructure(structure).serials[zero].tolist()
    for serial, position in zip(serials, atoms.position[zero].tolist(), strict=True):
        if len(serials) > FEW:
            break
        start = data.find(b"ATOM  %5d " % serial)
        line = data[max(start, 0) : start + 54]
        if start < 0 or _coordinates(line) != position:
            break  # a hetero atom, a serial number used twice, or what is looked for
    else:
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.startswith((b"ATOM  ", b"HETATM")) and _coordinates(line) is None:
            said = line[30:54].decode("latin-1")
            raise ValueError(
                f"{name}: line {number} has the coordinates {said!r}, not three numbers."
            )


def _coordinates(line: bytes) -> list[float] | None:
    try:
        return [float(line[start : start + 8]) for start in (30, 38, 46)]
    except ValueError:
        return None


def _parsed(data: bytes) -> tuple[Any, tuple[str, ...]]:
    import gemmi

    try:
        return gemmi.read_pdb_string(data), ()
    except RuntimeError as error:
        if "charge" not in str(error):
            raise
    note = "old-format PDB: columns 67-80 hold an id and were left out"
    return gemmi.read_pdb_string(_cut(data)), (note,)


def _pdb_predicted(method: str | None, data: bytes) -> bool:
    head = 0 if data.startswith(b"ATOM  ") else max(data.find(b"\nATOM  "), 0)
    modelled = method is None or "THEORETICAL" in method.upper()
    return modelled and _names_predictor(data[:head])


def _names_predictor(text: bytes) -> bool:
    said = text.upper()
    if b"PLDDT" in said or (b"FOLD" in said and any(name in said for name in _FOLDERS)):
        return True
    return b"PARENT" in said and bool(_PARENT.search(said))


def _cut(data: bytes) -> bytes:
    atoms = (b"ATOM  ", b"HETATM", b"ANISOU")
    lines = data.splitlines()
    return b"\n".join(line[:66] if line.startswith(atoms) else line for line in lines)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _text_block(name: str, data: bytes) -> Any:
    import gemmi

    try:
        document = gemmi.cif.read_string(data)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: not a CIF file that can be read ({_said(error)}).") from None
    if not len(document):
        raise ValueError(f"{name}: a CIF file has one data block at least, got none.")
    with_atoms = (block for block in document if len(block.find_values("_atom_site.Cartn_x")))
    return next(with_atoms, document[0])


def _cif(name: str, block: Any, *, every: bool) -> Source:
    import gemmi

    if not len(block.find_values("_atom_site.Cartn_x")):
        raise ValueError(f"{name}: no _atom_site rows, so there are no coordinates.")
    try:
        structure = gemmi.make_structure_from_block(block)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: not an mmCIF file that can be read ({_said(error)}).") from None
    structure.merge_chain_parts()
    if not len(structure) or not structure[0].count_atom_sites():
        raise ValueError(f"{name}: no _atom_site rows, so there are no coordinates.")
    predicted = _cif_predicted(block)
    several, notes = _several(structure, every=every)
    spans, labels = molecules(structure)
    atoms = columns(structure, spans, labels)
    return Source(name, atoms, spans, several, _poly_seq(structure), block, predicted, notes)


def _cif_predicted(block: Any) -> bool:
    metrics = [*block.find_values("_ma_qa_metric.name"), *block.find_values("_ma_qa_metric.type")]
    if metrics:
        return any("plddt" in metric.lower() for metric in metrics)
    if len(block.find_values("_exptl.method")):
        return False
    tags = ("_entry.id", "_struct.title", "_software.name")
    said = " ".join(value for tag in tags for value in block.find_values(tag))
    return _names_predictor(said.encode())
