"""The published shapes of ESM-2, by the names of their checkpoints."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import PurePosixPath

from protgraph.language.network import Shape

ESM2: dict[str, Shape] = {
    f"esm2_{name}_UR50D": Shape(33, width, layers, heads, 4 * width, mask=32)
    for name, (layers, width, heads) in {
        "t6_8M": (6, 320, 20),
        "t12_35M": (12, 480, 20),
        "t30_150M": (30, 640, 20),
        "t33_650M": (33, 1280, 20),
        "t36_3B": (36, 2560, 40),
        "t48_15B": (48, 5120, 40),
    }.items()
}
"""Name -> shape (Lin et al., Science 379:1123, 2023)."""

LONGEST = 1024
"""Tokens of the longest crop that ESM-2 was trained on, start and stop among them."""


def shape(name: str) -> Shape:
    """Look up what an ESM-2 is like, without its weights.

    Parameters
    ----------
    name : str
        A checkpoint, with or without a hub's or a folder's name before it and `.pt` after it.

    Raises
    ------
    ValueError
        Where it is none of `ESM2`, naming the nearest one.

    Examples
    --------
    >>> shape("facebook/esm2_t33_650M_UR50D").width
    1280
    >>> shape("esm2_t33_3B_UR50D")
    Traceback (most recent call last):
    ValueError: esm2_t33_3B_UR50D is no published ESM-2. Did you mean esm2_t36_3B_UR50D?
    """
    bare = PurePosixPath(name.removesuffix(".pt")).name
    if bare not in ESM2:
        near = get_close_matches(bare, ESM2, n=1, cutoff=0.0)
        raise ValueError(f"{name} is no published ESM-2. Did you mean {near[0]}?")
    return ESM2[bare]
