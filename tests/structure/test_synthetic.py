"""Synthetic proteins: the geometry that was asked for, and a label that only contacts tell."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from protgraph.structure.geometry import dihedrals
from protgraph.structure.ideal import fold
from protgraph.structure.protein import CA, CB, C, N
from protgraph.structure.synthetic import FAR, METALS, NEAR, dataset, protein

KINDS = ("helices", "strands", "mixed")


@pytest.fixture(scope="module")
def examples():
    return dataset(24, seed=1)


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    """A backbone that did fold, with its torsions and states."""
    rng = np.random.default_rng(3)
    found = next(filter(None, (fold(request.param, 90, rng) for _ in range(20))))
    return request.param, *found


def distances(points):
    return np.linalg.norm(points[:, None] - points, axis=-1)


def metal(protein):
    return np.array([a in METALS for a in protein.sequence])


def test_neighbouring_ca_are_a_peptide_apart(examples):
    for made, _ in examples:
        step = np.linalg.norm(np.diff(made.ca, axis=0), axis=1)
        assert abs(step - 3.8).max() < 0.1


def test_bonds_and_angles_are_those_of_engh_and_huber(examples):
    for made, _ in examples:
        n, ca, c = (made.backbone[:, atom] for atom in (N, CA, C))
        assert np.linalg.norm(ca - n, axis=1) == pytest.approx(1.458, abs=1e-3)
        assert np.linalg.norm(c - ca, axis=1) == pytest.approx(1.525, abs=1e-3)
        assert np.linalg.norm(n[1:] - c[:-1], axis=1) == pytest.approx(1.329, abs=1e-3)
        cosine = ((n - ca) * (c - ca)).sum(axis=1) / 1.458 / 1.525
        assert np.degrees(np.arccos(cosine)) == pytest.approx(111.2, abs=0.1)


def test_residues_are_left_handed(examples):
    for made, _ in examples:
        n, ca, c, cb = (made.backbone[:, atom] for atom in (N, CA, C, CB))
        volume = (np.cross(n - ca, c - ca) * (cb - ca)).sum(axis=1)
        assert (volume[[a != "G" for a in made.sequence]] > 2).all()


def test_dihedrals_are_those_asked_for(made):
    _, backbone, torsions, states = made
    angles = dihedrals(backbone.astype(np.float32))
    turn = np.exp(1j * angles[1:-1, :2]) - np.exp(1j * torsions[1:-1])
    assert abs(turn).max() < 1e-3
    assert abs(abs(angles[:-1, 2]) - np.pi).max() < 1e-3
    for state, (phi, psi) in {"H": (-57, -47), "E": (-139, 135)}.items():
        here = np.flatnonzero([s == state for s in states])
        assert np.degrees(torsions[here]) == pytest.approx(np.tile((phi, psi), (len(here), 1)))


def test_segments_pack_side_by_side(made):
    kind, backbone, _, states = made
    ca = backbone[:, CA]
    runs = np.split(np.arange(90), np.flatnonzero(np.diff([*map(ord, states)])) + 1)
    runs = [r for r in runs if states[r[0]] != "L"]
    for one, two in pairwise(runs):
        turn = 4 if "H" in (states[one[0]], states[two[0]]) else 2
        axes = [ca[r[-turn:]].mean(axis=0) - ca[r[:turn]].mean(axis=0) for r in (one, two)]
        first, second = (axis / np.linalg.norm(axis) for axis in axes)
        assert first @ second < -0.8  # antiparallel within 37°
        gap = ca[two].mean(axis=0) - ca[one].mean(axis=0)
        apart = np.linalg.norm(gap - gap @ first * first)
        ideal = 4.8 if turn == 2 and apart < 7.5 else 10.0
        assert apart == pytest.approx(ideal, abs=3.0), kind


def test_nothing_clashes(examples):
    for made, _ in examples:
        apart = distances(made.ca)[np.triu_indices(len(made), 2)]
        assert apart.min() > 3.5


def test_side_centroids_lie_along_the_bond_to_cb(examples):
    for made, _ in examples:
        glycine = np.array([a == "G" for a in made.sequence])
        assert np.isnan(made.side[glycine]).all()
        assert np.isnan(made.backbone[glycine, CB]).all()
        bond, side = (made.backbone[:, CB] - made.ca)[~glycine], (made.side - made.ca)[~glycine]
        assert np.cross(bond, side) == pytest.approx(0, abs=1e-3)
        assert ((bond * side).sum(axis=1) > 0).all()
    reach = np.linalg.norm(examples[0][0].side - examples[0][0].ca, axis=1)
    assert reach[examples[0][0].sequence.index("A")] == pytest.approx(1.52, abs=0.01)


def test_the_label_is_who_has_two_partners_near_in_space_and_far_in_sequence(examples):
    for made, y in examples:
        at = np.flatnonzero(metal(made))
        near = (distances(made.side[at]) <= NEAR) & (abs(at - at[:, None]) >= FAR)
        assert at[near.sum(axis=1) >= 2].tolist() == np.flatnonzero(y).tolist()


def test_a_site_is_three_residues_near_each_other_and_far_in_sequence(examples):
    for made, y in examples:
        site = np.flatnonzero(y)
        assert len(site) == 3
        assert distances(made.side[site]).max() <= NEAR
        assert np.diff(site).min() >= FAR


def test_the_note_names_the_site(examples):
    made, y = examples[0]
    site = " ".join(f"{made.sequence[i]}{i + 1}" for i in np.flatnonzero(y))
    assert made.notes == (f"planted site {site}",)


def test_letters_alone_do_not_tell(examples):
    letters = np.concatenate([metal(made) for made, _ in examples])
    y = np.concatenate([y for _, y in examples])
    assert y[letters].mean() < 0.35
    for a in METALS:
        here = np.concatenate([[s == a for s in made.sequence] for made, _ in examples])
        assert 0 < y[here].mean() < 0.5


def test_letters_stand_close_in_sequence_without_being_a_site(examples):
    pairs = 0
    for made, y in examples:
        at = np.flatnonzero(metal(made) & (y == 0))
        pairs += (np.diff(at) < FAR).sum()
    assert pairs >= 2 * len(examples)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_everything(kind):
    one, same, other = (protein(seed, kind=kind, length=64) for seed in (5, 5, 6))
    assert one.sequence == same.sequence
    assert one.backbone.tobytes() == same.backbone.tobytes()
    assert one.sequence != other.sequence


def test_a_dataset_takes_the_kinds_by_turn_and_grows_without_change(examples):
    assert [made.name for made, _ in examples[:4]] == [
        "helices-1-0", "strands-1-1", "mixed-1-2", "helices-1-3",
    ]  # fmt: skip
    again, _ = dataset(2, seed=1)[1]
    assert again.sequence == examples[1][0].sequence
    assert all(60 <= len(made) <= 120 for made, _ in examples)


@pytest.mark.parametrize("length", [60, 120, 200])
def test_the_length_is_as_asked(length):
    assert len(protein(0, length=length, name="long")) == length


def test_what_cannot_be_made_is_an_error():
    with pytest.raises(ValueError, match=r"helices-0: .* 60 to 200 residues, got 20"):
        protein(0, length=20)
    with pytest.raises(ValueError, match="kind is helices, strands or mixed, got 'knot'"):
        protein(0, kind="knot")
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        dataset(-1)
