"""What the network of a recipe reads: its configuration, proteins as its graphs; and its rows."""

from __future__ import annotations

from collections.abc import Sequence

from torch_geometric.data import Data

from protgraph.graph.edges import KINDS
from protgraph.language.stored import recalled
from protgraph.models.model import SEQUENCE, Config, Model
from protgraph.predict import example, scores, spread
from protgraph.recipe import Recipe, known
from protgraph.structure.protein import Floats, Protein
from protgraph.tasks.task import Task


def config_of(recipe: Recipe, task: Task) -> Config:
    """Say what a network for this recipe looks like; its input widths follow from the features.

    A network of sequences has of the features that are the default those of letters.
    """
    from protgraph.graph.build import SEQUENCE_FEATURES
    from protgraph.graph.features import EDGES, NODES

    graph = recipe.part("graph")
    if recipe["model.encoder"] in SEQUENCE and graph["nodes"] == known()["graph.nodes"]:
        graph["nodes"] = SEQUENCE_FEATURES
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


def graphs_of(config: Config, proteins: Sequence[Protein], *, side: bool = True) -> list[Data]:
    """Turn proteins into the graphs that a network reads, with its language encoder's vectors.

    Parameters
    ----------
    config : Config
    proteins : sequence of Protein
    side : bool
        False hides the side chains.
    """
    vectors: Sequence[Floats | None] = [None] * len(proteins)
    if config.vectors:
        language = recalled(config.vectors, layer=config.layer)
        vectors = language.encode([protein.sequence for protein in proteins])
    return [
        example(config, protein, own, side=side)
        for protein, own in zip(proteins, vectors, strict=True)
    ]


def rows_of(model: Model, proteins: Sequence[Protein], graphs: Sequence[Data]) -> list[Floats]:
    """Score proteins whose graphs are there.

    Parameters
    ----------
    model : Model
    proteins : sequence of Protein
    graphs : sequence of Data
        As `graphs_of` makes them.

    Returns
    -------
    rows : list of ndarray
        [L, C] a protein at residue level, NaN where a residue is no node, or [C]; from 0 to 1.
    """
    said = scores(model, graphs)
    if model.config.level != "residue":
        return said
    both = zip(proteins, graphs, said, strict=True)
    return [spread(protein, graph.residue.numpy(), own) for protein, graph, own in both]
