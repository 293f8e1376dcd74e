"""A prediction as a table and as JSON: the same scores, names and conditions in both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from protgraph.tasks.prediction import Prediction


def table(prediction: Prediction) -> str:
    """Write a prediction as `Prediction.tsv` describes it.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> from protgraph.tasks.prediction import Prediction
    >>> print(table(Prediction("demo", "protein", ("fit",), [1.0], Protein("a", "M"), "m", "e",
    ...     scale="not calibrated")))
    # task: demo
    # model: m
    # encoder: e
    # scores: not calibrated
    protein	chain	output	score
    a		fit	1
    <BLANKLINE>
    """
    return joint((prediction,))


def joint(predictions: Sequence[Prediction], *, head: bool = True) -> str:
    """Write what one model says of many proteins or pairs as one table with one head.

    Parameters
    ----------
    predictions : sequence of Prediction
        One at least, all by the same model.
    head : bool
        False leaves out what was asked and the header row, to go on with a table.

    Raises
    ------
    ValueError
        Where there is none, or they answer different questions or are by different models.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> from protgraph.tasks.prediction import Prediction
    >>> a, b, c = (Protein(name, "M") for name in "abc")
    >>> made = [Prediction("ppi", "pair", ("binds",), [0.5], a, "m", "none", partner=other)
    ...     for other in (b, c)]
    >>> print(joint(made))
    # task: ppi
    # model: m
    # encoder: none
    protein_a	chain_a	protein_b	chain_b	binds_score
    a		b		0.5
    a		c		0.5
    <BLANKLINE>
    """
    heads = {(*_asked(one), one.level, one.outputs) for one in predictions}
    if len(heads) != 1:
        raise ValueError(f"A table has one question and one model, got {len(heads)} of them.")
    rows = _ROWS[predictions[0].level]
    lines = [f"# {line}" for line in asked(predictions[0])] if head else []
    for place, prediction in enumerate(predictions):
        own = ["\t".join(_plain(cell) for cell in row) for row in rows(prediction)]
        lines += own[place > 0 or not head :]
    return "\n".join(lines) + "\n"


def asked(prediction: Prediction) -> list[str]:
    """What was asked and how scores are read, a line each.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> from protgraph.tasks.prediction import Prediction
    >>> asked(Prediction("demo", "protein", ("fit",), [1.0], Protein("a", "M"), "m", "e"))
    ['task: demo', 'model: m', 'encoder: e']
    """
    return [f"{key}: {_plain(value)}" for key, value in _asked(prediction)]


def strict(prediction: Prediction) -> str:
    """Write a prediction as `Prediction.json` describes it.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> from protgraph.tasks.prediction import Prediction
    >>> one = Prediction("demo", "protein", ("fit",), [1.0], Protein("a", "M"), "m", "e")
    >>> json.loads(strict(one))["scores"]
    {'fit': 1.0}
    """
    protein, calls = prediction.protein, prediction.calls
    said: dict[str, Any] = dict(_who(prediction))
    for key in ("task", "level", "model", "encoder", "given", "scale", "outputs"):
        said[key] = getattr(prediction, key)
    if prediction.level == "residue":
        said["sequence"] = protein.sequence
        said["numbering"] = protein.numbering
        said["observed"] = protein.observed.tolist()
    absent = np.isnan(prediction.scores)
    scores = np.array([float(_digits(x) or 0) for x in prediction.scores.flat], dtype=object)
    scores = scores.reshape(prediction.scores.shape)
    scores[absent] = None
    outputs = prediction.outputs
    said["scores"] = dict(zip(outputs, scores.T.tolist(), strict=True))
    said["thresholds"] = dict(zip(outputs, prediction.thresholds, strict=False))
    said["expected"] = dict(prediction.expected)
    if calls is not None:
        called = calls.astype(object)
        called[absent] = None
        said["calls"] = dict(zip(outputs, called.T.tolist(), strict=True))
    return json.dumps(said, allow_nan=False, ensure_ascii=False)


def promise(expected: Mapping[str, Any]) -> str:
    """Say what to expect of calls at a threshold, or why that is not known.

    Examples
    --------
    >>> promise({"precision": [0.9, 0.82, 0.95], "recall": [0.7, 0.61, 0.78]})
    'precision 0.90 [0.82, 0.95], recall 0.70 [0.61, 0.78]'
    """
    if "unknown" in expected:
        return f"unknown: {expected['unknown']}"
    said = []
    for name in ("precision", "recall"):
        value, low, high = expected[name]
        said.append(f"{name} {value:.2f} [{low:.2f}, {high:.2f}]")
    return ", ".join(said)


def _asked(prediction: Prediction) -> Iterator[tuple[str, str]]:
    """What was asked and how scores are read: the lines with `#`."""
    yield "task", prediction.task
    yield "model", prediction.model
    yield "encoder", prediction.encoder
    if prediction.given:
        yield "holds given that", prediction.given
    if prediction.scale:
        yield "scores", prediction.scale
    if prediction.thresholds:
        pairs = zip(prediction.outputs, prediction.thresholds, strict=True)
        yield "thresholds", ", ".join(f"{output} {value:g}" for output, value in pairs)
    for output, own in prediction.expected.items():
        yield f"expected of {output}", promise(own)


def _who(prediction: Prediction) -> list[tuple[str, str]]:
    """Names and chains of the protein, or of both partners."""
    one, two = prediction.protein, prediction.partner
    if two is None:
        return [("protein", one.name), ("chain", one.chain)]
    own = [("protein_a", one.name), ("chain_a", one.chain)]
    return [*own, ("protein_b", two.name), ("chain_b", two.chain)]


def _residue_rows(prediction: Prediction) -> Iterator[list[str]]:
    protein, calls, scores = prediction.protein, prediction.calls, prediction.scores
    header = ["protein", "chain", "position", "index", "letter", "observed"]
    header += [f"{output}_score" for output in prediction.outputs]
    if calls is not None:
        header += [f"{output}_call" for output in prediction.outputs]
    yield header
    for i, letter in enumerate(protein.sequence):
        row = [protein.name, protein.chain, protein.numbering[i], str(i), letter]
        row += [str(int(protein.observed[i])), *map(_digits, scores[i])]
        if calls is not None:
            row += map(_call, scores[i], calls[i])
        yield row


def _output_rows(prediction: Prediction) -> Iterator[list[str]]:
    protein, calls, scores = prediction.protein, prediction.calls, prediction.scores
    yield ["protein", "chain", "output", "score"] + ["call"] * (calls is not None)
    for c, output in enumerate(prediction.outputs):
        row = [protein.name, protein.chain, output, _digits(scores[c])]
        yield row + ([] if calls is None else [_call(scores[c], calls[c])])


def _pair_rows(prediction: Prediction) -> Iterator[list[str]]:
    calls, scores, who = prediction.calls, prediction.scores, _who(prediction)
    header = [*(column for column, _ in who), *(f"{o}_score" for o in prediction.outputs)]
    row = [*(name for _, name in who), *map(_digits, scores)]
    if calls is not None:
        header += [f"{output}_call" for output in prediction.outputs]
        row += map(_call, scores, calls)
    yield header
    yield row


_ROWS = {"residue": _residue_rows, "protein": _output_rows, "pair": _pair_rows}


def _plain(text: str) -> str:
    return re.sub(r"[\t\r\n]+", " ", text)


def _digits(score: np.float32) -> str:
    return "" if np.isnan(score) else f"{score:.6g}"


def _call(score: np.float32, call: np.bool_) -> str:
    return "" if np.isnan(score) else str(int(call))
