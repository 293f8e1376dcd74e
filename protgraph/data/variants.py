"""Sets of protein variants with one measured number each."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import numpy as np

from protgraph.data.dataset import Dataset, Example
from protgraph.data.source import root, table
from protgraph.structure.fasta import sequences
from protgraph.structure.protein import Protein

GB1 = ("one_vs_rest", "two_vs_rest", "three_vs_rest", "low_vs_high", "sampled")
"""Splits of `gb1`: by the number of mutations, by the measured value, at random."""

_MUTATION = re.compile(r"([A-Z])(\d+)([A-Z*])")


def mutated(sequence: str, mutations: str) -> str:
    """Write mutations into a sequence; a stop ends it.

    Parameters
    ----------
    sequence : str
    mutations : str
        Such as "A2G:K3*": old letter, place from 0, new letter; "" changes nothing.

    Raises
    ------
    ValueError
        Where a mutation cannot be read, or the old letter is not at its place.

    Examples
    --------
    >>> mutated("MKVA", "K1R:A3*")
    'MRV'
    """
    letters = list(sequence)
    for word in filter(None, mutations.split(":")):
        found = _MUTATION.fullmatch(word)
        if found is None:
            raise ValueError(f"A mutation is written like A2G, got {word!r}.")
        old, place, new = found[1], int(found[2]), found[3]
        if place >= len(sequence) or sequence[place] != old:
            there = sequence[place] if place < len(sequence) else "nothing"
            raise ValueError(
                f"{word}: {old} is expected at {place} (from 0), but {there} is there."
            )
        letters[place] = new
    return "".join(letters).partition("*")[0]


def fluorescence() -> Dataset:
    """Brightness of variants of a green fluorescent protein: the split of TAPE.

    Labels [1] are logarithms of the fluorescence. Training has up to three mutations, testing four
    and more (Rao et al., NeurIPS 2019; data: Sarkisyan et al., Nature 533:397, 2016). A stop codon
    ends the sequence. Every variant is its own family.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    (wild,) = sequences(root() / "fluorescence" / "gfp_wt.fasta")
    examples = []
    for row in table("fluorescence/gfp_tape.csv.gz", comma=True):
        name = row["mutations"] or "wild-type"
        protein = Protein(name, mutated(wild.sequence, row["mutations"]))
        examples.append(_example(protein, row["log_fluorescence"], row["split"]))
    return Dataset("fluorescence", "Sarkisyan et al. 2016, split of TAPE", tuple(examples))


def stability() -> Dataset:
    """Stability of designed mini-proteins against proteases: the split of TAPE.

    Labels [1] are the stability scores of Rocklin et al., Science 357:168 (2017). Tested are
    neighbours of the best designs. Every protein is its own family.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    examples = tuple(
        _example(Protein(f"mini-{place}", row["sequence"]), row["stability_score"], row["split"])
        for place, row in enumerate(table("stability/stability_tape.csv.gz", comma=True))
    )
    return Dataset("stability", "Rocklin et al. 2017, split of TAPE", examples)


def gb1(split: str) -> Dataset:
    """Fitness of variants of protein GB1 at four sites, in one of the splits of FLIP.

    Labels [1] are enrichments relative to the wild type (Wu et al., eLife 5:e16965, 2016; splits:
    Dallago et al., NeurIPS 2021). Every variant is its own family.

    Parameters
    ----------
    split : str
        Of `GB1`.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    ValueError
        For another split.
    """
    if split not in GB1:
        raise ValueError(f"A split of GB1 is one of {', '.join(GB1)}, got {split!r}.")
    with zipfile.ZipFile(root() / "gb1" / "gb1_splits.zip") as archive:
        text = archive.read(f"splits/{split}.csv").decode()
    examples = []
    for place, row in enumerate(csv.DictReader(io.StringIO(text))):
        side = "valid" if row["validation"] == "True" else row["set"]
        protein = Protein(f"gb1-{place}", row["sequence"])
        examples.append(_example(protein, row["target"], side))
    return Dataset(f"gb1-{split}", "Wu et al. 2016, split of FLIP", tuple(examples))


def _example(protein: Protein, value: str, split: str) -> Example:
    return Example(protein, np.array([value], dtype=np.float32), split, protein.name)
