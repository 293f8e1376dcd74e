"""Linear models of letters and of k-mers, and the nearest neighbour: no training to speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from protgraph.structure.protein import Floats
from protgraph.structure.residues import UNKNOWN, codes

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Penalties of `ridge`, one of which validation chooses."""

Measure = Callable[[Floats, Floats], float]


def one_hot(sequences: Sequence[str], length: int) -> sparse.csr_matrix:
    """Which letter stands where, counted from the start: variants of one protein in rows.

    Parameters
    ----------
    sequences : sequence of str
    length : int
        Positions; what lies beyond them is an error.

    Returns
    -------
    features : csr_matrix of float32, shape [B, 21 length]
        The last of 21 columns a position stands for X and for what lies beyond the end.

    Raises
    ------
    ValueError
        Where a sequence is longer.

    Examples
    --------
    >>> one_hot(["AC", "C"], 2).nonzero()[1].tolist()
    [0, 22, 1, 41]
    """
    table = np.full((len(sequences), length), UNKNOWN)
    for row, sequence in zip(table, sequences, strict=True):
        if len(sequence) > length:
            raise ValueError(f"one_hot: {length} positions are known, got {len(sequence)} letters.")
        row[: len(sequence)] = codes(sequence)
    columns = table + np.arange(length) * (UNKNOWN + 1)
    rows = np.arange(len(sequences)).repeat(length)
    return _ones(rows, columns.ravel(), (len(sequences), length * (UNKNOWN + 1)))


