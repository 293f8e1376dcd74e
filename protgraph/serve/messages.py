"""What a request over HTTP says, and what it is told."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

from protgraph.models.model import Config
from protgraph.predict import Predictor, alone
from protgraph.serve.rows import Row, asked, reads, twice, who
from protgraph.tasks.prediction import Prediction


class Told(BaseModel):
    """What was asked, how scores are read, and one answer a row or, of a structure, a chain.

    Each answer has `row`, the place in the request from 0, and `name`; then `error`, or `scores`
    and, where the model has thresholds, `calls`, both keyed by output, with null where a residue
    is not in the structure. Scores of residues are lists beside their letters (`sequence`) and
    author numbers (`numbering`).
    """

    model: str
    task: str
    level: str
    encoder: str
    given: str
    scale: str
    thresholds: dict[str, float]
    answers: list[dict[str, Any]]


class Refused(BaseModel):
    """Why a request was not answered."""

    detail: str | list[dict[str, Any]]


def request(config: Config) -> type[BaseModel]:
    """Say what a request to a model holds: lists of one length, named after what it reads.

    Examples
    --------
    >>> config = Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0)
    >>> list(request(config).model_fields)
    ['sequences', 'names']
    """
    what = "Letters of a protein." if alone(config) else "The text of a PDB or mmCIF file, or the "
    what += "" if alone(config) else "path of one where the server was started with --paths."
    fields: dict[str, Any] = {
        _plural(column): (list[str | None], Field(min_length=1, description=what))
        for column in reads(config)
    }
    optional = ("name",) if alone(config) else ("name", "chain")
    for column in twice(config, *optional):
        fields[_plural(column)] = (list[str | None] | None, None)
    made: type[BaseModel] = create_model(
        "Rows", __config__=ConfigDict(extra="forbid", strict=True), **fields
    )
    return made


def rows(config: Config, said: BaseModel) -> list[Row]:
    """Take a request apart.

    Raises
    ------
    ValueError
        Where its lists are not of one length.

    Examples
    --------
    >>> config = Config("demo", "residue", ("site",), "cnn", inputs=21, edges=0, kinds=0)
    >>> rows(config, request(config)(sequences=["MKV"], names=["a"]))
    [Row(number=0, given=(Given(column='sequence', text='MKV', name='a', chain=''),))]
    """
    lists = {key: own for key, own in said.model_dump().items() if own is not None}
    lengths = {key: len(own) for key, own in lists.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{length} {key}" for key, length in lengths.items())
        raise ValueError(f"The lists of a request are of one length, got {got}.")

    def cell(number: int, column: str) -> object:
        return lists[_plural(column)][number] if _plural(column) in lists else None

    count = next(iter(lengths.values()))
    return [Row(number, asked(config, partial(cell, number))) for number in range(count)]


def size(row: Row) -> int:
    """Estimate the residues of a row before it is read: letters, or atoms named CA.

    Examples
    --------
    >>> from protgraph.serve.rows import Given
    >>> size(Row(0, (Given("sequence", "MKV"),)))
    3
    """
    return sum(
        len(one.text) if one.column.startswith("sequence") else one.text.count(" CA ")
        for one in row.given
    )


def head(predictor: Predictor) -> dict[str, Any]:
    """Say what all answers have in common: all of `Told` but the answers.

    Examples
    --------
    >>> from protgraph.models.student import Student, StudentConfig
    >>> head(Predictor(Student(StudentConfig(width=8)).eval(), "demo"))["level"]
    'residue'
    """
    config = predictor.model.config
    return {
        "model": predictor.name,
        "task": config.task,
        "level": config.level,
        "encoder": predictor.encoder,
        "given": config.given,
        "scale": predictor.scale,
        "thresholds": dict(zip(config.outputs, config.thresholds, strict=False)),
    }


def told(row: Row, found: list[Prediction] | str) -> list[dict[str, Any]]:
    """Write the answers to a row: of each of its chains, of its pair, or why there is none.

    Examples
    --------
    >>> from protgraph.serve.rows import Given
    >>> told(Row(2, (Given("sequence", "", "a"),)), "Row 2: sequence is empty.")
    [{'row': 2, 'name': 'a', 'error': 'Row 2: sequence is empty.'}]
    """
    if isinstance(found, str):
        return [row.refused(found)]
    return [{"row": row.number, **_scored(own)} for own in found]


def _scored(prediction: Prediction) -> dict[str, Any]:
    protein, partner, calls = prediction.protein, prediction.partner, prediction.calls
    said = who(prediction)
    notes = [*protein.notes, *(partner.notes if partner else ())]
    if notes:
        said["notes"] = notes
    if prediction.level == "residue":
        said |= {"sequence": protein.sequence, "numbering": protein.numbering}
    own = zip(prediction.outputs, prediction.scores.T, strict=True)
    said["scores"] = {output: _digits(scores.tolist()) for output, scores in own}
    if calls is not None:
        called = calls.astype(object)
        called[np.isnan(prediction.scores)] = None
        said["calls"] = dict(zip(prediction.outputs, called.T.tolist(), strict=True))
    return said


def _digits(scores: Any) -> Any:
    """Round to six significant digits, as in the files that `protgraph predict` writes."""
    if isinstance(scores, list):
        return [_digits(score) for score in scores]
    return None if math.isnan(scores) else float(f"{scores:.6g}")


def _plural(column: str) -> str:
    word, _, end = column.partition("_")
    return f"{word}s_{end}" if end else f"{word}s"
