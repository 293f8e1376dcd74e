"""Proteins, or pairs of them, with labels, families and sides of a split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

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

    @property
    def items(self) -> npt.NDArray[np.int64]:
        """Residues that a model is asked about: those observed, all of a protein without structure.

        Examples
        --------
        >>> Example(Protein("demo", "MKV"), np.zeros((3, 1)), "train", "a").items.tolist()
        [0, 1, 2]
        """
        index = self.protein.index
        return index if len(index) else np.arange(len(self.protein))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named set of examples with a fixed split.

    Parameters
    ----------
    name, source : str
    examples : tuple of Example
    outputs : tuple of str, optional
        Names of the C labels where the set decides them, not the task.

    Raises
    ------
    ValueError
        Where two proteins share a name, a family is on two sides, or a side is empty.
    """

    name: str
    source: str
    examples: tuple[Example, ...]
    outputs: tuple[str, ...] = ()

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

    @property
    def proteins(self) -> tuple[Protein, ...]:
        """The proteins of all examples, in order."""
        return tuple(example.protein for example in self.examples)

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


@dataclass(frozen=True, eq=False)
class Pairs:
    """A named set of pairs of proteins with a fixed split; a pair has no first and second partner.

    Parameters
    ----------
    name, source : str
    proteins : tuple of Protein
    pairs : ndarray of int, shape [P, 2]
        The two partners as places in `proteins`; a protein may pair with itself (a homodimer).
    y : ndarray of float, shape [P, C]
        Labels of every pair; NaN where unknown.
    split : tuple of P str
        "train", "valid" or "test" for every pair.
    family : tuple of str, optional
        Homology cluster of every protein. Other than in `Dataset`, one may be on two sides:
        whether both, one or no partner was seen in training is asked when the scores are counted.
    outputs : tuple of str, optional
        As in `Dataset`.

    Raises
    ------
    ValueError
        Where a shape or a side is wrong, two proteins share a name, a pair points at no protein
        or comes twice (in either order), or a side is empty.

    Notes
    -----
    Arrays are copied (int64, float32) and read-only.

    Examples
    --------
    >>> a, b, c = (Protein(name, "MK", np.full((2, 4, 3), np.nan)) for name in "abc")
    >>> made = Pairs("demo", "made up", (a, b, c), np.array([[0, 1], [1, 2], [2, 2]]),
    ...     np.array([[1], [0], [1]]), ("train", "valid", "test"))
    >>> made.side("valid").tolist(), made.pairs[made.side("valid")].tolist()
    ([1], [[1, 2]])
    """

    name: str
    source: str
    proteins: tuple[Protein, ...] = field(repr=False)
    pairs: npt.NDArray[np.int64] = field(repr=False)
    y: Floats = field(repr=False)
    split: tuple[str, ...] = field(repr=False)
    family: tuple[str, ...] | None = field(default=None, repr=False)
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", tuple(map(str, self.split)))
        names = [protein.name for protein in self.proteins]
        if len(set(names)) < len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise ValueError(f"{self.name}: two proteins are named {twice}.")
        if self.family is not None and len(self.family) != len(names):
            raise ValueError(
                f"{self.name}: every protein has a family, "
                f"got {len(self.family)} for {len(names)} proteins."
            )
        self._check_shapes()
        self._check_pairs(names)
        for split in SPLITS:
            if not len(self.side(split)):
                raise ValueError(f"{self.name}: {split} has no labelled pair.")

    def _check_shapes(self) -> None:
        pairs, y = np.asarray(self.pairs), np.array(self.y, dtype=np.float32)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise ValueError(
                f"{self.name}: pairs are whole numbers of shape [P, 2], "
                f"got {pairs.dtype} of shape {list(pairs.shape)}."
            )
        if y.ndim != 2 or len(y) != len(pairs) or len(self.split) != len(pairs):
            raise ValueError(
                f"{self.name}: {len(pairs)} pairs need labels [{len(pairs)}, C] and as many "
                f"sides, got {list(y.shape)} and {len(self.split)}."
            )
        for key, array in (("pairs", pairs.astype(np.int64)), ("y", y)):
            array.flags.writeable = False
            object.__setattr__(self, key, array)

    def _check_pairs(self, names: list[str]) -> None:
        odd = sorted(set(self.split) - set(SPLITS))
        if odd:
            raise ValueError(f"{self.name}: a side is one of {SPLITS}, got {odd[0]!r}.")
        outside = self.pairs[(self.pairs < 0) | (self.pairs >= len(names))]
        if len(outside):
            raise ValueError(
                f"{self.name}: a pair points at proteins 0 to {len(names) - 1}, got {outside[0]}."
            )
        ordered = np.sort(self.pairs, axis=1)
        found, count = np.unique(ordered, axis=0, return_counts=True)
        if (count > 1).any():
            one, two = found[count > 1][0]
            raise ValueError(f"{self.name}: the pair {names[one]}, {names[two]} comes twice.")

    def side(self, split: str) -> npt.NDArray[np.int64]:
        """Rows of `pairs` of one side that have a label: those that training may use."""
        rows = self.whole(split)
        return rows[np.isfinite(self.y[rows]).any(axis=1)]

    def whole(self, split: str) -> npt.NDArray[np.int64]:
        """All rows of `pairs` of one side, also those of which nothing is known."""
        return np.flatnonzero(np.array(self.split, dtype=object) == split)

    def _partners(self) -> list[str]:
        """The two names of every pair, in one order."""
        names = [protein.name for protein in self.proteins]
        return ["\t".join(sorted((names[a], names[b]))) for a, b in self.pairs.tolist()]

    @property
    def digest(self) -> str:
        """Hash of the sequences, pairs and labels: the data a run has seen."""
        own = [f"{protein.name}\t{protein.sequence}" for protein in self.proteins]
        partners = zip(self._partners(), self.y, strict=True)
        return digest([*own, *(f"{both}\t{y.tobytes().hex()}" for both, y in partners)])

    @property
    def split_digest(self) -> str:
        """Hash of which pair is on which side, and of the families."""
        family = self.family or ("",) * len(self.proteins)
        own = [f"{p.name}\t{group}" for p, group in zip(self.proteins, family, strict=True)]
        partners = zip(self._partners(), self.split, strict=True)
        return digest([*own, *(f"{both}\t{side}" for both, side in partners)])


