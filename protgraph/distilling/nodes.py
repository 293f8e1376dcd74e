"""Lessons of a student of graphs: what it reads, and all that is taught at its nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch_geometric.data import Data

from protgraph.distilling.lessons import Lesson
from protgraph.models.model import Config
from protgraph.running.inputs import graphs_of


def graphed(lessons: Sequence[Lesson], config: Config, *, share: float = 0.0) -> list[Lesson]:
    """Give every lesson the graph that a student reads, and leave the rows of its nodes.

    Parameters
    ----------
    lessons : sequence of Lesson
        Of `lessons.lessons_of`.
    config : Config
        Of the student.
    share : float
        Of the lessons that `bared` is to hide the side chains of; at 0 there are no such graphs.
    """
    proteins = [own.protein for own in lessons if own.protein is not None]
    graphs = graphs_of(config, proteins)
    hidden = graphs_of(config, proteins, side=False) if share else [None] * len(graphs)
    made = [
        at_nodes(own, graph, level=config.level) for own, graph in zip(lessons, graphs, strict=True)
    ]
    return [own._replace(hidden=bare) for own, bare in zip(made, hidden, strict=True)]


def at_nodes(lesson: Lesson, graph: Data, *, level: str) -> Lesson:
    """Take what is taught of a protein's residues at the nodes of its graph.

    Parameters
    ----------
    lesson : Lesson
        With a row a residue of the full sequence.
    graph : Data
        Its `residue` tells which of them are nodes.
    level : str
        "residue", or "protein": then labels and logits are of the protein, and stay.

    Examples
    --------
    >>> import torch
    >>> whole = Lesson("MKV", torch.tensor([[0.0], [1.0], [torch.nan]]))
    >>> cut = at_nodes(whole, Data(residue=torch.tensor([0, 2])), level="residue")
    >>> cut.sequence, cut.y.flatten()
    ('MV', tensor([0., nan]))
    """
    nodes = graph.residue
    taken = ("y", "logits") if level == "residue" else ()
    rows = {name: getattr(lesson, name) for name in (*taken, "vectors", "trust")}
    cut = {name: own[nodes] for name, own in rows.items() if own is not None}
    letters = "".join(lesson.sequence[i] for i in nodes.tolist())
    return lesson._replace(sequence=letters, graph=graph, **cut)


def bared(lessons: Sequence[Lesson], share: float, generator: np.random.Generator) -> list[Lesson]:
    """Hide the side chains of a share of the lessons, of those that have such a graph.

    Examples
    --------
    >>> import torch
    >>> one = Lesson("M", torch.zeros(1, 1), graph=Data(), hidden=Data(x=torch.ones(1, 1)))
    >>> bared([one], 1.0, np.random.default_rng(0))[0].graph is one.hidden
    True
    """
    bare = generator.random(len(lessons)) < share
    return [
        own._replace(graph=own.hidden) if hide and own.hidden is not None else own
        for own, hide in zip(lessons, bare.tolist(), strict=True)
    ]
