"""The networks that a student can have, and what their numbers must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from protgraph.language.convolution import Convolutions
from protgraph.language.encoder import MINI
from protgraph.language.network import Network, Shape
from protgraph.language.students import TOKENS, narrow
from protgraph.models.stack import Stack
from protgraph.structure.residues import LETTERS

if TYPE_CHECKING:
    from protgraph.models.student import StudentConfig

VECTORS = "vectors"
"""Level of a student without a head: it scores nothing, and is an encoder."""

LEVELS = ("residue", "protein", VECTORS)


def _cnn(c: StudentConfig) -> nn.Module:
    return Convolutions(c.width, layers=c.layers, kernel=c.kernel, dropout=c.dropout)


def _transformer(c: StudentConfig) -> nn.Module:
    return Stack(narrow(c.width, c.layers, c.heads), TOKENS, window=c.window)


def _layers(c: StudentConfig) -> nn.Module:
    if not c.shape:
        raise ValueError(
            f'A student of kind "layers" is made by `begin`, which opens {c.encoder}; '
            "its configuration alone has no shape."
        )
    return Stack(Shape(**c.shape), c.tokens, window=c.window)


KINDS: dict[str, Callable[[StudentConfig], nn.Module]] = {
    "cnn": _cnn,
    "transformer": _transformer,
    "layers": _layers,
}
"""Networks of students: codes and mask [B, L] -> vectors [B, L, D], 0 in padding."""


def check(c: StudentConfig) -> None:
    """Refuse a student that cannot be.

    Raises
    ------
    ValueError
        For an unknown kind or level, outputs that are none or twice, and numbers that do not fit.
    """
    if c.kind not in KINDS:
        raise ValueError(f"Unknown student {c.kind!r}. There are: {', '.join(KINDS)}.")
    if c.level not in LEVELS:
        raise ValueError(f"{c.task}: no student for level {c.level!r}: {', '.join(LEVELS)}.")
    if c.level == VECTORS:
        if c.outputs:
            raise ValueError(f"{c.task}: vectors have no outputs, got {list(c.outputs)}.")
    elif not c.outputs or len(set(c.outputs)) < len(c.outputs):
        raise ValueError(f"{c.task}: outputs are different names, got {list(c.outputs)}.")
    if c.rank < 0 or (c.rank and c.kind != "layers"):
        raise ValueError(f"{c.task}: rank is from 0, and 0 for kind {c.kind}, got {c.rank}.")
    if c.kind == "layers" and not c.encoder:
        raise ValueError(f'{c.task}: kind "layers" needs the encoder whose layers they are.')
    _check_numbers(c)


def _check_numbers(c: StudentConfig) -> None:
    for name, least in (("width", 1), ("layers", 1), ("window", 2)):
        if getattr(c, name) < least:
            raise ValueError(f"{c.task}: {name} is {least} or more, got {getattr(c, name)}.")
    if c.kind == "cnn" and (c.kernel < 3 or c.kernel % 2 == 0):
        raise ValueError(f"{c.task}: kernel is an odd number from 3, got {c.kernel}.")
    if c.kind == "transformer" and (c.heads < 1 or c.width % (2 * c.heads)):
        raise ValueError(
            f"{c.task}: width is a multiple of twice the heads, got {c.width} and {c.heads}."
        )


class First(NamedTuple):
    """The first layers of an encoder, its tokens as `Stack` wants them, its trained length."""

    network: Network
    tokens: tuple[int, ...]
    window: int


def first(encoder: str, layers: int) -> First:
    """Open a language encoder and keep its first layers.

    Parameters
    ----------
    encoder : str
        "mini", a folder, a hub id, or a fair-esm checkpoint.
    layers : int
        The encoder's final norm, where it has one, closes them.

    Raises
    ------
    FileNotFoundError, ValueError
        As `esm2.load`; and where the encoder has fewer layers.
    """
    from protgraph.language.esm2 import opened

    network, alphabet, longest, _ = opened(str(MINI) if encoder == MINI.name else encoder)
    if layers > network.shape.layers:
        raise ValueError(f"{encoder} has {network.shape.layers} layers, got layers {layers}.")
    network.shape = replace(network.shape, layers=layers)
    network.blocks = network.blocks[:layers]
    letters = [int(alphabet.letters[ord(letter) - ord("A")]) for letter in LETTERS]
    return First(network, (*letters, int(alphabet.start), int(alphabet.stop)), longest)
