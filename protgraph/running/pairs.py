"""Baselines of pairs: who has many partners, which labels a protein's pairs have, composition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from protgraph.data.dataset import Pairs
from protgraph.models import baseline
from protgraph.running.learned import Learned
from protgraph.structure.protein import Floats

Ints = npt.NDArray[np.int64]


def _prior(data: Pairs) -> Learned:
    """Say the same of every pair: how often each output is true in training."""
    said = data.y[data.side("train")].mean(axis=0)
    return Learned(lambda rows: [said for _ in rows], None, None, 0)


def _degree(data: Pairs) -> Learned:
    """Ask how many positive and negative training pairs the two proteins have, and no more."""
    train = data.side("train")
    both = np.stack([counts(data, train, data.y[train, 0] == label) for label in (1.0, 0.0)])

    def features(rows: Ints, *, seen: bool) -> Floats:
        had = both[:, data.pairs[rows]].astype(np.float64)  # [2, P, 2]
        if seen:  # A training pair must not count itself.
            had[0] -= (data.y[rows] == 1.0).astype(np.float64)
            had[1] -= (data.y[rows] == 0.0).astype(np.float64)
        own = np.log1p(had).sum(axis=2)
        ratio = (np.log1p(had[0]) - np.log1p(had[1])).sum(axis=1)
        found: Floats = np.column_stack([own.T, ratio]).astype(np.float32)
        return found

    return _fitted(data, lambda rows: features(rows, seen=False), features(train, seen=True))


def counts(data: Pairs, rows: Ints, chosen: npt.NDArray[np.bool_]) -> Ints:
    """How many of the chosen rows each protein is in; a pair with itself counts once.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> trio = tuple(Protein(name, "M") for name in "abc")
    >>> made = Pairs("demo", "", trio, np.array([[0, 1], [1, 1], [0, 2]]), np.ones((3, 1)),
    ...     ("train", "valid", "test"))
    >>> counts(made, np.arange(3), np.ones(3, dtype=bool)).tolist()
    [2, 2, 1]
    """
    pairs = data.pairs[rows[chosen]]
    twice = pairs[:, 0] == pairs[:, 1]
    ends = np.concatenate([pairs[:, 0], pairs[~twice, 1]])
    return np.bincount(ends, minlength=len(data.proteins))


def _labels(data: Pairs) -> Learned:
    """Mean over the two proteins of how often each label is true of a protein's training pairs.

    A protein without training pairs has no vote; where both have none, the mean of training.
    """
    train = data.side("train")
    everywhere = np.ones(len(train), dtype=np.bool_)
    total = counts(data, train, everywhere)
    share = np.full((len(data.proteins), data.y.shape[1]), np.nan, dtype=np.float32)
    seen = total > 0
    for output in range(data.y.shape[1]):
        had = counts(data, train, data.y[train, output] == 1.0)
        share[seen, output] = had[seen] / total[seen]
    common = data.y[train].mean(axis=0)

    def score(rows: Ints) -> list[Floats]:
        votes = share[data.pairs[rows]]  # [P, 2, C]
        known = ~np.isnan(votes)
        sums = np.where(known, votes, 0.0).sum(axis=1)
        voters = known.sum(axis=1)
        return list(np.where(voters > 0, sums / voters.clip(min=1), common).astype(np.float32))

    return Learned(score, None, None, 0)


def _composition(data: Pairs) -> Learned:
    """Logistic regression of what the compositions of the two proteins have in common."""
    plain = np.stack([baseline.composition(protein) for protein in data.proteins])
    learned = np.unique(data.pairs[data.side("train")])
    own = StandardScaler().fit(plain[learned]).transform(plain)
    return _fitted(data, lambda rows: symmetric(own, data.pairs[rows]))


def symmetric(vectors: Floats, pairs: Ints) -> Floats:
    """Features of pairs that do not know which partner is first.

    Parameters
    ----------
    vectors : ndarray of shape [B, D]
    pairs : ndarray of int64, shape [P, 2]

    Returns
    -------
    features : ndarray of shape [P, 3 D]
        Sum, absolute difference and product of the two vectors.

    Examples
    --------
    >>> symmetric(np.array([[1.0], [3.0]]), np.array([[0, 1], [1, 0]])).tolist()
    [[4.0, 2.0, 3.0], [4.0, 2.0, 3.0]]
    """
    a, b = vectors[pairs[:, 0]], vectors[pairs[:, 1]]
    return np.concatenate([a + b, abs(a - b), a * b], axis=1)


def _fitted(
    data: Pairs, features: Callable[[Ints], Floats], train: Floats | None = None
) -> Learned:
    """Logistic regression of every output; `train` where training pairs have features apart."""
    rows = data.side("train")
    x = features(rows) if train is None else train
    fitted: list[Pipeline] = [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, data.y[rows, c])
        for c in range(data.y.shape[1])
    ]

    def score(rows: Ints) -> list[Floats]:
        asked = features(rows)
        return list(np.column_stack([one.predict_proba(asked)[:, 1] for one in fitted]))

    return Learned(score, None, None, sum(one[-1].coef_.size for one in fitted))


BASELINES: dict[str, Callable[[Pairs], Learned]] = {
    "prior": _prior,
    "degree": _degree,
    "label-prior": _labels,
    "composition-linear": _composition,
}
"""Values of `model.encoder` that score pairs."""
