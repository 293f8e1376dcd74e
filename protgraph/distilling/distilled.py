"""What distillation brought: the three models, their prices and their agreement, in one report."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protgraph.comparing.comparison import written
from protgraph.distilling.contrast import Side, agreement, cell_side, gaps, near, rows_of, taught
from protgraph.distilling.distil import Log, alone, model_of, student
from protgraph.distilling.price import ESMFOLD, Price, asking, price, sample, timed
from protgraph.distilling.teachers import uris
from protgraph.distilling.tuition import Say, Tuition, gathered
from protgraph.insight import report
from protgraph.models.model import Model
from protgraph.models.saved import load
from protgraph.models.student import Student
from protgraph.recipe import Recipe
from protgraph.running.cells import Cell
from protgraph.running.keeping import keep
from protgraph.structure.protein import Protein
from protgraph.tasks.statistics import Interval
from protgraph.track import runs


@dataclass(frozen=True, eq=False)
class Report:
    """What distillation brought.

    Parameters
    ----------
    facts : mapping
        All numbers: what `protgraph distill --json` prints.
    folder : Path
        The student's: holds `model/`, and the report once it is written.
    """

    facts: Mapping[str, Any]
    folder: Path = field(repr=False)

    def json(self) -> dict[str, Any]:
        """All numbers; bounds that are not finite are None."""
        return {key: plain(value) for key, value in self.facts.items()}

    def markdown(self) -> str:
        """Lay the report out as a Markdown page."""
        f = self.facts
        said = [
            f"# Distillation: {f['name']}, seed {f['seed']}",
            f"Test {f['monitor']} with 95 % interval by family. kept is the share of the teacher's "
            f"{f['monitor']}. The student of labels alone has the same architecture, seed and "
            f"split, and as many steps an epoch ({f['steps']}) of as many residues "
            f"({f['residues']:.0f}); epochs: {f['epochs']} the student, {f['alone']['epochs']} the "
            f"one of labels alone. Teacher: {f['teacher']}.",
            report.table(f["rows"]),
            f"g = (student - labels alone) / (teacher - labels alone) = {f['closed']}",
            f"Student minus labels alone: {f['gain']}",
            "Costs. MFLOP are of matrix products, a residue, by their shapes (2 m k n). Times are "
            f"of {f['timed']} test proteins, one by one, from a protein in memory, the least of "
            "three: by the wall, and in brackets of processor time. Memory is that of the whole "
            f"process. {f['load']}",
            report.table(f["prices"]),
            *([f["esmfold"]] if f["esmfold"] else []),
            "Agreement of student and teacher on the test side: Spearman correlation "
            f"{_number(f['spearman'])}, equal calls {_number(f['equal'])}.",
            f"By identity to the nearest labelled training protein: {f['near']}"
            if isinstance(f["near"], str)
            else "By identity to the nearest labelled training protein.\n\n"
            + report.table(f["near"]),
            *([f"Pool: {f['pool']}."] if f["pool"] else []),
            f"Data {f['data']}, split {f['split']}, commit {f['commit']}, {platform.system()} "
            f"{platform.machine()}.",
        ]
        return "\n\n".join(said) + "\n"

    def write(self) -> None:
        """Write `report.md`, `report.json` and `price.png` into the student's folder."""
        points = {
            row["model"]: (ms, row[f"test {self.facts['monitor']}"])
            for row, ms in zip(self.facts["rows"], self.facts["ms"], strict=True)
        }
        title = f"{self.facts['name']}, one thread"
        report.bargain(points, self.folder / "price.png", title=title, metric=self.facts["monitor"])
        (self.folder / "report.json").write_text(json.dumps(self.json(), indent=2) + "\n")
        (self.folder / "report.md").write_text(self.markdown())


def distill(
    settings: Recipe,
    *,
    name: str,
    folder: Path = Path("runs"),
    log: Log | None = None,
    say: Say | None = None,
) -> Report:
    """Train teachers, the student and the student of labels alone; compare, write and remember.

    Parameters
    ----------
    settings : Recipe
    name : str
        What the run is called, such as "zinc_site/student".
    folder : path
        What is found there is not computed again; what was broken off is taken up.
    log : callable, optional
        Called with each epoch and its numbers.
    say : callable, optional
        Called with a line on every teacher.

    Raises
    ------
    ValueError, FileNotFoundError
        As `tuition.gathered`.
    """
    course = gathered(settings, name, folder, say=say)
    teachers = uris(course)
    tags = {
        "recipe": settings.digest,
        "data": course.data.digest,
        "split": course.data.split_digest,
        "monitor": f"test_{course.task.monitor}",
    }
    with runs.start(course.task.name, name, params=settings, tags=tags) as tracked:

        def both(epoch: int, row: Mapping[str, float]) -> None:
            tracked.log(epoch, row)
            if log is not None:
                log(epoch, row)

        own = student(course, log=both)
        found = compared(course, own, log=log)
        found.write()
        tracked.final({f"test_{key}": value for key, value in own.summary["test"].items()})
        tracked.final({f"valid_{key}": value for key, value in own.summary["valid"].items()})
        ways = {key: found.facts[key] for key in ("closed", "gain")}
        tracked.final({key: way.value for key, way in ways.items() if isinstance(way, Interval)})
        tracked.table("result", [written(row) for row in found.facts["rows"]])
        for file in ("report.md", "report.json", "price.png"):
            tracked.files(found.folder / file)
        keep(
            tracked, found.folder, recipe=settings, summary=own.summary, report=found.markdown(),
            teachers=teachers,
        )  # fmt: skip
    return Report({**found.facts, "run": tracked.id}, found.folder)


