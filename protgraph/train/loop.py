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
from protgraph.train.engine import Engine, Loss
from protgraph.train.how import TORCH, How
from protgraph.train.ranks import told, world
from protgraph.train.step import Step, begin, step

Batch = Any
Log = Callable[[int, Mapping[str, float]], None]


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
    how : How
        Which engine takes the steps; it changes no number.
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
    how: How = TORCH

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

    def factor(self, step: int, steps: int) -> float:
        """Share of the highest learning rate at a step of so many."""
        warm = max(1, round(self.warmup * steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm))))


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
        Epoch (from 0) -> its batches; the same ones each time it is asked for that epoch. Of
        several ranks each has its own, and all equally many.
    loss : callable
        Batch -> sum of the loss over its labelled items, and their number. A step divides by the
        number of all its batches on all ranks, so how a step is cut into batches and over ranks
        does not change the gradient.
        A step without a labelled item is not taken: weights, momentum and rate stay.
    evaluate : callable
        Called after each epoch on the model in evaluation mode -> the number to watch, larger
        being better, and all numbers of that epoch. Every rank calls it; rank 0 decides.
    settings : Settings
    folder : path, optional
        Keeps a checkpoint of the last epoch; where one is found training goes on from it and
        ends with the numbers it would have had without the break, whichever engine and however
        many ranks wrote it. Rank 0 alone reads and writes.
    log : callable, optional
        Called with the epoch and its numbers, on rank 0.

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
    steps = settings.epochs * math.ceil(len(batches(0)) / settings.accumulate)
    state = _State(settings, steps)
    if folder is not None:
        state.resume(folder, model, optimizer)
    engine = begin(
        model, [optimizer], how=settings.how, clip=settings.clip, accumulate=settings.accumulate
    )
    while not state.over:
        epoch = len(state.rows)
        # Seeded by epoch, so that a resumed run draws what an unbroken one would have drawn; ranks
        # drop out different units.
        torch.manual_seed(settings.seed * 100_003 + epoch + (world().rank << 40))
        began = time.perf_counter()
        model.train()
        total = _epoch(state, engine, batches(epoch), loss)
        height, numbers = told(engine.measure(evaluate))
        if math.isnan(height):
            raise FloatingPointError(f"The number to watch is NaN after epoch {epoch}.")
        row = {"loss": total, **numbers, "seconds": told(time.perf_counter() - began)}
        # Plain floats, since a checkpoint is read back without unpickling anything else.
        state.keep({key: float(value) for key, value in row.items()}, float(height), engine)
        if folder is not None:
            state.save(folder, engine)
        if log is not None and not world().rank:
            log(epoch, state.rows[-1])
    engine.finish(state.kept)
    return History(tuple(state.rows), state.best)


def _epoch(state: _State, engine: Engine, batches: Sequence[Batch], loss: Loss) -> float:
    """Take every step of one epoch; return the mean loss of a labelled item."""
    settings, epoch = state.settings, len(state.rows)
    total, items = 0.0, 0
    for start in range(0, len(batches), settings.accumulate):
        rate = settings.rate * settings.factor(state.taken, state.steps)
        own = batches[start : start + settings.accumulate]
        taken = step(engine, _cast(loss, settings), own, rate)
        _check(taken, epoch, settings)
        state.taken += bool(taken.items)
        total += taken.total
        items += taken.items
    if not items:
        raise ValueError(f"An epoch needs a labelled item, but epoch {epoch} has none.")
    return total / items


def _cast(loss: Loss, settings: Settings) -> Loss:
    def cast(batch: Batch) -> tuple[Tensor, int]:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            return loss(batch)

    return cast


def _check(taken: Step, epoch: int, settings: Settings) -> None:
    if not taken.finite:
        raise FloatingPointError(
            f"The loss of epoch {epoch} is {taken.total} with a gradient of {taken.norm}; "
            f"a smaller train.rate than {settings.rate} may cure it."
        )


def plain(settings: Any) -> dict[str, Any]:
    """Settings as a checkpoint keeps them: without the engine, which changes no number."""
    kept: dict[str, Any] = asdict(settings)
    del kept["how"]
    return kept


class _State:
    """All that changes while training besides the model, so that a checkpoint is complete."""

    def __init__(self, settings: Settings, steps: int) -> None:
        self.settings, self.steps, self.taken = settings, steps, 0
        self.rows: list[dict[str, float]] = []
        self.best, self.height = -1, -math.inf
        self.kept: dict[str, Tensor] = {}

    @property
    def over(self) -> bool:
        epochs = len(self.rows)
        return epochs >= self.settings.epochs or (
            self.best >= 0 and epochs - 1 - self.best >= self.settings.patience
        )

    def keep(self, row: dict[str, float], height: float, engine: Engine) -> None:
        if height > self.height or self.best < 0:
            self.best, self.height = len(self.rows), height
            self.kept = {k: v.detach().clone() for k, v in engine.weights().items()}
        self.rows.append(row)

    def save(self, folder: Path, engine: Engine) -> None:
        state = {
            "settings": plain(self.settings),
            "model": engine.weights(),
            "optimizer": engine.state()[0],
            "schedule": {"last_epoch": self.taken},
            "rows": self.rows,
            "best": self.best,
            "height": self.height,
            "kept": self.kept,
        }
        if not world().rank:
            checkpoint.write(folder, state)

    def resume(self, folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        stored = told(None if world().rank else checkpoint.read(folder))
        if stored is None:
            return
        path, settings = folder / checkpoint.CHECKPOINT, stored["settings"]
        if settings != plain(self.settings):
            raise ValueError(f"{path}: a checkpoint of other settings, {settings}.")
        try:
            model.load_state_dict(stored["model"])
            optimizer.load_state_dict(stored["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path}: a checkpoint of another model.") from error
        self.taken = stored["schedule"]["last_epoch"]
        self.rows, self.best, self.height = stored["rows"], stored["best"], stored["height"]
        self.kept = stored["kept"]
