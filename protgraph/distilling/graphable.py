"""What a recipe cannot ask of a student of graphs, refused before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from protgraph.data.pool import lettered
from protgraph.keys import DEFAULTS
from protgraph.models.model import ENCODERS, SEQUENCE
from protgraph.recipe import Recipe
from protgraph.running.learn import structured
from protgraph.structure.protein import Protein

GRAPH = "graph"
"""The `student.kind` that the keys of `model`, `graph` and `vectors` describe."""


def graphable(settings: Recipe) -> None:
    """Refuse a recipe whose student of graphs cannot be, or cannot be taught so.

    Parameters
    ----------
    settings : Recipe
        Of a student of any kind; those of letters pass.

    Raises
    ------
    ValueError
        Naming the key: of an encoder that is no network of graphs, of what describes students of
        letters, of contacts, and of a pool of sequences for a network that looks at structures.

    Examples
    --------
    >>> graphable(Recipe({"student.kind": "graph", "student.width": 32}))
    Traceback (most recent call last):
    ValueError: student.width=32 is of students of letters; one of graphs has the keys of model.
    """
    if settings["student.kind"] != GRAPH:
        return
    encoder, pool = settings["model.encoder"], settings["distil.pool"]
    own = settings.part("student").items()
    odd = [f"student.{key}={value}" for key, value in own if value != DEFAULTS[f"student.{key}"]]
    odd.remove(f"student.kind={GRAPH}")
    rules = (
        (
            encoder in ENCODERS,
            f"student.kind=graph: model.encoder is one of {', '.join(ENCODERS)}, got {encoder!r}.",
        ),
        (
            not settings["model.fused"],
            "student.kind=graph: a student is a network alone, got model.fused=true.",
        ),
        (
            not odd,
            f"{', '.join(odd)} is of students of letters; one of graphs has the keys of model.",
        ),
        (
            not settings["distil.contacts"],
            "distil.contacts teaches students of letters which residues touch, got "
            "student.kind=graph.",
        ),
        (
            encoder in SEQUENCE or not lettered(pool),
            f"distil.pool={pool} has sequences, but the student's model.encoder={encoder} looks at "
            "structures.",
        ),
    )
    for holds, reason in rules:
        if not holds:
            raise ValueError(reason)


def visible(settings: Recipe, proteins: Sequence[Protein], source: str) -> None:
    """Refuse proteins without a structure for a student that looks at one.

    Parameters
    ----------
    settings : Recipe
    proteins : sequence of Protein
    source : str
        Where they come from.

    Raises
    ------
    ValueError
        As `learn.structured`.

    Examples
    --------
    >>> visible(Recipe({"student.kind": "cnn"}), [Protein("demo", "MKV")], "demo")
    """
    if settings["student.kind"] == GRAPH:
        structured(settings["model.encoder"], proteins, source)
