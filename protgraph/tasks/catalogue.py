"""The questions that protgraph knows, one literal each."""

from __future__ import annotations

from protgraph.tasks.loss import binary_cross_entropy, cross_entropy
from protgraph.tasks.macro import macro
from protgraph.tasks.metrics import accuracy, auprc, auroc, macro_f1
from protgraph.tasks.task import Task

_SITE = {"auprc": auprc, "auroc": auroc}


def _site(name: str, output: str, ligand: str) -> Task:
    return Task(
        name=name,
        level="residue",
        outputs=(output,),
        loss=binary_cross_entropy,
        metrics=_SITE,
        monitor="auprc",
        given=f"the chain binds {ligand}",
    )


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        _site("zinc-site", "zinc", "zinc"),
        _site("calcium-site", "calcium", "calcium"),
        _site("magnesium-site", "magnesium", "magnesium"),
        _site("peptide-site", "peptide", "a peptide"),
        _site("planted-site", "site", "the chain has a planted site"),
        Task(
            name="ligand-sites",
            level="residue",
            outputs=("ZN", "CA", "MG", "MN", "ATP", "HEM", "PEP", "PRO", "DNA", "RNA"),
            loss=binary_cross_entropy,
            metrics={"auprc": macro(auprc), "auroc": macro(auroc)},
            monitor="auprc",
            given="the chain binds the ligand",
        ),
        Task(
            name="enzyme-class",
            level="protein",
            outputs=("no enzyme", "oxidoreductase", "transferase", "hydrolase"),
            loss=cross_entropy,
            metrics={"macro_f1": macro_f1, "accuracy": accuracy},
            monitor="macro_f1",
            given="the protein is of one of these four classes",
            exclusive=True,
        ),
    )
}
"""Task by name."""
