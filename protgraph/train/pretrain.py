"""Teaching a language model: letters are hidden and guessed from the rest of their protein."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from protgraph.language.fairesm import VOCABULARY
from protgraph.language.network import Shape
from protgraph.language.packing import Pack, pack
from protgraph.train import checkpoint
from protgraph.train.corpus import GRAIN, MASK, Corpus, Stream, hidden
from protgraph.train.engine import Engine
from protgraph.train.how import TORCH, How
from protgraph.train.loop import plain
from protgraph.train.masked import Masked, perplexity
from protgraph.train.ranks import told, world
from protgraph.train.step import begin, step

Log = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Settings:
    """How to pretrain.

    Parameters
    ----------
    width, layers, heads : int
        D, blocks, attention heads; blocks are 4 D wide inside.
    tokens : int
        To train on in all. A run that is taken up again may have another number.
    batch, micro : int
        Tokens a step and tokens a forward pass, which divides it.
    crop, crop_late : int
        Most tokens of a protein, start and stop among them; the latter while the rate falls.
    rate : float
        Learning rate, after a linear warm-up and before a linear fall to 0.
    warmup, cooldown : float
        Shares of all tokens with a rising and a falling rate.
    decay : float
        Weight decay.
    clip : float
        Largest norm of the gradient.
    muon : bool
        Matrices of the blocks learn by Muon (Jordan et al., 2024; rates as in Liu et al.,
        arXiv:2502.16982), the rest by AdamW; else all by AdamW.
    precision : {"fp32", "bf16"}
    seed : int
    device : str
    every : int
        Steps between checkpoints, each with a look at part of the validation set.
    how : How
        Which engine takes the steps; it changes no number.
    """

    width: int = 256
    layers: int = 6
    heads: int = 4
    tokens: int = 100_000_000
    batch: int = 16_384
    micro: int = 8192
    crop: int = 256
    crop_late: int = 512
    rate: float = 2e-3
    warmup: float = 0.02
    cooldown: float = 0.3
    decay: float = 0.05
    clip: float = 1.0
    muon: bool = True
    precision: str = "bf16"
    seed: int = 0
    device: str = "cpu"
    every: int = 100
    how: How = TORCH

    def __post_init__(self) -> None:
        rules = {
            "width": self.width >= 1 and self.width % max(2 * self.heads, 1) == 0,
            "layers": self.layers >= 1,
            "heads": self.heads >= 1,
            "batch": self.batch >= 1,
            "micro": self.micro >= GRAIN
            and self.batch % self.micro == 0
            and self.micro % GRAIN == 0,
            "tokens": self.tokens >= self.batch,
            "crop": GRAIN <= self.crop <= self.micro,
            "crop_late": GRAIN <= self.crop_late <= self.micro,
            "rate": self.rate > 0,
            "warmup": 0 <= self.warmup < 1,
            "cooldown": 0 <= self.cooldown <= 1 - self.warmup,
            "decay": self.decay >= 0,
            "clip": self.clip > 0,
            "precision": self.precision in ("fp32", "bf16"),
            "seed": self.seed >= 0,
            "every": self.every >= 1,
        }
        for name, holds in rules.items():
            if not holds:
                raise ValueError(f"pretrain.{name} cannot be {getattr(self, name)!r}.")

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.tokens // self.batch

    def factor(self, step: int) -> float:
        """Share of the highest learning rate at a step."""
        done = step / self.steps
        up = (step + 1) / max(1.0, self.warmup * self.steps)
        down = (1 - done) / self.cooldown if self.cooldown else 1.0
        return min(1.0, up, down)

    def longest(self, step: int) -> int:
        """Most tokens of a crop at a step."""
        return self.crop_late if step / self.steps >= 1 - self.cooldown else self.crop


def shape_of(settings: Settings) -> Shape:
    """Make the shape of ESM-2 at the width and depth of the settings."""
    width = settings.width
    return Shape(len(VOCABULARY), width, settings.layers, settings.heads, 4 * width, mask=MASK)


def pretrain(
    train: Sequence[str],
    valid: Sequence[str],
    settings: Settings,
    *,
    folder: Path,
    log: Log | None = None,
) -> Masked:
    """Train a masked language model, or go on with the one whose checkpoint is in a folder.

    Parameters
    ----------
    train, valid : sequence of str
        Letters A to Z.
    settings : Settings
    folder : path
        Keeps the last checkpoint; a run that is taken up again ends with the weights it would
        have had without the break, whichever engine and however many ranks wrote it.
    log : callable, optional
        Called with the step and the numbers of the steps since the last call, on rank 0.

    Returns
    -------
    model : Masked
        In evaluation mode.

    Raises
    ------
    FloatingPointError
        Where the loss or its gradient is not finite.
    ValueError
        Where no protein is long enough, the checkpoint is damaged or of other settings, or the
        forward passes of a step cannot be dealt equally to the ranks.
    """
    passes = settings.batch // settings.micro
    if passes % world().ranks:
        raise ValueError(
            f"{world().ranks} ranks cannot take equally many of the {passes} passes of a step "
            "(pretrain.batch / pretrain.micro)."
        )
    state = _State(settings, Stream(Corpus(train), settings.seed))
    state.resume(folder)
    engine = begin(
        state.model, state.optimizers, how=settings.how, clip=settings.clip,
        accumulate=passes // world().ranks,
    )  # fmt: skip
    some, bf16 = Corpus(valid[:: max(1, len(valid) // 256)]), settings.precision == "bf16"
    last, total, began = state.step, 0.0, time.perf_counter()
    while state.step < settings.steps:
        total += state.take(engine)
        at_mark = state.step % settings.every == 0
        if at_mark or state.step == settings.steps:
            since = state.step - last
            seconds = time.perf_counter() - began
            height, _ = engine.measure(lambda: perplexity(state.model, some, bf16=bf16))
            state.save(folder, engine)
            if log is not None and not world().rank:
                speed = since * settings.batch / seconds
                log(
                    state.step,
                    {"loss": total / since, "perplexity": height, "tokens_per_second": speed},
                )
            last, total, began = state.step, 0.0, time.perf_counter()
    engine.finish(engine.weights())
    return state.model


class _Text(NamedTuple):
    """A pack with letters hidden, the places to be guessed, and what stands there."""

    packed: Pack
    rows: Tensor
    truth: Tensor


class _State:
    """All that changes while training."""

    def __init__(self, settings: Settings, stream: Stream) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.stream, self.step = settings, stream, 0
        self.model = Masked(shape_of(settings)).to(settings.device)
        self.optimizers = _optimizers(self.model, settings)

    def take(self, engine: Engine) -> float:
        """Take one step; return the mean loss of a chosen letter."""
        settings = self.settings
        self.model.train()
        taken = step(engine, self._loss, self._texts(), settings.rate * settings.factor(self.step))
        if not taken.finite:
            raise FloatingPointError(
                f"The loss of step {self.step} is {taken.total} with a gradient of {taken.norm}; "
                f"a smaller pretrain.rate than {settings.rate} may cure it."
            )
        self.step += 1
        return taken.total / taken.items

    def _texts(self) -> list[_Text]:
        """Draw the text of a step: of all of it that of this rank, whoever else there is."""
        settings = self.settings
        generator = np.random.default_rng([settings.seed, 1, self.step])
        longest = settings.longest(self.step)
        packs = [
            pack(self.stream.crops(settings.micro, longest, generator))
            for _ in range(settings.batch // settings.micro)
        ]
        texts = []
        for packed in packs:
            ids = packed.ids.numpy()
            shown, rows = map(torch.from_numpy, hidden(ids, generator))
            texts.append(_Text(packed._replace(ids=shown), rows, packed.ids[rows]))
        rank, ranks = world()
        return texts[rank::ranks]

    def _loss(self, text: _Text) -> tuple[Tensor, int]:
        device = torch.device(self.settings.device)
        bf16 = self.settings.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            scores = self.model(text.packed.to(device), text.rows.to(device))
        truth = text.truth.to(device)
        return F.cross_entropy(scores.float(), truth, reduction="sum"), len(text.rows)

    def save(self, folder: Path, engine: Engine) -> None:
        state = {
            "settings": plain(self.settings),
            "model": engine.weights(),
            "optimizers": engine.state(),
            "step": self.step,
            "drawn": self.stream.drawn,
        }
        if not world().rank:
            checkpoint.write(folder, state)

    def resume(self, folder: Path) -> None:
        stored = told(None if world().rank else checkpoint.read(folder))
        if stored is None:
            return
        path, settings = folder / checkpoint.CHECKPOINT, stored["settings"]
        free = ("tokens", "every", "device")
        own = plain(self.settings)
        other = {k: v for k, v in settings.items() if k not in free and v != own[k]}
        if other:
            raise ValueError(f"{path}: a checkpoint of other settings, {other}.")
        self.model.load_state_dict(stored["model"])
        for optimizer, state in zip(self.optimizers, stored["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.stream.drawn = stored["step"], stored["drawn"]


def _optimizers(model: Masked, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for all else; vectors are not decayed."""
    inner = [w for w in model.network.blocks.parameters() if w.ndim == 2]
    ids = {id(w) for w in inner}
    rest = [w for w in model.parameters() if id(w) not in ids]
    decay = settings.decay
    parts = [
        {"params": [w for w in rest if w.ndim == 2], "weight_decay": decay},
        {"params": [w for w in rest if w.ndim == 1], "weight_decay": 0.0},
    ]
    if settings.muon:
        muon = torch.optim.Muon(
            inner, lr=settings.rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"
        )
        adam = torch.optim.AdamW(parts, lr=settings.rate, betas=(0.9, 0.98))
        return [muon, adam]
    parts.append({"params": inner, "weight_decay": decay})
    return [torch.optim.AdamW(parts, lr=settings.rate, betas=(0.9, 0.98))]
