"""What every encoder promises: sequences in, one vector a residue out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from string import ascii_uppercase
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from protgraph.structure.residues import LETTERS, codes, standardised

Floats = npt.NDArray[np.float32]


class Encoder(Protocol):
    """What every encoder promises.

    Attributes
    ----------
    name : str
        What to print, such as "facebook/esm2_t12_35M_UR50D, layer 12".
    width : int
        D, the length of a residue's vector.
    digest : str
        Hash of all that the vectors depend on; equal digests give equal vectors.

    Examples
    --------
    >>> some: Encoder = onehot()
    >>> some.name, some.width
    ('onehot', 21)
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def width(self) -> int: ...  # noqa: D102

    @property
    def digest(self) -> str: ...  # noqa: D102

    def encode(self, sequences: Sequence[str]) -> list[Floats]:
        """Turn proteins into arrays of float32, shape [L, D]; row i belongs to letter i."""


@dataclass(frozen=True, eq=False)
class Lookup:
    """An encoder that knows a residue by its letter alone.

    Parameters
    ----------
    name : str
    table : ndarray of float, shape [21, D]
        A row a letter in the order of `residues.LETTERS`. Letters outside it are read as X.

    Raises
    ------
    ValueError
        Where the table has another number of rows.

    Examples
    --------
    >>> letter = Lookup("is-glycine", np.array([[a == "G"] for a in LETTERS]))
    >>> letter.encode(["MG"])[0].tolist()
    [[0.0], [1.0]]
    """

    name: str
    table: Floats = field(repr=False)

    def __post_init__(self) -> None:
        table = np.array(self.table, dtype=np.float32)
        if table.ndim != 2 or len(table) != len(LETTERS):
            raise ValueError(
                f"{self.name}: table has shape {list(table.shape)}, "
                f"but an alphabet of {len(LETTERS)} letters needs [{len(LETTERS)}, D]."
            )
        table.flags.writeable = False
        object.__setattr__(self, "table", table)

    @property
    def width(self) -> int:
        """D, the number of columns."""
        return int(self.table.shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of the table."""
        return hashlib.sha256(self.table.tobytes()).hexdigest()

    def encode(self, sequences: Sequence[str]) -> list[Floats]:
        """Look every letter up: one array of shape [L, D] a protein."""
        return [self.table[codes(sequence)] for sequence in checked(sequences)]


def onehot() -> Lookup:
    """Make the encoder of 21 columns, one a letter in the order of `residues.LETTERS`.

    Examples
    --------
    >>> onehot().encode(["AX"])[0].argmax(axis=1).tolist()
    [0, 20]
    """
    return Lookup("onehot", np.eye(len(LETTERS), dtype=np.float32))


def physchem() -> Lookup:
    """Make the encoder of 7 standardised physico-chemical scales, `residues.standardised`.

    Examples
    --------
    >>> physchem().encode(["MKV"])[0].shape
    (3, 7)
    """
    return Lookup("physchem", standardised())


ENCODERS: dict[str, Callable[[], Encoder]] = {"onehot": onehot, "physchem": physchem}
"""Encoders that know a residue by its letter: a name -> the function that makes it."""

MINI = Path(__file__).with_name("mini")
"""Folder of the language model inside the package; its README says what it is and is not."""


def checked(sequences: Sequence[str]) -> list[str]:
    """Pass sequences on if every one has residues and letters A to Z alone.

    Raises
    ------
    ValueError
        For one string in place of a list, an empty sequence, or any other letter (lower case,
        gaps and stops are never guessed at).

    Examples
    --------
    >>> checked(["MKV", "GU"])
    ['MKV', 'GU']
    >>> checked(["MKV", "mkv"])
    Traceback (most recent call last):
    ValueError: Sequence 1 (counted from 0; mkv) may have the capitals A to Z, got ['k', 'm', 'v'].
    """
    if isinstance(sequences, str):
        raise ValueError(
            f"An encoder reads a list of sequences, got one string: {_head(sequences)}."
        )
    for i, sequence in enumerate(sequences):
        if not sequence:
            raise ValueError(f"Sequence {i} (counted from 0) has no residues, but needs one.")
        odd = sorted(set(sequence) - set(ascii_uppercase))
        if odd:
            raise ValueError(
                f"Sequence {i} (counted from 0; {_head(sequence)}) may have the capitals A to Z, "
                f"got {odd}."
            )
    return list(sequences)


def _head(sequence: str) -> str:
    return sequence if len(sequence) <= 10 else f"{sequence[:10]}..."


def encoder(
    name: str,
    *,
    layer: int | Sequence[int] | Literal["all"] = -1,
    device: str = "cpu",
    precision: str = "fp32",
    tokens: int = 4096,
    window: int | None = None,
) -> Encoder:
    """Get an encoder by name: built in, from a path, or from the model hub.

    Parameters
    ----------
    name : str
        A key of `ENCODERS`; "mini", the language model inside the package; a folder in
        transformers format or of a student; a fair-esm checkpoint (`*.pt`); else a hub id such as
        "facebook/esm2_t12_35M_UR50D". See `esm2.load` for all but the first.
    layer : int, sequence of int, or "all"
        Whose output to take, from 0 (the embedding) to n (the last); negative counts from the end.
        Of several, `encode` gives the last one named and `encode_layers` all, in one pass.
    device : str
        Where a language model runs: "cpu", "cuda", "cuda:1". A `Lookup` has no use for it, nor
        for the three that follow.
    precision : {"fp32", "bf16", "int8"}
        What the language model computes in; vectors are always float32. int8 is for the CPU.
    tokens : int
        The largest pack, in tokens. It bounds memory and changes speed, never the vectors.
    window : int, optional
        Longer proteins are read in windows of this many residues; the trained length if left out.

    Raises
    ------
    ValueError
        For an unknown name, a layer that is not there, or a checkpoint that is not whole.
    FileNotFoundError
        Where there is nothing at the path, or the hub cannot be reached and its cache has nothing.

    Examples
    --------
    >>> encoder("physchem").width
    7
    >>> encoder("onehto")
    Traceback (most recent call last):
    ValueError: Unknown encoder onehto. Did you mean onehot?
    """
    if name in ENCODERS:
        if layer not in (-1, 0, "all"):
            raise ValueError(f"{name}: layer is 0 (or -1), for there is one alone, got {layer}.")
        return ENCODERS[name]()
    if name == MINI.name:
        name = str(MINI)
    elif "/" not in name and not name.endswith(".pt") and not Path(name).is_dir():
        own = [*ENCODERS, MINI.name]
        near = get_close_matches(name, own, n=1)
        hint = (
            f"Did you mean {near[0]}?"
            if near
            else f"There are {', '.join(own)}, paths, and hub ids such as "
            "facebook/esm2_t12_35M_UR50D."
        )
        raise ValueError(f"Unknown encoder {name}. {hint}")
    from protgraph.language.esm2 import load

    return load(name, layer=layer, device=device, precision=precision, tokens=tokens, window=window)
