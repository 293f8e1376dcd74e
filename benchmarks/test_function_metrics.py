"""Metrics of protein function, one core: seconds a metric, and seconds a resample of its curves.

Scores are random, labels follow a random ontology in which a term has one to three parents. A
smoke run takes a second; `PROTGRAPH_BENCHMARK=full` takes 5,000 proteins and 2,000 terms.
`pytest benchmarks -s` shows the table, `RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from protgraph.tasks.curves import best_f, curves
from protgraph.tasks.function import aupr, fmax, smin
from protgraph.tasks.ontology import CAFA, DEEPFRI, Ontology, information
from protgraph.tasks.ranking import best_exact_f, steps

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
PROTEINS, TERMS = (5000, 2000) if FULL else (300, 120)
ROUNDS = 3


def seconds(work: Callable[[], float]) -> float:
    start = time.process_time()
    assert np.isfinite(work())
    return time.process_time() - start


def ontology(relations: tuple[str, ...]) -> Ontology:
    """One root and terms below it; the last ones are the columns of the scores."""
    draw = np.random.default_rng(0)
    parents = [(), *(draw.integers(0, i, draw.integers(1, 4)) for i in range(1, 2 * TERMS))]
    above = tuple(tuple(sorted({int(p) for p in ps})) for ps in parents)
    terms = tuple(f"GO:{i:07d}" for i in range(len(above)))
    return Ontology(terms, terms, ("made",) * len(terms), above, {}, frozenset(), relations)


def test_function_metrics():
    draw = np.random.default_rng(1)
    cafa, deepfri = ontology(CAFA), ontology(DEEPFRI)
    terms = cafa.terms[-TERMS:]
    y = draw.random((PROTEINS, TERMS)) < 0.01
    s = np.clip(draw.random(y.shape) ** 4 + 0.3 * y * draw.random(y.shape), 0, 1)
    bits = information(y, terms, cafa)
    made = curves(y, s, protocol="cafa", terms=terms, ontology=cafa)
    ranked = steps(y, s)
    weights = draw.poisson(1, PROTEINS)
    work = {
        "Fmax, gearnet": partial(fmax, y, s, protocol="gearnet"),
        "Fmax, deepfri": partial(fmax, y, s, protocol="deepfri", terms=terms, ontology=deepfri),
        "Fmax, cafa": partial(fmax, y, s, protocol="cafa", terms=terms, ontology=cafa),
        "Smin": partial(smin, y, s, bits, terms=terms, ontology=cafa),
        "AUPR, micro": partial(aupr, y, s, average="micro"),
        "AUPR, macro": partial(aupr, y, s, average="macro"),
        "Fmax, gearnet, a resample of the steps": partial(best_exact_f, ranked, weights),
        "Fmax, cafa, a resample of the curves": partial(best_f, made, weights),
    }
    print(
        f"\n\n{PROTEINS:,} proteins, {TERMS:,} terms, {len(cafa.closure(terms)):,} with those above"
    )
    print("\n|  | seconds |\n|---|---|")
    for name, metric in work.items():
        print(f"| {name} | {min(seconds(metric) for _ in range(ROUNDS)):.4f} |")
