"""How long a protein the memory of a machine has room to fold."""

from __future__ import annotations

from bisect import bisect_right
from functools import partial

import torch

CHUNKS = (128, 64)
"""Rows of pairs whose attention is computed at once; below 64 other steps need more memory."""

NUMBERS = 9999
"""Residues that a PDB file can number."""


def needed(length: int, chunk: int, *, width: int = 128, heads: int = 4) -> int:
    """Estimate the bytes that folding takes beside the weights.

    The pair representation, [L, L, width] in fp32, dominates. Two steps hold the most of it: the
    perceptron over pairs, 14 times its size, and attention inside it, 9.5 times its size and twice
    the scores [chunk, heads, L, L]. Both were counted tensor by tensor in transformers'
    `EsmForProteinFolding`; on top come a tenth and 256 MiB for what an allocator leaves unused. The
    language model inside needs less, and is done when these steps begin.

    Parameters
    ----------
    length : int
        L, residues.
    chunk : int
        Rows of pairs whose attention is computed at once.
    width, heads : int
        Of the pair representation; the defaults are those of facebook/esmfold_v1.

    Examples
    --------
    >>> [round(needed(length, 64) / 2**30, 1) for length in (100, 1000, 2000)]
    [0.3, 7.6, 29.6]
    """
    pairs, scores = 4 * width, 4 * heads * min(chunk, length)
    return int(1.1 * length**2 * max(14 * pairs, 9.5 * pairs + 2 * scores)) + 2**28


def longest(room: int, chunk: int, *, width: int = 128, heads: int = 4) -> int:
    """Tell the most residues that a room of so many bytes is enough for, at most `NUMBERS`.

    Examples
    --------
    >>> longest(needed(700, 64), 64), longest(0, 64)
    (700, 0)
    """
    bytes_of = partial(needed, chunk=chunk, width=width, heads=heads)
    return bisect_right(range(1, NUMBERS + 1), room, key=bytes_of)


def free(device: str) -> int:
    """Bytes of memory that are free on a device.

    On CUDA what torch holds but does not use counts as free; anywhere else it is the machine's
    available memory, which knows no limit that a container may have (see `ESMFold.room`).

    Examples
    --------
    >>> free("cpu") > 0
    True
    """
    if torch.device(device).type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    import psutil  # type: ignore[import-untyped]

    return int(psutil.virtual_memory().available)
