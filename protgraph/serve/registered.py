"""A registered model as a pyfunc: run by this package, or by its own code where that is trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from protgraph.models.saved import load
from protgraph.serve import pyfunc
from protgraph.structure.fasta import sequences
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


def trusted(uri: str, files: Sequence[str]) -> pd.DataFrame:
    """Ask a registered model, by its own code, for the proteins of files.

    Parameters
    ----------
    uri : str
        As `served`.
    files : sequence of str
        Structures; sequences where the model's signature reads those.

    Returns
    -------
    answer : DataFrame
        What the model's code makes of a data frame with a row a protein (a file of structures is
        one row).

    Raises
    ------
    ValueError
        As `served`, and for a model that reads neither.
    """
    model = served(uri, trust=True)
    schema = model.metadata.get_input_schema()
    held = schema.required_input_names() if schema is not None else []
    if held not in (["structure"], ["sequence"]):
        rule = "a trusted model is asked for a structure or a sequence"
        raise ValueError(f"{uri}: {rule}, but this one reads {held}.")
    if held == ["structure"]:
        said = [(Path(file).read_text(), Path(file).name.split(".")[0]) for file in files]
    else:
        said = [(one.sequence, one.name) for file in files for one in sequences(file)]
    answer: pd.DataFrame = model.predict(pd.DataFrame(said, columns=[*held, "name"]))
    return answer
