"""What a student says of itself: in a few lines, and in the card beside its weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from protgraph.language.convolution import field

if TYPE_CHECKING:
    from protgraph.models.student import StudentConfig

USE = """```python
from protgraph.models.student import load
from protgraph.predict import Predictor

for prediction in Predictor(load("FOLDER OR HUB ID"), "student").predict("proteins.fasta"):
    print(prediction.tsv())
```"""

EMBED = """```python
from protgraph import encoder

vectors = encoder("FOLDER").encode(["MQIFVKTLTGK"])
```

On the command line: `protgraph embed proteins.fasta -o vectors --encoder FOLDER`; in a recipe:
`vectors.encoder: FOLDER`."""


def about(c: StudentConfig, size: int) -> list[str]:
    """Say in a few lines what a student of so many weights is.

    Examples
    --------
    >>> from protgraph.models.student import StudentConfig
    >>> for line in about(StudentConfig(task="zinc-site", outputs=("zinc",)), 1000):
    ...     print(line)
    zinc-site: residue scores zinc
    student (cnn), width 64, 4 layers, 1,000 parameters; a score depends on 161 residues
    taught by: not stated
    """
    of = f" of {c.encoder}" if c.encoder else ""
    reach = f"; a score depends on {field(c.layers, c.kernel)} residues"
    gives = f"{c.level} scores {', '.join(c.outputs)}" if c.outputs else "one vector a residue"
    lines = [
        f"{c.task}: {gives}",
        f"student ({c.kind}{of}), width {c.width}, {c.layers} layers, {size:,} parameters"
        + (reach if c.kind == "cnn" and c.level != "protein" else ""),
        f"taught by: {c.teacher or 'not stated'}",
    ]
    if c.given:
        lines.append(f"scores hold given that {c.given}")
    return lines + [f"{key}: {_plain(value)}" for key, value in sorted(c.card.items())]


def card(c: StudentConfig, size: int) -> str:
    """Write a model card: Markdown, with the head that model hubs read.

    Examples
    --------
    >>> from protgraph.models.student import StudentConfig
    >>> text = card(StudentConfig(task="zinc-site", outputs=("zinc",), thresholds=(0.5,)), 1000)
    >>> text.splitlines()[1], "- threshold of zinc: 0.5" in text
    ('license: unknown', True)
    """
    head = f"---\nlicense: {c.licence or 'unknown'}\nlibrary_name: protgraph\n"
    calls = [f"threshold of {o}: {t:g}" for o, t in zip(c.outputs, c.thresholds, strict=False)]
    calls += [f"expected of {name}: {_plain(own)}" for name, own in sorted(c.expected.items())]
    calls.append(f"calibration: {_plain(c.calibration) if c.calibration else 'none'}")
    parts = (
        f"{head}tags: [protein, distillation]\n---",
        f"# {c.task}",
        "A student of protgraph: it reads the sequence alone and needs no structure.",
        _listed(about(c, size)),
        *(("## Scores and calls", _listed(calls)) if c.outputs else ()),
        "## Use",
        USE if c.outputs else EMBED,
        "## Licence",
        c.licence or "Not stated.",
    )
    return "\n\n".join(parts) + "\n"


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _plain(value: Any) -> str:
    """A value on one line."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
