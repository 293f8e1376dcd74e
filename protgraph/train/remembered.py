"""What an optimizer remembers, between torch's form for one process and ZeRO's parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from protgraph.train.shards import cut, gathered, joined

State = dict[str, Any]


def groups(optimizers: Sequence[torch.optim.Optimizer], *, each: bool) -> list[dict[str, Any]]:
    """Make groups for `muon.MuonAdamW` of those of AdamW and Muon.

    Parameters
    ----------
    optimizers : sequence of Optimizer
    each : bool
        As `shards.cut`.

    Returns
    -------
    groups : list of dict
        Their own keys, and: "owner", which optimizer; "numbers", how its `state_dict` counts the
        weights; "muon", "shapes" and "each". Weights that are not trained are left out.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.ones(2, 3))
    >>> (made,) = groups([torch.optim.AdamW([weight])], each=False)
    >>> made["muon"], made["shapes"], made["numbers"]
    (False, [(2, 3)], [0])
    """
    made = []
    for owner, optimizer in enumerate(optimizers):
        order = [id(weight) for group in optimizer.param_groups for weight in group["params"]]
        for group in optimizer.param_groups:
            weights = [weight for weight in group["params"] if weight.requires_grad]
            own = {
                "params": weights,
                "owner": owner,
                "numbers": [order.index(id(weight)) for weight in weights],
                "muon": isinstance(optimizer, torch.optim.Muon),
                "shapes": [tuple(weight.shape) for weight in weights],
                "each": each,
            }
            if weights:
                made.append({**group, **own})
    return made


def states_of(optimizers: Sequence[torch.optim.Optimizer], group: Mapping[str, Any]) -> list[State]:
    """What torch's optimizers remember of the weights of a group; {} where nothing yet."""
    state = optimizers[group["owner"]].state
    return [dict(state.get(weight, {})) for weight in group["params"]]


def take_up(
    client: torch.optim.Optimizer,
    group: Mapping[str, Any],
    held: Sequence[Tensor],
    states: Sequence[State],
) -> None:
    """Let an optimizer remember what torch's did.

    Parameters
    ----------
    client : Optimizer
    group : mapping
        Of `groups`.
    held : sequence of Tensor
        What the optimizer steps: the whole weights, or this rank's flat part of all of them.
    states : sequence of dict
        Of `states_of`.
    """
    if not any(states):
        return
    if not _flat(group, held):
        client.state.update(zip(held, (dict(state) for state in states), strict=True))
        return
    rank, ranks = dist.get_rank(), dist.get_world_size()
    part = held[0]
    for key, value in next(state for state in states if state).items():
        if not value.ndim:
            client.state[part][key] = value.clone()
            continue
        both = zip(states, group["shapes"], strict=True)
        whole = [state.get(key, value.new_zeros(shape)) for state, shape in both]
        own = cut(whole, ranks, size=part.numel(), each=group["each"])[rank]
        client.state[part][key] = own.to(part.device)


def remembered(
    client: torch.optim.Optimizer, group: Mapping[str, Any], held: Sequence[Tensor]
) -> list[State]:
    """What an optimizer remembers of each whole weight of a group; every rank has to ask."""
    if not _flat(group, held):
        return [dict(client.state.get(weight, {})) for weight in held]
    part, shapes = held[0], group["shapes"]
    told: list[State] = [{} for _ in shapes]
    for key, value in client.state.get(part, {}).items():
        whole = [value] * len(told)
        if value.shape == part.shape:
            whole = joined(gathered(value), shapes, each=group["each"])
        for own, one in zip(told, whole, strict=True):
            own[key] = one.cpu().clone()
    return told


def written(
    optimizers: Sequence[torch.optim.Optimizer],
    made: Sequence[Mapping[str, Any]],
    told: Sequence[Sequence[State]],
    *,
    rate: float,
) -> list[dict[str, Any]]:
    """Write what is remembered as `state_dict` of torch's optimizers does.

    Parameters
    ----------
    optimizers : sequence of Optimizer
    made : sequence of dict
        Of `groups`.
    told : sequence of list of dict
        Of `remembered`, one a group.
    rate : float
        The last one.
    """
    states = [optimizer.state_dict() for optimizer in optimizers]
    for said in states:
        said["state"] = {}
        for group in said["param_groups"]:
            group["lr"] = rate
    for group, own in zip(made, told, strict=True):
        known = {n: state for n, state in zip(group["numbers"], own, strict=True) if state}
        states[group["owner"]]["state"].update(known)
    return states


def _flat(group: Mapping[str, Any], held: Sequence[Tensor]) -> bool:
    shapes: list[tuple[int, ...]] = group["shapes"]
    return [tuple(one.shape) for one in held] != shapes
