"""Memory against what autograd keeps, what optimisers hold, and the published table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint

from protgraph.language import network
from protgraph.language.network import Network, Shape
from protgraph.language.packing import pack
from protgraph.train import footprint, scaling
from protgraph.train.footprint import memory
from protgraph.train.machine import Machine, Work
from protgraph.train.masked import Masked
from protgraph.train.pretrain import Settings, _optimizers, shape_of

SMALL = Shape(33, 64, layers=2, heads=4, hidden=192)
TOKENS = 97  # No other dimension is so long.


class Fused(torch.autograd.Function):
    """Keeps what variable-length attention on a GPU keeps: no maps, one number a head."""

    @staticmethod
    def forward(ctx, query, key, value):
        mixed = torch.zeros_like(query, memory_format=torch.contiguous_format)
        ctx.save_for_backward(query, key, value, mixed, query.new_zeros(query.shape[:2]).float())
        return mixed.flatten(1)


def bytes_kept(shape, run):
    """Bytes a token, and others, that a forward pass under autocast keeps; each storage once."""
    model = Network(shape)
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    packed = pack([np.arange(TOKENS) % 20 + 4])
    kept = {True: {}, False: {}}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            # With the tensor, so that no storage is used twice.
            kept[TOKENS in tensor.shape][storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16),
    ):
        run(model, packed)
    tokens, others = (sum(size for size, _ in kept[of].values()) for of in (True, False))
    return tokens / TOKENS, others


@pytest.mark.parametrize(("width", "heads", "hidden"), [(64, 4, 256), (64, 4, 192), (48, 2, 96)])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_forward_pass_keeps_as_many_bytes_as_counted(monkeypatch, width, heads, hidden, layers):
    monkeypatch.setattr(network, "attend", lambda q, k, v, lengths: Fused.apply(q, k, v))
    shape = Shape(33, width, layers, heads, hidden)
    found = bytes_kept(shape, lambda model, packed: model(packed))
    assert found == (footprint.activations(shape), footprint.casts(shape))


def test_recomputing_keeps_the_stream_before_each_block(monkeypatch):
    monkeypatch.setattr(network, "attend", lambda q, k, v, lengths: Fused.apply(q, k, v))
    plain = network.Block.forward
    monkeypatch.setattr(
        network.Block, "forward",
        lambda self, *given: checkpoint(plain, self, *given, use_reentrant=False),
    )  # fmt: skip
    found, _ = bytes_kept(SMALL, lambda model, packed: model(packed))
    # The block that is computed again is one at a time and comes on top.
    assert found + footprint.kept(SMALL) == footprint.activations(SMALL, recompute=True)


def test_memory_by_stage_is_that_of_the_paper():
    # Rajbhandari et al., SC20, figure 1: 7.5 billion parameters on 64 GPUs.
    found = [sum(footprint.held(7_500_000_000, stage, 64)) / 1e9 for stage in scaling.STAGES]
    assert [round(size, 1) for size in found] == [120, 31.4, 16.6, 1.9]


def test_memory_by_stage_by_hand():
    # 10 numbers of 2 bytes on 4 ranks, twice, and 12 bytes of states each.
    assert footprint.held(10, 0, 4) == (20, 20, 120)
    assert footprint.held(10, 1, 4) == (20, 20, 30)
    assert footprint.held(10, 2, 4) == (20, 5, 30)
    assert footprint.held(10, 3, 4) == (5, 5, 30)


@given(st.integers(1, 10**10), st.integers(1, 1024), st.floats(4, 16))
def test_each_stage_holds_less_and_one_rank_holds_all(entries, ranks, states):
    sums = [sum(footprint.held(entries, stage, ranks, states=states)) for stage in scaling.STAGES]
    assert sums == sorted(sums, reverse=True)
    alone = [sum(footprint.held(entries, stage, 1, states=states)) for stage in scaling.STAGES]
    assert alone == pytest.approx([(4 + states) * entries] * 4)
    assert sums[3] * ranks == pytest.approx(alone[0])


@pytest.mark.parametrize("muon", [True, False])
def test_states_are_what_the_optimisers_hold(muon):
    settings = Settings(width=32, layers=3, heads=4, muon=muon)
    shape = shape_of(settings)
    model = Masked(shape)
    held = 0
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    for optimizer in _optimizers(model, settings):
        optimizer.step()
        for state in optimizer.state.values():
            held += sum(one.nbytes for one in state.values() if one.ndim)
    for stage, copy in ((0, 0), (1, 4), (2, 4), (3, 0)):
        each = footprint.states(shape, stage, muon=muon)
        assert each * scaling.parameters(shape) == pytest.approx(
            held + copy * scaling.parameters(shape)
        )


def test_the_peak_has_activations_or_the_update_whichever_is_larger():
    work, machine = Work(SMALL, 2**16, 1024, muon=True), Machine(4, 80)
    empty, full = (memory(work, machine, 2, micro) for micro in (0, 2**16))
    assert empty.casts < empty.update < full.activations
    assert empty.peak == pytest.approx(sum(empty) - empty.casts)
    assert full.peak == pytest.approx(sum(full) - full.update)


def test_what_is_gathered_has_a_limit():
    small = memory(Work(SMALL, 2**16, 1024), Machine(4, 80), 3, 0)
    assert small.gathered == 4 * scaling.parameters(SMALL)
    large = Shape(33, 2560, layers=36, heads=40, hidden=10_240)
    for stage, gathered in ((2, 0), (3, 4e9)):
        assert memory(Work(large, 2**16, 1024), Machine(4, 80), stage, 0).gathered == gathered


@pytest.mark.parametrize(("stage", "ranks"), [(4, 2), (-1, 2), (1, 0)])
def test_stages_and_ranks_out_of_range_are_refused(stage, ranks):
    with pytest.raises(ValueError, match=r"A ZeRO stage is 0, 1, 2 or 3|needs 1 rank"):
        footprint.held(10, stage, ranks)
