from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from protgraph.language.packing import attend, groups, pack

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


def heads(lengths, seed=0):
    torch.manual_seed(seed)
    return torch.randn(3, sum(lengths), 2, 4)


@given(LENGTHS)
def test_attention_over_a_pack_is_attention_over_each_protein(lengths):
    q, k, v = heads(lengths)
    mixed = attend(q, k, v, lengths)
    end = 0
    for length in lengths:
        own = slice(end, end + length)
        scores = torch.einsum("ihd,jhd->hij", q[own], k[own]) / 2
        expected = torch.einsum("hij,jhd->ihd", scores.softmax(-1), v[own]).flatten(1)
        torch.testing.assert_close(mixed[own], expected, rtol=0, atol=1e-6)
        end += length


def test_the_kernel_of_training_computes_what_the_kernel_of_inference_does():
    lengths = [7, 7, 3]
    q, k, v = heads(lengths)
    inference = attend(q, k, v, lengths)
    training = attend(q.clone().requires_grad_(), k, v, lengths)
    assert training.requires_grad
    torch.testing.assert_close(training.detach(), inference, rtol=0, atol=1e-6)


@given(LENGTHS)
def test_groups_are_runs_of_one_length_in_order(lengths):
    runs = groups(lengths)
    assert [length for count, length in runs for _ in range(count)] == lengths
    assert all(a[1] != b[1] for a, b in pairwise(runs))


@given(LENGTHS)
def test_a_pack_counts_positions_from_0_in_every_protein(lengths):
    packed = pack([np.full(length, i) for i, length in enumerate(lengths)])
    assert packed.lengths == tuple(lengths)
    assert packed.place.tolist() == [p for length in lengths for p in range(length)]
    assert packed.ids.tolist() == [i for i, length in enumerate(lengths) for _ in range(length)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_on_a_gpu_one_call_serves_the_whole_pack(dtype):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    lengths = [70, 3, 3, 41]
    q, k, v = (x.repeat(1, 1, 4) for x in heads(lengths))
    on_gpu = attend(*(x.to("cuda", dtype) for x in (q, k, v)), lengths)
    expected = attend(q, k, v, lengths)
    torch.testing.assert_close(on_gpu.float().cpu(), expected, rtol=0.02, atol=0.02)
