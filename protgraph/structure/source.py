"""From a file on disk, PDB, mmCIF or BinaryCIF, to a gemmi structure."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protgraph.structure.binary import binary_block

PDB = (".pdb", ".ent")
CIF = (".cif", ".mmcif")
BCIF = (".bcif",)

FEW = 20
"""Most atoms with a 0 among their coordinates that are looked up one by one."""

_PREDICTORS = re.compile(
    rb"^PARENT\b|ALPHAFOLD|ESMFOLD|COLABFOLD|OPENFOLD|OMEGAFOLD|ROSETTAFOLD|PLDDT",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, eq=False)
class Source:
    """What a file held.

    Parameters
    ----------
    name : str
        File name, for messages.
    structure : gemmi.Structure
        All models.
    block : gemmi.cif.Block or None
        The mmCIF data block, None for PDB.
    text : bytes
        The text of a PDB file, empty for mmCIF.
    predicted : bool
        The file says that it is a prediction, so that B-factors are pLDDT.
    notes : tuple of str
        What had to be done to the text before it could be read.
    """

    name: str
    structure: Any
    block: Any
    text: bytes
    predicted: bool
    notes: tuple[str, ...] = ()


def suffix(path: Path) -> str:
    """Suffix that tells the format, lower case and without `.gz`.

    Examples
    --------
    >>> suffix(Path("1abc.PDB.gz")), suffix(Path("P69905"))
    ('.pdb', '')
    """
    first, dot, last = path.name.lower().removesuffix(".gz").rpartition(".")
    return dot + last if first else ""


def stem(path: Path) -> str:
    """File name without `.gz` and without the suffix that tells the format.

    Examples
    --------
    >>> stem(Path("models/1abc.v2.cif.gz"))
    '1abc.v2'
    """
    name = path.name
    if name.lower().endswith(".gz"):
        name = name[:-3]
    return name.rpartition(".")[0] or name


def content(path: Path) -> bytes:
    """Bytes of a file, unpacked where its name ends in `.gz`.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is a folder, is empty, or is a broken gzip file.

    Examples
    --------
    >>> content(Path("missing.pdb"))
    Traceback (most recent call last):
    FileNotFoundError: missing.pdb: there is no such file.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (Path.open costs a tenth of a parse)
            data = file.read()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file.") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: a folder was given where a file is read.") from None
    if path.name.lower().endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path.name}: the gzip file is broken ({error}).") from None
    if not data.strip():
        raise ValueError(f"{path.name}: the file is empty.")
    return data


def load(path: Path) -> Source:
    """Read a structure file; the suffix tells its format.

    Parameters
    ----------
    path : Path
        `.pdb .ent .cif .mmcif .bcif`, each also with `.gz`.

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
        return _pdb(path.name, data)
    block = binary_block(path.name, data) if kind in BCIF else _text_block(path.name, data)
    return _cif(path.name, block)


def check_zeros(source: Source, serials: list[int], positions: list[list[float]]) -> None:
    """Refuse a PDB text with a coordinate that is no number, which gemmi reads as 0.

    Parameters
    ----------
    source : Source
        A PDB file.
    serials, positions : list of int and of three floats
        Serial number and position of the atoms with a 0 among their coordinates.

    Raises
    ------
    ValueError
        Naming the line.

    Examples
    --------
    >>> line = b"ATOM      1  CA  GLY A   1    ********   2.000   3.000"
    >>> check_zeros(Source("x.pdb", None, None, line, False), [1], [[0.0, 2.0, 3.0]])
    Traceback (most recent call last):
    ValueError: x.pdb: line 1 has the coordinates '********   2.000   3.000', not three numbers.
    """
    for serial, position in zip(serials, positions, strict=True):
        if len(serials) > FEW:
            break
        start = source.text.find(b"ATOM  %5d " % serial)
        line = source.text[max(start, 0) : start + 54]
        if start < 0 or _coordinates(line) != position:
            break  # a hetero atom, a serial number used twice, or what is looked for
    else:
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.startswith((b"ATOM  ", b"HETATM")) and _coordinates(line) is None:
            said = line[30:54].decode("latin-1")
            raise ValueError(
                f"{source.name}: line {number} has the coordinates {said!r}, not three numbers."
            )


def _coordinates(line: bytes) -> list[float] | None:
    try:
        return [float(line[start : start + 8]) for start in (30, 38, 46)]
    except ValueError:
        return None


def _pdb(name: str, data: bytes) -> Source:
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    try:
        structure, notes = _parsed(data)
    except RuntimeError as error:
        raise ValueError(f"{name}: not a PDB file that can be read ({_said(error)}).") from None
    structure.merge_chain_parts()
    if not len(structure) or not structure[0].count_atom_sites():
        start = data[:40].decode("latin-1")
        raise ValueError(f"{name}: no ATOM or HETATM record (the file starts with {start!r}).")
    return Source(name, structure, None, data, _pdb_predicted(structure, data), notes)


def _parsed(data: bytes) -> tuple[Any, tuple[str, ...]]:
    import gemmi

    try:
        return gemmi.read_pdb_string(data), ()
    except RuntimeError as error:
        if "charge" not in str(error):
            raise
    note = "old-format PDB: columns 67-80 hold an id and were left out"
    return gemmi.read_pdb_string(_cut(data)), (note,)


def _pdb_predicted(structure: Any, data: bytes) -> bool:
    head = 0 if data.startswith(b"ATOM  ") else max(data.find(b"\nATOM  "), 0)
    if not _PREDICTORS.search(data, 0, head):
        return False
    info = dict(structure.info)
    return "THEORETICAL" in info.get("_exptl.method", "THEORETICAL").upper()


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


def _cif(name: str, block: Any) -> Source:
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
    return Source(name, structure, block, b"", _cif_predicted(block))


def _cif_predicted(block: Any) -> bool:
    metrics = [*block.find_values("_ma_qa_metric.name"), *block.find_values("_ma_qa_metric.type")]
    if metrics:
        return any("plddt" in metric.lower() for metric in metrics)
    if len(block.find_values("_exptl.method")):
        return False
    tags = ("_entry.id", "_struct.title", "_software.name")
    said = " ".join(value for tag in tags for value in block.find_values(tag))
    return bool(_PREDICTORS.search(said.encode()))
