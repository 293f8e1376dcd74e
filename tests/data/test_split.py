"""Splits: every item once, groups whole, no relatives across, the same in any order."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.data import cluster as clusters
from protgraph.data import split as splits
from protgraph.data.cluster import cluster
from protgraph.data.dataset import SPLITS
from protgraph.data.neighbours import related
from protgraph.data.seeds import THOROUGH
from protgraph.data.split import Split, by_family, counts, grouped

AMINO = "ACDEFGHIKLMNPQRSTVWY"

shares = st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (1 / 3, 1 / 3, 1 / 3)])


def homologs(seed, *, families=8, identity=0.45, length=70):
    """Planted families of one to four members, some with an end cut off."""
    rng = np.random.default_rng(seed)
    items = []
    for k in range(families):
        founder = rng.choice(list(AMINO), length)
        for m in range(int(rng.integers(1, 5))):
            letters = np.where(
                rng.random(length) < identity, founder, rng.choice(list(AMINO), length)
            )
            items.append((f"f{k}m{m}", "".join(letters[: int(rng.integers(50, length))])))
    return items


def across(made):
    """Pairs of names on two sides."""
    side = {name: where for name, where, _ in made.rows}
    return [(a, b) for a, b in combinations(side, 2) if side[a] != side[b]]


@given(st.sets(st.text("abcdef", min_size=1, max_size=5), min_size=3), shares, st.integers(0, 9))
def test_a_random_split_keeps_its_shares_and_takes_every_item_once(names, parts, seed):
    made = splits.random(names, shares=parts, seed=seed)
    assert [name for name, _, _ in made.rows] == sorted(names)
    assert tuple(len(made.side(side)) for side in SPLITS) == counts(parts, len(names))


@given(st.lists(st.integers(0, 9), min_size=30, max_size=60), st.integers(0, 9), st.randoms())
def test_groups_stay_whole_in_any_order(groups, seed, shuffled):
    items = [(f"i{place}", f"g{group}") for place, group in enumerate(groups)]
    items += [(f"s{k}", f"s{k}") for k in range(30)]
    made = grouped(items, seed=seed, shares=(0.5, 0.25, 0.25))
    assert sorted(n for side in SPLITS for n in made.side(side)) == sorted(dict(items))
    sides = {group: {s for _, s, g in made.rows if g == group} for group in dict(items).values()}
    assert all(len(side) == 1 for side in sides.values())
    shuffled.shuffle(items)
    again = grouped(items, seed=seed, shares=(0.5, 0.25, 0.25))
    assert again == made
    assert again.digest == made.digest


def test_shares_of_many_small_groups_are_kept():
    items = [(f"i{k}", f"g{k // 3}") for k in range(900)]
    made = grouped(items, seed=3)
    assert [len(made.side(side)) for side in SPLITS] == [720, 90, 90]


def test_a_group_too_large_to_be_held_out_trains():
    items = [(f"i{k}", "large" if k < 50 else f"g{k}") for k in range(100)]
    for seed in range(5):
        made = grouped(items, seed=seed)
        assert {side for _, side, group in made.rows if group == "large"} == {"train"}
        assert [len(made.side(side)) for side in SPLITS] == [80, 10, 10]


@pytest.mark.parametrize("make", [
    lambda seed: splits.random(map(str, range(100)), seed=seed),
    lambda seed: grouped([(str(k), f"g{k // 2}") for k in range(100)], seed=seed),
    lambda seed: by_family(homologs(0, families=12), seed=seed, method="builtin"),
])  # fmt: skip
def test_the_seed_decides_and_nothing_else(make):
    assert make(1) == make(1)
    assert make(1).digest == make(1).digest
    assert make(1).rows != make(2).rows


def test_each_group_is_held_out_by_some_seed():
    items = [(str(k), f"g{k // 2}") for k in range(40)]
    held = Counter(name for seed in range(200) for name in grouped(items, seed=seed).side("test"))
    assert len(held) == 40
    assert max(held.values()) < 50  # 20 of 200 are expected


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.6, 0.7]), st.randoms())
@settings(max_examples=12)
def test_no_relatives_are_on_two_sides(seed, identity, shuffled):
    items = homologs(seed, identity=identity)
    made = by_family(items, shares=(0.6, 0.2, 0.2), method="exact")
    texts = dict(items)
    assert not [pair for pair in across(made) if related(texts[pair[0]], texts[pair[1]])]
    shuffled.shuffle(items)
    assert by_family(items, shares=(0.6, 0.2, 0.2), method="exact") == made


@given(st.integers(0, 10_000), st.randoms())
@settings(max_examples=12)
def test_the_search_by_seeds_keeps_the_rule_where_homologs_are_clear(seed, shuffled):
    items = homologs(seed, identity=0.85)
    made = by_family(items, shares=(0.6, 0.2, 0.2), method="builtin")
    texts = dict(items)
    assert not [pair for pair in across(made) if related(texts[pair[0]], texts[pair[1]])]
    shuffled.shuffle(items)
    assert by_family(items, shares=(0.6, 0.2, 0.2), method="builtin") == made


def test_relatives_that_clustering_missed_are_found_across_the_sides_and_joined(monkeypatch):
    items = homologs(1, identity=0.85)
    true = cluster(items, method="builtin")

    def blind(sets, sequences, chosen, *, least=0, **words):
        return clusters.join(sets, sequences, chosen, least=least, **words) if least else 0

    monkeypatch.setattr(splits, "join", blind)
    made = by_family(items, shares=(0.6, 0.2, 0.2), method="builtin", seed=4)
    texts = dict(items)
    assert made.joined > 0
    assert not [pair for pair in across(made) if related(texts[pair[0]], texts[pair[1]])]
    families = dict(true.rows)
    assert all(families[a] != families[b] for a, b in across(made))


def test_the_check_is_more_thorough_than_the_clustering(monkeypatch):
    asked = []

    def listening(sets, sequences, chosen, *, least=None, **words):
        asked.append((len(chosen), least, words["method"]))
        return 0

    monkeypatch.setattr(splits, "join", listening)
    items = homologs(2)
    made = by_family(items, shares=(0.6, 0.2, 0.2), method="builtin")
    held = len(made.side("valid")) + len(made.side("test"))
    assert asked == [(len(items), None, "builtin"), (held, THOROUGH, "builtin")]


def test_every_item_carries_its_family():
    items = homologs(3, identity=0.85)
    made = by_family(items, shares=(0.6, 0.2, 0.2), method="builtin")
    families = dict(cluster(items, method="builtin").rows)
    assert {name: group for name, _, group in made.rows} == families
    assert made.method == "family, builtin, identity 0.3, coverage 0.5"


def test_a_given_split_is_taken_as_it_is():
    made = splits.given([("b", "test"), ("a", "train"), ("c", "valid")])
    assert made.tsv() == "name\tsplit\tfamily\na\ttrain\ta\nb\ttest\tb\nc\tvalid\tc\n"
    with pytest.raises(ValueError, match="b: a side is one of train, valid, test, got 'dev'"):
        splits.given([("a", "train"), ("b", "dev")])


def test_the_hash_of_a_split_is_frozen():
    made = splits.random("abcdefghij", seed=0)
    assert made.digest == "a32756dd946d649c"
    assert hash(made) == hash(splits.random("jihgfedcba", seed=0))


@pytest.mark.parametrize(("parts", "items", "expected"), [
    ((0.8, 0.1, 0.1), 3, (1, 1, 1)), ((0.8, 0.1, 0.1), 10, (8, 1, 1)),
    ((0.8, 0.1, 0.1), 16, (13, 2, 1)), ((0.98, 0.01, 0.01), 20, (18, 1, 1)),
    ((0.1, 0.1, 0.8), 3, (1, 1, 1)), ((1 / 3, 1 / 3, 1 / 3), 10, (4, 3, 3)),
])  # fmt: skip
def test_shares_become_numbers_by_largest_remainders(parts, items, expected):
    assert counts(parts, items) == expected


@pytest.mark.parametrize(("make", "match"), [
    (lambda: splits.random("abc", shares=(0.8, 0.1, 0.2)), r"together 1, got 0.8, 0.1, 0.2"),
    (lambda: splits.random("abc", shares=(1, 0, 0)), "are positive"),
    (lambda: splits.random("abc", shares=(0.5, 0.5)), "shares of train, valid, test"),
    (lambda: splits.random("ab"), "3 items or groups at least, got 2"),
    (lambda: splits.random(["a", "b", "a"]), "two are named 'a'"),
    (lambda: grouped([(n, "one") for n in "abcd"]), "3 groups at least.* got 1 for 4 items"),
    (lambda: grouped([(str(k), "xyz"[k // 40]) for k in range(82)]), "test is empty: 82 items"),
    (lambda: splits.given([("a", "train"), ("b", "test")]), "valid is empty"),
    (lambda: by_family([(n, "MKWYACDE") for n in "abcd"], method="builtin"), "got 1 for 4 items"),
    (lambda: by_family([("a", "MK"), ("b", ""), ("c", "MK")]), "b: the sequence is empty"),
    (lambda: by_family([("a", "MK")], identity=1.5), "identity is a share"),
    (lambda: Split((("a", "train", "a"),), "none"), "valid is empty: 1 items"),
])  # fmt: skip
def test_what_cannot_be_split_is_an_error(make, match):
    with pytest.raises(ValueError, match=match):
        make()
