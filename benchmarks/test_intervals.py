"""Intervals by family: all resamples from counts, against one metric of drawn items a resample.

A smoke run takes a second; `PROTGRAPH_BENCHMARK=full` takes a set of the size of zinc's test side.
`pytest benchmarks/test_intervals.py -s` shows the table, `RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import time
from functools import partial

import numpy as np
import pytest

from protgraph.tasks import statistics
from protgraph.tasks.metrics import auprc, auroc, macro_f1, spearman

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
ITEMS, FAMILIES, SAMPLES = (8000, 30, 1000) if FULL else (400, 10, 50)
ROUNDS = 3 if FULL else 1


def timed(metric, y, s, families):
    start = time.process_time()
    found = statistics.bootstrap(metric, y, s, families, samples=SAMPLES)
    return time.process_time() - start, found


@pytest.mark.parametrize("metric", [auprc, auroc, macro_f1, spearman], ids=lambda one: one.__name__)
def test_from_counts_against_item_by_item(metric):
    rng = np.random.default_rng(0)
    y = (rng.random(ITEMS) < 0.05).astype(float)
    s = rng.normal(size=ITEMS) + y
    if metric is macro_f1:
        y = rng.integers(0, 4, ITEMS).astype(float)
        s = rng.random((1, ITEMS, 4)) + np.eye(4)[y.astype(int)] / 2
    families = rng.integers(0, FAMILIES, ITEMS)
    # Another function of the same numbers is one that nothing is known of.
    ways = {"item by item": partial(metric), "from counts": metric}
    least = dict.fromkeys(ways, np.inf)
    for _ in range(ROUNDS):
        found = {}
        for name, way in ways.items():
            seconds, found[name] = timed(way, y, s, families)
            least[name] = min(least[name], seconds)
    plain, quick = least.values()
    print(f"\n| {metric.__name__} | {plain:.2f} | {quick:.2f} | {plain / quick:.1f} |")
    np.testing.assert_allclose(found["from counts"], found["item by item"], atol=1e-12)
