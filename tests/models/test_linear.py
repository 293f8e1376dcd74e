"""Linear models of letters and words, and neighbours that vote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from protgraph.models import linear
from protgraph.structure.residues import LETTERS
from protgraph.tasks.metrics import spearman

SEQUENCES = st.lists(st.text(LETTERS, min_size=1, max_size=30), min_size=1, max_size=5)


@given(SEQUENCES, st.integers(1, 3))
def test_words_are_counted_as_a_loop_counts_them(sequences, size):
    counts = linear.kmers(sequences, size)
    starts = np.cumsum([0, *(20**k for k in range(1, size))])
    for row, sequence in enumerate(sequences):
        expected = np.zeros(counts.shape[1])
        for k in range(1, size + 1):
            for i in range(len(sequence) - k + 1):
                word = sequence[i : i + k]
                if "X" in word:
                    continue
                place = sum(LETTERS.index(x) * 20 ** (k - 1 - j) for j, x in enumerate(word))
                expected[starts[k - 1] + place] += 1
        assert np.array_equal(counts[row].toarray()[0], expected)


@given(SEQUENCES)
def test_every_position_has_one_letter_or_none(sequences):
    longest = max(map(len, sequences))
    table = linear.one_hot(sequences, longest).toarray().reshape(len(sequences), longest, 21)
    assert (table.sum(axis=2) == 1).all()
    for row, sequence in zip(table, sequences, strict=True):
        said = "".join(LETTERS[k] for k in row.argmax(axis=1))
        assert said == sequence.ljust(longest, "X")


def test_more_letters_than_positions_are_refused():
    with pytest.raises(ValueError, match="one_hot: 2 positions are known, got 3 letters"):
        linear.one_hot(["ACD"], 2)
    with pytest.raises(ValueError, match="words have 1 to 4 letters, got 5"):
        linear.kmers(["ACD"], 5)


def test_what_varies_is_neither_in_most_rows_nor_in_none():
    rows = linear.one_hot(["AC", "AC", "AD", "AC"], 2)
    assert linear.varying(rows).tolist() == [21 + LETTERS.index("D")]


def test_validation_chooses_the_penalty():
    rng = np.random.default_rng(0)
    x = sparse.csr_matrix(rng.random((60, 5)).astype(np.float32))
    truth = x @ np.arange(5.0) + rng.normal(0, 0.1, 60)
    chosen = linear.ridge((x[:40], truth[:40]), (x[40:], truth[40:]), spearman)
    worst = linear.ridge((x[:40], truth[:40]), (x[40:], truth[40:]), lambda y, s: -spearman(y, s))
    assert spearman(truth[40:], chosen.predict(x[40:])) > 0.95
    assert chosen.alpha < worst.alpha


def test_several_outputs_are_fitted_as_one_each():
    rng = np.random.default_rng(1)
    x = sparse.csr_matrix(rng.random((30, 4)).astype(np.float32))
    y = rng.random((30, 2))

    def measure(truth, said):
        return -float(np.square(truth - said).mean())

    both = linear.ridge((x, y), (x, y), measure)
    for column in range(2):
        alone = linear.ridge((x, y[:, column]), (x, y[:, column]), measure)
        assert alone.predict(x) == pytest.approx(both.predict(x)[:, column], abs=1e-3)


def test_a_rare_class_counts_by_its_weight():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (190, 1)), rng.normal(2, 1, (10, 1))]).astype(np.float32)
    y = np.repeat([0, 1], [190, 10])
    # Halfway between the means lies the boundary of equally frequent classes.
    even = linear.logistic(sparse.csr_matrix(x), y, weight=[1.0, 19.0], scaled=True)
    plain = linear.logistic(sparse.csr_matrix(x), y, scaled=True)
    asked = sparse.csr_matrix(np.array([[0.6], [1.6]], dtype=np.float32))
    assert even.predict(asked).tolist() == [0, 1]
    assert plain.predict(asked).tolist() == [0, 0]


def test_neighbours_vote_by_how_near_they_are():
    known = sparse.csr_matrix(np.eye(3))
    asked = sparse.csr_matrix([[0.8, 0.6, 0.0]])
    y = np.array([[1.0], [0.0], [1.0]])
    said = linear.neighbours(asked, known, y, count=2, heat=0.2)
    weight = np.exp(np.array([0.8, 0.6]) / 0.2)
    assert said[0, 0] == pytest.approx(weight[0] / weight.sum(), abs=1e-6)
    assert linear.neighbours(asked, known, y, count=9).shape == (1, 1)


def test_votes_stay_within_the_labels():
    rng = np.random.default_rng(0)
    known = linear.shares(sparse.csr_matrix(rng.random((50, 8)).astype(np.float32)))
    said = linear.neighbours(known, known, np.ones((50, 3), dtype=np.float32))
    assert (said == 1).all()
