"""Proteins with labels, families and sides of a split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from protgraph.structure.protein import Floats, Protein

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Example:
    """One protein with what is known of it.

    Parameters
    ----------
    protein : Protein
    y : ndarray of float, shape [L, C] or [C]
        Labels of every residue of the full sequence, or of the protein; NaN where unknown.
    split : str
        "train", "valid" or "test".
    family : str
        Homology cluster; no cluster is on two sides of a split.
    """

    protein: Protein
    y: Floats = field(repr=False)
    split: str
    family: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named set of examples with a fixed split.

    Parameters
    ----------
    name, source : str
    examples : tuple of Example

    Raises
    ------
    ValueError
        Where two proteins share a name, a family is on two sides, or a side is empty.
    """

    name: str
    source: str
    examples: tuple[Example, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        side: dict[str, str] = {}
        for example in self.examples:
            if example.protein.name in seen:
                raise ValueError(f"{self.name}: two proteins are named {example.protein.name}.")
            seen.add(example.protein.name)
            other = side.setdefault(example.family, example.split)
            if other != example.split:
                raise ValueError(
                    f"{self.name}: a family stays on one side of a split, "
                    f"but {example.family} is in {other} and {example.split}."
                )
        for split in SPLITS:
            if not self.side(split):
                raise ValueError(f"{self.name}: {split} has no labelled protein.")

    def side(self, split: str) -> list[Example]:
        """Examples of one side that have a label: those that training may use."""
        return [e for e in self.whole(split) if np.isfinite(e.y).any()]

    def whole(self, split: str) -> list[Example]:
        """All examples of one side, also those of which nothing is known."""
        return [e for e in self.examples if e.split == split]

    @property
    def digest(self) -> str:
        """Hash of the sequences and labels: the data a run has seen."""
        return digest(
            f"{e.protein.name}\t{e.protein.sequence}\t{e.y.tobytes().hex()}" for e in self.examples
        )

    @property
    def split_digest(self) -> str:
        """Hash of which protein is on which side, in which family."""
        return digest(f"{e.protein.name}\t{e.split}\t{e.family}" for e in self.examples)


def digest(lines: Iterable[str]) -> str:
    """Hash lines of text: 16 hexadecimal digits.

    Examples
    --------
    >>> digest(["a", "b"]) == digest(["a", "b"]) != digest(["ab"])
    True
    """
    made = hashlib.sha256()
    for line in lines:
        made.update(line.encode() + b"\n")
    return made.hexdigest()[:16]
