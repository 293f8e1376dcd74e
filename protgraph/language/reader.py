"""Reading whole proteins with a language model: packs by size, windows over long ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from protgraph.language.encoder import Floats, checked
from protgraph.language.packing import Pack, pack


class Alphabet(NamedTuple):
    """Token ids: of the letters A to Z, [26], and of what opens and closes a protein.

    Examples
    --------
    >>> Alphabet(np.arange(26), 26, 27).tokens("CA").tolist()
    [26, 2, 0, 27]
    """

    letters: npt.NDArray[np.int64]
    start: int
    stop: int

    def tokens(self, text: str) -> npt.NDArray[np.int64]:
        """Tokens of a protein of letters A to Z, its start and stop among them."""
        ids = np.empty(len(text) + 2, dtype=np.int64)
        ids[0], ids[-1] = self.start, self.stop
        ids[1:-1] = self.letters[np.frombuffer(text.encode(), dtype=np.uint8) - ord("A")]
        return ids


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """An encoder that reads whole proteins; `esm2.load` makes one.

    Parameters
    ----------
    name : str
        As `Encoder` says.
    width : int
        D, as `Encoder` says.
    weights : str
        Hash of weights, alphabet, window and precision: of all that vectors depend on but the
        layer.
    run : callable
        Pack of N tokens and layers -> their outputs, [N, D] each; a `Network` is one.
    alphabet : Alphabet
    layers : tuple of int
        Whose outputs are taken, from 0, the embedding.
    device : str
    tokens : int
        The largest pack; a window alone is never too large.
    window : int
        Proteins of more residues are read in overlapping windows of so many.
    regression : Linear, optional
        Tells contacts from attention maps; see `attention.contacts`.

    Examples
    --------
    >>> def ids(packed, layers):
    ...     return [packed.ids[:, None].float() + layer for layer in layers]
    >>> toy = LanguageModel("toy", 1, "", ids, Alphabet(np.arange(26), 26, 27), (0,), window=2)
    >>> [vectors[:, 0].tolist() for vectors in toy.encode(["ABC", "Z"])]
    [[0.0, 1.0, 2.0], [25.0]]
    """

    name: str
    width: int
    weights: str = field(repr=False)
    run: Callable[[Pack, Sequence[int]], list[Tensor]] = field(repr=False)
    alphabet: Alphabet = field(repr=False)
    layers: tuple[int, ...]
    device: str = "cpu"
    tokens: int = 4096
    window: int = 1022
    regression: Any = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """Hash of all that the vectors of the last of the layers depend on."""
        return self.digest_of(self.layers[-1])

    def digest_of(self, layer: int) -> str:
        """Hash of all that the vectors of a layer depend on."""
        return sha256(f"{self.weights} {layer}".encode()).hexdigest()

    def encode(self, sequences: Sequence[str]) -> list[Floats]:
        """Turn proteins into one array of shape [L, D] each: the last of the layers.

        Parameters
        ----------
        sequences : sequence of str

        Raises
        ------
        ValueError
            As `encode_layers`.
        """
        return self._read(sequences, self.layers[-1:])[0]

    def encode_layers(self, sequences: Sequence[str]) -> list[list[Floats]]:
        """Turn proteins into arrays of shape [L, D], a list for each of the layers, in one pass.

        Rows that several windows cover are averaged; each window is read as a protein of its own.

        Raises
        ------
        ValueError
            Where `checked` refuses a sequence, or a vector is not finite.
        """
        return self._read(sequences, self.layers)

    def _read(self, sequences: Sequence[str], layers: Sequence[int]) -> list[list[Floats]]:
        sequences = checked(sequences)
        pieces = [
            (i, start)
            for i, sequence in enumerate(sequences)
            for start in windows(len(sequence), self.window)
        ]
        texts = [sequences[i][start : start + self.window] for i, start in pieces]
        found: list[list[Floats]] = [
            [np.empty(0, dtype=np.float32)] * len(sequences) for _ in layers
        ]
        for batch in batches([len(text) for text in texts], self.tokens):
            packed = pack([self.alphabet.tokens(texts[p]) for p in batch])
            with torch.inference_mode():
                outputs = self.run(packed.to(self.device), layers)
            ends = np.cumsum(packed.lengths)
            for whole, output in zip(found, outputs, strict=True):
                rows = output.float().cpu().numpy()  # [N, D]
                for piece, length, end in zip(batch, packed.lengths, ends, strict=True):
                    i, start = pieces[piece]
                    own = rows[end - length + 1 : end - 1]
                    if len(own) == len(sequences[i]):
                        whole[i] = own.copy()
                        continue
                    if not whole[i].size:
                        whole[i] = np.zeros((len(sequences[i]), self.width), dtype=np.float32)
                    whole[i][start : start + len(own)] += own
        for whole in found:
            for i, sequence in enumerate(sequences):
                whole[i] = self._finished(whole[i], i, sequence)
        return found

    def _finished(self, vectors: Floats, i: int, sequence: str) -> Floats:
        """Divide sums over windows by their number, and refuse what is not finite."""
        starts = windows(len(sequence), self.window)
        if len(starts) > 1:
            covered = np.zeros((len(sequence), 1), dtype=np.float32)
            for start in starts:
                covered[start : start + self.window] += 1
            vectors /= covered
        if not np.isfinite(vectors).all():
            raise ValueError(
                f"{self.name}: vectors must be finite, but sequence {i} "
                f"(counted from 0; {sequence[:10]}) has NaN or infinity."
            )
        return vectors


def windows(length: int, window: int) -> list[int]:
    """First residues of windows that overlap by half or more and cover a protein to its end.

    Examples
    --------
    >>> windows(10, 4), windows(4, 4)
    ([0, 2, 4, 6], [0])
    """
    if length <= window:
        return [0]
    return [*range(0, length - window, max(window // 2, 1)), length - window]


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Group proteins, longest first, so that no group exceeds `tokens`.

    Parameters
    ----------
    lengths : sequence of int
        Residues; each protein takes two tokens more.
    tokens : int
        The bound; a protein that is longer makes a group of its own.

    Yields
    ------
    batch : list of int
        Positions in `lengths`.

    Examples
    --------
    >>> list(batches([3, 50, 4], tokens=12))
    [[1], [2, 0]]
    """
    batch: list[int] = []
    size = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and size + lengths[i] + 2 > tokens:
            yield batch
            batch, size = [], 0
        batch.append(i)
        size += lengths[i] + 2
    if batch:
        yield batch
