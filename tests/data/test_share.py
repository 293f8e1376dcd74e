"""A batch dealt to ranks: each item once, and none waits for the long ones of another."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.data.batch import batches
from protgraph.data.ranks import share

SIZES = st.lists(st.integers(1, 2000), min_size=1, max_size=40)


@given(SIZES, st.integers(1, 9))
def test_every_item_is_dealt_once(sizes, ranks):
    parts = share(sizes, ranks)
    assert len(parts) == ranks
    assert sorted(item for part in parts for item in part) == list(range(len(sizes)))
    assert all(part == sorted(part) for part in parts)
    assert all(parts) == (len(sizes) >= ranks)


@given(SIZES, st.integers(1, 9))
def test_no_rank_has_more_than_the_mean_and_one_item(sizes, ranks):
    full = [sum(sizes[i] for i in part) for part in share(sizes, ranks)]
    assert ranks * max(full) <= sum(sizes) + max(sizes) * (ranks - 1)


def test_one_rank_has_the_batch_as_it_was():
    assert share([3, 1, 2], 1) == [[0, 1, 2]]


def test_no_rank_is_an_error():
    with pytest.raises(ValueError, match="one rank at least, got 0"):
        share([3], 0)


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_ranks_are_balanced_on_real_lengths(data, ranks):
    with lzma.open(data / "pretrain" / "valid.tsv.xz", "rt") as file:
        sizes = [len(line.rstrip("\n").rpartition("\t")[2]) for line in file]
    seen, worst, full = [], [], np.zeros(ranks)
    for batch in batches(sizes, 8000 * ranks, generator=np.random.default_rng(0)):
        parts = share([sizes[i] for i in batch], ranks)
        seen += [batch[i] for part in parts for i in part]
        own = np.array([sum(sizes[batch[i]] for i in part) for part in parts])
        worst.append(own.max() / own.mean() - 1)
        full += own
    assert sorted(seen) == list(range(len(sizes)))  # every protein once an epoch
    # The last batch is what was left over.
    assert np.max(worst[:-1]) < 0.01
    assert full.max() / full.mean() - 1 < 0.01
