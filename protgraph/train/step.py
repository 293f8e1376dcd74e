"""One step: some batches of every rank, and the sum of their losses over all labelled items."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from protgraph.train.engine import DeepSpeedEngine, Engine, Loss, Optimizers, TorchEngine
from protgraph.train.how import How
from protgraph.train.ranks import Idle, summed


class Step(NamedTuple):
    """What a step came to, on all ranks together.

    Parameters
    ----------
    total : float
        Sum of the loss over labelled items.
    items : int
        Their number, which the gradient was divided by.
    norm : float
        Of the gradient, before it was clipped.
    """

    total: float
    items: int
    norm: float

    @property
    def finite(self) -> bool:
        """Whether it was taken: a loss or a gradient that is not finite changes nothing."""
        return math.isfinite(self.total) and math.isfinite(self.norm)


def begin(
    model: nn.Module, optimizers: Optimizers, *, how: How, clip: float, accumulate: int
) -> Engine:
    """Make the engine that a recipe asks for.

    Parameters
    ----------
    model : Module
        Its weights, and what the optimizers remember, are taken up as they are.
    optimizers : sequence of Optimizer
        AdamW, or Muon and AdamW, over disjoint weights.
    how : How
    clip : float
        Largest norm of the gradient.
    accumulate : int
        Batches of a rank in a step, at most.

    Raises
    ------
    ValueError
        Where the engine cannot start, or the user's own settings contradict the recipe.
    ImportError
        Where DeepSpeed is asked for and not installed.
    """
    if how.recompute:
        _recomputing(model)
    if how.engine == "deepspeed":
        return DeepSpeedEngine(model, optimizers, how=how, clip=clip, accumulate=accumulate)
    return TorchEngine(model, optimizers, clip=clip)


def step(engine: Engine, loss: Loss, batches: Sequence[Any], rate: float) -> Step:
    """Take one step over some batches of this rank and of every other.

    Parameters
    ----------
    engine : Engine
    loss : callable
        Batch -> sum of the loss over its labelled items, and their number.
    batches : sequence
        As many on every rank; from an `Idle` one nothing is learned.
    rate : float
    """
    total, count = 0.0, 0
    for left, batch in zip(reversed(range(len(batches))), batches, strict=True):
        value, labelled = engine.learn(_heard(loss), batch, last=not left)
        total += value
        count += labelled
    # One exchange a step, whatever its batches: the gradient is divided by the number of all.
    total, counted = summed(total, count)
    if not math.isfinite(total):
        return Step(total, int(counted), engine.step(0, rate))
    return Step(total, int(counted), engine.step(int(counted), rate))


def _heard(loss: Loss) -> Loss:
    def heard(batch: Any) -> tuple[Tensor, int]:
        if isinstance(batch, Idle):
            return 0.0 * loss(batch.batch)[0], 0
        return loss(batch)

    return heard


def _recomputing(model: nn.Module) -> None:
    """Keep no activations inside the layers of a stack; backward computes them once more."""
    for stack in model.modules():
        for layer in stack if isinstance(stack, nn.ModuleList) else ():
            forward: Callable[..., Any] = layer.forward
            layer.forward = functools.partial(checkpoint, forward, use_reentrant=False)
