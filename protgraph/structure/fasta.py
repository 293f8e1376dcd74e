"""Reading sequences without a structure: FASTA and UniProt records."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from protgraph.structure.protein import Protein
from protgraph.structure.residues import LETTERS
from protgraph.structure.source import content, suffix

FORMATS = {
    ".fasta": "fasta", ".fa": "fasta", ".faa": "fasta", ".txt": "swiss", ".dat": "swiss",
    ".xml": "uniprot-xml",
}  # fmt: skip
"""Suffix -> Biopython's name of the format."""

NUCLEOTIDES = 20
"""Letters from which on a sequence of nucleotides alone is doubted to be a protein."""


def sequences(path: str | Path) -> tuple[Protein, ...]:
    """Read proteins without coordinates.

    Lower case becomes upper case, a `*` at the end and gaps (`-`, `.`) are removed, and letters
    beyond the 20 amino acids (B, J, O, U, Z) become X; `notes` tell of the last two, of sequences
    of X alone, and of what looks like nucleotides.

    Parameters
    ----------
    path : str or Path
        FASTA (`.fasta .fa .faa`), UniProt flat file (`.txt .dat`) or UniProt XML (`.xml`), each
        also with `.gz`.

    Returns
    -------
    proteins : tuple of Protein
        In the order of the file; nothing in them is observed. The name is the record's id.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For an unknown suffix, a file without records, a record without letters, an id that
        comes twice, and a letter that is no amino acid, a `*` inside included.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two.fasta"
    ...     _ = path.write_text(">a first\\nMKV\\n>b\\nmku*\\n")
    ...     [(p.name, p.sequence, p.notes) for p in sequences(path)]
    [('a', 'MKV', ()), ('b', 'MKX', ('U read as X at 3',))]
    """
    return tuple(Protein(name, sequence, notes=notes) for name, sequence, notes in records(path))


def records(path: str | Path) -> list[tuple[str, str, tuple[str, ...]]]:
    """Id, cleaned sequence and notes of every record; parameters and errors are `sequences`'s.

    Examples
    --------
    >>> records("proteins.fa")
    Traceback (most recent call last):
    FileNotFoundError: proteins.fa: there is no such file.
    """
    path = Path(path)
    if suffix(path) not in FORMATS:
        known = " ".join(FORMATS)
        raise ValueError(
            f"{path.name}: sequences are read from {known} (each also .gz), "
            f"got the suffix {suffix(path)!r}."
        )
    found = []
    seen: set[str] = set()
    for name, text in _records(path):
        if not name:
            raise ValueError(f"{path.name}: a record has no id.")
        if name in seen:
            raise ValueError(f"{path.name}: the id {name!r} comes twice.")
        seen.add(name)
        found.append((name, *letters(f"{path.name}: {name}", text)))
    if not found:
        raise ValueError(f"{path.name}: no sequence record.")
    return found


def letters(name: str, text: str) -> tuple[str, tuple[str, ...]]:
    """Clean a sequence, and say what was done, by the rules of `sequences`.

    Examples
    --------
    >>> letters("demo", "mk-vz*")
    ('MKVX', ('1 gap was removed', 'Z read as X at 4'))
    """
    sequence = "".join(text.split()).upper().removesuffix("*")
    notes = []
    gaps = sequence.count("-") + sequence.count(".")
    if gaps:
        sequence = sequence.replace("-", "").replace(".", "")
        notes.append(f"{gaps} gap was removed" if gaps == 1 else f"{gaps} gaps were removed")
    wrong = re.search("[^A-Z]", sequence)
    if wrong:
        raise ValueError(
            f"{name}: a sequence is written in the letters A to Z, "
            f"got {wrong.group()!r} at {wrong.start() + 1}."
        )
    if not sequence:
        raise ValueError(f"{name}: the sequence is empty.")
    for odd in sorted(set(sequence) - set(LETTERS)):
        where = ", ".join(str(i + 1) for i, letter in enumerate(sequence) if letter == odd)
        notes.append(f"{odd} read as X at {where}")
    clean = re.sub(f"[^{LETTERS}]", "X", sequence)
    if not clean.strip("X"):
        notes.append("no residue is known, all are X")
    if len(sequence) >= NUCLEOTIDES and not sequence.strip("ACGTUN"):
        notes.append("nothing but A, C, G, T, U and N: read as amino acids, are they nucleotides?")
    return clean, tuple(notes)


def _records(path: Path) -> list[tuple[str, str]]:
    from Bio import SeqIO

    kind = FORMATS[suffix(path)]
    data = content(path)
    handle: Any = io.BytesIO(data) if kind == "uniprot-xml" else io.StringIO(_text(path, data))
    if kind == "fasta" and not handle.getvalue().lstrip().startswith(">"):
        raise ValueError(f"{path.name}: a FASTA file begins with '>'.")
    if kind == "fasta":
        handle = io.StringIO(handle.getvalue().lstrip())
    if kind == "swiss" and handle.getvalue().lstrip().startswith(">"):
        raise ValueError(
            f"{path.name}: {suffix(path)} is read as a UniProt flat file, and this one looks like "
            "FASTA, which ends in .fasta, .fa or .faa."
        )
    try:
        return [(record.id, str(record.seq)) for record in SeqIO.parse(handle, kind)]
    except Exception as error:  # Biopython's parsers raise many kinds on broken records
        raise ValueError(f"{path.name}: not a {kind} file that can be read ({error}).") from None


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not a text file.") from None
