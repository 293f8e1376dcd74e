"""Which labels a file of annotations, or a folder of classes, gives to which proteins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from protgraph.data.annotations import (
    ASPECTS,
    EVIDENCE,
    EXPERIMENTAL,
    Annotations,
    Labels,
    deepfri,
    gaf,
)  # fmt: skip
from protgraph.data.held import Held, classes
from protgraph.tasks import obo
from protgraph.tasks.ontology import Ontology

LEAST = {"deepfri": 1, "gaf": 50, "folder": 1}
"""Format -> training proteins that a term has at least; DeepFRI has chosen its terms already."""


def annotated(
    path: str | Path,
    form: str,
    *,
    aspect: str = "",
    ontology: str | Path | None = None,
    evidence: str | None = None,
) -> Labels:
    """Read annotations as labels, propagated where there is an ontology.

    Parameters
    ----------
    path : str or Path
    form : {"deepfri", "gaf"}
    aspect : str
        "MF", "BP" or "CC"; of DeepFRI also "EC".
    ontology : str or Path, optional
        An `.obo` file: terms become current ones and all that is above them by is_a and part_of,
        the root left out. GAF needs it.
    evidence : str, optional
        Codes with commas, or "all"; by default the experimental ones. For GAF.

    Returns
    -------
    labels : Labels

    Raises
    ------
    FileNotFoundError, ValueError
        As the readers of the files; for an option that the format has no use for.

    Examples
    --------
    >>> annotated("goa.gaf", "gaf", aspect="EC")
    Traceback (most recent call last):
    ValueError: gaf: aspect is one of MF, BP, CC, got 'EC'.
    """
    if form == "gaf":
        if aspect not in ASPECTS:
            raise ValueError(f"gaf: aspect is one of {', '.join(ASPECTS)}, got {aspect!r}.")
        if ontology is None:
            raise ValueError("gaf: terms are propagated, which needs the ontology, an .obo file.")
        found = gaf(path, evidence=_codes(evidence))
    else:
        if evidence:
            raise ValueError(f"deepfri: the file has no evidence codes, got {evidence!r}.")
        if ontology is not None and aspect == "EC":
            raise ValueError("deepfri: EC numbers have no .obo file.")
        found = deepfri(path, aspect)
    if ontology is None:
        terms: dict[str, set[str]] = {}
        for name, term in found.pairs:
            terms.setdefault(name, set()).add(term)
    else:
        terms = lifted(found, obo.load(ontology), aspect)
    return Labels(found.source, terms, found.left)


def classified(folder: str | Path, options: Mapping[str, object]) -> tuple[Labels, Held]:
    """Read a folder of classes, to which no option of annotations applies.

    Raises
    ------
    FileNotFoundError, ValueError
        As `protgraph.data.held.classes`; where one of the options says something.

    Examples
    --------
    >>> classified("folds", {"aspect": "MF"})
    Traceback (most recent call last):
    ValueError: folder: classes and structures are in the folder, so aspect has no part in it.
    """
    for name, value in options.items():
        if value:
            raise ValueError(
                f"folder: classes and structures are in the folder, so {name} has no part in it."
            )
    return classes(folder)


def _codes(evidence: str | None) -> tuple[str, ...]:
    if evidence == "all":
        return EVIDENCE
    return tuple(evidence.split(",")) if evidence else EXPERIMENTAL


def lifted(found: Annotations, ontology: Ontology, aspect: str) -> dict[str, set[str]]:
    """Give every protein its current terms of an aspect and all that is above them, roots apart.

    Annotations with a term that is obsolete, unknown, a former name of several, of another aspect
    or a root are left out, and counted in `found.left`.

    Examples
    --------
    >>> from protgraph.data.annotations import Left
    >>> terms = ("GO:0000001", "GO:0000002", "GO:0000003")
    >>> small = Ontology(terms, terms, ("molecular_function",) * 3, ((), (0,), (1,)), {},
    ...     frozenset({"GO:0000009"}), ("is_a",))
    >>> found = Annotations("my.gaf", [("P1", "GO:0000003"), ("P1", "GO:0000009")], Left())
    >>> sorted(lifted(found, small, "MF")["P1"]), found.left.lines()
    (['GO:0000002', 'GO:0000003'], ['1 left out: the term is obsolete, such as P1 GO:0000009'])
    """
    above = _above(ontology, ASPECTS[aspect])
    terms: dict[str, set[str]] = {}
    for name, term in found.pairs:
        closed, fault = above(term)
        if fault:
            found.left.add(fault, f"{name} {term}")
        else:
            terms.setdefault(name, set()).update(closed)
    return terms


def _above(ontology: Ontology, space: str) -> Callable[[str], tuple[frozenset[str], str]]:
    """Of a term: itself and what is above it, or why it gives nothing."""
    known, roots = set(ontology.terms), set(ontology.roots)

    @cache
    def above(term: str) -> tuple[frozenset[str], str]:
        now = (term,) if term in known else ontology.alternatives.get(term, ())
        if len(now) > 1:
            return frozenset(), "the term is a former name of several"
        if not now and term in ontology.obsolete:
            return frozenset(), "the term is obsolete"
        if not now:
            return frozenset(), "the term is not in the ontology"
        if ontology.namespace(now) != space:
            return frozenset(), "the term is of another aspect"
        closed = frozenset(ontology.closure(now)) - roots
        return closed, "" if closed else "the term is the root"

    return above
