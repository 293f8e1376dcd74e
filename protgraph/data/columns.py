"""What the columns of a table say together: sides, families, and labels of one level and kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from protgraph.data.dataset import SPLITS
from protgraph.data.forms import FORMS, Form
from protgraph.data.labels import Column, read
from protgraph.data.report import Report
from protgraph.data.rows import Rows
from protgraph.structure.protein import Floats, Protein

SIDES = {
    "train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test",
}  # fmt: skip
"""Word for a side, in any case -> side."""

Asked = dict[str, Form | None]
"""Label column -> its form, None where the cells tell."""


class Labels(NamedTuple):
    """The labels of a table.

    Parameters
    ----------
    level, kind, outputs
        As in `protgraph.data.table.Table`; level is "residue" or "protein".
    columns : tuple of str
        The label columns.
    listed : bool
        The outputs are the items of lists.
    y : dict of int to ndarray
        Row -> [L, C] or [C].
    notes : tuple of str
    """

    level: str
    kind: str
    outputs: tuple[str, ...]
    columns: tuple[str, ...]
    listed: bool
    y: dict[int, Floats]
    notes: tuple[str, ...]

    def name(self, value: float) -> str:
        """A label as a reader knows it: the class where it is the number of one."""
        return self.outputs[int(value)] if self.kind == "classes" else f"{value:g}"


def asked(labels: str | Sequence[str] | Mapping[str, str]) -> Asked:
    """Label columns with their forms.

    Raises
    ------
    ValueError
        Where there is no column or an unknown form.

    Examples
    --------
    >>> asked("zinc"), asked({"state": "letters:CHE"})
    ({'zinc': None}, {'state': Form(name='letters', classes=('C', 'H', 'E'))})
    """
    if isinstance(labels, Mapping):
        found: Asked = {name: Form.parse(form) for name, form in labels.items()}
    else:
        found = dict.fromkeys([labels] if isinstance(labels, str) else labels)
    if not found:
        raise ValueError("labels: one label column at least is needed, got none.")
    return found


def checked(rows: Rows, needed: Collection[str], known: Collection[str]) -> None:
    """Refuse a table that lacks a column, or has a known one in other letters ("Split").

    Raises
    ------
    ValueError
        See above; the message names the nearest column.
    """
    for name in needed:
        rows.need(name)
    for name in rows.header:
        lower = name.lower()
        if lower in known and lower not in rows.header and name not in needed:
            raise ValueError(f"{rows.source}: no column {lower!r}; did you mean {name!r}?")


def sides(rows: Rows) -> dict[int, str]:
    """Side of every sound row; a row with another word is refused.

    Raises
    ------
    ValueError
        Where no row or only some rows have a side.

    Examples
    --------
    >>> from pathlib import Path
    >>> rows = Rows("my.csv", Path(), ("split",), {"split": ["train", "Val"]}, [("my.csv", 2)] * 2)
    >>> sides(rows)
    {0: 'train', 1: 'valid'}
    """
    _left(rows)
    cells = rows.cells("split")
    sound = rows.sound()
    empty = [row for row in sound if not cells[row]]
    if len(empty) == len(sound):
        absent = "no row has a side." if "split" in rows.header else "no column 'split'"
        raise ValueError(
            f"{rows.source}: {absent}{rows.near('split') * ('split' not in rows.header)} It says "
            "train, valid or test, and is never made up in silence: `protgraph split` writes one."
        )
    if empty:
        file, line = rows.places[empty[0]]
        raise ValueError(
            f"{rows.source}: all rows have a side or none, and {len(empty)} of {len(sound)} "
            f"have none, {file}:{line} the first."
        )
    found = {}
    for row in sound:
        if cells[row].lower() in SIDES:
            found[row] = SIDES[cells[row].lower()]
        else:
            words = ", ".join(SIDES)
            rows.refuse(row, "split", f"a side is one of {words}", cells[row])
    return found


def families(rows: Rows, proteins: Mapping[int, Protein]) -> dict[int, str]:
    """Family of every protein, its own name where the table has no such column.

    A row without a family, where others have one, is refused.
    """
    if "family" not in rows.header:
        return {row: protein.name for row, protein in proteins.items()}
    cells = rows.cells("family")
    for row in proteins:
        if not cells[row]:
            rows.refuse(
                row, "family", "every row has a family, or the table has no such column", ""
            )
    return {row: cells[row] for row in proteins}


def labelled(
    rows: Rows, wanted: Asked, proteins: dict[int, Protein], *, unknown: str = ""
) -> Labels:
    """Read all label columns of the sound rows, and refuse the rows whose label is wrong.

    Raises
    ------
    ValueError
        Where no row is left, and where columns do not go together: several with classes or lists,
        or of several levels.
    """
    _left(rows)
    columns = {
        name: read(rows, name, proteins, form=form, unknown=unknown)
        for name, form in wanted.items()
    }
    _left(rows)
    sound = rows.sound()
    levels = {name: FORMS[column.form] for name, column in columns.items()}
    if len(set(levels.values())) > 1:
        said = ", ".join(f"{name} by {level}" for name, level in levels.items())
        raise ValueError(f"{rows.source}: labels are of one level, got {said}.")
    level = next(iter(levels.values()))
    kind, outputs = _kind(rows.source, columns)
    y = {}
    for row in sound:
        parts = [column.values[row] for column in columns.values()]
        y[row] = np.stack(parts, axis=1) if level == "residue" else np.concatenate(parts)
    listed = any(column.form == "list" for column in columns.values())
    return Labels(level, kind, outputs, tuple(columns), listed, y, _notes(columns, sound))


def _left(rows: Rows) -> None:
    """Refuse a table without a sound row."""
    if len(rows.wrong) == len(rows):
        report = Report(rows.source, len(rows), tuple(rows.wrong.values()))
        raise ValueError(f"{rows.source}: no row is left.\n{report.first()}")


def _kind(source: str, columns: dict[str, Column]) -> tuple[str, tuple[str, ...]]:
    """Kind and outputs."""
    for name, column in columns.items():
        named = column.form in ("class", "list") or bool(column.classes)
        if named and len(columns) > 1:
            raise ValueError(
                f"{source}: {name} has classes, and such a label column stands alone; "
                f"got {', '.join(columns)}."
            )
        if named and not column.classes:
            raise ValueError(f"{source}: {name} names no class in any row.")
        if named:
            return ("multilabel" if column.form == "list" else "classes"), column.classes
    if not all(column.binary for column in columns.values()):
        return "value", tuple(columns)
    return ("binary" if len(columns) == 1 else "multilabel"), tuple(columns)


def _notes(columns: dict[str, Column], sound: Sequence[int]) -> tuple[str, ...]:
    notes = []
    for name, column in columns.items():
        total = sum(column.values[row].size for row in sound)
        unknown = sum(int(np.isnan(column.values[row]).sum()) for row in sound)
        held = f" of {len(column.classes)} classes" if column.classes else ""
        notes.append(f"{name}: read as {column.form}{held}, {unknown} of {total} unknown")
    return tuple(notes)


def varied(source: str, found: Labels, side: Mapping[int, str]) -> tuple[str, ...]:
    """Count the sides, refuse a label that is one value in all of training, and say what it lacks.

    Raises
    ------
    ValueError
        Where the known training labels of a column are all equal. An item of a list that no
        training row has is a note instead, and so is a class.
    """
    rows = {name: [row for row in found.y if side[row] == name] for name in SPLITS}
    notes = [", ".join(f"{name} {len(own)}" for name, own in rows.items())]
    train = [np.atleast_2d(found.y[row]) for row in rows["train"]]
    if not train:
        raise ValueError(f"{source}: no row of training is left.")
    y = np.concatenate(train)
    known = [values[~np.isnan(values)] for values in y.T]
    constant = [place for place, values in enumerate(known) if not len(np.unique(values)) > 1]
    if constant and (not found.listed or len(constant) == y.shape[1]):
        values = known[constant[0]]
        name = found.columns[min(constant[0], len(found.columns) - 1)]
        said = (
            f"{len(values)} times {found.name(values[0])}" if len(values) else "none that is known"
        )
        raise ValueError(f"{source}: {name}: training needs labels that differ, got {said}.")
    if found.kind == "classes":
        absent = sorted(set(range(len(found.outputs))) - set(known[0].astype(int).tolist()))
    else:
        absent = [place for place in constant if not known[place].any()]
    if absent:
        names = ", ".join(found.outputs[place] for place in absent[:10])
        notes.append(f"{len(absent)} of {len(found.outputs)} classes are not in training: {names}")
    return tuple(notes)
