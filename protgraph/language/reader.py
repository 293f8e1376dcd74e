"""Reading whole proteins with a language model: batches by size, windows over long ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from protgraph.language.encoder import Floats, checked


class Alphabet(NamedTuple):
    """Token ids: of the letters A to Z, [26], of what opens and closes a protein, of padding.

    Examples
    --------
    >>> Alphabet(np.arange(26), 26, 27, 28).letters[ord("C") - ord("A")]
    np.int64(2)
    """

    letters: npt.NDArray[np.int64]
    start: int
    stop: int
    pad: int


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """An encoder that reads whole proteins; `load` makes one.

    Parameters
    ----------
    name, width, digest
        As `Encoder` says.
    model : callable
        `model(input_ids=[B, T], attention_mask=[B, T]).last_hidden_state` has shape [B, T, D].
    alphabet : Alphabet
    device : str
    tokens : int
        The largest padded batch, in tokens; a window alone is never too large.
    window : int
        Proteins of more residues are read in overlapping windows of so many.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> def ids(input_ids, attention_mask):
    ...     return SimpleNamespace(last_hidden_state=input_ids[..., None])
    >>> toy = LanguageModel("toy", 1, "", ids, Alphabet(np.arange(26), 26, 27, 28), "cpu", 8, 2)
    >>> [vectors[:, 0].tolist() for vectors in toy.encode(["ABC", "Z"])]
    [[0.0, 1.0, 2.0], [25.0]]
    """

    name: str
    width: int
    digest: str
    model: Any = field(repr=False)
    alphabet: Alphabet = field(repr=False)
    device: str = "cpu"
    tokens: int = 4096
    window: int = 1022

    def encode(self, sequences: Sequence[str]) -> list[Floats]:
        """Turn proteins into one array of shape [L, D] each, without the special tokens.

        Rows that several windows cover are averaged; each window is read as a protein of its own.

        Raises
        ------
        ValueError
            Where `checked` refuses a sequence, or a vector is not finite.
        """
        sequences = checked(sequences)
        pieces = [
            (i, start)
            for i, sequence in enumerate(sequences)
            for start in windows(len(sequence), self.window)
        ]
        texts = [sequences[i][start : start + self.window] for i, start in pieces]
        vectors = [np.zeros((len(s), self.width), dtype=np.float32) for s in sequences]
        covered = [np.zeros((len(s), 1), dtype=np.float32) for s in sequences]
        for batch in batches([len(text) for text in texts], self.tokens):
            for piece, rows in zip(batch, self._run([texts[p] for p in batch]), strict=True):
                i, start = pieces[piece]
                vectors[i][start : start + len(rows)] += rows
                covered[i][start : start + len(rows)] += 1
        for i, sequence in enumerate(sequences):
            vectors[i] /= covered[i]
            if not np.isfinite(vectors[i]).all():
                raise ValueError(
                    f"{self.name}: vectors must be finite, but sequence {i} "
                    f"(counted from 0; {sequence[:10]}) has NaN or infinity."
                )
        return vectors

    def _run(self, texts: list[str]) -> list[Floats]:
        start, stop = self.alphabet.start, self.alphabet.stop
        ids = np.full((len(texts), max(map(len, texts)) + 2), self.alphabet.pad)  # [B, T]
        for row, text in zip(ids, texts, strict=True):
            letters = np.frombuffer(text.encode(), dtype=np.uint8) - ord("A")
            row[: len(text) + 2] = [start, *self.alphabet.letters[letters], stop]
        lengths = np.array([len(text) for text in texts])
        mask = np.arange(ids.shape[1]) < lengths[:, None] + 2
        with torch.inference_mode():
            hidden = self.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(mask.astype(np.int64)).to(self.device),
            ).last_hidden_state  # [B, T, D]
        rows = hidden.float().cpu().numpy()
        return [rows[b, 1 : length + 1] for b, length in enumerate(lengths)]


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
    """Group proteins of like length, longest first, so that no padded group exceeds `tokens`.

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
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (lengths[batch[0]] + 2) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
