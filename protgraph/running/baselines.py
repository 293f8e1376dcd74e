"""Baselines as models of a recipe: what a network has to beat, trained in seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from protgraph.data.dataset import Dataset, Example
from protgraph.insight.probe import linear as linear_probe
from protgraph.language.stored import pooled, recalled
from protgraph.models import baseline, linear
from protgraph.predict import spread
from protgraph.recipe import Recipe
from protgraph.running.learned import Learned, balance
from protgraph.structure.protein import Floats
from protgraph.tasks.task import Task

PROTEINS = 1500
"""Proteins that a linear probe of residues sees at most; a fifth of it chooses the penalty."""

Features = Callable[[Sequence[Example]], sparse.csr_matrix]


def _letters(examples: Sequence[Example]) -> list[str]:
    return [e.protein.sequence for e in examples]


def _labels(examples: Sequence[Example]) -> Floats:
    return np.stack([e.y for e in examples])


def _of(recipe: Recipe, task: Task, level: str) -> None:
    """Refuse a task of another level."""
    if task.level != level:
        raise ValueError(f"{recipe['model.encoder']} scores a {level}, {task.name} a {task.level}.")


def _boosting(structure: bool) -> Callable[[Recipe, Task, Dataset], Learned]:
    def make(recipe: Recipe, task: Task, data: Dataset) -> Learned:
        _of(recipe, task, "residue")
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


Rows = Callable[[Sequence[Example]], list[Floats]]


def _window(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at a window of letters."""

    def rows(examples: Sequence[Example]) -> list[Floats]:
        return [baseline.window(e.protein, at=np.arange(len(e.protein))) for e in examples]

    return _softmax(recipe, task, data, rows)


