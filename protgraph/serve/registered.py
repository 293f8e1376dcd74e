"""A registered model as a pyfunc: run by this package, or by its own code where that is trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from protgraph.models.saved import load
from protgraph.serve import pyfunc
from protgraph.structure.fasta import sequences
from protgraph.structure.source import content, stem
from protgraph.track import names, registry
from protgraph.track.provenance import PACKAGES, pinned


def served(uri: str, *, trust: bool = False) -> Any:
    """Load a registered model as a pyfunc.

    Parameters
    ----------
    uri : str
        "models:/name/3", "models:/name@alias" or "name@alias".
    trust : bool
        Whether the code that was registered with the model may run. Without it only its numbers
        are read (JSON and safetensors), and the code is that of this package.

    Returns
    -------
    model : mlflow.pyfunc.PyFuncModel

    Raises
    ------
    ValueError
        As `registry.folder`.

    Examples
    --------
    >>> served("zinc-site")
    Traceback (most recent call last):
    ValueError: zinc-site: not of the form models:/name/3, models:/name@alias, name@alias.
    """
    if trust:
        return mlflow.pyfunc.load_model(names.find(uri).uri)
    found = registry.folder(uri)
    config = load(found).config
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "model")
        mlflow.pyfunc.save_model(
            place,
            python_model=str(pyfunc.CODE),
            artifacts={"model": str(found)},
            signature=pyfunc.signature(config),
            input_example=pyfunc.example(config),
            pip_requirements=[pinned(package) for package in PACKAGES],
        )
        return mlflow.pyfunc.load_model(str(place))


def trusted(uri: str) -> tuple[Callable[[Sequence[tuple[str, str]]], pd.DataFrame], str]:
    """Load a registered model to ask it by its own code.

    Parameters
    ----------
    uri : str
        As `served`.

    Returns
    -------
    ask : callable
        From rows, each a text and a name, to what the model's code makes of them.
    column : str
        What the texts are: "structure" or "sequence".

    Raises
    ------
    ValueError
        As `served`, and for a model that reads neither.
    """
    model = served(uri, trust=True)
    schema = model.metadata.get_input_schema()
    columns = schema.required_input_names() if schema is not None else []
    if columns not in (["structure"], ["sequence"]):
        rule = "a trusted model is asked for a structure or a sequence"
        raise ValueError(f"{uri}: {rule}, but this one reads {columns}.")

    def ask(rows: Sequence[tuple[str, str]]) -> pd.DataFrame:
        answer: pd.DataFrame = model.predict(pd.DataFrame(rows, columns=[*columns, "name"]))
        return answer

    return ask, columns[0]


def held(file: str, column: str) -> list[tuple[str, str]]:
    """Read texts and names of what a file holds: a structure, or sequences.

    Raises
    ------
    FileNotFoundError, ValueError
        Where it cannot be read.
    """
    if column == "sequence":
        return [(one.sequence, one.name) for one in sequences(file)]
    return [(content(Path(file)).decode(), stem(Path(file)))]
