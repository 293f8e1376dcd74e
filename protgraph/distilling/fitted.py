"""How much of a teacher's vectors lies in others: a linear map by ridge, its cosine and its R2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.distilling.spoken import Spoken
from protgraph.language.encoder import Floats
from protgraph.tasks.statistics import Interval, bootstrap, paired

PENALTIES = (1e-6, 1e-3, 1e-1)
"""Of the ridge, in residues times the variance of a feature; validation chooses."""

RESIDUES = 100_000
"""Residues of the training side that a map is fitted to, at most: whole proteins, the first."""

TOGETHER = 16
"""Proteins whose vectors are asked for at once."""

Wide = npt.NDArray[np.float64]
Rows = Callable[[Sequence[str]], list[Floats]]
"""Sequences -> features of their residues, [L, F] each."""


class Map(NamedTuple):
    """A linear map: features [N, F] -> features @ weight + bias, [N, T]."""

    weight: Wide
    bias: Wide


@dataclass(frozen=True, eq=False)
class Reached:
    """What a map reaches of one teacher on some proteins, protein by protein.

    Parameters
    ----------
    residues : ndarray of shape [B]
    cosines, errors, spread : ndarray of shape [B]
        Sums over residues: of the cosine with the teacher's standardised vector, of the squared
        distance from it, and of its squared distance from the training mean.
    """

    residues: Wide = field(repr=False)
    cosines: Wide = field(repr=False)
    errors: Wide = field(repr=False)
    spread: Wide = field(repr=False)

    @property
    def cosine(self) -> float:
        """Mean over residues."""
        return _share(self.residues, self.cosines)

    @property
    def r2(self) -> float:
        """Share of the spread around the training mean that is told."""
        return _told(self.spread, self.errors)

    def intervals(self, families: Sequence[str]) -> tuple[Interval, Interval]:
        """Cosine and R2 with intervals by family."""
        return (
            bootstrap(_share, self.residues, self.cosines, families),
            bootstrap(_told, self.spread, self.errors, families),
        )

    def ahead(self, other: Reached, families: Sequence[str]) -> Interval:
        """Cosine of this less that of another, on the same proteins."""
        return paired(_share, self.residues, self.cosines, other.cosines, families)


def _share(whole: npt.ArrayLike, part: npt.ArrayLike) -> float:
    return float(np.sum(part) / np.sum(whole))


def _told(whole: npt.ArrayLike, part: npt.ArrayLike) -> float:
    return 1 - _share(whole, part)


def fitted(
    rows: Rows, teachers: Sequence[Spoken], train: Sequence[str], valid: Sequence[str]
) -> list[Map]:
    """Fit a linear map to each teacher's standardised vectors by ridge, in closed form.

    Parameters
    ----------
    rows : callable
        Features of residues, as the map gets them.
    teachers : sequence of Spoken
    train : sequence of str
        Of which the first with `RESIDUES` residues are taken.
    valid : sequence of str
        Choose one of `PENALTIES` for each teacher, by R2.

    Notes
    -----
    Features are centred and each is penalised by its own variance, so that their scale is nothing.
    """
    some = _first(train)
    ends = np.cumsum([teacher.width for teacher in teachers])[:-1]
    number, gram, cross, mean, aim = 0, _none(), _none(), _none(), _none()
    for sequences, features in _asked(rows, some):
        x = np.concatenate(features).astype(np.float64)
        y = np.concatenate([_targets(teachers, own) for own in sequences])
        number += len(x)
        gram, cross = gram + x.T @ x, cross + x.T @ y
        mean, aim = mean + x.sum(axis=0), aim + y.sum(axis=0)
    mean, aim = mean / number, aim / number
    gram, cross = gram / number - np.outer(mean, mean), cross / number - np.outer(mean, aim)
    own = np.where(gram.diagonal() > 1e-12, gram.diagonal(), 1.0)
    found: list[list[Map]] = []
    for penalty in PENALTIES:
        weight = np.linalg.solve(gram + np.diag(penalty * own), cross)
        apart = np.split(weight, ends, axis=1), np.split(aim - mean @ weight, ends)
        found.append([Map(*both) for both in zip(*apart, strict=True)])
    scores = np.array([[one.r2 for one in reached(rows, teachers, m, valid)] for m in found])
    return [found[best][place] for place, best in enumerate(scores.argmax(axis=0).tolist())]


def reached(
    rows: Rows, teachers: Sequence[Spoken], maps: Sequence[Map], proteins: Sequence[str]
) -> list[Reached]:
    """Measure what maps reach of their teachers on proteins.

    Parameters
    ----------
    rows, teachers
        As `fitted`.
    maps : sequence of Map
        One a teacher.
    proteins : sequence of str
    """
    sums: list[list[list[float]]] = [[] for _ in teachers]
    for sequences, features in _asked(rows, proteins):
        for sequence, x in zip(sequences, features, strict=True):
            for place, (teacher, own) in enumerate(zip(teachers, maps, strict=True)):
                made = x.astype(np.float64) @ own.weight + own.bias
                sums[place].append(_compared(made, teacher[sequence].astype(np.float64)))
    return [Reached(*np.array(own).T) for own in sums]


def _compared(made: Wide, aim: Wide) -> list[float]:
    """Residues, and the sums of `Reached`, of one protein."""
    lengths = np.linalg.norm(made, axis=1) * np.linalg.norm(aim, axis=1)
    cosine = (made * aim).sum(axis=1) / np.maximum(lengths, 1e-12)
    return [len(aim), cosine.sum(), np.square(made - aim).sum(), np.square(aim).sum()]


def _asked(rows: Rows, proteins: Sequence[str]) -> Iterator[tuple[Sequence[str], list[Floats]]]:
    for start in range(0, len(proteins), TOGETHER):
        some = proteins[start : start + TOGETHER]
        yield some, rows(some)


def _targets(teachers: Sequence[Spoken], sequence: str) -> Wide:
    return np.concatenate([teacher[sequence] for teacher in teachers], axis=1).astype(np.float64)


def _first(train: Sequence[str]) -> Sequence[str]:
    ends = np.cumsum([len(sequence) for sequence in train])
    return train[: max(1, int(np.searchsorted(ends, RESIDUES, side="right")))]


def _none() -> Wide:
    return np.zeros(())
