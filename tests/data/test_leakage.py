"""The leakage report: the right neighbour, the right bin, every copy by name."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.data.leakage import BINS, Leakage, Nearest, leakage
from protgraph.insight.leakage import by_identity, histogram
from protgraph.structure.identity import align
from protgraph.tasks.metrics import accuracy, auroc

AMINO = "ACDEFGHIKLMNPQRSTVWY"


def natural(rng, length=120):
    return "".join(rng.choice(list(AMINO), length))


def mutated(rng, sequence, changes):
    letters = list(sequence)
    for place in rng.choice(len(letters), changes, replace=False):
        letters[place] = AMINO[(AMINO.index(letters[place]) + 7) % 20]
    return "".join(letters)


def report_of(*identities):
    rows = tuple(Nearest(f"t{k}", "a", share, 1.0, False) for k, share in enumerate(identities))
    return Leakage(rows, "builtin", 1, ())


@given(st.integers(0, 1000), st.randoms())
@settings(max_examples=10)
def test_the_planted_neighbour_is_found_in_any_order(seed, shuffled):
    rng = np.random.default_rng(seed)
    train = [(f"a{k}", natural(rng)) for k in range(6)]
    changes = [0, 6, 20, 30, 45, 60]
    test = [(f"b{k}", mutated(rng, train[k][1], n)) for k, n in enumerate(changes)]
    made = leakage(train, test)
    assert [row.nearest for row in made.rows] == [f"a{k}" for k in range(6)]
    for row, (_, text) in zip(made.rows, test, strict=True):
        assert row.identity == align(text, dict(train)[row.nearest]).identity
    assert made.twins == (("b0", "a0"),)
    shuffled.shuffle(train)
    shuffled.shuffle(test)
    again = leakage(train, test)
    assert [row.name for row in again.rows] == [name for name, _ in test]
    assert sorted(again.rows) == sorted(made.rows)
    assert again.twins == made.twins


def test_bins_hold_their_lower_edge():
    shares = (0, 0.299, 0.3, 0.399, 0.4, 0.5, 0.699, 0.7, 0.949, 0.95, 1)
    bins = report_of(*shares).bins().tolist()
    assert bins == ["<30", "<30", "30-40", "30-40", "40-50", "50-70", "50-70", "70-95", "70-95",
                    ">=95", ">=95"]  # fmt: skip
    assert report_of(0.1, 0.6, 0.6).counts() == {**dict.fromkeys(BINS, 0), "<30": 1, "50-70": 2}


def test_every_copy_is_named_and_letters_do_not_hide_it():
    made = leakage([("a", "MKWY"), ("b", "mkwy"), ("c", "AAAA")], [("x", "MKWY"), ("c", "MKWY*")])
    assert made.twins == (("c", "a"), ("c", "b"), ("x", "a"), ("x", "b"))
    assert [(row.nearest, row.same) for row in made.rows] == [("a", True), ("a", True)]


def test_the_table_and_the_text():
    made = leakage([("a", "MKWY" * 9)], [("x", "MKWY" * 9), ("y", "ACDEF" * 4)])
    assert made.tsv().splitlines() == [
        "name\tnearest\tidentity\tcoverage\tbin\tsame",
        "x\ta\t1.000\t1.000\t>=95\t1",
        "y\t\t\t\t<30\t0",
    ]
    text = made.markdown()
    assert "2 test proteins against 1 training proteins, search: builtin." in text
    assert "| <30 | 1 | 0.500 |" in text
    assert "| >=95 | 1 | 0.500 |" in text
    assert text.endswith("- x = a\n")


def test_scores_by_bin_by_hand():
    made = report_of(0.1, 0.2, 0.6, 0.6, 0.99)
    y, scores = [0, 1, 0, 1, 1], [0.9, 0.1, 0.2, 0.8, 0.7]
    rows = by_identity(made, y, scores, metric=auroc)
    assert [row["identity"] for row in rows] == [*BINS, "all"]
    assert [row["proteins"] for row in rows] == [2, 0, 0, 2, 0, 1, 5]
    values = [row["score"] for row in rows]
    assert (values[0], values[3], values[6]) == (0, 1, pytest.approx(1 / 3))
    # Three bins are empty, and one has a single class.
    assert np.isnan([values[1], values[2], values[4], values[5]]).all()


def test_scores_of_several_classes_by_bin():
    made = report_of(0.1, 0.99)
    rows = by_identity(made, [0, 1], [[0.9, 0.1], [0.8, 0.2]], metric=accuracy)
    assert [row["score"] for row in rows if row["proteins"]] == [1.0, 0.0, 0.5]


def test_scores_need_a_row_a_protein_and_must_be_finite():
    with pytest.raises(ValueError, match="report has 2 test proteins, got 3 labels and 2 scores"):
        by_identity(report_of(0.1, 0.2), [0, 1, 1], [0, 1], metric=auroc)
    with pytest.raises(ValueError, match="auroc: scores of known labels must be finite"):
        by_identity(report_of(0.1, 0.2), [0, 1], [0, np.nan], metric=auroc)


def test_the_picture_is_a_png(tmp_path):
    path = histogram(report_of(0.1, 0.6), tmp_path / "bins.png", title="bins")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("train", "test", "match"),
    [
        ([], [("a", "MK")], "train: One protein at least"),
        ([("a", "MK")], [], "test: One protein at least"),
        ([("a", "MK")], [("b", "MK"), ("b", "MK")], "test: .*two are named 'b'"),
        ([("a", "")], [("b", "MK")], "train: a: the sequence is empty"),
    ],
)
def test_a_report_that_cannot_be_is_an_error(train, test, match):
    with pytest.raises(ValueError, match=match):
        leakage(train, test)
    with pytest.raises(ValueError, match="most: one candidate at least"):
        leakage([("a", "MK")], [("b", "MK")], most=0)


def test_the_official_copies_of_the_ec_split_are_found(data):
    with gzip.open(data / "function_ec" / "ec_chains.tsv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    train = [(row["chain"], row["sequence"]) for row in rows if row["split"] == "train"]
    asked = ("3ZE8-A", "6T0B-D")
    test = [(row["chain"], row["sequence"]) for row in rows if row["chain"] in asked]
    made = leakage(train[:300] + [p for p in train if p[0] in ("5JSK-A", "6GIQ-D")], test)
    assert dict(made.twins) == {"3ZE8-A": "5JSK-A", "6T0B-D": "6GIQ-D"}
