"""An encoder with a memory: what a store has is read, the rest is computed and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from protgraph.language.encoder import ENCODERS, Encoder, Floats, checked
from protgraph.language.encoder import encoder as encoder_of
from protgraph.language.storage import within
from protgraph.language.store import Store, key
from protgraph.structure import cache

POOLS = ("none", "mean")
"""Vectors of every residue, or their mean over the protein."""

PORTION = 256 * 2**20
"""Bytes of vectors that wait in memory for a commit, at most; one protein always may."""

FIRST = 8000
"""Residues of the first portion."""

SECONDS = 5.0
"""Portions grow until one takes so long, and shrink when they take longer."""


@runtime_checkable
class Layered(Protocol):
    """What an encoder offers besides, if one pass of it gives the vectors of several layers."""

    @property
    def layers(self) -> tuple[int, ...]: ...  # noqa: D102

    def digest_of(self, layer: int) -> str: ...  # noqa: D102

    def encode_layers(self, sequences: Sequence[str]) -> list[list[Floats]]: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Stored:
    """An encoder that reads what a store has, and keeps there what it has to compute.

    Parameters
    ----------
    encoder : Encoder
        Where it is `Layered`, all of its layers are kept, for they cost one pass.
    store : Store

    Notes
    -----
    Vectors are kept as fp32, so they are what `encoder` gave, to the bit; arrays are read-only.
    The store is written for the length of a commit alone. If another process is writing just then,
    the vectors are returned all the same, and computed again when they are next asked for.

    Examples
    --------
    >>> import tempfile
    >>> from protgraph.language.encoder import onehot
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = stored(onehot(), folder)
    ...     kept.encode(["MKV", "MKV"])[1].shape, len(kept.store)
    ((3, 21), 1)
    """

    encoder: Encoder = field(repr=False)
    store: Store = field(repr=False)

    @property
    def name(self) -> str:
        """Of the encoder."""
        return self.encoder.name

    @property
    def width(self) -> int:
        """Of the encoder."""
        return self.encoder.width

    @property
    def digest(self) -> str:
        """Of the encoder: where vectors are kept does not change them."""
        return self.encoder.digest

    def encode(self, sequences: Sequence[str]) -> list[Floats]:
        """Turn proteins into one array of shape [L, D] each; of several layers the last."""
        return self.encode_layers(sequences)[-1]

    def encode_layers(self, sequences: Sequence[str]) -> list[list[Floats]]:
        """Turn proteins into one array of shape [L, D] each, layer by layer.

        Raises
        ------
        ValueError
            Where `checked` refuses a sequence, a vector is not finite, or the store is damaged.
        """
        sequences, codes = checked(sequences), digests(self.encoder)
        self.store.refresh()
        keys = {s: [key(s, code) for code in codes] for s in sequences}
        missing = {s: s[:10] for s in keys if not all(name in self.store for name in keys[s])}
        apart: dict[str, Floats] = {}
        for _, vectors in computed(self.encoder, missing):
            try:
                self.store.add(vectors)
            except BlockingIOError:  # another process is writing
                apart.update(vectors)

        def found(name: str) -> Floats:
            return apart[name] if name in apart else self.store.get(name)

        return [[found(keys[s][layer]) for s in sequences] for layer in range(len(codes))]


def stored(encoder: Encoder, folder: str | Path | None = None) -> Stored:
    """Wrap an encoder with a store.

    Parameters
    ----------
    encoder : Encoder
    folder : str or Path, optional
        `vectors` in the cache folder (`structure.cache.folder`) if left out.
    """
    return Stored(encoder, Store(folder or cache.folder() / "vectors"))


def recalled(name: str, *, layer: int = -1) -> Encoder:
    """Get an encoder by name, with the default store behind it if it is a language model.

    Parameters
    ----------
    name, layer
        As `encoder.encoder`.

    Examples
    --------
    >>> recalled("onehot").name
    'onehot'
    """
    found = encoder_of(name, layer=layer)
    return found if name in ENCODERS else stored(found)


def pooled(name: str, sequences: Sequence[str], *, layer: int = -1) -> Floats:
    """Mean vectors of proteins by an encoder; those of a language model by the default store.

    Parameters
    ----------
    name, layer
        As `encoder.encoder`; of several layers the last.
    sequences : sequence of str

    Returns
    -------
    vectors : ndarray of float32, shape [B, D]

    Raises
    ------
    ValueError
        As `Stored.encode_layers`.

    Examples
    --------
    >>> pooled("onehot", ["AACC", "AA"])[:, 0].tolist()
    [0.5, 1.0]
    """
    found, sequences = encoder_of(name, layer=layer), checked(sequences)
    if name in ENCODERS:
        return np.stack([own.mean(axis=0) for own in found.encode(sequences)])
    store, code = Store(cache.folder() / "vectors"), digests(found)[-1]
    keys = {s: key(s, code, pool="mean") for s in sequences}
    made: dict[str, Floats] = {}
    missing = {s: s[:10] for s in keys if keys[s] not in store}
    for _, vectors in computed(found, missing, pool="mean"):
        made.update(vectors)
        with suppress(BlockingIOError):  # another process is writing
            store.add(vectors)
    return np.stack([made[k] if (k := keys[s]) in made else store.get(k) for s in sequences])


def digests(encoder: Encoder) -> list[str]:
    """One digest a layer that the encoder gives.

    Examples
    --------
    >>> from protgraph.language.encoder import onehot
    >>> len(digests(onehot()))
    1
    """
    if isinstance(encoder, Layered):
        return [encoder.digest_of(layer) for layer in encoder.layers]
    return [encoder.digest]


def computed(
    encoder: Encoder, names: Mapping[str, str], *, pool: str = "none", storage: str = "fp32"
) -> Iterator[tuple[int, dict[str, Floats]]]:
    """Encode proteins portion by portion, longest first.

    Parameters
    ----------
    encoder : Encoder
    names : mapping
        Sequence -> what to call the protein in an error.
    pool : {"none", "mean"}
    storage : {"fp32", "fp16", "int8"}
        In what the vectors will be kept; here they are float32.

    Yields
    ------
    residues : int
        Of the portion.
    vectors : dict
        Key -> [L, D], or [D] where they are pooled; of all layers.

    Raises
    ------
    ValueError
        Naming the protein, where the encoder refuses it, or gives vectors of another shape or
        such as `storage.within` refuses.
    """
    codes = digests(encoder)
    most = PORTION // (4 * encoder.width * len(codes))
    for portion in portions(list(names), most):
        found: dict[str, Floats] = {}
        for code, arrays in zip(codes, _layers(encoder, portion, names), strict=True):
            for sequence, array in zip(portion, arrays, strict=True):
                wanted = (len(sequence), encoder.width)
                if array.shape != wanted:
                    raise ValueError(
                        f"{names[sequence]}: {encoder.name} gives vectors of shape "
                        f"{list(array.shape)}, but its sequence needs {list(wanted)}."
                    )
                within(names[sequence], array, storage)
                if pool == "mean":
                    array = array.mean(axis=0, dtype=np.float64).astype(np.float32)
                found[key(sequence, code, pool=pool, storage=storage)] = array
        yield sum(map(len, portion)), found


def portions(sequences: Sequence[str], most: int) -> Iterator[list[str]]:
    """Cut proteins into portions, longest first.

    Parameters
    ----------
    sequences : sequence of str
    most : int
        Residues of a portion; a protein of more is one by itself.

    Yields
    ------
    portion : list of str
        Twice the residues of the one before, until a portion takes `SECONDS`.

    Examples
    --------
    >>> list(portions(["M", "MKVA", "MKV"], most=4))
    [['MKVA'], ['MKV', 'M']]
    """
    limit, total, portion = min(FIRST, most), 0, list[str]()
    for sequence in sorted(sequences, key=len, reverse=True):
        if portion and total + len(sequence) > limit:
            began = time.monotonic()
            yield portion
            slow = time.monotonic() - began > SECONDS
            limit = max(limit // 2, 1) if slow else min(limit * 2, most)
            total, portion = 0, []
        total += len(sequence)
        portion.append(sequence)
    if portion:
        yield portion


def _layers(encoder: Encoder, portion: list[str], names: Mapping[str, str]) -> list[list[Floats]]:
    try:
        if isinstance(encoder, Layered):
            return encoder.encode_layers(portion)
        return [encoder.encode(portion)]
    except ValueError as error:
        if len(portion) == 1:
            raise ValueError(f"{names[portion[0]]}: {error}") from error
        for sequence in portion:  # one by one, to name the protein
            _layers(encoder, [sequence], names)
        raise
