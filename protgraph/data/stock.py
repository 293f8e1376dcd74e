"""Your copies of the sets of the shelf: which are there, which are the same, the rest fetched."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from protgraph.data.shelf import FILES, SHELF, File, Set, named
from protgraph.structure.download import checksum, download

Told = Callable[[str, int, int | None], None]
"""Takes a path, the bytes that have come and, where it is known, their number in all."""


class Listed(NamedTuple):
    """A line of `listed`: a set, its size in bytes, and whether it is there.

    Examples
    --------
    >>> Listed("demo", "a demonstration", ("demo.csv",), 7, "CC0", "made", "no", "").present
    'no'
    """

    name: str
    what: str
    files: tuple[str, ...]
    size: int
    licence: str
    source: str
    present: str
    where: str


class Checked(NamedTuple):
    """A line of `verify`: a file, "ok", "missing" or "another checksum", and what to say of it.

    Examples
    --------
    >>> Checked("gb1/gb1_splits.zip", "ok", "").state
    'ok'
    """

    path: str
    state: str
    said: str


def listed(folder: str | Path | None = None) -> list[Listed]:
    """List every set.

    Parameters
    ----------
    folder : str or Path, optional
        By default `PROTGRAPH_DATA`; without it nothing is present.

    Returns
    -------
    rows : list of Listed
        `present` is "yes", "in part" or "no" by the sizes of the files (`verify` reads them);
        `where` says where they can be had.

    Examples
    --------
    >>> [row] = [row for row in listed("/no/such/folder") if row.name == "gb1"]
    >>> row.size, row.present
    (1241473, 'no')
    """
    home = _folder(folder)
    return [_line(one, home) for one in SHELF.values()]


def verify(name: str | None = None, *, folder: str | Path | None = None) -> list[Checked]:
    """Check the files of a set, or of all, by their checksums.

    Parameters
    ----------
    name : str, optional
        Of `SHELF`, or a task.
    folder : str or Path, optional
        By default `PROTGRAPH_DATA`.

    Returns
    -------
    rows : list of Checked
        One a file.

    Raises
    ------
    ValueError
        Where there is no such set.
    FileNotFoundError
        Without a folder.

    Examples
    --------
    >>> verify("gb1", folder="/no/such/folder")[0].state
    'missing'
    """
    sets = SHELF.values() if name is None else [named(name)]
    home = _needed(folder)
    owners: dict[str, Set] = {}
    for one in sets:
        for path in one.files:
            owners.setdefault(path, one)
    return [_checked(home, FILES[path], one) for path, one in owners.items()]


def fetch(
    name: str,
    folder: str | Path | None = None,
    *,
    mirror: str = "",
    told: Told | None = None,
) -> list[Checked]:
    """Download the files of a set that are not there, and check all of them.

    Parameters
    ----------
    name : str
        Of `SHELF`, or a task.
    folder : str or Path, optional
        By default `PROTGRAPH_DATA`; made where it is not there.
    mirror : str
        URL of a copy of the whole folder, such as "https://data.lab.org/protgraph": its files are
        taken from there, by their paths. Checksums are asked of them as of all others.
    told : callable, optional
        Told of every piece: path, bytes so far, bytes in all or None.

    Returns
    -------
    rows : list of Checked
        As `verify`. A file that is public nowhere stays "missing", and the row says where to ask.

    Raises
    ------
    ValueError, FileNotFoundError, ConnectionError, BlockingIOError
        As `verify`, and as `protgraph.structure.download.download`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(fetch("sites", folder)[0].said)
    not downloadable from here; its source is https://github.com/biomed-AI/GPSite
    """
    one, home = named(name), _needed(folder)
    for path in one.files:
        file = FILES[path]
        url = f"{mirror.rstrip('/')}/{path}" if mirror else file.url
        if url:
            piece = None if told is None else partial(told, path)
            download(url, home / path, sha256=file.sha256, told=piece)
    return verify(name, folder=home)


def _folder(folder: str | Path | None) -> Path | None:
    place = os.environ.get("PROTGRAPH_DATA", "") if folder is None else folder
    return Path(place) if place else None


def _needed(folder: str | Path | None) -> Path:
    found = _folder(folder)
    if found is None:
        raise FileNotFoundError(
            "A folder of benchmark sets is needed: set PROTGRAPH_DATA, or name one, got ''."
        )
    return found


def _line(one: Set, home: Path | None) -> Listed:
    files = [FILES[path] for path in one.files]
    there = [home is not None and _sized(home / file.path, file.size) for file in files]
    return Listed(
        name=one.name,
        what=one.what,
        files=one.files,
        size=sum(file.size for file in files),
        licence=one.licence,
        source=one.source,
        present="yes" if all(there) else "in part" if any(there) else "no",
        where=one.origin if all(file.url for file in files) else _ask(one),
    )


def _sized(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _checked(home: Path, file: File, one: Set) -> Checked:
    path = home / file.path
    if not path.is_file():
        return Checked(
            file.path, "missing", f"downloadable from {file.url}" if file.url else _ask(one)
        )
    made = checksum(path)
    if made == file.sha256:
        return Checked(file.path, "ok", "")
    return Checked(file.path, "another checksum", f"sha256 {file.sha256} is right, this has {made}")


def _ask(one: Set) -> str:
    return f"not downloadable from here; its source is {one.origin}"
