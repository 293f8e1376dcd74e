"""Sites in space: hand-worked cases, laws of clusters, and other libraries' single linkage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.transform import Rotation
from sklearn.cluster import AgglomerativeClustering

from protgraph.data.sites import located
from protgraph.data.source import table
from protgraph.structure.read import read
from protgraph.tasks.labels import Undefined
from protgraph.tasks.pockets import NEAR, clusters, top_recall


def line(*x):
    """Points on one axis."""
    return np.array([[value, 0.0, 0.0] for value in x])


@st.composite
def cases(draw):
    """Points in a small box with scores of one decimal, labels, and owners of three names."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    n = draw(st.integers(1, 40))
    place = rng.uniform(0, draw(st.sampled_from([5.0, 30.0, 100.0])), (n, 3))
    y = (rng.random(n) < 0.4).astype(float)
    y[0] = 1
    return place, rng.integers(0, 11, n) / 10, y, rng.integers(0, 3, n)


def groups(found):
    return {frozenset(one.residues.tolist()) for one in found}


def test_clusters_by_hand():
    # 0, 8 and 16 are joined by steps of 8; 24.1 is 8.1 away; 40 does not reach the threshold.
    found = clusters(line(0, 8, 16, 24.1, 40), [0.5, 0.6, 0.7, 1.0, 0.49])
    assert [one.residues.tolist() for one in found] == [[0, 1, 2], [3]]
    assert [one.score for one in found] == pytest.approx([0.25 + 0.36 + 0.49, 1])
    assert found[0].centre.tolist() == [8, 0, 0]


def test_a_few_sure_residues_outrank_many_doubtful_ones():
    # 0.9^2 + 0.9^2 = 1.62, against 5 x 0.5^2 = 1.25, whose sum is larger.
    found = clusters(line(0, 1, 2, 3, 4, 50, 51), [0.5] * 5 + [0.9] * 2)
    assert found[0].residues.tolist() == [5, 6]


def test_of_equal_scores_the_first_residue_leads():
    found = clusters(line(90, 0, 50), [0.7, 0.7, 0.7])
    assert [one.residues.tolist() for one in found] == [[0], [1], [2]]


def test_no_residue_at_the_threshold_is_no_cluster():
    assert clusters(line(0, 1), [0.1, 0.2]) == []
    assert clusters(np.empty((0, 3)), []) == []


@given(cases(), st.sampled_from([1.0, 4.0, 8.0]))
def test_scipy_and_scikit_learn_join_the_same_residues(case, radius):
    place, s, _, _ = case
    rows = np.flatnonzero(s >= 0.5)
    found = clusters(place, s, radius=radius)
    if len(rows) > 1:
        one = fcluster(linkage(place[rows], "single"), radius, "distance")
        model = AgglomerativeClustering(None, linkage="single", distance_threshold=radius)
        for group in (one, model.fit_predict(place[rows])):
            assert groups(found) == {frozenset(rows[group == k].tolist()) for k in np.unique(group)}


@given(cases())
def test_every_residue_at_the_threshold_is_in_one_cluster(case):
    place, s, _, _ = case
    found = clusters(place, s)
    together = np.concatenate([np.empty(0, dtype=int), *(one.residues for one in found)])
    assert sorted(together) == np.flatnonzero(s >= 0.5).tolist()
    assert sum(one.score for one in found) == pytest.approx(np.sum(s[s >= 0.5] ** 2))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(cases())
def test_a_larger_radius_only_joins_clusters(case):
    place, s, _, _ = case
    wide = groups(clusters(place, s, radius=9))
    assert all(any(one <= other for other in wide) for one in groups(clusters(place, s, radius=5)))


@given(cases(), st.integers(0, 1000), st.sampled_from([0, 2]))
def test_turning_the_protein_and_renaming_it_changes_nothing(case, seed, extra):
    place, s, y, owner = case
    rng = np.random.default_rng(seed)
    turned = Rotation.random(random_state=seed).apply(place) + rng.normal(0, 50, 3)
    names = np.array(["c", "a", "b"])[owner]
    there = top_recall(y, s, place, owner, extra=extra)
    assert top_recall(y, s, turned, names, extra=extra) == there


