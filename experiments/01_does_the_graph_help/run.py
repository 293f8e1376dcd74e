"""Does the graph help? Zinc sites and enzyme class, five seeds, intervals by family.

    PROTGRAPH_DATA=... python experiments/01_does_the_graph_help/run.py

Cells that were computed are kept in `--folder` and not computed again, so that several processes
may share the seeds; the one that finds all cells there writes `results.csv` and the tables.
"""

from __future__ import annotations

import argparse
import csv
import platform
import sys
from pathlib import Path

from protgraph.comparing.paired import calls, compare, mcc_of
from protgraph.insight.report import between, table
from protgraph.running.cells import Cell, cell
from protgraph.tasks.metrics import auprc, macro_f1

HERE = Path(__file__).parent
SEEDS = range(5)
MODELS = {
    "zinc_site": (
        "egnn", "boosting", "cnn", "egnn_shuffled", "window", "egnn_backbone", "egnn_no_gaps",
        "relational",
    ),
    "enzyme_class": ("egnn", "egnn_shuffled", "light_attention", "composition"),
}  # fmt: skip


def cells(kind: str, seeds: list[int], folder: Path) -> dict[str, list[Cell]]:
    """Every model of a kind at every seed."""
    found: dict[str, list[Cell]] = {}
    for seed in seeds:
        for model in MODELS[kind]:
            one = cell(f"{kind}/{model}", seed, folder)
            found.setdefault(model, []).append(one)
            print(kind, model, seed, one.summary["test"], file=sys.stderr, flush=True)
    return found


def tables(found: dict[str, dict[str, list[Cell]]]) -> dict[str, str]:
    """The three tables of the README, by name."""
    zinc, enzyme = found["zinc_site"], found["enzyme_class"]
    plain = {model: [c.test for c in cells] for model, cells in zinc.items()}
    shifted = {model: mcc_of(cells) for model, cells in zinc.items()}
    classes = {model: [c.test for c in cells] for model, cells in enzyme.items()}
    return {
        "auprc": table(compare(plain, auprc, reference="egnn")),
        "mcc": table(compare(shifted, calls, reference="egnn")),
        "macro_f1": table(compare(classes, macro_f1, reference="egnn")),
    }


def main() -> None:
    """Compute what is missing; with all seeds there, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--tasks", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--folder", type=Path, default=Path("runs/01"))
    args = parser.parse_args()
    found = {kind: cells(kind, args.seeds, args.folder) for kind in args.tasks}
    if args.seeds != list(SEEDS) or args.tasks != list(MODELS):
        return
    rows = []
    for kind, models in found.items():
        for model, seeds in models.items():
            for one in seeds:
                s = one.summary
                rows += [
                    {
                        "task": kind, "model": model, "seed": s["seed"], "metric": metric,
                        "value": f"{value:.5f}", "parameters": s["parameters"],
                        "seconds": s["seconds"], "recipe": s["recipe"], "split": s["split"],
                        "commit": s["commit"], "dirty": s["dirty"],
                        "machine": f"{platform.system()} {platform.machine()}",
                    }
                    for metric, value in s["test"].items()
                ]  # fmt: skip
    with (HERE / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    readme = HERE / "README.md"
    readme.write_text(between(readme.read_text(), tables(found)))


if __name__ == "__main__":
    main()
