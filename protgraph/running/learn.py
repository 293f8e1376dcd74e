"""A recipe and a dataset give scores: networks and baselines through one door."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from protgraph.data.batch import Collated, batches
from protgraph.data.dataset import Dataset, Example, Pairs
from protgraph.models.model import ENCODERS, SEQUENCE, Config, Model
from protgraph.predict import scores
from protgraph.recipe import Recipe
from protgraph.running import interactome, pairs, shares, siamese
from protgraph.running.baselines import BASELINES, fused
from protgraph.running.inputs import config_of, graphs_of, rows_of
from protgraph.running.learned import Learned, balance
from protgraph.structure.protein import Floats, Protein
from protgraph.tasks.task import Task
from protgraph.train.loop import fit
from protgraph.train.ranks import in_turn, world

Log = Callable[[int, Mapping[str, float]], None]


def known(name: str) -> str:
    """Pass a value of `model.encoder` on, if it is that of a network or a baseline.

    Examples
    --------
    >>> known("kmer-liner")
    Traceback (most recent call last):
    ValueError: Unknown model.encoder 'kmer-liner'. Did you mean kmer-linear?
    """
    there = tuple(dict.fromkeys((*ENCODERS, interactome.ENCODER, *BASELINES, *pairs.BASELINES)))
    if name not in there:
        near = difflib.get_close_matches(name, there, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(there)}."
        raise ValueError(f"Unknown model.encoder {name!r}. {hint}")
    return name


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
        Where the model does not answer questions of this level, or looks at structures and a
        protein has none.
    """
    name = recipe["model.encoder"]
    if name in ENCODERS:
        structured(name, data.proteins, data.name)
    elif world().ranks > 1:
        # Of "gin" the pairs of a batch are no edges: cutting it would change the numbers.
        raise ValueError(f"{name} trains on one rank, got ranks={world().ranks}.")
    if isinstance(data, Pairs):
        return _of_pairs(recipe, task, data, folder=folder, log=log)
    if name in BASELINES:
        return BASELINES[name](recipe, task, data)
    own = _network(recipe, task, data, folder=folder, log=log)
    fuse = recipe["model.fused"] and not world().rank
    return fused(recipe, task, data, own) if fuse else own


def structured(encoder: str, proteins: Sequence[Protein], source: str) -> None:
    """Refuse sequences for an encoder that looks at edges, before anything is computed.

    Parameters
    ----------
    encoder : str
        A name in `models.model.ENCODERS`.
    proteins : sequence of Protein
    source : str
        Where they come from.

    Raises
    ------
    ValueError
        Naming the first protein without a structure.

    Examples
    --------
    >>> structured("cnn", [Protein("one", "MKV")], "demo")
    >>> structured("gcn", [], "demo")
    """
    for protein in () if encoder in SEQUENCE else proteins:
        if not protein.observed.any():
            raise ValueError(
                f"{protein.name}: {encoder} looks at structures, but no residue of this protein "
                f"of {source} was observed; data.structure=fold predicts structures, "
                f"and {', '.join(SEQUENCE)} need none."
            )


def _of_pairs(
    recipe: Recipe, task: Task, data: Pairs, *, folder: Path | None, log: Log | None
) -> Learned:
    """Learn pairs by a baseline or a network."""
    name = recipe["model.encoder"]
    if recipe["model.fused"]:
        raise ValueError(f"{task.name}: pairs have no nearest neighbours, got model.fused=true.")
    if name in pairs.BASELINES:
        return pairs.BASELINES[name](data)
    if name == interactome.ENCODER:
        return interactome.learn(recipe, task, data, folder=folder, log=log)
    if name not in ENCODERS:
        known = ", ".join((*pairs.BASELINES, interactome.ENCODER, *ENCODERS))
        raise ValueError(f"{task.name}: pairs are scored by {known}, got {name!r}.")
    return siamese.learn(recipe, task, data, folder=folder, log=log)


def _network(
    recipe: Recipe, task: Task, data: Dataset, *, folder: Path | None, log: Log | None
) -> Learned:
    torch.manual_seed(recipe["seed"])
    train, valid = data.side("train"), data.side("valid")
    config = config_of(recipe, task)
    model = Model(config)
    share = recipe["train.drop_side"]
    with in_turn():
        graphs = _labelled(config, train)
        hidden = _labelled(config, train, side=False) if share else graphs
        watched = _labelled(config, valid)
    y = np.concatenate([np.atleast_2d(e.y) for e in train])
    weight = balance(task, y, recipe["train.balance"])
    truth = np.concatenate([graph.y.numpy() for graph in watched])

    def draw(epoch: int) -> shares.Shared:
        generator = np.random.default_rng((recipe["seed"], epoch))
        bare = generator.random(len(graphs)) < share
        chosen = [hidden[i] if bare[i] else graphs[i] for i in range(len(graphs))]
        sizes = [len(graph.residue) for graph in chosen]
        dealt = batches(sizes, recipe["data.batch"], generator=generator)
        parts, idle = shares.own(dealt, sizes)
        return shares.Shared(Collated(chosen, parts), idle)

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
        proteins = [e.protein for e in examples]
        return rows_of(model, proteins, graphs_of(config, proteins))

    return Learned(score, model, history, model.size)


def _labelled(config: Config, examples: Sequence[Example], *, side: bool = True) -> list[Data]:
    """Graphs of examples with their labels."""
    made = graphs_of(config, [e.protein for e in examples], side=side)
    for e, graph in zip(examples, made, strict=True):
        y = e.y[graph.residue.numpy()] if config.level == "residue" else e.y[None]
        graph.y = torch.from_numpy(np.ascontiguousarray(y))
    return made
