"""Which engine trains, and what it may be told: keys of a recipe that change no number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINES = ("torch", "deepspeed")


@dataclass(frozen=True)
class How:
    """The engine of a recipe.

    Parameters
    ----------
    engine : {"torch", "deepspeed"}
    zero : int
        What DeepSpeed cuts over the ranks: 0 nothing, 1 what the optimizer remembers, 2 gradients
        too, 3 weights too (Rajbhandari et al., SC 2020).
    offload : bool
        What the optimizer remembers lies in the memory of the CPU.
    recompute : bool
        Activations inside layers are computed again in the backward pass instead of kept.
    deepspeed : str
        A DeepSpeed JSON of your own, which is merged with what the recipe says.

    Raises
    ------
    ValueError
        Where one of them cannot be, or says something of DeepSpeed to torch.

    Examples
    --------
    >>> How("torch", zero=2)
    Traceback (most recent call last):
    ValueError: zero is of engine=deepspeed, got 2 with engine=torch.
    """

    engine: str = "torch"
    zero: int = 0
    offload: bool = False
    recompute: bool = False
    deepspeed: str = ""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(f"engine is one of {', '.join(ENGINES)}, got {self.engine!r}.")
        if self.zero not in range(4):
            raise ValueError(f"zero is 0, 1, 2 or 3, got {self.zero!r}.")
        for key in ("zero", "offload", "deepspeed"):
            if getattr(self, key) and self.engine != "deepspeed":
                value = getattr(self, key)
                raise ValueError(f"{key} is of engine=deepspeed, got {value} with engine=torch.")
        if self.offload and not self.zero:
            raise ValueError("offload needs zero=1, 2 or 3, got 0.")


TORCH = How()
"""Plain torch, as it is without a word about it."""

_SAID = {
    "train_batch_size": "data.batch or pretrain.batch",
    "gradient_accumulation_steps": "train.accumulate or pretrain.micro",
    "gradient_clipping": "train.clip or pretrain.clip",
    "zero_optimization.stage": "zero",
    "zero_optimization.offload_optimizer.device": "offload",
    "bf16.enabled": "train.precision or pretrain.precision (computes in bf16, keeps fp32 weights)",
    "fp16.enabled": "train.precision or pretrain.precision",
    "torch_autocast.enabled": "train.precision or pretrain.precision",
    "optimizer": "the task",
    "scheduler": "train.warmup or pretrain.warmup",
}
"""Entry of a DeepSpeed JSON -> the key of the recipe that decides it."""


def merged(how: How, *, clip: float, accumulate: int) -> dict[str, Any]:
    """DeepSpeed's settings: what the recipe decides, and around it what the user's JSON adds.

    Parameters
    ----------
    how : How
    clip : float
    accumulate : int

    Raises
    ------
    ValueError, FileNotFoundError
        Where the JSON cannot be read, or contradicts the recipe; "auto" contradicts nothing.

    Examples
    --------
    >>> merged(How("deepspeed", 2), clip=1.0, accumulate=4)["zero_optimization"]["stage"]
    2
    """
    ours: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": accumulate,
        "gradient_clipping": clip,
        "zero_optimization": {
            "stage": how.zero,
            "offload_optimizer": {"device": "cpu" if how.offload else "none"},
            # One flat piece a group of weights, however large: `shards` counts on it.
            "sub_group_size": 10**15,
        },
        # Ours, so that CPUAdam, which takes minutes to compile, is never asked for.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": False},
        "fp16": {"enabled": False},
    }
    if not how.deepspeed:
        return ours
    path = Path(how.deepspeed)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such DeepSpeed JSON.")
    try:
        own = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(own, dict):
        raise ValueError(f"{path}: a DeepSpeed JSON is an object, got {own!r}.")
    decided = dict(_leaves(ours)) | {"torch_autocast.enabled": False}
    for entry, value in _leaves(own):
        head = next((one for one in (entry, entry.partition(".")[0]) if one in _SAID), None)
        if value == "auto" or (head is None and decided.get(entry, value) == value):
            continue
        if head is None or decided.get(entry) != value:
            said = _SAID.get(head or "", "protgraph")
            raise ValueError(
                f"{path}: {entry} is {value!r}, but {said} decides it: {decided.get(entry)!r}."
            )
    return _over(own, ours)


def _leaves(entries: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in entries.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{head}{key}.")
        else:
            yield f"{head}{key}", value


def _over(own: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Ours over the user's, level by level."""
    both = {**own, **ours}
    for key in own.keys() & ours.keys():
        if isinstance(own[key], dict) and isinstance(ours[key], dict):
            both[key] = _over(own[key], ours[key])
    return both
