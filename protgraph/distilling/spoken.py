"""What language encoders say of residues: computed once, kept, and read standardised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from protgraph.data.batch import batches
from protgraph.language.encoder import Encoder, Floats
from protgraph.language.storage import within
from protgraph.language.store import Store, key

STORAGE = "fp16"
"""What vectors are kept in: half the disk, and an error that no cosine shows (1 in 2,000)."""

PORTION = 8000
"""Residues that are computed and committed at once; a kill costs so many."""


@dataclass(frozen=True, eq=False)
class Spoken:
    """Vectors of one teacher, by sequence; made by `spoken`.

    Parameters
    ----------
    encoder : Encoder
    store : Store
        Memory-mapped; only what is asked for is read.
    mean, scale : ndarray of float32, shape [T]
        Of each dimension over the residues of the training side; the scale of a dimension that
        never changes is 1.
    """

    encoder: Encoder
    store: Store = field(repr=False)
    mean: Floats = field(repr=False)
    scale: Floats = field(repr=False)

    @property
    def width(self) -> int:
        """T, of the teacher."""
        return self.encoder.width

    def __getitem__(self, sequence: str) -> Floats:
        """Standardised vectors of a protein, [L, T]."""
        found: Floats = (_kept(self.store, self.encoder, sequence) - self.mean) / self.scale
        return found


def spoken(
    encoders: Sequence[Encoder], train: Sequence[str], rest: Sequence[str], *, folder: Path
) -> tuple[Spoken, ...]:
    """Ask teachers of proteins; what the folder has is read, the rest is computed and kept.

    Parameters
    ----------
    encoders : sequence of Encoder
        Long proteins are read by windows, as each of them does.
    train, rest : sequence of str
        Sequences; the first ones give the mean and the scale of each dimension.
    folder : Path
        A vector store (`language.store`): found again by the encoder's digest and the letters.
        Killed at any moment it is whole; asked again, it ends with the bytes it would have had.

    Raises
    ------
    ValueError
        Where an encoder refuses a sequence, or a vector is not finite or too large for fp16.

    Notes
    -----
    Dimensions are standardised because a few of them are far from 0 everywhere and decide every
    cosine of a transformer's vectors, though they say little (Timkey & van Schijndel, EMNLP 2021);
    and because teachers differ in spread, which AM-RADIO (Ranzinger et al., CVPR 2024) leaves as it
    is and its authors balance in PHI-S (arXiv:2410.01680), where standardising is one of the ways.
    """
    store = Store(folder)
    sequences = sorted({*train, *rest}, key=lambda own: (-len(own), own))
    names = [_names(encoder, sequences) for encoder in encoders]
    if not all(name in store for own in names for name in own):
        with store.writing(wait=True):
            for encoder in encoders:
                _fill(store, encoder, sequences)
    return tuple(Spoken(one, store, *_moments(store, one, train)) for one in encoders)


def _names(encoder: Encoder, sequences: Sequence[str]) -> list[str]:
    digest = encoder.digest
    return [key(sequence, digest, storage=STORAGE) for sequence in sequences]


def _kept(store: Store, encoder: Encoder, sequence: str) -> Floats:
    return store.get(key(sequence, encoder.digest, storage=STORAGE))


def _fill(store: Store, encoder: Encoder, sequences: Sequence[str]) -> None:
    """Compute what is lacking, in portions that depend on the proteins alone."""
    names = _names(encoder, sequences)
    for portion in batches([len(own) for own in sequences], PORTION):
        missing = [place for place in portion if names[place] not in store]
        if missing:
            found = encoder.encode([sequences[place] for place in missing])
            for place, rows in zip(missing, found, strict=True):
                within(f"{encoder.name} of {sequences[place][:10]}", rows, STORAGE)
            made = {names[place]: rows for place, rows in zip(missing, found, strict=True)}
            store.add(made, storage=STORAGE)


def _moments(store: Store, encoder: Encoder, train: Sequence[str]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each dimension over the residues of proteins."""
    number = 0
    total: npt.NDArray[np.float64] = np.zeros(encoder.width)
    squares: npt.NDArray[np.float64] = np.zeros(encoder.width)
    first = None
    for sequence in train:
        rows = _kept(store, encoder, sequence).astype(np.float64)
        first = rows[0] if first is None else first
        away = rows - first  # of a near point, so that squares lose nothing
        number += len(rows)
        total += away.sum(axis=0)
        squares += np.square(away).sum(axis=0)
    mean = total / number
    spread = np.sqrt(np.maximum(squares / number - mean**2, 0))
    scale = np.where(spread > 0, spread, 1)
    return (mean + (0 if first is None else first)).astype(np.float32), scale.astype(np.float32)
