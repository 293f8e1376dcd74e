"""A table made of what lies in several files: labels, proteins and a split."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from protgraph.data import columns
from protgraph.data.annotations import Labels, Left
from protgraph.data.dataset import SPLITS
from protgraph.data.held import Held, accession
from protgraph.data.proteins import names
from protgraph.data.rows import decoded, read


class Sides(NamedTuple):
    """Side of every protein of a split, and its family where the split says it."""

    source: str
    side: Mapping[str, str]
    family: Mapping[str, str]


class Made(NamedTuple):
    """A table as text, and what is to be said of it."""

    text: str
    notes: tuple[str, ...]


def sides(words: str) -> Sides:
    """Read a split: a table with names, `split` and perhaps `family`, or three files of names.

    Parameters
    ----------
    words : str
        A table such as `protgraph split` writes, or "train=a.txt,valid=b.txt,test=c.txt". Of each
        line of these the first word counts, up to a comma, tab or blank; a first line that says
        "PDB-chain" is a header.

    Raises
    ------
    FileNotFoundError, ValueError
        Where a side is missing or empty, or a name comes twice.
    """
    if "=" not in words:
        rows = read(Path(words), ("id", "name", "split", "family"))
        called, side = list(map(accession, names(rows))), columns.sides(rows)
        for problem in rows.wrong.values():
            raise ValueError(str(problem))
        families = zip(called, rows.cells("family"), strict=True)
        family = dict(families) if "family" in rows.header else {}
        return Sides(rows.source, {called[row]: one for row, one in side.items()}, family)
    files = dict(part.strip().partition("=")[::2] for part in words.split(","))
    if set(files) != set(SPLITS):
        raise ValueError(f"A split has a file for each of {', '.join(SPLITS)}, got {words!r}.")
    found: dict[str, str] = {}
    for one in SPLITS:
        for name in _listed(Path(files[one])):
            if name in found:
                raise ValueError(f"{files[one]}: {name} is in {found[name]} already.")
            found[name] = one
    return Sides(words, found, {})


def _listed(path: Path) -> list[str]:
    lines = [line.strip() for line in decoded(path).split("\n")]
    found = [accession(re.split(r"[,\s]", line)[0]) for line in lines if line]
    return found[1:] if found and found[0] == "PDB-chain" else found


def table(
    labels: Labels, proteins: Held, split: Sides | None, *, least: int = 1, folder: Path
) -> Made:
    """Lay labels, proteins and sides out as a table, tab separated, that `table.load` reads.

    Parameters
    ----------
    labels : Labels
    proteins : Held
    split : Sides, optional
        Proteins that it does not name are left out. Without one the table has no split, and
        `protgraph split` adds it.
    least : int
        Training proteins (all, without a split) that a label has at least; other labels are left
        out, and so are proteins without any that is kept.
    folder : Path
        Where the table will lie: structures are written as seen from there.

    Raises
    ------
    ValueError
        Where no label is frequent enough, or a side has no protein.

    Examples
    --------
    >>> labels = Labels("my.gaf", {"P1": {"GO:2", "GO:1"}, "P2": {"GO:2"}, "P3": {"GO:2"}}, Left())
    >>> made = table(labels, Held({"P1": "MK", "P2": "MKV"}), None, least=2, folder=Path())
    >>> print(made.text.replace("\\t", "  "), *made.notes, sep="\\n")
    id  sequence  label
    P1  MK  GO:2;
    P2  MKV  GO:2;
    <BLANKLINE>
    2 proteins, 1 labels of 2 proteins at least
    1 of 2 labels left out: of fewer
    1 left out: the protein is not at hand, such as P3
    """
    if least < 1:
        raise ValueError(f"least counts proteins, 1 or more, got {least}.")
    left = Left(dict(labels.left.found))
    rows = _there(labels, proteins, split, folder, left)
    train = [n for n in rows if split is None or split.side[n] == "train"]
    counts = Counter(label for name in train for label in labels.of[name])
    kept = {label for label, count in counts.items() if count >= least}
    if not kept:
        most = max(counts.values(), default=0)
        raise ValueError(
            f"{labels.source}: no label has {_many(least)}{_in(split)}, the most is {most}."
        )
    for name in [name for name in rows if not kept & set(labels.of[name])]:
        left.add("the protein has no label that is kept", name)
        del rows[name]
    _filled(rows, split)
    seen = {label for name in labels.of for label in labels.of[name]}
    noted = [f"{len(rows)} proteins, {len(kept)} labels of {_many(least)}{_in(split)} at least"]
    if split is not None:
        many = Counter(split.side[name] for name in rows)
        noted.append(", ".join(f"{side} {many[side]}" for side in SPLITS))
    if len(kept) < len(seen):
        noted.append(f"{len(seen) - len(kept)} of {len(seen)} labels left out: of fewer")
    head = ["id", *proteins.columns, *_beside(split), "label"]
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", lineterminator="\n")
    writer.writerow(head)
    for name, cells in rows.items():
        label = _cell(kept & set(labels.of[name]), listed=labels.listed)
        writer.writerow([name, *cells, *(part[name] for part in _beside(split).values()), label])
    return Made(written.getvalue(), (*noted, *left.lines()))


def _there(
    labels: Labels, proteins: Held, split: Sides | None, folder: Path, left: Left
) -> dict[str, list[str]]:
    """Labelled proteins that are at hand and in the split, with their cells."""
    rows = {}
    for name in sorted(labels.of):
        cells = proteins.cells(name, folder)
        if not cells:
            left.add("the protein is not at hand", name)
        elif split is not None and name not in split.side:
            left.add("the split does not name the protein", name)
        else:
            rows[name] = cells
    for name in sorted(split.side) if split is not None else []:
        if name not in labels.of:
            left.add("the split names a protein without a label", name)
    return rows


def _filled(rows: Collection[str], split: Sides | None) -> None:
    for side in SPLITS if split is not None else ():
        if split is not None and not any(split.side[name] == side for name in rows):
            raise ValueError(f"{split.source}: no labelled protein of {side} is left.")


def _many(count: int) -> str:
    return f"{count} protein{'s' * (count > 1)}"


def _in(split: Sides | None) -> str:
    return "" if split is None else " in training"


def _beside(split: Sides | None) -> dict[str, Mapping[str, str]]:
    """Columns that a split adds."""
    if split is None:
        return {}
    return {"split": split.side} | ({"family": split.family} if split.family else {})


def _cell(labels: Collection[str], *, listed: bool) -> str:
    """A list ends in ";" where it has one item, by which the table knows a list."""
    return ";".join(sorted(labels)) + ";" * (listed and len(labels) == 1)
