"""The contact graph as a torch-geometric transform."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import Compose, RandomRotate

from protgraph.graph.build import build
from protgraph.graph.features import REACH
from protgraph.graph.transform import ContactEdges, basis
from protgraph.structure import synthetic
from protgraph.structure.protein import Complex


@pytest.fixture(scope="module")
def protein():
    return synthetic.protein(0, length=80)


@pytest.fixture(scope="module")
def graph(protein):
    backbone, side = np.array(protein.backbone), np.array(protein.side)
    backbone[10:14] = side[10:14] = np.nan
    return build(
        dataclasses.replace(protein, backbone=backbone, side=side, observed=np.empty(0)),
        nearest=5, steps=2, nodes=("identity",), edges=("distance",),
    )  # fmt: skip


def points(graph):
    return Data(pos=graph.pos, residue=graph.residue, chain=graph.chain)


def test_the_transform_makes_the_edges_of_build(graph):
    found = ContactEdges(radius=10.0, nearest=5, steps=2)(points(graph))
    assert torch.equal(found.edge_index, graph.edge_index)
    assert torch.equal(found.edge_type, graph.edge_type)
    torch.testing.assert_close(found.edge_attr, graph.edge_attr)


def test_edges_stay_within_a_chain(protein):
    near = dataclasses.replace(protein, backbone=protein.backbone + 3.0)
    graph = build(Complex("dimer", (protein, near)), nearest=4, interface=0, edges=("distance",))
    found = ContactEdges(nearest=4)(points(graph))
    one = set(zip(*found.edge_index.tolist(), found.edge_type.tolist(), strict=True))
    assert one == set(zip(*graph.edge_index.tolist(), graph.edge_type.tolist(), strict=True))
    assert len(one) == found.num_edges


def test_points_without_residue_or_chain_are_one_chain_in_order(protein):
    found = ContactEdges(radius=0, steps=1)(Data(pos=torch.tensor(protein.ca)))
    source, target = found.edge_index
    assert torch.equal(abs(source - target), torch.ones(2 * 79, dtype=torch.long))


def test_the_graph_given_is_not_changed(graph):
    given = points(graph)
    ContactEdges()(given)
    assert set(given.keys()) == {"pos", "residue", "chain"}


def test_the_transform_works_in_a_compose_and_a_loader(protein):
    torch.manual_seed(0)
    transform = Compose([RandomRotate(180, axis=0), RandomRotate(180, axis=1), ContactEdges(9.97)])
    plain = [Data(pos=torch.tensor(protein.ca[:length])) for length in (20, 40)]
    batch = next(iter(DataLoader([transform(one) for one in plain], batch_size=2)))
    wanted = [ContactEdges(9.97)(one) for one in plain]
    shifted = [wanted[0].edge_index, wanted[1].edge_index + 20]
    assert torch.equal(batch.edge_index, torch.cat(shifted, 1))
    torch.testing.assert_close(
        batch.edge_attr, torch.cat([one.edge_attr for one in wanted]), atol=1e-4, rtol=1e-4
    )


def test_gradients_reach_the_points():
    pos = torch.tensor([[0.0, 0, 0], [3.8, 0, 0]], dtype=torch.float64, requires_grad=True)
    found = ContactEdges()(Data(pos=pos))
    torch.testing.assert_close(found.edge_attr[0], basis(torch.tensor([3.8]).double())[0])
    found.edge_attr[:, 4].sum().backward()
    assert (pos.grad[:, 0] != 0).all()
    assert torch.allclose(pos.grad.sum(0), torch.zeros(3, dtype=torch.float64))


def test_the_basis_is_gaussian_around_sixteen_centres():
    distance = torch.linspace(0, 40, 300, dtype=torch.float64)
    centres = torch.linspace(0, REACH, 16, dtype=torch.float64)
    z = (distance[:, None] - centres) * 16 / REACH
    found = basis(distance)
    torch.testing.assert_close(found, torch.exp(-z * z), atol=1.2e-7, rtol=1e-6)
    assert basis(distance.float()).min() > torch.finfo(torch.float32).tiny


def test_the_gradient_of_the_basis_is_that_of_its_formula():
    distance = torch.linspace(0.3, 11.0, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(basis, distance)


@pytest.mark.parametrize("count", [0, 1])
def test_no_point_and_one_point_have_no_edge(count):
    found = ContactEdges(nearest=3)(Data(pos=torch.zeros(count, 3)))
    assert found.edge_index.shape == (2, 0)
    assert found.edge_attr.shape == (0, 16)


@pytest.mark.parametrize(
    ("data", "text"),
    [(Data(x=torch.zeros(2, 3)), r"needs pos of shape \[N, 3\], got None"),
     (Data(pos=torch.zeros(2, 2)), r"needs pos of shape \[N, 3\], got \[2, 2\]"),
     (Data(pos=torch.full((2, 3), torch.nan)), r"needs finite pos, got \[nan, .* in row 0"),
     (Data(pos=torch.zeros(2, 3), residue=torch.zeros(3)), r"needs residue of shape \[2\]"),
     (Data(pos=torch.zeros(2, 3), residue=torch.tensor([1, 0])), "residue increasing along it"),
     (Data(pos=torch.zeros(3, 3), chain=torch.tensor([0, 1, 0])), "nodes of a chain together")],
)  # fmt: skip
def test_points_that_make_no_sense_are_refused(data, text):
    with pytest.raises(ValueError, match=text):
        ContactEdges()(data)


@pytest.mark.parametrize("settings", [{"radius": -1.0}, {"nearest": -1}, {"steps": -1}])
def test_negative_settings_are_refused(graph, settings):
    with pytest.raises(ValueError, match="got -1"):
        ContactEdges(**settings)(points(graph))


def test_the_transform_shows_its_settings():
    assert repr(ContactEdges(8.0, nearest=2)) == "ContactEdges(radius=8.0, nearest=2, steps=1)"
