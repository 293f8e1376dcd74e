"""Geometry against Biopython, against real chains, and against the laws of rigid motion."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from protgraph.structure import geometry, synthetic
from protgraph.structure.protein import CA, CB, C, N
from protgraph.structure.read import read

atoms = st.integers(1, 12).flatmap(
    lambda length: arrays(
        np.float64, (length, 4, 3), elements=st.floats(-20, 20, allow_nan=False, width=32)
    )
)
angles = arrays(np.float64, (3,), elements=st.floats(-3, 3))
shifts = arrays(np.float64, (3,), elements=st.floats(-50, 50))


@pytest.fixture(scope="module")
def some(chains):
    files = sorted(chains.glob("*.pdb"))[::150]
    assert len(files) > 5
    return [read(file)[0] for file in files]


def helix(residues=12):
    i = np.arange(residues)
    turn = np.radians(100.0) * i
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * i], axis=1)


def strand(residues=12):
    i = np.arange(residues)
    return np.stack([3.3 * i, 0.9 * (-1.0) ** i, 0.0 * i], axis=1)


@settings(deadline=None)
@given(arrays(np.float64, (7, 3), elements=st.floats(-1e3, 1e3)))
def test_unit_vectors_have_length_one_or_no_direction(vectors):
    unit = geometry.unit(vectors)
    length = np.linalg.norm(unit, axis=1)
    some = np.linalg.norm(vectors, axis=1) > 1e-100
    np.testing.assert_allclose(length[some], 1.0, rtol=1e-12)
    assert np.isnan(geometry.unit(np.zeros((1, 3)))).all()


def test_dihedrals_are_those_of_biopython(chains):
    from Bio.PDB import PDBParser
    from Bio.PDB.vectors import calc_dihedral

    compared = 0
    for file in sorted(chains.glob("*.pdb"))[::150]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Biopython warns of breaks in the chain
            [chain] = PDBParser(QUIET=True).get_structure("", file)[0]
        residues = [r for r in chain if all(name in r for name in ("N", "CA", "C"))]
        backbone = np.array(
            [[r[a].coord if a in r else [np.nan] * 3 for a in ("N", "CA", "C", "CB")]
             for r in residues], dtype=np.float32,
        )  # fmt: skip
        found = geometry.dihedrals(backbone)
        for i, (one, two) in enumerate(pairwise(residues)):
            if one["C"] - two["N"] > 1.8:
                assert np.isnan([found[i, 1], found[i, 2], found[i + 1, 0]]).all()
                continue
            path = [one[a] for a in ("N", "CA", "C")] + [two[a] for a in ("N", "CA", "C")]
            psi, omega, phi = (
                calc_dihedral(*(atom.get_vector() for atom in path[k : k + 4])) for k in range(3)
            )
            turn = np.array([found[i, 1] - psi, found[i, 2] - omega, found[i + 1, 0] - phi])
            assert np.max(np.abs(np.sin(turn / 2))) < 1e-3
            compared += 1
        assert np.isnan(found[0, 0])
        assert np.isnan(found[-1, 1:]).all()
    assert compared > 1000


def test_a_synthetic_helix_has_the_dihedrals_it_was_made_with():
    made = synthetic.protein(0, length=60)
    phi, psi, omega = np.degrees(geometry.dihedrals(made.backbone)).T
    assert np.isclose(np.nanmedian(phi), -57, atol=1)
    assert np.isclose(np.nanmedian(psi), -47, atol=1)
    assert np.isclose(np.nanmedian(abs(omega)), 180, atol=1)


def test_a_dihedral_that_spans_an_absent_atom_or_a_break_is_unknown():
    backbone = np.array(synthetic.protein(0, length=60).backbone)
    backbone[10, C] = np.nan
    backbone[20:] += 5.0
    unknown = np.isnan(geometry.dihedrals(backbone))
    wanted = np.zeros((60, 3), dtype=bool)
    wanted[0, 0] = wanted[59, 1] = wanted[59, 2] = True
    wanted[10] = wanted[11, 0] = True
    wanted[19, 1:] = wanted[20, 0] = True
    np.testing.assert_array_equal(unknown, wanted)


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_chains_have_dihedrals_too(length):
    assert geometry.dihedrals(np.zeros((length, 4, 3))).shape == (length, 3)


@settings(deadline=None)
@given(atoms, angles, shifts)
def test_turning_a_protein_turns_its_frames_and_its_virtual_cb(backbone, angle, shift):
    turn = Rotation.from_rotvec(angle).as_matrix()
    moved = backbone @ turn.T + shift
    np.testing.assert_allclose(
        geometry.virtual_cb(moved), geometry.virtual_cb(backbone) @ turn.T + shift, atol=1e-9
    )
    # Where N, CA and C nearly lie on a line the frame has no direction.
    first, second = backbone[:, C] - backbone[:, CA], backbone[:, N] - backbone[:, CA]
    plain = np.linalg.norm(np.cross(first, second), axis=1) > 0.1
    np.testing.assert_allclose(
        geometry.frames(moved)[plain], geometry.frames(backbone)[plain] @ turn.T, atol=1e-7
    )


@settings(deadline=None)
@given(atoms)
def test_frames_are_right_handed_rotations(backbone):
    first, second = backbone[:, C] - backbone[:, CA], backbone[:, N] - backbone[:, CA]
    plain = np.linalg.norm(np.cross(first, second), axis=1) > 0.1
    frames = geometry.frames(backbone)[plain]
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1) - np.eye(3), 0.0, atol=1e-7)
    np.testing.assert_allclose(np.linalg.det(frames), 1.0, atol=1e-7)


def test_moving_a_protein_leaves_dihedrals_and_secondary_structure_and_a_mirror_does_not(some):
    turn = Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix()
    for protein in some:
        backbone = protein.backbone.astype(np.float64)
        moved = backbone @ turn.T + [10.0, -20.0, 5.0]
        before = geometry.dihedrals(backbone)
        np.testing.assert_allclose(np.cos(geometry.dihedrals(moved)), np.cos(before), atol=1e-5)
        np.testing.assert_array_equal(
            geometry.secondary(moved[:, CA]), geometry.secondary(backbone[:, CA])
        )
        mirrored = geometry.dihedrals(backbone * [1, 1, -1])
        np.testing.assert_allclose(np.sin(mirrored), -np.sin(before), atol=1e-5)


def test_virtual_cb_is_where_cb_was_observed(some):
    far = np.concatenate(
        [np.linalg.norm(geometry.virtual_cb(p.backbone) - p.backbone[:, CB], axis=1) for p in some]
    )
    assert np.nanmedian(far) < 0.2
    assert np.isfinite(far).sum() > 1000


def test_amino_acids_are_left_handed_and_so_is_virtual_cb(some):
    for protein in some:
        n, ca, c, cb = protein.backbone.transpose(1, 0, 2)
        for place in (cb, geometry.virtual_cb(protein.backbone)):
            # Seen from H, that is with CB - N - C, the L form turns this way.
            volume = np.einsum("ij,ij->i", np.cross(n - ca, c - ca), place - ca)
            assert np.nanmax(volume) > 0
            assert np.nanmean(np.sign(volume)) > 0.99


def test_cb_is_observed_else_ideal_else_ca():
    backbone = np.array(synthetic.protein(0, length=60).backbone)
    backbone[3, CB] = np.nan
    backbone[4, [N, C, CB]] = np.nan
    backbone[5] = np.nan
    place = geometry.cb(backbone)
    np.testing.assert_array_equal(place[:3], backbone[:3, CB])
    np.testing.assert_array_equal(place[3], geometry.virtual_cb(backbone)[3])
    np.testing.assert_array_equal(place[4], backbone[4, CA])
    assert np.isnan(place[5]).all()
    assert np.isnan(backbone[3, CB]).all()


def test_secondary_structure_of_an_ideal_helix_and_strand():
    assert geometry.secondary(helix()).tolist() == [0, *[1] * 10, 0]
    assert geometry.secondary(strand()).tolist() == [0, *[2] * 10, 0]
    assert geometry.secondary(3.0 * helix()).tolist() == [0] * 12
    assert geometry.secondary(helix(4)).tolist() == [0] * 4


def test_an_unobserved_residue_is_coil():
    trace = helix(20)
    trace[10] = np.nan
    assert geometry.secondary(trace).tolist() == [0, *[1] * 8, 0, 0, *[1] * 8, 0]


def test_secondary_structure_of_synthetic_folds_is_the_one_they_were_made_with():
    helices = geometry.secondary(synthetic.protein(0, kind="helices").ca)
    strands = geometry.secondary(synthetic.protein(0, kind="strands").ca)
    assert (helices == 1).mean() > 0.5 > 10 * (helices == 2).mean()
    assert (strands == 2).mean() > 0.2 > 2 * (strands == 1).mean()
