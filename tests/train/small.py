"""A small network and its task, for the tests of this room."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from protgraph.train.loop import Settings, fit

PLAIN = {"epochs": 4, "rate": 0.05, "warmup": 0.0, "precision": "fp32"}


def network(dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


def items(count, seed, labelled=None):
    """Items [n, 3] with labels [n], NaN from `labelled` on."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=generator)
    y = (x.sum(dim=1) > 0).float()
    y[count if labelled is None else labelled :] = math.nan
    return x, y


def joined(*batches):
    return tuple(torch.cat(part) for part in zip(*batches, strict=True))


def loss_of(model):
    def loss(batch):
        x, y = batch
        known = ~y.isnan()
        said = model(x)[:, 0].float()
        value = functional.binary_cross_entropy_with_logits(
            said[known], y[known], reduction="sum"
        )  # fmt: skip
        return value, int(known.sum())

    return loss


def watch(model):
    """Share of right answers on items of its own."""
    x, y = items(64, seed=99)

    def evaluate():
        share = ((model(x)[:, 0] > 0).float() == y).float().mean()
        return float(share), {"accuracy": float(share)}

    return evaluate


def trained(model, batches, folder=None, evaluate=None, log=None, **settings):
    """Train on the same batches every epoch, or on those a function gives."""
    return fit(
        model,
        batches if callable(batches) else lambda _: batches,
        loss=loss_of(model),
        evaluate=evaluate or watch(model),
        settings=Settings(**{**PLAIN, **settings}),
        folder=folder,
        log=log,
    )


def weights(model):
    return torch.cat([p.detach().ravel() for p in model.parameters()])


def numbers(history):
    """Rows without the column that a clock wrote."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
