"""The form in which MLflow serves a model: a data frame of proteins in, one of scores out.

MLflow keeps a copy of this file beside the weights and runs the copy (models-from-code), so a
model answers wherever protgraph is installed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from protgraph.models.model import Config
from protgraph.models.saved import load
from protgraph.predict import Predictor, alone
from protgraph.structure import synthetic, write
from protgraph.structure.fasta import letters
from protgraph.structure.protein import Protein
from protgraph.structure.read import read
from protgraph.tasks.prediction import Prediction

PATHS = "PROTGRAPH_PATHS"
"""Environment variable with the one folder whose files a row may name by their path."""

CODE = Path(__file__)
"""What `Run.model` logs."""


class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model behind MLflow's interface; `columns` says what it answers."""

    def load_context(self, context: Any) -> None:
        """Read the model; called by MLflow, which looks for an argument named `context`."""
        model = load(context.artifacts["model"])
        self.predictor = Predictor(model, model.config.task)

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Score every row; one that cannot be scored tells why in `error`.

        Parameters
        ----------
        context
            Not used.
        model_input : DataFrame
            `structure`, the text of a PDB or mmCIF file or the path of a structure file, and
            optionally `chain`, the one to score (else all of them); or `sequence`, for a model
            that looks at the sequence only. Optionally `name`.
        params
            Not used.

        Returns
        -------
        scores : DataFrame
            With the columns `columns`, in the order of the rows, and with Python values: None
            where there is none, which becomes null in JSON.

        Raises
        ------
        ValueError
            Where the column that the model reads is not there.
        """
        config = self.predictor.model.config
        needed = reads(config)
        if needed not in model_input.columns:
            held = list(model_input.columns)
            raise ValueError(f"{config.task}: the input has a column {needed!r}, got {held}.")
        said: list[dict[str, Any]] = []
        for number, given in enumerate(model_input.to_dict("records")):
            try:
                proteins = list(_proteins(number, given, config))
                answers = self.predictor.predict(proteins)
            except (ValueError, OSError, ImportError) as error:
                said.append({"row": number, "name": _text(given, "name"), "error": str(error)})
                continue
            for answer in answers:
                said += _rows(number, answer)
        frame = pd.DataFrame(said, columns=columns(config), dtype=object)
        return frame.where(frame.notna(), None)


def reads(config: Config) -> str:
    """Name of the column that a model reads.

    Examples
    --------
    >>> reads(Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0))
    'sequence'
    """
    return "sequence" if alone(config) else "structure"


def columns(config: Config) -> list[str]:
    """Columns of the answer: a row a residue, or a row a protein.

    `row` is the place in the input, from 0; `position` the author's number and `index` the place
    in the full sequence, from 0. There are calls only where the model has thresholds.

    Examples
    --------
    >>> columns(Config("demo", "residue", ("site",), "gcn", inputs=4, edges=2, kinds=5))
    ['row', 'name', 'chain', 'position', 'index', 'letter', 'site_score', 'error']
    """
    where = ["position", "index", "letter"] if config.level == "residue" else []
    scores = [f"{output}_score" for output in config.outputs]
    calls = [f"{output}_call" for output in config.outputs] if config.thresholds else []
    return ["row", "name", "chain", *where, *scores, *calls, "error"]


def signature(config: Config) -> ModelSignature:
    """Types of what a model reads and answers.

    Examples
    --------
    >>> config = Config("demo", "protein", ("enzyme",), "cnn", inputs=21, edges=0, kinds=0)
    >>> signature(config).inputs.required_input_names()
    ['sequence']
    """
    needed = reads(config)
    optional = ["name"] if needed == "sequence" else ["chain", "name"]
    inputs = [ColSpec("string", needed)]
    inputs += [ColSpec("string", column, required=False) for column in optional]
    types = {"row": "long", "index": "long"}
    types |= {f"{output}_score": "double" for output in config.outputs}
    types |= {f"{output}_call": "boolean" for output in config.outputs}
    outputs = [
        ColSpec(types.get(column, "string"), column, required=column == "row")
        for column in columns(config)
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example(config: Config) -> pd.DataFrame:
    """Make an input that a model answers: a synthetic protein.

    Examples
    --------
    >>> config = Config("demo", "protein", ("enzyme",), "cnn", inputs=21, edges=0, kinds=0)
    >>> example(config).columns.tolist()
    ['sequence', 'name']
    """
    protein = synthetic.protein(0, length=60)
    if reads(config) == "sequence":
        return pd.DataFrame({"sequence": [protein.sequence], "name": [protein.name]})
    return pd.DataFrame({"structure": [write.pdb(protein)], "name": [protein.name]})


def _proteins(number: int, given: Mapping[Any, Any], config: Config) -> Iterator[Protein]:
    """Proteins of one input row."""
    name, column = _text(given, "name"), reads(config)
    said = _text(given, column)
    if not said:
        raise ValueError(f"Row {number}: {column} is empty.")
    if column == "sequence":
        name = name or f"row-{number}"
        sequence, notes = letters(name, said)
        yield Protein(name, sequence, notes=notes)
        return
    chain = _text(given, "chain") or None
    if len(said.splitlines()) == 1:
        yield from read(_allowed(said), chain=chain, gaps=config.gaps)
        return
    with tempfile.TemporaryDirectory() as folder:
        cif = re.match(r"(?i)\ufeff?(\s|#[^\n]*\n)*data_", said)
        # Proteins are named after the file they are read from.
        stem = re.sub(r"[^\w.-]", "_", name)[:100] or f"row-{number}"
        path = Path(folder, f"{stem}{'.cif' if cif else '.pdb'}")
        path.write_text(said, encoding="utf-8")
        yield from read(path, chain=chain, gaps=config.gaps)


def _allowed(said: str) -> Path:
    """Path of a file that a row may name."""
    root = os.environ.get(PATHS)
    if not root:
        raise ValueError(
            f"A path is read only where {PATHS} names a folder that contains it, and it is not "
            "set; the text of a structure file is always read."
        )
    folder = Path(root).resolve()
    path = (folder / said).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{said!r} is not in the folder that {PATHS} names.")
    return path


def _text(given: Mapping[Any, Any], column: str) -> str:
    said = given.get(column)
    return said.strip(" \t") if isinstance(said, str) else ""


def _rows(number: int, answer: Prediction) -> Iterator[dict[str, Any]]:
    """Rows of the answer for one protein."""
    protein = answer.protein
    common = {"row": number, "name": protein.name, "chain": protein.chain}
    residues = answer.level == "residue"
    scores = np.atleast_2d(answer.scores)
    calls = None if answer.calls is None else np.atleast_2d(answer.calls)
    for i, own in enumerate(scores):
        row: dict[str, Any] = dict(common)
        if residues:
            row |= {
                "position": protein.numbering[i], "index": i, "letter": protein.sequence[i]
            }  # fmt: skip
        for c, output in enumerate(answer.outputs):
            known = not np.isnan(own[c])
            row[f"{output}_score"] = float(own[c]) if known else None
            if calls is not None:
                row[f"{output}_call"] = bool(calls[i, c]) if known else None
        yield row


mlflow.models.set_model(Served())
