"""Training and asking the EGNN encoder on one core: protgraph beside the plain formula.

A smoke run over two dozen chains takes seconds; `PROTGRAPH_BENCHMARK=full` takes 80. Batches are
drawn anew each round, as in training, so that their sizes do not repeat; the contestants take turns
at every batch. Processor time. `pytest benchmarks/test_messages.py -s` shows the table,
`RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Data

from protgraph.data.batch import Collated, batches
from protgraph.graph.build import build
from protgraph.graph.edges import KINDS
from protgraph.models.gnn import EGNN
from protgraph.structure.read import read

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
CHAINS, ROUNDS = (80, 5) if FULL else (24, 2)
BUDGET = 3000
EDGES = ("distance", "direction", "separation", "sides", "orientation")


@pytest.fixture(scope="module")
def graphs() -> list[Data]:
    folder = os.environ.get("PROTGRAPH_DATA")
    if not folder:
        pytest.skip("PROTGRAPH_DATA is not set: benchmarks on real chains are left out")
    from protgraph.data.source import unpacked

    found = sorted((unpacked(Path(folder) / "structures/chains.tar.xz") / "chains").glob("*.pdb"))
    chosen = found[:: len(found) // CHAINS][:CHAINS]
    return [build(read(file)[0], radius=8.0, point="side", edges=EDGES) for file in chosen]


class Plain(nn.Module):
    """What a script would write, on the same weights."""

    def __init__(self, egnn: EGNN) -> None:
        super().__init__()
        self.egnn = egnn

    def forward(self, data: Data) -> Tensor:
        h = self.egnn.embed(data.x)
        source, target = data.edge_index
        for layer in self.egnn.layers:
            n = layer.norm(h)
            here, there = layer.ends(n).chunk(2, dim=1)
            e = layer.edge(data.edge_attr) + layer.kind(data.edge_type)
            m = functional.silu(here[target] + there[source] + e)
            m = functional.silu(layer.message(m))
            m = m * torch.sigmoid(layer.gate(m))
            around = m.new_zeros(len(h), m.shape[1]).index_add_(0, target, m)
            h = h + layer.update(torch.cat([n, around.to(n.dtype)], dim=1))
        return h


def seconds(model: nn.Module, batch: Data, *, bf16: bool, train: bool) -> float:
    model.train(train)
    start = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16), torch.set_grad_enabled(train):
        loss = model(batch).float().square().mean()
    if train:
        loss.backward()
    return time.process_time() - start


def test_a_step_beside_the_plain_formula(graphs):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = EGNN(graphs[0].x.shape[1], graphs[0].edge_attr.shape[1], len(KINDS), width=64)
    contestants = {"plain": Plain(model), "protgraph": model}
    sizes = [len(graph.residue) for graph in graphs]
    edges = sum(graph.num_edges for graph in graphs)
    print(f"\n{len(graphs)} chains, {sum(sizes):,} residues, {edges:,} edges, a round\n")
    print("| | plain, s | protgraph, s | plain / protgraph |\n|---|---|---|---|")
    for name, bf16, train in (
        ("training, bf16", True, True), ("training, fp32", False, True),
        ("asking, bf16", True, False), ("asking, fp32", False, False),
    ):  # fmt: skip
        took = {contestant: np.zeros(ROUNDS) for contestant in contestants}
        for turn in range(ROUNDS):
            dealt = batches(sizes, BUDGET, generator=np.random.default_rng(turn))
            for batch in Collated(graphs, dealt):
                for contestant, one in contestants.items():
                    took[contestant][turn] += seconds(one, batch, bf16=bf16, train=train)
        # The first round compiles what all later ones use.
        plain, ours = (np.median(took[contestant][1:]) for contestant in contestants)
        print(f"| {name} | {plain:.2f} | {ours:.2f} | {plain / ours:.2f} |")
        assert ours > 0
