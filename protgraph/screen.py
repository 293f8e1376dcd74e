"""A model of pairs asked about files of proteins: one table for all pairs that a list names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from protgraph.data import candidates
from protgraph.predict import Predictor
from protgraph.structure.read import read
from protgraph.structure.source import stem
from protgraph.tasks.prediction import Prediction
from protgraph.tasks.text import joint

FORMATS = ("tsv", "json")
"""How pairs are written; the other formats of a prediction show one protein."""


def screen(
    predictor: Predictor,
    files: Sequence[str | Path],
    pairs: str | Path | None = None,
    *,
    format: str = "tsv",
    folder: str | Path | None = None,
) -> str:
    """Score pairs of the proteins that are in some files.

    Parameters
    ----------
    predictor : Predictor
        Of a model of pairs.
    files : sequence of paths
        With one protein each or several; of those that no pair names nothing is computed.
    pairs : path, optional
        What `protgraph.data.candidates.read` reads. Without it the files hold two proteins, and
        those are the pair.
    format : str
        One of `FORMATS`.
    folder : path, optional
        Where one file for all pairs is written: "pairs.ppi-human.tsv" of a list "pairs.tsv". Made
        if it is not there.

    Returns
    -------
    told : str
        A table with one row a pair, or a JSON list with one object a pair, in the order of the
        list; with a folder the path of the file that holds it.

    Raises
    ------
    ValueError
        For a model of another level, another format, a file or list that cannot be read, a name
        that is not that of one protein, and files without a list that hold other than two.
    OSError
        For a file that is not there, and a folder that cannot be written.
    """
    config = predictor.model.config
    if config.level != "pair":
        raise ValueError(
            f"{predictor.name}: a list of pairs goes with a model of pairs, and this one scores a "
            f"{config.level}: leave the list out."
        )
    if format not in FORMATS:
        raise ValueError(f"{predictor.name}: pairs are written as {FORMATS}, got {format!r}.")
    proteins = [protein for file in files for protein in read(file, gaps=config.gaps)]
    if pairs is None and len(proteins) != 2:
        raise ValueError(
            f"{predictor.name}: a model of pairs needs a list of pairs, or two proteins alone, "
            f"got no list and {len(proteins)} proteins."
        )
    named = candidates.read(pairs, proteins) if pairs else [(proteins[0], proteins[1])]
    said = predictor.predict_pairs(named)
    told = _text(said, format)
    if folder is None:
        return told
    path = said[0].path(folder, format)
    if pairs is not None:
        name = f"{stem(Path(pairs))}.{config.task}.{format}"
        path = path.with_name(re.sub(r"[^\w.+-]|^\.", "_", name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{told}\n", encoding="utf-8", newline="\n")
    return str(path)


def _text(said: Sequence[Prediction], format: str) -> str:
    """All pairs, without a line break at the end."""
    if format == "tsv":
        return joint(said).removesuffix("\n")
    return "[\n" + ",\n".join(one.json() for one in said) + "\n]"
