"""Networks of pairs: one encoder for both partners, and every protein of a batch encoded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from protgraph.data.batch import batches, pair_batches
from protgraph.data.dataset import Pairs
from protgraph.models import pairwise
from protgraph.models.model import Config, Model
from protgraph.predict import BUDGET
from protgraph.recipe import Recipe
from protgraph.running import shares
from protgraph.running.inputs import config_of, graphs_of
from protgraph.running.learned import Learned, balance
from protgraph.structure.protein import Floats
from protgraph.tasks.task import Task
from protgraph.train.loop import fit
from protgraph.train.ranks import in_turn

Ints = npt.NDArray[np.int64]
Log = Callable[[int, Mapping[str, float]], None]


class Side(NamedTuple):
    """Some pairs, and the graph of every protein that is in one, once.

    Parameters
    ----------
    graphs : list of Data
    partners : ndarray of int64, shape [P, 2]
        Places in `graphs`.
    y : ndarray of shape [P, C]
    """

    graphs: list[Data]
    partners: Ints
    y: Floats

    def part(self, rows: Sequence[int]) -> Side:
        """Take some of the pairs, and the graphs of their proteins alone."""
        found, places = _once(self.partners[rows])
        return Side([self.graphs[i] for i in found], places, self.y[rows])


def learn(
    recipe: Recipe,
    task: Task,
    data: Pairs,
    *,
    folder: Path | None = None,
    log: Log | None = None,
) -> Learned:
    """Train an encoder and a head of pairs end to end; parameters are those of `learn.learn`.

    Returns
    -------
    learned : Learned
        Its `score` takes rows of the pairs.

    Notes
    -----
    `data.batch` holds the residues of the different proteins of a batch. `pair_batches` deals pairs
    so that they share proteins: an epoch then encodes a quarter of the residues that batches of
    random pairs would.
    """
    torch.manual_seed(recipe["seed"])
    config = config_of(recipe, task)
    model = Model(config)
    share, rows = recipe["train.drop_side"], data.side("train")
    with in_turn():
        train = _side(config, data, rows)
        watched = _side(config, data, data.side("valid"))
        hidden = _side(config, data, rows, side=False).graphs if share else train.graphs
    sizes = [len(graph.residue) for graph in train.graphs]
    weight = balance(task, train.y, recipe["train.balance"])

    def draw(epoch: int) -> shares.Shared:
        generator = np.random.default_rng((recipe["seed"], epoch))
        bare = generator.random(len(sizes)) < share
        chosen = [hidden[i] if bare[i] else train.graphs[i] for i in range(len(sizes))]
        dealt = pair_batches(train.partners, sizes, recipe["data.batch"], generator=generator)
        both = [sizes[a] + sizes[b] for a, b in train.partners]
        parts, idle = shares.own(dealt, both)
        made = [train._replace(graphs=chosen).part(part) for part in parts]
        return shares.Shared(made, idle)

    def loss(batch: Side) -> tuple[Tensor, int]:
        vectors = model.vectors(Batch.from_data_list(batch.graphs))
        said = model.pairs(vectors, torch.from_numpy(batch.partners)).float()
        y = torch.from_numpy(batch.y)
        return task.loss(said, y, weight=weight), int((~torch.isnan(y)).sum())

    def evaluate() -> tuple[float, Mapping[str, float]]:
        numbers = task.measure(watched.y, scores(model, watched.graphs, watched.partners))
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

    def score(rows: Ints) -> list[Floats]:
        asked = _side(config, data, rows)
        return list(scores(model, asked.graphs, asked.partners))

    return Learned(score, model, history, model.size)


def scores(model: Model, graphs: Sequence[Data], partners: Ints) -> Floats:
    """Score pairs of proteins; every protein is encoded once, in batches by a budget of residues.

    Parameters
    ----------
    model : Model
        Of pairs.
    graphs : sequence of Data
        One a protein.
    partners : ndarray of int64, shape [P, 2]
        Places in `graphs`.

    Returns
    -------
    scores : ndarray of shape [P, C]
        From 0 to 1, or quantities.
    """
    dealt = batches([len(graph.residue) for graph in graphs], BUDGET)
    return pairwise.scores(model, ([graphs[i] for i in batch] for batch in dealt), partners)


def _side(config: Config, data: Pairs, rows: Ints, *, side: bool = True) -> Side:
    """Rows of a set with the graphs of their proteins; `side` shows the side chains."""
    found, places = _once(data.pairs[rows])
    graphs = graphs_of(config, [data.proteins[i] for i in found], side=side)
    return Side(graphs, places, data.y[rows])


def _once(pairs: Ints) -> tuple[Ints, Ints]:
    """Proteins of pairs [P, 2], each once, and the pairs as places among them."""
    found, places = np.unique(pairs, return_inverse=True)
    return found, places.reshape(pairs.shape)
