"""A benchmark: a task's models beside its cheap baselines and their controls, in one report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from protgraph import recipe
from protgraph.comparing.comparison import Report, by_seen, written
from protgraph.data.dataset import Pairs
from protgraph.models.model import ENCODERS, SEQUENCE
from protgraph.running import interactome
from protgraph.running.cells import Cell, kept, loaded, stacked
from protgraph.running.evaluate import columns
from protgraph.tasks import statistics
from protgraph.tasks.task import Task
from protgraph.track import runs

CONTROLS = {"edges shuffled": "graph.shuffle", "letters shuffled": "data.shuffle"}
"""Control of a model -> the recipe key that makes it."""

GRAPHS = {*ENCODERS, interactome.ENCODER} - set(SEQUENCE)
"""Encoders that look at edges."""

DRAWN = ("window-linear",)
"""Baselines that depend on a seed; the others are computed once.

Boosting draws nothing but the items, above 200,000, that its histograms are cut from.
"""

Say = Callable[[str], None]


def plan(task: Task, models: Sequence[str], seeds: int) -> dict[str, list[recipe.Recipe]]:
    """Say what is computed: baselines, models and controls, each with a recipe a seed.

    Parameters
    ----------
    task : Task
    models : sequence of str
        Names of shipped recipes or paths of recipes, all of the task; each may be followed by
        changes, such as "zinc_site/egnn graph.radius=6".
    seeds : int

    Raises
    ------
    ValueError
        Where a recipe is of another task, or there are no seeds.
    """
    if seeds < 1:
        raise ValueError(f"seeds counts repetitions, 1 or more, got {seeds}.")
    given: dict[str, dict[str, Any]] = {
        name: {"task": task.name, "model.encoder": name} for name in task.baselines
    }
    for words in models:
        model, *changes = re.split(r"\s+(?=[\w.]+=)", words.strip())
        settings, name = recipe.load(model, changes)
        name = " ".join([name, *(word for word in changes if not word.startswith("task="))])
        if settings["task"] != task.name:
            raise ValueError(f"{model} is a recipe for {settings['task']}, not for {task.name}.")
        if settings["model.encoder"] in task.baselines:
            continue
        given[name] = dict(settings)
        for control, key in CONTROLS.items():
            heard = settings["model.encoder"] in GRAPHS and settings["model.layers"] > 0
            if key == "graph.shuffle" and not heard:
                continue
            given[f"{name}, {control}"] = {**settings, key: True}
    return {
        name: [
            recipe.Recipe({**keys, "seed": seed})
            for seed in range(1 if name in task.baselines and name not in DRAWN else seeds)
        ]
        for name, keys in given.items()
    }


def shipped(task: Task) -> list[str]:
    """Shipped recipes of a task that need no download and are no baseline, control or student."""
    found = []
    for name in recipe.configs():
        settings, _ = recipe.load(name)
        if settings["task"] != task.name or settings["graph.shuffle"] or settings["student.kind"]:
            continue
        if settings["vectors.encoder"] in ("", "mini"):
            found.append(name)
    return found


def benchmark(
    task: str,
    *,
    models: Sequence[str] | None = None,
    seeds: int = 5,
    folder: Path = Path("runs"),
    say: Say = print,
) -> Report:
    """Compare models with the cheap baselines of a task and with their own controls.

    Parameters
    ----------
    task : str
    models : sequence of str, optional
        Recipes; those that are shipped for the task if left out.
    seeds : int
    folder : path
        Keeps every cell: what was computed there is not computed again.
    say : callable
        Called with a line on every cell.

    Returns
    -------
    report : Report

    Raises
    ------
    ValueError
        Where the task is not known, a recipe is not of it, or nothing at all could be computed.
    FileNotFoundError
        Where the task's set is not there.
    """
    asked, data = loaded(recipe.Recipe({"task": task}))
    planned = plan(asked, shipped(asked) if models is None else models, seeds)
    tags = {"recipe": "benchmark", "data": data.digest, "split": data.split_digest}
    params = {"task": task, "models": ", ".join(planned), "seeds": seeds}
    with runs.start(task, f"benchmark {task}", params=params, tags=tags) as parent:
        cells, failed = _computed(planned, folder, parent, say)
        if not any(name in cells for name in asked.baselines):
            raise ValueError(f"{task}: no baseline could be computed: {failed}.")
        apart = by_seen(asked, data, cells) if isinstance(data, Pairs) else ()
        found = Report(task, asked.monitor, rows_of(asked, cells), failed, cells, apart)
        parent.table("benchmark", [written(row) for row in found.rows])
    return found


def _computed(
    planned: Mapping[str, Iterable[recipe.Recipe]], folder: Path, parent: runs.Run, say: Say
) -> tuple[dict[str, list[Cell]], dict[str, str]]:
    """Cells of every model all of whose seeds worked, and what went wrong with the others."""
    cells: dict[str, list[Cell]] = {}
    failed: dict[str, str] = {}
    for name, recipes in planned.items():
        own = []
        try:
            for settings in recipes:
                own.append(kept(settings, name.replace(",", "").replace(" ", "-"), folder))
                _remember(own[-1], settings, name, parent)
                say(f"{name}, seed {settings['seed']}: {own[-1].summary['test']}")
        except Exception as error:  # one model must not lose the others
            failed[name] = f"{type(error).__name__}: {error}"
            say(f"{name}: {failed[name]}")
            continue
        cells[name] = own
    return cells, failed


def _remember(one: Cell, settings: recipe.Recipe, name: str, parent: runs.Run) -> None:
    s = one.summary
    tags = {key: s[key] for key in ("recipe", "data", "split")}
    tags |= {"monitor": f"test_{s['monitor']}", "mlflow.parentRunId": parent.id}
    with runs.start(s["task"], name, params=settings, tags=tags) as run:
        for side in ("valid", "test"):
            run.final({f"{side}_{key}": value for key, value in s[side].items()})


def rows_of(task: Task, cells: Mapping[str, Sequence[Cell]]) -> list[dict[str, Any]]:
    """Set the models beside each other.

    Parameters
    ----------
    task : Task
    cells : mapping
        Model -> its cell at each seed; a baseline of the task among them.

    Returns
    -------
    rows : list of dict
        Model, mean on validation, test value with its 95 % interval by family, what it gains over
        the baseline that is best on validation (paired), trained numbers, ms a test protein (the
        fastest seed, since machines are shared) and peak memory; the best on validation first.
    """
    metric = task.metrics[task.monitor]

    def height(name: str) -> float:
        return float(np.mean([one.summary["valid"][task.monitor] for one in cells[name]]))

    best = max((name for name in task.baselines if name in cells), key=height)
    y, families = columns(cells[best][0].test)[0], cells[best][0].test.families
    least = stacked([one.test for one in cells[best]])
    rows = []
    for name in sorted(cells, key=height, reverse=True):
        said = stacked([one.test for one in cells[name]])
        gain = "" if name == best else statistics.paired(metric, y, said, least, families)
        peaks = [one.summary["peak_mb"] for one in cells[name]]
        rows.append(
            {
                "model": name,
                "valid": height(name),
                "test": statistics.bootstrap(metric, y, said, families),
                f"minus {best}": gain,
                "parameters": cells[name][0].summary["parameters"],
                "ms": float(np.min([one.summary["ms_per_protein"] for one in cells[name]])),
                "MB": "" if None in peaks else max(peaks),
            }
        )
    return rows
