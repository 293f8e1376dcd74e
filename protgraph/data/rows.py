"""Rows of a table as they stand in the file: text, where each stood, and what is wrong with it."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protgraph.data.report import Problem
from protgraph.structure.source import content, suffix

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""Suffix -> what separates the cells of a line."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of text, and where each row stood.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    folder : Path
        Where relative paths in the cells begin.
    header : tuple of str
        All columns of the file.
    columns : dict of str to list of str
        Those that were asked for; "" where a cell is empty.
    places : list of (str, int)
        File and line of every row.
    wrong : dict of int to Problem
        The first thing found wrong with a row, by its place among the rows; checks add to it.
    """

    source: str
    folder: Path
    header: tuple[str, ...]
    columns: dict[str, list[str]] = field(repr=False)
    places: list[tuple[str, int]] = field(repr=False)
    wrong: dict[int, Problem] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.places)

    def refuse(self, row: int, column: str, rule: str, value: str) -> None:
        """Note that a row breaks a rule, if none was noted of it before."""
        self.wrong.setdefault(row, Problem(*self.places[row], column, rule, value))

    def sound(self) -> list[int]:
        """Rows of which nothing wrong is known."""
        return [row for row in range(len(self)) if row not in self.wrong]

    def cells(self, column: str) -> list[str]:
        """Cells of a column; all are empty where the file does not have it."""
        return self.columns.get(column) or [""] * len(self)

    def need(self, column: str) -> None:
        """Refuse a table without a column, naming the nearest one.

        Raises
        ------
        ValueError
            Where there is no such column.
        """
        if column not in self.header:
            raise ValueError(f"{self.source}: no column {column!r}{self.near(column)}")

    def near(self, column: str) -> str:
        """End of a sentence about a column that is not there."""
        lower = {name.lower(): name for name in self.header}
        close = difflib.get_close_matches(column.lower(), lower, 1)
        if close:
            return f"; did you mean {lower[close[0]]!r}?"
        if len(self.header) == 1:
            return f"; the only one is {self.header[0]!r}: are cells separated by something else?"
        return f"; there are {', '.join(map(repr, self.header))}."


def read(path: Path, wanted: Collection[str], *, bare: Sequence[str] = ()) -> Rows:
    """Read the columns of a CSV, TSV or Parquet file as text.

    Cells lose blanks at both ends, and lines without text are no rows. Numbers of Parquet are
    written as Python does, lists are joined by ";" ("-" for an empty one), null and NaN are "".

    Parameters
    ----------
    path : Path
        `.csv`, `.tsv` or `.parquet`, each also with `.gz`; text is UTF-8, with a byte order
        mark or without.
    wanted : collection of str
        Columns to read, where the file has them.
    bare : sequence of str, optional
        Columns of a TSV without a header: one with as many cells in its first line, the last of
        which is a number, is taken for such.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For another suffix; a file that is empty, has a header alone or is not what its suffix
        says; quotes that do not close; and a column that is named twice.
    ImportError
        For Parquet without pyarrow.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "my.csv"
    ...     _ = path.write_text("sequence,label\\nMKV,1\\n\\nMK\\n")
    ...     rows = read(path, ["label"])
    >>> rows.columns, rows.places, rows.sound()
    ({'label': ['1', '']}, [('my.csv', 2), ('my.csv', 4)], [0])
    >>> print(rows.wrong[1])
    my.csv:4: row '1 cell': every line has as many cells as the header, 2.
    """
    kind = suffix(path)
    if kind == ".parquet":
        header, columns, lines = _parquet(path, wanted)
        found = Rows(path.name, path.parent, header, columns, [(path.name, n) for n in lines])
    elif kind in DELIMITERS:
        found = _text(path, wanted, bare)
    else:
        known = " ".join((*DELIMITERS, ".parquet"))
        raise ValueError(
            f"{path.name}: tables are read from {known} (each also .gz), got the suffix {kind!r}."
        )
    if not len(found):
        raise ValueError(f"{path.name}: the table has a header and no row.")
    return found


