"""What lies where in a vector store: keys to places, and places to vectors."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from protgraph.language import index, segments
from protgraph.language.encoder import Floats
from protgraph.language.segments import Block
from protgraph.language.storage import NONE, STORAGE, Bytes, Error, floats, size

Placed = tuple[int, int, Block]
"""A block, after the number of its segment and its first byte there."""

_PLACE = np.dtype(
    [("segment", "u4"), ("start", "u8"), ("length", "u4"), ("crc", "u4"), ("width", "u4"),
     ("storage", "u1")]
)  # fmt: skip


class Contents:
    """Vectors of a store that one process knows of; what it knows only grows.

    Parameters
    ----------
    folder : Path

    Examples
    --------
    >>> contents = Contents(Path("nowhere"))
    >>> contents.sizes, "0" * 32 in contents
    ({}, False)
    """

    def __init__(self, folder: Path) -> None:
        self.sizes: dict[int, int] = {}  # of the segments: bytes that count
        self.error: dict[str, Error] = {}
        self._folder = folder
        self._rows: dict[bytes, int] = {}
        self._places = np.empty(0, dtype=_PLACE)
        self._sound = bytearray()  # 1 where vectors have passed their checksum
        self._maps: dict[int, Bytes] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        return bytes.fromhex(name) in self._rows

    def get(self, name: str) -> Floats:
        """Vectors by key, as `Store.get` says."""
        row = self._rows.get(bytes.fromhex(name))
        if row is None:
            raise KeyError(f"{self._folder}: no vectors with the key {name}.")
        segment, start, length, crc, width, code = self._places[row].item()
        end = start + size(length, width, STORAGE[code])
        raw = self._mapped(segment, end)[start:end]
        if not self._sound[row]:
            if zlib.crc32(raw.data) != crc:
                path = index.segment(self._folder, segment)
                raise index.damaged(path, f"byte {start}: vectors fail their checksum")
            self._sound[row] = 1
        found = floats(raw, length, width, STORAGE[code])
        found.flags.writeable = False
        return found

    def new(self, sizes: Mapping[int, int]) -> list[Placed]:
        """Blocks that an index counts and that are not known yet."""
        return [placed for number in sizes for placed in self._scanned(number, sizes[number])]

    def take(self, sizes: dict[int, int], blocks: list[Placed]) -> None:
        """Know what is in some blocks, in an order that other threads can read beside."""
        rows = len(self._places)
        names: dict[bytes, int] = {}
        places = [self._places]
        for number, at, block in blocks:
            place = np.zeros(len(block.table), dtype=_PLACE)
            for field in ("start", "length", "crc"):
                place[field] = block.table[field]
            place["start"] += at
            place["segment"], place["width"] = number, block.width
            place["storage"] = STORAGE.index(block.storage)
            places.append(place)
            names.update({name: rows + i for i, name in enumerate(block.table["key"].tolist())})
            rows += len(place)
        self.sizes, self.error = sizes, self.errors(blocks)
        self._sound += bytes(rows - len(self._sound))
        self._places = np.concatenate(places)
        self._rows.update(names)

    def errors(self, blocks: list[Placed]) -> dict[str, Error]:
        """What storing has cost, with some more blocks."""
        found = dict(self.error)
        for _, _, block in blocks:
            found[block.storage] = found.get(block.storage, NONE).joined(block.error)
        return found

    def _scanned(self, number: int, end: int) -> Iterator[Placed]:
        at, path = self.sizes.get(number, 0), index.segment(self._folder, number)
        try:
            with path.open("rb") as file:
                there = os.fstat(file.fileno()).st_size
                if there < end:
                    raise ValueError(f"it has {there:,} bytes, not {end:,}")
                while at < end:
                    block = segments.read(file, at, end)
                    yield number, at, block
                    at += block.size
        except (OSError, ValueError) as error:
            raise index.damaged(path, str(error)) from None

    def _mapped(self, number: int, end: int) -> Bytes:
        """The first bytes of a segment, `end` at least."""
        found = self._maps.get(number)
        if found is None or len(found) < end:
            path = index.segment(self._folder, number)
            try:
                mapped = np.memmap(path, mode="r", shape=(self.sizes[number],))
            except (OSError, ValueError) as error:
                raise index.damaged(path, str(error)) from None
            found = np.asarray(mapped)  # to slice a memmap itself takes ten times as long
            self._maps[number] = found
        return found
