"""The whole way once, in a few minutes: graphs, two models, a comparison, a name, a page."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from protgraph import recipe as recipes
from protgraph.benchmark import compare
from protgraph.data.sets import SETS
from protgraph.insight import report
from protgraph.resolve import load
from protgraph.run import progress, run, task_of
from protgraph.track.registry import register


def quickstart(folder: Path, *, say: Callable[[str], None]) -> Path:
    """Train a graph network and a sequence-only model, compare, register, predict.

    Uses the zinc sites of real chains where `PROTGRAPH_DATA` is set, and ideal backbones with
    planted sites otherwise, and says which.

    Parameters
    ----------
    folder : path
        Where runs and the page go.
    say : callable
        Called with each line of the account.

    Returns
    -------
    page : Path
        The HTML page of one test protein.
    """
    real = bool(os.environ.get("PROTGRAPH_DATA"))
    kind = "zinc_site" if real else "planted_site"
    say(
        "data: zinc sites of real PDB chains, split by family"
        if real
        else "data: ideal backbones with planted sites (PROTGRAPH_DATA is not set; this shows the "
        "way and proves nothing about proteins)"
    )
    results = {}
    for model in ("egnn", "cnn"):
        recipe, name = recipes.load(f"{kind}/{model}", ["train.epochs=12"])
        with progress(recipe, name) as log:
            results[model] = run(recipe, name=name, folder=folder / "runs", log=log)
        say(f"{name}: {results[model].text()}")
    task = task_of(recipe)
    rows = compare(
        {model: [result.test] for model, result in results.items()},
        task.metrics[task.monitor],
        reference="egnn",
    )
    say(f"\n{task.monitor} on the test side, 95 % intervals by family")
    say(report.table(rows))
    best = results["egnn"]
    version = register(best.summary["run"], task.name, alias="champion")
    say(f"\nregistered: {task.name}@champion is version {version}")
    data = SETS[task.name](gaps=recipe["data.gaps"])
    protein = data.side("test")[0].protein
    prediction = load(f"{task.name}@champion").predict(protein)
    page = prediction.write(folder, "html")
    say(f"page of one test protein: {page}")
    return page
