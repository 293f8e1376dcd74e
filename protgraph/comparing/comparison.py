"""What a benchmark found, as tables, a page and numbers."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from protgraph.data.dataset import Pairs
from protgraph.insight import pages, report
from protgraph.running import evaluate
from protgraph.running.cells import Cell, stacked
from protgraph.running.evaluate import columns
from protgraph.tasks import statistics
from protgraph.tasks.labels import Metric, Undefined
from protgraph.tasks.statistics import Interval
from protgraph.tasks.task import Task

_SEEN = (
    "By how many of the two partners training knows: both (C1), one (C2), none (C3); in brackets "
    "the pairs."
)


@dataclass(frozen=True, eq=False)
class Report:
    """What a benchmark found.

    Parameters
    ----------
    task, monitor : str
    rows : sequence of mapping
        One a model, the best on validation first: see `rows_of`.
    failed : mapping
        Model -> why a seed of it could not be computed.
    cells : mapping
        Model -> its cell at each seed.
    seen : sequence of mapping
        Of pairs: one a model, see `by_seen`.
    """

    task: str
    monitor: str
    rows: Sequence[Mapping[str, Any]]
    failed: Mapping[str, str]
    cells: Mapping[str, Sequence[Cell]] = field(repr=False)
    seen: Sequence[Mapping[str, Any]] = ()

    def markdown(self) -> str:
        """Lay the report out as a Markdown page."""
        (first, *_) = self.cells.values()
        facts, count = first[0].summary, max(map(len, self.cells.values()))
        said = [
            f"# Benchmark: {self.task}",
            f"Test {self.monitor}, mean over {count} seed{'s' * (count > 1)} (one of what does not "
            "depend on it), 95 % interval by family. The reference is the cheap baseline that is "
            "best on validation; differences to it are paired. Milliseconds a test "
            "protein are those of the fastest seed, memory is that of the whole process.",
            report.table(self.rows),
            *([_SEEN, report.table(self.seen)] if self.seen else []),
            "All numbers of the test side, means over the seeds.",
            report.table(self.numbers()),
            *(f"**{name}** failed: {reason}" for name, reason in self.failed.items()),
            f"Data {facts['data']}, split {facts['split']}, commit {facts['commit']}"
            f"{' with changes' if facts['dirty'] == 'true' else ''}, {platform.system()} "
            f"{platform.machine()}.",
        ]
        return "\n\n".join(said) + "\n"

    def numbers(self) -> list[dict[str, Any]]:
        """Every number of the test side, a row a model in the order of `rows`."""
        rows = []
        for row in self.rows:
            tests = [one.summary["test"] for one in self.cells[row["model"]]]
            means = {key: float(np.mean([test[key] for test in tests])) for key in tests[0]}
            rows.append({"model": row["model"], **means})
        return rows

    def write(self, folder: Path) -> None:
        """Write `report.md`, `report.json`, `report.html` and `intervals.png`."""
        folder.mkdir(parents=True, exist_ok=True)
        values = {row["model"]: row["interval"] for row in self.json()["rows"]}
        report.intervals(values, folder / "intervals.png", title=self.task, metric=self.monitor)
        (folder / "report.json").write_text(json.dumps(self.json(), indent=2) + "\n")
        (folder / "report.md").write_text(self.markdown())
        (folder / "report.html").write_text(pages.page(self.json()), encoding="utf-8")

    def json(self) -> dict[str, Any]:
        """All numbers: what `protgraph benchmark --json` prints."""
        rows = [
            {**written(row), "interval": list(row["test"]), "seeds": self._seeds(row["model"])}
            for row in self.rows
        ]
        return {
            "task": self.task, "monitor": self.monitor, "rows": rows, "failed": dict(self.failed),
            "seen": [written(row) for row in self.seen],
        }  # fmt: skip

    def _seeds(self, model: str) -> list[Mapping[str, Any]]:
        keys = ("seed", "valid", "test", "parameters", "seconds", "recipe", "commit", "dirty")
        return [{key: one.summary[key] for key in keys} for one in self.cells[model]]


def written(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write the intervals of a row out."""
    return {key: str(v) if isinstance(v, Interval) else v for key, v in row.items()}


def by_seen(task: Task, data: Pairs, cells: Mapping[str, Sequence[Cell]]) -> list[dict[str, Any]]:
    """Set the models beside each other on pairs of which training knows both, one or no partner.

    Parameters
    ----------
    task : Task
    data : Pairs
    cells : mapping
        Model -> its cell at each seed.

    Returns
    -------
    rows : list of dict
        Model and, for each class that there is, the test value with its 95 % interval; without
        interval where the pairs are too few for one, and empty where there is no value.
    """
    metric, rows = task.metrics[task.monitor], []
    for model, own in cells.items():
        row: dict[str, Any] = {"model": model}
        parts = [evaluate.by_seen(data, one.test) for one in own]
        for kind, first in parts[0].items():
            y, said = columns(first)[0], stacked([part[kind] for part in parts])
            row[f"{kind} ({len(first.y)})"] = _interval(metric, y, said, first.families)
        rows.append(row)
    return rows


def _interval(
    metric: Metric, y: npt.NDArray[Any], said: npt.NDArray[Any], families: npt.NDArray[Any]
) -> Interval | float | str:
    try:
        value = float(np.mean([metric(y, one) for one in said]))
    except Undefined:
        return ""
    try:
        return statistics.bootstrap(metric, y, said, families)
    except ValueError:
        return value
