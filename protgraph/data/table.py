"""Your own proteins and labels: a table becomes a dataset, and every wrong row is said."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from protgraph.data import biotrainer, rows
from protgraph.data.columns import Asked, Labels, asked, checked, families, labelled, sides, varied
from protgraph.data.dataset import SPLITS, Dataset, Example, Pairs
from protgraph.data.pairing import paired
from protgraph.data.proteins import COLUMNS, Fetch
from protgraph.data.proteins import proteins as proteins_of
from protgraph.data.report import Report
from protgraph.data.rows import Rows
from protgraph.structure.source import suffix

PAIR = ("protein_a", "protein_b")
"""Columns with the two partners of a pair."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a table held.

    Parameters
    ----------
    dataset : Dataset or None
        Labelled proteins; None for a table of pairs.
    pairs : Pairs or None
        Labelled pairs; None for a table of proteins.
    level : {"residue", "protein", "pair"}
        What one label is about.
    outputs : tuple of str
        Names of the classes where they exclude each other, of the list items, else of the label
        columns.
    kind : {"binary", "multilabel", "classes", "value"}
        One or several labels 0 and 1, one of several classes (y is its number), or numbers.
    report : Report
        The rows that were left out, and how labels were read.
    """

    dataset: Dataset | None
    pairs: Pairs | None
    level: str
    outputs: tuple[str, ...]
    kind: str
    report: Report


def load(
    path: str | Path | Mapping[str, str | Path],
    *,
    labels: str | Sequence[str] | Mapping[str, str] = "label",
    proteins: str | Path | None = None,
    pair: tuple[str, str] = PAIR,
    mask: str | Path = "-?",
    fetch: Fetch | None = None,
    strict: bool = False,
) -> Table:
    """Load labelled proteins, residues or pairs from a table.

    ============= ================================================================================
    Column        Meaning
    ============= ================================================================================
    `sequence`    Letters; odd ones are treated as `protgraph.structure.fasta.letters` says.
    `structure`   File, seen from the table's folder, or an id for `fetch`. With `sequence` in the
                  same row that is its full sequence. One of the two is needed.
    `chain`       Author id, needed where the structure has several.
    `id`, `name`  What the protein is called (`id` comes first); else the file, else "row-1".
    `split`       train, valid (val, validation) or test.
    `family`      Homology cluster, never on two sides; else every protein is its own.
    `mask`        Of residue labels: 0 where a label does not count, one digit a residue.
    the labels    See `labels`. An empty cell is unknown.
    `protein_a`,  Of a table of pairs: names of proteins in the file `proteins`. A protein may pair
    `protein_b`   with itself. A pair that comes twice alike, in either order, counts once.
    ============= ================================================================================

    Parameters
    ----------
    path : str, Path, or mapping of "train", "valid" and "test" to paths
        `.csv`, `.tsv` or `.parquet`; a FASTA file with labels in its heads
        (`protgraph.data.biotrainer`); or a TSV of pairs and a number without a header, as D-SCRIPT
        reads. Each also with `.gz`.
    labels : str, sequence of str, or mapping of str to str
        Label columns, all of one form: `number`, `class`, `list` ("A;B", "-" for none), and of
        residues `letters` ("CCHH"), `numbers` ("0.1;0.2") or `residues` (author numbers of the
        positive ones, "27A,45", "-" for none). Classes may be said: `{"state": "letters:CHE"}`;
        else they are those that occur, sorted. A form that is not said is what most cells look
        like (`protgraph.data.forms.guess`); the report says which.
    proteins : str or Path, optional
        The proteins of a table of pairs: another table, or FASTA. With a FASTA `path`: the
        sequences, where that file has labels in their place.
    pair : tuple of two str
        Columns with the partners.
    mask : str or Path
        Letters that mean an unknown label, or a FASTA file of masks (a Path).
    fetch : callable, optional
        Id -> structure file.
    strict : bool
        Refuse the table where a row is wrong. By default wrong rows are left out, with a warning.

    Returns
    -------
    table : Table

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where a column is missing or the file cannot be read; where there is no split, or one for
        some rows only; where no row is left; where a label is the same in all of training; where
        `Dataset` or `Pairs` refuses the split; and where a row is wrong and `strict` is set.
    ConnectionError
        Where `fetch` gets no answer; the answer that there is no such id makes the row wrong.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "my.csv"
    ...     _ = path.write_text('''id,sequence,stable,split
    ... P1,MKV,0.5,train
    ... P2,MKVL,1.5,train
    ... P3,MRV,0.7,val
    ... P4,MRVLA,0.1,test''')
    ...     table = load(path, labels="stable")
    >>> table.level, table.kind, table.outputs, len(table.dataset.side("train"))
    ('protein', 'value', ('stable',), 2)
    >>> print(table.report)
    my.csv: 0 of 4 rows were left out.
      stable: read as number, 0 of 4 unknown
      train 2, valid 1, test 1
    """
    wanted = asked(labels)
    found, owners = _opened(path, proteins, wanted, pair, mask)
    dataset = pairs = None
    if owners is None:
        letters = mask if isinstance(mask, str) else ""
        dataset, read = _dataset(found, wanted, letters, fetch)
    else:
        pairs, read = paired(found, owners, wanted, pair=pair, fetch=fetch)
    report = _report(found, owners, read.notes)
    if report.problems and strict:
        raise ValueError(report.first())
    if report.problems:
        warnings.warn(report.first(report.summary), stacklevel=2)
    level = "pair" if pairs is not None else read.level
    return Table(dataset, pairs, level, read.outputs, read.kind, report)


def _opened(
    path: str | Path | Mapping[str, str | Path],
    proteins: str | Path | None,
    wanted: Asked,
    pair: tuple[str, str],
    mask: str | Path,
) -> tuple[Rows, Rows | None]:
    """The rows, and of pairs the rows of their proteins."""
    paths = dict(path) if isinstance(path, Mapping) else {"": path}
    if isinstance(path, Mapping) and set(paths) != set(SPLITS):
        raise ValueError(f"Files of a split are for {', '.join(SPLITS)}, got {list(paths)}.")
    bare = (*pair, *wanted) if proteins is not None and len(wanted) == 1 else ()
    columns = (*COLUMNS, *wanted, *pair)
    parts = {side: _read(Path(one), columns, bare) for side, one in paths.items()}
    found = rows.joined(parts) if isinstance(path, Mapping) else parts[""]
    if "interactor" in found.header:
        if proteins is not None:
            raise ValueError(f"{found.source}: INTERACTOR goes with the sequences of this file.")
        return biotrainer.partners(found, pair)
    if proteins is None and pair[0] in found.header:
        raise ValueError(f"{found.source}: pairs need proteins=, the file with the sequences.")
    owners = None if proteins is None else _read(Path(proteins), columns)
    if owners is not None and all(_fasta(Path(one)) for one in (*paths.values(), str(proteins))):
        found, owners = biotrainer.replaced(found, owners), None
    if isinstance(mask, Path):
        found = biotrainer.masked(found, biotrainer.read(mask))
    return found, owners


def _fasta(path: Path) -> bool:
    return suffix(path) in biotrainer.SUFFIXES


def _read(path: Path, columns: Sequence[str], bare: Sequence[str] = ()) -> Rows:
    if _fasta(path):
        return biotrainer.read(path)
    return rows.read(path, columns, bare=bare if suffix(path) == ".tsv" else ())


def _dataset(
    found: Rows, wanted: Asked, unknown: str, fetch: Fetch | None
) -> tuple[Dataset, Labels]:
    checked(found, list(wanted), COLUMNS)
    side = sides(found)
    own = proteins_of(found, fetch=fetch)
    family = families(found, own)
    labels = labelled(found, wanted, own, unknown=unknown)
    notes = (*labels.notes, *varied(found.source, labels, side))
    examples = tuple(Example(own[row], y, side[row], family[row]) for row, y in labels.y.items())
    made = Dataset(found.source, "the user's table", examples, labels.outputs)
    return made, labels._replace(notes=notes)


def _report(found: Rows, owners: Rows | None, notes: tuple[str, ...]) -> Report:
    parts = [found] if owners is None else [found, owners]
    problems = [part.wrong[row] for part in parts for row in sorted(part.wrong)]
    source = ", ".join(dict.fromkeys(part.source for part in parts))
    return Report(source, sum(map(len, parts)), tuple(problems), notes)
