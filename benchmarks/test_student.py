"""A student's convolutions of proteins in a line, against torch's own of padded proteins.

A smoke run takes seconds; `PROTGRAPH_BENCHMARK=full` draws more batches. One thread.
`pytest benchmarks/test_student.py -s` shows the table, `RESULTS.md` keeps one.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from protgraph.language.convolution import Convolutions

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
BATCHES, ROUNDS = (40, 6) if FULL else (2, 1)


class Padded(torch.nn.Module):
    """The same weights, convolved by torch with all padding in between."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, ids, mask):
        net, inside = self.net, mask[:, :, None].float()
        h = net.word(ids)
        for norm, conv in zip(net.norms, net.convs, strict=True):
            image = (norm(h) * inside).transpose(1, 2)[:, :, None]
            image = F.conv2d(
                image, conv.weight, conv.bias, padding=(0, conv.reach), dilation=(1, conv.step)
            )
            h = h + F.gelu(image)[:, :, 0].transpose(1, 2)
        return net.last(h) * inside


def batch(rng, proteins, alike):
    lengths = np.full(proteins, 200) if alike else rng.integers(50, 400, proteins)
    mask = torch.arange(int(lengths.max())) < torch.from_numpy(lengths)[:, None]
    return torch.from_numpy(rng.integers(0, 20, mask.shape)).where(mask, 21), mask


def trained(net, given):
    net(*given).square().mean().backward()


@torch.inference_mode()
def asked(net, given):
    net(*given)


@pytest.mark.parametrize(
    ("work", "proteins", "alike", "seen"),
    [
        (asked, 1, False, True),
        (asked, 1, False, False),
        (asked, 16, False, True),
        (asked, 16, False, False),
        (asked, 16, True, True),  # after the first batch no length is new
        (trained, 16, False, True),
        (trained, 16, False, False),
    ],
)
def test_in_a_line_against_padded(work, proteins, alike, seen):
    torch.manual_seed(0)
    net = Convolutions(64, layers=4, kernel=5, dropout=0.0)
    rng, threads = np.random.default_rng(proteins + 2 * seen), torch.get_num_threads()
    given = [batch(rng, proteins, alike) for _ in range(BATCHES)]
    least = {"padded": np.inf, "line": np.inf}
    torch.set_num_threads(1)
    try:
        for _ in range(ROUNDS if seen else 1):
            for name, own in (("padded", Padded(net)), ("line", net)):
                start = time.process_time()
                for one in given:
                    work(own, one)
                least[name] = min(least[name], 1000 * (time.process_time() - start) / BATCHES)
    finally:
        torch.set_num_threads(threads)
    padded, line = least.values()
    lengths = "200" if alike else "50-399"
    print(
        f"\n| {work.__name__} | {proteins} | {lengths} | {'yes' if seen else 'no'} "
        f"| {padded:.2f} | {line:.2f} | {padded / line:.2f} |"
    )
    torch.testing.assert_close(net(*given[0]), Padded(net)(*given[0]), atol=1e-5, rtol=1e-5)
