"""What a recipe asks, and of which proteins."""

from __future__ import annotations

from protgraph.data.dataset import Dataset, Pairs, shuffled
from protgraph.data.sets import SETS
from protgraph.data.table import load
from protgraph.recipe import Recipe
from protgraph.structure import cache
from protgraph.tasks.catalogue import TASKS, own
from protgraph.tasks.task import Task


def task_of(recipe: Recipe) -> Task:
    """Look a recipe's task up.

    Raises
    ------
    ValueError
        Where there is no such task.
    """
    if recipe["task"] not in TASKS:
        raise ValueError(f"Unknown task {recipe['task']!r}. There are: {', '.join(TASKS)}.")
    return TASKS[recipe["task"]]


def question(recipe: Recipe) -> tuple[Task, Dataset | Pairs]:
    """Look up what a recipe asks, and load the proteins that it asks it of.

    Returns
    -------
    task : Task
        Its outputs are named.
    data : Dataset or Pairs
        The task's benchmark set, or the table of the recipe; on the structures that it wants.

    Raises
    ------
    ValueError
        Where there is no such task, or the table is not what it must be.
    FileNotFoundError
        Where the set or the table is not there.
    """
    if not recipe["data.table"]:
        task = task_of(recipe)
        data = _seen(recipe, SETS[task.name](gaps=recipe["data.gaps"]))
        return task.named(data.outputs), data
    proteins = recipe["data.proteins"] or None
    table = load(recipe["data.table"], labels=recipe["data.labels"], proteins=proteins)
    task = own(recipe["task"], table.level, table.kind, table.outputs)
    held = table.pairs if table.dataset is None else table.dataset
    assert held is not None
    return task, _seen(recipe, held)


def _seen(recipe: Recipe, data: Dataset | Pairs) -> Dataset | Pairs:
    """Give the proteins the letters and the structures that a recipe wants."""
    if recipe["data.shuffle"]:
        data = shuffled(data)
    if recipe["data.structure"] == "observed":
        return data
    from protgraph.data.predicted import folded
    from protgraph.language import esmfold
    from protgraph.language.folding import fold_all

    model = esmfold.load(recipe["data.fold"])
    place = cache.folder() / "folded" / model.digest[:16]
    return folded(data, lambda proteins: fold_all(proteins, place, model=model), model.name)
