"""Every kind of edge against its definition, spelled out slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from protgraph.graph import edges

# Multiples of 1/8 are exact in float32, so a distance at the cutoff is neither side of it by luck.
places = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float32, (n, 3), elements=st.integers(-80, 80).map(lambda i: i / 8))
)


def apart(place):
    place = place.astype(np.float64)
    return np.sqrt(((place[:, None] - place[None]) ** 2).sum(-1))


both_ways = pytest.mark.parametrize("dense", [0, edges.DENSE], ids=["tree", "distances"])


def radius(place, cutoff, dense):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edges, "DENSE", dense)
        return edges.radius(place, cutoff)


@both_ways
@settings(deadline=None)
@given(place=places, cutoff=st.sampled_from([1.0, 4.0, 10.0]))
def test_radius_edges_are_all_pairs_within_the_cutoff(dense, place, cutoff):
    within = apart(place) <= cutoff
    np.fill_diagonal(within, False)
    np.testing.assert_array_equal(radius(place, cutoff, dense), np.stack(np.nonzero(within)))


@both_ways
def test_radius_edges_of_more_residues_than_are_measured_at_a_time_are_all_pairs(dense):
    place = np.random.default_rng(0).uniform(-30, 90, (700, 3)).astype(np.float32)
    within = apart(place) <= 10.0
    np.fill_diagonal(within, False)
    np.testing.assert_array_equal(radius(place, 10.0, dense), np.stack(np.nonzero(within)))


@both_ways
@settings(deadline=None)
@given(place=places, cutoff=st.sampled_from([1.0, 4.0, 10.0]))
def test_radius_edges_are_symmetric_and_sorted(dense, place, cutoff):
    source, target = radius(place, cutoff, dense)
    key = source * len(place) + target
    assert (np.diff(key) > 0).all()
    assert set(zip(source, target, strict=True)) == set(zip(target, source, strict=True))


@both_ways
def test_a_pair_at_the_cutoff_touches(dense):
    place = np.array([[0, 0, 0], [6, 8, 0]], dtype=np.float32)
    assert radius(place, 10.0, dense).shape == (2, 2)
    assert radius(place, np.nextafter(10.0, 0.0), dense).shape == (2, 0)


@both_ways
def test_a_pair_a_hair_beyond_the_cutoff_does_not_touch(dense):
    place = np.array([[60, 60, 0], [0, 0, 0], [3, 4, 2**-21]], dtype=np.float32)
    assert radius(place, 5.0, dense).shape == (2, 0)


@both_ways
def test_pairs_at_the_cutoff_touch_wherever_they_are(dense):
    lots = np.random.default_rng(0)
    for _ in range(300):
        place = lots.integers(-8, 9, (40, 3)) + lots.uniform(-60, 60, 3)
        place[0] = lots.uniform(-5, 5, 3)
        place = place.astype(np.float32)
        within = apart(place) <= 5.0
        np.fill_diagonal(within, False)
        np.testing.assert_array_equal(radius(place, 5.0, dense), np.stack(np.nonzero(within)))


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan])
def test_a_radius_must_be_positive(cutoff):
    with pytest.raises(ValueError, match="must be positive, got"):
        edges.radius(np.zeros((2, 3)), cutoff)


@settings(deadline=None)
@given(places, st.integers(1, 8))
def test_nearest_edges_come_from_the_nearest(place, count):
    source, target = edges.nearest(place, count)
    distance = apart(place)
    np.fill_diagonal(distance, np.inf)
    kept = min(count, len(place) - 1)
    assert (np.bincount(target, minlength=len(place)) == kept).all()
    for node in range(len(place)):
        got = np.sort(distance[node, source[target == node]])
        np.testing.assert_allclose(got, np.sort(distance[node])[:kept], rtol=1e-12)
    assert (np.diff(source * len(place) + target) > 0).all()


def test_nearest_is_at_least_one():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        edges.nearest(np.zeros((2, 3)), 0)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 60), unique=True, max_size=15).map(sorted), max_size=4),
    st.integers(0, 4),
)
def test_chain_edges_join_neighbours_and_never_bridge_a_gap_or_two_chains(members, steps):
    residue = np.array([i for one in members for i in one], dtype=np.int64)
    member = np.repeat(np.arange(len(members)), [len(one) for one in members])
    close = abs(residue[:, None] - residue[None]) <= steps
    close &= member[:, None] == member[None]
    np.fill_diagonal(close, False)
    found = edges.chain(residue, member, steps)
    np.testing.assert_array_equal(found, np.stack(np.nonzero(close)))


def test_steps_must_not_be_negative():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        edges.chain(np.arange(3), np.zeros(3, dtype=np.int64), -1)


pairs_in_groups = st.integers(0, 60).flatmap(
    lambda count: st.tuples(
        arrays(np.int64, (2, count), elements=st.integers(0, 9)),
        arrays(np.int64, (count,), elements=st.integers(0, 2)),
    )
)


@settings(deadline=None)
@given(pairs_in_groups, st.integers(0, 2**64 - 1))
def test_shuffled_keeps_how_many_edges_a_residue_sends_and_receives_in_each_group(drawn, seed):
    pairs, group = drawn
    mixed = edges.shuffled(pairs, group, seed)
    np.testing.assert_array_equal(mixed[0], pairs[0])
    for one in np.unique(group):
        np.testing.assert_array_equal(
            np.sort(mixed[1, group == one]), np.sort(pairs[1, group == one])
        )
    np.testing.assert_array_equal(mixed, edges.shuffled(pairs, group, seed))


def test_shuffled_moves_the_targets_and_the_seed_decides_how():
    pairs = np.stack([np.zeros(50, dtype=np.int64), np.arange(50)])
    group = np.zeros(50, dtype=np.int64)
    first, second = (edges.shuffled(pairs, group, seed)[1] for seed in (0, 1))
    assert (first != pairs[1]).sum() > 40
    assert (first != second).sum() > 40
