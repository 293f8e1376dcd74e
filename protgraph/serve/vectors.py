"""The form in which MLflow serves a language model: a data frame of sequences in, vectors out.

MLflow keeps a copy of this file beside the weights and runs the copy (models-from-code), so a
language model answers wherever protgraph is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, DataType, Schema

from protgraph.data.batch import batches
from protgraph.language.encoder import encoder
from protgraph.predict import BUDGET
from protgraph.structure.fasta import letters
from protgraph.structure.synthetic import protein

CODE = Path(__file__)
"""What `Run.model` logs."""

COLUMNS = ("row", "name", "vector", "error")
"""Columns of the answer; `row` is the place in the input, from 0."""


class Vectors(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A language model behind MLflow's interface: one vector a protein, the mean over residues."""

    def load_context(self, context: Any) -> None:
        """Read the model; called by MLflow, which looks for an argument named `context`."""
        self.encoder = encoder(context.artifacts["model"])

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> pd.DataFrame:
        """Encode every row; one that cannot be read tells why in `error`.

        Parameters
        ----------
        context, params
            Not used.
        model_input : DataFrame
            `sequence`, and optionally `name`.

        Returns
        -------
        vectors : DataFrame
            With the columns `COLUMNS`, a row a row: `vector` is a list of D numbers, the mean of
            the last layer over the residues, or None where there is an error.

        Raises
        ------
        ValueError
            Where there is no column `sequence`.
        """
        held = list(model_input.columns)
        if "sequence" not in held:
            raise ValueError(f"The input has a column 'sequence', got {held}.")
        said: list[dict[str, Any]] = []
        whole: dict[int, str] = {}
        for number, own in enumerate(model_input.to_dict("records")):
            name, text = own.get("name"), own["sequence"]
            name = name if isinstance(name, str) else f"row-{number}"
            said.append({"row": number, "name": name})
            try:
                if not (isinstance(text, str) and text.strip()):
                    raise ValueError(f"Row {number}: sequence is empty.")
                whole[number] = letters(name, text)[0]
            except ValueError as error:
                said[number]["error"] = str(error)
        places = list(whole)
        for batch in batches([len(text) for text in whole.values()], BUDGET):
            found = self.encoder.encode([whole[places[i]] for i in batch])
            for i, vectors in zip(batch, found, strict=True):
                said[places[i]]["vector"] = vectors.mean(axis=0, dtype=np.float64).tolist()
        frame = pd.DataFrame(said, columns=list(COLUMNS), dtype=object)
        return frame.where(frame.notna(), None)


def signature() -> ModelSignature:
    """Types of what a language model reads and answers.

    Examples
    --------
    >>> signature().inputs.required_input_names()
    ['sequence']
    """
    text = [ColSpec("string", "sequence"), ColSpec("string", "name", required=False)]
    told = [
        ColSpec("long", "row"), ColSpec("string", "name"),
        ColSpec(Array(DataType.double), "vector", required=False),
        ColSpec("string", "error", required=False),
    ]  # fmt: skip
    return ModelSignature(inputs=Schema(text), outputs=Schema(told))


def example() -> pd.DataFrame:
    """Make an input that a language model answers: a synthetic protein.

    Examples
    --------
    >>> example().columns.tolist()
    ['sequence', 'name']
    """
    own = protein(0, length=60)
    made = {"sequence": [own.sequence], "name": [own.name]}
    # MLflow compares column names with a range, which pandas warns of unless they are objects.
    return pd.DataFrame(made, columns=pd.Index(made, dtype=object))


mlflow.models.set_model(Vectors())
