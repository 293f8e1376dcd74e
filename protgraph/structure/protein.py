"""What a protein is: one chain, its full sequence, and what was observed of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from protgraph.structure.residues import LETTERS

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

N, CA, C, CB = range(4)
"""Places of the four backbone atoms in `Protein.backbone`."""


def _left_out() -> npt.NDArray[Any]:
    return np.empty(0)


@lru_cache(maxsize=4096)
def _nothing(length: int) -> tuple[Floats, Floats]:
    """Backbone and side chains of which nothing is known, shared by all proteins of a length."""
    absent = np.array(np.nan, dtype=np.float32)
    return np.broadcast_to(absent, (length, 4, 3)), np.broadcast_to(absent, (length, 3))


@lru_cache(maxsize=4096)
def _counted(length: int) -> tuple[str, ...]:
    return tuple(str(i + 1) for i in range(length))


@dataclass(frozen=True, eq=False)
class Protein:
    """One chain; residues are counted from 0 inside and carry the author's number outside.

    Parameters
    ----------
    name : str
        What the protein is called in tables and files; not empty.
    sequence : str
        The full sequence of L letters of `residues.LETTERS`, observed or not.
    backbone : ndarray of float, shape [L, 4, 3], optional
        N, CA, C and CB in Å, NaN where absent; all absent if left out.
    side : ndarray of float, shape [L, 3], optional
        Centroid of the side chain's heavy atoms in Å (CB included), NaN where there are none.
    observed : ndarray of bool, shape [L], optional
        Residues that are in the structure: those with a CA (the default).
    chain : str
        The author's chain id; may be blank.
    numbering : tuple of str, optional
        Author residue ids such as "27A", "" where the source gives none; "1", "2", ... if left out.
    confidence : ndarray of float, shape [L], optional
        pLDDT from 0 to 100 for a predicted model, NaN where unobserved; None for an experiment.
    notes : tuple of str
        Decisions taken while reading that a careful user wants to know ("MSE 12 read as M").

    Raises
    ------
    ValueError
        Where a shape, a letter or a value breaks a rule above; the message names all three.

    Notes
    -----
    Arrays are copied to float32 (bool for `observed`) and read-only. A residue is observed
    exactly when its CA has finite coordinates, so every observed residue is a node.

    Examples
    --------
    >>> backbone = np.full((3, 4, 3), np.nan)
    >>> backbone[:2, CA] = [[0, 0, 0], [3.8, 0, 0]]
    >>> protein = Protein("demo", "MKV", backbone)
    >>> len(protein), protein.observed.tolist(), protein.numbering
    (3, [True, True, False], ('1', '2', '3'))
    """

    name: str
    sequence: str
    backbone: Floats = field(default_factory=_left_out, repr=False)
    side: Floats = field(default_factory=_left_out, repr=False)
    observed: Bools = field(default_factory=_left_out, repr=False)
    chain: str = ""
    numbering: tuple[str, ...] = field(default=(), repr=False)
    confidence: Floats | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_sequence()
        length = len(self.sequence)
        for key, nothing in zip(("backbone", "side"), _nothing(length), strict=True):
            if np.shape(getattr(self, key)) == (0,):
                object.__setattr__(self, key, nothing)
            else:
                self._keep(key, np.float32, nothing.shape)
        x, y, z = np.isfinite(self.backbone[:, CA]).T
        resolved = x & y & z
        given = self.observed if self.observed.size else resolved
        object.__setattr__(self, "observed", given)
        self._keep("observed", np.bool_, (length,))
        if given is not resolved and (self.observed != resolved).any():
            at = int(np.flatnonzero(self.observed != resolved)[0])
            raise ValueError(
                f"{self.name}: a residue is observed when its CA has coordinates, "
                f"but residue {at} (counted from 0) has observed {self.observed[at]}."
            )
        self._check_confidence()
        numbering = tuple(self.numbering) or _counted(length)
        if len(numbering) != length:
            raise ValueError(
                f"{self.name}: numbering has {len(numbering)} ids, "
                f"but a sequence of {length} residues needs {length}."
            )
        object.__setattr__(self, "numbering", numbering)

    def _check_sequence(self) -> None:
        if not self.name:
            raise ValueError("A protein needs a name, got an empty one.")
        if not self.sequence:
            raise ValueError(f"{self.name}: a protein has one residue at least, got no sequence.")
        if self.sequence.strip(LETTERS):
            odd = sorted(set(self.sequence) - set(LETTERS))
            raise ValueError(f"{self.name}: a sequence has capitals of {LETTERS}, got {odd}.")

    def _check_confidence(self) -> None:
        if self.confidence is None:
            return
        self._keep("confidence", np.float32, (len(self.sequence),))
        if ((self.confidence < 0) | (self.confidence > 100)).any():
            low, high = np.nanmin(self.confidence), np.nanmax(self.confidence)
            raise ValueError(
                f"{self.name}: confidence is pLDDT from 0 to 100, got {low:g} to {high:g}."
            )

    def _keep(self, key: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
        array = np.array(getattr(self, key), dtype=dtype)
        if array.shape != shape:
            raise ValueError(
                f"{self.name}: {key} has shape {list(array.shape)}, "
                f"but a sequence of {shape[0]} residues needs {list(shape)}."
            )
        array.flags.writeable = False
        object.__setattr__(self, key, array)

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def identifier(self) -> str:
        """Name and chain, "1abc_A"; the chain is left out where the name already ends with it."""
        chain = self.chain.strip()
        return self.name if not chain or self.name.endswith(f"_{chain}") else f"{self.name}_{chain}"

    @property
    def ca(self) -> Floats:
        """Cα coordinates in Å, [L, 3], NaN where unobserved."""
        return self.backbone[:, CA]

    @property
    def index(self) -> npt.NDArray[np.int64]:
        """Positions of the observed residues in the full sequence: the residue bridge, [N]."""
        return np.flatnonzero(self.observed)


@dataclass(frozen=True, eq=False)
class Complex:
    """Named proteins in one frame of reference, such as the two partners of an interface.

    Examples
    --------
    >>> one = Protein("a", "M", np.zeros((1, 4, 3)))
    >>> len(Complex("dimer", (one, one)))
    2
    """

    name: str
    proteins: tuple[Protein, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "proteins", tuple(self.proteins))
        if not self.proteins:
            raise ValueError(f"{self.name}: a complex has one protein at least, got none.")

    def __iter__(self) -> Iterator[Protein]:
        return iter(self.proteins)

    def __len__(self) -> int:
        return len(self.proteins)
