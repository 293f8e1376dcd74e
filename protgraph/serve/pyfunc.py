"""The form in which MLflow serves a model: a data frame of proteins or pairs in, scores out.

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
            that looks at the sequence only. Optionally `name`. Of pairs each of these twice,
            `structure_a` and `structure_b`, each with one chain.
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
            Where a column that the model reads is not there.
        """
        config = self.predictor.model.config
        held = list(model_input.columns)
        if absent := [column for column in reads(config) if column not in held]:
            raise ValueError(f"{config.task}: the input has a column {absent[0]!r}, got {held}.")
        said: list[dict[str, Any]] = []
        for number, given in enumerate(model_input.to_dict("records")):
            try:
                answers = self._answers(number, given)
            except (ValueError, OSError, ImportError) as error:
                names = {column: _text(given, column) for column in _twice(config, "name")}
                said.append({"row": number, **names, "error": str(error)})
                continue
            for answer in answers:
                said += _rows(number, answer)
        frame = pd.DataFrame(said, columns=columns(config), dtype=object)
        return frame.where(frame.notna(), None)

    def _answers(self, number: int, given: Mapping[Any, Any]) -> list[Prediction]:
        """What is said of one input row: of its proteins, or of its pair."""
        config = self.predictor.model.config
        found = [list(_proteins(number, given, config, end)) for end in _twice(config, "")]
        if config.level != "pair":
            return self.predictor.predict(found[0])
        for own, column in zip(found, reads(config), strict=True):
            if len(own) != 1:
                chains = ", ".join(protein.chain for protein in own)
                raise ValueError(f"Row {number}: {column} has one chain, got {chains}.")
        return self.predictor.predict_pairs([(found[0][0], found[1][0])])


def reads(config: Config) -> list[str]:
    """Names of the columns that a model reads.

    Examples
    --------
    >>> reads(Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0))
    ['sequence']
    >>> reads(Config("demo", "pair", ("binds",), "gcn", inputs=4, edges=2, kinds=5))
    ['structure_a', 'structure_b']
    """
    return _twice(config, "sequence" if alone(config) else "structure")


def _twice(config: Config, *names: str) -> list[str]:
    """Names of columns, or of a model of pairs those of both partners."""
    if config.level != "pair":
        return list(names)
    return [f"{name}{end}" for end in ("_a", "_b") for name in names]


def columns(config: Config) -> list[str]:
    """Columns of the answer: a row a residue, a row a protein, or a row a pair.

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
    return ["row", *_twice(config, "name", "chain"), *where, *scores, *calls, "error"]


def signature(config: Config) -> ModelSignature:
    """Types of what a model reads and answers.

    Examples
    --------
    >>> config = Config("demo", "protein", ("enzyme",), "cnn", inputs=21, edges=0, kinds=0)
    >>> signature(config).inputs.required_input_names()
    ['sequence']
    """
    optional = ("name",) if alone(config) else ("chain", "name")
    inputs = [ColSpec("string", column) for column in reads(config)]
    inputs += [ColSpec("string", one, required=False) for one in _twice(config, *optional)]
    types = {"row": "long", "index": "long"}
    types |= {f"{output}_score": "double" for output in config.outputs}
    types |= {f"{output}_call": "boolean" for output in config.outputs}
    outputs = [
        ColSpec(types.get(column, "string"), column, required=column == "row")
        for column in columns(config)
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example(config: Config) -> pd.DataFrame:
    """Make an input that a model answers: a synthetic protein, or two.

    Examples
    --------
    >>> config = Config("demo", "protein", ("enzyme",), "cnn", inputs=21, edges=0, kinds=0)
    >>> example(config).columns.tolist()
    ['sequence', 'name']
    """
    made: dict[str, list[str]] = {}
    both = zip(reads(config), _twice(config, "name"), strict=True)
    for seed, (column, name) in enumerate(both):
        protein = synthetic.protein(seed, length=60)
        made[column] = [protein.sequence if alone(config) else write.pdb(protein)]
        made[name] = [protein.name]
    return pd.DataFrame(made)


def _proteins(number: int, given: Mapping[Any, Any], config: Config, end: str) -> Iterator[Protein]:
    """Proteins of one input row, whose columns end in "", or of a pair in "_a" or "_b"."""
    column = f"sequence{end}" if alone(config) else f"structure{end}"
    name, said = _text(given, f"name{end}"), _text(given, column)
    if not said:
        raise ValueError(f"Row {number}: {column} is empty.")
    if alone(config):
        name = name or f"row-{number}{end}"
        sequence, notes = letters(name, said)
        yield Protein(name, sequence, notes=notes)
        return
    chain = _text(given, f"chain{end}") or None
    if len(said.splitlines()) == 1:
        yield from read(_allowed(said), chain=chain, gaps=config.gaps)
        return
    with tempfile.TemporaryDirectory() as folder:
        cif = re.match(r"(?i)\ufeff?(\s|#[^\n]*\n)*data_", said)
        # Proteins are named after the file they are read from.
        stem = re.sub(r"[^\w.-]", "_", name)[:100] or f"row-{number}{end}"
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
    """Rows of the answer for one protein or pair."""
    protein, partner = answer.protein, answer.partner
    common = {"row": number, "name": protein.name, "chain": protein.chain}
    if partner is not None:
        common = {"row": number, "name_a": protein.name, "chain_a": protein.chain}
        common |= {"name_b": partner.name, "chain_b": partner.chain}
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