def varying(features: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """Columns that some rows have, but fewer than half: the mutations among the letters.

    Examples
    --------
    >>> varying(sparse.csr_matrix([[1, 0, 0], [1, 1, 0], [1, 0, 0]])).tolist()
    [1]
    """
    share = np.asarray(features.mean(axis=0))[0]
    return np.flatnonzero((share > 0) & (share < 0.5))


def kmers(sequences: Sequence[str], size: int = 3) -> sparse.csr_matrix:
    """Count the words of 1 to `size` letters of each sequence.

    Parameters
    ----------
    sequences : sequence of str
    size : int
        From 1 to 4.

    Returns
    -------
    counts : csr_matrix of float32, shape [B, 20 + 400 + ...]
        Words with X are left out.

    Raises
    ------
    ValueError
        For another size.

    Examples
    --------
    >>> kmers(["AAC"], 2).sum(axis=1).tolist()
    [[5.0]]
    """
    if not 1 <= size <= 4:
        raise ValueError(f"kmers: words have 1 to 4 letters, got {size}.")
    blocks = []
    for k in range(1, size + 1):
        rows, columns = [], []
        for row, sequence in enumerate(sequences):
            letters = codes(sequence)
            count = max(len(letters) - k + 1, 0)
            words, clean = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
            for step in range(k):
                words = words * UNKNOWN + letters[step : step + count]
                clean &= letters[step : step + count] != UNKNOWN
            columns.append(words[clean])
            rows.append(np.full(int(clean.sum()), row))
        shape = (len(sequences), UNKNOWN**k)
        blocks.append(_ones(np.concatenate(rows), np.concatenate(columns), shape))
    return sparse.hstack(blocks, format="csr")


def _ones(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    ones = np.ones(len(rows), dtype=np.float32)
    return sparse.coo_matrix((ones, (rows, columns)), shape=shape).tocsr()


def shares(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Counts as vectors of length 1, so that long proteins do not weigh more."""
    return normalize(counts)


def ridge(
    train: tuple[sparse.csr_matrix, Floats],
    valid: tuple[sparse.csr_matrix, Floats],
    measure: Measure,
) -> Ridge:
    """Fit ridge regression; validation chooses the penalty.

    Parameters
    ----------
    train, valid : features [B, F] and values [B] or [B, C]
    measure : callable
        `measure(values, predictions)`; the larger, the better.
    """
    (x, y), several = train, train[1].ndim == 2
    if several:  # Many outputs share one factorisation, which wants a dense matrix.
        x = x.toarray()
    solver = "cholesky" if several else "lsqr"
    tried = [Ridge(alpha, solver=solver, tol=1e-5).fit(x, y) for alpha in STRENGTHS]
    return max(tried, key=lambda model: measure(valid[1], model.predict(valid[0])))


def logistic(
    x: sparse.csr_matrix,
    y: npt.NDArray[np.int64],
    *,
    weight: Sequence[float] | None = None,
    scaled: bool = False,
) -> Pipeline:
    """Fit multinomial logistic regression.

    Parameters
    ----------
    x : csr_matrix of shape [B, F]
    y : ndarray of int64, shape [B]
    weight : sequence of float, optional
        How much an item of each class counts; all alike if left out.
    scaled : bool
        Standardise the features; else rows should have length 1, and are penalised a hundred times
        less.
    """
    weights = None if weight is None else dict(enumerate(weight))
    model = LogisticRegression(C=1.0 if scaled else 100.0, max_iter=1000, class_weight=weights)
    steps = (StandardScaler(with_mean=False), model) if scaled else (model,)
    return make_pipeline(*steps).fit(x, y)


def unfolded(fitted: Pipeline, classes: int, *, never: float) -> tuple[Floats, Floats]:
    """Weights of a logistic regression on the features as they come, before a softmax.

    Parameters
    ----------
    fitted : Pipeline
        What `logistic` gave.
    classes : int
        C, of which training may have had fewer.
    never : float
        Bias of a class that it did not have.

    Returns
    -------
    weight, bias : ndarray of shape [C, F] and [C]

    Examples
    --------
    >>> x = sparse.csr_matrix([[0.0], [2.0]])
    >>> weight, bias = unfolded(logistic(x, np.array([0, 2]), scaled=True), 3, never=-9.0)
    >>> [f"{w:.2f}" for w in weight[:, 0]], [f"{b:.2f}" for b in bias]
    (['0.00', '0.00', '0.67'], ['0.00', '-9.00', '-0.67'])
    """
    last = fitted[-1]
    weight, bias = np.zeros((classes, last.n_features_in_)), np.full(classes, never)
    # Of two classes the scores of the first are 0.
    places = fitted.classes_ if len(last.coef_) > 1 else fitted.classes_[1:]
    bias[fitted.classes_] = 0.0
    weight[places], bias[places] = last.coef_, last.intercept_
    scale = fitted[0].scale_ if len(fitted) > 1 else 1.0
    return (weight / scale).astype(np.float32), bias.astype(np.float32)


def neighbours(
    asked: sparse.csr_matrix,
    known: sparse.csr_matrix,
    y: Floats,
    *,
    count: int = 5,
    heat: float = 0.03,
) -> Floats:
    """Mean labels of the nearest training proteins, weighted by exp(cosine / heat).

    Parameters
    ----------
    asked, known : csr_matrix or ndarray of shape [B, F] and [T, F]
        Rows of length 1.
    y : ndarray of shape [T, C]
    count : int
        Neighbours that vote; all where there are fewer.
    heat : float

    Returns
    -------
    scores : ndarray of shape [B, C]

    Examples
    --------
    >>> rows = sparse.csr_matrix([[1.0, 0.0], [0.0, 1.0]])
    >>> neighbours(rows, rows, np.array([[0.0], [1.0]]), count=1).tolist()
    [[0.0], [1.0]]
    """
    kept = min(count, known.shape[0])
    scores = np.empty((asked.shape[0], y.shape[1]), dtype=np.float32)
    for start in range(0, asked.shape[0], 512):
        part = asked[start : start + 512] @ known.T
        near = part.toarray() if sparse.issparse(part) else np.asarray(part)
        best = np.argpartition(-near, kept - 1, axis=1)[:, :kept]
        cosine = np.take_along_axis(near, best, axis=1)
        weight = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / heat)
        weight /= weight.sum(axis=1, keepdims=True)
        scores[start : start + 512] = np.einsum("bk,bkc->bc", weight, y[best])
    return scores.clip(y.min(axis=0), y.max(axis=0))  # weights sum to 1 but for rounding
