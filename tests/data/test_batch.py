"""Batches by a budget of residues, and what batching does to a graph."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch

from protgraph.data.batch import Collated, batches
from protgraph.graph.build import KEYS, build
from protgraph.structure import synthetic

SIZES = st.lists(st.integers(1, 60), max_size=30)


@settings(deadline=None)
@given(SIZES, st.integers(1, 100), st.none() | st.integers(0, 9))
def test_every_item_is_in_one_batch_and_no_batch_is_over_budget(sizes, budget, seed):
    generator = None if seed is None else np.random.default_rng(seed)
    dealt = batches(sizes, budget, generator=generator)
    assert sorted(item for batch in dealt for item in batch) == list(range(len(sizes)))
    assert all(len(batch) == 1 or sum(sizes[i] for i in batch) <= budget for batch in dealt)
    assert all(dealt)


@settings(deadline=None)
@given(SIZES, st.integers(1, 100))
def test_a_batch_ends_only_where_the_next_item_does_not_fit(sizes, budget):
    dealt = batches(sizes, budget)
    assert [item for batch in dealt for item in batch] == list(range(len(sizes)))
    for batch, after in pairwise(dealt):
        assert sum(sizes[i] for i in batch) + sizes[after[0]] > budget


def test_an_item_over_the_budget_is_a_batch_of_its_own():
    assert batches([5, 50, 5, 5], 10) == [[0], [1], [2, 3]]


def test_the_case_worked_by_hand():
    assert batches([4, 4, 3, 9, 1], 8) == [[0, 1], [2], [3], [4]]


def test_the_generator_decides_the_order():
    sizes = [1] * 50
    one, again, other = (
        batches(sizes, 10, generator=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert one == again != other
    assert one != batches(sizes, 10)


@pytest.mark.parametrize("budget", [0, -3])
def test_a_batch_without_room_is_an_error(budget):
    with pytest.raises(ValueError, match=f"one residue at least, got a budget of {budget}"):
        batches([1], budget)


@pytest.fixture(scope="module")
def graphs():
    made = [build(synthetic.protein(seed), radius=8.0) for seed in range(3)]
    for seed, graph in enumerate(made):
        graph.y = torch.full((len(graph.x), 1), float(seed))
        graph.target = torch.full((len(graph.x), 2), 10.0 + seed)
    return made


def test_batching_changes_no_key_but_the_edges(graphs):
    batch = Batch.from_data_list(graphs)
    assert set(batch.keys()) == {*KEYS, "batch", "ptr"}
    for key in set(KEYS) - {"edge_index"}:
        assert torch.equal(batch[key], torch.cat([graph[key] for graph in graphs])), key
    starts = np.cumsum([0, *(len(graph.x) for graph in graphs)]).tolist()
    shifted = [graph.edge_index + start for graph, start in zip(graphs, starts, strict=False)]
    assert torch.equal(batch.edge_index, torch.cat(shifted, dim=1))
    assert torch.equal(batch.batch, torch.arange(3).repeat_interleave(torch.tensor(starts).diff()))


def test_batches_are_put_together_when_they_are_asked_for(graphs):
    collated = Collated(graphs, [[2, 0], [1]])
    assert len(collated) == 2
    expected = Batch.from_data_list([graphs[2], graphs[0]])
    for batch in (collated[0], collated[-2], next(iter(collated)), collated[0:1][0]):
        assert torch.equal(batch.x, expected.x)
        assert torch.equal(batch.edge_index, expected.edge_index)
    assert len(list(collated)) == len(collated[:]) == len(collated[0:5]) == 2
    assert torch.equal(collated[1:][0].x, graphs[1].x)
    with pytest.raises(IndexError):
        collated[2]
