"""Label columns of a table: from text to numbers, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from protgraph.data.forms import FORMS, NONE, Form, guess, number, parts
from protgraph.data.rows import Rows
from protgraph.structure.protein import Floats, Protein

HIDDEN = "\0"
"""Stands for a letter under a mask: no class, and unknown."""


class Column(NamedTuple):
    """A label column that was read.

    Parameters
    ----------
    form : str
        Of `FORMS`.
    classes : tuple of str
        Names of the classes or list items, in the order of their numbers; empty for numbers.
    values : dict of int to ndarray
        Row -> labels: [L] of residues, [1] of a number or class, [C] of a list; NaN is unknown.
    """

    form: str
    classes: tuple[str, ...]
    values: dict[int, Floats]

    @property
    def binary(self) -> bool:
        """Whether all known labels are 0 or 1 and mean no class."""
        if self.classes:
            return False
        return all(((y == 0) | (y == 1) | np.isnan(y)).all() for y in self.values.values())


def read(
    rows: Rows,
    name: str,
    proteins: dict[int, Protein],
    *,
    form: Form | None = None,
    unknown: str = "",
) -> Column:
    """Read a label column of the sound rows, and refuse the rows whose label is wrong.

    Parameters
    ----------
    rows : Rows
    name : str
        The column.
    proteins : dict of int to Protein
        Row -> protein; none for pairs.
    form : Form, optional
        By default what most of the cells look like, see `guess`.
    unknown : str
        Letters that are no class but mean that a residue's label is unknown.

    Raises
    ------
    ValueError
        Where the form is not said and in doubt, or does not fit the level.

    Examples
    --------
    >>> from pathlib import Path
    >>> rows = Rows("my.csv", Path(), ("a",), {"a": ["1", "x", "", "2"]},
    ...     [("my.csv", line) for line in (2, 3, 4, 5)])
    >>> column = read(rows, "a", {})
    >>> {row: y.tolist() for row, y in column.values.items()}, str(rows.wrong[1])
    ({0: [1.0], 2: [nan], 3: [2.0]}, "my.csv:3: a 'x': a label is a number.")
    """
    cells = rows.cells(name)
    sound = rows.sound()
    if form is None:
        form = Form(guess(name, [(cells[row], proteins.get(row)) for row in sound]))
    if FORMS[form.name] == "residue" and not proteins:
        raise ValueError(f"{rows.source}: {name} is written as {form.name}, which pairs have not.")
    parsed: dict[int, Floats | tuple[str, ...] | None] = {}
    masks = rows.cells("mask")
    for row in sound:
        try:
            if not cells[row]:
                parsed[row] = None
            elif row in proteins and FORMS[form.name] == "residue":
                parsed[row] = _residues(form, cells[row], proteins[row], masks[row], unknown)
            else:
                parsed[row] = _whole(form, cells[row])
        except ValueError as error:
            rows.refuse(row, name, str(error), cells[row])
    return _encoded(form, parsed, proteins, unknown)


def _whole(form: Form, cell: str) -> Floats | tuple[str, ...]:
    """A number, or the names of classes, of a protein or pair."""
    if form.name == "number":
        return np.array([number(cell)], dtype=np.float32)
    texts = [cell] if form.name == "class" else [] if cell == NONE else cell.split(";")
    items = tuple(text.strip() for text in texts if text.strip())
    _known(form, items)
    return items


def _residues(
    form: Form, cell: str, protein: Protein, mask: str, unknown: str
) -> Floats | tuple[str, ...]:
    """A number or a letter for every residue, save where the mask has a 0."""
    if mask and (len(mask) != len(protein) or set(mask) - {"0", "1"}):
        raise ValueError(
            f"a mask has a 0 or 1 for each of {len(protein)} residues of {protein.name}, "
            f"got {len(mask)} characters"
        )
    if form.name == "letters":
        return (_lettered(form, cell, protein, mask, unknown),)
    y = _each(cell, protein) if form.name == "numbers" else _sites(cell, protein)
    if mask:
        y[np.frombuffer(mask.encode(), dtype=np.uint8) == ord("0")] = np.nan
    return y


def _lettered(form: Form, cell: str, protein: Protein, mask: str, unknown: str) -> str:
    letters = "".join(cell.split())
    if len(letters) != len(protein):
        raise ValueError(
            f"one letter a residue is needed, and {protein.name} has {len(protein)} residues "
            f"for {len(letters)} letters"
        )
    if not letters.isascii():
        raise ValueError("a class is one letter of ASCII")
    if mask:
        letters = "".join(HIDDEN if m == "0" else c for c, m in zip(letters, mask, strict=True))
    _known(form, set(letters) - {*unknown, HIDDEN})
    return letters


def _known(form: Form, items: Iterable[str]) -> None:
    odd = sorted(set(items) - set(form.classes)) if form.classes else []
    if odd:
        raise ValueError(f"classes are {', '.join(form.classes)}, and {odd[0]!r} is none of them")


def _each(cell: str, protein: Protein) -> Floats:
    said = parts(cell)
    if len(said) != len(protein):
        raise ValueError(
            f"one number a residue is needed, and {protein.name} has {len(protein)} residues "
            f"for {len(said)} numbers"
        )
    return np.array([number(part) for part in said], dtype=np.float32)


def _sites(cell: str, protein: Protein) -> Floats:
    """1 at the author numbers named, 0 at the other observed residues (at all if none was)."""
    y = np.zeros(len(protein), dtype=np.float32)
    if protein.observed.any():
        y[~protein.observed] = np.nan
    for part in [] if cell == NONE else cell.split(","):
        count = protein.numbering.count(part.strip()) if part.strip() else 0
        if count != 1:
            raise ValueError(
                f"residues are named by author numbers of the chain, and {protein.name} has "
                f"{count or 'no'} residue{'s' * (count > 1)} {part.strip()!r}"
            )
        y[protein.numbering.index(part.strip())] = 1
    return y


def _encoded(
    form: Form,
    parsed: dict[int, Floats | tuple[str, ...] | None],
    proteins: dict[int, Protein],
    unknown: str,
) -> Column:
    """Classes become numbers; they are sorted where they were not said beforehand."""
    items = {item for value in parsed.values() if isinstance(value, tuple) for item in value}
    if form.name == "letters":
        items = set("".join(items)) - {*unknown, HIDDEN}
    classes = form.classes or tuple(sorted(items))
    binary = form.name == "letters" and set(classes) <= {"0", "1"}
    width = len(classes) if form.name == "list" else 1
    code = {item: place for place, item in enumerate("01" if binary else classes)}
    ascii = np.full(128, np.nan, dtype=np.float32)
    if form.name == "letters":
        ascii[[ord(letter) for letter in code]] = list(code.values())
    values: dict[int, Floats] = {}
    for row, value in parsed.items():
        if value is None:
            size = len(proteins[row]) if FORMS[form.name] == "residue" else width
            values[row] = np.full(size, np.nan, dtype=np.float32)
        elif not isinstance(value, tuple):
            values[row] = value
        elif form.name == "letters":
            values[row] = ascii[np.frombuffer(value[0].encode(), dtype=np.uint8)]
        elif form.name == "class":
            values[row] = np.array([code[value[0]]], dtype=np.float32)
        else:
            values[row] = np.zeros(width, dtype=np.float32)
            values[row][[code[item] for item in value]] = 1
    return Column(form.name, () if binary else classes, values)
