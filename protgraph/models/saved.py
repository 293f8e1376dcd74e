"""A folder with a model in it, of either kind: of graphs, or a student that reads sequences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from protgraph.language.students import STUDENT as STUDENT
from protgraph.language.students import said
from protgraph.models import model
from protgraph.models.model import Model

if TYPE_CHECKING:
    from protgraph.models.student import Student


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
    if said(folder) is None:  # what cannot be read is for `model.load` to refuse
        return model.load(folder)
    from protgraph.models import student

    return student.load(folder)
