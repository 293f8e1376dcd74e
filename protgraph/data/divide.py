"""A split of your own file: its proteins, their sides, and the file with two more columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from protgraph.data import split
from protgraph.data.dataset import SPLITS
from protgraph.data.proteins import names, proteins
from protgraph.data.rows import DELIMITERS, Rows, read
from protgraph.data.split import SHARES, Split
from protgraph.structure.fasta import sequences
from protgraph.structure.source import suffix

_TABLES = (*DELIMITERS, ".parquet")
_READ = ("id", "name", "sequence", "structure", "chain")


def items(path: str | Path) -> list[tuple[str, str]]:
    """Names and sequences of the proteins of a file.

    Parameters
    ----------
    path : str or Path
        A table, as `protgraph.data.table.load` reads, or what `structure.fasta.sequences` reads.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where a row has no sound protein: a split leaves nothing out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "my.csv"
    ...     _ = path.write_text("id,sequence\\na,MKV\\nb,MK\\n")
    ...     items(path)
    [('a', 'MKV'), ('b', 'MK')]
    """
    path = Path(path)
    if suffix(path) not in _TABLES:
        return [(protein.name, protein.sequence) for protein in sequences(path)]
    rows = read(path, _READ)
    called, found = names(rows), proteins(rows)
    _sound(rows)
    return [(called[row], found[row].sequence) for row in range(len(rows))]


def _sound(rows: Rows) -> None:
    if rows.wrong:
        first = rows.wrong[min(rows.wrong)]
        raise ValueError(f"{len(rows.wrong)} of {len(rows)} rows are wrong. {first}")


def divide(
    path: str | Path,
    *,
    by: str = "family",
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    identity: float = 0.3,
    method: str = "auto",
) -> Split:
    """Split the proteins of a file.

    Parameters
    ----------
    path : str or Path
        As `items`.
    by : str
        "family" (no relatives across sides), "random", or a column of the table: its values are
        sides, or groups that stay whole.
    shares, seed, identity, method
        As `split.by_family`; the last two are for families alone.

    Returns
    -------
    split : Split

    Raises
    ------
    FileNotFoundError, ValueError
        As `items` and the functions of `split`; where there is no such column.
    """
    path = Path(path)
    if by == "family":
        return split.by_family(
            items(path), shares=shares, seed=seed, identity=identity, method=method
        )
    if by == "random":
        return split.random((name for name, _ in items(path)), shares=shares, seed=seed)
    if suffix(path) not in _TABLES:
        raise ValueError(f"{path.name}: only a table has a column {by!r}; say family or random.")
    rows = read(path, (*_READ, by))
    rows.need(by)
    called = names(rows)
    _sound(rows)
    pairs = list(zip(called, rows.cells(by), strict=True))
    if {value for _, value in pairs} <= set(SPLITS):
        return split.given(pairs)
    return split.grouped(pairs, shares=shares, seed=seed)


def written(path: str | Path, made: Split) -> str:
    """Write the file as a table with the columns `split` and `family`, as text.

    Parameters
    ----------
    path : str or Path
        The file that was split: a table keeps its columns and its delimiter (Parquet becomes
        CSV), sequences become a table with `id` and `sequence`.
    made : Split

    Raises
    ------
    ValueError
        Where the table has one of the two columns already.
    """
    path = Path(path)
    side = {name: (where, group) for name, where, group in made.rows}
    if suffix(path) not in _TABLES:
        head: Sequence[str] = ("id", "sequence")
        cells = [list(item) for item in items(path)]
        called = [name for name, _ in cells]
    else:
        first = read(path, _READ)
        head, called = first.header, names(first)
        for column in ("split", "family"):
            if column in head:
                raise ValueError(f"{path.name}: the table has a column {column!r} already.")
        rows = read(path, head)
        cells = [list(row) for row in zip(*(rows.cells(column) for column in head), strict=True)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=DELIMITERS.get(suffix(path), ","), lineterminator="\n")
    writer.writerow([*head, "split", "family"])
    writer.writerows([*row, *side[name]] for row, name in zip(cells, called, strict=True))
    return text.getvalue()
