"""The whole way once, in a few minutes: graphs, two models, a comparison, a name, a page."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pandas import DataFrame

from protgraph.comparing.comparison import written
from protgraph.comparing.paired import compare
from protgraph.data.dataset import SPLITS
from protgraph.data.sets import SETS
from protgraph.data.source import chain
from protgraph.distilling.distilled import distill
from protgraph.insight import report
from protgraph.predict import Predictor
from protgraph.recipe import load as load_recipe
from protgraph.resolve import load
from protgraph.running.promotion import promote
from protgraph.running.question import task_of
from protgraph.running.run import progress, run
from protgraph.serve.registered import served
from protgraph.structure import write
from protgraph.structure.protein import Protein
from protgraph.track.registry import register

MODELS = ("egnn", "cnn")
"""A graph network and a sequence-only model of as many parameters."""


def quickstart(folder: Path, *, say: Callable[[str], None]) -> Path:
    """Train a graph network and a sequence-only model, compare, promote, predict, distil.

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
    version = register(results["egnn"].summary["run"], task.name)
    say(f"\nregistered: version {version} of {task.name}")
    say(_promoted(task.name, version))
    champion = load(f"{task.name}@champion")
    protein = _called(champion, [example.protein for example in data.side("test")])
    # Ideal backbones have no file, and what is written of them has no side chains.
    text = chain(protein.name).read_text() if real else write.pdb(protein)
    asked = DataFrame([{"structure": text, "name": protein.name}])
    answer = served(f"{task.name}@champion").predict(asked)
    called = int(answer[f"{task.outputs[0]}_call"].eq(True).sum())
    say(f"through the pyfunc: {called} of {len(answer)} residues are called")
    page = champion.predict(protein).write(folder, "html")
    say(f"page of the first test protein with a call: {page}")
    _taught(f"{kind}/student", results["egnn"].folder / "model", folder, say=say)
    student = load(f"{task.name}-seq@champion")
    (said,) = student.predict([Protein(protein.name, protein.sequence)])
    assert said.calls is not None
    say(f"from its sequence alone: {int(said.calls.sum())} residues are called")
    return page


def _called(predictor: Predictor, proteins: Sequence[Protein]) -> Protein:
    """The first protein on which something is called; the first one, where on none is."""
    for protein in proteins:
        calls = predictor.predict(protein).calls
        if calls is not None and calls.any():
            return protein
    return proteins[0]


def _taught(recipe: str, teacher: Path, folder: Path, *, say: Callable[[str], None]) -> None:
    """Distil the graph network into a student of sequences, register and promote that one."""
    words = [f"distil.teachers=[{json.dumps(str(teacher))}]"]
    short = ""
    if recipe.startswith("zinc"):
        words += ["distil.size=400", "train.epochs=8", "train.patience=8"]
        short = (
            ", in a short course (one teacher, 400 chains of the pool, 8 epochs); "
            f"the whole one is `protgraph distill {recipe}`"
        )
    settings, name = load_recipe(recipe, words)
    with progress(settings, name) as log:
        found = distill(settings, name=name, folder=folder / "runs", log=log).facts
    say(f"\na student that needs the sequence alone, taught by the graph network{short}")
    say(report.table([written(row) for row in found["rows"]]))
    say(f"{found['pool'] or 'no pool'}; student minus labels alone: {found['gain']}")
    version = register(found["run"], f"{found['task']}-seq")
    say(_promoted(f"{found['task']}-seq", version))


def _promoted(name: str, version: int) -> str:
    """Promote a version; where an older one is better, that one stays champion, and it is said."""
    try:
        return promote(name, version).text()
    except ValueError as error:
        return str(error)
