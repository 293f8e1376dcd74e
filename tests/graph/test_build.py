"""A protein and its vectors become a graph: which nodes, which edges, which keys."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from protgraph.graph import features
from protgraph.graph.build import KEYS, build, sequence, to_networkx
from protgraph.graph.edges import KINDS
from protgraph.structure import synthetic
from protgraph.structure.geometry import virtual_cb
from protgraph.structure.protein import CA, Complex, Protein
from protgraph.structure.read import read

CHAIN, RADIUS, NEAREST, CONTACT, INTERFACE = range(len(KINDS))
ALL = {"nodes": tuple(features.NODES), "edges": tuple(features.EDGES)}


@pytest.fixture(scope="module")
def protein():
    return synthetic.protein(0, length=80)


@pytest.fixture(scope="module")
def gapped(protein):
    """The protein with residues 0, 10 to 13 and 79 unobserved."""
    backbone, side = np.array(protein.backbone), np.array(protein.side)
    gone = [0, 10, 11, 12, 13, 79]
    backbone[gone] = side[gone] = np.nan
    return dataclasses.replace(protein, backbone=backbone, side=side, observed=np.empty(0))


@pytest.fixture(scope="module")
def dimer(protein):
    other = dataclasses.replace(
        protein, name="other", backbone=protein.backbone + 12.0, side=protein.side + 12.0
    )
    return Complex("dimer", (protein, other))


def pairs(graph, kind):
    return set(map(tuple, graph.edge_index[:, graph.edge_type == kind].T.tolist()))


def same(one, two, but=()):
    return all(torch.equal(one[key], two[key]) for key in one.keys() if key not in but)  # noqa: SIM118


def test_a_graph_has_the_closed_list_of_keys_and_the_shapes_stated(protein):
    graph = build(protein, **ALL)
    nodes, count = 80, graph.edge_index.shape[1]
    assert set(graph.keys()) == set(KEYS) - {"y", "target"}
    assert graph.x.shape == (nodes, sum(width for width, _ in features.NODES.values()))
    assert graph.edge_attr.shape == (count, sum(width for width, _ in features.EDGES.values()))
    assert graph.pos.shape == (nodes, 3)
    assert [len(graph[key]) for key in ("residue", "chain", "confidence")] == [nodes] * 3
    assert graph.edge_type.shape == (count,)
    graph.validate()


def test_batching_leaves_every_key_but_edge_index_unchanged(protein, gapped):
    graphs = [build(protein), build(gapped)]
    for graph in graphs:
        graph.y = torch.rand(graph.num_nodes, 2)
        graph.target = torch.rand(graph.num_nodes, 2)
    batch = Batch.from_data_list(graphs)
    for key in KEYS:
        if key == "edge_index":
            shifted = [graphs[0].edge_index, graphs[1].edge_index + 80]
            assert torch.equal(batch.edge_index, torch.cat(shifted, 1))
        else:
            assert torch.equal(batch[key], torch.cat([graph[key] for graph in graphs]))


def test_nodes_are_the_observed_residues_and_know_their_place_in_the_full_sequence(gapped):
    graph = build(gapped, nodes=("identity",))
    observed = [*range(1, 10), *range(14, 79)]
    assert graph.residue.tolist() == observed
    letters = [features.LETTERS[i] for i in graph.x.argmax(1)]
    assert letters == [gapped.sequence[i] for i in observed]
    np.testing.assert_array_equal(graph.pos, gapped.ca[observed])
    chain = pairs(graph, CHAIN)
    assert (0, 1) in chain
    assert (8, 9) not in chain  # residues 9 and 14


def test_vectors_of_the_full_sequence_land_on_their_residues(gapped):
    vectors = np.arange(80, dtype=np.float32)[:, None] * [1.0, 10.0]
    graph = build(gapped, vectors=vectors)
    assert graph.x[:, -2].tolist() == graph.residue.tolist()
    assert graph.x[:, -1].tolist() == (10 * graph.residue).tolist()
    assert torch.equal(graph.x[:, :-2], build(gapped).x)


def test_vectors_of_a_complex_land_on_the_residues_of_their_protein(dimer):
    one, two = np.zeros((80, 1)), np.ones((80, 1))
    assert torch.equal(build(dimer, vectors=[one, two]).x[:, -1], build(dimer).chain.float())


@pytest.mark.parametrize(
    ("shape", "text"),
    [((79, 4), r"vectors have shape \[79, 4\], but .* 80 residues needs \[80, D\]"),
     ((80,), r"vectors have shape \[80\]")],
)  # fmt: skip
def test_vectors_of_another_shape_are_refused(protein, shape, text):
    with pytest.raises(ValueError, match=text):
        build(protein, vectors=np.zeros(shape))


def test_a_complex_needs_vectors_for_each_protein(dimer):
    with pytest.raises(ValueError, match=r"A complex of 2 proteins needs as many .* got 1"):
        build(dimer, vectors=[np.zeros((80, 4))])


def test_only_interface_edges_join_chains(dimer):
    graph = build(dimer, nearest=4, contact=8.0, interface=10.0)
    between = graph.chain[graph.edge_index[0]] != graph.chain[graph.edge_index[1]]
    assert torch.equal(between, graph.edge_type == INTERFACE)
    assert between.any()
    away = torch.cdist(graph.pos[:80].double(), graph.pos[80:].double()) <= 10.0
    assert int(between.sum()) == 2 * int(away.sum())
    assert not (build(dimer, interface=0).edge_type == INTERFACE).any()


def test_a_complex_holds_the_graph_of_each_protein(dimer):
    graph = build(dimer, interface=0, **ALL)
    one, two = (build(member, **ALL) for member in dimer)
    assert torch.equal(graph.x, torch.cat([one.x, two.x]))
    assert graph.chain.tolist() == [0] * 80 + [1] * 80
    assert graph.residue.tolist() == [*range(80)] * 2
    for kind in (CHAIN, RADIUS):
        assert pairs(graph, kind) == pairs(one, kind) | {
            (i + 80, j + 80) for i, j in pairs(two, kind)
        }


def test_uncertain_residues_lose_spatial_edges_and_keep_chain_edges(protein):
    confidence = np.full(80, 90.0)
    confidence[[20, 40]] = 69.9
    confidence[30] = 70.0
    graph = build(dataclasses.replace(protein, confidence=confidence), nearest=3)
    sure = build(protein, nearest=3)
    assert pairs(graph, CHAIN) == pairs(sure, CHAIN)
    for kind in (RADIUS, NEAREST):
        kept = {pair for pair in pairs(sure, kind) if not {20, 40} & set(pair)}
        assert pairs(graph, kind) == kept
    np.testing.assert_allclose(graph.confidence, confidence)


def test_contact_edges_are_near_in_space_and_far_in_sequence(gapped):
    graph = build(gapped, radius=0, contact=8.0, separation=6)
    apart = torch.cdist(graph.pos.double(), graph.pos.double())
    steps = abs(graph.residue[:, None] - graph.residue[None])
    wanted = torch.nonzero((apart <= 8.0) & (steps >= 6)).tolist()
    assert pairs(graph, CONTACT) == set(map(tuple, wanted))
    assert len(graph.edge_type.unique()) == 2


@pytest.mark.parametrize("radius", [7.3, 10.0])
@pytest.mark.parametrize("point", ["ca", "cb", "side"])
def test_radius_edges_are_measured_between_the_chosen_points(protein, point, radius):
    cb = np.where(
        np.isnan(protein.backbone[:, 3]), virtual_cb(protein.backbone), protein.backbone[:, 3]
    )
    side = np.where(np.isnan(protein.side), cb, protein.side)
    place = {"ca": protein.ca, "cb": cb, "side": side}[point]
    apart = np.linalg.norm(place[:, None].astype(float) - place[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    graph = build(protein, radius=radius, point=point)
    assert pairs(graph, RADIUS) == set(zip(*np.nonzero(apart <= radius), strict=True))


def test_hidden_side_chains_leave_a_backbone_graph(protein):
    bare = dataclasses.replace(protein, side=np.full((80, 3), np.nan))
    for point in ("ca", "side"):
        hidden = build(protein, side=False, point=point, **ALL)
        assert same(hidden, build(bare, point=point, **ALL))
        assert not same(hidden, build(protein, point=point, **ALL))


def test_a_trace_of_ca_atoms_builds_with_zeros_where_nothing_is_known(protein):
    backbone = np.full((80, 4, 3), np.nan)
    backbone[:, CA] = protein.ca
    graph = build(Protein("trace", protein.sequence, backbone), **ALL)
    for key in ("x", "edge_attr"):
        assert torch.isfinite(graph[key]).all()
    start = 0
    for name in ("identity", "scales"):
        start += features.NODES[name][0]
    assert (graph.x[:, start : start + 6] == 0).all()  # dihedrals
    whole = build(protein)
    assert torch.equal(graph.edge_index, whole.edge_index)


def test_one_residue_is_a_graph_without_edges():
    graph = build(Protein("one", "M", np.zeros((1, 4, 3))), nearest=3, contact=8.0, **ALL)
    assert graph.num_nodes == 1
    assert graph.edge_index.shape == (2, 0)
    assert graph.edge_attr.shape == (0, sum(width for width, _ in features.EDGES.values()))


def test_a_protein_that_was_not_observed_is_refused():
    with pytest.raises(ValueError, match=r"ghost: .* got none of 3. Give a PDB or mmCIF"):
        build(Protein("ghost", "MKV", np.full((3, 4, 3), np.nan)))


def test_unknown_features_are_refused(protein):
    with pytest.raises(ValueError, match="Unknown node feature 'colour'"):
        build(protein, nodes=("colour",))
    with pytest.raises(ValueError, match="Unknown edge feature 'angle'"):
        build(protein, edges=("angle",))


def test_no_features_are_no_columns(protein):
    graph = build(protein, nodes=(), edges=())
    assert graph.x.shape == (80, 0)
    assert graph.edge_attr.shape == (graph.num_edges, 0)


def test_shuffling_rewires_spatial_edges_and_changes_nothing_else(dimer):
    graph = build(dimer, nearest=4)
    mixed = build(dimer, nearest=4, shuffle=True)
    assert same(mixed, build(dimer, nearest=4, shuffle=True))
    assert same(mixed, graph, but=("edge_index",))
    assert pairs(mixed, CHAIN) == pairs(graph, CHAIN)
    assert torch.equal(mixed.edge_index[0], graph.edge_index[0])
    for kind in (RADIUS, NEAREST, INTERFACE):
        chosen = graph.edge_type == kind
        one, two = graph.edge_index[1, chosen], mixed.edge_index[1, chosen]
        assert torch.equal(one.sort()[0], two.sort()[0])
        assert (one != two).float().mean() > 0.5
    between = mixed.chain[mixed.edge_index[0]] != mixed.chain[mixed.edge_index[1]]
    assert torch.equal(between, mixed.edge_type == INTERFACE)


def test_a_sequence_has_every_letter_and_no_edge(gapped):
    vectors = np.arange(80, dtype=np.float32)[:, None]
    graph = sequence(gapped, vectors=vectors, nodes=("identity", "scales"))
    assert set(graph.keys()) == set(KEYS) - {"y", "target"}
    assert graph.x.shape == (80, 21 + 7 + 1)
    assert graph.x[:, -1].tolist() == [*range(80)]
    assert graph.num_edges == 0
    with pytest.raises(ValueError, match="'burial' needs a structure"):
        sequence(gapped, nodes=("burial",))


def test_networkx_shows_the_same_edges_with_kind_and_distance(gapped):
    graph = build(gapped)
    shown = to_networkx(graph, gapped)
    assert shown.number_of_edges() == graph.num_edges
    kinds = [KINDS[kind] for kind in graph.edge_type]
    assert sorted((i, j, kind) for i, j, kind in shown.edges(data="kind")) == sorted(
        (i, j, kind) for (i, j), kind in zip(graph.edge_index.T.tolist(), kinds, strict=True)
    )
    assert shown.nodes[9] == {
        "residue": 14, "chain": 0, "pos": tuple(gapped.ca[14].tolist()),
        "number": "15", "letter": gapped.sequence[14],
    }  # fmt: skip
    i, j, distance = next(iter(shown.edges(data="distance")))
    assert distance == pytest.approx(float((graph.pos[i] - graph.pos[j]).norm()))


def test_real_chains_build_into_finite_graphs(chains):
    files = sorted(chains.glob("*.pdb"))[::100]
    assert len(files) > 10
    for file in files:
        [protein] = read(file)
        graph = build(protein, nearest=5, contact=8.0, **ALL)
        graph.validate()
        assert graph.num_nodes == protein.observed.sum()
        for key in ("x", "edge_attr", "pos"):
            assert torch.isfinite(graph[key]).all()
