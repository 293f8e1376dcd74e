"""Baselines as models of a recipe: what a network has to beat, trained in seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from protgraph.data.dataset import Dataset, Example
from protgraph.language.stored import recalled
from protgraph.models import baseline
from protgraph.models import linear as fits
from protgraph.predict import spread
from protgraph.recipe import Recipe
from protgraph.running import linear
from protgraph.running.learned import Learned
from protgraph.structure.protein import Floats
from protgraph.tasks.task import Task


def _boosting(structure: bool) -> Callable[[Recipe, Task, Dataset], Learned]:
    def make(recipe: Recipe, task: Task, data: Dataset) -> Learned:
        linear.asked(recipe, task, "residue")
        train = data.side("train")

        def features(examples: Sequence[Example]) -> list[Floats]:
            side = recipe["graph.side"]
            return [
                baseline.site_features(e.protein, structure=structure, side=side) for e in examples
            ]

        x = np.concatenate(features(train))
        y = np.concatenate([e.y[e.protein.index] for e in train])
        fitted = []
        for column in range(y.shape[1]):
            known = ~np.isnan(y[:, column])
            truth = y[known, column].astype(np.int64)
            fitted.append(baseline.boosting(x[known], truth, seed=recipe["seed"]))

        def score(examples: Sequence[Example]) -> list[Floats]:
            return [
                spread(
                    e.protein,
                    e.protein.index,
                    np.stack([m.predict_proba(own)[:, 1] for m in fitted], axis=1),
                )
                for e, own in zip(examples, features(examples), strict=True)
            ]

        return Learned(score, None, None, 0)

    return make


def _prior(_: Recipe, task: Task, data: Dataset) -> Learned:
    """Say the same of every item: how often each output is true in training, or its mean."""
    train = data.side("train")
    y = np.concatenate([np.atleast_2d(e.y) for e in train])
    if task.exclusive:
        known = y[~np.isnan(y[:, 0]), 0].astype(np.int64)
        share = np.bincount(known, minlength=len(task.outputs)) / len(known)
    else:
        share = np.nanmean(y, axis=0)
    said: Floats = share.astype(np.float32)

    def score(examples: Sequence[Example]) -> list[Floats]:
        if task.level == "protein":
            return [said for _ in examples]
        return [np.tile(said, (len(e.protein), 1)) for e in examples]

    return Learned(score, None, None, 0)


def _neighbour(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Let the nearest training proteins vote: by their words, or by their mean vectors."""
    linear.asked(recipe, task, "protein")
    name, layer = recipe["vectors.encoder"], recipe["vectors.layer"]

    def places(examples: Sequence[Example]) -> sparse.csr_matrix:
        if not name:
            return fits.shares(fits.kmers(linear.letters(examples)))
        vectors = recalled(name, layer=layer).encode(linear.letters(examples))
        return fits.shares(sparse.csr_matrix(np.stack([own.mean(axis=0) for own in vectors])))

    train = data.side("train")
    known, y = places(train), linear.labels(train)
    if task.exclusive:
        y = np.eye(len(task.outputs), dtype=np.float32)[y[:, 0].astype(np.int64)]

    def score(examples: Sequence[Example]) -> list[Floats]:
        return list(fits.neighbours(places(examples), known, y))

    return Learned(score, None, None, 0)


def fused(recipe: Recipe, task: Task, data: Dataset, own: Learned) -> Learned:
    """Mix a model's scores with its nearest training proteins' votes; validation says how much.

    Parameters
    ----------
    recipe : Recipe
        `vectors.encoder` says by which vectors proteins are near, words of letters if empty.
    task : Task
        Of proteins.
    data : Dataset
    own : Learned

    Returns
    -------
    learned : Learned
        (1 - w) times the model and w times the votes, w of 0, .05, ..., 1. It has no model to
        save: its votes need the training set.
    """
    near = _neighbour(recipe, task, data)
    valid = data.side("valid")
    y = linear.labels(valid)
    mine, theirs = np.stack(own.score(valid)), np.stack(near.score(valid))

    def height(weight: float) -> float:
        return task.measure(y, (1 - weight) * mine + weight * theirs)[task.monitor]

    best = max(np.linspace(0.0, 1.0, 21).tolist(), key=height)

    def score(examples: Sequence[Example]) -> list[Floats]:
        pairs = zip(own.score(examples), near.score(examples), strict=True)
        return [((1 - best) * a + best * b).astype(np.float32) for a, b in pairs]

    return Learned(score, None, own.history, own.parameters)


def _fused_words(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    return fused(recipe, task, data, linear.kmers(recipe, task, data))


BASELINES: dict[str, Callable[[Recipe, Task, Dataset], Learned]] = {
    "prior": _prior,
    "composition-linear": linear.composition,
    "kmer-linear": linear.kmers,
    "kmer-neighbour": _neighbour,
    "kmer-fused": _fused_words,
    "onehot-ridge": linear.positions,
    "window-linear": linear.window,
    "vectors-linear": linear.vectors,
    "window-boosting": _boosting(structure=False),
    "shells-boosting": _boosting(structure=True),
}
"""Values of `model.encoder` that are no networks."""
