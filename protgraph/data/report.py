"""What is wrong with the rows of a table, said row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Problem(NamedTuple):
    """What is wrong with a row: where, which rule it breaks, and with which value.

    `row` is the line of the file, counted from 1; of Parquet, which has no lines, the row.

    Examples
    --------
    >>> print(Problem("my.csv", 7, "split", "a side is train, valid or test", "training"))
    my.csv:7: split 'training': a side is train, valid or test.
    """

    file: str
    row: int
    column: str
    rule: str
    value: str

    def __str__(self) -> str:
        value = self.value if len(self.value) <= 40 else self.value[:37] + "..."
        return f"{self.file}:{self.row}: {self.column} {value!r}: {self.rule.rstrip('.')}."


@dataclass(frozen=True)
class Report:
    """What became of the rows of a table.

    Parameters
    ----------
    source : str
        Name of the file.
    rows : int
        How many rows there were.
    problems : tuple of Problem
        One for every row that was left out.
    notes : tuple of str
        How labels were read, and what else a careful user wants to know.

    Examples
    --------
    >>> problem = Problem("my.csv", 3, "id", "a name comes once", "P1")
    >>> print(Report("my.csv", 2, (problem,), ("zinc: numbers",)))
    my.csv: 1 of 2 rows was left out.
      zinc: numbers
      my.csv:3: id 'P1': a name comes once.
    """

    source: str
    rows: int
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """How many rows were left out, in one sentence."""
        out = len(self.problems)
        return f"{self.source}: {out} of {self.rows} rows {'was' if out == 1 else 'were'} left out."

    def first(self, head: str = "", count: int = 10) -> str:
        """How many rows are wrong (or another head), the first of them, and how many more."""
        head = head or f"{self.source}: {len(self.problems)} of {self.rows} rows are wrong."
        more = len(self.problems) - count
        some = [str(problem) for problem in self.problems[:count]]
        return "\n  ".join([head, *some, *([f"and {more} more."] if more > 0 else [])])

    def __str__(self) -> str:
        return "\n  ".join([self.summary, *self.notes, *map(str, self.problems)])
