"""Evaluation of registered models: every version of a name on one set, side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from protgraph.data.dataset import Dataset, Example, Pairs
from protgraph.data.sets import SETS
from protgraph.data.table import load as read_table
from protgraph.insight import report
from protgraph.models.saved import load
from protgraph.predict import Predictor
from protgraph.running import promotion
from protgraph.running.evaluate import Scored, columns, sided
from protgraph.running.learned import Learned
from protgraph.structure.protein import Floats
from protgraph.tasks import statistics
from protgraph.tasks.task import Task
from protgraph.track import appraised, names, registry
from protgraph.track.names import Version


@dataclass(frozen=True, eq=False)
class Appraisal:
    """What the versions of a model are worth on a set.

    Parameters
    ----------
    facts : mapping
        All numbers: what `protgraph evaluate --json` prints.
    plot : bytes
        PNG.
    """

    facts: Mapping[str, Any]
    plot: bytes = field(repr=False)

    def markdown(self) -> str:
        """Lay the table out as a Markdown page."""
        f = self.facts
        said = [
            f"# {f['model']} on {f['dataset']}",
            f"Test {f['monitor']} with 95 % intervals by family, of scores as a user sees them; "
            f"minus {f['reference']} is paired.",
            report.table([_written(row) for row in f["rows"]]),
            *f["notes"],
            f"Data {f['data']}, split {f['split']}.",
        ]
        return "\n\n".join(said) + "\n"


def appraise(
    uri: str,
    dataset: str,
    *,
    labels: Sequence[str] = (),
    proteins: str = "",
    data: Dataset | Pairs | None = None,
) -> Appraisal:
    """Score the test side of a set with all versions of a model; remember it beside their runs.

    Parameters
    ----------
    uri : str
        The version that the others are compared with, as `names.find`.
    dataset : str
        Name of a benchmark set, or path of a table.
    labels, proteins
        Of a table, as `data.table.load`.
    data : Dataset or Pairs, optional
        What `dataset` names, if it is loaded already.

    Returns
    -------
    appraisal : Appraisal
        Logged as a run of the experiment of the version's own run, every number also with the
        logged model that it is of. A version that learned from another split of the set is marked
        in the column "split": it may have seen its test side.

    Raises
    ------
    ValueError, FileNotFoundError
        Where there is no such model or set, or the model answers another question.
    """
    asked = names.find(uri)
    config = load(registry.folder(asked.uri)).config
    task = promotion.asked(config)
    if data is None:
        data = _set(dataset, labels, proteins, gaps=config.gaps)
    _fits(task, data)
    scored: list[tuple[Version, Scored]] = []
    notes = []
    for version in _versions(asked):
        model = load(registry.folder(version.uri))
        if promotion.compared(model.config) != promotion.compared(config):
            notes.append(f"Version {version.number} answers another question and is left out.")
        elif model.config.gaps != config.gaps:
            notes.append(f"Version {version.number} reads gaps otherwise and is left out.")
        else:
            scored.append((version, _scored(task, Predictor(model, version.uri), data)))
    rows = [_row(task, version, side, scored[0], data) for version, side in scored]
    facts = {
        "model": uri,
        "dataset": dataset,
        "reference": f"version {asked.number}",
        "monitor": task.monitor,
        "data": data.digest,
        "split": data.split_digest,
        "rows": rows,
        "notes": notes,
    }
    made = Appraisal(facts, _plot(facts))
    run = appraised.remember(asked, facts, made.markdown(), made.plot)
    return replace(made, facts={**facts, "run": run})


def _set(dataset: str, labels: Sequence[str], proteins: str, *, gaps: bool) -> Dataset | Pairs:
    """Load a benchmark set or a table."""
    if dataset in SETS:
        return SETS[dataset](gaps=gaps)
    if not Path(dataset).is_file():
        raise ValueError(f"{dataset}: no table is there, and the sets are {', '.join(SETS)}.")
    table = read_table(dataset, labels=tuple(labels) or "label", proteins=proteins or None)
    held = table.pairs if table.dataset is None else table.dataset
    assert held is not None
    return held


def _fits(task: Task, data: Dataset | Pairs) -> None:
    """Refuse a set of another level or width, before anything is scored."""
    pairs = isinstance(data, Pairs)
    if pairs != (task.level == "pair"):
        raise ValueError(f"{task.name} scores a {task.level}; {data.name} has no labels of one.")
    y = data.y if isinstance(data, Pairs) else data.examples[0].y
    width = 1 if task.exclusive else len(task.outputs)
    residues = y.ndim == 2 and not pairs
    if residues != (task.level == "residue") or y.shape[-1] != width:
        raise ValueError(
            f"{task.name} scores a {task.level}'s {', '.join(task.outputs)}; the labels of "
            f"{data.name} have the shape {list(y.shape)}."
        )


def _versions(asked: Version) -> list[Version]:
    """The version asked for, then all others of its name, the newest first."""
    held = names.versions(names.registered(asked.name, asked.name))
    ours = [v for v in held if "task" in v.tags and v.number != asked.number]
    return [asked, *sorted(ours, key=lambda version: -version.number)]


def _scored(task: Task, predictor: Predictor, data: Dataset | Pairs) -> Scored:
    """Score the test side as a user sees it."""

    def single(examples: Sequence[Example]) -> list[Floats]:
        return [said.scores for said in predictor.predict([e.protein for e in examples])]

    def both(rows: Any) -> list[Floats]:
        assert isinstance(data, Pairs)
        proteins = data.proteins
        asked = [(proteins[a], proteins[b]) for a, b in data.pairs[rows].tolist()]
        return [said.scores for said in predictor.predict_pairs(asked)]

    learned = Learned(both if isinstance(data, Pairs) else single, None, None, 0)
    side = sided(task, learned, data, "test")
    if "micro_f1" not in task.metrics:
        return side
    # It counts scores from 0.5 on as calls, and calls begin at the thresholds.
    shift = np.array(predictor.model.config.thresholds, np.float32) - np.float32(0.5)
    return replace(side, scores=side.scores - shift)


def _row(
    task: Task,
    version: Version,
    side: Scored,
    reference: tuple[Version, Scored],
    data: Dataset | Pairs,
) -> dict[str, Any]:
    """One version in the table."""
    metric = task.metrics[task.monitor]
    y, scores = columns(side)
    own = statistics.bootstrap(metric, y, scores[None], side.families)
    row: dict[str, Any] = {
        "version": version.number,
        "aliases": list(version.aliases),
        task.monitor: list(own),
        "minus": None,
        "split": "same" if version.tags.get("split") == data.split_digest else "another",
        "model": version.model,
    }
    if version.number != reference[0].number:
        before = columns(reference[1])[1][None]
        row["minus"] = list(statistics.paired(metric, y, scores[None], before, side.families))
    return row


def _written(row: Mapping[str, Any]) -> dict[str, str]:
    """Write a row for people."""
    _, _, monitor, *_ = row
    interval = statistics.Interval
    return {
        "version": str(row["version"]),
        "aliases": ", ".join(row["aliases"]),
        monitor: str(interval(*row[monitor])),
        "minus the reference": str(interval(*row["minus"])) if row["minus"] else "",
        "split": row["split"],
    }


def _plot(facts: Mapping[str, Any]) -> bytes:
    """Plot all versions beside each other."""
    values = {
        " ".join([f"version {row['version']}", *row["aliases"]]): row[facts["monitor"]]
        for row in facts["rows"]
    }
    with tempfile.TemporaryDirectory() as folder:
        title = f"{facts['model']} on {facts['dataset']}"
        path = Path(folder, "versions.png")
        return report.intervals(values, path, title=title, metric=facts["monitor"]).read_bytes()
