"""The search for relatives: what it finds of what all alignments find, and how long it takes.

A smoke run takes 40 real chains; `PROTGRAPH_BENCHMARK=full` takes 900 (all pairs aligned, some five
minutes) and the whole EC test set. `pytest benchmarks/test_cluster.py -s` shows the numbers,
`RESULTS.md` keeps them. Processor time on one core.
"""

from __future__ import annotations

import csv
import gzip
import os
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from protgraph.data import neighbours, seeds
from protgraph.data.leakage import leakage
from protgraph.data.neighbours import named, nearest, related, relation
from protgraph.data.seeds import THOROUGH, USUAL, candidates, index

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
CHAINS = 900 if FULL else 40
TARGETS = 15_000  # as many as the EC training set has


def swissprot() -> list[str]:
    path = Path(os.environ["PROTGRAPH_DATA"]) / "function_ec" / "ec_swissprot.tsv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return [row["sequence"] for row in csv.DictReader(file, delimiter="\t")]


def taken(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.fixture(scope="module")
def ec() -> list[dict[str, str]]:
    if not os.environ.get("PROTGRAPH_DATA"):
        pytest.skip("PROTGRAPH_DATA is not set: benchmarks on real chains are left out")
    path = Path(os.environ["PROTGRAPH_DATA"]) / "function_ec" / "ec_chains.tsv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_what_the_seeds_find_of_all_relatives(ec):
    chosen = np.random.default_rng(0).choice(len(ec), CHAINS, replace=False)
    texts = [ec[place]["sequence"] for place in chosen]
    made = index(texts, longest=max(map(len, texts)))
    scores = np.zeros((CHAINS, CHAINS))
    start = time.process_time()
    for place, text in enumerate(texts):
        targets, values = candidates(text, made, least=1)
        scores[place, targets] = values
    search = time.process_time() - start
    start = time.process_time()
    true = [pair for pair in combinations(range(CHAINS), 2) if related(*(texts[k] for k in pair))]
    aligned = time.process_time() - start
    found = {least: sum(scores[pair] >= least for pair in true) for least in (USUAL, THOROUGH)}
    print(f"\n{CHAINS} chains, {len(true)} pairs of relatives: usual, thorough {found.values()}")
    print(f"search {search:.1f} s, alignments {aligned:.1f} s")
    assert found[THOROUGH] >= found[USUAL] >= 0.9 * len(true)


def test_the_report_of_the_ec_split(ec):
    train = [(row["chain"], row["sequence"]) for row in ec if row["split"] == "train"]
    test = [(row["chain"], row["sequence"]) for row in ec if row["split"] == "test"]
    if not FULL:
        train, test = train[:200], test[:20]
    start = time.process_time()
    made = leakage(train, test)
    taken = time.process_time() - start
    print(f"\n{len(test)} against {len(train)}: {taken:.1f} s, {made.counts()}")
    assert len(made.rows) == len(test)


def test_a_training_set_of_full_size(ec):
    """Swiss-Prot enzymes and shuffled copies of them fill the training set up."""
    texts = swissprot()
    texts += [row["sequence"] for row in ec if row["split"] == "train"]
    rng = np.random.default_rng(0)
    for text in texts[: TARGETS - len(texts)]:
        texts.append("".join(rng.permutation(list(text))))
    test = [(row["chain"], row["sequence"]) for row in ec if row["split"] == "test"]
    targets, asked = (TARGETS, len(test)) if FULL else (200, 20)
    start = time.process_time()
    leakage([(str(k), text) for k, text in enumerate(texts[:targets])], test[:asked])
    print(f"\n{asked} against {targets}: {time.process_time() - start:.1f} s")


def test_windows_first_against_whole_diagonals(ec, monkeypatch):
    """The same search with every diagonal scored whole, and the score before each alignment."""
    asked, most = (100, 10_000) if FULL else (10, 600)
    queries = [row["sequence"] for row in ec if row["split"] == "test"][:asked]
    texts = (swissprot() + [row["sequence"] for row in ec if row["split"] == "train"])[-most:]
    targets = list(named((str(k), text) for k, text in enumerate(texts)).values())
    found = {}
    quick = taken(lambda: found.update(quick=nearest(queries, targets)))
    monkeypatch.setattr(seeds, "SLACK", 10**6)
    monkeypatch.setattr(seeds, "SPARE", len(targets))
    monkeypatch.setattr(neighbours, "relation", lambda a, b, **_: relation(a, b))
    whole = taken(lambda: found.update(whole=nearest(queries, targets)))
    changed = sum(a != b for a, b in zip(found["quick"], found["whole"], strict=True))
    print(f"\n{asked} against {len(targets)}: {quick:.1f} s, whole {whole:.1f} s")
    print(f"ratio {whole / quick:.2f}, {changed} neighbours differ")
    assert changed <= 0.01 * asked
