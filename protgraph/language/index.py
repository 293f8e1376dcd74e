"""What counts in a vector store: an index that is replaced as a whole, and the writer's lock."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from protgraph.language.segments import settle
from protgraph.language.storage import Error

VERSION = 1
"""Of the format on disk."""

NAME = "index.json"
"""The index, beside the segments."""


def segment(folder: Path, number: int) -> Path:
    """Path of a segment.

    Examples
    --------
    >>> segment(Path("vectors"), 12).name
    '000012.seg'
    """
    return folder / f"{number:06d}.seg"


def stamp(folder: Path) -> tuple[int, ...] | None:
    """Tell one index from the next without reading it; None where there is none."""
    try:
        facts = (folder / NAME).stat()
    except FileNotFoundError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def read(folder: Path) -> dict[int, int]:
    """Read how many bytes of each segment count; nothing where there is no store yet.

    Raises
    ------
    ValueError
        Where the index is damaged, is gone from beside its segments, or is of another version.
    """
    try:
        found = json.loads((folder / NAME).read_text())
        version = found["version"]
        sizes = {int(Path(name).stem): int(size) for name, size in found["segments"].items()}
    except FileNotFoundError:
        if any(folder.glob("*.seg")):
            raise damaged(folder / NAME, "it is missing") from None
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder / NAME, repr(error)) from None
    if version != VERSION:
        raise ValueError(
            f"{folder / NAME}: this protgraph reads vector stores of version {VERSION}, "
            f"got {version}."
        )
    return sizes


def write(folder: Path, sizes: Mapping[int, int], error: Mapping[str, Error]) -> None:
    """Move a new index over the old one; the disk has it when this returns.

    Parameters
    ----------
    folder : Path
    sizes : mapping
        Number of a segment -> its bytes that count.
    error : mapping
        A way of storing -> what it has cost; for people to read.
    """
    found = {
        "version": VERSION,
        "segments": {segment(folder, number).name: size for number, size in sizes.items()},
        "error": {storage: lost._asdict() for storage, lost in error.items()},
    }
    beside = folder / f"{NAME}.new"
    with beside.open("w") as file:
        json.dump(found, file, indent=1)
        settle(file)
    beside.replace(folder / NAME)
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@contextmanager
def alone(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the writer's lock of a folder, which is made, in a `with` block.

    Parameters
    ----------
    folder : path
    wait : bool
        Whether to wait for the process that holds it.

    Raises
    ------
    BlockingIOError
        Naming the process that holds it, unless it is waited for. The lock of a process that has
        died is free.
    """
    import fcntl  # readers need no POSIX

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BlockingIOError(
                f"{folder}: a vector store has one writer at a time, and now it is "
                f"{file.read() or 'another process'}."
            ) from None
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a child may have inherited the file


def damaged(path: Path, what: str) -> ValueError:
    """Say what is damaged, and the cure."""
    return ValueError(
        f"{path}: the vector store is damaged ({what}). protgraph.language.store.repair("
        f"{str(path.parent)!r}) keeps what is whole; embed again, and only the rest is computed."
    )
