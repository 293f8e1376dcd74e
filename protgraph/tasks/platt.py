"""Probabilities that mean what they say: each output's scores rescaled on validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from protgraph.tasks.labels import Floats, Undefined, binary, probabilities

FEWEST = 10
"""Items of the rarer class that an output needs for a fit of its own."""

EDGE = 2.0**-24
"""Probabilities are kept this far from 0 and 1: what float32 can tell from 1."""

Line = tuple[float, float]
"""Slope and intercept on the logit of a score."""


def platt(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> Line:
    """Platt scaling of one output, to be fitted on validation.

    Parameters
    ----------
    y_true : array_like of shape [N]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N]
        Probabilities from 0 to 1, such as a sigmoid gives.

    Returns
    -------
    slope, intercept : float
        The probability of 1 is sigmoid(slope * logit(score) + intercept); the slope is positive.

    Raises
    ------
    ValueError
        Where a score is no probability or a label is another number. `Undefined` where a class is
        absent, all scores are equal, or the best slope is not positive: higher scores then mean no
        higher chance, and a line that keeps the order would be made up.

    Notes
    -----
    Platt, in Advances in Large Margin Classifiers (1999), with his targets: (n1 + 1) / (n1 + 2)
    for the n1 ones and 1 / (n0 + 2) for the n0 zeros, so that scores which separate the classes
    have a finite fit. Their cross-entropy is least at the line; found by Newton's method with
    backtracking and without a difference of large numbers, as Lin, Lin & Weng, Machine Learning
    68:267 (2007), ask. Platt's x is an SVM's margin; here it is the logit of the probability, in
    which "change nothing" is a line too (slope 1, intercept 0): so the cross-entropy of these
    targets is never above that of the scores as they came. On the probability itself no line
    undoes a sigmoid. Scores are kept 2^-24 from 0 and 1, so that logits end at +-16.6.

    Examples
    --------
    >>> y, s = [0, 0, 0, 1, 0, 1, 1, 1], [.01, .01, .01, .01, .99, .99, .99, .99]
    >>> slope, intercept = platt(y, s)  # targets 1/6 and 5/6: of the first four the mean is 1/3
    >>> round(float(expit(slope * logit(.01) + intercept)), 4)
    0.3333
    """
    y, s = binary("platt", y_true, y_score, both=True)
    probabilities("platt", s)
    x = _logits(s)
    spread = x.std()
    if np.ptp(x) < 1e-9:
        raise Undefined(f"platt: scores that differ are needed, got {s[0]:g} only.")
    ones = y.sum()
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))
    # Centred and of unit spread, the two unknowns hardly depend on each other.
    slope, intercept = _newton((x - x.mean()) / spread, target)
    if slope < 1e-6:  # a slope of 0 is found as 0 give or take some rounding
        raise Undefined(f"platt: a positive slope is needed, the best is {slope / spread:.3g}.")
    return float(slope / spread), float(intercept - slope * x.mean() / spread)


def _logits(scores: Floats) -> Floats:
    made: Floats = logit(np.clip(scores, EDGE, 1 - EDGE))
    return made


def _newton(x: Floats, target: Floats) -> Floats:
    """Slope and intercept of the least cross-entropy, which is strictly convex in them."""

    def loss(line: Floats) -> float:
        z = line[0] * x + line[1]
        return float(np.sum(np.logaddexp(0, z) - target * z))

    line = np.array([0.0, logit(target.mean())])
    for _ in range(100):
        p = expit(line[0] * x + line[1])
        gradient = np.array([(p - target) @ x, np.sum(p - target)])
        w = p * (1 - p)
        across = w @ x
        step = np.linalg.solve([[w @ x**2, across], [across, w.sum()]], gradient)
        fall = float(gradient @ step)
        if fall < 1e-8:
            return line - step
        now, size = loss(line), 1.0
        while loss(line - size * step) > now - 1e-4 * size * fall:
            size /= 2
        line = line - size * step
    raise ValueError(f"platt: 100 steps must reach the least cross-entropy, got {loss(line):g}.")


@dataclass(frozen=True)
class Calibrator:
    """Line of each output, from scores to probabilities.

    Parameters
    ----------
    slopes, intercepts : tuple of C float
        As `platt`; slopes are positive, so the order of an output's scores stays.
    own : tuple of C bool
        Whether the line is the output's own; the others share one.

    Raises
    ------
    ValueError
        Where lengths differ, a slope is not positive or a number is not finite.

    Examples
    --------
    As JSON and back:

    >>> import json
    >>> from dataclasses import asdict
    >>> made = Calibrator((2.0,), (0.0,), (True,))
    >>> Calibrator(**json.loads(json.dumps(asdict(made)))) == made
    True
    """

    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]
    own: tuple[bool, ...]

    def __post_init__(self) -> None:
        for name in ("slopes", "intercepts", "own"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        sizes = [len(self.slopes), len(self.intercepts), len(self.own)]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"calibrator: slopes, intercepts and own are one an output, got {sizes}."
            )
        for slope, intercept in zip(self.slopes, self.intercepts, strict=True):
            if not (0 < slope < np.inf and np.isfinite(intercept)):
                raise ValueError(
                    f"calibrator: lines are finite with a positive slope, "
                    f"got slope {slope:g} and intercept {intercept:g}."
                )

    def __call__(self, scores: npt.ArrayLike) -> Floats:
        """Make probabilities of scores.

        Parameters
        ----------
        scores : array_like of shape [N, C] or [C]
            Probabilities from 0 to 1; NaN stays NaN.

        Returns
        -------
        calibrated : ndarray of the same shape
            Between 0 and 1 and never at them, also as float32; of two scores of an output the
            larger stays the larger, or becomes equal where both are within 2^-24 of the end.

        Raises
        ------
        ValueError
            Where a score is no probability or there is not one for each output.

        Examples
        --------
        >>> Calibrator((2.0, 1.0), (0.0, 0.0), (True, True))([[.75, .75]]).round(3).tolist()
        [[0.9, 0.75]]
        """
        s = np.asarray(scores, dtype=np.float64)
        if s.ndim not in (1, 2) or s.shape[-1] != len(self.slopes):
            raise ValueError(
                f"calibrator: scores have shape [N, {len(self.slopes)}] or [{len(self.slopes)}], "
                f"got {list(s.shape)}."
            )
        probabilities("calibrator", s)
        made = expit(np.array(self.slopes) * _logits(s) + np.array(self.intercepts))
        inside: Floats = np.clip(made, EDGE, 1 - EDGE)
        return inside


def calibrator(
    y_true: npt.ArrayLike, y_score: npt.ArrayLike, *, fewest: int = FEWEST
) -> Calibrator:
    """Platt scaling of each of several outputs, to be fitted on validation.

    Parameters
    ----------
    y_true : array_like of shape [N, C]
        0, 1 or NaN for unknown.
    y_score : array_like of shape [N, C]
        Probabilities from 0 to 1 of outputs that stand alone. Classes that exclude each other
        would no longer add up to 1: for them there is `calibration.temperature`.
    fewest : int
        Items of the rarer class below which an output has no line of its own.

    Returns
    -------
    calibrator : Calibrator
        An output with fewer than `fewest` known ones or zeros, or whose own line would not rise,
        takes the line of all outputs fitted together; `own` says which did not.

    Raises
    ------
    ValueError
        As `platt`; of the common line only where an output needs it.

    Notes
    -----
    Ten events for each variable of a logistic regression, below which its slope is biased and
    its errors are large: Peduzzi et al., J Clin Epidemiol 49:1373 (1996). The slope is the one
    variable here.

    Examples
    --------
    >>> y, s = [[0, 0], [1, 0], [0, 0], [1, 0]], [[.6, .1], [.9, .2], [.7, .1], [.8, .1]]
    >>> calibrator(y, s, fewest=2).own
    (True, False)
    """
    y, s = np.asarray(y_true, dtype=np.float64), np.asarray(y_score, dtype=np.float64)
    if y.ndim != 2 or y.shape != s.shape:
        raise ValueError(
            "calibrator: labels and scores have the same shape [N, C], "
            f"got {list(y.shape)} and {list(s.shape)}."
        )
    if fewest < 1:
        raise ValueError(f"calibrator: fewest is 1 or more, got {fewest}.")
    found = [_own(y[:, c], s[:, c], fewest) for c in range(y.shape[1])]
    common = platt(y.ravel(), s.ravel()) if None in found else None
    lines = [line or common for line in found]
    return Calibrator(
        tuple(line[0] for line in lines if line),
        tuple(line[1] for line in lines if line),
        tuple(line is not None for line in found),
    )


def _own(y: Floats, s: Floats, fewest: int) -> Line | None:
    """The line of one output, None where it has too few items or does not rise."""
    if min((y == 1).sum(), (y == 0).sum()) < fewest:
        return None
    try:
        return platt(y, s)
    except Undefined:
        return None
