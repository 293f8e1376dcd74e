"""Vectors as one HDF5 file, in the layout that biotrainer and bio_embeddings read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from protgraph.language.segments import settle
from protgraph.language.store import Store


def check(path: Path, layers: int) -> None:
    """Say before anything is computed that the file could not be written.

    Raises
    ------
    ImportError
        Without h5py.
    ValueError
        For several layers, since the layout has one array a protein.

    Examples
    --------
    >>> check(Path("vectors.h5"), 2)
    Traceback (most recent call last):
    ValueError: vectors.h5: a .h5 file holds one layer, got 2; write a folder, or a file a layer.
    """
    if layers != 1:
        raise ValueError(
            f"{path}: a .h5 file holds one layer, got {layers}; write a folder, or a file a layer."
        )
    if find_spec("h5py") is None:
        raise ImportError(f"{path}: a .h5 file is written by h5py: pip install h5py")


def sequence_hash(sequence: str) -> str:
    """Name a sequence as biotrainer does: SHA-256 of its letters and length.

    Examples
    --------
    >>> sequence_hash("MKV")[:8]
    '0248cf4a'
    """
    return hashlib.sha256(f"{sequence}_{len(sequence)}".encode()).hexdigest()


def write(
    path: Path,
    store: Store,
    proteins: Iterable[tuple[str, str, str]],
    *,
    about: Mapping[str, str],
) -> None:
    """Write vectors to a file that is moved into its place when it is whole.

    Parameters
    ----------
    path : Path
    store : Store
    proteins : iterable of (id, sequence, key)
    about : mapping
        Attributes of the file; where "storage" is fp16, the datasets are float16, else float32.

    Notes
    -----
    A dataset a protein, [L, D] or [D], with its id in the attribute `original_id`, by which
    bio_embeddings and older biotrainers find it. Its name is `sequence_hash`, by which newer
    biotrainers find it; of several ids with one sequence all but the first have `-1`, `-2` ... at
    the end of theirs. Biotrainer hashes letters as they stand in its FASTA file: a protein with
    lower case, gaps, B, J, O, U or Z there has another hash than the sequence that was embedded.
    """
    import h5py

    dtype = "f2" if about["storage"] == "fp16" else "f4"
    beside = path.with_name(f"{path.name}.new")
    count: Counter[str] = Counter()
    with h5py.File(beside, "w") as file:
        file.attrs.update(about)
        for name, sequence, key in proteins:
            code = sequence_hash(sequence)
            place = f"{code}-{count[code]}" if count[code] else code
            count[code] += 1
            file.create_dataset(place, data=store.get(key), dtype=dtype)
            file[place].attrs["original_id"] = name
    with beside.open("rb") as written:
        settle(written)
    beside.replace(path)
