"""Two engines for one loop: plain torch, and DeepSpeed, which enters by this door alone."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from protgraph.train import traps
from protgraph.train.how import How, merged
from protgraph.train.muon import MuonAdamW
from protgraph.train.ranks import world
from protgraph.train.remembered import groups, remembered, states_of, take_up, written

Loss = Callable[[Any], tuple[Tensor, int]]
Optimizers = Sequence[torch.optim.Optimizer]


class Engine(Protocol):
    """What a loop asks of an engine; every rank calls the same at the same time."""

    def learn(self, loss: Loss, batch: Any, *, last: bool) -> tuple[float, int]:
        """Add the gradient of a batch; `last` is the last one before a step.

        Returns
        -------
        total, count
            Sum of the loss of this rank's batch, and its labelled items.
        """

    def step(self, count: int, rate: float) -> float:
        """Sum gradients over the ranks, divide by the labelled items of all, clip and step.

        Returns
        -------
        norm : float
            Of the gradient before it was clipped. Where it is not finite, or nothing was labelled,
            no weight, momentum or variance changes.
        """

    def measure(self, evaluate: Callable[[], Any]) -> Any:
        """Evaluate on every rank, with the model in evaluation mode and without gradients."""

    def weights(self) -> dict[str, Tensor]:
        """Whole weights, as `state_dict` of the plain model names them, on every rank."""

    def state(self) -> list[dict[str, Any]]:
        """Whole states of the optimizers, as torch writes them for one process, on every rank."""

    def finish(self, weights: Mapping[str, Tensor]) -> None:
        """Leave the plain model behind, in evaluation mode, with these weights."""


class TorchEngine:
    """Plain torch: gradients of all ranks are summed once a step."""

    def __init__(self, model: nn.Module, optimizers: Optimizers, *, clip: float) -> None:
        self.model, self.optimizers, self.clip = model, optimizers, clip
        self._clear()

    def learn(self, loss: Loss, batch: Any, *, last: bool) -> tuple[float, int]:  # noqa: ARG002
        """Add the gradient of a batch."""
        value, count = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach()), count

    def step(self, count: int, rate: float) -> float:
        """Sum over the ranks, divide, clip and step."""
        weights = list(self.model.parameters())
        if world().ranks > 1:
            _summed([weight for weight in weights if weight.requires_grad])
        for weight in weights:
            if weight.grad is not None:
                weight.grad /= max(1, count)
        norm = float(nn.utils.clip_grad_norm_(weights, self.clip))
        # Without a labelled item AdamW would still decay the weights and follow its momentum.
        if count and math.isfinite(norm):
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
        self._clear()
        return norm

    def measure(self, evaluate: Callable[[], Any]) -> Any:
        """Evaluate."""
        self.model.eval()
        with torch.inference_mode():
            return evaluate()

    def weights(self) -> dict[str, Tensor]:
        """Weights."""
        return dict(self.model.state_dict())

    def state(self) -> list[dict[str, Any]]:
        """States of the optimizers."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def finish(self, weights: Mapping[str, Tensor]) -> None:
        """Leave the model with these weights."""
        _plain(self.model)
        self.model.load_state_dict(weights)
        self.model.eval()

    def _clear(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()


def _summed(weights: Sequence[nn.Parameter]) -> None:
    """Sum gradients over the ranks, in one exchange; what no rank has a gradient of keeps none."""
    grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    has = grads[0].new_tensor([float(weight.grad is not None) for weight in weights])
    flat = torch.cat([has, *(grad.flatten() for grad in grads)])
    dist.all_reduce(flat)
    parts = torch.split(flat[len(has) :], [weight.numel() for weight in weights])
    for weight, known, part in zip(weights, flat[: len(has)].tolist(), parts, strict=True):
        weight.grad = part.view_as(weight).clone() if known else None


def _plain(model: nn.Module) -> None:
    """Undo what recomputing did to the layers."""
    for module in model.modules():
        if isinstance(module.__dict__.get("forward"), functools.partial):
            del module.forward


class DeepSpeedEngine:
    """DeepSpeed: what the optimizer remembers, gradients and weights, cut over the ranks (ZeRO).

    Notes
    -----
    The loss of a batch is a sum, and the number of labelled items of a step is known after its
    last batch. ZeRO divides gradients by its loss scale before it clips them: during the backward
    passes the scale is 1, and at the step it is the number to divide by.
    """

    def __init__(
        self, model: nn.Module, optimizers: Optimizers, *, how: How, clip: float, accumulate: int
    ) -> None:
        self.model, self.optimizers, self.clip, self.stage = model, optimizers, clip, how.zero
        device = next(model.parameters()).device.type
        os.environ.setdefault("DS_ACCELERATOR", device)
        traps.refuse(device)
        settings = merged(how, clip=clip, accumulate=accumulate)
        if not self.stage:
            settings["gradient_clipping"] = 0.0  # the gradient is clipped here
        self.groups = groups(optimizers, each=self.stage == 3)
        # DeepSpeed puts its own parts into the groups.
        self.client = MuonAdamW([dict(group) for group in self.groups])
        self.taken = self.client.step
        self.client.step = self._guarded  # type: ignore[assignment, method-assign]
        if not dist.is_initialized():
            os.environ.setdefault("LOCAL_RANK", "0")  # DeepSpeed asks even one rank for it
            store = dist.HashStore()  # type: ignore[attr-defined]
            dist.init_process_group("gloo", store=store, rank=0, world_size=1)
        self.task, self.count = _Task(model), 0
        self.engine = _started(self.task, self.client, settings)
        for group, held in zip(self.groups, self._parts(), strict=True):
            take_up(self.client, group, held, states_of(optimizers, group))

    def learn(self, loss: Loss, batch: Any, *, last: bool) -> tuple[float, int]:
        """Add the gradient of a batch."""
        self.task.train()
        self.engine.set_gradient_accumulation_boundary(last)
        if self.stage:
            self.engine.optimizer.override_loss_scale(1.0)
        value = self.engine(loss, batch)
        self.engine.backward(value, scale_wrt_gas=False)
        return float(value.detach()), self.task.count

    def step(self, count: int, rate: float) -> float:
        """Sum over the ranks, divide, clip and step."""
        self.count = count
        for group in self.client.param_groups:
            group["lr"] = rate
        # DeepSpeed has divided by the ranks already.
        divisor = max(1, count) / dist.get_world_size()
        if self.stage:
            self.engine.optimizer.override_loss_scale(divisor)
            self.engine.step()
            return float(self.engine.get_global_grad_norm())
        for weight in self.model.parameters():
            if weight.grad is not None:
                weight.grad /= divisor
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.clip))
        self.count *= math.isfinite(norm)
        self.engine.step()
        return norm

    def _guarded(self) -> None:
        """Step, unless nothing was labelled; ZeRO calls this once a group."""
        if self.count:
            self.taken()

    def measure(self, evaluate: Callable[[], Any]) -> Any:
        """Evaluate on every rank; under ZeRO 3 all of them have to."""
        self.task.eval()
        with torch.no_grad():
            return self.task(lambda _: (evaluate(), 0), None)

    def weights(self) -> dict[str, Tensor]:
        """Whole weights."""
        with self._whole():
            return {key: one.detach().cpu().clone() for key, one in self.model.state_dict().items()}

    def state(self) -> list[dict[str, Any]]:
        """Whole states of the optimizers."""
        parts, rate = iter(self._parts()), self.client.param_groups[0]["lr"]
        told = [remembered(self.client, group, next(parts)) for group in self.groups]
        return written(self.optimizers, self.groups, told, rate=rate)

    def finish(self, weights: Mapping[str, Tensor]) -> None:
        """Leave the model behind as it was before DeepSpeed had it."""
        names = {id(weight): name for name, weight in self.model.named_parameters()}
        self.engine.destroy()
        _plain(self.model)
        made: dict[int, nn.Parameter] = {}
        for module in self.model.modules():
            # Without the hooks and the partitions: other tensors, in dictionaries of Python's own.
            own = dict(module._parameters)
            module._parameters = {}
            for key, weight in own.items():
                if weight is not None and id(weight) not in made:
                    whole = weights[names[id(weight)]].to(weight.device)
                    made[id(weight)] = nn.Parameter(whole.clone(), weight.requires_grad)
                module._parameters[key] = None if weight is None else made[id(weight)]
        self.model.load_state_dict(weights)
        self.model.eval()

    def _whole(self) -> AbstractContextManager[Any]:
        if self.stage < 3:
            return nullcontext()
        import deepspeed

        gathering: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(
            list(self.model.parameters())
        )
        return gathering

    def _parts(self) -> list[list[Tensor]]:
        """What the optimizer steps, a list a group: whole weights, or one flat part of all."""
        if not self.stage:
            return [list(group["params"]) for group in self.groups]
        of_three = self.stage == 3
        name = "fp32_partitioned_groups_flat" if of_three else "single_partition_of_fp32_groups"
        return [[flat] for flat in getattr(self.engine.optimizer, name)]


class _Task(nn.Module):
    """What DeepSpeed sees as the model: the loss of a batch."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.count = model, 0

    def forward(self, loss: Loss, batch: Any) -> Any:
        value, self.count = loss(batch)
        return value


def _started(task: nn.Module, client: torch.optim.Optimizer, settings: dict[str, Any]) -> Any:
    """Start DeepSpeed; what it says goes to stderr."""
    import logging

    # It calls what torch has deprecated.
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    with contextlib.redirect_stdout(sys.stderr):
        import deepspeed
        from deepspeed.utils import logger

        logger.setLevel(logging.WARNING)
        return deepspeed.initialize(model=task, optimizer=client, config=settings)[0]
