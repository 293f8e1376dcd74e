"""Where the benchmark data lies: its folder, its tables, its archives unpacked once."""

from __future__ import annotations

import csv
import gzip
import lzma
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from protgraph.structure import cache

ARCHIVES = ("chains", "unlabelled")
"""Archives of human PDB chains, a file each."""


def root() -> Path:
    """Folder of the benchmark data.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` is not set or is not a folder.
    """
    place = os.environ.get("PROTGRAPH_DATA", "")
    if not place or not Path(place).is_dir():
        raise FileNotFoundError(
            "The benchmark sets are not part of the package: set PROTGRAPH_DATA to the folder "
            f"that holds them, got {place!r}."
        )
    return Path(place)


def here() -> bool:
    """Tell whether `PROTGRAPH_DATA` leads to the benchmark data."""
    return Path(os.environ.get("PROTGRAPH_DATA") or "/dev/null").is_dir()


def table(name: str, *, comma: bool = False) -> list[dict[str, str]]:
    """Rows of a tab-separated (or comma-separated) file of the data, which may end in `.gz`."""
    path = root() / name
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file:
        return list(csv.DictReader(file, delimiter="," if comma else "\t"))


def chain(name: str) -> Path:
    """File of a chain with coordinates, from either archive of structures.

    Raises
    ------
    FileNotFoundError
        Where there is no such chain.
    """
    for archive in ARCHIVES:
        path = unpacked(root() / "structures" / f"{archive}.tar.xz") / archive / f"{name}.pdb"
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name}: no such chain among the structures.")


def unpacked(archive: Path) -> Path:
    """Unpack an archive into the cache folder, once.

    An archive of another size or date gets a folder of its own.

    Raises
    ------
    FileNotFoundError
        Where there is no such archive.
    ValueError
        Where it is damaged or would write outside the folder.
    """
    facts = archive.stat()
    home = cache.folder()
    folder = home / f"{archive.name.split('.')[0]}-{facts.st_size}-{int(facts.st_mtime)}"
    if folder.is_dir():
        return folder
    home.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=home))
    try:
        try:
            with tarfile.open(archive) as file:
                file.extractall(beside, filter="data")
        except (tarfile.TarError, EOFError, lzma.LZMAError) as error:
            raise ValueError(f"{archive}: not a whole archive: {error}") from error
        try:
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was first otherwise
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
