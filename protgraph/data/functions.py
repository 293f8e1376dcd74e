"""Sets of protein function: EC numbers of chains, by sequence and by structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from protgraph.data.dataset import Dataset, Example
from protgraph.data.source import chain, table
from protgraph.structure.fasta import letters
from protgraph.structure.protein import Floats, Protein
from protgraph.structure.read import read

IDENTITY = ("below30", "below40", "below50", "below70", "below95")
"""Official bins of test chains: below so many % to all of training; each part of the next."""

FEWEST = 5
"""Chains that a term of `ec_structures` has at least."""


def terms_of(rows: Iterable[Mapping[str, str]]) -> Counter[str]:
    """Count the EC numbers of rows, full and partial.

    Examples
    --------
    >>> terms_of([{"ec": "3.2.1.17,3.2.1.-"}, {"ec": "3.2.1.-"}]).most_common(1)
    [('3.2.1.-', 2)]
    """
    return Counter(term for row in rows for term in row["ec"].split(","))


def ec_terms() -> tuple[str, ...]:
    """The EC numbers of the chains, in order: the outputs of `ec_chains`."""
    return tuple(sorted(terms_of(table("function_ec/ec_chains.tsv.gz"))))


def ec_chains() -> Dataset:
    """EC numbers of PDB chains by sequence: the split of DeepFRI and GearNet.

    The whole official test side (1,919 chains), and the part of training (2,229 of 15,551) and
    validation (269 of 1,729) whose sequences could be had. Labels are 0 or 1, one for
    each of `ec_terms`. Every chain is
    its own family: the official split separates sides by identity bins, not families.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    rows = table("function_ec/ec_chains.tsv.gz")
    terms = ec_terms()
    examples = []
    for row in rows:
        sequence, _ = letters(row["chain"], row["sequence"])
        protein = Protein(row["chain"], sequence)
        examples.append(Example(protein, _marked(terms, row["ec"]), row["split"], row["chain"]))
    return Dataset("ec-chains", "DeepFRI (BSD-3) by way of GearNet", tuple(examples), terms)


def identity_bins() -> dict[str, tuple[bool, ...]]:
    """Which official bins of `IDENTITY` a test chain of `ec_chains` is in."""
    rows = table("function_ec/ec_chains.tsv.gz")
    return {
        row["chain"]: tuple(row[name] == "1" for name in IDENTITY)
        for row in rows
        if row["split"] == "test"
    }


def structure_terms() -> tuple[str, ...]:
    """The EC numbers that at least `FEWEST` chains of `ec_structures` have, in order."""
    counts = terms_of(table("function_ec/ec_structures.tsv"))
    return tuple(sorted(term for term, count in counts.items() if count >= FEWEST))


def ec_structures(*, gaps: bool = True) -> Dataset:
    """EC numbers of human PDB chains with coordinates, split by family.

    Labels are 0 or 1, of the terms that at least `FEWEST` chains have; chains without any of these
    are left out, for no protocol of function prediction knows what to say of them.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    terms = structure_terms()
    examples = []
    for row in table("function_ec/ec_structures.tsv"):
        if not set(terms) & set(row["ec"].split(",")):
            continue
        (protein,) = read(chain(row["chain"]), gaps=gaps)
        examples.append(Example(protein, _marked(terms, row["ec"]), row["split"], row["family"]))
    return Dataset("ec-structures", "DeepFRI (BSD-3) labels on PDB chains", tuple(examples), terms)


def _marked(terms: Sequence[str], text: str) -> Floats:
    has = set(text.split(","))
    return np.array([term in has for term in terms], dtype=np.float32)
