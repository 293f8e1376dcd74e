"""Terms of function with their parents: what a label says beyond itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import numpy.typing as npt

CAFA = ("is_a", "part_of")
"""Relations that CAFA's evaluation follows upward."""

DEEPFRI = (*CAFA, "regulates", "positively_regulates", "negatively_regulates")
"""Relations that DeepFRI's evaluation follows: all of `go-basic.obo`."""


@dataclass(frozen=True, eq=False)
class Ontology:
    """Terms in an order in which every parent stands before its children.

    Parameters
    ----------
    terms, names, namespaces : tuple of str, one entry a term
    parents : tuple of tuple of int, one entry a term
        Places of its parents in `terms`; all smaller than its own place.
    alternatives : mapping of str to tuple of str
        Former names of terms (`alt_id`).
    obsolete : frozenset of str
        Names that the file declares to be no terms any more.
    relations : tuple of str
        What "parent" means, such as `CAFA`.

    Examples
    --------
    >>> from protgraph.tasks.ec import ec_ontology
    >>> enzymes = ec_ontology(["3.4.21.4"])
    >>> enzymes.terms, enzymes.parents, enzymes.roots
    (('3.-.-.-', '3.4.-.-', '3.4.21.-', '3.4.21.4'), ((), (0,), (1,), (2,)), ('3.-.-.-',))
    """

    terms: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    namespaces: tuple[str, ...] = field(repr=False)
    parents: tuple[tuple[int, ...], ...] = field(repr=False)
    alternatives: Mapping[str, tuple[str, ...]] = field(repr=False)
    obsolete: frozenset[str] = field(repr=False)
    relations: tuple[str, ...]

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Terms without a parent, lone ones included."""
        return tuple(t for t, above in zip(self.terms, self.parents, strict=True) if not above)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def places(self, terms: Sequence[str]) -> list[int]:
        """Where terms stand; a former name stands where its term does.

        Raises
        ------
        ValueError
            Where a term is unknown or obsolete, a former name has gone to several terms, or two
            names are of one term.
        """
        found = [self._place(term) for term in terms]
        seen: dict[int, str] = {}
        for place, term in zip(found, terms, strict=True):
            if place in seen:
                raise ValueError(f"terms: each is named once, got {seen[place]} and {term}.")
            seen[place] = term
        return found

    def _place(self, term: str) -> int:
        """Where one term stands."""
        if term in self._places:
            return self._places[term]
        if term in self.obsolete:
            raise ValueError(f"terms: {term} is obsolete in this ontology.")
        now = self.alternatives.get(term, ())
        if len(now) == 1:
            return self._places[now[0]]
        if now:
            raise ValueError(f"terms: {term} is a former name of several: {', '.join(now)}.")
        near = get_close_matches(term, self.terms, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"terms: {term} is not among {len(self.terms)} terms.{hint}")

    def namespace(self, terms: Sequence[str]) -> str:
        """The one namespace of terms; several, or no terms, are a ValueError."""
        spaces = sorted({self.namespaces[place] for place in self.places(terms)})
        if len(spaces) != 1:
            raise ValueError(f"terms: those of one namespace are needed, got {spaces}.")
        return spaces[0]

    def closure(self, terms: Sequence[str]) -> tuple[str, ...]:
        """The terms and all that is above them, parents before children.

        Examples
        --------
        >>> from protgraph.tasks.ec import ec_ontology
        >>> ec_ontology(["3.4.21.4", "3.1.1.1"]).closure(["3.4.21.-"])
        ('3.-.-.-', '3.4.-.-', '3.4.21.-')
        """
        return tuple(self.terms[place] for place in self._closed(self.places(terms)))

    def _closed(self, places: Iterable[int]) -> list[int]:
        """Places of the terms and all that is above them, sorted."""
        seen: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in seen:
                seen.add(place)
                waiting.extend(self.parents[place])
        return sorted(seen)

    def propagate_labels(
        self, labels: npt.ArrayLike, terms: Sequence[str], *, onto: Sequence[str] | None = None
    ) -> npt.NDArray[np.bool_]:
        """Give every term the labels of what is below it.

        Parameters
        ----------
        labels : array_like of shape [B, C]
            0 or 1.
        terms, onto
            As `propagate_scores`.

        Returns
        -------
        labels : ndarray of bool, shape [B, C] or [B, len(onto)]

        Examples
        --------
        >>> from protgraph.tasks.ec import ec_ontology
        >>> enzymes = ec_ontology(["3.4.21.4"])
        >>> enzymes.propagate_labels([[0, 1]], ["3.-.-.-", "3.4.21.4"]).tolist()
        [[True, True]]
        """
        given = np.asarray(labels)
        if not ((given == 0) | (given == 1)).all():
            odd = given[(given != 0) & (given != 1)][0]
            raise ValueError(f"labels are 0 or 1, got {odd}.")
        return self.propagate_scores(given.astype(bool), terms, onto=onto)

    def propagate_scores(
        self, scores: npt.ArrayLike, terms: Sequence[str], *, onto: Sequence[str] | None = None
    ) -> npt.NDArray[Any]:
        """Raise every term's score to the largest of what is below it.

        Parameters
        ----------
        scores : array_like of shape [B, C]
            On any scale.
        terms : sequence of str, length C
            The columns of `scores`. A score rises also through terms that are no column.
        onto : sequence of str, optional
            The columns wanted, out of `closure(terms)`; `terms` themselves where not given.

        Returns
        -------
        scores : ndarray of shape [B, C] or [B, len(onto)], of the dtype given

        Raises
        ------
        ValueError
            Where the shape does not fit, or a wanted column has no score below it.

        Notes
        -----
        The propagation "max" of cafaeval (Piovesan et al., Bioinform Adv 4:vbae043, 2024).

        Examples
        --------
        >>> from protgraph.tasks.ec import ec_ontology
        >>> enzymes = ec_ontology(["3.4.21.4", "3.4.21.5"])
        >>> enzymes.propagate_scores([[.2, .7]], ["3.4.21.4", "3.4.21.5"], onto=["3.4.-.-"])
        array([[0.7]])
        """
        given, places = np.asarray(scores), self.places(terms)
        if given.ndim != 2 or given.shape[1] != len(places):
            raise ValueError(
                f"propagate: one column a term is needed, [B, {len(places)}], "
                f"got {list(given.shape)}."
            )
        closed = self._closed(places)
        row = {place: i for i, place in enumerate(closed)}
        wanted = places if onto is None else self.places(onto)
        for place in wanted:
            if place not in row:
                raise ValueError(f"onto: {self.terms[place]} is above none of the {len(places)}.")
        lowest = -np.inf if given.dtype.kind == "f" else 0
        raised = np.full((len(closed), len(given)), lowest, dtype=given.dtype)
        raised[[row[place] for place in places]] = given.T
        for place in reversed(closed):
            for parent in self.parents[place]:
                np.maximum(raised[row[parent]], raised[row[place]], out=raised[row[parent]])
        return np.ascontiguousarray(raised[[row[place] for place in wanted]].T)


def ordered(name: str, parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Put terms in an order in which every parent stands before its children.

    Parameters
    ----------
    name : str
        What to call the ontology in errors.
    parents : mapping of str to sequence of str
        The parents of every term.

    Raises
    ------
    ValueError
        Where terms are in a circle.

    Examples
    --------
    >>> ordered("EC", {"3.4.-.-": ["3.-.-.-"], "3.-.-.-": []})
    ('3.-.-.-', '3.4.-.-')
    """
    try:
        return tuple(TopologicalSorter(parents).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise ValueError(f"{name}: no term is above itself, got {circle}.") from error


def information(
    y_train: npt.ArrayLike, terms: Sequence[str], ontology: Ontology
) -> dict[str, float]:
    """Information accretion: how much a term says when all its parents are known.

    Parameters
    ----------
    y_train : array_like of shape [B, C]
        0 or 1, of the proteins trained on, never of those judged. Proteins without a label are
        left out.
    terms : sequence of str, length C
        The columns, of one namespace.
    ontology : Ontology

    Returns
    -------
    information : dict of str to float
        -log2 P(term | all its parents) in bits, of every term of `ontology.closure(terms)`.

    Notes
    -----
    Clark & Radivojac, Bioinformatics 29:i53 (2013). As in CAFA's own program, one more protein
    that has every term is counted, so a term never seen has a finite value; a term as frequent
    as its parents together has 0.

    Examples
    --------
    >>> from protgraph.tasks.ec import ec_ontology
    >>> numbers = ["3.4.21.4", "3.4.21.5"]
    >>> information([[1, 0], [1, 0], [0, 1]], numbers, ec_ontology(numbers))["3.4.21.5"]
    1.0
    """
    ontology.namespace(terms)
    onto = ontology.closure(terms)
    y = ontology.propagate_labels(y_train, terms, onto=onto)
    held = np.ascontiguousarray(y[y.any(axis=1)].T)
    column = {term: i for i, term in enumerate(onto)}
    bits = {}
    for term, place in zip(onto, ontology.places(onto), strict=True):
        parents = [column[ontology.terms[parent]] for parent in ontology.parents[place]]
        share = (held[column[term]].sum() + 1) / (held[parents].all(axis=0).sum() + 1)
        bits[term] = float(np.log2(1 / share))
    return bits
