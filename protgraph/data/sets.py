"""Named benchmark sets: where each comes from, its fixed split, its labels on real chains."""

from __future__ import annotations

import csv
import lzma
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from protgraph.data.dataset import Dataset, Example
from protgraph.structure import cache, synthetic
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
    rows = _table("binding_sites/labels.tsv")
    chains = _chains()
    examples = []
    for name in sorted({row["chain"] for row in rows}):
        protein = _read(chains, name, gaps)
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
    chains = _chains()
    examples = tuple(
        Example(
            _read(chains, row["chain"], gaps),
            np.array([row["ec1"]], dtype=np.float32),
            row["split"],
            row["family"],
        )
        for row in _table("enzyme_class/labels.tsv")
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


SETS: dict[str, Callable[..., Dataset]] = {
    "zinc-site": lambda *, gaps=True: sites(("ZN",), gaps=gaps),
    "calcium-site": lambda *, gaps=True: sites(("CA",), gaps=gaps),
    "magnesium-site": lambda *, gaps=True: sites(("MG",), gaps=gaps),
    "peptide-site": lambda *, gaps=True: sites(("PEP",), gaps=gaps),
    "ligand-sites": lambda *, gaps=True: sites(LIGANDS, gaps=gaps),
    "enzyme-class": enzyme_class,
    "planted-site": lambda *, gaps=True: planted(),  # noqa: ARG005 - nothing is missing there
}
"""Task -> its benchmark set."""


def root() -> Path:
    """Folder of the benchmark data.

    Raises
    ------
    FileNotFoundError
        Where `PROTGRAPH_DATA` is not set or is not a folder.
    """
    place = os.environ.get("PROTGRAPH_DATA", "")
    if not place or not Path(place).is_dir():
        raise FileNotFoundError(
            "The benchmark sets are not part of the package: set PROTGRAPH_DATA to the folder "
            f"that holds them, got {place!r}."
        )
    return Path(place)


def _table(name: str) -> list[dict[str, str]]:
    with (root() / name).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _chains() -> Path:
    return unpacked(root() / "structures" / "chains.tar.xz") / "chains"


def unpacked(archive: Path) -> Path:
    """Unpack an archive into the cache folder, once.

    An archive of another size or date gets a folder of its own.

    Raises
    ------
    FileNotFoundError
        Where there is no such archive.
    ValueError
        Where it is damaged or would write outside the folder.
    """
    facts = archive.stat()
    home = cache.folder()
    folder = home / f"{archive.name.split('.')[0]}-{facts.st_size}-{int(facts.st_mtime)}"
    if folder.is_dir():
        return folder
    home.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=home))
    try:
        try:
            with tarfile.open(archive) as file:
                file.extractall(beside, filter="data")
        except (tarfile.TarError, EOFError, lzma.LZMAError) as error:
            raise ValueError(f"{archive}: not a whole archive: {error}") from error
        try:
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was first otherwise
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _read(chains: Path, name: str, gaps: bool) -> Protein:
    (protein,) = read(chains / f"{name}.pdb", gaps=gaps)
    return protein
