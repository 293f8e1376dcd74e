"""Proteins that are at hand: letters of a file, structures of a folder, by the names they have."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from protgraph.data.annotations import Labels, Left
from protgraph.data.forms import number
from protgraph.structure.fasta import sequences
from protgraph.structure.read import STRUCTURES, read
from protgraph.structure.source import stem, suffix

_MODEL = re.compile(r"AF-([A-Z0-9]+)-F1(-model_v\d+)?")
_ENTRY = re.compile("[0-9][a-z0-9]{3}|pdb_[0-9a-z]{8}")
_CHAIN = re.compile(r"(.+?)[-_]([A-Za-z0-9]+)")


class Held(NamedTuple):
    """Proteins that are at hand: letters by name, structure files by entry and chain.

    None where none were asked for; a protein is at hand where all that were asked for have it.
    """

    letters: Mapping[str, str] | None = None
    files: Mapping[tuple[str, str], Path] | None = None

    @property
    def columns(self) -> list[str]:
        """Columns of a table that says it all."""
        structural = ["structure", "chain"] if self.files is not None else []
        return ["sequence"] * (self.letters is not None) + structural

    def cells(self, name: str, folder: Path) -> list[str]:
        """Cells of those columns; none where the protein is not at hand.

        Paths are written as seen from the folder.
        """
        found = []
        if self.letters is not None:
            if name not in self.letters:
                return []
            found.append(self.letters[name])
        if self.files is not None:
            entry, chain = key(name)
            own = self.files.get((entry, chain))
            file = own or (self.files.get((entry, "")) if _ENTRY.fullmatch(entry) else None)
            if file is None:
                return []
            found += [os.path.relpath(file, folder), "" if own else chain]
        return found


def key(name: str) -> tuple[str, str]:
    """Entry, in small letters, and chain that a name means.

    Examples
    --------
    >>> key("1ABC-A"), key("1abc_A"), key("AF-P69905-F1-model_v4"), key("P69905")
    (('1abc', 'A'), ('1abc', 'A'), ('p69905', ''), ('p69905', ''))
    """
    model, chain = _MODEL.fullmatch(name), _CHAIN.fullmatch(name)
    if model:
        return model[1].lower(), ""
    return (chain[1].lower(), chain[2]) if chain else (name.lower(), "")


def accession(name: str) -> str:
    """Accession of a UniProt record's id; any other name stays.

    Examples
    --------
    >>> accession("sp|P69905|HBA_HUMAN"), accession("1ABC-A")
    ('P69905', '1ABC-A')
    """
    parts = name.split("|")
    return parts[1] if len(parts) == 3 and parts[0] in ("sp", "tr") else name


def held(fasta: str | Path | None, folder: str | Path | None) -> Held:
    """Look for proteins in a sequence file, a folder of structures, or both.

    Parameters
    ----------
    fasta : str or Path, optional
        As `protgraph.structure.fasta.sequences` reads; `sp|P69905|HBA_HUMAN` is P69905.
    folder : str or Path, optional
        Structure files: of a chain (`1abc_A.pdb`, `1ABC-A.cif`), of an entry with the chain
        (`1abc.cif`), or of the whole name (`P69905.pdb`, `AF-P69905-F1-model_v4.cif`).

    Raises
    ------
    FileNotFoundError, ValueError
        Where neither is given, the folder has no structure file, or two are of one protein.

    Examples
    --------
    >>> held(None, None)
    Traceback (most recent call last):
    ValueError: Proteins are needed: a file of sequences, a folder of structures, or both.
    """
    if fasta is None and folder is None:
        raise ValueError(
            "Proteins are needed: a file of sequences, a folder of structures, or both."
        )
    letters = None if fasta is None else _letters(fasta)
    if folder is None:
        return Held(letters)
    files: dict[tuple[str, str], Path] = {}
    for path in _structures(Path(folder)):
        other = files.setdefault(key(stem(path)), path)
        if other != path:
            raise ValueError(f"{folder}: one file a protein, got {other.name} and {path.name}.")
    return Held(letters, files)


def _letters(fasta: str | Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for protein in sequences(fasta):
        name = accession(protein.name)
        if name in found:
            raise ValueError(f"{Path(fasta).name}: the id {name!r} comes twice.")
        found[name] = protein.sequence
    return found


def _structures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder.")
    found = sorted(path for path in folder.iterdir() if suffix(path) in STRUCTURES)
    if not found:
        raise ValueError(f"{folder}: no structure file ({' '.join(STRUCTURES)}, each also .gz).")
    return found


def classes(folder: str | Path) -> tuple[Labels, Held]:
    """Take the names of the folders in a folder as classes of the structures in them.

    Structures that cannot be read, or have several chains, are left out.

    Raises
    ------
    FileNotFoundError, ValueError
        Where there are not two such folders at least, one has no structure file or is called by a
        number, or a name comes twice.
    """
    home = Path(folder)
    if not home.is_dir():
        raise FileNotFoundError(f"{home}: there is no such folder.")
    inner = sorted(path for path in home.iterdir() if path.is_dir())
    if len(inner) < 2:
        raise ValueError(f"{home}: two folders at least, one a class, got {len(inner)}.")
    of: dict[str, list[str]] = {}
    files: dict[tuple[str, str], Path] = {}
    left = Left()
    for place in inner:
        _named(place.name)
        for path in _structures(place):
            name = stem(path)
            if key(name) in files:
                raise ValueError(f"{path}: a name comes once, and {files[key(name)]} has it.")
            files[key(name)] = path
            fault = _unread(path)
            if fault:
                left.add(fault, str(path.relative_to(home)))
            else:
                of[name] = [place.name]
    return Labels(home.name, of, left, listed=False), Held(None, files)


def _named(text: str) -> None:
    """Refuse a class that a table would read as a number."""
    try:
        number(text)
    except ValueError:
        return
    raise ValueError(f"{text}: a class is called by a word, for a number is read as a quantity.")


def _unread(path: Path) -> str:
    """Why a structure is not one chain that can be read, "" where it is."""
    try:
        found = read(path)
    except (ValueError, ImportError) as error:
        return f"the structure cannot be read ({error})"
    return "" if len(found) == 1 else "one chain is needed, and the structure has several"
