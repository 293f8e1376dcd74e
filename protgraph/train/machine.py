"""What is to be trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protgraph.language.network import Shape


@dataclass(frozen=True)
class Machine:
    """GPUs and what joins them.

    Parameters
    ----------
    gpus : int
        In all: the ranks.
    memory : float
        Of one, in GB (10⁹ bytes).
    node : int
        GPUs that NVLink joins.
    peak : float
        Of one in bf16, in TFLOP/s. The default is an H100 SXM without sparsity (NVIDIA data sheet;
        A100: 312).
    utilisation : float
        Share of `peak` that products reach in a step, all else included.
    inside, across : float
        GB/s that a ring moves a GPU and direction, within a node and between nodes. The defaults
        are 80 % of what an H100 SXM has: 450 by NVLink 4, 50 by one 400 Gb/s InfiniBand port a GPU.
    overlap : float
        Share of the passes beside which messages can go that does hide them. The engines do not
        compute while they send, so the default is none; DeepSpeed hides some at stage 3.
    reserve : float
        Share of the memory left to CUDA, message buffers and fragments.

    Raises
    ------
    ValueError
        Where a number is out of its range, or nodes would not be full.
    """

    gpus: int
    memory: float
    node: int = 8
    peak: float = 989.0
    utilisation: float = 0.4
    inside: float = 360.0
    across: float = 40.0
    overlap: float = 0.0
    reserve: float = 0.1

    def __post_init__(self) -> None:
        full = self.gpus <= self.node or self.gpus % max(self.node, 1) == 0
        rules = {
            "node": self.node >= 1,
            "gpus": self.gpus >= 1 and full,
            "memory": self.memory > 0,
            "peak": self.peak > 0,
            "utilisation": 0 < self.utilisation <= 1,
            "inside": self.inside > 0,
            "across": self.across > 0,
            "overlap": 0 <= self.overlap <= 1,
            "reserve": 0 <= self.reserve < 1,
        }
        for name, holds in rules.items():
            if not holds:
                nodes = f" with nodes of {self.node}" if name == "gpus" else ""
                raise ValueError(f"A machine's {name} cannot be {getattr(self, name)!r}{nodes}.")

    @property
    def room(self) -> float:
        """Bytes of one GPU that may be filled."""
        return self.memory * 1e9 * (1 - self.reserve)

    @property
    def bandwidth(self) -> float:
        """Bytes a second that a ring over all GPUs moves: its slowest link."""
        within = self.gpus <= self.node
        return 1e9 * (self.inside if within else min(self.inside, self.across))


@dataclass(frozen=True)
class Work:
    """What is to be trained.

    Parameters
    ----------
    shape : Shape
    batch : int
        Tokens a step, of all ranks.
    longest : int
        Tokens of the longest crop: it is in one micro-batch whole, and attention is counted as if
        all were so long.
    muon : bool
        Matrices of the blocks learn by Muon, the rest by AdamW; else all by AdamW.
    recompute : bool
        Activation checkpointing.
    """

    shape: Shape
    batch: int
    longest: int
    muon: bool = False
    recompute: bool = False

    def __post_init__(self) -> None:
        for name in ("batch", "longest"):
            if getattr(self, name) < 1:
                raise ValueError(f"A step's {name} is 1 token or more, got {getattr(self, name)}.")
