"""The whole way once, in a few minutes: graphs, two models, a comparison, a name, a page."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from protgraph.data.dataset import SPLITS
from protgraph.data.sets import SETS
from protgraph.insight import report
from protgraph.recipe import load as load_recipe
from protgraph.resolve import load
from protgraph.running.cells import compare
from protgraph.running.question import task_of
from protgraph.running.run import progress, run
from protgraph.track.registry import register

MODELS = ("egnn", "cnn")
"""A graph network and a sequence-only model of as many parameters."""


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
    recipes = {model: load_recipe(f"{kind}/{model}", ["train.epochs=12"]) for model in MODELS}
    task = task_of(recipes["egnn"][0])
    data = SETS[task.name]()
    counts = ", ".join(f"{split} {len(data.side(split))}" for split in SPLITS)
    say(f"contact graphs of chains with a label: {counts}")
    results = {}
    for model, (recipe, name) in recipes.items():
        with progress(recipe, name) as log:
            results[model] = run(recipe, name=name, folder=folder / "runs", data=data, log=log)
        say(f"{name}: {results[model].text()}")
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
    protein = data.side("test")[0].protein
    prediction = load(f"{task.name}@champion").predict(protein)
    page = prediction.write(folder, "html")
    say(f"page of one test protein: {page}")
    return page
