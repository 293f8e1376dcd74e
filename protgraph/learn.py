"""A recipe and a dataset give scores: networks and baselines through one door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from protgraph import pairs
from protgraph.baselines import BASELINES, fused
from protgraph.data.batch import Collated, batches
from protgraph.data.dataset import Dataset, Example, Pairs
from protgraph.graph.edges import KINDS
from protgraph.language.stored import recalled
from protgraph.learned import Learned, balance
from protgraph.models.model import SEQUENCE, Config, Model
from protgraph.predict import example, scores, spread
from protgraph.recipe import Recipe
from protgraph.structure.protein import Floats
from protgraph.tasks.task import Task
from protgraph.train.loop import fit

Log = Callable[[int, Mapping[str, float]], None]


def learn(
    recipe: Recipe,
    task: Task,
    data: Dataset | Pairs,
    *,
    folder: Path | None = None,
    log: Log | None = None,
) -> Learned:
    """Train what the recipe asks for on the training side of a dataset.

    Parameters
    ----------
    recipe : Recipe
    task : Task
    data : Dataset or Pairs
        Its validation side stops the training; its test side is not looked at.
    folder : path, optional
        For checkpoints.
    log : callable, optional
        Called with each epoch and its numbers.

    Raises
    ------
    ValueError
        Where the model does not answer questions of this level.
    """
    if isinstance(data, Pairs):
        if recipe["model.encoder"] not in pairs.BASELINES:
            raise ValueError(
                f"{task.name}: pairs are scored by {', '.join(pairs.BASELINES)}, "
                f"got {recipe['model.encoder']!r}."
            )
        return pairs.BASELINES[recipe["model.encoder"]](data)
    if recipe["model.encoder"] in BASELINES:
        return BASELINES[recipe["model.encoder"]](recipe, task, data)
    own = _network(recipe, task, data, folder=folder, log=log)
    return fused(recipe, task, data, own) if recipe["model.fused"] else own


def _network(
    recipe: Recipe, task: Task, data: Dataset, *, folder: Path | None, log: Log | None
) -> Learned:
    torch.manual_seed(recipe["seed"])
    train, valid = data.side("train"), data.side("valid")
    config = config_of(recipe, task)
    model = Model(config)
    graphs = _graphs(config, train)
    hidden = _graphs(config, train, side=False) if recipe["train.drop_side"] else graphs
    weight = balance(task, train, recipe["train.balance"])
    watched = _graphs(config, valid)
    truth = np.concatenate([graph.y.numpy() for graph in watched])

    def draw(epoch: int) -> Collated:
        generator = np.random.default_rng((recipe["seed"], epoch))
        bare = generator.random(len(graphs)) < recipe["train.drop_side"]
        chosen = [hidden[i] if bare[i] else graphs[i] for i in range(len(graphs))]
        sizes = [len(graph.residue) for graph in chosen]
        return Collated(chosen, batches(sizes, recipe["data.batch"], generator=generator))

    def loss(batch: Data) -> tuple[Tensor, int]:
        said = model(batch).float()
        return task.loss(said, batch.y, weight=weight), int((~torch.isnan(batch.y)).sum())

    def evaluate() -> tuple[float, Mapping[str, float]]:
        said = scores(model, watched)
        rows = np.concatenate(said) if task.level == "residue" else np.stack(said)
        numbers = task.measure(truth, rows)
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

    def score(examples: Sequence[Example]) -> list[Floats]:
        asked = _graphs(config, examples)
        said = scores(model, asked)
        if task.level != "residue":
            return said
        return [
            spread(e.protein, graph.residue.numpy(), own)
            for e, graph, own in zip(examples, asked, said, strict=True)
        ]

    return Learned(score, model, history, model.size)


def config_of(recipe: Recipe, task: Task) -> Config:
    """Say what a network for this recipe looks like; its input widths follow from the features."""
    from protgraph.graph.features import EDGES, NODES

    graph = recipe.part("graph")
    name = recipe["vectors.encoder"]
    inputs = sum(NODES[node][0] for node in graph["nodes"])
    digest = ""
    if name:
        language = recalled(name, layer=recipe["vectors.layer"])
        inputs, digest = inputs + language.width, language.digest
    if recipe["model.encoder"] in SEQUENCE:
        graph = {"nodes": graph["nodes"]}
        edges = 0
    else:
        edges = sum(EDGES[edge][0] for edge in graph["edges"])
    return Config(
        task=task.name,
        level=task.level,
        outputs=task.outputs,
        exclusive=task.exclusive,
        value=task.value,
        given=task.given,
        encoder=recipe["model.encoder"],
        inputs=inputs,
        edges=edges,
        kinds=len(KINDS),
        width=recipe["model.width"],
        layers=recipe["model.layers"],
        dropout=recipe["model.dropout"],
        vectors=name,
        layer=recipe["vectors.layer"],
        digest=digest,
        gaps=recipe["data.gaps"],
        graph=graph,
    )


def _graphs(config: Config, examples: Sequence[Example], *, side: bool = True) -> list[Data]:
    """Graphs of examples with their labels."""
    vectors: Sequence[Floats | None] = [None] * len(examples)
    if config.vectors:
        language = recalled(config.vectors, layer=config.layer)
        vectors = language.encode([e.protein.sequence for e in examples])
    made = []
    for e, own in zip(examples, vectors, strict=True):
        graph = example(config, e.protein, own, side=side)
        y = e.y[graph.residue.numpy()] if config.level == "residue" else e.y[None]
        graph.y = torch.from_numpy(np.ascontiguousarray(y))
        made.append(graph)
    return made
