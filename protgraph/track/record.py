"""What a registered model carries: enough to judge it, to repeat it and to compare it anywhere."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from protgraph.models.model import CONFIG, WEIGHTS
from protgraph.track.provenance import environment

RECORD = "record"
"""Folder of a model's artefacts that holds what `Record.write` writes."""

RECIPE, RESULT, REPORT, CARD = "recipe.yaml", "result.json", "report.md", "card.md"
ENVIRONMENT, SCORES = "environment.json", "test.npz"

FILES = (RECIPE, RESULT, REPORT, CARD, ENVIRONMENT)
"""Files of every record; `SCORES` is there too where a test side was scored."""

TAGS = ("task", "recipe", "commit", "dirty", "data", "split", "monitor", "thresholds", "teachers",
        "weights")  # fmt: skip
"""Tags of every model that a run keeps, and of every version."""


@dataclass(frozen=True)
class Record:
    """What is kept beside a model's two files.

    Parameters
    ----------
    recipe : mapping
        All settings; written so that `protgraph run` reads it.
    result : mapping
        All numbers, as JSON has them.
    report, card : str
        Markdown.
    scores : Path or None
        Labels, scores and families of the test side (`running.evaluate.Scored.save`); None where
        there are none, as of a language model.
    teachers : tuple of str
        URIs of the models that taught this one.
    plots : tuple of Path
    """

    recipe: Mapping[str, Any]
    result: Mapping[str, Any]
    report: str
    card: str
    scores: Path | None = None
    teachers: tuple[str, ...] = ()
    plots: tuple[Path, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `FILES`, the scores and the plots into a folder that is there."""
        settings = json.loads(json.dumps(dict(self.recipe), default=list))
        (folder / RECIPE).write_text(yaml.safe_dump(settings, sort_keys=False))
        (folder / RESULT).write_text(json.dumps(dict(self.result), indent=2) + "\n")
        (folder / REPORT).write_text(self.report)
        (folder / CARD).write_text(self.card)
        (folder / ENVIRONMENT).write_text(json.dumps(environment(), indent=2) + "\n")
        if self.scores is not None:
            shutil.copyfile(self.scores, folder / SCORES)
        for plot in self.plots:
            shutil.copyfile(plot, folder / plot.name)


def weights(folder: Path) -> str:
    """Hash of the two files of a model: what tells one model from every other.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as made:
    ...     folder = Path(made)
    ...     _ = (folder / "config.json").write_text("{}")
    ...     _ = (folder / "model.safetensors").write_bytes(b"")
    ...     weights(folder)
    '44136fa355b3678a'
    """
    made = hashlib.sha256()
    for file in (CONFIG, WEIGHTS):
        made.update(Path(folder, file).read_bytes())
    return made.hexdigest()[:16]


def thresholds(outputs: Sequence[str], values: Sequence[float]) -> str:
    """Say at which calibrated scores calls begin, as JSON.

    Parameters
    ----------
    outputs : sequence of str
    values : sequence of float
        One an output, or none.

    Examples
    --------
    >>> thresholds(("zinc", "iron"), (0.5, 0.25))
    '{"zinc": 0.5, "iron": 0.25}'
    >>> thresholds(("a", "b"), (0.5, 0.5)), thresholds(("a", "b"), ())
    ('{"all outputs": 0.5}', '{}')
    """
    if len(values) > 1 and len(set(values)) == 1:
        return json.dumps({"all outputs": values[0]})
    return json.dumps(dict(zip(outputs, values, strict=False)))
