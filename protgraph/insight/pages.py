"""A benchmark as one page that needs nothing else: a table to sort, intervals to point at."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from protgraph.tasks.statistics import Interval

_INTERVAL = re.compile(r"(-?\d+\.\d+) \[(-?\d+\.\d+), (-?\d+\.\d+)\]")  # as `Interval` prints


def page(report: Mapping[str, Any]) -> str:
    """Write a benchmark's report as one HTML file that works offline.

    Parameters
    ----------
    report : mapping
        What `report.json` holds: task, monitor, rows and failed. Of a row, "interval" and "seeds"
        are the parts of other keys; every other key is a column, and text such as
        "0.861 [0.795, 0.913]" is a number with its interval.

    Returns
    -------
    html : str
        Style, script and data are inside; the page's content policy forbids the browser to load
        anything else.

    Raises
    ------
    ValueError
        Where there is no row.

    Examples
    --------
    >>> row = {"model": "prior", "valid": 0.5, "test": "0.500 [0.400, 0.600]"}
    >>> text = page({"task": "zinc-site", "monitor": "auprc", "rows": [row], "failed": {}})
    >>> "<h1>zinc-site</h1>" in text, len(text) < 30_000
    (True, True)
    """
    rows = report["rows"]
    if not rows:
        raise ValueError(f"{report['task']}: a page shows one model at least, got none.")
    gains = [key for key in rows[0] if key.startswith("minus ")]
    data = {
        "task": report["task"],
        "monitor": report["monitor"],
        "reference": gains[0].removeprefix("minus ") if gains else rows[0]["model"],
        "columns": [key for key in rows[0] if key not in ("interval", "seeds")],
        "rows": [_row(row) for row in rows],
        "failed": dict(report["failed"]),
    }
    parts = {
        "task": escape(str(report["task"])),
        "monitor": escape(str(report["monitor"])),
        "data": _inert(json.dumps(data, allow_nan=False)),
    }
    shell = files("protgraph.insight").joinpath("benchmark.html").read_text(encoding="utf-8")
    # One pass: what is inserted is never searched for further places.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], shell)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of a row; a number with its interval becomes a list of three."""
    cells = {key: value for key, value in row.items() if key not in ("interval", "seeds")}
    return {
        "cells": _finite(cells),
        "each": [_finite(seed["test"]) for seed in row.get("seeds", ())],
    }


def _finite(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _cell(value) for key, value in numbers.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, Interval):
        return list(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    found = _INTERVAL.fullmatch(value) if isinstance(value, str) else None
    return [float(part) for part in found.groups()] if found else value


def _inert(text: str) -> str:
    """Escape JSON so that no browser sees a tag in it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
