"""Rows of a table or of a request: read one by one, scored together, each answered for itself."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from protgraph.data.batch import batches
from protgraph.models.model import Config
from protgraph.predict import BUDGET, Predictor, alone
from protgraph.structure.fasta import letters
from protgraph.structure.protein import Protein
from protgraph.structure.read import read
from protgraph.tasks.prediction import Prediction

_CIF = re.compile(r"(?i)\ufeff?(?>\s+|#[^\n]*\n)*+data_")
"""How an mmCIF file begins; what is passed over is never tried again."""


class Given(NamedTuple):
    """What a row says of one protein: in which column stood which text."""

    column: str
    text: str
    name: str = ""
    chain: str = ""


class Row(NamedTuple):
    """A row by its number, from 0, and what it says of its protein, or of both of a pair."""

    number: int
    given: tuple[Given, ...]

    def refused(self, why: str) -> dict[str, Any]:
        """Say in place of an answer which row it is, how its proteins are called, and why not.

        Examples
        --------
        >>> Row(2, (Given("sequence_a", "", "x"), Given("sequence_b", "", "y"))).refused("Empty.")
        {'row': 2, 'name_a': 'x', 'name_b': 'y', 'error': 'Empty.'}
        """
        ends = ("_a", "_b") if len(self.given) == 2 else ("",)
        names = {f"name{end}": own.name for end, own in zip(ends, self.given, strict=True)}
        return {"row": self.number, **names, "error": why}


class Rules(NamedTuple):
    """What rows may ask for.

    Parameters
    ----------
    paths : Path, optional
        The one folder whose files a row may name; without it none.
    longest : int, optional
        Residues of a protein, at most.
    """

    paths: Path | None = None
    longest: int | None = None


def reads(config: Config) -> list[str]:
    """Names of the columns that a model reads.

    Examples
    --------
    >>> reads(Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0))
    ['sequence']
    >>> reads(Config("demo", "pair", ("binds",), "gcn", inputs=4, edges=2, kinds=5))
    ['structure_a', 'structure_b']
    """
    return twice(config, "sequence" if alone(config) else "structure")


def twice(config: Config, *names: str) -> list[str]:
    """Names of columns, or of a model of pairs those of both partners.

    Examples
    --------
    >>> twice(Config("demo", "pair", ("binds",), "gcn", inputs=4, edges=2, kinds=5), "name")
    ['name_a', 'name_b']
    """
    if config.level != "pair":
        return list(names)
    return [f"{name}{end}" for end in ("_a", "_b") for name in names]


def asked(config: Config, cell: Callable[[str], object]) -> tuple[Given, ...]:
    """Take a row apart: `cell` gives what stands in a column, a text or nothing.

    Examples
    --------
    >>> config = Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0)
    >>> asked(config, {"sequence": " MKV", "name": None}.get)
    (Given(column='sequence', text='MKV', name='', chain=''),)
    """

    def text(column: str) -> str:
        said = cell(column)
        return said.strip(" \t") if isinstance(said, str) else ""

    ends = zip(reads(config), twice(config, "name"), twice(config, "chain"), strict=True)
    return tuple(Given(end[0], *map(text, end)) for end in ends)


def who(prediction: Prediction) -> dict[str, Any]:
    """Name and chain of a prediction's protein, or those of both partners."""
    protein, partner = prediction.protein, prediction.partner
    if partner is None:
        return {"name": protein.name, "chain": protein.chain}
    return {
        "name_a": protein.name, "chain_a": protein.chain,
        "name_b": partner.name, "chain_b": partner.chain,
    }  # fmt: skip


