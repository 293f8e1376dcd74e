"""Graphs built once: packed on disk, found again by what they were made of, read without copying.

A folder holds one subfolder for each set of settings, and in it packs that are never changed: the
arrays of many graphs end to end, one `.npy` file a key, and `index.json`, which says whose they
are. A pack is written beside its place and moved there when whole, so a run that is killed leaves
nothing half done.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from torch_geometric.data import Data

from protgraph.structure.protein import Complex, Protein

VERSION = 1
"""Of the format on disk; another version is another key, so nothing old is misread."""

PACK = 256 * 2**20
"""Bytes after which a pack is closed: graphs of so much wait in memory, no more."""


def key(protein: Protein | Complex, settings: Mapping[str, Any]) -> str:
    """Name a graph by what it is made of.

    Parameters
    ----------
    protein : Protein or Complex
        Its sequences, coordinates, numbering and confidence count; its name does not.
    settings : mapping
        JSON values.

    Returns
    -------
    key : str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        Where a setting is no JSON value.

    Examples
    --------
    >>> one = Protein("a", "M", np.zeros((1, 4, 3)))
    >>> key(one, {"radius": 10.0}) == key(one, {"radius": 8.0})
    False
    """
    made = hashlib.sha256(_settings(settings).encode())
    for member in protein.proteins if isinstance(protein, Complex) else (protein,):
        made.update(json.dumps([member.sequence, member.numbering]).encode())
        for array in (member.backbone, member.side, member.confidence):
            made.update(b"none" if array is None else array.tobytes())
    return made.hexdigest()[:32]


def cached(
    folder: str | Path,
    proteins: Iterable[Protein | Complex],
    make: Callable[[Any], Data],
    *,
    settings: Mapping[str, Any],
) -> Graphs:
    """Graphs of proteins in order, those that the folder lacks built first.

    Parameters
    ----------
    folder : str or Path
        Made where it does not exist; several runs may share it.
    proteins : iterable of Protein or Complex
    make : callable
        From protein to graph. All graphs of one settings have the same keys and widths.
    settings : mapping
        Whatever else the graphs depend on: the arguments of `build`, the encoder of their vectors.

    Raises
    ------
    ValueError
        Where a setting is no JSON value, two graphs differ in keys or widths, or a file of the
        cache is damaged.

    Examples
    --------
    >>> from protgraph.graph.build import build
    >>> protein = Protein("a", "M", np.zeros((1, 4, 3)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     graphs = cached(folder, [protein, protein], build, settings={})
    ...     len(graphs), graphs[1].x.shape
    (2, torch.Size([1, 44]))
    """
    text = _settings(settings)
    place = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    held = {name: at for pack in _packs(place) for name, at in pack.rows()}
    asked = [(key(protein, settings), protein) for protein in proteins]
    missing = {name: protein for name, protein in asked if name not in held}
    for names, graphs in _portions(missing, make):
        held.update(_write(place, names, graphs).rows())
    return Graphs([held[name] for name, _ in asked])


class Graphs(Sequence[Data]):
    """Graphs on disk, by number; made by `cached`.

    Notes
    -----
    The tensors of a graph are views of the files, copied on write: what is changed in place is
    changed for this process and for as long as it runs, never on disk. A slice is a `Graphs` too,
    and either can be handed to the workers of a DataLoader.
    """

    def __init__(self, places: Sequence[tuple[_Pack, int]]) -> None:
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, i: int) -> Data: ...
    @overload
    def __getitem__(self, i: slice) -> Graphs: ...
    def __getitem__(self, i: int | slice) -> Data | Graphs:
        if isinstance(i, slice):
            return Graphs(self._places[i])
        pack, row = self._places[i]
        return pack.graph(row)


class _Column(NamedTuple):
    name: str
    array: np.ndarray[Any, Any]  # of all graphs, flat
    starts: list[int]  # where each graph's rows begin, and the last one's end
    before: list[int]  # axes before the one that grows
    after: list[int]
    width: int  # values a row


class _Pack:
    """One pack of graphs, its arrays memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            index = json.loads((folder / "index.json").read_text())
            self.names: list[str] = index["names"]
            columns = index["columns"].items()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(folder, "index.json", repr(error)) from None
        self._columns = [self._column(name, **column) for name, column in columns]

    def _column(self, name: str, counts: list[int], before: list[int], after: list[int]) -> _Column:
        file = f"{name}.npy"
        try:
            mapped = np.load(self._folder / file, mmap_mode="c")
        except (OSError, ValueError, EOFError) as error:
            raise _damaged(self._folder, file, repr(error)) from None
        width = math.prod([*before, *after])
        if mapped.shape != (sum(counts) * width,) or len(counts) != len(self.names):
            raise _damaged(self._folder, file, f"{mapped.size} values, not {sum(counts) * width}")
        flat = np.asarray(mapped)  # to slice a memmap itself takes ten times as long
        return _Column(name, flat, list(accumulate(counts, initial=0)), before, after, width)

    def __reduce__(self) -> tuple[type[_Pack], tuple[Path]]:
        return _Pack, (self._folder,)  # another process maps the files itself

    def rows(self) -> Iterator[tuple[str, tuple[_Pack, int]]]:
        return ((name, (self, row)) for row, name in enumerate(self.names))

    def graph(self, row: int) -> Data:
        tensors = {}
        for column in self._columns:
            start, end = column.starts[row : row + 2]
            values = column.array[start * column.width : end * column.width]
            shaped = values.reshape(*column.before, end - start, *column.after)
            tensors[column.name] = torch.from_numpy(shaped)
        return Data(**tensors)


def _packs(place: Path) -> list[_Pack]:
    return [_Pack(folder) for folder in sorted(place.iterdir()) if not folder.name.startswith(".")]


def _portions(
    missing: Mapping[str, Protein | Complex], make: Callable[[Any], Data]
) -> Iterator[tuple[list[str], list[Data]]]:
    """Graphs as they are made, as many together as go into one pack."""
    names: list[str] = []
    graphs: list[Data] = []
    size = 0
    for name, protein in missing.items():
        graph = make(protein)
        names.append(name)
        graphs.append(graph)
        size += sum(value.nbytes for value in graph.to_dict().values())
        if size >= PACK:
            yield names, graphs
            names, graphs, size = [], [], 0
    if names:
        yield names, graphs


def _write(place: Path, names: list[str], graphs: list[Data]) -> _Pack:
    target = place / hashlib.sha256("".join(names).encode()).hexdigest()[:32]
    beside = Path(tempfile.mkdtemp(prefix=".", dir=place))
    try:
        columns = {}
        for name in graphs[0].keys():  # noqa: SIM118 - Data iterates over pairs
            columns[name], values = _column(name, graphs)
            np.save(beside / f"{name}.npy", values)
        index = {"version": VERSION, "names": names, "columns": columns}
        (beside / "index.json").write_text(json.dumps(index))
        beside.rename(target)
    except OSError:
        if not target.exists():  # else another run has just made the same
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return _Pack(target)


def _column(name: str, graphs: list[Data]) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Lay one key of all graphs end to end; every axis but the one that grows is the same."""
    axis = 1 if "index" in name else 0  # where PyG joins it, too
    first = graphs[0][name]
    before, after = list(first.shape[:axis]), list(first.shape[axis + 1 :])
    for graph in graphs:
        shape = list(graph[name].shape) if set(graph.keys()) == set(graphs[0].keys()) else None
        if shape is None or shape[:axis] != before or shape[axis + 1 :] != after:
            raise ValueError(
                f"Graphs of one cache have the same keys and widths, but {name} has shape "
                f"{list(first.shape)} in the first and {shape} in another "
                f"(keys {sorted(graphs[0].keys())} and {sorted(graph.keys())})."
            )
    values = np.concatenate([graph[name].numpy().ravel() for graph in graphs])
    counts = [graph[name].shape[axis] for graph in graphs]
    return {"counts": counts, "before": before, "after": after}, values


def _settings(settings: Mapping[str, Any]) -> str:
    try:
        return json.dumps([VERSION, dict(settings)], sort_keys=True)
    except TypeError as error:
        raise ValueError(f"Settings of a graph cache are JSON values: {error}.") from None


def _damaged(folder: Path, file: str, what: str) -> ValueError:
    return ValueError(
        f"{folder / file}: the graph cache is damaged ({what}). Delete {folder} and run again."
    )
