"""Convolutions along a line of proteins are those of torch, protein by protein."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from protgraph.language.convolution import Convolutions


def padded(net, ids, mask):
    """What the class's docstring says, by torch's own convolution of padded proteins."""
    inside = mask[:, :, None].float()
    h = net.word(ids)
    for norm, conv in zip(net.norms, net.convs, strict=True):
        image = (norm(h) * inside).transpose(1, 2)[:, :, None]
        pad, step = (0, conv.reach), (1, conv.step)
        image = F.conv2d(image, conv.weight, conv.bias, padding=pad, dilation=step)
        h = h + F.gelu(image)[:, :, 0].transpose(1, 2)
    return net.last(h) * inside


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Convolutions(8, layers=4, kernel=5, dropout=0.0)


MASKS = {
    "one": [[1] * 30],
    "shorter than a kernel": [[1], [1]],
    "lengths": [[1] * 30, [1] * 4 + [0] * 26, [1] * 17 + [0] * 13],
    "a hole": [[1] * 10 + [0] * 5 + [1] * 15, [0] * 3 + [1] * 27],
    "an empty protein": [[1] * 6, [0] * 6, [1] * 5 + [0]],
    "nothing": [[0] * 3],
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_vectors_and_gradients_are_those_of_padded_proteins(net, mask):
    mask = torch.tensor(mask, dtype=torch.bool)
    ids = torch.randint(0, 21, mask.shape, generator=torch.Generator().manual_seed(1))
    way = torch.randn(*mask.shape, 8, generator=torch.Generator().manual_seed(2))
    found, want = net(ids, mask), padded(net, ids, mask)
    torch.testing.assert_close(found, want, atol=1e-5, rtol=1e-5)
    ours = torch.autograd.grad((found * way).sum(), list(net.parameters()))
    theirs = torch.autograd.grad((want * way).sum(), list(net.parameters()))
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


def test_no_protein_has_no_vectors(net):
    assert net(torch.zeros(0, 5, dtype=torch.long), torch.zeros(0, 5).bool()).shape == (0, 5, 8)


def test_under_autocast_it_is_as_near_as_bf16_allows(net):
    ids, mask = torch.arange(20)[None] % 20, torch.ones(1, 20, dtype=torch.bool)
    want = net(ids, mask)
    with torch.autocast("cpu", torch.bfloat16):
        found = net(ids, mask)
    torch.testing.assert_close(found.float(), want, atol=0.1, rtol=0.1)
    found.float().square().sum().backward()
    assert all(torch.isfinite(conv.weight.grad).all() for conv in net.convs)
