"""Does a student that structures have taught see more in a sequence? Five seeds, by family.

    PROTGRAPH_DATA=... python experiments/04_distillation/run.py [VARIANT ...] [--seeds 0 1 2 3 4]

Trains what is missing of the variants named (all of `VARIANTS` if none is) and, of what `--folder`
then holds, writes `results.csv`, the plots and the tables of README.md. Teachers that a benchmark
has trained there are found again; several processes may take different variants.
"""

from __future__ import annotations

import argparse
import csv
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from protgraph import recipe
from protgraph.data.sites import LIGANDS
from protgraph.distilling import contrast, distil
from protgraph.distilling.price import Price, price, sample
from protgraph.distilling.tuition import Tuition, gathered
from protgraph.insight import report
from protgraph.insight.report import table
from protgraph.models.saved import load
from protgraph.running.cells import Cell, cell, stacked
from protgraph.running.evaluate import Scored, columns
from protgraph.tasks import statistics
from protgraph.tasks.macro import macro
from protgraph.tasks.metrics import auprc

HERE = Path(__file__).parent
SEEDS = (0, 1, 2, 3, 4)
ZINC, LIGAND, ENZYME = "zinc_site/student", "ligand_sites/student", "enzyme_class/student"
SAME = "labels alone"
CELL = "cell.json"
MINI = ["student.kind=layers", "student.encoder=mini", "student.layers=3", "train.rate=5e-4"]


@dataclass(frozen=True)
class Variant:
    """A student: a recipe, what is changed in it, and whether its own twin of labels is trained.

    The others are compared with the twin of their recipe as it stands, which has their budget.
    """

    config: str
    changes: list[str] = field(default_factory=list)
    twin: bool = False


VARIANTS = {
    "zinc": Variant(ZINC, twin=True),
    "ligands": Variant(LIGAND, twin=True),
    "enzyme": Variant(ENZYME, twin=True),
    "zinc, first layers of mini": Variant(ZINC, MINI, twin=True),
    "soft labels alone": Variant(ZINC, ["distil.hard=0"]),
    "+ vectors": Variant(ZINC, ["distil.align=0.1"]),
    "+ relations": Variant(ZINC, ["distil.relation=0.1"]),
    "+ contacts": Variant(ZINC, ["distil.contacts=0.1"]),
    "all terms": Variant(
        ZINC, ["distil.align=0.1", "distil.relation=0.1", "distil.contacts=0.1"]
    ),
    "the whole pool, sure or not": Variant(ZINC, ["distil.least=0", "train.epochs=3"]),
    "no pool": Variant(ZINC, ['distil.pool=""', "distil.least=0", "train.epochs=60"]),
    "pool of 500": Variant(ZINC, ["distil.size=500", "train.epochs=25"]),
    "pool of 1,000": Variant(ZINC, ["distil.size=1000", "train.epochs=17"]),
    "no relative by sequence": Variant(ZINC, ["distil.strict=true"]),
    "width 32": Variant(ZINC, ["student.width=32"], twin=True),
    "width 128": Variant(ZINC, ["student.width=128"], twin=True),
}  # fmt: skip
"""Of the pools the epochs differ so that the steps are about the same. A pool is cut to its size
before chains are left out of which the teacher is not sure."""

TABLES = {
    "losses": [
        "zinc", "soft labels alone", "+ vectors", "+ relations", "+ contacts", "all terms",
        "the whole pool, sure or not",
    ],
    "pools": ["no pool", "pool of 500", "pool of 1,000", "zinc", "no relative by sequence"],
    "sizes": ["width 32", "zinc", "width 128", "zinc, first layers of mini"],
}  # fmt: skip
WHOLE = {
    "zinc": "zinc_site/cnn",
    "ligands": "ligand_sites/cnn",
    "enzyme": "enzyme_class/light_attention",
}
"""The variants that answer the question, and the benchmark's own network of sequences for each."""


def course_of(name: str, seed: int, folder: Path) -> Tuition:
    """Teachers and data of a variant."""
    own = VARIANTS[name]
    changes = [*own.changes, f"seed={seed}"]
    if any(change.startswith("train.epochs=") for change in own.changes):
        epochs = next(c for c in own.changes if c.startswith("train.epochs="))
        changes.append(epochs.replace("epochs", "patience"))
    settings, called = recipe.load(own.config, changes)
    return gathered(settings, called, folder)


