"""What a run leaves in MLflow of its model: files to serve, a report, a card, the test side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from protgraph.insight import report as pages
from protgraph.models import card as cards
from protgraph.models.model import Model
from protgraph.models.saved import load
from protgraph.track import runs
from protgraph.track.record import RECIPE, Record, thresholds

TEST = "test.npz"
"""Where a run's folder keeps the test side (`Scored.save`)."""

PLACE = ("name", "seed", "recipe", "data", "split", "commit", "dirty")
"""Numbers of a summary that say where a model comes from."""


def keep(
    tracked: runs.Run,
    folder: Path,
    *,
    recipe: Mapping[str, Any],
    summary: Mapping[str, Any],
    report: str,
    teachers: tuple[str, ...] = (),
) -> str:
    """Log a model in the form that MLflow serves, with all that a registered version carries.

    Parameters
    ----------
    tracked : Run
    folder : Path
        Of the run: holds `model/`, `test.npz` and plots.
    recipe, summary : mapping
        All settings, and all numbers.
    report : str
        Markdown.
    teachers : tuple of str
        URIs of the models that taught this one.

    Returns
    -------
    uri : str
        "models:/m-...".
    """
    from protgraph.serve import pyfunc

    model = load(folder / "model")
    config = model.config
    return tracked.model(
        folder / "model",
        pyfunc.CODE,
        record=Record(
            recipe,
            summary,
            report,
            card(model, summary, teachers),
            folder / TEST,
            teachers,
            tuple(sorted(folder.glob("*.png"))),
        ),
        example=pyfunc.example(config),
        signature=pyfunc.signature(config),
    )


def page(summary: Mapping[str, Any]) -> str:
    """Write the report of a run of a network: Markdown.

    Parameters
    ----------
    summary : mapping
        As `run.finished` makes it.
    """
    low, high = summary["interval"]
    valid = summary["valid"]
    rows = [
        {"metric": key, "validation": valid.get(key, ""), "test": value}
        for key, value in summary["test"].items()
    ]
    calls = [f"found on test, {key}: {_plain(own)}" for key, own in summary["found"].items()]
    calls += [f"expected, {key}: {_plain(own)}" for key, own in summary["expected"].items()]
    said = [
        f"# {summary['name']}, seed {summary['seed']}",
        pages.table(rows),
        f"Test {summary['monitor']}: 95 % interval [{low:.3f}, {high:.3f}] by family.",
        f"Scores: {summary['calibration']}.",
        *([_listed(calls)] if calls else []),
        f"{summary['parameters']:,} parameters, {summary['epochs']} epochs, "
        f"{summary['seconds']} s of training.",
        _listed(f"{key}: {summary[key]}" for key in PLACE),
    ]
    return "\n\n".join(said) + "\n"


def card(model: Any, summary: Mapping[str, Any], teachers: tuple[str, ...] = ()) -> str:
    """Write the card of a model of either kind: Markdown.

    Parameters
    ----------
    model : Model or Student
    summary : mapping
        With the keys of `PLACE`.
    teachers : tuple of str
        URIs of the models that taught this one.
    """
    c = model.config
    origin = [f"{key}: {summary[key]}" for key in PLACE]
    origin += [f"teacher: {uri}" for uri in teachers]
    origin.append(f"again: protgraph {'distill' if teachers else 'run'} {RECIPE}")
    end = f"\n## Origin\n\n{_listed(origin)}\n"
    if not isinstance(model, Model):
        return cards.card(c, model.size) + end
    found = json.loads(thresholds(c.outputs, c.thresholds))
    calls = [f"threshold of {output}: {value:g}" for output, value in found.items()]
    calls += [f"expected of {name}: {_plain(own)}" for name, own in sorted(c.expected.items())]
    calls.append(f"calibration: {_plain(c.calibration) if c.calibration else 'none'}")
    said = [f"# {c.task}", _listed(model.describe().splitlines()), "## Scores and calls"]
    return "\n\n".join([*said, _listed(calls)]) + "\n" + end


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=list)
