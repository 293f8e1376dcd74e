"""One command on several ranks: who leads, who follows, and what is found out before the start."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from protgraph.recipe import PRETRAINING, Recipe


def lead(recipe: Recipe, words: Sequence[str], follow: Callable[[], object]) -> int | None:
    """Start the ranks of a recipe, or take one's place among those that a launcher started.

    Parameters
    ----------
    recipe : Recipe
    words : sequence of str
        Of the command line, which every rank is started with.
    follow : callable
        What ranks other than the first do: they train, and write nothing.

    Returns
    -------
    status : int or None
        Of this process, where it is done: it has watched over the ranks, or was one that follows.
        None where it leads, or is alone.

    Raises
    ------
    ValueError, ImportError
        Where the engine cannot start.
    ChildProcessError
        Where a rank was killed.
    """
    from protgraph.train import launch, ranks, traps

    device = str(recipe.get("pretrain.device", "cpu"))
    if recipe["engine"] == "deepspeed":
        traps.refuse(device)
    if recipe["ranks"] > 1 and "RANK" not in os.environ:
        return launch.spread([sys.executable, "-m", "protgraph", *words], recipe["ranks"])
    launch.follow_launcher()
    world = ranks.join(recipe["ranks"], device=device)
    atexit.register(ranks.leave)
    if not world.rank:
        return None
    follow()
    return 0


def follow(recipe: Recipe, *, name: str, folder: Path) -> None:
    """Train as a rank other than the first, for which nothing is measured, kept or remembered.

    Parameters
    ----------
    recipe, name, folder
        As `run.run` and `pretraining.run` have them on rank 0.
    """
    from protgraph.data.corpora import pretraining
    from protgraph.running.learn import learn
    from protgraph.running.question import question
    from protgraph.running.run import place_of, trainable
    from protgraph.train.pretrain import pretrain
    from protgraph.train.ranks import in_turn

    place = place_of(recipe, name, folder)
    if recipe["task"] == PRETRAINING:
        pretrain(pretraining("train"), pretraining("valid"), recipe.pretraining(), folder=place)
        return
    trainable(recipe)
    with in_turn():
        task, data = question(recipe)
    learn(recipe, task, data, folder=place)
