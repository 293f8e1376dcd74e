"""Text of a masked language model: random crops in packs, with letters hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protgraph.language.fairesm import VOCABULARY

GRAIN = 32
"""Crops have a multiple of so many tokens, so that many are of one length."""

START, STOP, MASK = (VOCABULARY.index(token) for token in ("<cls>", "<eos>", "<mask>"))
"""Tokens that are no letter."""

AMINO = np.array([VOCABULARY.index(letter) for letter in "ACDEFGHIKLMNPQRSTVWY"])
"""Tokens of the 20 amino acids."""

CHOSEN = 0.15
"""Share of the tokens whose letters are guessed (Devlin et al., NAACL 2019)."""

_UNKNOWN = VOCABULARY.index("X")
# Of the chosen tokens 80 % are masked, 10 % replaced and 10 % left (the same).
_MASKED, _REPLACED = 0.8, 0.9

Tokens = npt.NDArray[np.int64]


class Corpus:
    """Proteins as tokens without start and stop, end to end.

    Examples
    --------
    >>> Corpus(["MK", "AXO"])[1].tolist()
    [5, 24, 28]
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        table = np.full(128, _UNKNOWN, dtype=np.uint8)
        for letter in "ACDEFGHIKLMNPQRSTVWYXBUZO":
            table[ord(letter)] = VOCABULARY.index(letter)
        text = np.frombuffer("".join(sequences).encode(), dtype=np.uint8)
        self.tokens = table[text]
        self.ends = np.concatenate([[0], np.cumsum([len(sequence) for sequence in sequences])])

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, i: int) -> npt.NDArray[np.uint8]:
        protein: npt.NDArray[np.uint8] = self.tokens[self.ends[i] : self.ends[i + 1]]
        return protein


class Stream:
    """Random crops of the proteins of a corpus, epoch after epoch, in packs of equal size.

    Proteins with fewer than `GRAIN` tokens are left out: no crop of them has a length that others
    share.
    """

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus, self.seed = corpus, seed
        self.drawn = 0
        self.enough = np.flatnonzero(np.diff(corpus.ends) + 2 >= GRAIN)
        if not len(self.enough):
            raise ValueError(f"Pretraining needs a protein of {GRAIN - 2} residues, got none.")
        self._order: tuple[int, Tokens] = (-1, self.enough)

    def _next(self) -> int:
        epoch, place = divmod(self.drawn, len(self.enough))
        if self._order[0] != epoch:
            generator = np.random.default_rng([self.seed, 0, epoch])
            self._order = (epoch, generator.permutation(self.enough))
        self.drawn += 1
        return int(self._order[1][place])

    def crops(self, size: int, longest: int, generator: np.random.Generator) -> list[Tokens]:
        """Crops with start and stop that have `size` tokens together, longest first."""
        crops: list[Tokens] = []
        left = size
        while left:
            protein = self.corpus[self._next()]
            length = min(len(protein) + 2, longest, left) // GRAIN * GRAIN
            first = int(generator.integers(len(protein) + 3 - length))
            inside = protein[first : first + length - 2].astype(np.int64)
            crops.append(np.concatenate([[START], inside, [STOP]]))
            left -= length
        return sorted(crops, key=len, reverse=True)


def hidden(ids: Tokens, generator: np.random.Generator) -> tuple[Tokens, Tokens]:
    """Hide letters: 15 % are chosen; of these 80 % are masked, 10 % replaced and 10 % left.

    Parameters
    ----------
    ids : ndarray of int64, shape [N]
    generator : Generator

    Returns
    -------
    shown : ndarray of int64, shape [N]
    rows : ndarray of int64, shape [M]
        The chosen positions, all of them of the 20 amino acids.

    Examples
    --------
    >>> shown, rows = hidden(np.full(1000, AMINO[3]), np.random.default_rng(0))
    >>> len(rows), int((shown == MASK).sum()), int((shown == AMINO[3]).sum())
    (131, 104, 875)
    """
    chosen = (generator.random(len(ids)) < CHOSEN) & np.isin(ids, AMINO)
    rows = np.flatnonzero(chosen)
    fate = generator.random(len(rows))
    shown = ids.copy()
    shown[rows[fate < _MASKED]] = MASK
    replaced = rows[(fate >= _MASKED) & (fate < _REPLACED)]
    shown[replaced] = generator.choice(AMINO, len(replaced))
    return shown, rows
