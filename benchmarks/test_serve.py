"""Load on `protgraph serve`: clients at once, against one row at a time, and faults.

A smoke run sends some hundred requests; `PROTGRAPH_BENCHMARK=full` sends 10,000 with one bad in a
hundred. `pytest benchmarks/test_serve.py -s` shows the tables, `RESULTS.md` keeps them. Server and
clients share the machine; `PROTGRAPH_SERVED` names another model than `zinc-site-seq`.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise

import numpy as np
import pytest

from protgraph import load
from protgraph.structure.protein import Protein
from protgraph.structure.residues import LETTERS

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
ASKED = 1000 if FULL else 60
FAULTS = 10_000 if FULL else 200
CLIENTS = (1, 8, 32)
MODEL = os.environ.get("PROTGRAPH_SERVED", "zinc-site-seq")
BAD = ("MK1", "", "M" * 20_000)


@pytest.fixture(scope="module")
def sequences() -> list[str]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(50, 400, 200)
    return ["".join(rng.choice(list(LETTERS[:20]), length)) for length in lengths]


@contextmanager
def served(*words: str) -> Iterator[int]:
    command = [sys.executable, "-m", "protgraph", "serve", MODEL, "--port", "0", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://127.0.0.1:(\d+)/", line):
                break
        try:
            yield int(found[1])
        finally:
            process.terminate()


def client(port: int, work: list[str]) -> list[tuple[int, float, dict]]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    said = []
    for sequence in work:
        body = json.dumps({"sequences": [sequence]})
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        said.append((response.status, time.perf_counter() - start, json.loads(text)))
    connection.close()
    return said


def many(port: int, work: list[str], clients: int) -> tuple[float, list[tuple[int, float, dict]]]:
    """Requests a second, and the answers in the order of the work."""
    ends = np.linspace(0, len(work), clients + 1).astype(int)
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        parts = pool.map(lambda end: client(port, work[end[0] : end[1]]), list(pairwise(ends)))
        said = [one for part in parts for one in part]
    return len(work) / (time.perf_counter() - start), said


def memory(port: int) -> float:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    return float(re.search(r"^process_resident_memory_bytes (\S+)", text, flags=re.M)[1])


def test_clients_at_once(sequences):
    rng = np.random.default_rng(1)
    work = [sequences[i] for i in rng.integers(0, len(sequences), ASKED)]
    rates: dict[tuple[str, int], float] = {}
    print("\nserver          clients  requests/s  p50 ms  p99 ms")
    for name, words in (("one at a time", ("--budget", "1")), ("batches", ())):
        with served(*words) as port:
            many(port, work[:50], 1)
            for clients in CLIENTS:
                rate, said = many(port, work, clients)
                p50, p99 = np.percentile([1000 * seconds for _, seconds, _ in said], [50, 99])
                rates[name, clients] = rate
                print(f"{name:14} {clients:8} {rate:11.0f} {p50:7.1f} {p99:7.1f}")
                assert {status for status, *_ in said} == {200}
    for clients in (1, 8):
        ratio = rates["batches", 8] / rates["one at a time", clients]
        print(f"8 clients in batches: {ratio:.2f} times {clients} one at a time")


def test_one_bad_in_a_hundred(sequences):
    predictor = load(MODEL)
    expected = [predictor.predict(Protein("p", one)).scores[:, 0] for one in sequences]
    places = np.random.default_rng(2).integers(0, len(sequences), FAULTS)
    work = [sequences[i] for i in places]
    for number in range(0, FAULTS, 100):
        work[number] = BAD[number // 100 % len(BAD)]
    with served() as port:
        many(port, work[: FAULTS // 2], 8)
        before = memory(port)
        rate, said = many(port, work, 8)
        after = memory(port)
    print(f"\n{FAULTS} requests, {rate:.0f} a second, memory {after / before - 1:+.1%}")
    for number, (status, _, answer) in enumerate(said):
        if number % 100 == 0:
            assert 400 <= status < 500
            continue
        assert status == 200
        (own,) = answer["answers"]
        (scores,) = own["scores"].values()
        np.testing.assert_allclose(scores, expected[places[number]], atol=2e-6)
    assert after < 1.05 * before
