"""Sequences as the padded table of codes that a student reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from protgraph.language.encoder import checked
from protgraph.structure.residues import LETTERS, codes

PAD = len(LETTERS)
"""Code of what is no residue."""


def encode(sequences: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Turn sequences into codes, padded at the end.

    Parameters
    ----------
    sequences : sequence of str
        Letters A to Z; those beyond the 20 amino acids are X.

    Returns
    -------
    input_ids, attention_mask : Tensor of int64, shape [B, L]
        Positions in `residues.LETTERS` or `PAD`, and 1 for a residue.

    Raises
    ------
    ValueError
        Where a sequence is empty, or has other letters.

    Examples
    --------
    >>> ids, mask = encode(["ACX", "Y"])
    >>> ids.tolist(), mask.tolist()
    ([[0, 1, 20], [19, 21, 21]], [[1, 1, 1], [1, 0, 0]])
    """
    sequences = checked(sequences)
    ids = np.full((len(sequences), max(map(len, sequences), default=0)), PAD)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = codes(sequence)
    made = torch.from_numpy(ids)
    return made, (made != PAD).long()
