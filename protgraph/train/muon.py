"""AdamW and Muon in one optimizer, on whole weights or on the part of them that a rank holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim.adamw import adamw

from protgraph.train.shards import cut, gathered, joined


def orthogonal(update: Tensor, *, steps: int = 5, eps: float = 1e-7) -> Tensor:
    """Bring the singular values of a matrix near 1, in bf16.

    Parameters
    ----------
    update : Tensor of shape [A, B]
    steps, eps
        As `torch.optim.Muon` has them.

    Notes
    -----
    Newton-Schulz iteration of degree five with the coefficients of Jordan et al. (2024), which
    leave singular values between 0.7 and 1.2.

    Examples
    --------
    >>> orthogonal(torch.diag(torch.tensor([3.0, 3.0]))).shape
    torch.Size([2, 2])
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = update.bfloat16()
    x = x.T if update.shape[0] > update.shape[1] else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if update.shape[0] > update.shape[1] else x


class MuonAdamW(torch.optim.Optimizer):
    """What `torch.optim.AdamW` and `torch.optim.Muon` do, where ZeRO may have cut the weights.

    Parameters
    ----------
    groups : sequence of dict
        As those of the two, with besides:

        muon : bool
        shapes : list of tuple of int
            Of the whole weights of the group, in order.
        each : bool
            As `shards.cut`.

    Notes
    -----
    DeepSpeed hands over one flat part of all weights of a group. AdamW treats every number by
    itself. Muon needs whole matrices: parts of its update are gathered, every rank makes all
    matrices of them orthogonal, and takes its part of the result. DeepSpeed's own Muon clips the
    update, and not the gradient as everywhere else here.
    """

    def __init__(self, groups: Sequence[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step with the gradients that are there."""
        assert closure is None
        for group in self.param_groups:
            known = [weight for weight in group["params"] if weight.grad is not None]
            if group["muon"]:
                for weight in known:
                    self._muon(weight, group)
            else:
                self._adamw(known, group)

    def _adamw(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["step"] = torch.tensor(0.0)
                for key in ("exp_avg", "exp_avg_sq"):
                    self.state[weight][key] = torch.zeros_like(weight)
        first, second, steps = (
            [self.state[weight][key] for weight in weights]
            for key in ("exp_avg", "exp_avg_sq", "step")
        )
        beta1, beta2 = group["betas"]
        adamw(
            weights, [weight.grad for weight in weights], first, second, [], steps,  # type: ignore[misc]
            amsgrad=False, beta1=beta1, beta2=beta2, lr=group["lr"],
            weight_decay=group["weight_decay"], eps=group["eps"], maximize=False,
        )  # fmt: skip

    def _muon(self, weight: Tensor, group: dict[str, Any]) -> None:
        assert weight.grad is not None
        if not self.state[weight]:
            self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        buffer, momentum = self.state[weight]["momentum_buffer"], group["momentum"]
        buffer.lerp_(weight.grad, 1 - momentum)
        update = _turned(weight.grad.lerp(buffer, momentum), group)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update, alpha=-group["lr"])


def _turned(update: Tensor, group: dict[str, Any]) -> Tensor:
    """Make the matrices of a group orthogonal, whole or in this rank's part of them."""
    if update.ndim == 2:
        return _sized(update)
    each, shapes = group["each"], group["shapes"]
    whole = joined(gathered(update), shapes, each=each)
    turned = [_sized(one) for one in whole]
    ranks, rank = dist.get_world_size(), dist.get_rank()
    own: Tensor = cut(turned, ranks, size=update.numel(), each=each)[rank]
    return own


def _sized(update: Tensor) -> Tensor:
    """An orthogonal matrix of the size of AdamW's steps (Liu et al., arXiv:2502.16982)."""
    turned: Tensor = orthogonal(update).float() * (0.2 * max(update.shape) ** 0.5)
    return turned
