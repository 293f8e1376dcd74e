"""Benchmarks of many tasks, and one table over all of them.

    PROTGRAPH_DATA=... python experiments/03_benchmarks/run.py [TASK ...]

Each task is one `protgraph benchmark TASK --folder runs/03 -o experiments/03_benchmarks/TASK`;
without a task the table in README.md is made of the reports that are there. Cells that were
computed are kept in `--folder` and not computed again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from protgraph.comparing.benchmark import benchmark
from protgraph.comparing.comparison import Report
from protgraph.data.functions import IDENTITY, ec_chains, identity_bins
from protgraph.data.sites import LIGANDS
from protgraph.insight.report import between, table
from protgraph.tasks import statistics
from protgraph.tasks.function import fmax_gearnet
from protgraph.tasks.macro import macro
from protgraph.tasks.metrics import auprc

HERE = Path(__file__).parent
TASKS: dict[str, list[str]] = {
    "zinc-site": ["zinc_site/egnn", "zinc_site/cnn"],
    "ligand-sites": ["ligand_sites/egnn", "ligand_sites/cnn"],
    "interface": ["interface/egnn", "interface/cnn"],
    "enzyme-class": ["enzyme_class/egnn", "enzyme_class/light_attention"],
    "ec-structures": ["ec_structures/egnn", "ec_structures/light_attention"],
    "ec-chains": [],
    "localisation": ["localisation/mini"],
    "topology": [],
    "secondary-structure": ["secondary_structure/mini"],
    "fluorescence": [],
    "stability": [],
    **{
        f"gb1-{split}": []
        for split in ("one-vs-rest", "two-vs-rest", "three-vs-rest", "low-vs-high", "sampled")
    },
    "ppi-yeast-original": [],
    "ppi-yeast-rewired": [],
    "ppi-yeast-partition": [],
    "ppi-human": [],
    "ppi-human-structures": ["ppi_human_structures/egnn", "ppi_human_structures/cnn"],
    **{
        f"shs27k-{route}-{seed}": [
            f"shs27k/{model} task=shs27k-{route}-{seed}"
            for model in ("gin_inductive", "gin_transductive", "mlp")
        ]
        for route in ("random", "bfs", "dfs")
        for seed in range(3)
    },
}
"""Task -> the models beside its baselines; the lightest that answer "does the graph help"."""


def row_of(task: str, found: dict[str, Any]) -> dict[str, str]:
    """A row of the summary: the best baseline by validation, and the best model by validation."""
    rows = found["rows"]
    (gain,) = [key for key in rows[0] if key.startswith("minus ")]
    least = gain.removeprefix("minus ")
    models = [r for r in rows if "/" in r["model"] and "shuffled" not in r["model"]]
    (base,) = [r for r in rows if r["model"] == least]
    best = models[0] if models else None
    return {
        "task": f"[{task}]({task}/report.md)",
        "metric": found["monitor"],
        "best cheap baseline": least,
        "test": base["test"],
        "best model": best["model"].split("/")[1] if best else "",
        "its test": best["test"] if best else "",
        "it minus the baseline": best[gain] if best else "",
    }


PUBLISHED = {
    "DeepFRI": 0.631, "GearNet-Edge": 0.810, "ESM-2 650M, fine-tuned": 0.874, "ESM-GearNet": 0.890,
    "5 nearest neighbours, ESM-2 8M": 0.581,
}  # fmt: skip
"""Fmax on the whole test side after training on all 15,551 chains, as their papers give it."""


def bins_of(found: Report) -> str:
    """Fmax of EC numbers by how near the nearest training chain is, in the official bins."""
    flags = identity_bins()
    order = [e.protein.name for e in ec_chains().whole("test")]
    inside = np.array([flags[name] for name in order])
    rows: list[dict[str, Any]] = []
    for model, cells in found.cells.items():
        rows.append({"model": model})
        for place, name in enumerate(IDENTITY):
            keep = inside[:, place]
            values = [fmax_gearnet(one.test.y[keep], one.test.scores[keep]) for one in cells]
            rows[-1][f"{name} ({keep.sum()})"] = float(np.mean(values))
    others = [
        {
            "model": f"{name} (published)",
            **dict.fromkeys(list(rows[0])[1:], ""),
            list(rows[0])[-1]: v,
        }
        for name, v in PUBLISHED.items()
    ]
    return (
        "# EC numbers by identity\n\n"
        "Fmax, protocol `gearnet`, of the test chains whose nearest chain of the official training "
        "side is below 30, 40, ... 95 %. Ours were trained on the 2,229 of 15,551 training chains "
        "whose sequences could be had: the published figures are no "
        "comparison of models.\n\n" + table([*rows, *others]) + "\n"
    )


FEW = 20
"""Test chains below which a ligand is reported together with others, and nothing claimed of it."""


def ligands_of(found: Report) -> str:
    """AUPRC of every ligand with enough test chains, and the mean over the others."""
    (one, *_) = found.cells.values()
    y, chain, families = one[0].test.y, one[0].test.protein, one[0].test.families
    chains = [len(np.unique(chain[~np.isnan(y[:, c])])) for c in range(y.shape[1])]
    groups = {
        f"{name} ({n})": [c]
        for c, (name, n) in enumerate(zip(LIGANDS, chains, strict=True)) if n >= FEW
    }  # fmt: skip
    others = [c for c, n in enumerate(chains) if n < FEW]
    names = ", ".join(f"{LIGANDS[c]} {chains[c]}" for c in others)
    groups["the others, mean"] = others
    rows: list[dict[str, Any]] = []
    for model, cells in found.cells.items():
        rows.append({"model": model})
        for group, columns in groups.items():
            metric = macro(auprc)
            said = np.stack([own.test.scores[:, columns] for own in cells])
            rows[-1][group] = statistics.bootstrap(metric, y[:, columns], said, families)
    return (
        "# Binding sites by ligand\n\n"
        "AUPRC of residues with its 95 % interval by family; in brackets the test chains of which "
        "the ligand is known (the others are masked, no negatives). Ligands with fewer than "
        f"{FEW} test chains ({names}) are too few for a claim each.\n\n" + table(rows) + "\n"
    )


def main() -> None:
    """Compute what is asked for, or lay out what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=[], metavar="TASK")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("runs/03"))
    args = parser.parse_args()
    for task in args.tasks:
        found = benchmark(
            task, models=TASKS[task], seeds=args.seeds, folder=args.folder,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )  # fmt: skip
        found.write(HERE / task)
        if task == "ec-chains":
            (HERE / task / "bins.md").write_text(bins_of(found))
        if task == "ligand-sites":
            (HERE / task / "ligands.md").write_text(ligands_of(found))
    if args.tasks:
        return
    there = [task for task in TASKS if (HERE / task / "report.json").is_file()]
    rows = [row_of(task, json.loads((HERE / task / "report.json").read_text())) for task in there]
    readme = HERE / "README.md"
    readme.write_text(between(readme.read_text(), {"summary": table(rows)}))


if __name__ == "__main__":
    main()
