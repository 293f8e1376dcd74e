"""A prediction as one page that needs nothing else: sequence, structure and the highest scores."""

from __future__ import annotations

import json
import re
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from protgraph.structure.geometry import secondary
from protgraph.tasks.text import promise

if TYPE_CHECKING:
    from protgraph.tasks.prediction import Prediction

COLOURS = (
    "#f1f4e0", "#cbdebf", "#9bcaac", "#69b4a6", "#3f9ca5",
    "#2480a1", "#1c6494", "#224780", "#222b67",
)  # fmt: skip
"""Colours from the lowest score to the highest: equal steps in OKLab, ever darker, so that equal
differences look equal and the order is kept without colour vision."""


def page(prediction: Prediction) -> str:
    """Write a prediction as one HTML file that works offline.

    Parameters
    ----------
    prediction : Prediction
        By residue or for the whole protein. A protein without structure gets no 3D view.

    Returns
    -------
    html : str
        Style, script, data and, where there is a structure to show, 3Dmol.js (about 0.5 MB) are
        all inside; the page's content policy forbids the browser to load anything else.

    Notes
    -----
    Colours span 0 to 1, or the lowest to the highest score where one lies outside. The ribbon
    needs Cα only: it turns with the plane of three successive Cα, which lies along the carbonyl
    in helix and strand, and helix and strand are those of `geometry.secondary`. So a Cα-only
    structure is drawn as any other.

    Examples
    --------
    >>> from protgraph.structure.protein import Protein
    >>> from protgraph.tasks.prediction import Prediction
    >>> demo = Protein("demo", "MK", np.full((2, 4, 3), np.nan))
    >>> text = page(Prediction("zinc-site", "residue", ("zinc",), [[0.1], [0.9]], demo, "m", "e"))
    >>> "<h1>demo</h1>" in text, len(text) < 50_000
    (True, True)
    """
    view = _view(prediction)
    parts = {
        "title": escape(f"{prediction.protein.name}: {prediction.task}"),
        "task": escape(prediction.task),
        "heading": _heading(prediction),
        "given": _given(prediction),
        "facts": _facts(prediction),
        "prediction": _inert(prediction.json()),
        "view": _inert(json.dumps(view)),
        "library": _read("3Dmol-min.js") if view["ca"] else "",
    }
    # One pass: what is inserted is never searched for further places.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _read("page.html"))


def _read(name: str) -> str:
    return files("protgraph.tasks").joinpath(name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    """Escape JSON so that no browser sees a tag in it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _view(prediction: Prediction) -> dict[str, Any]:
    protein, scores = prediction.protein, prediction.scores
    finite = scores[np.isfinite(scores)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    drawn = prediction.level == "residue" and bool(protein.observed.any())
    ca = [
        [round(float(x), 2) for x in point] if seen else None
        for point, seen in zip(protein.ca, protein.observed, strict=True)
    ]
    return {
        "colours": COLOURS,
        "range": [low, high],
        "ca": ca if drawn else None,
        "ss": "".join("chs"[state] for state in secondary(protein.ca)) if drawn else "",
    }


def _heading(prediction: Prediction) -> str:
    protein = prediction.protein
    chain = protein.chain.strip()
    said = not chain or protein.name.endswith(f"_{chain}")
    return escape(protein.name) + ("" if said else f" <small>chain {escape(chain)}</small>")


def _given(prediction: Prediction) -> str:
    if not prediction.given:
        return ""
    return f'<p class="given">Scores hold given that {escape(prediction.given)}.</p>'


def _facts(prediction: Prediction) -> str:
    protein = prediction.protein
    seen, length = int(protein.observed.sum()), len(protein)
    share = "all" if seen == length else str(seen)
    facts = {
        "Model": prediction.model,
        "Encoder": prediction.encoder,
        "Residues": f"{length}, {share} in the structure" if seen else str(length),
    }
    if prediction.scale:
        facts["Scores"] = prediction.scale
    if len(set(prediction.thresholds)) == 1:
        facts["Threshold"] = f"{prediction.thresholds[0]:g}"
    if len(prediction.expected) == 1:
        facts["Expected of calls"] = promise(*prediction.expected.values())
    return "".join(
        f"<div><dt>{key}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items()
    )
