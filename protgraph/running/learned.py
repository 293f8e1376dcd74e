"""What comes out of training, whatever was trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from protgraph.models.model import Model
from protgraph.structure.protein import Floats
from protgraph.tasks.task import Task
from protgraph.train.loop import History

if TYPE_CHECKING:
    from protgraph.models.student import Student


@dataclass(frozen=True)
class Learned:
    """What came out of training.

    Parameters
    ----------
    score : callable
        Examples, or rows of `Pairs`, -> one array each: [L, C] (NaN where the model says nothing)
        or [C].
    model : Model, Student or None
        None for a baseline, which has no weights to save.
    history : History or None
    parameters : int
        Trained numbers; 0 for a baseline.
    """

    score: Callable[[Any], list[Floats]]
    model: Model | Student | None
    history: History | None
    parameters: int


def balance(task: Task, y: Floats, power: float) -> Tensor | None:
    """Weights that counter class imbalance, (frequent / rare) ** power.

    Parameters
    ----------
    task : Task
    y : ndarray of shape [N, C], or [N, 1] where outputs exclude each other
        Labels of the training side; NaN where there is none.
    power : float

    Returns
    -------
    weight : Tensor of shape [C] or None
        Of positives where outputs stand alone, of classes (mean 1) where they exclude each other;
        None where the power is 0.
    """
    if not power:
        return None
    if task.exclusive:
        known = y[~np.isnan(y[:, 0]), 0].astype(int)
        count = np.bincount(known, minlength=len(task.outputs)).clip(min=1)
        rare = (count.max() / count) ** power
        return torch.tensor(rare / rare.mean(), dtype=torch.float32)
    positive = np.nansum(y, axis=0).clip(min=1)
    negative = (~np.isnan(y)).sum(axis=0) - positive
    return torch.tensor((negative / positive) ** power, dtype=torch.float32)
