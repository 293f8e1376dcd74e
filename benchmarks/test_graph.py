"""From a PDB file to a graph, one core: protgraph beside gemmi's bare parse and Biopython.

A smoke run over a dozen chains takes seconds; `PROTGRAPH_BENCHMARK=full` takes all of them. The
contestants take turns at every chain, so that whatever else the machine does hits all alike; the
time is processor time, of a chain the best of three. `pytest benchmarks -s` shows the table,
`RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from protgraph.graph.build import build
from protgraph.graph.cache import cached
from protgraph.structure.read import read

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
ROUNDS = 3
SLOW = 10  # Biopython takes every tenth chain; its ratio is over those
GRAPHS = 1500


@pytest.fixture(scope="module")
def files() -> list[Path]:
    folder = os.environ.get("PROTGRAPH_DATA")
    if not folder:
        pytest.skip("PROTGRAPH_DATA is not set: benchmarks on real chains are left out")
    from protgraph.data.source import unpacked

    found = sorted((unpacked(Path(folder) / "structures/chains.tar.xz") / "chains").glob("*.pdb"))
    return found if FULL else found[:: len(found) // 12]


def parse(file: Path) -> None:
    import gemmi

    gemmi.read_structure(str(file))


def dense(file: Path) -> np.ndarray:
    """What a script would do: Biopython, then the whole distance matrix."""
    from Bio.PDB import PDBParser

    model = PDBParser(QUIET=True).get_structure("", file)[0]
    ca = np.array([residue["CA"].coord for residue in model.get_residues() if "CA" in residue])
    apart = np.linalg.norm(ca[:, None] - ca[None], axis=-1)
    return np.argwhere((apart <= 10.0) & ~np.eye(len(ca), dtype=bool))


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def shown(title: str, rows: list[tuple[str, str, str]]) -> None:
    print(f"\n\n{title}\n\n|  | ms | |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def test_from_a_file_to_a_graph(files):
    torch.set_num_threads(1)
    proteins = {file: read(file)[0] for file in files}
    runs = {
        "gemmi, bare parse": lambda file: parse(file),
        "read": lambda file: read(file),
        "build": lambda file: build(proteins[file]),
        "read + build": lambda file: build(read(file)[0]),
    }
    took = {name: np.full(len(files), np.inf) for name in (*runs, "slow")}
    for i, file in enumerate(files):
        for _ in range(ROUNDS):
            for name, run in runs.items():
                took[name][i] = min(took[name][i], seconds(lambda run=run, file=file: run(file)))
            if i % SLOW == 0:
                took["slow"][i] = min(took["slow"][i], seconds(lambda file=file: dense(file)))
    few = slice(None, None, SLOW)
    bare, both = took["gemmi, bare parse"], took["read + build"]
    rows = [
        (name, f"{1e3 * took[name].mean():.2f}", f"{took[name].mean() / bare.mean():.2f} x bare")
        for name in runs
    ]
    slow = took["slow"][few]
    times = slow.mean() / both[few].mean()
    rows.append(
        (
            "Biopython + dense",
            f"{1e3 * slow.mean():.2f}",
            f"{times:.1f} x read + build ({len(slow)})",
        )
    )
    residues = np.mean([len(protein) for protein in proteins.values()])
    shown(f"{len(files)} chains of {residues:.0f} residues, a chain", rows)
    assert all(np.isfinite(took[name]).all() for name in runs)


def touch(graph: Data) -> float:
    """Read every value, so that a page that was only mapped is loaded."""
    return sum(float(value.sum()) for value in graph.to_dict().values())


def test_graphs_from_the_cache_in_random_order(files, tmp_path):
    torch.set_num_threads(1)
    settings = {"radius": 10.0}
    cached(tmp_path, (read(file)[0] for file in files), build, settings=settings)
    proteins = [read(file)[0] for file in files]
    opening = seconds(lambda: cached(tmp_path, proteins, build, settings=settings))
    graphs = cached(tmp_path, proteins, build, settings=settings)
    order = random.Random(0).choices(range(len(graphs)), k=GRAPHS)
    fetched = min(seconds(lambda: [graphs[i] for i in order]) for _ in range(ROUNDS))
    copied = min(seconds(lambda: [graphs[i].clone() for i in order]) for _ in range(ROUNDS))
    read_all = min(seconds(lambda: [touch(graphs[i]) for i in order]) for _ in range(ROUNDS))
    rows = [
        (name, f"{1e3 * took / GRAPHS:.3f}", f"{GRAPHS / took:,.0f} graphs/s")
        for name, took in (("mapped", fetched), ("copied", copied), ("every value read", read_all))
    ]
    rows.append(("open, keys of all", f"{1e3 * opening / len(graphs):.3f}", ""))
    shown(f"The cache, {len(graphs)} graphs in random order, a graph", rows)
    assert len(graphs) == len(files)
    shutil.rmtree(tmp_path)  # all chains take 0.8 GB, and pytest keeps three runs


def test_import():
    code = "import time; t = time.perf_counter(); import protgraph; print(time.perf_counter() - t)"
    run = [sys.executable, "-c", code]
    took = min(float(subprocess.check_output(run, text=True)) for _ in range(ROUNDS))
    shown("Import", [("import protgraph", f"{1e3 * took:.1f}", "")])
    assert took > 0
