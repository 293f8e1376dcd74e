"""Precision, recall and misinformation of every protein over fixed thresholds.

A mean over proteins is then a weighted sum of rows: a resample of proteins costs no new look at
the scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protgraph.tasks.ec import ec_forms
from protgraph.tasks.labels import Floats, Undefined, probabilities
from protgraph.tasks.ontology import CAFA, DEEPFRI, Ontology

Flags = npt.NDArray[np.bool_]
_BLOCK = 512  # proteins counted at a time, so that their terms stay in the cache


class Curves(NamedTuple):
    """What each of B proteins adds to the means at each of G thresholds.

    Parameters
    ----------
    labelled : ndarray of bool, shape [B]
        The proteins that count.
    reached : ndarray of int, shape [B]
        How many of the thresholds, from the lowest, its largest score reaches.
    covered : ndarray of bool, shape [B, G]
        Whether a term (of positive information) is predicted.
    precision, recall : ndarray of shape [B, G]
        0 where nothing is predicted or nothing (of positive information) is true.
    uncertainty, misinformation : ndarray of shape [B, G]
        Information of the true terms not predicted and of the predicted ones not true, in bits;
        without information every term counts 1.
    """

    labelled: Flags
    reached: npt.NDArray[np.intp]
    covered: Flags
    precision: Floats
    recall: Floats
    uncertainty: Floats
    misinformation: Floats


def checked(name: str, y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Flags, Floats]:
    """Labels as bool and scores as float, both [B, C], or an error that names the metric.

    A protein of which nothing is known (NaN alone) becomes one without a label.

    Examples
    --------
    >>> checked("fmax", [[1, 0]], [[.5]])
    Traceback (most recent call last):
        ...
    ValueError: fmax: labels and scores have the same shape [B, C], got [1, 2] and [1, 1].
    """
    y, s = np.asarray(y_true), np.asarray(y_score, dtype=np.float64)
    if y.ndim != 2 or y.shape != s.shape:
        raise ValueError(
            f"{name}: labels and scores have the same shape [B, C], "
            f"got {list(y.shape)} and {list(s.shape)}."
        )
    if not np.isfinite(s).all():
        raise ValueError(f"{name}: scores are finite, got {(~np.isfinite(s)).sum()} that are not.")
    yes, unknown = y == 1, np.isnan(y).all(axis=1, keepdims=True)
    fits = yes | (y == 0) | unknown
    if not fits.all():
        raise ValueError(f"{name}: labels are 0 or 1, got {y[~fits][0]}.")
    if not yes.any():
        raise Undefined(f"{name}: one label at least must be 1, got none in {list(y.shape)}.")
    return yes, s


def curves(
    y_true: npt.ArrayLike,
    y_score: npt.ArrayLike,
    *,
    protocol: str,
    terms: Sequence[str],
    ontology: Ontology | None = None,
    information: Mapping[str, float] | None = None,
) -> Curves:
    """Take the curves of the proteins by protocol "deepfri" or "cafa".

    Parameters
    ----------
    y_true, y_score, protocol, terms, ontology, information
        As `protgraph.tasks.function.fmax`, which says what the protocols are.

    Returns
    -------
    curves : Curves
        For `best_f` and `least_s`.

    Examples
    --------
    >>> one = curves([[1, 0]], [[.905, .5]], protocol="deepfri", terms=["3.4.21.4", "3.4.21.5"])
    >>> one.precision[0, [48, 49, 89, 90]].tolist()
    [0.5, 1.0, 1.0, 0.0]
    """
    y, s = checked(protocol, y_true, y_score)
    probabilities(protocol, s)
    if len(terms) != y.shape[1]:
        raise ValueError(f"{protocol}: {y.shape[1]} columns need as many terms, got {len(terms)}.")
    if information is not None and protocol != "cafa":
        raise ValueError(f"{protocol}: information belongs to protocol cafa.")
    if protocol == "cafa":
        # The very numbers of cafaeval: .06 is below its threshold .060000000000000005
        grid, strict = np.arange(0.01, 1, 0.01), False
    elif protocol == "deepfri":
        grid, strict = np.arange(1, 100) / 100, True
    else:
        raise ValueError(f"curves are of protocol deepfri or cafa, got {protocol!r}.")
    bins = _bins(s, grid, strict)
    if ontology is None:
        onto = _complete(protocol, terms)
        column = {term: i for i, term in enumerate(terms)}
        places = [column[term] for term in onto]
        y, bins = y[:, places], bins[:, places]
    else:
        onto = _above(protocol, ontology, terms)
        y = ontology.propagate_labels(y, terms, onto=onto)
        bins = ontology.propagate_scores(bins, terms, onto=onto)
    if not y.any():
        raise Undefined(f"{protocol}: one protein must have a label that counts, got none.")
    return _tallied(y, bins, None if information is None else _bits(information, onto), len(grid))


def best_f(curves: Curves, weights: npt.ArrayLike | None = None) -> float:
    """Largest F1 of mean precision and mean recall, of proteins that each count `weights` times.

    Examples
    --------
    >>> one = curves([[1, 0]], [[.9, .5]], protocol="deepfri", terms=["3.4.21.4", "3.4.21.5"])
    >>> best_f(one)
    1.0
    """
    w = counted(curves.labelled, weights)
    covered = w @ curves.covered
    precision = share(w @ curves.precision, covered)
    return float(harmonic(precision, w @ curves.recall / w.sum()).max())


def least_s(curves: Curves, weights: npt.ArrayLike | None = None) -> float:
    """Least distance of mean uncertainty and misinformation from none, weighted as `best_f`.

    Examples
    --------
    >>> one = curves([[1, 0]], [[.9, .5]], protocol="deepfri", terms=["3.4.21.4", "3.4.21.5"])
    >>> least_s(one)
    0.0
    """
    w = counted(curves.labelled, weights)
    # cafaeval leaves out thresholds at which nothing is predicted; where they are all there are,
    # the first of them says what predicting nothing costs.
    reached = max(int(curves.reached[w > 0].max()), 1)
    uncertainty = w @ curves.uncertainty[:, :reached] / w.sum()
    misinformation = w @ curves.misinformation[:, :reached] / w.sum()
    return float(np.hypot(uncertainty, misinformation).min())


def harmonic(precision: Floats, recall: Floats) -> Floats:
    """F1, 0 where both are 0.

    Examples
    --------
    >>> harmonic(np.array([1.0, 0.0]), np.array([0.5, 0.0])).round(3).tolist()
    [0.667, 0.0]
    """
    total = precision + recall
    return share(2 * precision * recall, total)


def share(part: Floats, whole: Floats) -> Floats:
    """Part of the whole, 0 where the whole is.

    Examples
    --------
    >>> share(np.array([1.0, 0.0]), np.array([4.0, 0.0])).tolist()
    [0.25, 0.0]
    """
    made: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return made


def counted(labelled: Flags, weights: npt.ArrayLike | None) -> Floats:
    """How often each of B proteins counts: as `weights` say, those without a label never.

    Examples
    --------
    >>> counted(np.array([True, False]), None).tolist()
    [1.0, 0.0]
    """
    w = np.asarray(1 if weights is None else weights, dtype=np.float64) * labelled
    if not w.any():
        raise Undefined(f"one protein at least must have a label, got {len(w)} without.")
    return w


def _complete(protocol: str, terms: Sequence[str]) -> list[str]:
    """EC numbers of four known fields, the only ones that DeepFRI judges."""
    if protocol != "deepfri":
        raise ValueError(f"{protocol}: propagation needs an ontology, got none.")
    return [term for term in terms if len(ec_forms(term)) == 4]


def _above(protocol: str, ontology: Ontology, terms: Sequence[str]) -> list[str]:
    """The terms that the protocol judges: all above the columns, the root only by CAFA."""
    needed = {"cafa": CAFA, "deepfri": DEEPFRI}[protocol]
    extra = set(ontology.relations) - set(needed)
    if extra or (protocol == "deepfri" and set(needed) - set(ontology.relations)):
        raise ValueError(
            f"{protocol}: parents are by {', '.join(needed)}, "
            f"but this ontology was read with {', '.join(ontology.relations)}."
        )
    ontology.namespace(terms)
    onto = ontology.closure(terms)
    roots = set(ontology.roots) if protocol == "deepfri" else set()
    return [term for term in onto if term not in roots]


def _bits(information: Mapping[str, float], onto: Sequence[str]) -> Floats:
    """Information of the terms judged."""
    missing = [term for term in onto if term not in information]
    if missing:
        raise ValueError(
            f"information: every term and all above it have a value, "
            f"got none for {len(missing)}, such as {missing[0]}."
        )
    bits = np.array([information[term] for term in onto], dtype=np.float64)
    if not (np.isfinite(bits) & (bits >= 0)).all():
        raise ValueError(
            f"information: bits are finite and not negative, got {bits.min()} to {bits.max()}."
        )
    return bits


def _bins(s: Floats, grid: Floats, strict: bool) -> npt.NDArray[np.uint8]:
    """How many thresholds each score reaches; with `strict`, exceeds."""
    # A search is five times slower: the steps are even, so a guess is at most one off.
    edges = np.concatenate(([-np.inf], grid, [np.inf]))
    guess = np.minimum(s * (len(grid) + 1), len(grid)).astype(np.uint8)
    below, above = edges[guess], edges[1:][guess]
    if strict:
        return guess + (s > above) - (s <= below)
    return guess + (s >= above) - (s < below)


def _tallied(y: Flags, bins: npt.NDArray[Any], bits: Floats | None, thresholds: int) -> Curves:
    """Curves from how many thresholds each term of each protein reaches."""
    width = thresholds + 1
    said = np.empty((len(y), thresholds))
    for start in range(0, len(y), _BLOCK):
        block = bins[start : start + _BLOCK]
        cell = block + width * np.arange(len(block))[:, None]
        weight = None if bits is None else np.broadcast_to(bits, block.shape).ravel()
        said[start : start + _BLOCK] = _upward(cell.ravel(), weight, len(block), width)
    row, column = np.nonzero(y)
    weight = None if bits is None else bits[column]
    hits = _upward(bins[row, column] + width * row, weight, len(y), width)
    total = np.bincount(row, weight, minlength=len(y)).astype(np.float64)[:, None]
    return Curves(
        np.asarray(y.any(axis=1)),
        bins.max(axis=1).astype(np.intp),
        said > 0,
        share(hits, said),
        share(hits, total),
        total - hits,
        said - hits,
    )


def _upward(cell: npt.NDArray[np.intp], weight: Floats | None, proteins: int, width: int) -> Floats:
    """Sum of the weights at or above each threshold, [B, G], from cells protein * width + bin."""
    held = np.bincount(cell, weight, minlength=proteins * width).reshape(proteins, width)
    return np.cumsum(held[:, :0:-1], axis=1, dtype=np.float64)[:, ::-1]
