"""The form in which MLflow serves a model: a data frame of proteins or pairs in, scores out.

MLflow keeps a copy of this file beside the weights and runs the copy (models-from-code), so a
model answers wherever protgraph is installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

from protgraph.models.model import Config
from protgraph.models.saved import load
from protgraph.predict import Predictor, alone
from protgraph.serve.rows import Row, Rules, answers, asked, reads, twice, who
from protgraph.structure import synthetic, write
from protgraph.tasks.prediction import Prediction

PATHS = "PROTGRAPH_PATHS"
"""Environment variable with the one folder whose files a row may name by their path."""

FORMS = ("table", "json")
"""How the pyfunc answers: see `Served.predict`."""

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
        params: dict[str, Any] | None = None,
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
        params : dict, optional
            `form`: "table", or "json" for one row a row of the input, as Spark needs it.

        Returns
        -------
        scores : DataFrame
            With the columns `columns`, in the order of the rows, and with Python values: None
            where there is none, which becomes null in JSON. As "json" with the columns `answer`,
            a JSON list of what `Prediction.json` writes, and `error`; one of them is empty.

        Raises
        ------
        ValueError
            Where a column that the model reads is not there, and for another form.
        """
        config = self.predictor.model.config
        held = list(model_input.columns)
        if absent := [column for column in reads(config) if column not in held]:
            raise ValueError(f"{config.task}: the input has a column {absent[0]!r}, got {held}.")
        form = (params or {}).get("form", "table")
        if form not in FORMS:
            raise ValueError(f"{config.task}: the form is one of {FORMS}, got {form!r}.")
        cells = enumerate(model_input.to_dict("records"))
        rows = [Row(number, asked(config, own.get)) for number, own in cells]
        root = os.environ.get(PATHS)
        found = list(_sound(answers(self.predictor, rows, Rules(Path(root) if root else None))))
        if form == "json":
            return _objects(found)
        said: list[dict[str, Any]] = []
        for row, own in zip(rows, found, strict=True):
            if isinstance(own, str):
                said.append(row.refused(own))
                continue
            for answer in own:
                said += _rows(row.number, answer)
        frame = pd.DataFrame(said, columns=columns(config), dtype=object)
        return frame.where(frame.notna(), None)


def _sound(
    found: Iterable[list[Prediction] | str | Exception],
) -> Iterator[list[Prediction] | str]:
    """Answers as they are; what broke is no answer, and is raised."""
    for own in found:
        if isinstance(own, Exception):
            raise own
        yield own


def _objects(found: list[list[Prediction] | str]) -> pd.DataFrame:
    """One row for each row of the input: a JSON list of predictions, or an error."""
    # Spark would write None as a text of four letters.
    said = [
        ("", own) if isinstance(own, str) else (f"[{', '.join(one.json() for one in own)}]", "")
        for own in found
    ]
    return pd.DataFrame(said, columns=["answer", "error"], dtype=object)


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
    return ["row", *twice(config, "name", "chain"), *where, *scores, *calls, "error"]


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
    inputs += [ColSpec("string", one, required=False) for one in twice(config, *optional)]
    types = {"row": "long", "index": "long"}
    types |= {f"{output}_score": "double" for output in config.outputs}
    types |= {f"{output}_call": "boolean" for output in config.outputs}
    outputs = [
        ColSpec(types.get(column, "string"), column, required=column == "row")
        for column in columns(config)
    ]
    form = ParamSchema([ParamSpec("form", "string", "table")])
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs), params=form)


def example(config: Config) -> pd.DataFrame:
    """Make an input that a model answers: a synthetic protein, or two.

    Examples
    --------
    >>> config = Config("demo", "protein", ("enzyme",), "cnn", inputs=21, edges=0, kinds=0)
    >>> example(config).columns.tolist()
    ['sequence', 'name']
    """
    made: dict[str, list[str]] = {}
    both = zip(reads(config), twice(config, "name"), strict=True)
    for seed, (column, name) in enumerate(both):
        protein = synthetic.protein(seed, length=60)
        made[column] = [protein.sequence if alone(config) else write.pdb(protein)]
        made[name] = [protein.name]
    # MLflow compares column names with a range, which pandas warns of unless they are objects.
    return pd.DataFrame(made, columns=pd.Index(made, dtype=object))


def _rows(number: int, answer: Prediction) -> Iterator[dict[str, Any]]:
    """Rows of the answer for one protein or pair."""
    protein, residues = answer.protein, answer.level == "residue"
    scores = np.atleast_2d(answer.scores)
    calls = None if answer.calls is None else np.atleast_2d(answer.calls)
    for i, own in enumerate(scores):
        row: dict[str, Any] = {"row": number, **who(answer)}
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