def _vectors(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at language-model vectors, frozen: of residues, or their mean of proteins."""
    name, layer = recipe["vectors.encoder"], recipe["vectors.layer"]
    if not name:
        raise ValueError("vectors-linear needs a vectors.encoder, such as mini, got ''.")
    if task.level == "protein":

        def means(examples: Sequence[Example]) -> sparse.csr_matrix:
            return sparse.csr_matrix(pooled(name, _letters(examples), layer=layer))

        return _fitted(recipe, task, data, means, scaled=True)
    language = recalled(name, layer=layer)
    return _softmax(recipe, task, data, lambda examples: language.encode(_letters(examples)))


def _softmax(recipe: Recipe, task: Task, data: Dataset, rows: Rows) -> Learned:
    """Fit a linear probe of residues; at most `PROTEINS` proteins, drawn by the seed."""
    _of(recipe, task, "residue")
    if not task.exclusive:
        kind = recipe["model.encoder"]
        raise ValueError(f"{kind} tells classes apart; {task.name} has none.")
    generator = np.random.default_rng(recipe["seed"])

    def side(name: str, count: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        own = data.side(name)
        drawn = generator.permutation(len(own))[:count]
        examples = [own[i] for i in sorted(drawn)]
        known = [~np.isnan(e.y[:, 0]) for e in examples]
        x = np.concatenate([x[at] for x, at in zip(rows(examples), known, strict=True)])
        y = np.concatenate([e.y[at, 0] for e, at in zip(examples, known, strict=True)])
        return x, y.astype(np.int64)

    classes = len(task.outputs)
    probe = linear_probe(side("train", PROTEINS), side("valid", PROTEINS // 5), classes=classes)

    def score(examples: Sequence[Example]) -> list[Floats]:
        return [
            spread(e.protein, e.items, probe.scores(x[e.items]))
            for e, x in zip(examples, rows(examples), strict=True)
        ]

    return Learned(score, None, None, probe.weight.size)


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


def _composition(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    _of(recipe, task, "protein")

    def features(examples: Sequence[Example]) -> sparse.csr_matrix:
        return sparse.csr_matrix(np.stack([baseline.composition(e.protein) for e in examples]))

    return _fitted(recipe, task, data, features, scaled=True)


def _kmers(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    _of(recipe, task, "protein")

    def features(examples: Sequence[Example]) -> sparse.csr_matrix:
        counts = linear.kmers(_letters(examples))
        return counts if task.value else linear.shares(counts)

    return _fitted(recipe, task, data, features)


def _positions(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    _of(recipe, task, "protein")
    longest = max(len(e.protein) for e in data.examples)
    kept = linear.varying(linear.one_hot(_letters(data.side("train")), longest))

    def features(examples: Sequence[Example]) -> sparse.csr_matrix:
        return linear.one_hot(_letters(examples), longest)[:, kept]

    return _fitted(recipe, task, data, features)


def _fitted(
    recipe: Recipe, task: Task, data: Dataset, features: Features, *, scaled: bool = False
) -> Learned:
    """Logistic regression of classes; ridge of quantities and of outputs that stand alone."""
    train, valid = data.side("train"), data.side("valid")
    x, y = features(train), _labels(train)
    if task.exclusive:
        weight = balance(task, y, recipe["train.balance"])
        rarity = None if weight is None else weight.tolist()
        classes = linear.logistic(x, y[:, 0].astype(np.int64), weight=rarity, scaled=scaled)

        def said(asked: sparse.csr_matrix) -> Floats:
            full = np.zeros((asked.shape[0], len(task.outputs)), dtype=np.float32)
            full[:, classes.classes_] = classes.predict_proba(asked)
            return full

        size = classes[-1].coef_.size
    else:
        measure = task.metrics[task.monitor]
        one = slice(None) if y.shape[1] > 1 else 0
        numbers = linear.ridge((x, y[:, one]), (features(valid), _labels(valid)[:, one]), measure)

        def said(asked: sparse.csr_matrix) -> Floats:
            predicted: Floats = numbers.predict(asked).reshape(asked.shape[0], -1)
            return predicted if task.value else predicted.clip(0.0, 1.0)

        size = numbers.coef_.size

    return Learned(lambda examples: list(said(features(examples))), None, None, int(size))


def _neighbour(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Let the nearest training proteins vote: by their words, or by their mean vectors."""
    _of(recipe, task, "protein")
    name, layer = recipe["vectors.encoder"], recipe["vectors.layer"]

    def places(examples: Sequence[Example]) -> sparse.csr_matrix:
        if not name:
            return linear.shares(linear.kmers(_letters(examples)))
        vectors = recalled(name, layer=layer).encode(_letters(examples))
        return linear.shares(sparse.csr_matrix(np.stack([own.mean(axis=0) for own in vectors])))

    train = data.side("train")
    known, y = places(train), _labels(train)
    if task.exclusive:
        y = np.eye(len(task.outputs), dtype=np.float32)[y[:, 0].astype(np.int64)]

    def score(examples: Sequence[Example]) -> list[Floats]:
        return list(linear.neighbours(places(examples), known, y))

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
    y = _labels(valid)
    mine, theirs = np.stack(own.score(valid)), np.stack(near.score(valid))

    def height(weight: float) -> float:
        return task.measure(y, (1 - weight) * mine + weight * theirs)[task.monitor]

    best = max(np.linspace(0.0, 1.0, 21).tolist(), key=height)

    def score(examples: Sequence[Example]) -> list[Floats]:
        pairs = zip(own.score(examples), near.score(examples), strict=True)
        return [((1 - best) * a + best * b).astype(np.float32) for a, b in pairs]

    return Learned(score, None, own.history, own.parameters)


def _fused_words(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    return fused(recipe, task, data, _kmers(recipe, task, data))


BASELINES: dict[str, Callable[[Recipe, Task, Dataset], Learned]] = {
    "prior": _prior,
    "composition-linear": _composition,
    "kmer-linear": _kmers,
    "kmer-neighbour": _neighbour,
    "kmer-fused": _fused_words,
    "onehot-ridge": _positions,
    "window-linear": _window,
    "vectors-linear": _vectors,
    "window-boosting": _boosting(structure=False),
    "shells-boosting": _boosting(structure=True),
}
"""Values of `model.encoder` that are no networks."""
