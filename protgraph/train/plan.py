"""Which ZeRO stage, micro-batch and accumulation fit, how fast and at what price, calculated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from protgraph.train import footprint, scaling
from protgraph.train.corpus import GRAIN
from protgraph.train.footprint import Memory, memory
from protgraph.train.machine import Machine, Work


class Times(NamedTuple):
    """Seconds of one step.

    Parameters
    ----------
    products : float
        Forward and backward passes.
    optimiser : float
        Muon's own products, which every rank does whole; AdamW has none.
    messages : float
        On the links.
    exposed : float
        Of these, not hidden behind passes.
    """

    products: float
    optimiser: float
    messages: float
    exposed: float

    @property
    def step(self) -> float:
        """All that one step takes."""
        return self.products + self.optimiser + self.exposed


@dataclass(frozen=True)
class Plan:
    """How a work fits on a machine at one stage.

    Parameters
    ----------
    stage : int
        Of ZeRO.
    micro : int
        Tokens a forward pass of one rank.
    accumulation : int
        Passes a step.
    batch : int
        Tokens a step of all ranks: as asked for, or somewhat fewer where that does not divide.
    memory : Memory
    times : Times
    sent : float
        Bytes a rank sends a step.
    tokens, residues : float
        A second, of all ranks; start and stop of a crop are no residues.
    efficiency, best : float
        Share of a step spent on passes, with the machine's overlap and with an overlap of 1.
    """

    stage: int
    micro: int
    accumulation: int
    batch: int
    memory: Memory
    times: Times
    sent: float
    tokens: float
    residues: float
    efficiency: float
    best: float


def at(work: Work, machine: Machine, stage: int) -> Plan | None:
    """Fit a work at one stage, or None where one longest crop does not fit.

    Raises
    ------
    ValueError
        Where the batch has less than one longest crop for each GPU.
    """
    least = -(-work.longest // GRAIN) * GRAIN
    share = work.batch // machine.gpus
    if share < least:
        raise ValueError(
            f"A step of {work.batch:,} tokens gives each of {machine.gpus} GPUs {share:,}, but a "
            f"crop has up to {least:,}: a batch of {least * machine.gpus:,} tokens would do."
        )
    empty = memory(work, machine, stage, 0)
    each = footprint.activations(work.shape, recompute=work.recompute)
    most = int((machine.room - sum(empty[:-1])) // each)
    if most < least or empty.peak > machine.room:
        return None
    micro, accumulation = _cut(share, most, least)
    return _timed(work, machine, stage, (micro, accumulation))


def plan(work: Work, machine: Machine) -> Plan:
    """Fit a work at the smallest stage that can hold it, with the largest micro-batch.

    Parameters
    ----------
    work : Work
    machine : Machine

    Returns
    -------
    plan : Plan
        The smallest stage sends least. Its micro-batch is the largest that fits and divides the
        batch; where none that fits divides it, the batch comes out somewhat smaller.

    Raises
    ------
    ValueError
        Where nothing fits, naming the largest part at the stage that takes least.

    Examples
    --------
    >>> from protgraph.language.shapes import shape
    >>> work = Work(shape("esm2_t33_650M_UR50D"), batch=2**21, longest=1024)
    >>> found = plan(work, Machine(8, 80))
    >>> found.stage, found.micro, found.accumulation
    (0, 32768, 8)
    >>> plan(work, Machine(1, 8))
    Traceback (most recent call last):
    ValueError: Nothing fits: one crop of 1,024 tokens at stage 0 takes 13.5 GB of the 7.2 GB that
    8 GB leave, of which optimiser states 5.2 GB. More GPUs (stage 3 divides them), offloading
    them to the host, or GPUs of 15 GB would help.
    """
    for stage in scaling.STAGES:
        found = at(work, machine, stage)
        if found is not None:
            return found
    raise ValueError(_refused(work, machine))


def price(found: Plan, machine: Machine, hour: float) -> float:
    """Price of 10⁹ residues at a price of one GPU hour, in its currency.

    Raises
    ------
    ValueError
        For a negative price.
    """
    if hour < 0:
        raise ValueError(f"The price of a GPU hour is 0 or more, got {hour}.")
    return hour * machine.gpus * 1e9 / found.residues / 3600


def _cut(share: int, most: int, least: int) -> tuple[int, int]:
    """Cut a rank's tokens a step in equal passes: tokens a pass, passes."""
    first = -(-share // most)
    for passes in range(first, share // least + 1):
        if share % (passes * GRAIN) == 0:
            return share // passes, passes
    micro = max(share // first // GRAIN * GRAIN, least)
    return micro, share // micro


def _timed(work: Work, machine: Machine, stage: int, cut: tuple[int, int]) -> Plan:
    micro, passes = cut
    batch = micro * passes * machine.gpus
    rate = machine.peak * 1e12 * machine.utilisation
    once = scaling.forward(work.shape, work.longest) * micro * passes / rate
    backward = (2 + work.recompute) * once
    products = once + backward
    optimiser = scaling.orthogonal(work.shape) / rate if work.muon else 0.0
    sent = [part * scaling.NUMBER for part in _sent(work, machine, stage, passes)]
    beside, after = (part / machine.bandwidth for part in sent)
    window = {0: backward / passes, 1: backward / passes, 2: backward, 3: products}[stage]
    exposed = max(0.0, beside - machine.overlap * window) + after
    times = Times(products, optimiser, beside + after, exposed)
    tokens = batch / times.step
    return Plan(
        stage, micro, passes, batch, memory(work, machine, stage, micro), times,
        sent=sum(sent),
        tokens=tokens,
        residues=tokens * (work.longest - 2) / work.longest,
        efficiency=products / times.step,
        best=products / (products + optimiser + max(0.0, beside - window) + after),
    )  # fmt: skip


def _sent(work: Work, machine: Machine, stage: int, passes: int) -> tuple[float, float]:
    """Numbers that a rank sends beside passes, and after them."""
    ranks, entries = machine.gpus, scaling.parameters(work.shape)
    beside, after = (part * entries for part in scaling.traffic(stage, ranks, passes))
    # Muon's update is cut like the weights, and each rank needs all of it.
    update = scaling.matrices(work.shape) * (ranks - 1) / ranks if work.muon and stage else 0.0
    return beside, after + update


_CURES = {
    "weights": "More GPUs (stage 3 divides them)",
    "gradients": "More GPUs (stage 3 divides them)",
    "states": "More GPUs (stage 3 divides them), offloading them to the host",
    "gathered": "A smaller stage3_max_live_parameters",
    "casts": "A smaller network",
    "activations": "Recomputing them, shorter crops",
    "update": "AdamW for all weights",
}


def _refused(work: Work, machine: Machine) -> str:
    least = -(-work.longest // GRAIN) * GRAIN
    tried = [memory(work, machine, stage, least) for stage in scaling.STAGES]
    stage, found = min(enumerate(tried), key=lambda one: one[1].peak)
    parts = found._asdict()
    largest = max(parts, key=lambda name: parts[name])
    cure = _CURES[largest]
    if largest == "activations" and work.recompute:
        cure = "Shorter crops"
    named = {
        "states": "optimiser states", "gathered": "gathered weights", "update": "Muon's update",
        "casts": "copies of weights in bf16",
    }.get(largest, largest)  # fmt: skip
    return (
        f"Nothing fits: one crop of {least:,} tokens at stage {stage} takes "
        f"{found.peak / 1e9:.1f} GB of the {machine.room / 1e9:.1f} GB that {machine.memory:g} GB "
        f"leave, of which {named} {parts[largest] / 1e9:.1f} GB. {cure}, or GPUs of "
        f"{math.ceil(found.peak / 1e9 / (1 - machine.reserve))} GB would help."
    )
