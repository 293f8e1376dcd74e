"""Messages in pieces against the plain formula."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch_geometric.data import Data

from protgraph.models import messages
from protgraph.models.gnn import EGNN
from protgraph.models.messages import Weights, gathered, routes

KINDS = 5
WIDTH = 8


def graph_of(count, edges, *, seed=0, dtype=torch.float32):
    """A random graph; edges in no order, and residues that none reaches, as chance has it."""
    draw = torch.Generator().manual_seed(seed)
    return Data(
        x=torch.randn(count, 6, generator=draw, dtype=dtype),
        edge_index=torch.randint(count, (2, edges), generator=draw),
        edge_attr=torch.randn(edges, 7, generator=draw, dtype=dtype),
        edge_type=torch.randint(KINDS, (edges,), generator=draw),
    )


def encoder_of(width=WIDTH, dtype=torch.float32):
    torch.manual_seed(1)
    return EGNN(6, 7, KINDS, width=width, layers=2, dropout=0.0).to(dtype)


def plain(egnn, data):
    """The formula as the paper's reader would write it."""
    h = egnn.embed(data.x)
    source, target = data.edge_index
    for layer in egnn.layers:
        n = layer.norm(h)
        here, there = layer.ends(n).chunk(2, dim=1)
        e = layer.edge(data.edge_attr) + layer.kind(data.edge_type)
        m = functional.silu(here[target] + there[source] + e)
        m = functional.silu(layer.message(m))
        m = m * torch.sigmoid(layer.gate(m))
        around = m.new_zeros(len(h), m.shape[1]).index_add_(0, target, m)
        h = h + layer.update(torch.cat([n, around.to(n.dtype)], dim=1))
    return h


def learned(encode, egnn, data, *, bf16=False):
    """Vectors, and the gradients of a weighted sum of them by everything."""
    data = data.clone()
    data.x.requires_grad_()
    data.edge_attr.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        out = encode(egnn, data)
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    by = {"x": data.x, "edge_attr": data.edge_attr, **dict(egnn.named_parameters())}
    return out.detach(), dict(
        zip(by, torch.autograd.grad((out * weight.to(out)).sum(), by.values()), strict=True)
    )


def ours(egnn, data):
    return egnn(data)


def apart(one, other):
    """Distance in units of the other's length."""
    return float((one.double() - other.double()).norm() / other.double().norm().clamp(min=1e-12))


def assert_same(found, wanted, tolerance):
    assert apart(found[0], wanted[0]) < tolerance
    assert found[1].keys() == wanted[1].keys()
    for name, gradient in wanted[1].items():
        assert found[1][name].shape == gradient.shape
        assert apart(found[1][name], gradient) < tolerance, name


@pytest.mark.parametrize(("count", "edges"), [(40, 300), (300, 256), (5, 1000), (1, 1)])
def test_vectors_and_gradients_are_those_of_the_plain_formula(count, edges):
    graph, egnn = graph_of(count, edges), encoder_of()
    assert_same(learned(ours, egnn, graph), learned(plain, egnn, graph), 1e-5)


@given(count=st.integers(1, 12), edges=st.integers(1, 60), piece=st.integers(1, 70))
@settings(max_examples=25, deadline=None)
def test_where_the_edges_are_cut_changes_nothing(count, edges, piece):
    graph, egnn = graph_of(count, edges, dtype=torch.float64), encoder_of(dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "PIECE", piece)
        patch.setattr(messages, "ROUND", 1)
        assert_same(learned(ours, egnn, graph), learned(plain, egnn, graph), 1e-10)


def test_a_graph_of_several_pieces_is_as_exact():
    graph, egnn = graph_of(700, 2 * messages.PIECE + 300), encoder_of()
    assert_same(learned(ours, egnn, graph), learned(plain, egnn, graph), 1e-5)


