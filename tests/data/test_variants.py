"""Variants: mutations land where they belong, sides are the published ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.data.functions import ec_chains, ec_structures, ec_terms, identity_bins, terms_of
from protgraph.data.variants import GB1, fluorescence, gb1, mutated, stability
from protgraph.structure.residues import LETTERS

AMINO = LETTERS[:20]


@given(st.text(AMINO, min_size=3, max_size=30), st.data())
def test_a_mutation_changes_its_letter_and_no_other(sequence, data):
    place = data.draw(st.integers(0, len(sequence) - 1))
    new = data.draw(st.sampled_from(AMINO))
    changed = mutated(sequence, f"{sequence[place]}{place}{new}")
    assert changed == sequence[:place] + new + sequence[place + 1 :]
    assert mutated(sequence, f"{sequence[place]}{place}*") == sequence[:place]


@pytest.mark.parametrize(
    ("mutations", "said"),
    [
        ("C0D", "C0D: C is expected at 0 .* but M is there"),
        ("M9D", "M9D: M is expected at 9 .* but nothing is there"),
        ("M0", "written like A2G, got 'M0'"),
    ],
)
def test_a_mutation_that_does_not_fit_is_refused(mutations, said):
    with pytest.raises(ValueError, match=said):
        mutated("MKV", mutations)


def sizes(found):
    return tuple(len(found.whole(side)) for side in ("train", "valid", "test"))


def test_fluorescence_has_the_split_of_tape(data):
    found = fluorescence()
    assert sizes(found) == (21_446, 5362, 27_217)
    wild = found.examples[0]
    assert wild.protein.name == "wild-type"
    assert wild.y.tolist() == [np.float32(3.71921213)]
    # Training has at most three mutations, testing more.
    most = max(e.protein.name.count(":") + 1 for e in found.side("train"))
    assert most == 3 < min(e.protein.name.count(":") + 1 for e in found.side("test"))


def test_stability_has_the_split_of_tape(data):
    assert sizes(stability()) == (53_614, 2512, 12_851)


def test_gb1_has_the_splits_of_flip(data):
    assert {split: sizes(gb1(split)) for split in GB1} == {
        "one_vs_rest": (25, 3, 8705),
        "two_vs_rest": (381, 43, 8309),
        "three_vs_rest": (2691, 299, 5743),
        "low_vs_high": (4580, 509, 3644),
        "sampled": (6289, 699, 1745),
    }


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"one_vs_rest, .* got 'four_vs_rest'"):
        gb1("four_vs_rest")


def test_terms_are_counted_once_a_protein():
    assert terms_of([{"ec": "1.1.1.1,1.1.1.-"}, {"ec": "1.1.1.-"}]) == {"1.1.1.1": 1, "1.1.1.-": 2}


def test_ec_chains_have_the_official_test_side_and_its_bins(data):
    found = ec_chains()
    assert sizes(found) == (2229, 269, 1919)
    assert found.outputs == ec_terms()
    first = next(e for e in found.examples if e.protein.name == "1A0E-A")
    terms = [term for term, y in zip(found.outputs, first.y, strict=True) if y]
    assert terms == ["5.3.1.-", "5.3.1.5"]
    bins = identity_bins()
    assert len(bins) == 1919
    assert bins["1A0E-A"] == (False, False, False, False, True)
    assert [sum(flags[k] for flags in bins.values()) for k in range(5)] == [
        720,
        902,
        1117,
        1476,
        1919,
    ]


def test_ec_structures_have_coordinates_and_a_term_each(data):
    found = ec_structures()
    assert len(found.outputs) == 38
    assert all(e.y.any() and e.protein.observed.any() for e in found.examples)
    assert sizes(found) == (253, 63, 62)
