"""From scores to probabilities: what is fitted for which kind of task, and kept as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from protgraph.tasks.calibration import temperature
from protgraph.tasks.labels import Floats, probabilities
from protgraph.tasks.platt import EDGE, Calibrator, calibrator
from protgraph.tasks.task import Task

Float32s = npt.NDArray[np.float32]


def fitted(task: Task, y: npt.ArrayLike, scores: npt.ArrayLike) -> dict[str, Any]:
    """Fit the calibration of a task, on validation.

    Parameters
    ----------
    task : Task
    y : array_like of shape [N, C], or [N, 1] where outputs exclude each other
        NaN where unknown.
    scores : array_like of shape [N, C]
        From 0 to 1.

    Returns
    -------
    calibration : dict
        For `applied`: a line an output of outputs that stand alone (`platt.Calibrator`), a
        temperature of those that exclude each other, nothing for quantities.

    Raises
    ------
    ValueError
        Where a score is no probability; `Undefined` where the labels or the scores allow no fit.

    Examples
    --------
    >>> from protgraph.tasks.catalogue import TASKS
    >>> made = fitted(TASKS["zinc-site"], [[0], [1], [1], [0]], [[.9], [.99], [.95], [.8]])
    >>> sorted(made), made["own"]  # an output with so few items has no line of its own
    (['intercepts', 'own', 'slopes'], [False])
    """
    if task.value:
        return {}
    if task.exclusive:
        return {"temperature": temperature(np.asarray(y)[:, 0], _logs(scores))}
    return {key: list(own) for key, own in asdict(calibrator(y, scores)).items()}


def applied(calibration: Mapping[str, Any], scores: npt.ArrayLike) -> Float32s:
    """Make calibrated probabilities of scores.

    Parameters
    ----------
    calibration : mapping
        As `fitted` gives it; an empty one leaves the scores as they are.
    scores : array_like of shape [N, C] or [C]
        NaN stays NaN.

    Returns
    -------
    calibrated : ndarray of float32, of the same shape
        The order of an output's scores stays (`platt.Calibrator`), as does which of classes that
        exclude each other is the largest; these still add up to 1.

    Raises
    ------
    ValueError
        Where the calibration is of no known kind, or does not fit the scores.

    Examples
    --------
    >>> [f"{p:.3f}" for p in applied({"temperature": 0.5}, [.25, .75])]  # 1 : 3 becomes 1 : 9
    ['0.100', '0.900']
    """
    if not calibration:
        return np.asarray(scores, dtype=np.float32)
    if set(calibration) == {"temperature"}:
        made = softmax(_logs(scores) / calibration["temperature"], axis=-1)
    elif set(calibration) == {"slopes", "intercepts", "own"}:
        made = Calibrator(**calibration)(scores)
    else:
        raise ValueError(
            "calibration: slopes, intercepts and own, or a temperature, "
            f"got {', '.join(calibration)}."
        )
    single: Float32s = made.astype(np.float32)
    return single


def scale(calibration: Mapping[str, Any]) -> str:
    """Say in a line what scores are after a calibration.

    Examples
    --------
    >>> scale({})
    'not calibrated'
    >>> scale({"temperature": 1.5})
    'probabilities, calibrated on validation (temperature 1.5)'
    >>> scale({"slopes": [1.0, 2.0], "intercepts": [0.0, 0.1], "own": [True, False]})
    'probabilities, calibrated on validation (Platt, 1 of 2 outputs by a line of its own)'
    """
    if not calibration:
        return "not calibrated"
    if "temperature" in calibration:
        how = f"temperature {calibration['temperature']:.3g}"
    else:
        own, how = calibration["own"], "Platt"
        if not all(own):
            how += f", {sum(own)} of {len(own)} outputs by a line of its own"
    return f"probabilities, calibrated on validation ({how})"


def events(task: Task, y: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Floats, Floats]:
    """What a task's probabilities are of, item by item: for reliability and selective prediction.

    Parameters
    ----------
    task : Task
        Not of quantities.
    y, scores : array_like
        As `fitted`.

    Returns
    -------
    happened, probability : ndarray of shape [M]
        Of outputs that stand alone all labels, with NaN for unknown; of classes whether the one
        said is right, as Guo et al., ICML (2017), bin it.

    Examples
    --------
    >>> from protgraph.tasks.catalogue import TASKS
    >>> both = events(TASKS["secondary-structure"], [[0], [2]], [[.5, .3, .2], [.7, .2, .1]])
    >>> [one.tolist() for one in both]
    [[1.0, 0.0], [0.5, 0.7]]
    """
    truth, s = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if not task.exclusive:
        return truth.ravel(), s.ravel()
    right = np.where(np.isnan(truth[:, 0]), np.nan, s.argmax(axis=1) == truth[:, 0])
    return right, s.max(axis=1)


def _logs(scores: npt.ArrayLike) -> Floats:
    """Logits of classes, of which a softmax gives the scores again."""
    s = np.asarray(scores, dtype=np.float64)
    probabilities("temperature", s)
    made: Floats = np.log(np.clip(s, EDGE, 1))
    return made
