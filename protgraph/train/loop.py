"""Learning: epochs over batches, a loss that is a sum over labelled items, the best epoch kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from protgraph.train import checkpoint

Batch = Any
Log = Callable[[int, Mapping[str, float]], None]
Loss = Callable[[Batch], tuple[Tensor, int]]


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        At most so many.
    patience : int
        Epochs without a better monitor before training stops.
    rate : float
        Highest learning rate, after a linear warm-up and before a cosine decay to 0.
    warmup : float
        Share of all steps.
    decay : float
        Weight decay (AdamW: Loshchilov & Hutter, ICLR 2019).
    clip : float
        Largest norm of the gradient.
    accumulate : int
        Batches a step.
    precision : {"fp32", "bf16"}
        bf16 computes matrix products in bfloat16 and keeps weights in fp32.
    seed : int
    """

    epochs: int = 40
    patience: int = 10
    rate: float = 2e-3
    warmup: float = 0.1
    decay: float = 0.01
    clip: float = 1.0
    accumulate: int = 1
    precision: str = "bf16"
    seed: int = 0

    def __post_init__(self) -> None:
        rules = {
            "epochs": self.epochs >= 1,
            "patience": self.patience >= 1,
            "rate": self.rate > 0,
            "warmup": 0 <= self.warmup < 1,
            "decay": self.decay >= 0,
            "clip": self.clip > 0,
            "accumulate": self.accumulate >= 1,
            "precision": self.precision in ("fp32", "bf16"),
            "seed": self.seed >= 0,
        }
        for name, holds in rules.items():
            if not holds:
                raise ValueError(f"train.{name} cannot be {getattr(self, name)!r}.")


@dataclass(frozen=True)
class History:
    """What training went through: one row an epoch, and which epoch was kept."""

    rows: tuple[Mapping[str, float], ...]
    best: int


def fit(
    model: nn.Module,
    batches: Callable[[int], Sequence[Batch]],
    *,
    loss: Loss,
    evaluate: Callable[[], tuple[float, Mapping[str, float]]],
    settings: Settings,
    folder: Path | None = None,
    log: Log | None = None,
) -> History:
    """Train a model in place and leave it, in evaluation mode, at its best epoch.

    Parameters
    ----------
    model : Module
    batches : callable
        Epoch (from 0) -> its batches; the same ones each time it is asked for that epoch.
    loss : callable
        Batch -> sum of the loss over its labelled items, and their number. A step divides by the
        number of all its batches, so how a step is cut into batches does not change the gradient.
        A step without a labelled item is not taken: weights, momentum and rate stay.
    evaluate : callable
        Called after each epoch on the model in evaluation mode -> the number to watch, larger
        being better, and all numbers of that epoch.
    settings : Settings
    folder : path, optional
        Keeps a checkpoint of the last epoch; where one is found training goes on from it and
        ends with the numbers it would have had without the break.
    log : callable, optional
        Called with the epoch and its numbers.

    Returns
    -------
    history : History

    Raises
    ------
    FloatingPointError
        Where the loss or its gradient is not finite, or the number to watch is NaN.
    ValueError
        Where an epoch has no labelled item, or a checkpoint is damaged or of another run.
    """
    torch.manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.decay)
    per_epoch = math.ceil(len(batches(0)) / settings.accumulate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _warm_then_decay(settings, settings.epochs * per_epoch)
    )
    state = _State(model, optimizer, schedule, settings)
    if folder is not None:
        state.resume(folder)
    while not state.over:
        epoch = len(state.rows)
        # Seeded by epoch, so that a resumed run draws what an unbroken one would have drawn.
        torch.manual_seed(settings.seed * 100_003 + epoch)
        began = time.perf_counter()
        total = _epoch(state, batches(epoch), loss)
        model.eval()
        with torch.inference_mode():
            height, numbers = evaluate()
        if math.isnan(height):
            raise FloatingPointError(f"The number to watch is NaN after epoch {epoch}.")
        row = {"loss": total, **numbers, "seconds": time.perf_counter() - began}
        # Plain floats, since a checkpoint is read back without unpickling anything else.
        state.keep({key: float(value) for key, value in row.items()}, float(height))
        if folder is not None:
            state.save(folder)
        if log is not None:
            log(epoch, state.rows[-1])
    model.load_state_dict(state.kept)
    model.eval()
    return History(tuple(state.rows), state.best)


def _warm_then_decay(settings: Settings, steps: int) -> Callable[[int], float]:
    warm = max(1, round(settings.warmup * steps))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm))))

    return factor


def _epoch(state: _State, batches: Sequence[Batch], loss: Loss) -> float:
    """Take every step of one epoch; return the mean loss of a labelled item."""
    state.model.train()
    total, items = 0.0, 0
    for start in range(0, len(batches), state.settings.accumulate):
        value, count = _step(state, batches[start : start + state.settings.accumulate], loss)
        total += value
        items += count
    if not items:
        raise ValueError(f"An epoch needs a labelled item, but epoch {len(state.rows)} has none.")
    return total / items


def _step(state: _State, batches: Sequence[Batch], loss: Loss) -> tuple[float, int]:
    """Take one step; return the sum of the loss and the number of labelled items."""
    settings, parameters = state.settings, list(state.model.parameters())
    state.optimizer.zero_grad()
    total, count = 0.0, 0
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            value, labelled = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
        total += float(value.detach())
        count += labelled
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad /= max(1, count)
    norm = float(nn.utils.clip_grad_norm_(parameters, settings.clip))
    if not math.isfinite(total) or not math.isfinite(norm):
        raise FloatingPointError(
            f"The loss of epoch {len(state.rows)} is {total} with a gradient of {norm}; "
            f"a smaller train.rate than {settings.rate} may cure it."
        )
    # Without a labelled item AdamW would still decay the weights and follow its momentum.
    if count:
        state.optimizer.step()
        state.schedule.step()
    return total, count


class _State:
    """All that changes while training, so that a checkpoint is this and nothing else."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LambdaLR,
        settings: Settings,
    ) -> None:
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.settings = settings
        self.rows: list[dict[str, float]] = []
        self.best, self.height = -1, -math.inf
        self.kept: dict[str, Tensor] = {}

    @property
    def over(self) -> bool:
        epochs = len(self.rows)
        return epochs >= self.settings.epochs or (
            self.best >= 0 and epochs - 1 - self.best >= self.settings.patience
        )

    def keep(self, row: dict[str, float], height: float) -> None:
        if height > self.height or self.best < 0:
            self.best, self.height = len(self.rows), height
            self.kept = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.rows.append(row)

    def save(self, folder: Path) -> None:
        state = {
            "settings": asdict(self.settings),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rows": self.rows,
            "best": self.best,
            "height": self.height,
            "kept": self.kept,
        }
        checkpoint.write(folder, state)

    def resume(self, folder: Path) -> None:
        stored = checkpoint.read(folder)
        if stored is None:
            return
        path, settings = folder / checkpoint.CHECKPOINT, stored["settings"]
        if settings != asdict(self.settings):
            raise ValueError(f"{path}: a checkpoint of other settings, {settings}.")
        try:
            self.model.load_state_dict(stored["model"])
            self.optimizer.load_state_dict(stored["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path}: a checkpoint of another model.") from error
        self.schedule.load_state_dict(stored["schedule"])
        self.rows, self.best, self.height = stored["rows"], stored["best"], stored["height"]
        self.kept = stored["kept"]
