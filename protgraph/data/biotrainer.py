"""Labels in the heads of FASTA records, as biotrainer writes them, turned into rows.

One record is one row: `>id TARGET=... SET=train MASK=... INTERACTOR=...` and the sequence. `SET` is
`train`, `val` or `test`; the older `SET=train VALIDATION=True` is `val` too. In the still older
form of residue labels one file has the sequences, one the labels in their place
(`>id SET=train VALIDATION=False`), and one may have the masks.

Source: biotrainer's documentation, "Data standardization".
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from protgraph.data.rows import Rows, decoded

SUFFIXES = (".fasta", ".fa", ".faa")

KEYS = {"TARGET": "label", "SET": "split", "MASK": "mask", "INTERACTOR": "interactor"}
"""Attribute of a record -> column; `VALIDATION` is told by `split`."""


ATTRIBUTES = (*KEYS, "VALIDATION")
"""Other words with a "=", such as the `OS=` of UniProt, mean nothing here."""


class Record(NamedTuple):
    """A record of a FASTA file: its line, id, attributes and text, and what is wrong with it."""

    line: int
    name: str
    said: dict[str, str]
    text: str
    fault: str


def read(path: Path) -> Rows:
    """Read a FASTA file as rows with the columns id, sequence, and those of `KEYS` that it has.

    Other words are a description and are left out. A word right after the value of an attribute,
    an attribute that comes twice, and `VALIDATION=True` outside of training make the row wrong.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is empty, not UTF-8, or does not begin with ">".

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "my.fasta"
    ...     _ = path.write_text(">a TARGET=CH SET=train VALIDATION=True\\nM\\nK\\n")
    ...     rows = read(path)
    >>> rows.columns
    {'id': ['a'], 'sequence': ['MK'], 'label': ['CH'], 'split': ['valid']}
    """
    found = _records(path)
    columns = {"id": [one.name for one in found], "sequence": [one.text for one in found]}
    for key, column in KEYS.items():
        if any(key in one.said for one in found):
            columns[column] = [one.said.get(key, "") for one in found]
    places = [(path.name, one.line) for one in found]
    rows = Rows(path.name, path.parent, tuple(columns), columns, places)
    for row, one in enumerate(found):
        if one.fault:
            rows.refuse(row, "head", one.fault, " ".join(f"{k}={v}" for k, v in one.said.items()))
        if one.said.get("VALIDATION", "").lower() == "true" and "split" in columns:
            told = columns["split"][row]
            columns["split"][row] = (
                "valid" if told in ("train", "val") else f"{told} VALIDATION=True"
            )
    return rows


def replaced(labels: Rows, sequences: Rows) -> Rows:
    """Take a labels file, whose text is labels, and put the sequences in.

    A label whose id has no sequence is a wrong row.

    Raises
    ------
    ValueError
        Where an id has two sequences.
    """
    texts = _by_id(sequences)
    own = labels.columns
    columns = {"label": own["sequence"], **own, "sequence": [texts.get(i, "") for i in own["id"]]}
    rows = Rows(
        f"{labels.source}, {sequences.source}",
        labels.folder,
        tuple(columns),
        columns,
        labels.places,
        dict(labels.wrong),
    )
    for row, name in enumerate(own["id"]):
        if name not in texts:
            rows.refuse(row, "id", f"{sequences.source} has the sequence of every id", name)
    return rows


def masked(rows: Rows, masks: Rows) -> Rows:
    """Put in the column `mask` from a file of masks; an id without a mask is a wrong row.

    Raises
    ------
    ValueError
        Where an id has two masks.
    """
    texts = _by_id(masks)
    names = rows.cells("id")
    columns = {**rows.columns, "mask": [texts.get(name, "") for name in names]}
    made = Rows(rows.source, rows.folder, tuple(columns), columns, rows.places, dict(rows.wrong))
    for row, name in enumerate(names):
        if name not in texts:
            made.refuse(row, "id", f"{masks.source} has the mask of every id", name)
    return made


def partners(rows: Rows, pair: tuple[str, str]) -> tuple[Rows, Rows]:
    """Take records with `INTERACTOR` apart into pairs and the proteins they name.

    A record that says neither partner nor target gives a sequence only. An id may come again, with
    the same sequence.
    """
    ids, texts, others = (rows.cells(name) for name in ("id", "sequence", "interactor"))
    targets = rows.cells("label")
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if texts[first.setdefault(name, row)] != texts[row]:
            rows.refuse(row, "id", "an id has one sequence", name)
    said = [row for row in range(len(rows)) if others[row] or targets[row]]
    pairs = _taken(rows, said, {pair[0]: "id", pair[1]: "interactor"})
    return pairs, _taken(rows, list(first.values()), {"id": "id", "sequence": "sequence"})


def _by_id(rows: Rows) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in zip(rows.columns["id"], rows.columns["sequence"], strict=True):
        if name in found:
            raise ValueError(f"{rows.source}: the id {name!r} comes twice.")
        found[name] = text
    return found


def _taken(rows: Rows, chosen: list[int], renamed: dict[str, str]) -> Rows:
    """Some rows with some columns under new names; the labels keep theirs."""
    kept = dict(renamed)
    kept |= {name: name for name in ("label", "split") if name in rows.header}
    columns = {new: [rows.columns[old][row] for row in chosen] for new, old in kept.items()}
    wrong = {place: rows.wrong[row] for place, row in enumerate(chosen) if row in rows.wrong}
    places = [rows.places[row] for row in chosen]
    return Rows(rows.source, rows.folder, tuple(columns), columns, places, wrong)


def _records(path: Path) -> list[Record]:
    heads: list[tuple[int, str]] = []
    texts: list[list[str]] = []
    for number, line in enumerate(decoded(path).splitlines(), 1):
        text = line.strip()
        if text.startswith(">"):
            heads.append((number, text[1:]))
            texts.append([])
        elif text and not heads:
            raise ValueError(f"{path.name}: a FASTA file begins with '>', got {text[:20]!r}.")
        elif text:
            texts[-1].append(text)
    return [
        _record(number, head, "".join(text))
        for (number, head), text in zip(heads, texts, strict=True)
    ]


def _record(line: int, head: str, text: str) -> Record:
    name, *words = head.split() or [""]
    said: dict[str, str] = {}
    fault = "" if name else "a record has an id"
    last = ""
    for word in words:
        key, sign, value = word.partition("=")
        key = key.upper()
        if not sign and last in ATTRIBUTES:
            fault = fault or f"values have no blanks, and {word!r} follows one"
        elif key in said:
            fault = fault or f"an attribute comes once, and {key} comes again"
        elif sign and key in ATTRIBUTES:
            said[key] = value
        last = key if sign else last
    return Record(line, name, said, text, fault)
