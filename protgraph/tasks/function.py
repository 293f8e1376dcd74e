"""How good predictions of protein function are: Fmax in three named protocols, Smin and AUPR.

Labels [B, C] are 0 or 1: a protein has a term or is not known to have it, which the field counts
as not having it. So NaN is refused, save for all terms of a protein: it does not count then. The
same scores differ by more than .1 between two protocols: their numbers are never to be mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from protgraph.tasks.curves import Flags, best_f, checked, curves, least_s
from protgraph.tasks.labels import Floats
from protgraph.tasks.ontology import Ontology
from protgraph.tasks.ranking import best_exact_f, steps


def fmax(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    *,
    protocol: str,
    terms: Sequence[str] | None = None,
    ontology: Ontology | None = None,
    information: Mapping[str, float] | None = None,
) -> float:
    """Largest F1, over thresholds, of precision and recall averaged over proteins.

    Parameters
    ----------
    y_true : array_like of shape [B, C]
        0 or 1. Proteins without a label do not count, in no protocol.
    y_score : array_like of shape [B, C]
        On any scale for "gearnet", from 0 to 1 for the others, whose thresholds are fixed.
    protocol : str
        "gearnet", "deepfri" or "cafa".
    terms : sequence of str, length C
        GO terms (of one namespace) or EC numbers, the columns; not for "gearnet".
    ontology : Ontology
        For "cafa", and for "deepfri" with GO terms, read with the relations `CAFA` or `DEEPFRI`.
        "deepfri" without one takes `terms` as EC numbers.
    information : mapping of str to float
        Bits of each term and all above it, as `ontology.information` gives them: the weighted
        Fmax of "cafa".

    Returns
    -------
    value : float
        From 0 to 1. 0 where nothing true is predicted, also where nothing at all is.

    Raises
    ------
    ValueError
        Where shapes differ, a label is not 0 or 1, a score is not finite or outside what the
        protocol takes, a term is unknown, or an argument has no part in the protocol.
    Undefined
        Where no protein has a label (that counts).

    Notes
    -----
    At a threshold, precision is averaged over the proteins with a prediction, recall over all.

    *gearnet*: every distinct score is a threshold; nothing is propagated. As `f1_max` of
    torchdrug (Zhang et al., ICLR 2023), save that equal scores enter together, where there each
    enters for itself, in an order of the sort's making, and that a protein without a label counts
    there, with a recall of 0.

    *deepfri*: a term is predicted where its score exceeds one of .01, .02, ..., .99. GO: labels
    and scores are propagated to all that is above them in the ontology, also to terms that are no
    column, by every relation of `go-basic.obo`, and the root is left out. EC: complete numbers
    alone count, and nothing is propagated, as that would reach only partial ones. Gligorijević et
    al., Nat Commun 12:3168 (2021), by the evaluation program that HEAL (Gu et al., Bioinformatics
    39:btad410, 2023) publishes; that one counts proteins without a (complete) label with a recall
    of 0, we do not.

    *cafa*: a term is predicted where its score reaches one of .01, .02, ..., .99; labels and
    scores are propagated by is_a and part_of to all that is above them, the root included. As
    cafaeval 1.3 with norm="cafa", prop="max", orphans counted (Piovesan et al., Bioinform Adv
    4:vbae043, 2024); that some of its thresholds are a hair off, .06 for one, is taken over too.

    Examples
    --------
    From .8 on one protein is found: precision 1, recall 1/2. From .1 on all is said: 1/2 and 1.

    >>> round(fmax([[1, 0], [0, 1]], [[.8, .1], [.3, .1]], protocol="gearnet"), 4)
    0.6667
    """
    if protocol == "gearnet":
        given = {"terms": terms, "ontology": ontology, "information": information}
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"gearnet: nothing is propagated, so {name} has no part in it.")
        return best_exact_f(steps(y_true, y_score))
    if protocol not in ("deepfri", "cafa"):
        raise ValueError(f"protocol is gearnet, deepfri or cafa, got {protocol!r}.")
    if terms is None:
        raise ValueError(f"{protocol}: the terms of the columns are needed, got none.")
    return best_f(
        curves(
            y_true,
            y_score,
            protocol=protocol,
            terms=terms,
            ontology=ontology,
            information=information,
        )
    )


def fmax_gearnet(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """`fmax` by protocol "gearnet", under a name that `statistics.bootstrap` resamples fast.

    Examples
    --------
    >>> round(fmax_gearnet([[1, 0], [0, 1]], [[.8, .1], [.3, .1]]), 4)
    0.6667
    """
    return fmax(y_true, y_score, protocol="gearnet")


def smin(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    information: Mapping[str, float],
    *,
    terms: Sequence[str],
    ontology: Ontology,
) -> float:
    """Least semantic distance: bits missed and bits wrongly said; smaller is better.

    Parameters
    ----------
    y_true, y_score, information, terms, ontology
        As `fmax` with protocol "cafa".

    Returns
    -------
    value : float
        The least root of ru² + mi² over the thresholds .01, .02, ..., .99, in bits: ru, remaining
        uncertainty, is the mean over the labelled proteins of the information of true terms not
        predicted, mi, misinformation, that of predicted terms not true.

    Raises
    ------
    ValueError, Undefined
        As `fmax`; also where information is missing for a term, infinite or negative.

    Notes
    -----
    Clark & Radivojac, Bioinformatics 29:i53 (2013), as in cafaeval. Thresholds that no score
    reaches are left out, as there; where that is all of them, the value is the uncertainty of
    saying nothing (cafaeval stops with an error).

    Examples
    --------
    The wrong sister term is said alone: one bit is missed and one is wrong.

    >>> from protgraph.tasks.ec import ec_ontology
    >>> pair = ["3.4.21.4", "3.4.21.5"]
    >>> bits = {"3.-.-.-": 0, "3.4.-.-": 0, "3.4.21.-": 0, "3.4.21.4": 1, "3.4.21.5": 1}
    >>> round(smin([[1, 0]], [[0, .9]], bits, terms=pair, ontology=ec_ontology(pair)), 4)
    1.4142
    """
    return least_s(
        curves(
            y_true,
            y_score,
            protocol="cafa",
            terms=terms,
            ontology=ontology,
            information=information,
        )
    )


def aupr(y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, average: str) -> float:
    """Area under the precision-recall curve of several terms, as average precision.

    Parameters
    ----------
    y_true : array_like of shape [B, C]
        0 or 1.
    y_score : array_like of shape [B, C]
        On any scale.
    average : str
        "micro": all pairs of protein and term are ranked together, those of proteins and terms
        without a label too (GearNet). "macro": the mean over the terms that a protein has; the
        others are left out (DeepFRI).

    Returns
    -------
    value : float
        Equal scores enter together, as in scikit-learn's `average_precision_score`.

    Raises
    ------
    ValueError
        Where shapes differ, a label is not 0 or 1, or a score is not finite.
    Undefined
        Where all labels are 0.

    Notes
    -----
    DeepFRI propagates the scores within the columns first (`Ontology.propagate_scores`), and of
    EC numbers it takes the complete ones alone.

    Examples
    --------
    >>> round(aupr([[1, 0], [0, 1]], [[.8, .1], [.3, .2]], average="micro"), 4)
    0.8333
    >>> aupr([[1, 0], [0, 1]], [[.8, .1], [.3, .2]], average="macro")
    1.0
    """
    y, s = checked("aupr", y_true, y_score)
    if average == "micro":
        known = ~np.isnan(np.asarray(y_true)).all(axis=1)
        return _precision(y[known], s[known])
    if average != "macro":
        raise ValueError(f"aupr: average is micro or macro, got {average!r}.")
    kept = y.any(axis=0)
    columns = zip(y.T[kept], np.ascontiguousarray(s.T)[kept], strict=True)
    return float(np.mean([_precision(*column) for column in columns]))


def _precision(y: Flags, s: Floats) -> float:
    """Average precision; only scores of positives change recall, so only they are looked up."""
    cuts, gain = np.unique(s[y], return_counts=True)
    hits = gain[::-1].cumsum()[::-1]
    said = s.size - np.searchsorted(np.sort(s, axis=None), cuts, side="left")
    return float(np.sum(gain * hits / said) / hits[0])