def follow(settings: Recipe, *, name: str, folder: Path) -> None:
    """Train as a rank other than the first, for which nothing is measured or remembered."""
    course = gathered(settings, name, folder)
    own = student(course).summary
    alone(course, own["steps"], own["residues"])


def compared(course: Tuition, own: Cell, *, log: Log | None = None) -> Report:
    """Set teacher, student and the student of labels alone beside each other.

    Parameters
    ----------
    course : Tuition
    own : Cell
        As `distil.student`.
    log : callable, optional
        Called with each epoch of the student of labels alone.
    """
    hard = alone(course, own.summary["steps"], own.summary["residues"], log=log)
    sides = {
        "teacher": taught(course),
        "student": cell_side(course, own),
        "labels alone": cell_side(course, hard),
    }
    models = [course.models, *([load(model_of(one))] for one in (own, hard))]
    proteins = sample([e.protein for e in course.data.whole("test")])
    prices = [price(made, proteins) for made in models]
    s = own.summary
    facts = {
        **{key: s[key] for key in ("name", "task", "seed", "monitor", "data", "split", "commit")},
        **{key: s[key] for key in ("steps", "residues", "epochs", "pool", "items", "seconds")},
        "teacher": " + ".join(course.recipe["distil.teachers"])
        + f", {len(course.teachers)} model"
        + "s" * (len(course.teachers) > 1),
        "rows": rows_of(course, sides),
        **gaps(course, sides),
        "prices": [_priced(kind, one) for kind, one in zip(sides, prices, strict=True)],
        "costs": {kind: one._asdict() for kind, one in zip(sides, prices, strict=True)},
        "ms": [one.ms[0] for one in prices],
        "timed": len(proteins),
        "load": busy(),
        "esmfold": _folding(sides, models[1][0], prices[0]),
        **agreement(course, sides),
        "near": near(course, sides),
        "alone": {key: hard.summary[key] for key in ("test", "epochs", "seconds", "folder")},
        "test": s["test"],
        "folder": str(model_of(own).parent),
    }
    return Report(facts, model_of(own).parent)


def _priced(kind: str, own: Price) -> dict[str, Any]:
    both = zip(own.ms, own.cpu, strict=True)
    first, second = (f"{wall:.2f} ({cpu:.2f})" for wall, cpu in both)
    return {
        "model": kind,
        "parameters": f"{own.parameters:,}",
        "MB on disk": own.bytes / 1e6,
        "MFLOP a residue": own.flops / 1e6,
        "ms, one thread": first,
        "ms, two threads": second,
        "MB": "" if own.memory is None else own.memory,
    }


def busy() -> str:
    """How busy the machine is: with others at work, threads wait for each other."""
    if not hasattr(os, "getloadavg"):
        return ""
    return f"Load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors."


def _folding(sides: Mapping[str, Side], own: Model | Student, teacher: Price) -> str:
    """How much longer the way through a predicted structure is; "" where none is spared."""
    if (sides["teacher"].needs, sides["student"].needs) != ("structure", "sequence"):
        return ""
    residues, seconds = ESMFOLD
    chain = Protein("chain", ("ACDEFGHIKLMNPQRSTVWY" * residues)[:residues])
    wall, _ = timed(asking([own]), [chain], threads=1)
    factor = (1e3 * seconds + teacher.ms[0]) / wall
    return (
        f"Where there is no structure: ESMFold takes {seconds} s for {residues} residues on one "
        f"V100 (Lin et al., Science 379:1123, 2023), the student {wall:.2f} ms on one thread of "
        f"this processor: {factor:,.0f} times less, the teacher's own time counted, and the GPU "
        "for nothing."
    )


def _number(value: float | None) -> str:
    return "not told" if value is None else f"{value:.3f}"


def plain(value: Any) -> Any:
    """Write a value as JSON has it: None for a number that is not finite.

    Examples
    --------
    >>> plain((1.5, float("inf")))
    [1.5, None]
    """
    if isinstance(value, Mapping):
        return {key: plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(own) for own in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
