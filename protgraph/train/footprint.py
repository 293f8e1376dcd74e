"""What training keeps in the memory of one rank: weights, activations, and what comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from protgraph.train import scaling
from protgraph.train.machine import Machine, Work

if TYPE_CHECKING:
    from protgraph.language.network import Shape

LIVE = 10**9
"""Weights that DeepSpeed may keep gathered at stage 3 (`stage3_max_live_parameters`)."""


def kept(shape: Shape) -> int:
    """Bytes that one block keeps for the backward pass, a token.

    Notes
    -----
    Counted as in Korthikanti et al. (MLSys 2023), for `language.network.Block` under autocast to
    bf16: the stream before each norm in fp32 (8 D) and after it (4 D); queries, keys and values in
    one piece (6 D), queries and keys once more after they are turned (4 D), the mix (2 D); the
    inner layer before and after GELU (4 hidden); the rest are the angles, the norms' two numbers
    and the attention's one number a head. No term grows with the length of a protein:
    variable-length attention keeps no map, which dense attention does (there 5 · heads · L more),
    and no dropout keeps no masks.

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> kept(Shape(33, 64, layers=2, heads=4, hidden=256))
    2656
    """
    return (
        24 * shape.width
        + 4 * shape.hidden
        + 4 * shape.heads
        + 4 * (shape.width // shape.heads)
        + 16
    )


def activations(shape: Shape, *, recompute: bool = False) -> int:
    """Bytes that a forward pass keeps for the backward pass, a token.

    Parameters
    ----------
    shape : Shape
    recompute : bool
        Keep the fp32 input of each block alone, and one block whole while it is computed again
        (activation checkpointing; Chen et al., arXiv:1604.06174).

    Notes
    -----
    The head is left out: it sees 15 % of the tokens once.

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> shape = Shape(33, 64, layers=6, heads=4, hidden=256)
    >>> activations(shape), activations(shape, recompute=True)
    (16208, 4464)
    """
    ends = 4 * shape.width + 16
    if recompute:
        return shape.layers * 4 * shape.width + kept(shape) + ends
    return shape.layers * kept(shape) + ends


def casts(shape: Shape) -> int:
    """Bytes of the matrices in bf16 that autocast makes and the backward pass needs.

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> casts(Shape(33, 8, layers=2, heads=2, hidden=32))
    3072
    """
    return 2 * scaling.matrices(shape)


class Held(NamedTuple):
    """Bytes on one rank that no batch changes.

    Parameters
    ----------
    weights, gradients, states : float
        The last are what the optimiser keeps.
    """

    weights: float
    gradients: float
    states: float


def held(entries: int, stage: int, ranks: int, *, states: float = 12, number: int = 2) -> Held:
    """Memory of weights, gradients and optimiser states on one rank.

    Parameters
    ----------
    entries : int
        Ψ, of all weights.
    stage : int
        Of ZeRO, 0 to 3.
    ranks : int
    states : float
        K, bytes of optimiser states an entry.
    number : int
        Bytes of a weight and of a gradient.

    Raises
    ------
    ValueError
        For another stage, or no rank.

    Notes
    -----
    Rajbhandari et al., SC20, section 5: (2 + 2 + K) Ψ; 4 Ψ + K Ψ / N; 2 Ψ + (2 + K) Ψ / N;
    (4 + K) Ψ / N. The defaults are the paper's: weights and gradients in 16 bits, and for AdamW a
    weight and two averages in 32. `states` has those of the engines here.

    Examples
    --------
    The paper's 7.5 billion entries on 64 GPUs, in GB:

    >>> [round(sum(held(7_500_000_000, stage, 64)) / 1e9, 1) for stage in scaling.STAGES]
    [120.0, 31.4, 16.6, 1.9]
    """
    if stage not in scaling.STAGES:
        raise ValueError(f"A ZeRO stage is 0, 1, 2 or 3, got {stage}.")
    if ranks < 1:
        raise ValueError(f"Training needs 1 rank or more, got {ranks}.")
    return Held(
        number * entries / (ranks if stage >= 3 else 1),
        number * entries / (ranks if stage >= 2 else 1),
        states * entries / (ranks if stage >= 1 else 1),
    )


def states(shape: Shape, stage: int, *, muon: bool) -> float:
    """Bytes of optimiser states an entry, on average, where weights are in fp32.

    Notes
    -----
    Two averages (AdamW), or one for a matrix of a block (Muon). At stages 1 and 2 DeepSpeed steps a
    copy of the part that a rank owns; at stage 3 the part itself.

    Examples
    --------
    >>> from protgraph.language.shapes import shape
    >>> [states(shape("esm2_t6_8M_UR50D"), stage, muon=False) for stage in scaling.STAGES]
    [8, 12, 12, 8]
    """
    copy = scaling.NUMBER if stage in (1, 2) else 0
    fewer = scaling.NUMBER * scaling.matrices(shape) / scaling.parameters(shape) if muon else 0
    return 2 * scaling.NUMBER + copy - fewer


def update(shape: Shape, stage: int, ranks: int, *, muon: bool) -> float:
    """Bytes on one rank that come and go at the end of a step, when no activation is left.

    Notes
    -----
    The larger of what is needed one after the other. Stage 0 on several ranks: all gradients in one
    piece to send, and their copy. AdamW: as much again as the weights it steps (torch's `foreach`).
    Muon at stages 1 to 3: each rank holds all matrices four times, as gathered, made orthogonal,
    and twice while they are cut.

    Examples
    --------
    >>> from protgraph.language.network import Shape
    >>> shape = Shape(33, 8, layers=2, heads=2, hidden=32)
    >>> [update(shape, 0, n, muon=False) for n in (1, 2)]
    [8580.0, 17160]
    """
    entries = scaling.parameters(shape)
    sending = 2 * scaling.NUMBER * entries if stage == 0 and ranks > 1 else 0
    stepping = scaling.NUMBER * entries / (ranks if stage else 1)
    turning = 4 * scaling.NUMBER * scaling.matrices(shape) if muon and stage else 0
    return max(sending, stepping, turning)


class Memory(NamedTuple):
    """Bytes on one rank.

    Parameters
    ----------
    weights, gradients, states : float
        As `Held`.
    gathered : float
        Weights of other ranks that stage 3 may keep.
    casts : float
        Weights in bf16 that the backward pass needs.
    activations : float
        Of one micro-batch.
    update : float
        At the end of a step, when there are neither casts nor activations.
    """

    weights: float
    gradients: float
    states: float
    gathered: float
    casts: float
    activations: float
    update: float

    @property
    def peak(self) -> float:
        """What there is at one time at most."""
        return sum(self[:4]) + max(self.casts + self.activations, self.update)


def memory(work: Work, machine: Machine, stage: int, micro: int) -> Memory:
    """Memory of one rank with a micro-batch.

    Examples
    --------
    >>> from protgraph.language.shapes import shape
    >>> work = Work(shape("esm2_t36_3B_UR50D"), batch=2**21, longest=1024)
    >>> [round(x / 1e9, 1) for x in memory(work, Machine(8, 80), 3, micro=1024)]
    [1.4, 1.4, 2.8, 4.0, 5.7, 3.8, 1.4]
    """
    shape, ranks = work.shape, machine.gpus
    entries = scaling.parameters(shape)
    bytes_each = states(shape, stage, muon=work.muon)
    own = held(entries, stage, ranks, states=bytes_each, number=scaling.NUMBER)
    live = scaling.NUMBER * min(entries, LIVE) if stage >= 3 and ranks > 1 else 0.0
    each = activations(shape, recompute=work.recompute)
    ends = update(shape, stage, ranks, muon=work.muon)
    return Memory(*own, live, casts(shape), each * micro, ends)
