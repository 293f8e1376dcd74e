import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.language.fairesm import VOCABULARY
from protgraph.train.corpus import AMINO, GRAIN, MASK, START, STOP, Corpus, Stream, hidden

PROTEIN = st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=150)


def text(tokens):
    return "".join(VOCABULARY[token] for token in tokens)


@given(st.lists(PROTEIN, min_size=1, max_size=5))
def test_a_corpus_gives_back_its_proteins(proteins):
    corpus = Corpus(proteins)
    assert [text(corpus[i]) for i in range(len(corpus))] == proteins


def test_letters_beyond_the_alphabet_are_read_as_x():
    assert text(Corpus(["MJK"])[0]) == "MXK"


@given(st.integers(0, 99), st.sampled_from([32, 64, 96]), st.sampled_from([64, 128, 256]))
def test_crops_fill_a_pack_and_are_pieces_of_proteins(seed, longest, size):
    generator = np.random.default_rng(seed)
    letters = list("ACDEFGHIKLMNPQRSTVWY")
    proteins = ["".join(generator.choice(letters, n)) for n in (30, 31, 77, 150, 29)]
    crops = Stream(Corpus(proteins), seed).crops(size, longest, generator)
    assert sum(map(len, crops)) == size
    for crop in crops:
        assert len(crop) % GRAIN == 0
        assert len(crop) <= longest
        assert (crop[0], crop[-1]) == (START, STOP)
        assert any(text(crop[1:-1]) in protein for protein in proteins[:4])


def test_every_long_enough_protein_comes_once_an_epoch():
    proteins = [letter * 62 for letter in "ACDEFGHIKL"] + ["W" * 29]
    stream = Stream(Corpus(proteins), seed=1)
    crops = stream.crops(64 * 20, 64, np.random.default_rng(0))
    assert sorted(text(crop[1:2]) for crop in crops) == sorted("ACDEFGHIKL" * 2)
    assert stream.drawn == 20


def test_a_corpus_of_short_proteins_is_refused():
    with pytest.raises(ValueError, match="needs a protein of 30 residues, got none"):
        Stream(Corpus(["MKV"]), 0)


def test_of_fifteen_percent_eight_tenths_are_masked_and_one_tenth_is_replaced():
    generator = np.random.default_rng(0)
    ids = generator.choice(np.append(AMINO, [START, STOP, VOCABULARY.index("X")]), 200_000)
    shown, rows = hidden(ids, generator)
    known = np.isin(ids, AMINO)
    assert known[rows].all()
    assert abs(len(rows) / known.sum() - 0.15) < 0.003
    masked = shown[rows] == MASK
    assert abs(masked.mean() - 0.8) < 0.01
    # A replacement is the letter itself once in 20.
    assert abs((shown[rows] != ids[rows]).mean() - (0.8 + 0.1 * 0.95)) < 0.01
    others = np.setdiff1d(np.arange(len(ids)), rows)
    assert (shown[others] == ids[others]).all()
    assert np.isin(shown[rows][~masked], AMINO).all()
