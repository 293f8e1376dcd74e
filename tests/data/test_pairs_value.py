"""A set of pairs: no pair twice, no side empty, and no first or second partner in its hashes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.data.dataset import Pairs
from protgraph.structure.protein import Protein

SIDES = ("train", "valid", "test", "train")


def protein(name, sequence="MK"):
    return Protein(name, sequence, np.full((len(sequence), 4, 3), np.nan))


def made(**changes):
    values = {
        "name": "demo",
        "source": "made up",
        "proteins": tuple(map(protein, "abcd")),
        "pairs": np.array([[0, 1], [1, 2], [2, 3], [3, 3]]),
        "y": np.array([[1.0], [0.0], [1.0], [np.nan]]),
        "split": SIDES,
    }
    return Pairs(**{**values, **changes})


def test_a_side_holds_the_rows_with_a_label_and_the_whole_all():
    pairs = made()
    assert pairs.side("train").tolist() == [0]
    assert pairs.whole("train").tolist() == [0, 3]
    assert pairs.pairs[pairs.side("test")].tolist() == [[2, 3]]


def test_sides_may_be_an_array_and_are_kept_as_words():
    assert made(split=np.array(SIDES)).split == SIDES


def test_arrays_are_copies_that_nobody_changes():
    given_pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 3]])
    pairs = made(pairs=given_pairs)
    given_pairs[0] = 3, 2
    assert pairs.pairs[0].tolist() == [0, 1]
    for array in (pairs.pairs, pairs.y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


WRONG = {
    "name": ({"proteins": tuple(map(protein, "abca"))}, r"^demo: two proteins are named a\.$"),
    "range": ({"pairs": np.array([[0, 1], [1, 2], [2, 4], [3, 3]])}, r"proteins 0 to 3, got 4"),
    "minus": ({"pairs": np.array([[0, 1], [1, 2], [2, -1], [3, 3]])}, r"0 to 3, got -1"),
    "float": ({"pairs": np.zeros((4, 2))}, r"whole numbers of shape \[P, 2\], got float64"),
    "three": ({"pairs": np.zeros((4, 3), dtype=int)}, r"got int64 of shape \[4, 3\]"),
    "flat": ({"y": np.zeros(4)}, r"4 pairs need labels \[4, C\] .* got \[4\] and 4"),
    "labels": ({"y": np.zeros((3, 1))}, r"got \[3, 1\] and 4"),
    "sides": ({"split": SIDES[:3]}, r"got \[4, 1\] and 3"),
    "word": ({"split": (*SIDES[:3], "val")}, r"one of \('train', 'valid', 'test'\), got 'val'"),
    "twice": ({"pairs": np.array([[0, 1], [1, 2], [2, 3], [1, 0]])}, "the pair a, b comes twice"),
    "empty": ({"split": ("train", "valid", "valid", "train")}, "test has no labelled pair"),
    "unknown": ({"y": np.array([[1], [np.nan], [1], [0]])}, "valid has no labelled pair"),
    "family": ({"family": ("f",)}, "every protein has a family, got 1 for 4 proteins"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_breaks_a_rule_is_named(case):
    changes, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        made(**changes)


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_the_order_of_the_partners_changes_no_hash(swapped):
    one = made()
    pairs = np.where(np.array(swapped)[:, None], one.pairs[:, ::-1], one.pairs)
    two = made(pairs=pairs)
    assert (two.digest, two.split_digest) == (one.digest, one.split_digest)


def test_the_hashes_see_what_they_are_of():
    one = made()
    for change in (
        {"proteins": (protein("a", "MR"), *map(protein, "bcd"))},
        {"pairs": np.array([[0, 2], [1, 2], [2, 3], [3, 3]])},
        {"y": np.array([[0.0], [0.0], [1.0], [np.nan]])},
    ):
        assert made(**change).digest != one.digest
    assert made(y=np.ones((4, 1))).split_digest == one.split_digest
    assert made(family=tuple("aabb")).split_digest != one.split_digest
    moved = replace(one, split=("valid", "train", "test", "train"))
    assert moved.split_digest != one.split_digest
    assert moved.digest == one.digest
