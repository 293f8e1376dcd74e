"""How a student's recipe is chosen: folds by family of training and validation, never the test.

    PROTGRAPH_DATA=... python experiments/04_distillation/folds.py CONFIG [key=value ...]

One teacher a fold and seed 0. A row of `folds.csv` a recipe; the table in README.md is made of
all of them. Cells are kept in `--folder`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from protgraph import recipe, resolve
from protgraph.data.dataset import Dataset
from protgraph.distilling import distil
from protgraph.distilling.tuition import Tuition
from protgraph.insight.report import between, table
from protgraph.running.cells import found_or_made, loaded
from protgraph.running.run import execute, place_of
from protgraph.tasks.task import Task

HERE = Path(__file__).parent
FOLDS = 6
TOLD = HERE / "folds.csv"


def fold_of(family: str) -> int:
    """The fold of a family, by its hash."""
    return int(hashlib.sha256(family.encode()).hexdigest(), 16) % FOLDS


def part(data: Dataset, fold: int) -> Dataset:
    """Training and validation chains, one fold of them to test on and the next to stop by.

    The chains of the real test side lose their labels, and so are asked nothing; they stay, so
    that their relatives are left out of the pool.
    """
    examples = []
    for example in data.examples:
        if example.split == "test":
            examples.append(replace(example, y=np.full_like(example.y, np.nan)))
            continue
        own = fold_of(example.family)
        side = {fold: "test", (fold + 1) % FOLDS: "valid"}.get(own, "train")
        examples.append(replace(example, split=side))
    return Dataset(f"{data.name}, fold {fold}", data.source, tuple(examples), data.outputs)


def course_of(settings: recipe.Recipe, name: str, fold: int, folder: Path) -> Tuition:
    """Teachers of the recipe, seed 0, that were trained on a fold, and what they are to teach."""
    task, whole = loaded(settings)
    if not isinstance(whole, Dataset):
        raise TypeError(f"{task.name}: students are of proteins, not of pairs.")
    data, place = part(whole, fold), folder / f"fold-{fold}"
    cells, plans, teachers = [], [], []
    for words in settings["distil.teachers"]:
        own, called = recipe.load(words, ["seed=0"])
        plans.append(own)
        cells.append(_teacher(own, called, task, data, place))
        teachers.append(resolve.load(place_of(own, called, place) / "model"))
    return Tuition(settings, name, task, data, tuple(teachers), tuple(cells), tuple(plans), place)


def _teacher(own: recipe.Recipe, called: str, task: Task, data: Dataset, place: Path) -> Any:
    return found_or_made(
        place_of(own, called, place),
        lambda: (task, execute(own, task, data, name=called, folder=place)),
    )


def main() -> None:
    """Train what is missing of a recipe, and add its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", metavar="CONFIG")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--folder", type=Path, default=Path("runs/04/folds"))
    args = parser.parse_args()
    settings, name = recipe.load(args.config, args.overrides)
    found: dict[str, list[float]] = {"teacher": [], "student": [], "labels alone": []}
    for fold in range(FOLDS):
        course = course_of(settings, name, fold, args.folder)
        student = distil.student(course)
        alone = distil.alone(course, student.summary["steps"], student.summary["residues"])
        for model, one in zip(found, (course.cells[0], student, alone), strict=True):
            found[model].append(one.summary["test"][course.task.monitor])
        print(fold, {model: round(v[-1], 4) for model, v in found.items()}, file=sys.stderr)
    own = {"recipe": args.config, "changes": " ".join(args.overrides)}
    written({**own, **{m: " ".join(f"{v:.4f}" for v in values) for m, values in found.items()}})


def written(row: dict[str, str]) -> None:
    """Put a recipe's row in the place of the one that was there, and lay all of them out."""
    rows = list(csv.DictReader(TOLD.open(newline=""))) if TOLD.is_file() else []
    same = ("recipe", "changes")
    rows = [r for r in rows if any(r[key] != row[key] for key in same)] + [row]
    with TOLD.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: (r["recipe"], r["changes"])))
    laid = []
    for one in sorted(rows, key=lambda r: (r["recipe"], r["changes"])):
        student, alone, teacher = (
            np.array(one[m].split(), float) for m in ("student", "labels alone", "teacher")
        )
        laid.append(
            {
                "recipe": f"`{one['recipe']}`",
                "changes": f"`{one['changes']}`" if one["changes"] else "",
                "student": student.mean(),
                "labels alone": alone.mean(),
                "teacher": teacher.mean(),
                "folds gained": f"{int((student > alone).sum())} of {len(alone)}",
            }
        )
    readme = HERE / "README.md"
    readme.write_text(between(readme.read_text(), {"folds": table(laid)}))


if __name__ == "__main__":
    main()