def say(*words: Any) -> None:
    """Tell how far it is."""
    print(*words, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Found:
    """A variant at all seeds."""

    course: Tuition
    students: list[Cell]
    twins: list[Cell]


def found_of(name: str, seeds: list[int], folder: Path) -> Found:
    """Train what is missing of a variant."""
    students, twins = [], []
    for seed in seeds:
        course = course_of(name, seed, folder)
        students.append(distil.student(course))
        say(name, seed, students[-1].summary["test"])
        if VARIANTS[name].twin:
            summary = students[-1].summary
            twins.append(distil.alone(course, summary["steps"], summary["residues"]))
            say(name, SAME, seed, twins[-1].summary["test"])
    return Found(course, students, twins)


def kept(name: str, folder: Path) -> bool:
    """Tell whether all seeds of a variant were trained, and their twins."""
    for seed in SEEDS:
        course = course_of(name, seed, folder)
        place = distil.student_place(course)
        if not (place / CELL).is_file():
            return False
        if VARIANTS[name].twin:
            own = distil.student(course).summary
            twin = distil.alone_place(course, own["steps"], own["residues"])
            if not (twin / CELL).is_file():
                return False
    return True


def scores(cells: list[Cell]) -> Any:
    """Scores on the test side, one array a seed."""
    return stacked([one.test for one in cells])


def row_of(name: str, found: Found, twins: list[Cell], teacher: Scored) -> dict[str, Any]:
    """A student beside its twin and its teacher."""
    task = found.course.task
    metric, families = task.metrics[task.monitor], teacher.families
    y, own, low = columns(teacher)[0], scores(found.students), scores(twins)
    high = [columns(teacher)[1]]
    return {
        "student": name,
        f"test {task.monitor}": str(statistics.bootstrap(metric, y, own, families)),
        SAME: str(statistics.bootstrap(metric, y, low, families)),
        "gain": str(statistics.paired(metric, y, own, low, families)),
        "g": str(contrast.way(metric, y, own, (low, high), families)),
        "kept": str(contrast.way(metric, y, own, (None, high), families)),
    }


def whole(name: str, found: Found, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Teacher, student, twin and the benchmark's sequence network, with what they cost."""
    task, course = found.course.task, found.course
    metric = task.metrics[task.monitor]
    teacher = contrast.taught(course).raw
    y, families = columns(teacher)[0], teacher.families
    apart = [cell(WHOLE[name], seed, folder) for seed in SEEDS]
    models = {
        f"teacher, {len(course.teachers)} together": [columns(teacher)[1]],
        "teacher, one alone": scores(list(course.cells)),
        "student": scores(found.students),
        SAME: scores(found.twins),
        f"{WHOLE[name]} of the benchmark": scores(apart),
    }
    proteins = sample([e.protein for e in course.data.whole("test")])
    student = load(distil.model_of(found.students[0]))
    costs: dict[str, Price | None] = dict.fromkeys(models)
    costs[f"teacher, {len(course.teachers)} together"] = price(course.models, proteins)
    costs["teacher, one alone"] = price(course.models[:1], proteins)
    costs["student"] = costs[SAME] = price([student], proteins)
    rows, points = [], {}
    for kind, said in models.items():
        value = statistics.bootstrap(metric, y, said, families)
        row: dict[str, Any] = {
            "model": kind, "needs": "structure" if "teacher" in kind else "sequence",
            f"test {task.monitor}": str(value),
            "minus labels alone": "" if kind == SAME
            else str(statistics.paired(metric, y, said, models[SAME], families)),
        }  # fmt: skip
        own = costs[kind]
        row["ms"] = f"{own.ms[0]:.2f}" if own else ""
        row["KB"] = f"{own.bytes / 1e3:.0f}" if own else ""
        row["MFLOP a residue"] = f"{own.flops / 1e6:.2f}" if own else ""
        rows.append(row)
        if own:
            points[kind] = (own.ms[0], value)
    report.bargain(points, HERE / f"{name}.png", title=f"{name}, one thread", metric=task.monitor)
    ends = (scores(found.twins), [columns(teacher)[1]])
    told = {
        "g": contrast.way(metric, y, scores(found.students), ends, families),
        "kept": contrast.way(metric, y, scores(found.students), (None, ends[1]), families),
        "over": statistics.paired(metric, y, scores(found.students), scores(apart), families),
    }
    return rows, told


def ligands(found: Found) -> list[dict[str, Any]]:
    """Every ligand: the three, the gain and g."""
    teacher = contrast.taught(found.course).raw
    y, families = teacher.y, teacher.families
    rows = []
    for place, name in enumerate(LIGANDS):
        metric, only = macro(auprc), np.array([place])
        chains = len(np.unique(teacher.protein[~np.isnan(y[:, place])]))
        said = {
            "teacher": [teacher.scores[:, only]],
            "student": [one.test.scores[:, only] for one in found.students],
            SAME: [one.test.scores[:, only] for one in found.twins],
        }
        truth = y[:, only]
        values = {k: str(statistics.bootstrap(metric, truth, v, families)) for k, v in said.items()}
        gain = statistics.paired(metric, truth, said["student"], said[SAME], families)
        ends = (said[SAME], said["teacher"])
        share = contrast.way(metric, truth, said["student"], ends, families)
        rows.append({"ligand": f"{name} ({chains})", **values, "gain": str(gain), "g": str(share)})
    return rows


def record(name: str, found: Found) -> list[dict[str, Any]]:
    """Rows of results.csv."""
    rows = []
    for kind, cells in (("student", found.students), (SAME, found.twins)):
        for one in cells:
            s = one.summary
            rows += [
                {
                    "variant": name, "model": kind, "seed": s["seed"], "metric": metric,
                    "value": f"{value:.5f}", "steps": s["steps"] * s["epochs"],
                    "parameters": s["parameters"], "seconds": s["seconds"], "recipe": s["recipe"],
                    "split": s["split"], "commit": s["commit"], "dirty": s["dirty"],
                    "machine": f"{platform.system()} {platform.machine()}",
                }
                for metric, value in s["test"].items()
            ]  # fmt: skip
    return rows


def grid(all_found: dict[str, Found]) -> dict[str, str]:
    """The tables of what was varied for zinc."""
    teacher = contrast.taught(all_found["zinc"].course).raw
    parts = {}
    for part, names in TABLES.items():
        rows = []
        for name in (one for one in names if one in all_found):
            found = all_found[name]
            row = row_of(name, found, found.twins or all_found["zinc"].twins, teacher)
            own = [one.summary for one in found.students]
            row["chains taught"] = own[0]["lessons"]
            row["steps"] = f"{np.mean([one['steps'] * one['epochs'] for one in own]):.0f}"
            row["parameters"] = f"{own[0]['parameters']:,}"
            rows.append(row)
        parts[part] = table(rows)
    return parts


def written(all_found: dict[str, Found], folder: Path) -> None:
    """Write results.csv, plots and the tables of what is there."""
    rows = [row for name, found in all_found.items() for row in record(name, found)]
    with (HERE / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    parts: dict[str, str] = {}
    for name in WHOLE:
        if name in all_found:
            found = all_found[name]
            laid, told = whole(name, found, folder)
            pool = found.students[0].summary["pool"]
            parts[name] = (
                f"{table(laid)}\n\ng = {told['g']}, kept share {told['kept']}; student minus the "
                f"benchmark's network of sequences {told['over']}. Pool: {pool}."
            )
    if "ligands" in all_found:
        parts["by ligand"] = table(ligands(all_found["ligands"]))
    if "zinc" in all_found:
        parts |= grid(all_found)
    readme = HERE / "README.md"
    readme.write_text(report.between(readme.read_text(), parts))


def main() -> None:
    """Compute what is missing, then lay out what all seeds have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", metavar="VARIANT")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--folder", type=Path, default=Path("runs/04"))
    args = parser.parse_args()
    unknown = set(args.variants) - set(VARIANTS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; there are: {', '.join(VARIANTS)}")
    for name in args.variants or VARIANTS:
        found_of(name, args.seeds, args.folder)
    there = [name for name in VARIANTS if kept(name, args.folder)]
    if there:
        written({name: found_of(name, list(SEEDS), args.folder) for name in there}, args.folder)


if __name__ == "__main__":
    main()
