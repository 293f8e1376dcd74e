"""Sets of sequences alone: where each comes from, its fixed split, its labels."""

from __future__ import annotations

import lzma
import zipfile

import numpy as np

from protgraph.data.dataset import Dataset, Example
from protgraph.data.source import root, table
from protgraph.structure.fasta import letters
from protgraph.structure.protein import Protein

STATES = "CHE"
"""Coil, helix, strand: the classes of `secondary_structure`."""

PLACES = (
    "Cytoplasmic", "CytoplasmicMembrane", "Periplasmic", "OuterMembrane", "Cellwall",
    "Extracellular",
)  # fmt: skip
"""The classes of `localisation`."""


def pretraining(side: str) -> list[str]:
    """Natural sequences to pretrain a language model on, split by cluster.

    Parameters
    ----------
    side : {"train", "valid"}

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    ValueError
        For another side.
    """
    if side not in ("train", "valid"):
        raise ValueError(f"A side of the pretraining set is train or valid, got {side!r}.")
    files = sorted((root() / "pretrain").glob(f"{side}*.tsv.xz"))
    if not files:
        raise FileNotFoundError(f"{root() / 'pretrain'}: no {side}*.tsv.xz in it.")
    sequences = []
    for path in files:
        with lzma.open(path, "rt") as file:
            sequences += [line.rstrip("\n").rpartition("\t")[2] for line in file]
    return sequences


def secondary_structure() -> Dataset:
    """Three-state secondary structure of PDB chains: the split of NetSurfP-2 as FLIP has it.

    Labels [L, 1] are places in `STATES`, NaN where the residue was not resolved. The chains share
    at most 25 % identity between sides (Klausen et al., Proteins 87:520, 2019), and each is taken
    as its own family.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    with zipfile.ZipFile(
        root() / "secondary_structure" / "secondary_structure_splits.zip"
    ) as archive:
        texts = {
            name: dict(_records(archive.read(f"splits/{name}.fasta").decode()))
            for name in ("sequences", "sampled", "mask")
        }
    sequences = {head.split()[0]: text for head, text in texts["sequences"].items()}
    masks = {head.split()[0]: text for head, text in texts["mask"].items()}
    examples = []
    for head, states in texts["sampled"].items():
        name, *said = head.split()
        facts = dict(word.split("=") for word in said)
        split = "valid" if facts["VALIDATION"] == "True" else facts["SET"]
        y = np.array([STATES.index(state) for state in states], dtype=np.float32)
        y[np.frombuffer(masks[name].encode(), dtype=np.uint8) == ord("0")] = np.nan
        examples.append(Example(_unseen(name, sequences[name]), y[:, None], split, name))
    return Dataset("secondary-structure", "NetSurfP-2 by way of FLIP", tuple(examples))


def _unseen(name: str, text: str) -> Protein:
    sequence, _ = letters(name, text)
    return Protein(name, sequence)


def _records(text: str) -> list[tuple[str, str]]:
    """Heads and texts of FASTA whose letters are no amino acids."""
    parts = (part.split("\n", 1) for part in text.split(">")[1:])
    return [(head, "".join(body.split())) for head, body in parts]


def localisation() -> Dataset:
    """Where in the cell a bacterial protein is found; folds of homology clusters.

    Labels [1] are places in `PLACES`. Fold 0 tests, fold 1 validates, the others train. Proteins
    that the source gives another place are left out.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    rows = table("localisation/psortb3_bacteria.csv.gz", comma=True)
    sides = {"0": "test", "1": "valid"}
    examples = tuple(
        Example(
            # Two ids come twice.
            _unseen(f"{row['id']}.{place}", row["sequence"]),
            np.array([PLACES.index(row["label"])], dtype=np.float32),
            sides.get(row["fold"], "train"),
            row["cluster"],
        )
        for place, row in enumerate(rows)
        if row["label"] in PLACES
    )
    return Dataset("localisation", "PSORTb 3.0 training data", examples)


def topology() -> Dataset:
    """Where a chain crosses a membrane: the cross-validation folds of TMbed.

    Labels [L, 1]: 0 elsewhere, 1 helix, 2 strand within the membrane, 3 signal peptide; directions
    of the source's labels are left out. Fold 0 tests, fold 1 validates, the others train. Each
    protein is taken as its own family.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    sides = {"0": "test", "1": "valid"}
    classes = {
        **dict.fromkeys("12U", 0),
        **dict.fromkeys("Hh", 1),
        **dict.fromkeys("Bb", 2),
        "S": 3,
    }
    examples = []
    for row in table("topology/tmbed_topology.csv.gz", comma=True):
        name = row["id"].split("|")[0]
        y = np.array([classes[letter] for letter in row["labels"]], dtype=np.float32)
        side = sides.get(row["fold"], "train")
        examples.append(Example(_unseen(name, row["sequence"]), y[:, None], side, name))
    return Dataset("topology", "TMbed (Apache-2.0)", tuple(examples))
