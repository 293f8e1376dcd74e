"""Pairs: who is new, sides by that, and negatives that show every protein as often."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protgraph.data import pairs
from protgraph.data.pairs import classes, negatives, unordered

names = st.integers(0, 29).map(lambda k: f"p{k:02}")
sparse = st.sets(
    st.tuples(names, names).map(lambda pair: (min(pair), max(pair))), min_size=12, max_size=40
).map(sorted)


def degrees(made):
    return Counter(name for pair in made for name in pair)


@given(sparse, st.integers(0, 5), st.randoms())
def test_every_pair_is_on_one_side_and_its_class_is_right(known, seed, shuffled):
    assume(len({name for pair in known for name in pair}) >= 10)
    try:
        made = pairs.split(known, seed=seed, shares=(0.6, 0.2, 0.2), seen=0.2)
    except ValueError:
        assume(False)
    assert [(a, b) for a, b, _, _ in made.rows] == sorted(known)
    seen = {name for pair in made.side("train") for name in pair}
    for a, b, side, kind in made.rows:
        assert kind == ("" if side == "train" else f"C{3 - (a in seen) - (b in seen)}")
    turned = [(b, a) for a, b in known]
    shuffled.shuffle(turned)
    assert pairs.split(turned, seed=seed, shares=(0.6, 0.2, 0.2), seen=0.2) == made


def test_a_dense_set_has_every_class_and_held_out_proteins_are_new():
    known = [(f"p{a:02}", f"p{b:02}") for a in range(30) for b in range(a, 30)]
    made = pairs.split(known, seed=1)
    counts = made.counts()
    assert set(counts) == {"train"} | {f"{s} C{k}" for s in ("valid", "test") for k in (1, 2, 3)}
    assert counts["test C1"] == counts["valid C1"] == int(0.05 * 24 * 25 / 2)
    seen = degrees(made.side("train"))
    assert len(seen) == 24
    assert all(a in seen and b in seen for a, b in made.side("test", "C1"))
    assert not any(a in seen or b in seen for a, b in made.side("test", "C3"))
    assert made != pairs.split(known, seed=2)
    assert made.digest != pairs.split(known, seed=2).digest


def test_families_of_proteins_stay_together():
    known = [(f"p{a:02}", f"p{b:02}") for a in range(30) for b in range(a + 1, 30)]
    families = {f"p{k:02}": f"f{k // 3}" for k in range(30)}
    made = pairs.split(known, seed=1, families=families)
    seen = {families[name] for pair in made.side("train") for name in pair}
    new = {families[n] for pair in made.side("test", "C3") for n in pair}
    assert new
    assert not seen & new


def test_a_pair_is_held_out_of_training_only_if_both_proteins_stay_there():
    alone = [(f"a{k:02}", f"b{k:02}") for k in range(30)]
    assert pairs.split(alone, seen=0.4) == pairs.split(alone, seen=0)


def test_classes_by_hand():
    train = [("a", "b"), ("c", "c")]
    test = [("a", "c"), ("b", "x"), ("x", "c"), ("x", "y"), ("x", "x")]
    assert classes(train, test) == ["C1", "C2", "C2", "C3", "C3"]


@given(sparse, st.integers(0, 5), st.randoms())
@settings(max_examples=60)
def test_negatives_are_never_positive_and_have_the_same_degrees(known, seed, shuffled):
    known = [pair for pair in known if pair[0] != pair[1]]
    hub = max(degrees(known).values(), default=0)
    assume(len(known) >= 10 and hub <= 3)
    made = negatives(known, seed=seed)
    assert degrees(made) == degrees(known)
    assert len(set(made)) == len(made) == len(known)
    assert not set(made) & set(known)
    assert all(a < b for a, b in made)
    turned = [(b, a) for a, b in known]
    shuffled.shuffle(turned)
    assert negatives(turned, seed=seed) == made


def test_seeds_draw_other_negatives_and_other_positives_are_avoided():
    ring = [(f"p{k:02}", f"p{(k + 1) % 20:02}") for k in range(20)]
    made = negatives(ring, seed=0)
    assert made != negatives(ring, seed=1)
    again = negatives(ring, known=[(b, a) for a, b in made], seed=0)
    assert not set(again) & (set(made) | set(unordered(ring)))


def test_a_pair_of_one_protein_counts_it_twice():
    made = negatives([("a", "a"), ("b", "c"), ("d", "e")])
    assert degrees(made) == {"a": 2, "b": 1, "c": 1, "d": 1, "e": 1}
    assert all(a != b for a, b in made)


def test_a_protein_that_binds_all_others_has_no_negatives():
    star = [("hub", f"p{k}") for k in range(6)]
    with pytest.raises(ValueError, match=r"of 6 could be placed.*hardest is hub, which lacks 6"):
        negatives(star)
    ring = [(f"q{k}", f"q{(k + 1) % 8}") for k in range(8)]
    # The hub's six partners are the eight of the ring: six of its negatives are possible.
    assert degrees(negatives(star + ring))["hub"] == 6


def test_slack_says_how_many_may_be_missing():
    square = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]  # the diagonals alone are free
    with pytest.raises(ValueError, match=r"2 of 4 could be placed.* slack 0.25 allows 1"):
        negatives(square, slack=0.25)
    assert negatives(square, slack=0.5) == [("a", "c"), ("b", "d")]


def test_hubs_are_matched_on_a_large_network():
    # Degrees as in interaction networks: few hubs, many with one partner.
    known = [(f"h{k:03}", f"p{m:04}") for k in range(30) for m in range(k, 300, k + 3)]
    made = negatives(known, seed=3)
    assert degrees(made) == degrees(known)
    assert not set(made) & set(unordered(known))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: pairs.split([("a", "b"), ("b", "a")]), "a - b comes twice"),
        (lambda: negatives([("a", "b"), ("b", "a")]), "a - b comes twice"),
        (lambda: negatives([]), "one positive at least, got none"),
        (lambda: negatives([("a", "b")], slack=1), "slack is a share .* got 1"),
        (lambda: pairs.split([("a", "b")], seen=0.5), "seen is a share .* got 0.5"),
        (lambda: pairs.split([("a", "b")]), "3 items or groups at least, got 2"),
        (lambda: pairs.split([("a", "b")], families={"a": "x"}), "but b has none"),
        (lambda: pairs.split([("a", "b"), ("c", "d")], shares=(1, 1, 1)), "together 1"),
        (lambda: pairs.split([("a", "b"), ("a", "c")], shares=(0.2, 0.4, 0.4)), "got none"),
    ],
)
def test_what_cannot_be_done_with_pairs_is_an_error(make, match):
    with pytest.raises(ValueError, match=match):
        make()
