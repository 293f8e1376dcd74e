"""The vector store, one core: proteins a second and bytes a second, in random order from memory.

Files lie in the page cache, as after a first read. `first read` opens the store anew, so it checks
every checksum; `read` is what each later epoch takes; both touch every value. A smoke run takes
seconds; `PROTGRAPH_BENCHMARK=full` takes as many proteins as a proteome has. `pytest benchmarks -s`
shows the table, `RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from protgraph.language.storage import STORAGE
from protgraph.language.store import Store, key

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
ROUNDS = 3
WIDTH = 640
COMMIT = 500  # proteins


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def touch(held: Store, keys: list[str]) -> float:
    """Read every value, so that a page that was only mapped is loaded."""
    return sum(float(held.get(name).sum()) for name in keys)


def filled(folder, lengths, storage) -> list[str]:
    draw = np.random.default_rng(0)
    pool = draw.normal(size=(max(*lengths, 1) + 1000, WIDTH)).astype(np.float32)
    keys = [key(str(i), "benchmark", storage=storage) for i in range(len(lengths))]
    held = Store(folder)
    with held.writing():
        for start in range(0, len(keys), COMMIT):
            batch = {}
            for i in range(start, min(start + COMMIT, len(keys))):
                array = pool[i % 1000 : i % 1000 + lengths[i]] if lengths[i] else pool[i % 1000]
                batch[keys[i]] = array
            held.add(batch, storage=storage)
    random.Random(0).shuffle(keys)
    return keys


def table(title: str, rows: list[tuple[str, str, str, str]]) -> None:
    print(f"\n\n{title}\n\n|  | first read | read | |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "per residue"])
def test_reading_in_random_order(tmp_path, pooled):
    draw = np.random.default_rng(1)
    count = (100_000 if FULL else 10_000) if pooled else (3000 if FULL else 500)
    lengths = [0] * count if pooled else draw.integers(50, 700, count).tolist()
    values = 4 * WIDTH * sum(max(length, 1) for length in lengths)
    rows = []
    for storage in STORAGE:
        folder = tmp_path / storage
        keys = filled(folder, lengths, storage)
        opening = min(seconds(lambda folder=folder: Store(folder)) for _ in range(ROUNDS))
        stores = [Store(folder) for _ in range(ROUNDS)]
        first, again = (min(seconds(partial(touch, s, keys)) for s in stores) for _ in range(2))
        rates = [
            f"{count / took:,.0f} proteins/s, {values / took / 1e9:.2f} GB/s"
            for took in (first, again)
        ]
        rows.append(
            (storage, *rates, f"opened in {1e3 * opening:.0f} ms; {stores[0].error[storage]}")
        )
        assert len(stores[0]) == count
        shutil.rmtree(folder)
    kind = "pooled" if pooled else "per residue"
    table(f"The store, {count:,} proteins, {kind}, {WIDTH} columns; GB of float32", rows)
