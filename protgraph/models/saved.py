"""A folder with a model in it, of either kind: of graphs, or a student that reads sequences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from protgraph.models import model
from protgraph.models.model import CONFIG, Model

if TYPE_CHECKING:
    from protgraph.models.student import Student

STUDENT = "protgraph-student"
"""What the `config.json` of a student says of it (`model_type`)."""


def load(folder: str | Path) -> Model | Student:
    """Read what `Model.save` or `Student.save_pretrained` wrote.

    Parameters
    ----------
    folder : path

    Returns
    -------
    model : Model or Student
        In evaluation mode. Only a student needs transformers.

    Raises
    ------
    FileNotFoundError
        Where the folder does not hold a model.
    ValueError
        Where its files do not belong together.

    Examples
    --------
    >>> load("no-such/folder")
    Traceback (most recent call last):
    FileNotFoundError: no-such/folder: a model folder holds config.json, which is not there.
    """
    if not _is_student(Path(folder, CONFIG)):
        return model.load(folder)
    from protgraph.models import student

    return student.load(folder)


def _is_student(config: Path) -> bool:
    """Whether it says so; what cannot be read is for `model.load` to refuse."""
    try:
        said = json.loads(config.read_text())
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("model_type") == STUDENT
