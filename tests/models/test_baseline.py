"""Baselines against brute force and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protgraph.models import baseline
from protgraph.structure.protein import CA, CB, Protein
from protgraph.structure.residues import LETTERS


def column(letter):
    return LETTERS.index(letter)


def scattered(count=40, seed=0):
    """A cloud of residues; some unobserved, some without side chain, some of them X."""
    rng = np.random.default_rng(seed)
    backbone = rng.normal(scale=1.0, size=(count, 4, 3)) + rng.uniform(0, 20, (count, 1, 3))
    side = backbone[:, CB] + rng.normal(size=(count, 3))
    side[::7] = np.nan
    backbone[[5, 6, 30]], side[[5, 6, 30]] = np.nan, np.nan
    letters = "".join(rng.choice(list(LETTERS), count))
    return Protein("cloud", letters, backbone, side)


@pytest.mark.parametrize("side", [True, False])
def test_shells_equal_counting_by_hand(side):
    protein = scattered()
    radii = (4.0, 8.0, 12.0)
    place = {}
    for i in protein.index.tolist():
        beside = protein.backbone[i, CB] if not side or i % 7 == 0 else protein.side[i]
        place[i] = beside.tolist()
    expected = np.zeros((len(place), 60))
    for row, i in enumerate(place):
        for j in place:
            if j == i or protein.sequence[j] == "X":
                continue
            for k, radius in enumerate(radii):
                if math.dist(place[i], place[j]) <= radius:
                    expected[row, 20 * k + column(protein.sequence[j])] += 1
    found = baseline.shells(protein, radii=radii, side=side)
    assert np.array_equal(found, expected)
    assert expected.sum() > 100  # something was counted


def test_a_shell_holds_the_smaller_ones_and_not_the_residue_itself():
    backbone = np.full((3, 4, 3), np.nan)
    backbone[:, CA] = backbone[:, CB] = [[0, 0, 0], [6, 0, 0], [11, 0, 0]]
    counts = baseline.shells(Protein("demo", "ACC", backbone)).reshape(3, 4, 20)
    assert counts[0, :, column("C")].tolist() == [0, 1, 1, 2]  # within 5, 7, 9, 12 Å
    assert counts[0, :, column("A")].tolist() == [0, 0, 0, 0]
    assert counts[2, :, column("C")].tolist() == [1, 1, 1, 1]  # 5 Å away: within


def test_a_window_is_zero_beyond_the_ends_and_at_x():
    protein = Protein("demo", "ACXD", np.zeros((4, 4, 3)))
    rows = baseline.window(protein, reach=1).reshape(4, 3, 20)
    letters = [[LETTERS[p.argmax()] if p.any() else "" for p in row] for row in rows]
    assert letters == [["", "A", "C"], ["A", "C", ""], ["C", "", "D"], ["", "D", ""]]
    assert rows.sum() == 7


def test_a_window_reads_the_letters_of_a_gap_and_has_no_row_for_them():
    backbone = np.zeros((4, 4, 3))
    backbone[1:3] = np.nan
    rows = baseline.window(Protein("demo", "ACWD", backbone), reach=2).reshape(2, 5, 20)
    assert rows[0].argmax(axis=1)[2:].tolist() == [column("A"), column("C"), column("W")]
    assert rows[1].argmax(axis=1)[:3].tolist() == [column("C"), column("W"), column("D")]


def test_a_window_may_be_wider_than_the_protein():
    rows = baseline.window(Protein("demo", "M", np.zeros((1, 4, 3))), reach=7)
    assert rows.shape == (1, 300)
    assert rows.sum() == 1


def test_site_features_are_the_window_and_where_asked_the_shells():
    protein = scattered()
    both = baseline.site_features(protein)
    assert both.shape == (37, 380)
    assert np.array_equal(both[:, :300], baseline.site_features(protein, structure=False))
    assert np.array_equal(both[:, 300:], baseline.shells(protein))
    bare = baseline.site_features(protein, side=False)
    assert np.array_equal(bare[:, 300:], baseline.shells(protein, side=False))


def test_composition_is_shares_of_the_full_sequence_and_its_length():
    found = baseline.composition(Protein("demo", "AACX", np.full((4, 4, 3), np.nan)))
    assert found.shape == (21,)
    assert found[:2].tolist() == [0.5, 0.25]
    assert found[:20].sum() == 0.75  # X is no amino acid
    assert found[20] == pytest.approx(math.log(4))


def test_boosting_finds_a_rule_and_repeats_itself():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = ((x[:, 0] > 0) & (x[:, 1] > 0)).astype(np.int64)
    model = baseline.boosting(x[:200], y[:200])
    assert (model.predict(x[200:]) == y[200:]).mean() > 0.9
    again = baseline.boosting(x[:200], y[:200])
    assert np.array_equal(model.predict_proba(x), again.predict_proba(x))
