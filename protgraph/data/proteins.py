"""Proteins of a table: a sequence, a structure, or both in every row."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from protgraph.data.rows import Rows
from protgraph.structure.fasta import letters
from protgraph.structure.protein import Protein
from protgraph.structure.read import STRUCTURES, read
from protgraph.structure.source import stem, suffix

COLUMNS = ("id", "name", "sequence", "structure", "chain", "split", "family", "mask")
"""Columns that mean something by their name; labels are further ones."""

Fetch = Callable[[str], Path]
"""Id of the PDB or the AlphaFold database -> structure file."""

_ID = re.compile(
    r"[0-9][A-Za-z0-9]{3}|pdb_[0-9A-Za-z]{8}|AF-[A-Z0-9]+-F\d+(-model_v\d+)?"
    r"|[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2}"
)


def names(rows: Rows) -> list[str]:
    """Name of every row; a row whose name is empty or came before is refused.

    The column `id`, else `name`, else the stem of the structure file with the chain, else
    "row-1", "row-2", ...

    Examples
    --------
    >>> rows = Rows("my.csv", Path(), ("structure", "chain"),
    ...     {"structure": ["pdb/1abc.cif.gz", ""], "chain": ["B", ""]}, [("my.csv", 2)] * 2)
    >>> names(rows)
    ['1abc_B', 'row-2']
    """
    column = next((name for name in ("id", "name") if name in rows.header), "")
    if column:
        found = rows.cells(column)
    else:
        cells = zip(rows.cells("structure"), rows.cells("chain"), strict=True)
        found = [
            stem(Path(path)) + f"_{chain}" * bool(chain) if path else f"row-{row + 1}"
            for row, (path, chain) in enumerate(cells)
        ]
    first: dict[str, int] = {}
    for row in rows.sound():
        earlier = first.setdefault(found[row], row)
        if not found[row]:
            rows.refuse(row, column, "a protein has a name", "")
        elif earlier != row:
            file, line = rows.places[earlier]
            rule = f"a name comes once, and {file}:{line} has it"
            rows.refuse(row, column or "structure", rule, found[row])
    return found


def proteins(
    rows: Rows, *, fetch: Fetch | None = None, only: Collection[str] | None = None
) -> dict[int, Protein]:
    """Read the protein of every sound row, and refuse the rows that have none.

    Parameters
    ----------
    rows : Rows
        With a column `sequence`, `structure` or both. Where a row has both, the structure is read
        with this full sequence, as `protgraph.read` does; odd letters are treated as
        `protgraph.structure.fasta.letters` does.
    fetch : callable, optional
        Finds the file of a PDB id, an AlphaFold or a UniProt accession. By default such an id is a
        missing file.
    only : collection of str, optional
        Names of the proteins to read; by default all.

    Returns
    -------
    proteins : dict of int to Protein

    Raises
    ------
    ValueError
        Where the table has neither column.
    ConnectionError
        Where `fetch` cannot tell whether there is such a structure: without network, say.

    Examples
    --------
    >>> rows = Rows("my.csv", Path(), ("sequence",), {"sequence": ["MKU", "M1"]},
    ...     [("my.csv", 2), ("my.csv", 3)])
    >>> [protein] = proteins(rows).values()
    >>> protein.name, protein.sequence, protein.notes
    ('row-1', 'MKX', ('U read as X at 3',))
    >>> print(rows.wrong[1])
    my.csv:3: sequence 'M1': a sequence is written in the letters A to Z, got '1' at 2.
    """
    if "structure" not in rows.header and "sequence" not in rows.header:
        raise ValueError(
            f"{rows.source}: no column 'sequence' or 'structure'{rows.near('sequence')}"
        )
    called, texts, chains = names(rows), rows.cells("sequence"), rows.cells("chain")
    paths = rows.cells("structure")
    found = {}
    for row in rows.sound():
        if only is not None and called[row] not in only:
            continue
        name, text, path = called[row], texts[row], paths[row]
        try:
            if path:
                file = _file(rows.folder, path, fetch)
                found[row] = _observed(name, file, chains[row], text)
            else:
                found[row] = _unseen(name, text, chains[row])
        except ConnectionError as error:
            # No answer says nothing of the row: to leave it out would lose data in silence.
            place, line = rows.places[row]
            raise ConnectionError(f"{place}:{line}: structure {path!r}: {error}") from error
        except (ValueError, OSError, ImportError) as error:
            column = "structure" if path else "sequence"
            rows.refuse(row, column, str(error).removeprefix(f"{name}: "), path or text)
    return found


def _unseen(name: str, text: str, chain: str) -> Protein:
    if not text:
        raise ValueError("a protein has a sequence or a structure")
    sequence, notes = letters(name, text)
    return Protein(name, sequence, chain=chain, notes=notes)


def _file(folder: Path, cell: str, fetch: Fetch | None) -> Path:
    path = folder / cell
    if path.is_file():
        return path
    if not _ID.fullmatch(cell):
        raise ValueError("there is no such file, seen from the table's folder")
    if fetch is None:
        raise ValueError("there is no such file, and ids are looked up only where fetch= is given")
    try:
        return fetch(cell)
    except (FileNotFoundError, ConnectionError):
        raise
    except OSError as error:  # such as another process at the same file, or a full disk
        raise ConnectionError(f"the file was not had ({error})") from error


def _observed(name: str, path: Path, chain: str, text: str) -> Protein:
    if suffix(path) not in STRUCTURES:
        raise ValueError(f"a structure is a file of {' '.join(STRUCTURES)} (each also .gz)")
    # Cleaned first: `read` would take text such as "1abc.fasta" for a file.
    sequence, notes = letters(name, text) if text else (None, ())
    found = read(path, chain=chain or None, sequence=sequence)
    if len(found) > 1:
        held = ", ".join(repr(protein.chain) for protein in found)
        raise ValueError(f"one chain is needed, and the file has {held}: name it in column chain")
    return replace(found[0], name=name, notes=(*notes, *found[0].notes))