Held = TypeVar("Held", bound=Dataset | Pairs)


def exchanged(data: Held, proteins: Sequence[Protein], name: str) -> Held:
    """Put other proteins in the places of a set's own; labels, sides and families stay.

    Parameters
    ----------
    data : Dataset or Pairs
    proteins : sequence of Protein
        One for each of `data.proteins`, in their order.
    name : str
        Of the set that is made.
    """
    if isinstance(data, Pairs):
        return replace(data, name=name, proteins=tuple(proteins))
    both = zip(data.examples, proteins, strict=True)
    examples = tuple(replace(example, protein=protein) for example, protein in both)
    return replace(data, name=name, examples=examples)


def shuffled(data: Held) -> Held:
    """Permute the letters of every protein, by its name; all else stays where it is.

    What a model still knows then is not in the order of the letters, nor in which residue has
    which.

    Examples
    --------
    >>> one = Example(Protein("demo", "MKVLA"), np.zeros(1), "train", "a")
    >>> rest = (Example(Protein(s, "M"), np.zeros(1), s, s) for s in ("valid", "test"))
    >>> sorted(shuffled(Dataset("d", "", (one, *rest))).examples[0].protein.sequence)
    ['A', 'K', 'L', 'M', 'V']
    """

    def other(protein: Protein) -> Protein:
        seed = int.from_bytes(hashlib.sha256(protein.name.encode()).digest()[:8], "big")
        order = np.random.default_rng(seed).permutation(len(protein))
        return replace(protein, sequence="".join(protein.sequence[i] for i in order))

    return exchanged(data, [other(one) for one in data.proteins], f"{data.name}, letters shuffled")


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
