"""Proteins without labels for encoders to learn from, no relative of a held-out one among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from protgraph.data import rows, split
from protgraph.data.cluster import cluster
from protgraph.data.corpora import pretraining
from protgraph.data.dataset import digest
from protgraph.data.pool import ordered, relatives
from protgraph.data.structured import chains
from protgraph.structure.fasta import FORMATS, letters, sequences
from protgraph.structure.source import suffix

LEAST = 4
"""Held-out proteins, at least."""

FAMILIES = 2
"""Of the side that is reported on, at least: an interval by family needs them."""


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Letters to learn from, to choose by and to report on; each sequence once.

    Parameters
    ----------
    train, valid, test : tuple of str
        In the order of the hash of their letters.
    families : tuple of str
        Of the proteins of `test`.
    method : str
        How relatives were found and kept apart.
    """

    train: tuple[str, ...] = field(repr=False)
    valid: tuple[str, ...] = field(repr=False)
    test: tuple[str, ...] = field(repr=False)
    families: tuple[str, ...] = field(repr=False)
    method: str

    @property
    def all(self) -> tuple[str, ...]:
        """Of the three sides, one after the other."""
        return (*self.train, *self.valid, *self.test)

    @property
    def digest(self) -> str:
        """Hash of who is on which side."""
        return digest("\t".join(side) for side in (self.train, self.valid, self.test))

    def text(self) -> str:
        """Say it in one line.

        Examples
        --------
        >>> Unlabelled(("MK",), ("AC",), ("GG", "HH"), ("a", "b"), "by hand").text()
        'train 1, valid 1, test 2 proteins in 2 families; by hand'
        """
        return (
            f"train {len(self.train):,}, valid {len(self.valid):,}, test {len(self.test):,} "
            f"proteins in {len(set(self.families)):,} families; {self.method}"
        )


def unlabelled(
    source: str | Path = "",
    *,
    size: int = 0,
    held: float = 0.1,
    seed: int = 0,
    method: str = "auto",
) -> Unlabelled:
    """Gather proteins and keep whole families of them apart.

    Parameters
    ----------
    source : str or Path
        A sequence file, a table (`.tsv`, `.csv`, `.parquet`) with a column `sequence`, a structure
        file, or a folder or archive of structures; "" for the pretraining set. Letters beyond the
        20 amino acids are X.
    size : int
        So many, the first by the hash of their letters; 0 for all.
    held : float
        Share of the proteins that is held out, half as `valid` and half as `test`. Of the
        pretraining set they come from its own held-out clusters, and are no more than those have.
    seed : int
        Which families are held out; the pretraining set has held-out clusters of its own.
    method : {"auto", "builtin", "mmseqs", "exact"}
        How candidates of relatives are found, as `neighbours.method`.

    Raises
    ------
    FileNotFoundError
        Where there is no such file, or `PROTGRAPH_DATA` does not lead to the pretraining set.
    ValueError
        Where a file cannot be read or has no protein, or too few families to hold any out.

    Notes
    -----
    No protein on one side is a relative (`neighbours.related`: 30 % identity over half of one) of
    one on another, as far as the thorough search finds them: `split.by_family`; of the pretraining
    set relatives of held-out proteins are left out of `train`, and families never halved.
    """
    if not source:
        return _of_pretraining(size, held, method)
    found = _distinct(_read(Path(source)))[: size or None]
    if round(held * len(found)) < LEAST:
        raise ValueError(
            f"{source}: {LEAST} held-out proteins are needed at least, but data.held={held:g} of "
            f"{len(found)} different ones is less."
        )
    made = split.by_family(
        ((sequence, sequence) for sequence in found),
        shares=(1 - held, held / 2, held / 2),
        seed=seed,
        method=method,
    )
    family = {name: group for name, _, group in made.rows}
    train, valid, test = (tuple(ordered(made.side(side))) for side in ("train", "valid", "test"))
    families = tuple(family[name] for name in test)
    return _judging(source, Unlabelled(train, valid, test, families, made.method))


def _of_pretraining(size: int, held: float, method: str) -> Unlabelled:
    """The pretraining set, whose own validation side was held out by cluster."""
    train = _distinct(pretraining("train"))[: size or None]
    count = max(LEAST, round(held * len(train)))
    judged = _distinct(pretraining("valid"))[:count]
    near = relatives(judged, train, method=method)
    families = cluster(((sequence, sequence) for sequence in judged), method=method)
    family = dict(families.rows)
    groups = ordered(set(family.values()))
    halves = {group: place % 2 for place, group in enumerate(groups)}
    valid, test = (tuple(own for own in judged if halves[family[own]] == half) for half in range(2))
    how = f"clusters of the source and {families.method}, {len(near)} relatives left out of train"
    kept = tuple(own for place, own in enumerate(train) if place not in near)
    of_test = tuple(family[own] for own in test)
    return _judging("the pretraining set", Unlabelled(kept, valid, test, of_test, how))


def _judging(source: str | Path, made: Unlabelled) -> Unlabelled:
    """Refuse sides on which nothing can be chosen, or of which no interval can be told."""
    count = len(set(made.families))
    if not made.valid or count < FAMILIES:
        raise ValueError(
            f"{source}: {FAMILIES} families are needed to report on and a protein to choose by, "
            f"but of what is held out they are {count} and {len(made.valid)}."
        )
    return made


def _read(path: Path) -> Sequence[str]:
    kind = suffix(path)
    if kind in FORMATS:
        return [protein.sequence for protein in sequences(path)]
    if kind in (*rows.DELIMITERS, ".parquet"):
        table = rows.read(path, ["sequence"])
        table.need("sequence")
        for row in table.sound():
            if not table.columns["sequence"][row]:
                table.refuse(row, "sequence", "a protein has letters", "none")
        if table.wrong:
            raise ValueError(str(table.wrong[min(table.wrong)]))
        return table.columns["sequence"]
    return [protein.sequence for protein in chains([path])]


def _distinct(found: Iterable[str]) -> list[str]:
    """Each sequence once, in the order of the hash of its letters."""
    return ordered({letters(text[:10], text)[0] for text in found})
