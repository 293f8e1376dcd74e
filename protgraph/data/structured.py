"""Pairs of proteins with coordinates: sequences on which PDB chains were placed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from protgraph.data.covering import Cover, Covering, cover
from protgraph.data.dataset import Pairs, digest
from protgraph.data.partners import human
from protgraph.data.placing import place
from protgraph.data.source import ARCHIVES, chain, root, unpacked
from protgraph.structure import cache
from protgraph.structure.protein import Protein
from protgraph.structure.read import STRUCTURES, read
from protgraph.structure.source import suffix

IDENTITY, COVERAGE = 0.95, 0.3
"""The chain of `human_structures` is of the same protein, and shows 30 % of it at least: 72 % in
the mean. To ask for half would leave 2,284 training pairs of 4,042."""

ARCHIVED = (".tar", ".tar.gz", ".tar.xz")
"""How archives of structure files end."""

VERSION = 3
"""Of what is kept in the cache: changes where `covering` places residues elsewhere."""


def human_structures() -> Pairs:
    """The pairs of `ppi-human` both of whose partners have coordinates, on the same sides.

    Labels [1]. Sequences are the full ones of `human`; the residues of the human PDB chain that
    covers one best stand on it. Every protein is in a pair.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    data = human()
    return structured(data, kept(data.proteins), name="ppi-human-structures")


def structured(data: Pairs, found: Covering, *, name: str) -> Pairs:
    """Keep the pairs both of whose partners are covered, and place the chains.

    Parameters
    ----------
    data : Pairs
    found : Covering
        Of its proteins by the chains of the archives of structures.
    name : str
        Of the pairs that are left.

    Raises
    ------
    ValueError
        Where a side is left without a pair.
    """
    rows = {row.protein: row for row in found.rows}
    there = np.array([protein.name in rows for protein in data.proteins])
    both = there[data.pairs].all(axis=1)
    used = np.unique(data.pairs[both])
    own = [data.proteins[i] for i in used.tolist()]
    return Pairs(
        name,
        f"{data.source}; coordinates of PDB chains",
        tuple(_placed(protein, rows[protein.name]) for protein in own),
        np.searchsorted(used, data.pairs[both]),
        data.y[both],
        tuple(np.array(data.split, dtype=object)[both]),
        outputs=data.outputs,
    )


def chains(paths: Iterable[str | Path], *, gaps: bool = False) -> Iterator[Protein]:
    """Read every chain of structure files, folders and archives of them.

    Parameters
    ----------
    paths : iterable of str or Path
        Files that `structure.read.read` takes, folders (those inside included), and archives
        `.tar`, `.tar.gz` and `.tar.xz`.
    gaps : bool
        Whether residues that only the numbering tells of are in a sequence, as X.

    Yields
    ------
    chain : Protein
        Named after its file, with `_` and the chain where it has several.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where one cannot be read, or a folder or an archive has no structure.

    Examples
    --------
    >>> next(chains(["no-such-folder"]))
    Traceback (most recent call last):
    FileNotFoundError: no-such-folder: there is no such file or folder.
    """
    for path in map(Path, paths):
        for file in _files(path):
            found = read(file, gaps=gaps)
            for one in found:
                yield one if len(found) == 1 else replace(one, name=f"{one.name}_{one.chain}")


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder.")
    archive = path.name.endswith(ARCHIVED)
    if path.is_file() and not archive:
        if suffix(path) not in STRUCTURES:
            raise ValueError(f"{path.name}: a structure file ends in {' '.join(STRUCTURES)}.")
        return [path]
    folder = unpacked(path) if archive else path
    found = sorted(file for file in folder.rglob("*") if suffix(file) in STRUCTURES)
    if not found:
        raise ValueError(f"{path}: no structure file ({' '.join(STRUCTURES)}, each also .gz).")
    return found


def kept(
    proteins: Sequence[Protein], *, identity: float = IDENTITY, coverage: float = COVERAGE
) -> Covering:
    """Cover sequences by the chains of the benchmark data, or find in the cache which do.

    Parameters
    ----------
    proteins, identity, coverage
        As `covering.cover`.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    ValueError
        As `covering.cover`.
    """
    known = (unpacked(archive).name for archive in _archives())
    asked = [f"{VERSION} {identity!r} {coverage!r}", *known]
    said = digest([*asked, *(f"{protein.name}\t{protein.sequence}" for protein in proteins)])
    path = cache.folder() / f"covering-{said}.json"
    if not path.is_file():
        made = cover(proteins, chains(_archives()), identity=identity, coverage=coverage)
        _write(path, made.rows)
    rows = (
        Cover(protein, by, same, share, np.array(places))
        for protein, by, same, share, places in json.loads(path.read_text())
    )
    return Covering(tuple(protein.name for protein in proteins), tuple(rows), identity, coverage)


def _write(path: Path, rows: Iterable[Cover]) -> None:
    """Write beside the place and move there when whole: other processes may look."""
    said = [(r.protein, r.chain, r.identity, r.coverage, r.places.tolist()) for r in rows]
    number, beside = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(number, "w") as file:
        json.dump(said, file)
    Path(beside).replace(path)


def _archives() -> list[Path]:
    return [root() / "structures" / f"{name}.tar.xz" for name in ARCHIVES]


def _placed(protein: Protein, row: Cover) -> Protein:
    (own,) = read(chain(row.chain), gaps=False)
    return place(protein, own, row.places)
