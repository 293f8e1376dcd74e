"""Formulas of cost against the networks and optimisers they speak of, and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from protgraph.language.network import Shape
from protgraph.language.packing import pack
from protgraph.language.shapes import ESM2
from protgraph.train import scaling
from protgraph.train.corpus import CHOSEN
from protgraph.train.masked import Masked
from protgraph.train.pretrain import Settings, _optimizers, shape_of

SMALL = Shape(33, 64, layers=2, heads=4, hidden=192)


def esm_config(shape):
    from transformers import EsmConfig

    return EsmConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, intermediate_size=shape.hidden, mask_token_id=32,
        pad_token_id=1, position_embedding_type="rotary", emb_layer_norm_before=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ESM2)
def test_parameters_are_those_of_transformers(name):
    from transformers import EsmForMaskedLM

    shape = ESM2[name]
    with torch.device("meta"):
        model = EsmForMaskedLM(esm_config(shape))
    theirs = sum(weight.numel() for weight in model.parameters())
    contacts = shape.layers * shape.heads + 1  # A head for contacts, which is not pretrained.
    assert scaling.parameters(shape) == theirs - contacts


@pytest.mark.parametrize("name", ESM2)
def test_a_name_says_about_how_many_parameters_there_are(name):
    said = name.split("_")[2]
    size = float(said[:-1]) * {"M": 1e6, "B": 1e9}[said[-1]]
    assert scaling.parameters(ESM2[name]) == pytest.approx(size, rel=0.07)


@given(
    st.integers(1, 6), st.integers(1, 4), st.integers(1, 40), st.integers(5, 40),
    st.sampled_from([0, 7]), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=30)
def test_parameters_are_those_of_the_network(
    width, layers, hidden, vocabulary, positions, before, embedded
):
    shape = Shape(
        vocabulary, 4 * width, layers, 2, hidden, before=before, positions=positions,
        embedded=embedded,
    )  # fmt: skip
    with torch.device("meta"):
        model = Masked(shape)
    assert scaling.parameters(shape) == sum(weight.numel() for weight in model.parameters())


def test_matrices_are_what_muon_trains():
    settings = Settings(width=32, layers=3, heads=4)
    shape = shape_of(settings)
    muon, _ = _optimizers(Masked(shape), settings)
    trained = [weight for group in muon.param_groups for weight in group["params"]]
    assert scaling.matrices(shape) == sum(weight.numel() for weight in trained)


def test_products_are_those_that_torch_counts():
    length = 100
    model = Masked(SMALL)
    packed = pack([np.arange(length) % 20 + 4])
    rows = torch.arange(round(CHOSEN * length))
    with FlopCounterMode(display=False) as forward:
        scores = model(packed, rows)
    assert forward.get_total_flops() == scaling.forward(SMALL, length) * length
    with FlopCounterMode(display=False) as backward:
        scores.sum().backward()
    assert backward.get_total_flops() == 2 * forward.get_total_flops()


def test_the_products_of_muon_are_those_that_torch_counts():
    settings = Settings(width=32, layers=3, heads=4)
    shape = shape_of(settings)
    model = Masked(shape)
    muon, _ = _optimizers(model, settings)
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    with FlopCounterMode(display=False) as counted:
        muon.step()
    assert counted.get_total_flops() == scaling.orthogonal(shape)


def test_traffic_is_that_of_the_paper_for_many_ranks():
    sent = [sum(scaling.traffic(stage, 10**9)) for stage in scaling.STAGES]
    assert sent == pytest.approx([2, 2, 2, 3])


@given(st.sampled_from(scaling.STAGES), st.integers(1, 64))
def test_one_rank_sends_nothing_and_whole_gradients_are_sent_once(stage, passes):
    assert scaling.traffic(stage, 1, passes) == (0, 0)
    once, often = scaling.traffic(stage, 8), scaling.traffic(stage, 8, passes)
    assert often.after == once.after
    assert often.beside == once.beside * (passes if stage >= 2 else 1)


def test_a_published_run_used_a_plausible_share_of_its_gpus():
    # arXiv:2411.10548: 3 billion parameters, 10¹² tokens in 4.2 days on 256 A100 (312 TFLOP/s).
    work = 3 * scaling.forward(ESM2["esm2_t36_3B_UR50D"], 1024) * 1e12
    assert 0.5 < work / (256 * 4.2 * 86_400 * 312e12) < 0.7
