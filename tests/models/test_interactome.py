"""The network over an interaction network: partners have no order, neighbours are heard."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from protgraph.models.interactome import GIN

EDGES = torch.tensor([[0, 1], [1, 2], [2, 3], [4, 4]])
PAIRS = torch.tensor([[0, 1], [0, 3], [2, 5], [4, 4]])


def made(layers=2, seed=0):
    torch.manual_seed(seed)
    return GIN(3, 2, width=8, layers=layers).eval()


def vectors(count=6, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(count, 3)), dtype=torch.float32)


@given(st.integers(0, 1000), st.integers(0, 3))
@settings(deadline=None, max_examples=20)
def test_the_order_of_partners_and_of_the_ends_of_edges_changes_nothing(seed, layers):
    network, x = made(layers, seed), vectors(seed=seed)
    one = network(x, EDGES, PAIRS)
    assert torch.equal(one, network(x, EDGES, PAIRS.flip(1)))
    assert torch.allclose(one, network(x, EDGES.flip(1), PAIRS), atol=1e-6)
    assert torch.allclose(one, network(x, EDGES[[3, 1, 0, 2]], PAIRS), atol=1e-6)


@given(st.permutations(range(6)))
@settings(deadline=None, max_examples=20)
def test_the_names_of_the_proteins_change_nothing(order):
    network, x, place = made(), vectors(), torch.tensor(order)
    moved = torch.empty_like(x)
    moved[place] = x
    one = network(x, EDGES, PAIRS)
    assert torch.allclose(one, network(moved, place[EDGES], place[PAIRS]), atol=1e-5)


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_a_protein_is_heard_as_many_edges_away_as_there_are_layers(layers):
    network, x = made(layers), vectors()
    other = x.clone()
    other[3] += 1.0
    with torch.no_grad():
        changed = (network.encode(x, EDGES) != network.encode(other, EDGES)).any(dim=1)
    away = [3, 2, 1, 0]  # edges between each of the first four proteins and protein 3
    assert changed.tolist() == [steps <= layers for steps in away] + [False, False]


def test_a_layer_is_the_formula_of_its_docstring():
    network, x = made(1), vectors(3)
    with torch.no_grad():
        network.epsilon[0].fill_(0.5)
        h = network.embed(x)
        own = nn.functional.layer_norm(h, (8,))
        heard = torch.stack([own[1], (own[0] + own[2]) / 2, own[1]])
        after = h + torch.relu(network.mixes[0](1.5 * own + heard))
        expected = torch.relu(nn.functional.layer_norm(after, (8,)))
        assert torch.allclose(network.encode(x, EDGES[:2]), expected, atol=1e-6)


def test_a_pair_of_a_protein_with_itself_is_heard_once():
    network, x = made(1), vectors(1)
    with torch.no_grad():
        h = network.embed(x)
        own = nn.functional.layer_norm(h, (8,))
        after = h + torch.relu(network.mixes[0](own + own))
        expected = torch.relu(nn.functional.layer_norm(after, (8,)))
        assert torch.allclose(network.encode(x, torch.tensor([[0, 0]])), expected, atol=1e-6)
    # With another partner the mean is over both: itself once, not twice.
    two = vectors(2)
    edges = torch.tensor([[0, 0], [0, 1]])
    with torch.no_grad():
        own = nn.functional.layer_norm(network.embed(two), (8,))
        mixed = network.mixes[0](own[:1] + own.mean(dim=0, keepdim=True))
        after = network.embed(two)[:1] + torch.relu(mixed)
        expected = torch.relu(nn.functional.layer_norm(after, (8,)))
        assert torch.allclose(network.encode(two, edges)[:1], expected, atol=1e-6)


def test_without_layers_edges_say_nothing():
    network, x = made(0), vectors()
    none = torch.empty(0, 2, dtype=torch.int64)
    assert torch.equal(network(x, EDGES, PAIRS), network(x, none, PAIRS))
    assert not torch.equal(made(1)(x, EDGES, PAIRS), made(1)(x, none, PAIRS))


def test_every_parameter_receives_a_gradient():
    network = made(2)
    network(vectors(), EDGES, PAIRS).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    assert network.size == sum(p.numel() for p in network.parameters())
