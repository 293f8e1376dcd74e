"""Many sequences to a folder of structures, going on where an earlier run stopped."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from protgraph.language.esmfold import ESMFold
from protgraph.language.folded import Folded
from protgraph.structure.protein import Protein

LONGEST = 240
"""Bytes of a file's name without suffix; file systems take 255 with it."""


def fold_all(proteins: Iterable[Protein], folder: str | Path, *, model: ESMFold) -> list[Path]:
    """Fold sequences and write `<name>.pdb` and `<name>.json` for each, the longest first.

    Files that this model wrote of this sequence are kept, so a run that was stopped goes on. All
    that would overwrite anything else is refused before the first sequence is folded. A sequence
    that cannot be folded is reported on stderr when its turn comes; the others are folded.

    Parameters
    ----------
    proteins : iterable of Protein
        Of which only `name`, `sequence` and `notes` are read, such as the records of a FASTA file.
        In the names of files, what is no letter, digit or one of `_ . + -` becomes "_", as does a
        dot at the start.
    folder : str or Path
        Made if it is not there.
    model : ESMFold

    Returns
    -------
    paths : list of Path
        The PDB files, in the order of the proteins. Of the two files the PDB file is written last,
        each whole or not at all. The JSON file holds `name`, `sequence`, `notes`, `model`,
        `digest`, `ptm`, `plddt` (mean over the Cα, 0 to 100) and `predicted_aligned_error`
        ([L, L], Å, one digit after the point).

    Raises
    ------
    ValueError
        For two proteins whose files would have one name (case aside), a name that is too long, a
        file that another model or sequence gave or that something else wrote; and at the end for
        sequences that could not be folded.

    Examples
    --------
    >>> nobody = ESMFold("none", "", model=None)
    >>> demo = Protein("a/b", "MK", np.zeros((2, 4, 3)))
    >>> fold_all([demo, demo], "models", model=nobody)
    Traceback (most recent call last):
    ValueError: a/b and a/b: both would be written to a_b.pdb.
    """
    from tqdm import tqdm

    places = _places(proteins, Path(folder))
    todo = [path for path, protein in places.items() if not _finished(path, protein, model)]
    Path(folder).mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    done = len(places) - len(todo)
    with tqdm(total=len(places), initial=done, desc=model.name, unit="protein") as bar:
        for path in sorted(todo, key=lambda path: -len(places[path])):
            protein = places[path]
            try:
                _write(path, protein, model.fold(protein.sequence, name=protein.name), model)
            except ValueError as error:
                bar.write(f"not folded: {error}", file=sys.stderr)
                failed.append(protein.name)
            bar.update()
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(places)} sequences were not folded: {', '.join(failed)}."
        )
    return list(places)


def _places(proteins: Iterable[Protein], folder: Path) -> dict[Path, Protein]:
    """The PDB file of each protein."""
    places: dict[Path, Protein] = {}
    owners: dict[str, str] = {}
    for protein in proteins:
        stem = re.sub(r"[^\w.+-]|^\.", "_", protein.name)
        size = len(os.fsencode(stem))
        if size > LONGEST:
            raise ValueError(f"{stem}: the name of a file has at most {LONGEST} bytes, got {size}.")
        other = owners.setdefault(stem.casefold(), protein.name)
        if len(owners) == len(places):
            raise ValueError(f"{other} and {protein.name}: both would be written to {stem}.pdb.")
        places[folder / f"{stem}.pdb"] = protein
    return places


def _finished(path: Path, protein: Protein, model: ESMFold) -> bool:
    """Whether the files are there; an error if they are something else's."""
    beside = path.with_suffix(".json")
    if not beside.exists():
        if path.exists():
            raise ValueError(f"{path}: is there, but no {beside.name} that tells what made it.")
        return False
    try:
        made = json.loads(beside.read_text(encoding="utf-8"))
        by, digest, sequence = made["model"], made["digest"], made["sequence"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{beside}: was not written with a folded structure.") from error
    if digest != model.digest:
        raise ValueError(
            f"{path}: was made by {by} (digest {digest[:12]}), and is not overwritten with what "
            f"{model.name} (digest {model.digest[:12]}) makes."
        )
    if sequence != protein.sequence:
        raise ValueError(
            f"{path}: was made of another sequence (of {len(sequence)} residues), and is not "
            f"overwritten with that of {protein.name} (of {len(protein)})."
        )
    return path.exists()


def _write(path: Path, protein: Protein, folded: Folded, model: ESMFold) -> None:
    confidence = folded.protein.confidence
    assert confidence is not None
    said: dict[str, Any] = {
        "name": protein.name,
        "sequence": protein.sequence,
        "notes": [*protein.notes, *folded.protein.notes],
        "model": model.name,
        "digest": model.digest,
        "ptm": round(folded.ptm, 4),
        "plddt": round(float(np.nanmean(confidence)), 2),
        "predicted_aligned_error": folded.pae.astype(float).round(1).tolist(),
    }
    _replace(path.with_suffix(".json"), json.dumps(said, separators=(",", ":")))
    _replace(path, folded.pdb)


def _replace(path: Path, text: str) -> None:
    partial = path.parent / f".{uuid4().hex}"
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
