"""Sequence encoders against their formulas, over gaps and chains."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from protgraph.models.sequence import CNN, BiLSTM, Composition, LightAttention, places, spread

WIDTH = 4


def graph(residue, chain=None, seed=0):
    """A graph of residues at these positions, with random features."""
    count = len(residue)
    return Data(
        x=torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)),
        residue=torch.tensor(residue),
        chain=torch.tensor(chain or [0] * count),
        num_nodes=count,
    )


def made(kind, **settings):
    torch.manual_seed(0)
    return kind(3, 0, 5, width=WIDTH, **settings).eval()


def test_a_gap_keeps_its_length_in_the_table():
    place, shape = places(graph([0, 1, 5]))
    assert shape == (1, 6)
    assert place.tolist() == [0, 1, 5]


def test_every_chain_of_every_protein_has_a_row():
    one, two = graph([1, 3, 0], chain=[0, 0, 1]), graph([2])
    place, shape = places(Batch.from_data_list([one, two]))
    assert shape == (3, 4)
    assert place.tolist() == [1, 3, 4, 10]


def test_residues_are_laid_out_at_their_places_and_holes_are_zero():
    h = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    table = spread(h, torch.tensor([0, 2, 4]), (2, 3))
    assert table.tolist() == [
        [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]],
        [[0.0, 0.0], [5.0, 6.0], [0.0, 0.0]],
    ]


@torch.no_grad()
def test_composition_is_a_residue_and_the_mean_of_its_chain():
    encoder, data = made(Composition), graph([0, 4, 0], chain=[0, 0, 1])
    mean = torch.stack([data.x[:2].mean(0), data.x[:2].mean(0), data.x[2]])
    assert torch.allclose(encoder(data), torch.relu(encoder.own(data.x) + encoder.rest(mean)))


@torch.no_grad()
def test_cnn_is_a_residual_convolution_along_the_sequence():
    encoder, data = made(CNN, layers=1), graph([0, 1, 2, 6])
    h = encoder.embed(data.x)
    row = torch.zeros(7, WIDTH)
    row[[0, 1, 2, 6]] = encoder.norms[0](h)
    expected = h + torch.relu(encoder.convs[0](row.T).T[[0, 1, 2, 6]])
    assert torch.allclose(encoder(data), expected, atol=1e-6)


@torch.no_grad()
def test_cnn_sees_the_length_of_a_gap():
    encoder = made(CNN, layers=1)
    assert not torch.allclose(encoder(graph([0, 1, 3])), encoder(graph([0, 1, 4])), atol=1e-3)


@torch.no_grad()
def test_cnn_does_not_see_over_a_gap_longer_than_its_kernel():
    encoder = made(CNN, layers=1)
    alone = encoder(graph([0, 1, 2]))[:2]
    assert torch.allclose(encoder(graph([0, 1, 6]))[:2], encoder(graph([0, 1, 60]))[:2], atol=1e-6)
    assert not torch.allclose(encoder(graph([0, 1, 5]))[:2], alone, atol=1e-3)


@torch.no_grad()
def test_bilstm_reads_the_observed_residues_of_each_chain_in_order():
    encoder, data = made(BiLSTM), graph([9, 2, 5, 0], chain=[0, 0, 0, 1])
    h = encoder.embed(data.x)
    first, _ = encoder.lstm(h[[1, 2, 0]][None])
    second, _ = encoder.lstm(h[[3]][None])
    expected = torch.cat([first[0][[2, 0, 1]], second[0]])
    assert torch.allclose(encoder(data), expected, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("residue", [[0, 1, 2], [0, 2, 12], [3, 4, 30]])
def test_light_attention_takes_no_share_or_maximum_from_a_hole(residue):
    encoder, data = made(LightAttention), graph(residue)
    row = torch.zeros(max(residue) + 1, WIDTH)
    row[residue] = encoder.embed(data.x)
    value = encoder.value(row.T).T[residue]
    share = encoder.score(row.T).T[residue].softmax(dim=0)
    summary = torch.cat([(share * value).sum(0), value.amax(0)]).expand(3, -1)
    expected = torch.relu(encoder.out(torch.cat([value, summary], dim=1)))
    assert torch.allclose(encoder(data), expected, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("kind", [Composition, CNN, BiLSTM, LightAttention])
def test_the_chains_of_a_complex_do_not_read_each_other(kind):
    encoder = made(kind)
    one, two = graph([0, 1, 4], seed=1), graph([1, 2], seed=2)
    both = graph([0, 1, 4, 1, 2], chain=[0, 0, 0, 1, 1])
    both.x = torch.cat([one.x, two.x])
    assert torch.allclose(encoder(both), torch.cat([encoder(one), encoder(two)]), atol=1e-6)
