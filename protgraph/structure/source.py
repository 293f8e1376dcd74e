"""What a file on disk held, before it is known which of it is protein."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protgraph.structure.atoms import Atoms, Span


@dataclass(frozen=True, eq=False)
class Source:
    """What a file held.

    Parameters
    ----------
    name : str
        File name, for messages.
    atoms : Atoms
        Atoms of the models that were asked for.
    spans : list of Span
        Where in them each chain (PDB) or molecule (mmCIF) lies.
    several : bool
        These are more than one model.
    sequences : dict of str to list of str
        Residue names of the full sequences that the file declares, by chain (PDB: SEQRES) or
        molecule (mmCIF: _entity_poly_seq).
    block : gemmi.cif.Block or None
        The mmCIF data block, None for PDB.
    predicted : bool
        The file says that it is a prediction, so that B-factors are pLDDT.
    notes : tuple of str
        What had to be done to the text before it could be read.
    """

    name: str
    atoms: Atoms
    spans: list[Span]
    several: bool
    sequences: dict[str, list[str]]
    block: Any
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
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (Path.open costs a tenth of a parse)
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
    if data.isspace() or not data:
        raise ValueError(f"{path.name}: the file is empty.")
    return data
