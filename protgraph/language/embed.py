"""Embedding the proteins of a file: into a store, or through one into HDF5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protgraph.language import hdf5
from protgraph.language.encoder import Encoder
from protgraph.language.storage import STORAGE, Error
from protgraph.language.store import Store, key
from protgraph.language.stored import POOLS, computed, digests
from protgraph.structure.fasta import records


@dataclass(frozen=True, eq=False)
class Embedded:
    """What `embed` did.

    Parameters
    ----------
    store : Store
    keys : mapping
        Id of a protein -> keys of its vectors in the store, one a layer.
    sequences : int
        Different ones.
    computed : int
        How many of them the store lacked.
    notes : tuple of str
        What was done to sequences before they were read.
    error : Error
        What storing has cost, over all that the store keeps in this way.
    """

    store: Store = field(repr=False)
    keys: Mapping[str, tuple[str, ...]] = field(repr=False)
    sequences: int
    computed: int
    notes: tuple[str, ...] = field(repr=False)
    error: Error

    def text(self) -> str:
        """Say it in one line."""
        return (
            f"{len(self.keys):,} proteins, {self.sequences:,} sequences, "
            f"{self.computed:,} computed, the rest found"
            + (f"; {self.error}" if self.error.largest else "")
        )


def embed(
    file: str | Path,
    output: str | Path,
    encoder: Encoder,
    *,
    pool: str = "none",
    storage: str = "fp32",
    progress: bool | None = None,
) -> Embedded:
    """Embed the proteins of a sequence file; what is there already is not computed again.

    Parameters
    ----------
    file : str or Path
        Read by the rules of `structure.fasta.sequences`: `.gz` is unpacked; lower case becomes
        upper case; a last `*` and gaps go; B, J, O, U and Z are read as X. A record without
        letters or an id that comes twice, be the sequence the same or not, is an error. Two ids
        with one sequence share its vectors.
    output : str or Path
        Folder of a `Store`; or a file `*.h5`, which is made from the store `*.h5.store` beside it
        (see `hdf5.write`). That store may be deleted; kept, it saves the next run its work.
    encoder : Encoder
        All its layers are embedded, in one pass, if it is `Layered`.
    pool : {"none", "mean"}
    storage : {"fp32", "fp16", "int8"}
        See `storage.kept`.
    progress : bool, optional
        Show residues done and time left on stderr; where that is a terminal, if left out.

    Returns
    -------
    done : Embedded

    Raises
    ------
    ValueError
        Where the file, an option, a vector or the store is not what it must be. Nothing of the
        portion at hand is kept then, all portions before it are.
    BlockingIOError
        Where another process writes to the store.
    ImportError
        For `*.h5` without h5py.

    Examples
    --------
    >>> import tempfile
    >>> from protgraph.language.encoder import onehot
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fasta = Path(folder) / "two.fasta"
    ...     _ = fasta.write_text(">a\\nMKV\\n>b\\nMKV\\n")
    ...     done = embed(fasta, Path(folder) / "vectors", onehot(), pool="mean")
    ...     done.store.get(done.keys["b"][0]).shape, done.sequences, done.computed
    ((21,), 1, 1)
    """
    for name, value, known in (("pool", pool, POOLS), ("storage", storage, STORAGE)):
        if value not in known:
            raise ValueError(f"{name} is one of {', '.join(known)}, got {value}.")
    output, codes = Path(output), digests(encoder)
    as_file = output.suffix == ".h5"
    if as_file:
        hdf5.check(output, len(codes))
    elif output.is_file():
        raise ValueError(f"{output}: vectors go to a folder or a file *.h5, and this is a file.")
    proteins = records(file)
    names: dict[str, str] = {}
    for name, sequence, _ in proteins:
        names.setdefault(sequence, name)
    keys = {s: tuple(key(s, code, pool=pool, storage=storage) for code in codes) for s in names}
    store = Store(f"{output}.store" if as_file else output)
    with store.writing():
        missing = {s: n for s, n in names.items() if not all(k in store for k in keys[s])}
        _fill(store, encoder, missing, pool=pool, storage=storage, progress=progress)
        if as_file:
            rows = ((name, sequence, keys[sequence][0]) for name, sequence, _ in proteins)
            about = {"encoder": encoder.name, "digest": codes[0], "pool": pool, "storage": storage}
            hdf5.write(output, store, rows, about=about)
    notes = tuple(f"{name}: {note}" for name, _, said in proteins for note in said)
    found = {name: keys[sequence] for name, sequence, _ in proteins}
    return Embedded(store, found, len(names), len(missing), notes, store.error[storage])


def _fill(
    store: Store,
    encoder: Encoder,
    missing: Mapping[str, str],
    *,
    pool: str,
    storage: str,
    progress: bool | None,
) -> None:
    from tqdm import tqdm

    residues = sum(map(len, missing))
    hidden = None if progress is None else not progress  # None: unless stderr is a terminal
    with tqdm(
        total=residues, desc=encoder.name, unit="residue", unit_scale=True, disable=hidden
    ) as bar:
        for done, vectors in computed(encoder, missing, pool=pool, storage=storage):
            store.add(vectors, storage=storage)
            bar.update(done)