def test_bfloat16_is_as_near_to_exact_numbers_as_the_plain_formula_is():
    graph, egnn = graph_of(400, 6000), encoder_of(width=64)
    exact = learned(plain, egnn, graph)
    found, rough = (learned(e, egnn, graph, bf16=True) for e in (ours, plain))
    assert apart(found[0], exact[0]) < 1.2 * apart(rough[0], exact[0])
    errors = {k: (apart(found[1][k], g), apart(rough[1][k], g)) for k, g in exact[1].items()}
    assert sorted(ours / theirs for ours, theirs in errors.values())[len(errors) // 2] < 1.1
    # A single number, such as the gate's bias, may by chance be met exactly by one of them.
    assert [k for k, (ours, theirs) in errors.items() if ours > max(2 * theirs, 0.02)] == []
    assert all(found[1][k].dtype == torch.float32 for k in exact[1])


def test_gradients_are_those_of_finite_differences():
    along = routes(torch.tensor([[0, 1, 2, 2, 0], [1, 0, 0, 1, 1]]), 4)
    given = [(4, 6), (5, 2), (3, 2), (3, 3), (3,), (1, 3), (1,)]
    draw = torch.Generator().manual_seed(0)
    values = [
        torch.randn(shape, generator=draw, dtype=torch.float64, requires_grad=True)
        for shape in given
    ]

    def summed(ends, attr, *weights):
        return gathered(ends, attr[along.order], Weights(*weights), along)

    assert torch.autograd.gradcheck(summed, values)


def test_a_gradient_of_the_gradient_is_refused():
    graph, egnn = graph_of(5, 9), encoder_of()
    graph.x.requires_grad_()
    (gradient,) = torch.autograd.grad(egnn(graph).square().sum(), graph.x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_graph_without_edges_gives_what_the_plain_formula_gives():
    graph, egnn = graph_of(7, 0), encoder_of()
    assert_same(learned(ours, egnn, graph), learned(plain, egnn, graph), 1e-5)


def test_a_residue_that_receives_nothing_has_a_sum_of_zero():
    along = routes(torch.tensor([[0, 1, 4], [1, 3, 3]]), 6)
    weights = Weights(*map(torch.ones, [(2, 1), (2, 2), (2,), (1, 2), (1,)]))
    sums = gathered(torch.ones(6, 4), torch.ones(len(along.order), 1), weights, along)
    assert (sums.abs().sum(dim=1) > 0).tolist() == [False, True, False, True, False, False]
    torch.testing.assert_close(sums[3], 2 * sums[1])


def test_asking_without_gradients_gives_the_same_vectors():
    graph, egnn = graph_of(50, 400), encoder_of()
    with torch.inference_mode():
        asked = egnn(graph)
    assert torch.equal(asked, egnn(graph))


@pytest.mark.parametrize("bf16", [False, True])
def test_the_same_comes_out_twice(bf16):
    graph, egnn = graph_of(300, messages.PIECE + 500), encoder_of()
    one, other = (learned(ours, egnn, graph, bf16=bf16) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert all(torch.equal(one[1][name], other[1][name]) for name in one[1])


def test_the_names_and_shapes_of_weights_are_those_of_saved_models():
    shapes = {
        k: tuple(v.shape) for k, v in encoder_of().state_dict().items() if "layers.1" not in k
    }
    assert shapes == {
        "embed.weight": (8, 6), "embed.bias": (8,),
        "layers.0.norm.weight": (8,), "layers.0.norm.bias": (8,),
        "layers.0.ends.weight": (16, 8), "layers.0.ends.bias": (16,),
        "layers.0.edge.weight": (8, 7), "layers.0.edge.bias": (8,),
        "layers.0.kind.weight": (KINDS, 8),
        "layers.0.message.weight": (8, 8), "layers.0.message.bias": (8,),
        "layers.0.gate.weight": (1, 8), "layers.0.gate.bias": (1,),
        "layers.0.update.0.weight": (8, 16), "layers.0.update.0.bias": (8,),
        "layers.0.update.2.weight": (8, 8), "layers.0.update.2.bias": (8,),
    }  # fmt: skip
