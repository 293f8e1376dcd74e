"""How many proteins of the pair sets have a structure, and how many pairs are left with two.

    PROTGRAPH_DATA=... python experiments/03_benchmarks/covering.py

Human PDB chains of both archives, placed on the sequences of `ppi-human` and `shs27k`; writes
`covering.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from protgraph.data.dataset import SPLITS, Pairs
from protgraph.data.partners import human, shs27k
from protgraph.data.structured import COVERAGE, IDENTITY, kept
from protgraph.insight.report import table

HERE = Path(__file__).parent
RULES = ((IDENTITY, 0.5), (0.9, COVERAGE), (IDENTITY, COVERAGE), (IDENTITY, 0.2), (IDENTITY, 0.1))
"""Least identity and least coverage."""


def row_of(name: str, data: Pairs, identity: float, coverage: float) -> dict[str, Any]:
    """A row of the table: a set by one rule."""
    found = kept(data.proteins, identity=identity, coverage=coverage)
    covered = {row.protein for row in found.rows}
    there = np.array([protein.name in covered for protein in data.proteins])
    both = there[data.pairs].all(axis=1)
    means = np.mean([(row.identity, row.coverage) for row in found.rows], axis=0)
    return {
        "set": name,
        "identity": f"{identity:g}",
        "coverage": f"{coverage:g}",
        "sequences": len(found.names),
        "covered": len(found.rows),
        "mean identity": f"{means[0]:.3f}",
        "mean coverage": f"{means[1]:.3f}",
        **{f"pairs {split}": int(both[data.whole(split)].sum()) for split in SPLITS},
        "pairs": f"{both.sum()} of {len(both)}",
    }


def main() -> None:
    """Count by every rule and write the table."""
    sets = {"ppi-human": human(), "shs27k-bfs-0": shs27k("bfs", 0)}
    rows = [row_of(name, data, *rule) for name, data in sets.items() for rule in RULES]
    (HERE / "covering.md").write_text(
        "# Sequences with a structure\n\n"
        "Human PDB chains (4,435) on the sequences of two sets of pairs: a sequence is covered "
        "where a chain has at least the identity among the residues placed, and at least the "
        "coverage of the sequence. Pairs are those with both partners covered. The set "
        f"`ppi-human-structures` is the rule {IDENTITY:g}, {COVERAGE:g}: with half of each "
        "sequence asked for, too few training pairs are left; with a tenth, what is seen is often "
        "a small part of the protein.\n\n" + table(rows) + "\n"
    )


if __name__ == "__main__":
    main()
