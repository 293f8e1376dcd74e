"""Vectors in files: blocks end to end, each with a table of contents and checksums.

A block is a header of 64 bytes, a table of one row a protein, and the vectors; each part begins at
a multiple of 64 bytes. Header and table share a CRC-32, every protein's vectors have one of their
own. A block knows nothing of where it lies, so whole blocks can be copied to another file.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.language.encoder import Floats
from protgraph.language.storage import NONE, STORAGE, Error, kept, size

_ALIGN = 64
_MAGIC = b"protgvec"
# Magic, storage, width, rows, bytes of the block, the three of Error, checksum.
_HEADER = struct.Struct("<8sIIQQddQ4xI")
_ROW = np.dtype([("key", "V16"), ("start", "<u8"), ("length", "<u4"), ("crc", "<u4")])


class Block(NamedTuple):
    """The head of a block.

    `table` has a row a protein: key; start, counted from the block's first byte; length, 0 for a
    pooled vector; crc. `size` is in bytes and covers the whole block.
    """

    storage: str
    width: int
    size: int
    error: Error
    table: npt.NDArray[np.void]


def packed(vectors: Mapping[str, Floats], storage: str) -> tuple[Block, list[bytes]]:
    """Lay vectors out as a block.

    Parameters
    ----------
    vectors : mapping
        Key, 32 hexadecimal digits -> [L, D], or [D]; of one D, one protein at least.
    storage : {"fp32", "fp16", "int8"}
        See `storage.kept`.

    Returns
    -------
    block : Block
    pieces : list of bytes
        To be written one after the other.

    Raises
    ------
    ValueError
        Where widths differ; and as `storage.within`.

    Examples
    --------
    >>> block, pieces = packed({"0" * 32: np.ones((3, 2), np.float32)}, "fp32")
    >>> block.width, block.size == sum(map(len, pieces))
    (2, True)
    """
    widths = {array.shape[-1] for array in vectors.values()}
    if len(widths) != 1:
        raise ValueError(f"Vectors of one commit have one width, got {sorted(widths)}.")
    (width,) = widths
    table = np.zeros(len(vectors), dtype=_ROW)
    start = _HEADER.size + table.nbytes
    lead = bytes(-start % _ALIGN)
    start += len(lead)
    body, error = [], NONE
    for row, (key, array) in enumerate(vectors.items()):
        values, lost = kept(key, array, storage)
        error = error.joined(lost)
        length = len(array) if array.ndim == 2 else 0
        table[row] = (bytes.fromhex(key), start, length, zlib.crc32(values))
        body += [values, bytes(-len(values) % _ALIGN)]
        start += len(body[-2]) + len(body[-1])
    facts = (_MAGIC, STORAGE.index(storage), width, len(table), start, *error)
    head = _HEADER.pack(*facts, _checksum(_HEADER.pack(*facts, 0), table))
    return Block(storage, width, start, error, table), [head, table.tobytes(), lead, *body]


def read(file: BinaryIO, at: int, end: int) -> Block:
    """Read the head of the block that begins at `at`, in a file of which `end` bytes count.

    Raises
    ------
    ValueError
        Saying what is wrong, where no whole block begins there.
    """
    file.seek(at)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise ValueError(f"byte {at}: the file ends inside a block")
    magic, storage, width, rows, extent, *error, checksum = _HEADER.unpack(head)
    fits = _HEADER.size + rows * _ROW.itemsize <= extent <= end - at
    if magic != _MAGIC or storage >= len(STORAGE) or not fits:
        raise ValueError(f"byte {at}: no whole block begins here")
    table = np.frombuffer(file.read(rows * _ROW.itemsize), dtype=_ROW)
    if _checksum(head[:-4] + bytes(4), table) != checksum:
        raise ValueError(f"byte {at}: the table of a block fails its checksum")
    return Block(STORAGE[storage], width, extent, Error(*error), table)


def mended(path: Path, beside: Path) -> int:
    """Keep the whole blocks of a file.

    Parameters
    ----------
    path : Path
        Left as it is.
    beside : Path
        Where they are copied, if what is whole is not the first so many bytes of `path`.

    Returns
    -------
    size : int
        Bytes that are whole: of `beside` where it was written, else of `path`.
    """
    with path.open("rb") as file:
        blocks = list(_whole(file, os.fstat(file.fileno()).st_size))
        total = sum(extent for _, extent in blocks)
        if not blocks or total == sum(blocks[-1]):
            return total
        with beside.open("xb") as fresh:
            for at, extent in blocks:
                file.seek(at)
                for left in range(extent, 0, -_PIECE):
                    fresh.write(file.read(min(left, _PIECE)))
            settle(fresh)
    return total


def settle(file: IO[bytes] | IO[str]) -> None:
    """Wait until the disk has what was written."""
    file.flush()
    os.fsync(file.fileno())


_PIECE = 2**24


def _checksum(head: bytes, table: npt.NDArray[np.void]) -> int:
    return zlib.crc32(table.tobytes(), zlib.crc32(head))


def _whole(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """Begin and extent of the blocks all of whose checksums hold."""
    at = 0
    while at < end:
        try:
            block = read(file, at, end)
            for _, start, length, crc in block.table.tolist():
                file.seek(at + start)
                if zlib.crc32(file.read(size(length, block.width, block.storage))) != crc:
                    raise ValueError(f"byte {at + start}: vectors fail their checksum")
        except ValueError:
            at = _next(file, at + _ALIGN)
        else:
            yield at, block.size
            at += block.size


def _next(file: BinaryIO, at: int) -> int:
    """Where a block may begin, from a multiple of 64 on; the end of the file if nowhere."""
    file.seek(at)
    while piece := file.read(_PIECE):
        found = piece.find(_MAGIC)
        while found >= 0:
            if found % _ALIGN == 0:
                return at + found
            found = piece.find(_MAGIC, found + 1)
        at += len(piece)
    return at
