"""Sets of structures: labels of residues and of chains, each on the right one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protgraph.data.dataset import Dataset, Example
from protgraph.data.source import chain, table
from protgraph.structure import synthetic
from protgraph.structure.protein import Protein
from protgraph.structure.read import read

LIGANDS = ("ZN", "CA", "MG", "MN", "ATP", "HEM", "PEP", "PRO", "DNA", "RNA")
"""Ligands of the site labels, as the source names them."""


def sites(ligands: Sequence[str], *, gaps: bool = True) -> Dataset:
    """Residues that bind each ligand, on human PDB chains split by family.

    A chain without a row for a ligand is unknown for it, not negative: its labels are NaN.

    Parameters
    ----------
    ligands : sequence of str
        Of `LIGANDS`: the C columns of y.
    gaps : bool
        Whether numbering gaps are read as X.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    ValueError
        Where a ligand is not known or a label names a residue that the chain does not have.
    """
    for ligand in ligands:
        if ligand not in LIGANDS:
            raise ValueError(f"Unknown ligand {ligand!r}. There are: {', '.join(LIGANDS)}.")
    rows = table("binding_sites/labels.tsv")
    examples = []
    for name in sorted({row["chain"] for row in rows}):
        protein = _read(name, gaps)
        own = [row for row in rows if row["chain"] == name]
        y = np.full((len(protein), len(ligands)), np.nan, dtype=np.float32)
        for row in own:
            if row["ligand"] in ligands:
                column = ligands.index(row["ligand"])
                y[protein.index, column] = 0.0
                y[located(protein, row["pos_idx0"], row["pos_pdbnum"]), column] = 1.0
        examples.append(Example(protein, y, own[0]["split"], own[0]["family"]))
    return Dataset(
        "sites-" + "-".join(ligands).lower(), "GPSite labels (MIT) on PDB chains", tuple(examples)
    )


def located(protein: Protein, positions: str, numbers: str) -> npt.NDArray[np.int64]:
    """Find labelled residues, by order among the observed ones and by author number alike.

    Parameters
    ----------
    protein : Protein
    positions : str
        Comma-separated places among the observed residues, from 0.
    numbers : str
        Their author numbers.

    Returns
    -------
    residues : ndarray of int64
        Positions in the full sequence.

    Raises
    ------
    ValueError
        Where a place does not exist, or has another number or none.

    Examples
    --------
    >>> protein = Protein("demo", "MXK", np.array([[[0.0] * 3] * 4, [[np.nan] * 3] * 4,
    ...     [[1.0] * 3] * 4]), numbering=("5", "6", "7"))
    >>> located(protein, "1", "7").tolist()
    [2]
    """
    places = np.array([int(place) for place in positions.split(",")])
    outside = places[(places < 0) | (places >= len(protein.index))]
    if len(outside):
        raise ValueError(
            f"{protein.name}: a label names residue {outside[0]} (from 0), "
            f"but {len(protein.index)} were observed."
        )
    said = numbers.split(",")
    if len(said) != len(places):
        raise ValueError(
            f"{protein.name}: a label has a number for each residue, "
            f"but {len(places)} residues have {len(said)}."
        )
    residues: npt.NDArray[np.int64] = protein.index[places]
    for residue, number in zip(residues.tolist(), said, strict=True):
        if protein.numbering[residue] != number:
            raise ValueError(
                f"{protein.name}: a label says residue {number}, "
                f"but the chain has {protein.numbering[residue]} there."
            )
    return residues


def enzyme_class(*, gaps: bool = True) -> Dataset:
    """Top digit of the EC number, 0 for no enzyme, of human PDB chains split by family.

    Classes 0 to 3; the chains of the rare classes 4 to 7 are left out.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` does not lead to the data.
    """
    examples = tuple(
        Example(
            _read(row["chain"], gaps),
            np.array([row["ec1"]], dtype=np.float32),
            row["split"],
            row["family"],
        )
        for row in table("enzyme_class/labels.tsv")
        if row["ec1"] in "0123"
    )
    return Dataset("enzyme-class", "PDB chains with EC numbers of SIFTS", examples)


def planted(*, count: int = 240, seed: int = 0) -> Dataset:
    """Ideal backbones with planted three-residue sites: a demonstration, not a result.

    The first 60 % train, the next 20 % validate, the rest test; every protein is its own family.

    Examples
    --------
    >>> len(planted(count=10).side("train"))
    6
    """
    made = synthetic.dataset(count, seed=seed)
    examples = []
    for place, (protein, y) in enumerate(made):
        share = place / count
        split = "train" if share < 0.6 else "valid" if share < 0.8 else "test"
        examples.append(Example(protein, y[:, None].astype(np.float32), split, protein.name))
    return Dataset("planted-sites", "protgraph.structure.synthetic", tuple(examples))


def _read(name: str, gaps: bool) -> Protein:
    (protein,) = read(chain(name), gaps=gaps)
    return protein
