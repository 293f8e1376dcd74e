import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from protgraph.language.reader import Alphabet, LanguageModel, batches, windows

START, STOP = 26, 27
SEQUENCE = st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=40)


def echo(packed, layers):
    """A model whose vector is [token id, place in the window, layer]."""
    return [
        torch.stack([packed.ids, packed.place, torch.full_like(packed.ids, layer)], dim=-1)
        for layer in layers
    ]


def reader(run=echo, tokens=100, window=1000, layers=(0,)):
    alphabet = Alphabet(np.arange(26), START, STOP)
    return LanguageModel("toy", 3, "", run, alphabet, layers, tokens=tokens, window=window)


@given(st.lists(SEQUENCE, max_size=6), st.integers(1, 200), st.integers(2, 30))
def test_row_i_belongs_to_letter_i_however_proteins_are_cut_and_batched(proteins, tokens, window):
    vectors = reader(tokens=tokens, window=window).encode(proteins)
    assert ["".join(chr(65 + round(t)) for t in v[:, 0]) for v in vectors] == proteins


def test_start_and_stop_surround_every_protein_and_nothing_else_is_read():
    seen = []

    def listen(packed, layers):
        seen.append((packed.ids.tolist(), packed.place.tolist(), packed.lengths))
        return echo(packed, layers)

    reader(listen).encode(["A", "ABC"])
    ids = [START, 0, 1, 2, STOP, START, 0, STOP]
    assert seen == [(ids, [0, 1, 2, 3, 4, 0, 1, 2], (5, 3))]


def test_several_layers_are_read_in_one_pass():
    calls = []

    def listen(packed, layers):
        calls.append(tuple(layers))
        return echo(packed, layers)

    model = reader(listen, layers=(2, 5))
    two, five = model.encode_layers(["MK", "G"])
    assert calls == [(2, 5)]
    assert [v[0, 2] for v in two] == [2, 2]
    assert [v[0, 2] for v in five] == [5, 5]
    assert model.encode(["MK"])[0][0, 2] == 5
    assert model.digest == model.digest_of(5) != model.digest_of(2)


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
        size = sum(lengths[i] + 2 for i in group)
        assert size <= tokens or len(group) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_an_error_naming_the_protein(value):
    def broken(packed, layers):
        (hidden,) = echo(packed, layers)
        return [hidden.float().masked_fill((packed.ids == 6)[:, None], value)]

    with pytest.raises(ValueError, match=r"toy: .* sequence 1 \(counted from 0; MKGMKMKMKM\)"):
        reader(broken).encode(["MKV", "MKGMKMKMKMKM"])
