"""How labels are written in a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from protgraph.structure.protein import Protein

FORMS = {
    "number": "protein", "class": "protein", "list": "protein",
    "letters": "residue", "numbers": "residue", "residues": "residue",
}  # fmt: skip
"""Form of a label -> its level: a number, a class, or a list "A;B" of a protein (or a pair); one
letter or one number a residue, or the author numbers of the positive residues ("27A,45")."""

NONE = "-"
"""The cell of an empty list or of no positive residue; an empty cell is unknown."""

_NUMBER = re.compile(r"-?\d+[A-Za-z]?")
_TRUTH = {"true": 1.0, "false": 0.0}


class Form(NamedTuple):
    """How a label column is written, and its classes where they are said beforehand.

    Examples
    --------
    >>> Form.parse("letters:CHE"), Form.parse("list:ZN,CA")
    (Form(name='letters', classes=('C', 'H', 'E')), Form(name='list', classes=('ZN', 'CA')))
    """

    name: str
    classes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Form:
        """Take apart `form` or `form:classes`.

        Raises
        ------
        ValueError
            For an unknown form, classes of a number, and a class that comes twice.
        """
        name, _, said = text.partition(":")
        if name not in FORMS:
            raise ValueError(f"A label is one of {', '.join(FORMS)}, got {name!r}.")
        classes = tuple(said) if name == "letters" else tuple(filter(None, said.split(",")))
        if classes and name not in ("class", "list", "letters"):
            raise ValueError(f"A label written as {name} has no classes, got {said!r}.")
        if len(set(classes)) < len(classes):
            raise ValueError(f"Classes differ from each other, got {said!r}.")
        return cls(name, classes)


def guess(name: str, cells: Iterable[tuple[str, Protein | None]]) -> str:
    """Say in which form most of the filled cells are written.

    The first that fits: one letter a residue; one number a residue; author numbers (of proteins
    with a structure, with a comma in one cell at least); a number; a list (with a ";" in one
    cell at least); a class.

    Raises
    ------
    ValueError
        Where no cell is filled; where cells are as long as the sequences, all of which have one
        length; and where there are more than 20 classes, and more classes than half of the cells.

    Examples
    --------
    >>> protein = Protein("a", "MKV", np.full((3, 4, 3), np.nan))
    >>> [guess("y", [(cell, protein)]) for cell in ("0.25", "0.1;0.2;0.3", "A;BC", "blue")]
    ['number', 'numbers', 'list', 'class']
    """
    filled = [(cell, protein) for cell, protein in cells if cell]
    if not filled:
        raise ValueError(f"{name}: one label at least must be known, got none.")
    most, texts = len(filled) / 2, [cell for cell, _ in filled]
    known = [(cell, protein) for cell, protein in filled if protein is not None]
    residues = _residues(name, known)
    if residues:
        return residues
    if sum(map(_is_number, texts)) > most:
        return "number"
    if any(";" in cell for cell in texts):
        return "list"
    if len(set(texts)) > max(20, most):
        raise ValueError(
            f"{name}: {len(set(texts))} different labels in {len(texts)} rows, such as "
            f"{texts[0]!r}: if they are classes, say so with labels={{{name!r}: 'class'}}."
        )
    return "class"


def _residues(name: str, filled: list[tuple[str, Protein]]) -> str:
    """Form of residue labels that most of the cells have, "" for none."""
    most = len(filled) / 2
    if sum(len(cell) == len(protein) for cell, protein in filled) > most:
        lengths = {len(protein) for _, protein in filled}
        if len(lengths) == 1:
            raise ValueError(
                f"{name}: all sequences and most cells are {lengths.pop()} letters long, which may "
                f"be letters or not: say which, as in labels={{{name!r}: 'letters'}}."
            )
        return "letters"
    if (
        sum(len(protein) > 1 and len(parts(cell)) == len(protein) for cell, protein in filled)
        > most
    ):
        return "numbers"
    structured = any(protein.observed.any() for _, protein in filled)
    listed = structured and any("," in cell for cell, _ in filled)
    return "residues" if listed and sum(_numbered(cell) for cell, _ in filled) > most else ""


def number(text: str) -> float:
    """Read a finite number, NaN, or "true" and "false" as 1 and 0.

    Raises
    ------
    ValueError
        For other text.

    Examples
    --------
    >>> number("2.5"), number("True")
    (2.5, 1.0)
    """
    try:
        value = _TRUTH[text.lower()] if text.lower() in _TRUTH else float(text)
    except ValueError:
        raise ValueError("a label is a number") from None
    if abs(value) > float(np.finfo(np.float32).max) or "_" in text:
        raise ValueError("a label is a finite number of single precision")
    return value


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def _numbered(text: str) -> bool:
    return text == NONE or all(_NUMBER.fullmatch(part.strip()) for part in text.split(","))


def parts(text: str) -> list[str]:
    """Numbers of a list as text, however they are separated.

    Examples
    --------
    >>> parts("[0.1, 0.2]"), parts("1;2 3")
    (['0.1', '0.2'], ['1', '2', '3'])
    """
    return [part for part in re.split(r"[\s,;]+", text.strip("[]() ")) if part]
