"""Features: no rotation changes them, a mirror does, and each is what it says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from protgraph.graph import features
from protgraph.graph.edges import radius
from protgraph.graph.frame import Pairs, frame
from protgraph.structure import synthetic
from protgraph.structure.protein import CA, Protein
from protgraph.structure.residues import LETTERS

TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
MIRROR = np.diag([1.0, 1.0, -1.0])


@pytest.fixture(scope="module")
def protein():
    return synthetic.protein(0, length=80)


def moved(protein, turn, shift=(0.0, 0.0, 0.0)):
    return dataclasses.replace(
        protein, backbone=protein.backbone @ turn.T + shift, side=protein.side @ turn.T + shift
    )


def nodes(protein, name):
    return features.NODES[name][1](frame(protein))


def edges(protein, name, cutoff=9.97):
    f = frame(protein)
    return features.of_edges(Pairs(f, *radius(f.ca, cutoff)), [name])


@pytest.mark.parametrize("name", features.NODES)
def test_turning_and_moving_the_protein_changes_no_node_feature(protein, name):
    again = nodes(moved(protein, TURN, [5.0, -30.0, 12.0]), name)
    np.testing.assert_allclose(again, nodes(protein, name), atol=1e-4)


@pytest.mark.parametrize("name", features.EDGES)
def test_turning_and_moving_the_protein_changes_no_edge_feature(protein, name):
    again = edges(moved(protein, TURN, [5.0, -30.0, 12.0]), name)
    np.testing.assert_allclose(again, edges(protein, name), atol=1e-4)


@pytest.mark.parametrize("name", ["dihedrals", "neighbours", "side"])
def test_the_mirror_image_has_other_node_features(protein, name):
    assert abs(nodes(moved(protein, MIRROR), name) - nodes(protein, name)).max() > 0.1


@pytest.mark.parametrize("name", ["direction", "sides", "orientation"])
def test_the_mirror_image_has_other_directions(protein, name):
    assert abs(edges(moved(protein, MIRROR), name) - edges(protein, name)).max() > 0.1


@pytest.mark.parametrize("name", ["distance", "separation"])
def test_the_mirror_image_has_the_same_distances(protein, name):
    np.testing.assert_allclose(edges(moved(protein, MIRROR), name), edges(protein, name), atol=1e-5)


@pytest.mark.parametrize("name", features.NODES)
def test_node_features_are_as_wide_as_stated(protein, name):
    found = nodes(protein, name)
    assert found.shape == (80, features.NODES[name][0])
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", features.EDGES)
def test_edge_features_are_as_wide_as_stated(protein, name):
    found = edges(protein, name)
    assert found.shape[1] == features.EDGES[name][0]
    assert len(found) > 500
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_directions_lead_from_the_target_to_the_source(protein):
    f = frame(protein)
    source, target = radius(f.ca, 8.0)
    way = features.of_edges(Pairs(f, source, target), ["direction"])
    arrow = np.einsum("eji,ej->ei", f.axes[target], way)
    length = np.linalg.norm(f.ca[source] - f.ca[target], axis=1)
    np.testing.assert_allclose(f.ca[target] + length[:, None] * arrow, f.ca[source], atol=1e-4)


def test_orientation_turns_the_sources_axes_into_the_targets_frame(protein):
    f = frame(protein)
    source, target = radius(f.ca, 8.0)
    turn = features.of_edges(Pairs(f, source, target), ["orientation"]).reshape(-1, 3, 3)
    np.testing.assert_allclose(turn @ f.axes[source], f.axes[target], atol=1e-5)


def test_separation_is_signed_logarithmic_and_nothing_between_chains(protein):
    f = frame(protein)
    found = features.of_edges(Pairs(f, np.array([9, 0, 4]), np.array([0, 9, 4])), ["separation"])
    wanted = np.log(10.0) / np.log(100.0)
    np.testing.assert_allclose(found[:, 0], [wanted, -wanted, 0.0], rtol=1e-6)
    two = dataclasses.replace(f, member=np.repeat([0, 1], 40))
    apart = features.of_edges(Pairs(two, np.array([0, 41]), np.array([41, 40])), ["separation"])
    np.testing.assert_allclose(apart[:, 0], [0.0, np.log(2.0) / np.log(100.0)], rtol=1e-6)


def test_burial_counts_neighbours_and_those_towards_the_side_chain():
    backbone = np.full((4, 4, 3), np.nan)
    backbone[:, CA] = [[0, 0, 0], [0, 0, 6], [0, 0, -7], [0, 0, 11]]
    backbone[:, 3] = backbone[:, CA] + [0, 0, 1.5]
    found = nodes(Protein("demo", "AAAA", backbone), "burial") * 20
    np.testing.assert_allclose(found, [[2, 1], [2, 1], [1, 1], [1, 0]], atol=1e-6)


def test_identity_is_one_hot_in_the_order_of_the_alphabet():
    backbone = np.zeros((21, 4, 3)) + np.arange(21)[:, None, None]
    np.testing.assert_array_equal(nodes(Protein("all", LETTERS, backbone), "identity"), np.eye(21))


def test_neighbour_vectors_do_not_cross_a_gap(protein):
    backbone = np.array(protein.backbone)
    backbone[30:32] = np.nan
    found = nodes(dataclasses.replace(protein, backbone=backbone, observed=np.empty(0)),
                  "neighbours")  # fmt: skip
    assert (found[29, :3] == 0).all()
    assert (found[30, 3:] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(found[1:29, :3], axis=1), 1.0, rtol=1e-5)


def test_a_missing_side_chain_is_told_apart_and_cb_stands_in(protein):
    side = np.array(protein.side)
    side[5] = np.nan
    found = nodes(dataclasses.replace(protein, side=side), "side")
    assert found[5, 3] == 0
    f = frame(protein)
    np.testing.assert_allclose(found[5, :3], f.axes[5] @ (f.cb[5] - f.ca[5]), atol=1e-5)
    hidden = features.NODES["side"][1](frame(protein, side=False))
    assert (hidden[:, 3] == 0).all()


@pytest.mark.parametrize("point", ["ca", "cb", "side"])
def test_a_residue_is_at_its_ca_its_cb_or_its_side_chain(protein, point):
    place = {"ca": protein.ca, "cb": protein.backbone[:, 3], "side": protein.side}[point]
    f = frame(protein, point=point)
    known = ~np.isnan(place[:, 0])
    np.testing.assert_array_equal(f.place[known], place[known])
    assert np.isfinite(f.place).all()


def test_an_unknown_point_is_refused(protein):
    with pytest.raises(ValueError, match="point is one of ca, cb, side, got 'cg'"):
        frame(protein, point="cg")


def test_distances_are_gaussians_around_sixteen_centres():
    backbone = np.full((300, 4, 3), np.nan)
    backbone[:, CA] = np.linspace(0, 40, 300)[:, None] * [1.0, 0.0, 0.0]
    line = frame(Protein("line", "A" * 300, backbone))
    found = features.of_edges(Pairs(line, np.arange(300), np.zeros(300, dtype=int)), ["distance"])
    z = (line.ca[:, :1] - np.linspace(0, features.REACH, 16)) / features.WIDTH
    np.testing.assert_allclose(found, np.exp(-z * z), atol=1e-6)
    assert found.min() > np.finfo(np.float32).tiny


def test_features_stand_side_by_side_in_the_order_asked_for(protein):
    f = frame(protein)
    pairs = Pairs(f, *radius(f.ca, 8.0))
    for room, given, order in (
        (features.of_edges, pairs, ["separation", "sides", "distance"]),
        (features.of_nodes, f, ["side", "identity"]),
    ):
        apart = [room(given, [name]) for name in order]
        np.testing.assert_array_equal(room(given, order), np.concatenate(apart, axis=1))
        assert room(given, order).flags.c_contiguous


def test_an_unknown_feature_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"Unknown node feature 'colour'\. There are: identity, "):
        features.names(["identity", "colour"], [])
    with pytest.raises(ValueError, match=r"Unknown edge feature 'angle'\. There are: distance, "):
        features.names([], ["angle"])
