"""A dataset: no protein twice, no family on two sides, hashes that see every change."""

from __future__ import annotations

import numpy as np
import pytest

from protgraph.data.dataset import Dataset, Example, digest
from protgraph.structure.protein import Protein


def example(name, split="train", family=None, y=(0.0, 1.0), sequence="MK"):
    protein = Protein(name, sequence, np.zeros((len(sequence), 4, 3)))
    return Example(protein, np.array(y, dtype=np.float32)[:, None], split, family or name)


def dataset(*more, **changes):
    three = [example("a", **changes), example("b", "valid"), example("c", "test")]
    return Dataset("demo", "made up", (*three, *more))


def test_two_proteins_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"^demo: two proteins are named b\.$"):
        dataset(example("b", "valid"))


def test_a_family_on_two_sides_is_refused():
    with pytest.raises(ValueError, match=r"demo: a family stays .* but f is in test and train"):
        dataset(example("d", "test", "f"), example("e", "train", "f"))


def test_a_family_may_have_many_proteins_on_one_side():
    assert len(dataset(example("d", family="f"), example("e", family="f")).side("train")) == 3


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_side_without_a_label_is_refused(split):
    sides = [example(s, s, y=(np.nan, np.nan) if s == split else (0, 1)) for s in
             ("train", "valid", "test")]  # fmt: skip
    with pytest.raises(ValueError, match=f"demo: {split} has no labelled protein"):
        Dataset("demo", "made up", tuple(sides))


def test_a_protein_of_which_nothing_is_known_is_on_its_side_and_not_trained_on():
    found = dataset(example("u", y=(np.nan, np.nan)), example("half", y=(np.nan, 1.0)))
    assert [e.protein.name for e in found.whole("train")] == ["a", "u", "half"]
    assert [e.protein.name for e in found.side("train")] == ["a", "half"]


def test_the_digest_sees_sequences_and_labels():
    one = dataset().digest
    assert one == dataset().digest
    others = [{"sequence": "MR"}, {"y": (1.0, 1.0)}, {"y": (0.0, np.nan)}]
    assert len({one, *(dataset(**change).digest for change in others)}) == 4


def test_the_split_digest_sees_sides_and_families_only():
    one = dataset().split_digest
    assert one == dataset(y=(1.0, 1.0)).split_digest
    assert one != dataset(family="f").split_digest
    moved = (example("a"), example("b", "test"), example("c", "valid"))
    assert one != Dataset("demo", "made up", moved).split_digest


def test_the_digest_of_lines_sees_where_a_line_ends():
    assert digest(["a", "bc"]) != digest(["ab", "c"])
    assert len(digest([])) == 16
