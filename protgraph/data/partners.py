"""Sets of protein pairs: who binds whom, and how, under splits that share proteins or do not."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from protgraph.data.dataset import Pairs
from protgraph.data.source import root, table
from protgraph.structure.fasta import letters, sequences
from protgraph.structure.protein import Protein

ACTIONS = (
    "reaction", "binding", "ptmod", "activation", "inhibition", "catalysis", "expression",
)  # fmt: skip
"""Types of interaction in `shs27k`, as STRING names them."""

ROUTES = ("random", "bfs", "dfs")
"""How the test pairs of `shs27k` were drawn: at random, or along the network from one protein."""

SCHEMES = ("original", "rewired", "partition")
"""Splits of `yeast`."""


def share(*names: str) -> float:
    """A number from 0 to 1 that the names decide, in any order: for cuts that need no seed.

    Examples
    --------
    >>> share("a", "b") == share("b", "a") != share("a", "c")
    True
    """
    made = hashlib.sha256("\t".join(sorted(names)).encode()).digest()
    return int.from_bytes(made[:8], "big") / 2**64


def yeast(scheme: str) -> Pairs:
    """Interactions of yeast proteins with as many negatives (Guo), in one of three splits.

    Labels [1] are 1 where two proteins interact. "original" shares proteins between sides, in
    "rewired" positives keep only the number of partners of a protein, and "partition" trains on
    pairs within one half of the proteome and tests within the other: no protein is shared.
    Validation are the pairs of a tenth of the training proteins, by hash. Left out are the ten
    pairs of P12294, which has no sequence here, and pairs that the source lists twice, all with
    other labels or on other sides (six in "rewired", one in "partition").

    Parameters
    ----------
    scheme : str
        Of `SCHEMES`.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    ValueError
        For another scheme.

    Notes
    -----
    Guo et al., Nucleic Acids Res 36:3025 (2008); splits: Bernett et al., Brief Bioinform 25:bbae076
    (2024).
    """
    if scheme not in SCHEMES:
        raise ValueError(f"A split of the yeast pairs is one of {SCHEMES}, got {scheme!r}.")
    sides = {"train": "train", "test": "test", "intra0": "train", "intra1": "test"}
    known = {
        protein.name: protein.sequence
        for protein in sequences(root() / "ppi_yeast" / "yeast_swissprot_oneliner.fasta.gz")
    }
    rows = [
        {**row, "split": sides[row["split"]]}
        for row in table("ppi_yeast/yeast_pairs.csv.gz", comma=True)
        if row["dataset"] == "guo" and row["scheme"] == scheme and row["split"] in sides
        and row["a"] in known and row["b"] in known
    ]  # fmt: skip
    times = Counter(frozenset((row["a"], row["b"])) for row in rows)
    rows = [row for row in rows if times[frozenset((row["a"], row["b"]))] == 1]
    for row in rows:
        if row["split"] == "train" and min(share(row["a"]), share(row["b"])) < 0.1:
            row["split"] = "valid"
    return _pairs(f"ppi-yeast-{scheme}", "Guo et al. 2008; Bernett et al. (GPL-3)", rows, known)


def human() -> Pairs:
    """Interactions of human proteins, no protein shared and none similar between sides.

    Labels [1]. The part of the gold standard of Bernett et al., Brief Bioinform 25:bbae076 (2024),
    whose sequences could be had, with its own three sides.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    rows = table("ppi_human/covered_pairs.csv.gz", comma=True)
    known = {
        row["accession"]: row["sequence"]
        for row in table("ppi_human/covered_sequences.csv.gz", comma=True)
    }
    return _pairs("ppi-human", "Bernett et al. 2024", rows, known)


def shs27k(route: str, seed: int) -> Pairs:
    """Types of interaction between human proteins of STRING: seven labels, positives alone.

    Labels [7] are those of `ACTIONS`. The test side is the source's; validation is a tenth of the
    other pairs, by hash of the pair.

    Parameters
    ----------
    route : str
        Of `ROUTES`.
    seed : int
        0, 1 or 2.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    ValueError
        For another route or seed.

    Notes
    -----
    Lv et al., IJCAI (2021), who name the set and its splits.
    """
    with gzip.open(root() / "ppi_shs27k" / "splits_seed0-2.json.gz") as file:
        splits = json.load(file)
    name = f"{route}_{seed}"
    if name not in splits:
        raise ValueError(f"A split of SHS27k is one of {', '.join(splits)}, got {name!r}.")
    test = set(splits[name]["test_index"])
    rows = []
    for place, row in enumerate(table("ppi_shs27k/shs27k_pairs.csv.gz", comma=True)):
        a, b = row.pop("protein_a"), row.pop("protein_b")
        side = "test" if place in test else "valid" if share(a, b) < 0.1 else "train"
        rows.append({**row, "a": a, "b": b, "split": side})
    known = {
        row["protein"]: row["sequence"]
        for row in table("ppi_shs27k/shs27k_sequences.csv.gz", comma=True)
    }
    return _pairs(f"shs27k-{route}-{seed}", "GNN-PPI (MIT)", rows, known, labels=ACTIONS)


def _pairs(
    name: str,
    source: str,
    rows: Sequence[Mapping[str, str]],
    known: Mapping[str, str],
    *,
    labels: Iterable[str] = ("label",),
) -> Pairs:
    names = sorted({row[end] for row in rows for end in "ab"})
    absent = [one for one in names if one not in known]
    if absent:
        raise ValueError(f"{name}: {len(absent)} proteins have no sequence, such as {absent[0]}.")
    place = {one: i for i, one in enumerate(names)}
    return Pairs(
        name,
        source,
        tuple(Protein(one, letters(one, known[one])[0]) for one in names),
        np.array([[place[row["a"]], place[row["b"]]] for row in rows]),
        np.array([[float(row[label]) for label in labels] for row in rows]),
        tuple(row["split"] for row in rows),
    )