def joined(parts: Mapping[str, Rows]) -> Rows:
    """Put the tables of the sides of a split under one another, with the column `split`.

    Raises
    ------
    ValueError
        Where a table says the split itself, or has other columns than the first.
    """
    first = next(iter(parts.values()))
    columns: dict[str, list[str]] = {name: [] for name in (*first.columns, "split")}
    places: list[tuple[str, int]] = []
    wrong: dict[int, Problem] = {}
    for side, part in parts.items():
        if "split" in part.header:
            raise ValueError(f"{part.source}: the file is all {side}, but has a column 'split'.")
        if set(part.columns) != set(first.columns):
            odd = sorted(set(part.columns) ^ set(first.columns))
            raise ValueError(f"{part.source}: {first.source} and it differ in column {odd[0]!r}.")
        wrong |= {len(places) + row: problem for row, problem in part.wrong.items()}
        for name, cells in part.columns.items():
            columns[name] += cells
        columns["split"] += [side] * len(part)
        places += part.places
    source = ", ".join(part.source for part in parts.values())
    return Rows(source, first.folder, (*first.header, "split"), columns, places, wrong)


def decoded(path: Path) -> str:
    """Text of a UTF-8 file, unpacked where its name ends in `.gz`.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is empty or not UTF-8.
    """
    data = content(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name}: text is UTF-8, got the byte 0x{data[error.start]:02x} "
            f"at {error.start + 1}."
        ) from None


def _text(path: Path, wanted: Collection[str], bare: Sequence[str]) -> Rows:
    records, lines = _records(path, DELIMITERS[suffix(path)])
    if bare and len(records[0]) == len(bare) and _number(records[0][-1]):
        header = list(bare)
    else:
        header, records, lines = records[0], records[1:], lines[1:]
    _distinct(path.name, header)
    width = len(header)
    places = [(path.name, line) for line in lines]
    found = Rows(path.name, path.parent, tuple(header), {}, places)
    for row, cells in enumerate(records):
        if len(cells) != width:
            count = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
            found.refuse(row, "row", f"every line has as many cells as the header, {width}", count)
            cells += [""] * (width - len(cells))
    for place, name in enumerate(header):
        if name in wanted:
            found.columns[name] = [cells[place] for cells in records]
    return found


def _records(path: Path, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Stripped cells of all lines with text in them, and where each begins."""
    text = decoded(path)
    records, lines, line = [], [], 1
    # The default limit of 131,072 characters is less than one label a residue of a long protein.
    limit = csv.field_size_limit(len(text) + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                records.append(stripped)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path.name}: the quotes of line {line} do not close ({error})."
        ) from None
    finally:
        csv.field_size_limit(limit)
    if not records:
        raise ValueError(f"{path.name}: the file is empty.")
    return records, lines


def _parquet(
    path: Path, wanted: Collection[str]
) -> tuple[tuple[str, ...], dict[str, list[str]], range]:
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError:
        raise ImportError(
            f"{path.name}: reading Parquet needs pyarrow; install it, or write CSV."
        ) from None
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content(path)))
        header = tuple(file.schema_arrow.names)
        _distinct(path.name, header)
        table = file.read(columns=[name for name in header if name in wanted])
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path.name}: not a Parquet file that can be read ({error}).") from None
    columns = {
        name: [_cell(value) for value in table.column(name).to_pylist()]
        for name in table.column_names
    }
    return header, columns, range(1, file.metadata.num_rows + 1)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, list):
        return ";".join(_cell(part) or "nan" for part in value) or "-"
    return str(value).strip()


def _distinct(name: str, header: Sequence[str]) -> None:
    for place, column in enumerate(header):
        if column and column in header[:place]:
            raise ValueError(f"{name}: the column {column!r} is named twice.")


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
