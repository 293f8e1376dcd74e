from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from protgraph.language.reader import Alphabet, LanguageModel, batches, windows

START, STOP, PAD = 26, 27, 28
SEQUENCE = st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=40)


def echo(input_ids, attention_mask):
    """A model whose vector is [token id, place in the window, is it padding]."""
    place = torch.arange(input_ids.shape[1]).expand_as(input_ids)
    return SimpleNamespace(
        last_hidden_state=torch.stack([input_ids, place, 1 - attention_mask], dim=-1)
    )


def reader(model=echo, tokens=100, window=1000):
    alphabet = Alphabet(np.arange(26), START, STOP, PAD)
    return LanguageModel("toy", 3, "", model, alphabet, "cpu", tokens, window)


@given(st.lists(SEQUENCE, max_size=6), st.integers(1, 200), st.integers(2, 30))
def test_row_i_belongs_to_letter_i_however_proteins_are_cut_and_batched(proteins, tokens, window):
    vectors = reader(tokens=tokens, window=window).encode(proteins)
    assert ["".join(chr(65 + round(t)) for t in v[:, 0]) for v in vectors] == proteins
    assert not any(v[:, 2].any() for v in vectors)


def test_start_and_stop_surround_every_protein_and_padding_follows():
    seen = []

    def listen(input_ids, attention_mask):
        seen.append((input_ids.tolist(), attention_mask.tolist()))
        return echo(input_ids, attention_mask)

    reader(listen).encode(["A", "ABC"])
    assert seen == [
        (
            [[START, 0, 1, 2, STOP], [START, 0, STOP, PAD, PAD]],
            [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]],
        )
    ]


def test_rows_of_overlapping_windows_are_averaged():
    (vectors,) = reader(window=4).encode(["ABCDEF"])
    # Windows ABCD and CDEF: C is third in one and first in the other.
    assert vectors[:, 1].tolist() == [1, 2, (3 + 1) / 2, (4 + 2) / 2, 3, 4]


@given(st.integers(1, 500), st.integers(2, 60))
def test_windows_cover_a_protein_and_overlap_by_half(length, window):
    starts = windows(length, window)
    assert starts[0] == 0
    assert starts[-1] == max(length - window, 0)
    hops = np.diff(starts)
    assert (hops > 0).all()
    assert (hops <= max(window // 2, 1)).all()


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 200))
def test_batches_hold_every_protein_once_within_the_budget(lengths, tokens):
    groups = list(batches(lengths, tokens))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        size = (max(lengths[i] for i in group) + 2) * len(group)
        assert size <= tokens or len(group) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_an_error_naming_the_protein(value):
    def broken(input_ids, attention_mask):
        hidden = echo(input_ids, attention_mask).last_hidden_state.float()
        hidden[(input_ids == 6).any(dim=1)] = value
        return SimpleNamespace(last_hidden_state=hidden)

    with pytest.raises(ValueError, match=r"toy: .* sequence 1 \(counted from 0; MKGMKMKMKM\)"):
        reader(broken).encode(["MKV", "MKGMKMKMKMKM"])
