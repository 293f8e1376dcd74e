"""Vectors on disk: found again by what they were made of, whole after a kill at any moment.

A folder holds segments, files of blocks (`segments`) that are only ever appended to, and an index
(`index`) that says how many bytes of each count. A commit writes a block, waits for the disk, and
moves a new index over the old one: before that move nothing has changed, after it all is there.
A process that is killed leaves bytes that do not count, and the next writer overwrites them.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from protgraph.language import index, segments
from protgraph.language.contents import Contents, Placed
from protgraph.language.encoder import Floats
from protgraph.language.storage import Error

SEGMENT = 8 * 2**30
"""Bytes after which the next block begins another segment."""


def key(sequence: str, digest: str, *, pool: str = "none", storage: str = "fp32") -> str:
    """Name vectors by what they are made of.

    Parameters
    ----------
    sequence : str
    digest : str
        Of the encoder: its weights, layer, window and precision.
    pool : {"none", "mean"}
    storage : {"fp32", "fp16", "int8"}

    Returns
    -------
    key : str
        32 hexadecimal digits.

    Examples
    --------
    >>> key("MKV", "one") == key("MKV", "other")
    False
    """
    facts = json.dumps([digest, pool, storage, sequence])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


class Store:
    """Vectors in a folder, memory-mapped; one process writes at a time, any number read.

    Parameters
    ----------
    folder : str or Path
        Made by the first write.

    Raises
    ------
    ValueError
        Where the store is damaged or of another version. Checksums of tables are looked at here,
        those of a protein's vectors when they are first read.

    Notes
    -----
    A reader goes on seeing what it saw when it was opened, until `refresh`. Arrays are read-only.
    Several threads may share a store; another process that is handed one opens it anew.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store, name = Store(folder), key("MKV", "some encoder")
    ...     store.add({name: np.zeros((3, 2), np.float32)})
    ...     len(store), name in store, store.get(name).shape
    (1, True, (3, 2))
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._contents = Contents(self.folder)
        self._seen: tuple[int, ...] | None = ()
        self._mutex = threading.RLock()
        self._writing = False
        self.refresh()

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return Store, (self.folder,)

    def __len__(self) -> int:
        return len(self._contents)

    def __contains__(self, name: str) -> bool:
        return name in self._contents

    @property
    def error(self) -> dict[str, Error]:
        """A way of storing -> what it has cost, over all that was stored so."""
        return dict(self._contents.error)

    def get(self, name: str) -> Floats:
        """Vectors by key: float32, [L, D], or [D] where they are pooled.

        Those stored as fp32 are a view of the file.

        Raises
        ------
        KeyError
            Where there are none.
        ValueError
            Where they are damaged.
        """
        return self._contents.get(name)

    def add(self, vectors: Mapping[str, Floats], *, storage: str = "fp32") -> None:
        """Commit vectors: all of them, or none if this is interrupted.

        Parameters
        ----------
        vectors : mapping
            Key -> [L, D], or [D]; of one D. A key that is there already is left as it is.
        storage : {"fp32", "fp16", "int8"}
            See `storage.kept`.

        Raises
        ------
        BlockingIOError
            Where another process is writing.
        ValueError
            As `segments.packed`; and where the store is damaged.
        """
        with self.writing():
            new = {name: array for name, array in vectors.items() if name not in self}
            if not new:
                return
            block, pieces = segments.packed(new, storage)
            sizes = self._contents.sizes
            last = max(sizes, default=0)
            if not last or sizes[last] + block.size > SEGMENT:
                last += 1
            at = sizes.get(last, 0)
            path = index.segment(self.folder, last)
            if not at:  # what a killed process began; some reader may still have it mapped
                path.unlink(missing_ok=True)
            with path.open("r+b" if at else "xb") as file:
                file.truncate(at)
                file.seek(at)
                file.writelines(pieces)
                segments.settle(file)
            self._commit({**sizes, last: at + block.size}, [(last, at, block)])

    @contextmanager
    def writing(self, *, wait: bool = False) -> Iterator[None]:
        """Be the one writer, in a `with` block; `add` does so by itself for the time it takes.

        Parameters
        ----------
        wait : bool
            Whether to wait until no other process writes; what it has written is then there.

        Raises
        ------
        BlockingIOError
            Naming the process that is writing, unless it is waited for. The lock of a process
            that has died is free.
        """
        with self._alone(wait=wait):
            self.refresh()
            if self._seen is None:
                self._commit({}, [])
            yield

    def refresh(self) -> None:
        """See what other processes have committed since.

        Raises
        ------
        ValueError
            Where the store is damaged.
        """
        with self._mutex:
            stamp = index.stamp(self.folder)
            if stamp == self._seen:
                return
            sizes, contents = index.read(self.folder), self._contents
            if any(sizes.get(number, 0) < known for number, known in contents.sizes.items()):
                contents = Contents(self.folder)  # it was repaired
            contents.take(sizes, contents.new(sizes))
            self._contents, self._seen = contents, stamp

    def _commit(self, sizes: dict[int, int], blocks: list[Placed]) -> None:
        index.write(self.folder, sizes, self._contents.errors(blocks))
        self._contents.take(sizes, blocks)
        self._seen = index.stamp(self.folder)

    @contextmanager
    def _alone(self, *, wait: bool = False) -> Iterator[None]:
        with self._mutex:
            if self._writing:
                yield
                return
            with index.alone(self.folder, wait=wait):
                self._writing = True
                try:
                    yield
                finally:
                    self._writing = False


def repair(folder: str | Path) -> int:
    """Keep every block of a store that is whole, and forget the rest: embedding again fills it in.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    left : int
        How many proteins are left.

    Raises
    ------
    FileNotFoundError
        Where there is no such folder.
    BlockingIOError
        Where a process is writing.

    Examples
    --------
    >>> repair("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: nowhere: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder.")
    with index.alone(folder):
        paths = sorted(folder.glob("*.seg"))
        sizes, old = {}, []
        fresh = 1 + max((int(path.stem) for path in paths), default=0)
        for path in paths:
            beside = index.segment(folder, fresh)
            whole = segments.mended(path, beside)
            if beside.exists():
                sizes[fresh], fresh = whole, fresh + 1
                old.append(path)
            elif whole:
                sizes[int(path.stem)] = whole
            else:
                old.append(path)
        index.write(folder, sizes, {})
        left = Store(folder)
        index.write(folder, sizes, left.error)
        for path in old:
            path.unlink()
    return len(left)
