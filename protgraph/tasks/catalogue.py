"""The questions that protgraph knows, one literal each."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from protgraph.tasks.calls import binary_accuracy, micro_f1
from protgraph.tasks.ec import NUMBER, ec_ontology
from protgraph.tasks.function import aupr, fmax, fmax_gearnet
from protgraph.tasks.labels import Metric
from protgraph.tasks.loss import binary_cross_entropy, cross_entropy, squared_error
from protgraph.tasks.macro import macro
from protgraph.tasks.metrics import accuracy, auprc, auroc, macro_f1, spearman
from protgraph.tasks.task import Task

_SITE = {"auprc": auprc, "auroc": auroc}
_FUNCTION: dict[str, Metric] = {"fmax": fmax_gearnet, "aupr": partial(aupr, average="micro")}
_SITES = ("prior", "window-boosting", "shells-boosting")
_GO = re.compile(r"GO:\d{7}")
_PAIRS = ("prior", "degree", "composition-linear")
_PROTEINS = ("prior", "composition-linear", "kmer-linear", "kmer-neighbour", "kmer-fused")


def _site(name: str, output: str, ligand: str) -> Task:
    return Task(
        name=name,
        level="residue",
        outputs=(output,),
        loss=binary_cross_entropy,
        metrics=_SITE,
        monitor="auprc",
        given=f"the chain binds {ligand}",
        baselines=_SITES,
    )


def _of_enzymes(numbers: tuple[str, ...]) -> dict[str, Metric]:
    """Fmax of EC numbers by the two protocols that know how they depend on each other."""
    above = ec_ontology(numbers)
    return {
        "fmax_deepfri": partial(fmax, protocol="deepfri", terms=numbers),
        "fmax_cafa": partial(fmax, protocol="cafa", terms=numbers, ontology=above),
    }


def _classes(name: str, level: str, outputs: tuple[str, ...], given: str) -> Task:
    return Task(
        name=name,
        level=level,
        outputs=outputs,
        loss=cross_entropy,
        metrics={"macro_f1": macro_f1, "accuracy": accuracy},
        monitor="macro_f1" if level == "protein" else "accuracy",
        given=given,
        exclusive=True,
        baselines=_PROTEINS if level == "protein" else ("prior", "window-linear"),
    )


def _value(name: str, output: str, given: str) -> Task:
    return Task(
        name=name,
        level="protein",
        outputs=(output,),
        loss=squared_error,
        metrics={"spearman": spearman},
        monitor="spearman",
        given=given,
        value=True,
        baselines=("prior", "onehot-ridge", "kmer-linear", "kmer-neighbour", "kmer-fused"),
    )


def _partners(name: str) -> Task:
    return Task(
        name=name,
        level="pair",
        outputs=("interaction",),
        loss=binary_cross_entropy,
        metrics={"auprc": auprc, "accuracy": binary_accuracy},
        monitor="auprc",
        baselines=_PAIRS,
    )


ACTIONS = (
    "reaction", "binding", "ptmod", "activation", "inhibition", "catalysis", "expression",
)  # fmt: skip

PLACES = (
    "cytoplasm", "cytoplasmic membrane", "periplasm", "outer membrane", "cell wall", "outside",
)  # fmt: skip


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        _site("zinc-site", "zinc", "zinc"),
        _site("calcium-site", "calcium", "calcium"),
        _site("magnesium-site", "magnesium", "magnesium"),
        _site("peptide-site", "peptide", "a peptide"),
        _site("interface", "interface", "the partner of its complex"),
        _site("planted-site", "site", "the chain has a planted site"),
        Task(
            name="ligand-sites",
            level="residue",
            outputs=("ZN", "CA", "MG", "MN", "ATP", "HEM", "PEP", "PRO", "DNA", "RNA"),
            loss=binary_cross_entropy,
            metrics={"auprc": macro(auprc), "auroc": macro(auroc)},
            monitor="auprc",
            given="the chain binds the ligand",
            baselines=_SITES,
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
            baselines=_PROTEINS,
        ),
        *(
            Task(
                name=f"ec-{kind}",
                level="protein",
                outputs=(),
                loss=binary_cross_entropy,
                metrics=_FUNCTION,
                monitor="fmax",
                given="the protein is an enzyme",
                metrics_of=_of_enzymes,
                baselines=_PROTEINS,
            )
            for kind in ("chains", "structures")
        ),
        _classes("localisation", "protein", PLACES, "the protein is of a bacterium"),
        replace(
            _classes("secondary-structure", "residue", ("coil", "helix", "strand"), ""),
            metrics={"macro_f1": macro_f1, "q3": accuracy},
            monitor="q3",
        ),
        replace(
            _classes("topology", "residue", ("elsewhere", "helix", "strand", "signal peptide"), ""),
            # 97 of 100 residues are elsewhere: accuracy would tell nothing.
            monitor="macro_f1",
        ),
        _value("fluorescence", "log fluorescence", "the protein is a variant of avGFP"),
        _value("stability", "stability score", "the protein is a designed mini-protein"),
        *(
            _partners(f"ppi-{name}")
            for name in (
                "yeast-original",
                "yeast-rewired",
                "yeast-partition",
                "human",
                "human-structures",
            )
        ),
        *(
            Task(
                name=f"shs27k-{route}-{seed}",
                level="pair",
                outputs=ACTIONS,
                loss=binary_cross_entropy,
                metrics={"micro_f1": micro_f1, "auprc": macro(auprc)},
                monitor="micro_f1",
                given="the proteins interact",
                baselines=("prior", "label-prior", "composition-linear"),
            )
            for route in ("random", "bfs", "dfs")
            for seed in range(3)
        ),
        *(
            _value(f"gb1-{split}", "enrichment", "the protein is a variant of GB1")
            for split in ("one-vs-rest", "two-vs-rest", "three-vs-rest", "low-vs-high", "sampled")
        ),
    )
}
"""Task by name."""


def own(name: str, level: str, kind: str, outputs: tuple[str, ...]) -> Task:
    """Make the task of a table of your own; several GO terms or EC numbers have Fmax and AUPR.

    Parameters
    ----------
    name : str
        Not the name of another task.
    level, kind, outputs
        As `protgraph.data.table.Table` has them.

    Raises
    ------
    ValueError
        Where the name is taken.

    Examples
    --------
    >>> own("melting", "protein", "value", ("celsius",)).monitor
    'spearman'
    """
    if name in TASKS:
        raise ValueError(f"{name} is a task of its own; a table needs another name.")
    baselines = {"residue": ("prior",), "protein": _PROTEINS, "pair": _PAIRS}[level]
    if kind == "classes":
        made = _classes(name, level, outputs, "")
    elif kind == "value":
        made = _value(name, outputs[0], "")
        measure = spearman if len(outputs) == 1 else macro(spearman)
        made = replace(made, level=level, outputs=outputs, metrics={"spearman": measure})
    elif level == "protein" and len(outputs) > 1 and _functions(outputs):
        made = Task(name, level, outputs, binary_cross_entropy, _FUNCTION, "fmax")
    else:
        metrics = _SITE if len(outputs) == 1 else {k: macro(m) for k, m in _SITE.items()}
        made = Task(name, level, outputs, binary_cross_entropy, metrics, "auprc")
    return replace(made, baselines=baselines)


def answered(
    name: str, level: str, outputs: tuple[str, ...], *, exclusive: bool, value: bool
) -> Task:
    """Look up the task that a model answers, or make that of a table.

    Parameters
    ----------
    name, level, outputs, exclusive, value
        As the model's config has them.

    Examples
    --------
    >>> answered("melting", "protein", ("celsius",), exclusive=False, value=True).monitor
    'spearman'
    """
    if name in TASKS:
        return TASKS[name].named(outputs)
    return own(name, level, "classes" if exclusive else "value" if value else "", outputs)


def _functions(outputs: tuple[str, ...]) -> bool:
    """Whether all outputs are GO terms, or all EC numbers."""
    return any(all(map(form.fullmatch, outputs)) for form in (_GO, NUMBER))