def answers(
    predictor: Predictor, rows: Sequence[Row], rules: Rules, *, budget: int = BUDGET
) -> list[list[Prediction] | str | Exception]:
    """Score rows, some at a time; one that cannot be scored keeps no other from its answer.

    Parameters
    ----------
    predictor : Predictor
    rows : sequence of Row
        With two proteins each for a model of pairs, with one for any other.
    rules : Rules
    budget : int
        Residues that are scored at once; it never changes a score.

    Returns
    -------
    answers : list of list of Prediction, str, or Exception
        One a row: of each of its chains, or of its pair; why there is none; or what broke, where
        that is no fault of the row.

    Examples
    --------
    >>> from protgraph.models.student import Student, StudentConfig
    >>> predictor = Predictor(Student(StudentConfig(width=8)).eval(), "demo")
    >>> rows = [Row(n, (Given("sequence", text),)) for n, text in enumerate(["MKV", "M1", ""])]
    >>> ((one,), *bad) = answers(predictor, rows, Rules())
    >>> one.scores.shape, bad[1]
    ((3, 1), 'Row 2: sequence is empty.')
    """
    config = predictor.model.config
    found = [_read(row, config, rules) for row in rows]
    kept = [own for own in found if isinstance(own, list)]
    sizes = [sum(map(len, own)) for own in kept]
    said: list[list[Prediction] | str | Exception] = []
    for batch in batches(sizes, budget):
        said += _scored(predictor, [kept[i] for i in batch])
    order = iter(said)
    return [next(order) if isinstance(own, list) else own for own in found]


def _scored(
    predictor: Predictor, rows: Sequence[Sequence[Protein]]
) -> list[list[Prediction] | str | Exception]:
    """Score all rows at once; where that fails each half, until the bad ones are found."""
    try:
        return list(_together(predictor, rows))
    except Exception as error:
        if len(rows) == 1:
            return [_reason(error)]
    half = len(rows) // 2
    return _scored(predictor, rows[:half]) + _scored(predictor, rows[half:])


def _together(
    predictor: Predictor, rows: Sequence[Sequence[Protein]]
) -> Iterator[list[Prediction]]:
    if predictor.model.config.level == "pair":
        for one in predictor.predict_pairs([(own[0], own[1]) for own in rows]):
            yield [one]
        return
    said = iter(predictor.predict([protein for own in rows for protein in own]))
    for own in rows:
        yield [next(said) for _ in own]


def _reason(error: Exception) -> str | Exception:
    """What is told of an error; only one that is the fault of a row has words for its sender."""
    if isinstance(error, OSError):
        return error.strerror or str(error)  # without the path, which is none of theirs
    return str(error) if isinstance(error, (ValueError, ImportError)) else error


def _read(row: Row, config: Config, rules: Rules) -> list[Protein] | str | Exception:
    """Proteins of a row, or why they cannot be had."""
    found: list[Protein] = []
    try:
        for given in row.given:
            own = list(_proteins(row.number, given, config, rules.paths))
            if config.level == "pair" and len(own) != 1:
                chains = ", ".join(protein.chain for protein in own)
                raise ValueError(f"Row {row.number}: {given.column} has one chain, got {chains}.")
            found += own
    except Exception as error:
        return _reason(error)
    for protein in found:
        if rules.longest is not None and len(protein) > rules.longest:
            return (
                f"{protein.name}: a protein has {rules.longest} residues here at most, "
                f"got {len(protein)}."
            )
    return found


def _proteins(number: int, given: Given, config: Config, paths: Path | None) -> Iterator[Protein]:
    said, chain = given.text, given.chain or None
    end = given.column[len("sequence") if alone(config) else len("structure") :]
    if not said:
        raise ValueError(f"Row {number}: {given.column} is empty.")
    name = given.name or f"row-{number}{end}"
    if alone(config):
        sequence, notes = letters(name, said)
        yield Protein(name, sequence, notes=notes)
        return
    if len(said.splitlines()) == 1:
        for protein in read(_allowed(said, paths), chain=chain, gaps=config.gaps):
            yield replace(protein, name=given.name or protein.name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"row-{number}{end}{'.cif' if _CIF.match(said) else '.pdb'}")
        path.write_text(said, encoding="utf-8")
        for protein in read(path, chain=chain, gaps=config.gaps):
            yield replace(protein, name=name)


def _allowed(said: str, paths: Path | None) -> Path:
    """Path of a file that a row may name."""
    if paths is None:
        raise ValueError(
            "A path is read only where a folder that contains it was allowed at the start "
            "(protgraph serve --paths, or $PROTGRAPH_PATHS of a pyfunc), and none was; the text "
            "of a structure file is always read."
        )
    folder = paths.resolve()
    path = (folder / said).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{said!r} is not in the folder that was allowed.")
    if not path.is_file():
        raise ValueError(f"{said!r}: there is no such file.")
    return path
