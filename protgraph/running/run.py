"""One run: data, training, the numbers on the test side, everything remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protgraph.data.dataset import Dataset, Pairs
from protgraph.insight import report
from protgraph.models.model import Model
from protgraph.recipe import Recipe
from protgraph.running import cost
from protgraph.running.decide import Decision, Settled, answerable, settle
from protgraph.running.evaluate import (
    Scored,
    centred,
    columns,
    numbers,
    outcome,
    reliability,
    sided,
)
from protgraph.running.keeping import TEST, keep, page
from protgraph.running.learn import known
from protgraph.running.learned import Learned
from protgraph.running.question import question, task_of
from protgraph.tasks import statistics
from protgraph.tasks.task import Task
from protgraph.track import runs
from protgraph.track.provenance import commit
from protgraph.train.ranks import in_turn

if TYPE_CHECKING:
    from protgraph.models.student import Student

Log = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True, eq=False)
class Result:
    """What a run found.

    Parameters
    ----------
    summary : mapping
        What `protgraph run --json` prints.
    valid, test : Scored
        The two sides that training did not learn from, item by item.
    folder : Path
        Holds `model/`, plots, `test.npz` and `result.json`.
    """

    summary: Mapping[str, Any]
    valid: Scored = field(repr=False)
    test: Scored = field(repr=False)
    folder: Path

    def text(self) -> str:
        """Say the result in one line."""
        s = self.summary
        numbers = ", ".join(f"{key} {value:.3f}" for key, value in s["test"].items())
        low, high = s["interval"]
        return (
            f"test {numbers}; {s['monitor']} 95 % interval [{low:.3f}, {high:.3f}] by family; "
            f"{s['parameters']:,} parameters, {s['seconds']:.0f} s; {s['folder']}"
            + ("" if (self.folder / "model").is_dir() else " (no model is kept of a baseline)")
        )


@contextmanager
def progress(recipe: Recipe, name: str) -> Iterator[Log]:
    """Show epochs done and time left on stderr, in a `with` block."""
    from tqdm import tqdm

    with tqdm(total=recipe["train.epochs"], desc=name, unit="epoch", leave=False) as bar:

        def log(epoch: int, row: Mapping[str, float]) -> None:
            said = {key: f"{value:.3f}" for key, value in row.items() if key != "seconds"}
            bar.set_postfix(said, refresh=False)
            bar.update(epoch + 1 - bar.n)

        yield log


def run(
    recipe: Recipe,
    *,
    name: str,
    folder: Path = Path("runs"),
    data: Dataset | Pairs | None = None,
    log: Log | None = None,
) -> Result:
    """Train, evaluate on the test side, write a folder, and remember all of it in MLflow.

    Parameters
    ----------
    recipe : Recipe
    name : str
        What the run is called, such as "zinc_site/egnn".
    folder : path
        The run's own folder is made in it, by name, seed and recipe; an unfinished run there is
        taken up again from its last epoch.
    data : Dataset or Pairs, optional
        The task's own set if left out.
    log : callable, optional
        Called with each epoch and its numbers.

    Returns
    -------
    result : Result
        Its summary has the id of the MLflow run as "run".

    Raises
    ------
    ValueError, FileNotFoundError
        Where the task, its data or a setting is not what it must be.
    """
    trainable(recipe)
    if data is None:
        with in_turn():
            task, data = question(recipe)
    else:
        task = task_of(recipe).named(data.outputs)
    tags = {
        "recipe": recipe.digest,
        "data": data.digest,
        "split": data.split_digest,
        "monitor": f"test_{task.monitor}",
    }
    with runs.start(task.name, name, params=recipe, tags=tags) as tracked:

        def both(epoch: int, row: Mapping[str, float]) -> None:
            tracked.log(epoch, row)
            if log is not None:
                log(epoch, row)

        found = execute(recipe, task, data, name=name, folder=folder, log=both)
        for side in ("valid", "test"):
            tracked.final({f"{side}_{key}": v for key, v in found.summary[side].items()})
        for key in ("ece", "brier"):
            told = found.summary.get(key, {})
            tracked.final({f"test_{key}_{kind}": v for kind, v in told.items()})
        tracked.table("result", [{"model": name, **found.summary["test"]}])
        for path in sorted(found.folder.glob("*.png")):
            tracked.files(path)
        tracked.files(found.folder / "result.json")
        if (found.folder / "model").is_dir():
            s = found.summary
            keep(tracked, found.folder, recipe=recipe, summary=s, report=page(s))
    return replace(found, summary={**found.summary, "run": tracked.id})


def place_of(recipe: Recipe, name: str, folder: Path) -> Path:
    """Where a run keeps its files: by name, seed and recipe."""
    return folder / f"{name.replace('/', '-')}-s{recipe['seed']}-{recipe.digest}"


def execute(
    recipe: Recipe,
    task: Task,
    data: Dataset | Pairs,
    *,
    name: str,
    folder: Path,
    log: Log | None = None,
) -> Result:
    """Do the run itself, without MLflow; parameters are those of `run`."""
    trainable(recipe)
    answerable(task, data, "test")
    place = place_of(recipe, name, folder)
    place.mkdir(parents=True, exist_ok=True)
    cost.forget()
    settled = settle(recipe, task, data, folder=place, log=log)
    return finished(recipe, task, data, settled, name=name, place=place)


def trainable(recipe: Recipe) -> None:
    """Refuse, by a ValueError, an unknown model, and a student, which another verb trains."""
    known(recipe["model.encoder"])
    if kind := recipe["student.kind"]:
        raise ValueError(f"student.kind is {kind}: a student is trained by `protgraph distill`.")


def finished(
    recipe: Recipe,
    task: Task,
    data: Dataset | Pairs,
    settled: Settled,
    *,
    name: str,
    place: Path,
) -> Result:
    """Measure what was settled on the test side, and write its folder.

    Parameters
    ----------
    recipe, task, data
        As `settle`.
    settled : Settled
    name : str
    place : path
        Gets `model/`, plots, `test.npz` and `result.json`.
    """
    learned, valid, decision, seconds = settled
    began = time.perf_counter()
    test = sided(task, learned, data, "test")
    each = (time.perf_counter() - began) / len(data.whole("test"))
    final, stored = decision.calibrated(test), decision.thresholds
    probabilities = reliability(task, test, final)
    if "micro_f1" in task.metrics:
        valid, test = centred(valid, test)
    y, said = columns(test)
    interval = statistics.bootstrap(task.metrics[task.monitor], y, said[None], test.families)
    summary = {
        "name": name,
        "task": task.name,
        "seed": recipe["seed"],
        **commit(Path.cwd()),
        "recipe": recipe.digest,
        "data": data.digest,
        "split": data.split_digest,
        "monitor": task.monitor,
        "valid": task.measure(valid.y, valid.scores),
        "test": numbers(task, valid, test, final, stored),
        "interval": [interval.low, interval.high],
        "calibration": decision.scale,
        **probabilities,
        "thresholds": list(stored),
        "expected": decision.expected,
        "found": outcome(task, final, stored),
        "parameters": learned.parameters,
        "epochs": len(learned.history.rows) if learned.history else 0,
        "seconds": round(seconds, 1),
        "ms_per_protein": round(1e3 * each, 3),
        "peak_mb": cost.peak(),
        "folder": str(place),
    }
    _plots(task, learned, valid, test, place)
    if task.binary:
        _probability_plots(task, test, decision, place)
    if learned.model is not None:
        _save(learned.model, summary, decision, place / "model")
    test.save(place / TEST)
    (place / "result.json").write_text(json.dumps(summary, indent=2) + "\n")
    return Result(summary, valid, test, place)


def _plots(task: Task, learned: Learned, valid: Scored, test: Scored, place: Path) -> None:
    if task.binary:
        curves = {"validation": columns(valid), "test": columns(test)}
        report.precision_recall(curves, place / "precision_recall.png", title=task.name)
    if learned.history is not None:
        report.history(
            learned.history.rows,
            place / "training.png",
            monitor=task.monitor,
            best=learned.history.best,
        )


def _probability_plots(task: Task, test: Scored, decision: Decision, place: Path) -> None:
    final = columns(decision.calibrated(test))
    sides = {"as trained": columns(test)}
    if decision.calibration:
        sides["calibrated"] = final
    report.reliability(sides, place / "reliability.png", title=f"{task.name}, test")
    report.selective(*final, place / "selective.png", title=f"{task.name}, test")


def _save(
    model: Model | Student, summary: Mapping[str, Any], decision: Decision, place: Path
) -> None:
    """Save the model with what validation decided and a card of what it was measured at."""
    told = ("name", "seed", "data", "split", "valid", "test", "interval")
    card = {**model.config.card, **{key: summary[key] for key in told}}
    of_test = [key for key in ("ece", "brier", "found") if summary.get(key)]
    card |= {f"{key} on test": summary[key] for key in of_test}
    if decision.reason:
        card["not calibrated"] = decision.reason
    decided = {
        "calibration": decision.calibration,
        "thresholds": decision.thresholds,
        "expected": decision.expected,
        "card": card,
    }
    if isinstance(model, Model):
        model.config = replace(model.config, **decided)
        model.save(place)
        return
    for key, value in decided.items():
        setattr(model.config, key, value)
    model.save_pretrained(place)
