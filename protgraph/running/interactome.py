"""The network of all pairs as one graph: who interacts with whom, and from that how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor

from protgraph.data.dataset import Pairs
from protgraph.language.stored import pooled
from protgraph.models import baseline
from protgraph.models.interactome import GIN
from protgraph.recipe import Recipe
from protgraph.running.evaluate import Scored, centred
from protgraph.running.learned import Learned, balance
from protgraph.structure.protein import Floats
from protgraph.tasks.task import Task
from protgraph.train.loop import fit

Ints = npt.NDArray[np.int64]
Log = Callable[[int, Mapping[str, float]], None]

ENCODER = "gin"
"""Value of `model.encoder` that learns here."""

SWAPS = 10
"""Exchanges of partners tried for each edge that is rewired."""

WORD, PLACES = 3, 1024
"""Letters of a word, and places that words are hashed into."""


def learn(
    recipe: Recipe, task: Task, data: Pairs, *, folder: Path | None = None, log: Log | None = None
) -> Learned:
    """Train a graph network over the interaction network on the training pairs.

    Parameters
    ----------
    recipe : Recipe
        `network.edges` says which pairs are edges, `graph.shuffle` rewires them.
    task : Task
    data : Pairs
        The labels of its validation side stop the training; those of its test side are not looked
        at. Which pairs validation and test have is looked at with `network.edges: all` alone.
    folder, log
        As `train.loop.fit`.

    Raises
    ------
    ValueError
        Where outputs exclude each other or are quantities, or where edges from all sides would
        tell what is asked.

    Notes
    -----
    With `network.edges: train`, the pairs of a batch are no edges while it is learned: a test pair
    is none either, so that in training, too, a pair is judged by the other partners of its two
    proteins. With "all" every pair that is asked about is an edge, and stays one. On validation
    (the random split of SHS27k) both choices and their opposites are within .003 micro-F1.
    """
    if task.exclusive or task.value:
        raise ValueError(f"{task.name}: {ENCODER} scores outputs that stand alone, one by one.")
    torch.manual_seed(recipe["seed"])
    x = torch.from_numpy(features(recipe, data))
    rows, ends = network(recipe, data)
    train, valid = data.side("train"), data.side("valid")
    hidden = recipe["network.edges"] == "train"
    weight = balance(task, data.y[train], recipe["train.balance"])
    partners, y = torch.tensor(data.pairs), torch.tensor(data.y)
    model = GIN(
        x.shape[1], len(task.outputs), width=recipe["model.width"], layers=recipe["model.layers"],
        dropout=recipe["model.dropout"],
    )  # fmt: skip

    def draw(epoch: int) -> list[Tensor]:
        order = np.random.default_rng((recipe["seed"], epoch)).permutation(train)
        starts = range(0, len(order), recipe["data.batch"])
        return [torch.from_numpy(order[i : i + recipe["data.batch"]]) for i in starts]

    def loss(batch: Tensor) -> tuple[Tensor, int]:
        there = ends[~torch.isin(rows, batch)] if hidden else ends
        said = model(x, there, partners[batch]).float()
        return task.loss(said, y[batch], weight=weight), int((~torch.isnan(y[batch])).sum())

    def score(asked: Ints) -> list[Floats]:
        with torch.inference_mode():
            said = model(x, ends, partners[torch.from_numpy(asked)])
        return list(said.float().sigmoid().numpy())

    def evaluate() -> tuple[float, Mapping[str, float]]:
        own = Scored(data.y[valid], np.stack(score(valid)), valid, valid.astype(str))
        if "micro_f1" in task.metrics:  # as a run is judged: at the best threshold of validation
            own, _ = centred(own, own)
        numbers = task.measure(own.y, own.scores)
        return numbers[task.monitor], numbers

    history = fit(
        model,
        draw,
        loss=loss,
        evaluate=evaluate,
        settings=recipe.settings(),
        folder=folder,
        log=log,
    )
    return Learned(score, None, history, model.size)


def network(recipe: Recipe, data: Pairs) -> tuple[Tensor, Tensor]:
    """Say which pairs are edges: those of which an output is true.

    Parameters
    ----------
    recipe : Recipe
    data : Pairs

    Returns
    -------
    rows : Tensor of int64, shape [E]
        Which pair of the data an edge comes from.
    ends : Tensor of int64, shape [E, 2]
        The proteins that it joins; where the recipe rewires, others than those of the pair.

    Raises
    ------
    ValueError
        Where all sides are asked for and there are pairs without an output that is true: whether
        a test pair is an edge would be the answer.
    """
    if recipe["network.edges"] == "train":
        rows = data.side("train")
        rows = rows[(data.y[rows] == 1).any(axis=1)]
    else:
        negative = int((data.y == 0).all(axis=1).sum())
        if negative:
            raise ValueError(
                f"{data.name}: network.edges=all is for pairs that all interact, "
                f"got {negative} of which no output is true."
            )
        rows = np.arange(len(data.pairs))
    ends = data.pairs[rows]
    if recipe["graph.shuffle"]:
        ends = rewired(ends, recipe["seed"])
    return torch.from_numpy(rows), torch.tensor(ends)


def rewired(pairs: Ints, seed: int) -> Ints:
    """Exchange partners at random: every protein keeps how many it has.

    Parameters
    ----------
    pairs : ndarray of int64, shape [E, 2]
        Each once, in either order.
    seed : int

    Returns
    -------
    pairs : ndarray of int64, shape [E, 2]
        None comes twice; a protein's pair with itself stays as it is, and no new one is made.

    Notes
    -----
    Two edges a-b and c-d become a-d and c-b where both are new (Maslov & Sneppen, Science 296:910,
    2002); ten exchanges an edge are tried.

    Examples
    --------
    >>> pairs = np.array([[0, 1], [2, 3], [0, 4], [5, 5]])
    >>> np.bincount(rewired(pairs, seed=1).ravel()).tolist()
    [2, 1, 1, 1, 1, 2]
    """
    made: list[list[int]] = pairs.tolist()
    there = {(min(a, b), max(a, b)) for a, b in made}
    apart = [i for i, (a, b) in enumerate(made) if a != b]
    if not apart:
        return pairs.copy()
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(apart), size=(SWAPS * len(apart), 2))
    turns = rng.integers(2, size=len(drawn))
    for (i, k), turn in zip(drawn.tolist(), turns.tolist(), strict=True):
        (a, b), (c, d) = made[apart[i]], made[apart[k]]
        if turn:
            c, d = d, c
        one, two = (min(a, d), max(a, d)), (min(c, b), max(c, b))
        if a == d or c == b or one == two or one in there or two in there:
            continue
        there -= {(min(a, b), max(a, b)), (min(c, d), max(c, d))}
        there |= {one, two}
        made[apart[i]], made[apart[k]] = [a, d], [c, b]
    return np.array(made, dtype=np.int64)


def features(recipe: Recipe, data: Pairs) -> Floats:
    """Give every protein a vector by its sequence alone.

    Parameters
    ----------
    recipe : Recipe
    data : Pairs

    Returns
    -------
    vectors : ndarray of float32, shape [B, 21 + 1024 + D]
        Composition and length (`models.baseline.composition`); square roots of the shares of words
        of three letters, hashed into 1024 places; the mean language vector if the recipe names an
        encoder. Of each number its mean over the proteins of training pairs is taken off, and it is
        divided by its deviation there.

    Notes
    -----
    Hashed words: Weinberger et al., ICML (2009), without their signs.
    """
    letters = [protein.sequence for protein in data.proteins]
    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(WORD, WORD), n_features=PLACES, lowercase=False, norm="l1",
        alternate_sign=False,
    )  # fmt: skip
    own: list[Floats] = [
        np.stack([baseline.composition(protein) for protein in data.proteins]),
        np.sqrt(hashed.transform(letters).toarray()),
    ]
    if recipe["vectors.encoder"]:
        own.append(pooled(recipe["vectors.encoder"], letters, layer=recipe["vectors.layer"]))
    plain = np.concatenate(own, axis=1).astype(np.float32)
    seen = plain[np.unique(data.pairs[data.side("train")])]
    deviation = seen.std(axis=0)
    scaled: Floats = (plain - seen.mean(axis=0)) / np.where(deviation > 1e-6, deviation, 1.0)
    return scaled