@given(cases(), st.integers(0, 1000), st.sampled_from([0, 2]))
def test_the_order_of_residues_is_of_no_matter(case, seed, extra):
    place, s, y, owner = case
    p = np.random.default_rng(seed).permutation(len(y))
    there = top_recall(y, s, place, owner, extra=extra)
    assert top_recall(y[p], s[p], place[p], owner[p], extra=extra) == there


@given(cases())
def test_the_labels_themselves_find_every_site(case):
    place, _, y, owner = case
    assert top_recall(y, y, place, owner) == 1


@given(cases())
def test_more_guesses_find_no_less(case):
    place, s, y, owner = case
    found = [top_recall(y, s, place, owner, extra=extra) for extra in range(5)]
    assert found == sorted(found)


@given(cases())
@settings(max_examples=50)
def test_many_proteins_are_counted_as_each_alone(case):
    place, s, y, owner = case
    total = found = 0
    for one in np.unique(owner):
        own = owner == one
        if y[own].any():
            here = len(clusters(place[own], y[own]))
            total += here
            found += here * top_recall(y[own], s[own], place[own], owner[own])
    assert top_recall(y, s, place, owner) == pytest.approx(found / total)


def test_top_n_and_two_more_by_hand():
    # One true site, the third best of four predicted ones, and the fourth in another protein.
    place = line(0, 100, 200, 300, 0)
    y, s, owner = [0, 0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6, 0.6], list("aaaab")
    assert top_recall(y, s, place, owner) == 1 / 2
    assert top_recall(y, s, place, owner, extra=1) == 1 / 2
    assert top_recall(y, s, place, owner, extra=2) == 1


def test_n_is_the_number_of_true_sites():
    # Two true sites, so two guesses: the second best finds one of them.
    y, s = [1, 1, 0, 0], [0.8, 0.6, 0.9, 0.7]
    assert top_recall(y, s, line(0, 100, 200, 300), ["a"] * 4) == 1 / 2


@pytest.mark.parametrize(("away", "found"), [(NEAR, 1), (NEAR + 0.01, 0)])
def test_a_site_is_found_up_to_four_angstrom(away, found):
    assert top_recall([1, 0], [0.1, 0.9], line(0, away), ["a"] * 2) == found


def test_the_centre_of_a_wide_site_belongs_to_it():
    # Four residues 5 Å around what they bind: their points are 5 Å from a guess in the middle.
    place = [[5, 0, 0], [-5, 0, 0], [0, 5, 0], [0, -5, 0], [0, 0, 3.9]]
    y, s = [1, 1, 1, 1, 0], [0, 0, 0, 0, 0.9]
    assert top_recall(y, s, place, ["a"] * 5) == 1
    place[4] = [0, 0, 4.1]
    assert top_recall(y, s, place, ["a"] * 5) == 0


def test_a_guess_counts_by_its_centre_and_not_by_its_residues():
    # The residue at 0 is right, but the guess spreads to 24 and has its centre at 12.
    assert top_recall([1, 0, 0, 0], [0.9] * 4, line(0, 8, 16, 24), ["a"] * 4) == 0


def test_one_guess_may_find_two_sites():
    # Residues 7 Å apart are two sites at a radius of 6, and the guess lies between them.
    assert top_recall([1, 1, 0], [0, 0, 0.9], line(0, 7, 3.5), ["a"] * 3, radius=6) == 1


def test_guesses_that_tie_across_the_end_stay_out():
    y, owner = [1, 0, 0], ["a"] * 3
    assert top_recall(y, [0.9, 0.9, 0.5], line(0, 50, 100), owner) == 0
    assert top_recall(y, [0.9, 0.9, 0.5], line(0, 50, 100), owner, extra=1) == 1
    assert top_recall(y, [0.9, 0.9, 0.9], line(0, 50, 100), owner, extra=2) == 1


def test_sums_that_are_equal_but_for_their_order_tie():
    # 0.5^2 + 0.7^2 + 0.9^2 twice, in two orders: plain sums differ in the last digit.
    s = [0.7, 0.5, 0.9, 0.9, 0.7, 0.5]
    one, two = clusters(line(0, 1, 2, 50, 51, 52), s)
    assert one.score == two.score


def test_a_protein_without_true_sites_does_not_count():
    y, s, place = [1, 0, 0], [0.9, 0.9, 0.9], line(0, 0, 50)
    assert top_recall(y, s, place, ["a", "b", "b"]) == 1


