"""What vectors already know: a linear layer on top of them, and nothing else that learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

PENALTIES = (1e-6, 1e-4, 1e-2)
"""Weights of the squared norm that are tried on the validation side."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A multinomial logistic regression on standardised vectors.

    Parameters
    ----------
    weight : ndarray of shape [D, C]
    bias : ndarray of shape [C]
        Standardisation is folded into both.
    penalty : float
        The one that validation chose.
    """

    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    penalty: float

    def scores(self, x: Floats) -> Floats:
        """Probabilities of the classes: [N, D] -> [N, C]."""
        said = torch.from_numpy(x @ self.weight + self.bias)
        found: Floats = torch.softmax(said, dim=1).numpy()
        return found


def linear(
    train: tuple[Floats, Ints],
    valid: tuple[Floats, Ints],
    *,
    classes: int,
    penalties: Sequence[float] = PENALTIES,
    steps: int = 200,
) -> Probe:
    """Fit a linear probe; validation chooses how strongly its weights are held back.

    Parameters
    ----------
    train, valid : tuple of ndarray
        Vectors [N, D] and classes [N], from 0.
    classes : int
        C.
    penalties : sequence of float
        Tried in this order; the mean log-likelihood of the validation side decides.
    steps : int
        Steps of L-BFGS, at most.

    Returns
    -------
    probe : Probe

    Raises
    ------
    ValueError
        Where a side is empty, a class is out of range, or the widths differ.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [3.0], [4.0]], dtype=np.float32)
    >>> probe = linear((x, np.array([0, 0, 1, 1])), (x, np.array([0, 0, 1, 1])), classes=2)
    >>> probe.scores(x).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    for side, (x, y) in (("train", train), ("valid", valid)):
        if not len(x) or len(x) != len(y) or x.shape[1] != train[0].shape[1]:
            raise ValueError(
                f"A probe needs vectors [N, {train[0].shape[1]}] and N classes, "
                f"but {side} has {list(x.shape)} and {len(y)}."
            )
        if y.min() < 0 or y.max() >= classes:
            raise ValueError(f"Classes are from 0 to {classes - 1}, got {y.min()} to {y.max()}.")
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    spread = np.where(spread > 1e-8, spread, 1.0).astype(np.float32)

    def tensors(side: tuple[Floats, Ints]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy((side[0] - mean) / spread), torch.from_numpy(side[1])

    learned, (held_out, truth) = tensors(train), tensors(valid)
    best: tuple[float, float, Tensor] | None = None
    for penalty in penalties:
        fitted = _fitted(*learned, classes, penalty, steps)
        loss = float(F.cross_entropy(held_out @ fitted[1:] + fitted[0], truth))
        if best is None or loss < best[0]:
            best = (loss, penalty, fitted)
    assert best is not None
    weight = best[2][1:].numpy() / spread[:, None]
    return Probe(weight, best[2][0].numpy() - mean @ weight, best[1])


def _fitted(x: Tensor, y: Tensor, classes: int, penalty: float, steps: int) -> Tensor:
    """Bias and weights of the regression, [1 + D, C]."""
    theta = torch.zeros(1 + x.shape[1], classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [theta], max_iter=steps, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ theta[1:] + theta[0], y) + penalty * theta[1:].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return theta.detach()
