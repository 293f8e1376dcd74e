"""Linear models of a recipe, fitted in seconds: what a network has to beat, and often does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from protgraph.data.dataset import Dataset, Example
from protgraph.insight.probe import linear as linear_probe
from protgraph.language.stored import pooled, recalled
from protgraph.models import baseline, linear
from protgraph.models.model import Model
from protgraph.predict import spread
from protgraph.recipe import Recipe
from protgraph.running.inputs import config_of
from protgraph.running.learned import Learned, balance
from protgraph.structure.protein import Floats
from protgraph.structure.residues import UNKNOWN
from protgraph.tasks.task import Task

PROTEINS = 1500
"""Proteins that a linear probe of residues sees at most; a fifth of it chooses the penalty."""

NEVER = -1e4
"""Score of a class that training does not have; its softmax is 0."""

Features = Callable[[Sequence[Example]], sparse.csr_matrix]
Rows = Callable[[Sequence[Example]], list[Floats]]
Made = Callable[[Floats, Floats], Model]
"""Weights [C, F] and biases [C] -> a model that can be saved."""


def window(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at a window of letters."""

    def rows(examples: Sequence[Example]) -> list[Floats]:
        return [baseline.window(e.protein, at=np.arange(len(e.protein))) for e in examples]

    return _of_residues(recipe, task, data, rows, None)


def vectors(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at language-model vectors, frozen: of residues, or their mean of proteins."""
    name, layer = recipe["vectors.encoder"], recipe["vectors.layer"]
    if not name:
        raise ValueError("vectors-linear needs a vectors.encoder, such as mini, got ''.")
    if task.level == "protein":

        def means(examples: Sequence[Example]) -> sparse.csr_matrix:
            return sparse.csr_matrix(pooled(name, letters(examples), layer=layer))

        def made(weight: Floats, bias: Floats) -> Model:
            return _model(recipe, task, np.pad(weight, ((0, 0), (0, 1))), bias, nodes=[])

        return _of_proteins(recipe, task, data, means, made, scaled=True)
    language = recalled(name, layer=layer)
    return _of_residues(
        recipe, task, data,
        lambda examples: language.encode(letters(examples)),
        lambda weight, bias: _model(recipe, task, weight, bias, nodes=[]),
    )  # fmt: skip


def composition(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at the shares of the amino acids and at the length."""

    def features(examples: Sequence[Example]) -> sparse.csr_matrix:
        return sparse.csr_matrix(np.stack([baseline.composition(e.protein) for e in examples]))

    def made(weight: Floats, bias: Floats) -> Model:
        bare = Recipe({**recipe, "vectors.encoder": ""})
        return _model(bare, task, np.insert(weight, UNKNOWN, 0.0, axis=1), bias, nodes=["identity"])

    return _of_proteins(recipe, task, data, features, made, scaled=True)


def kmers(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at words of three letters."""

    def features(examples: Sequence[Example]) -> sparse.csr_matrix:
        counts = linear.kmers(letters(examples))
        return counts if task.value else linear.shares(counts)

    return _of_proteins(recipe, task, data, features, None)


def positions(recipe: Recipe, task: Task, data: Dataset) -> Learned:
    """Look at which letter stands where, for variants of one protein."""
    longest = max(len(e.protein) for e in data.examples)
    kept = linear.varying(linear.one_hot(letters(data.side("train")), longest))

    def features(examples: Sequence[Example]) -> sparse.csr_matrix:
        return linear.one_hot(letters(examples), longest)[:, kept]

    return _of_proteins(recipe, task, data, features, None)


def letters(examples: Sequence[Example]) -> list[str]:
    """Sequences of examples."""
    return [e.protein.sequence for e in examples]


def labels(examples: Sequence[Example]) -> Floats:
    """Labels of proteins: [B, C]."""
    return np.stack([e.y for e in examples])


def asked(recipe: Recipe, task: Task, level: str) -> None:
    """Refuse a task of another level."""
    if task.level != level:
        raise ValueError(f"{recipe['model.encoder']} scores a {level}, {task.name} a {task.level}.")


def _of_residues(
    recipe: Recipe, task: Task, data: Dataset, rows: Rows, made: Made | None
) -> Learned:
    """Fit a linear probe of residues; at most `PROTEINS` proteins, drawn by the seed."""
    asked(recipe, task, "residue")
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

    model = made(probe.weight.T, probe.bias) if made else None
    return Learned(score, model, None, probe.weight.size)


def _of_proteins(
    recipe: Recipe,
    task: Task,
    data: Dataset,
    features: Features,
    made: Made | None,
    *,
    scaled: bool = False,
) -> Learned:
    """Logistic regression of classes; ridge of quantities and of outputs that stand alone."""
    asked(recipe, task, "protein")
    train, valid = data.side("train"), data.side("valid")
    x, y = features(train), labels(train)
    if task.exclusive:
        rarity = balance(task, y, recipe["train.balance"])
        fitted = linear.logistic(
            x, y[:, 0].astype(np.int64), scaled=scaled,
            weight=None if rarity is None else rarity.tolist(),
        )  # fmt: skip

        def said(given: sparse.csr_matrix) -> Floats:
            full = np.zeros((given.shape[0], len(task.outputs)), dtype=np.float32)
            full[:, fitted.classes_] = fitted.predict_proba(given)
            return full

        weight, bias = linear.unfolded(fitted, len(task.outputs), never=NEVER)
        size = fitted[-1].coef_.size
    else:
        measure = task.metrics[task.monitor]
        one = slice(None) if y.shape[1] > 1 else 0
        ridge = linear.ridge((x, y[:, one]), (features(valid), labels(valid)[:, one]), measure)

        def said(given: sparse.csr_matrix) -> Floats:
            predicted: Floats = ridge.predict(given).reshape(given.shape[0], -1)
            return predicted if task.value else predicted.clip(0.0, 1.0)

        weight, bias = np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_)
        size = ridge.coef_.size

    # A model's scores are bounded by a sigmoid, those of a ridge are cut off.
    whole = made if task.exclusive or task.value else None
    return Learned(
        lambda examples: list(said(features(examples))),
        whole(weight, bias) if whole else None, None, int(size),
    )  # fmt: skip


def _model(
    recipe: Recipe, task: Task, weight: Floats, bias: Floats, *, nodes: Sequence[str]
) -> Model:
    """Make a model of what was fitted, so that it can be saved like a network."""
    own = Recipe({**recipe, "model.encoder": "linear", "graph.nodes": list(nodes)})
    model = Model(replace(config_of(own, task), layers=0)).eval()
    fitted = {"head.weight": weight, "head.bias": bias}
    model.load_state_dict({name: torch.from_numpy(own) for name, own in fitted.items()})
    return model