def test_a_protein_without_a_prediction_finds_nothing():
    assert top_recall([1, 1], [0.9, 0.1], line(0, 0), ["a", "b"]) == 1 / 2
    assert top_recall([1, 1], [0.1, 0.1], line(0, 0), ["a", "b"], extra=2) == 0


def test_unknown_residues_are_left_out():
    y, s, place = [1, np.nan, np.nan], [0.8, 0.9, np.nan], [[0, 0, 0], [50, 0, 0], [np.nan] * 3]
    assert top_recall(y, s, place, ["a"] * 3) == 1


def test_no_true_site_at_all_is_an_error():
    with pytest.raises(Undefined, match=r"top_recall: a residue that binds .* got none of 2"):
        top_recall([0, 0], [0.1, 0.9], line(0, 1), ["a"] * 2)


def test_what_does_not_fit_is_an_error():
    nan = [[0, 0, 0], [np.nan, 0, 0]]
    with pytest.raises(ValueError, match="clusters: coordinates are finite, got 1 that"):
        clusters(nan, [0.1, 0.9])
    with pytest.raises(ValueError, match="top_recall: coordinates are finite, got 1 that"):
        top_recall([0, 1], [0.1, 0.9], nan, ["a"] * 2)
    with pytest.raises(ValueError, match="clusters: scores are finite, got 1 that"):
        clusters(line(0, 1), [0.1, np.inf])
    with pytest.raises(ValueError, match=r"clusters: 2 scores .* got \[2\] and \[3, 3\]"):
        clusters(line(0, 1, 2), [0.1, 0.2])
    with pytest.raises(ValueError, match=r"top_recall: 2 labels .* got \[2, 3\] and \[1\]"):
        top_recall([0, 1], [0.1, 0.9], line(0, 1), ["a"])
    with pytest.raises(ValueError, match="clusters: threshold is a number above 0, got 0"):
        clusters(line(0), [0.5], threshold=0)
    with pytest.raises(ValueError, match="top_recall: radius is a number above 0, got nan"):
        top_recall([1], [0.5], line(0), ["a"], radius=np.nan)
    with pytest.raises(ValueError, match="top_recall: extra is 0 or more, got -1"):
        top_recall([1], [0.5], line(0), ["a"], extra=-1)
    with pytest.raises(ValueError, match=r"top_recall: labels are 0, 1 or NaN .* got 2"):
        top_recall([2], [0.5], line(0), ["a"])


@pytest.fixture(scope="module")
def bound(chains):
    """Labels, side-chain centroids (Cα in glycine) and chains of real sites of two ligands."""
    found = {}
    for ligand in ("ZN", "ATP"):
        ys, places, owners = [], [], []
        for row in table("binding_sites/labels.tsv"):
            if row["ligand"] == ligand:
                (protein,) = read(chains / f"{row['chain']}.pdb")
                y = np.zeros(len(protein))
                y[located(protein, row["pos_idx0"], row["pos_pdbnum"])] = 1
                place = np.where(np.isnan(protein.side), protein.backbone[:, 1], protein.side)
                there = np.isfinite(place).all(axis=1)
                ys.append(y[there])
                places.append(place[there])
                owners.append([row["chain"]] * there.sum())
        found[ligand] = ys, places, owners
    return found


@pytest.mark.parametrize("ligand", ["ZN", "ATP"])
def test_the_labels_of_real_sites_find_them(bound, ligand):
    y, place, owner = (np.concatenate(one) for one in bound[ligand])
    assert top_recall(y, y, place, owner) == 1
    noise = np.random.default_rng(0).random(len(y))
    assert top_recall(y, noise, place, owner, threshold=0.9, extra=2) < 0.3


def test_zinc_sites_hardly_change_with_the_radius(bound):
    ys, places, _ = bound["ZN"]
    for radius, wanted in ((5, 2.5), (7, 1.8), (9, 1.7)):
        count = [len(clusters(*one, radius=radius)) for one in zip(places, ys, strict=True)]
        assert np.mean(count) == pytest.approx(wanted, abs=0.05)


def test_a_fifth_of_the_atp_sites_lie_around_an_empty_middle(bound):
    ys, places, _ = bound["ATP"]
    far = [
        np.linalg.norm(place[one.residues] - one.centre, axis=1).min() > NEAR
        for place, y in zip(places, ys, strict=True)
        for one in clusters(place, y)
    ]
    assert np.mean(far) == pytest.approx(0.2, abs=0.02)
