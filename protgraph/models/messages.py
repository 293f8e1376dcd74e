"""Gated messages along edges and their sums, in pieces that stay in the processor's cache."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

PIECE = 8192
"""Edges of a piece: few enough that a step finds in cache what the last one left, 1 MB in bf16."""

ROUND = 256
"""Rows come in multiples of it, for oneDNN compiles a product in bf16 for each new shape (4 ms).

`PIECE` is a multiple of it.
"""


class Routes(NamedTuple):
    """Edges sorted by target, and filled up to a multiple of `ROUND` by some that nobody receives.

    Parameters
    ----------
    order : Tensor of int64, shape [E']
        Which edge stands here.
    target : Tensor of int64, shape [E']
        N + 1 where nobody receives the edge.
    ends : Tensor of int64, shape [E', 2]
        Rows of target and source in a table that has two rows a residue, one a role.
    arriving : Tensor of int64, shape [N + 1]
        Residue i receives the edges from `arriving[i]` up to `arriving[i + 1]`.
    leaving : Tensor of int64, shape [E]
        Places of the edges by source.
    left : Tensor of int64, shape [N + 1]
        Residue i sends `leaving[left[i] : left[i + 1]]`.
    """

    order: Tensor
    target: Tensor
    ends: Tensor
    arriving: Tensor
    leaving: Tensor
    left: Tensor


def routes(edge_index: Tensor, count: int) -> Routes:
    """Sort edges by target, once for all layers.

    Parameters
    ----------
    edge_index : Tensor of int64, shape [2, E]
        Source and target of each edge.
    count : int
        N, the number of residues.

    Examples
    --------
    >>> made = routes(torch.tensor([[0, 0, 1], [2, 1, 2]]), 3)
    >>> made.order[:3].tolist(), made.arriving.tolist(), len(made.order)
    ([1, 0, 2], [0, 0, 1, 3], 256)
    """
    target, order = torch.sort(edge_index[1], stable=True)
    sender, leaving = torch.sort(edge_index[0, order], stable=True)
    residues = torch.arange(count + 1, device=target.device)
    arriving = torch.searchsorted(target, residues)
    more = -len(order) % ROUND
    order = torch.cat([order, order[:1].expand(more)])
    source, receiver = edge_index[:, order]
    return Routes(
        order=order,
        target=functional.pad(target, (0, more), value=count + 1),
        ends=torch.stack([2 * receiver, 2 * source + 1], dim=1),
        arriving=arriving,
        leaving=leaving,
        left=torch.searchsorted(sender, residues),
    )


class Weights(NamedTuple):
    """What `gathered` learns: a linear map [D, F] of edges, then `message` and `gate`.

    Parameters
    ----------
    edge : Tensor of shape [D, F]
    message, message_bias : Tensor of shape [D, D] and [D]
    gate, gate_bias : Tensor of shape [1, D] and [1]
    """

    edge: Tensor
    message: Tensor
    message_bias: Tensor
    gate: Tensor
    gate_bias: Tensor


def gathered(ends: Tensor, features: Tensor, weights: Weights, along: Routes) -> Tensor:
    """Sum over the edges j -> i of the messages m_ij, each times its gate σ(gate·m_ij).

    m_ij = SiLU(message SiLU(a_i + b_j + edge f_ij)), biases left out here.

    Parameters
    ----------
    ends : Tensor of shape [N, 2 D]
        a and b of each residue; all is computed in its dtype, gradients of weights are summed in
        their own.
    features : Tensor of shape [E', F]
        f in the order of `along`, in the dtype of `ends`.
    weights : Weights
    along : Routes

    Returns
    -------
    sums : Tensor of shape [N, D]

    Raises
    ------
    RuntimeError
        Where a gradient of the gradient is asked for.

    Notes
    -----
    A network on a CPU waits for memory: written plainly, this passes dozens of times over arrays
    [E, D]. Here a piece of the edges goes through all steps while it is in cache, and the backward
    pass likewise. Gathering and summing are embedding bags, which add bf16 up in fp32.

    Examples
    --------
    >>> weights = Weights(*map(torch.zeros, [(1, 2), (1, 1), (1,), (1, 1), (1,)]))
    >>> along = routes(torch.tensor([[0], [1]]), 2)
    >>> weights.message_bias[0] = 50.0  # SiLU(50) = 50, and σ(0) = 1/2
    >>> gathered(torch.ones(2, 2), torch.ones(256, 2), weights, along).tolist()
    [[0.0], [25.0]]
    """
    learning = torch.is_grad_enabled()  # Within a Function it never is.
    sums: Tensor = _Gathered.apply(  # type: ignore[no-untyped-call]
        ends, features, along, learning, *weights
    )
    return sums


class _Steps(NamedTuple):
    """What is computed on the way to the messages of a piece, all [e, D], and the gate [e, 1]."""

    first: Tensor
    hidden: Tensor
    second: Tensor
    message: Tensor
    gate: Tensor


def _steps(table: Tensor, ends: Tensor, features: Tensor, w: Weights) -> _Steps:
    first = functional.embedding_bag(ends, table, mode="sum").addmm_(features, w.edge.T)
    hidden = functional.silu(first)
    second = torch.addmm(w.message_bias, hidden, w.message.T)
    message = functional.silu(second)
    gate = torch.addmm(w.gate_bias, message, w.gate.T).sigmoid_()
    return _Steps(first, hidden, second, message, gate)


def _sums(rows: Tensor, index: Tensor, starts: Tensor, factors: Tensor | None = None) -> Tensor:
    """Sum rows[index], times factors, from each start up to the next."""
    return functional.embedding_bag(
        index, rows, starts, mode="sum", per_sample_weights=factors, include_last_offset=True
    )


def _pieces(count: int) -> list[slice]:
    return [slice(i, min(i + PIECE, count)) for i in range(0, count, PIECE)]


class _Gathered(torch.autograd.Function):
    """`gathered` and its gradient, piece by piece."""

    @staticmethod
    def forward(
        ctx: Any, ends: Tensor, features: Tensor, along: Routes, learning: bool, *weights: Tensor
    ) -> Tensor:
        w = Weights(*(weight.to(ends.dtype) for weight in weights))
        table = ends.detach().reshape(2 * len(ends), -1)
        sums = table.new_zeros(len(ends), table.shape[1])
        places = torch.arange(PIECE, device=ends.device)
        stops = [piece.stop - 1 for piece in _pieces(len(along.leaving))]
        first, last = along.target[::PIECE].tolist(), along.target[stops].tolist()
        kept: list[Tensor] = []
        for piece, i, j in zip(_pieces(len(features)), first, last, strict=True):
            steps = _steps(table, along.ends[piece], features[piece], w)
            starts = (along.arriving[i : j + 2] - piece.start).clamp_(0, len(steps.gate))
            real = int(starts[-1])
            # A residue whose edges lie in two pieces has a sum in both.
            sums[i : j + 1] += _sums(steps.message, places[:real], starts, steps.gate[:real, 0])
            if learning:
                kept += steps
        ctx.along = along
        ctx.save_for_backward(features, *weights, *kept)
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, *saved = ctx.saved_tensors
        along: Routes = ctx.along
        weights, kept = saved[: len(Weights._fields)], saved[len(Weights._fields) :]
        w = Weights(*(weight.to(grad.dtype) for weight in weights))
        d = Weights(*(torch.zeros_like(weight) for weight in weights))
        slopes = grad.new_empty(len(features), grad.shape[1])
        size = len(_Steps._fields)
        every = [_Steps(*kept[i : i + size]) for i in range(0, len(kept), size)]
        # Edges that nobody receives get the last row, so that they have no gradient.
        grads = torch.cat([grad, w.gate, torch.zeros_like(w.gate)])
        for piece, steps in zip(_pieces(len(features)), every, strict=True):
            target = along.target[piece]
            pull = grads.index_select(0, target).mul_(steps.message).sum(dim=1, keepdim=True)
            pull = torch.ops.aten.sigmoid_backward(pull, steps.gate)
            # The sum pulls at the message itself and, by the gate's weights, through the gate.
            slope = functional.embedding_bag(
                torch.stack([target, torch.full_like(target, len(grad))], dim=1),
                grads,
                mode="sum",
                per_sample_weights=torch.cat([steps.gate, pull], dim=1),
            )
            slope = torch.ops.aten.silu_backward(slope, steps.second)
            d.message.add_(slope.T @ steps.hidden)
            d.message_bias.add_(slope.sum(dim=0))
            d.gate.add_(pull.T @ steps.message)
            d.gate_bias.add_(pull.sum(dim=0, dtype=d.gate_bias.dtype))
            slope = slope @ w.message
            torch.ops.aten.silu_backward(slope, steps.first, grad_input=slopes[piece])
            d.edge.add_(slopes[piece].T @ features[piece])
        every_edge = torch.arange(len(along.leaving), device=grad.device)
        here = _sums(slopes, every_edge, along.arriving)
        there = _sums(slopes, along.leaving, along.left)
        inner = slopes @ w.edge if ctx.needs_input_grad[1] else None
        return torch.cat([here, there], dim=1), inner, None, None, *d
