"""A question asked of proteins, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt
from torch import Tensor

from protgraph.tasks.labels import Metric

LEVELS = ("residue", "protein", "pair")

Loss = Callable[..., Tensor]


@dataclass(frozen=True)
class Task:
    """What is asked, how an answer is scored, and under which condition it holds.

    Parameters
    ----------
    name : str
    level : {"residue", "protein", "pair"}
        What one answer is about.
    outputs : tuple of str
        Names of the C scores; empty where the data set names them (`named`).
    loss : callable
        `loss(scores [N, C], y, *, weight) -> Tensor`, a *sum* over labelled items: the loop
        divides by their global number. `weight` [C] counters class imbalance.
    metrics : mapping
        Name -> `metric(y_true, y_score) -> float`; larger is better.
    monitor : str
        The metric that early stopping and comparison look at.
    given : str
        The condition under which the scores hold, such as "the chain binds zinc".
    exclusive : bool
        Whether exactly one output is true (softmax) or each stands alone (sigmoid).
    value : bool
        Whether outputs are quantities, such as a stability, and neither of the two applies.
    metrics_of : callable, optional
        Outputs -> more metrics, such as those that follow an ontology of the outputs' names.
    baselines : tuple of str
        Cheap models that no comparison on this task goes without.

    Raises
    ------
    ValueError
        Where the level or the monitor is not known.
    """

    name: str
    level: str
    outputs: tuple[str, ...]
    loss: Loss
    metrics: Mapping[str, Metric]
    monitor: str
    given: str = ""
    exclusive: bool = False
    value: bool = False
    metrics_of: Callable[[tuple[str, ...]], Mapping[str, Metric]] | None = None
    baselines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"{self.name}: level is one of {LEVELS}, got {self.level!r}.")
        if self.monitor not in self.metrics:
            raise ValueError(
                f"{self.name}: monitor is one of {', '.join(self.metrics)}, got {self.monitor!r}."
            )

    @property
    def binary(self) -> bool:
        """Whether there is one yes-or-no output, with a curve and a threshold of its own."""
        return len(self.outputs) == 1 and not self.exclusive and not self.value

    def named(self, outputs: tuple[str, ...]) -> Task:
        """Take the outputs of a data set, where the task leaves them to it.

        Raises
        ------
        ValueError
            Where neither names outputs.
        """
        if self.outputs:
            return self
        if not outputs:
            raise ValueError(f"{self.name}: a task has one output at least, got none.")
        more = self.metrics_of(outputs) if self.metrics_of else {}
        return replace(self, outputs=outputs, metrics={**self.metrics, **more})

    def measure(self, y: npt.NDArray[Any], scores: npt.NDArray[Any]) -> dict[str, float]:
        """Compute every metric.

        Parameters
        ----------
        y : ndarray of shape [N, C], or [N, 1] where outputs exclude each other
            NaN where unknown.
        scores : ndarray of shape [N, C]
            Probabilities.

        Returns
        -------
        numbers : dict
            Several outputs that stand alone are averaged, those without both classes left out.
        """
        truth = y[:, 0] if y.shape[1] == 1 else y
        said = scores[:, 0] if scores.shape[1] == 1 else scores
        return {name: metric(truth, said) for name, metric in self.metrics.items()}
