"""Structures and sequences by their ids: RCSB PDB, AlphaFold DB and UniProt, each asked once."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from protgraph.structure import cache
from protgraph.structure.download import download
from protgraph.structure.fasta import sequences
from protgraph.structure.load import load
from protgraph.structure.protein import Protein

RCSB = "https://files.rcsb.org/download"
"""Before `/1ubq.cif`."""

ALPHAFOLD = "https://alphafold.ebi.ac.uk"
"""Before `/api/prediction/P69905` and `/files/AF-P69905-F1-model_v4.cif`."""

UNIPROT = "https://rest.uniprot.org/uniprotkb"
"""Before `/P69905.fasta`."""

_ACCESSION = "[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}"
_PDB = re.compile("(?:pdb_0000)?([1-9][a-z0-9]{3})|(pdb_[a-z0-9]{8})")
_MODEL = re.compile(rf"AF-({_ACCESSION})-F[0-9]+(-model_v[0-9]+)?")


def fetch(name: str, *, folder: str | Path | None = None) -> Path:
    """Find the structure file of an id, and download it where it is not there yet.

    Parameters
    ----------
    name : str
        In either case of letters: a PDB id (`1ubq`, `pdb_00001ubq`); an AlphaFold model
        (`AF-P69905-F1`, in a pinned version `AF-P69905-F1-model_v4`); or a UniProt accession
        (`P69905`), which is its AlphaFold model F1.
    folder : str or Path, optional
        Where files are kept; by default `structures` in `protgraph.structure.cache.folder()`.

    Returns
    -------
    path : Path
        mmCIF: `1ubq.cif`, `AF-P69905-F1-model_v4.cif`. The latest version is asked for once: what
        is in the folder stays. Delete it to ask again.

    Raises
    ------
    ValueError
        Where this is no such id, AlphaFold DB has no such model, or what came cannot be read.
    FileNotFoundError, ConnectionError
        As `protgraph.structure.download.download`.

    Notes
    -----
    Twelve-letter ids beyond `pdb_0000....` are asked for by their full name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "1ubq.cif").write_text("data_1UBQ")
    ...     fetch("1UBQ", folder=folder).name
    '1ubq.cif'
    """
    home = cache.folder() / "structures" if folder is None else Path(folder)
    entry = _PDB.fullmatch(name.lower())
    if entry:
        file = f"{entry[1] or entry[2]}.cif"
        return _kept(f"{RCSB}/{file}", home / file, _structure)
    model = name if name.lower().startswith("af-") else f"AF-{name}-F1"
    known = _MODEL.fullmatch(_written(model))
    if not known:
        raise ValueError(
            f"{name}: an id is a PDB id (1ubq), an AlphaFold model (AF-P69905-F1) or a UniProt "
            "accession (P69905)."
        )
    model = known[0]
    if known[2]:
        return _kept(f"{ALPHAFOLD}/files/{model}.cif", home / f"{model}.cif", _structure)
    versions = [path for path in home.glob(f"{model}-model_v*.cif") if _version(path.name)]
    if versions:
        return max(versions, key=lambda path: _version(path.name))
    url = _latest(model, known[1], home)
    return _kept(url, home / url.rpartition("/")[2], _structure)


def sequence(accession: str, *, folder: str | Path | None = None) -> Protein:
    """Return the protein of a UniProt accession, without a structure.

    Parameters
    ----------
    accession : str
    folder : str or Path, optional
        Where files are kept; by default `sequences` in `protgraph.structure.cache.folder()`.

    Returns
    -------
    protein : Protein
        Named by the accession; letters are treated as `protgraph.structure.fasta.sequences` says.

    Raises
    ------
    ValueError
        Where this is no accession, or UniProt has no sequence for it.
    FileNotFoundError, ConnectionError
        As `protgraph.structure.download.download`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "P69905.fasta").write_text(">sp|P69905|HBA_HUMAN\\nMVLS\\n")
    ...     protein = sequence("P69905", folder=folder)
    >>> protein.name, protein.sequence
    ('P69905', 'MVLS')
    """
    name = accession.upper()
    if not re.fullmatch(_ACCESSION, name):
        raise ValueError(f"{accession}: not a UniProt accession, such as P69905 or A0A024R161.")
    home = cache.folder() / "sequences" if folder is None else Path(folder)
    path = _kept(f"{UNIPROT}/{name}.fasta", home / f"{name}.fasta", _record)
    (protein,) = sequences(path)
    return replace(protein, name=name)


def _written(model: str) -> str:
    """A model's id in the letters of AlphaFold DB."""
    return model.upper().replace("-MODEL_V", "-model_v")


def _version(name: str) -> int:
    """Of a model's file; 0 where it is none."""
    found = re.search(r"-model_v([0-9]+)\.cif$", name)
    return int(found[1]) if found else 0


def _latest(model: str, accession: str, home: Path) -> str:
    """URL of a model in its latest version, which only the API knows."""
    asked = f"{ALPHAFOLD}/api/prediction/{accession}"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as beside:
        text = download(asked, Path(beside) / "answer.json").read_bytes()
    try:
        urls = [str(entry["cifUrl"]) for entry in json.loads(text)]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{asked}: not a list of models with a cifUrl ({error}).") from None
    files = {url.rpartition("/")[2]: url for url in urls}
    for file, url in files.items():
        if file == f"{model}-model_v{_version(file)}.cif":
            return url
    listed = ", ".join(files) or "nothing"
    raise ValueError(f"{model}: AlphaFold DB has no such model, it lists {listed}.")


def _kept(url: str, path: Path, check: Callable[[str, Path], None]) -> Path:
    """The file, downloaded and looked into before it gets its name."""
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        came = download(url, Path(beside) / path.name)
        check(url, came)
        return came.replace(path)


def _structure(url: str, path: Path) -> None:
    try:
        load(path)
    except ValueError as error:
        raise ValueError(f"{url}: a structure is expected. {error}") from None


def _record(url: str, path: Path) -> None:
    start = path.read_bytes()[:40]
    if not start.startswith(b">"):
        raise ValueError(f"{url}: a FASTA record is expected, got {start!r}.")
