"""Ranks: processes that train one model together, and what they tell each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist

Told = TypeVar("Told")

# Who watches the ranks ends them when one dies, so a rank may wait while another one works alone.
_PATIENCE = timedelta(hours=24)

_ALONE: ContextVar[bool] = ContextVar("alone", default=False)


class World(NamedTuple):
    """Which rank this process is, from 0, and how many there are.

    Examples
    --------
    >>> world()
    World(rank=0, ranks=1)
    """

    rank: int
    ranks: int


class Idle(NamedTuple):
    """A batch that keeps a rank in step with the others, and from which nothing is learned."""

    batch: Any


def world() -> World:
    """Say who this process is; outside a launcher, and within `alone`, one of one."""
    if _ALONE.get() or not (dist.is_available() and dist.is_initialized()):
        return World(0, 1)
    return World(dist.get_rank(), dist.get_world_size())


def join(asked: int, *, device: str = "cpu") -> World:
    """Join the ranks that a launcher started; without one there is nothing to join.

    Parameters
    ----------
    asked : int
        What the recipe says under `ranks`; 1 takes as many as the launcher started.
    device : str
        Of the model. Every rank of a machine takes a GPU of its own.

    Raises
    ------
    ValueError
        Where the launcher started another number.

    Notes
    -----
    `torchrun`, `deepspeed` and `launch.spread` all say who a process is by RANK, LOCAL_RANK,
    WORLD_SIZE, MASTER_ADDR and MASTER_PORT.
    """
    if "RANK" not in os.environ or dist.is_initialized():
        return world()
    started = int(os.environ["WORLD_SIZE"])
    if asked not in (1, started):
        raise ValueError(f"ranks is {asked}, but the launcher started {started}.")
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    return world()


def leave() -> None:
    """Take leave of the other ranks, at the very end."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def told(value: Told) -> Told:
    """What rank 0 has of a value, on every rank."""
    if world().ranks == 1:
        return value
    box: list[Any] = [value if world().rank == 0 else None]
    dist.broadcast_object_list(box)
    said: Told = box[0]
    return said


def summed(*values: float) -> list[float]:
    """Sums of numbers over the ranks, in one exchange.

    Examples
    --------
    >>> summed(1.5, 2)
    [1.5, 2.0]
    """
    if world().ranks == 1:
        return [float(value) for value in values]
    all_of = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(all_of)
    said: list[float] = all_of.tolist()
    return said


def wait() -> None:
    """Wait until every rank is here."""
    # Not a barrier: that of NCCL needs a device, and this runs on gloo always.
    summed(0.0)


@contextmanager
def in_turn() -> Iterator[None]:
    """Let rank 0 do the body of a `with` block before the others do, which find what it kept."""
    if world().rank:
        wait()
    yield
    if not world().rank:
        wait()


@contextmanager
def alone() -> Iterator[None]:
    """Within the `with` block this process works as if there were no other rank."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)
