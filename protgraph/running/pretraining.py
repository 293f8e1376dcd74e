"""One run of pretraining: a recipe, natural sequences, a folder that `encoder` opens."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protgraph.data.corpora import pretraining
from protgraph.recipe import Recipe
from protgraph.running.run import place_of
from protgraph.track import runs
from protgraph.track.provenance import commit
from protgraph.track.record import Record

Log = Callable[[int, Mapping[str, float]], None]

FEW = (256, 512, 1024)
"""Longest pieces, in tokens, that the validation set is read in at the end."""


@dataclass(frozen=True)
class Pretrained:
    """What a run of pretraining found.

    Parameters
    ----------
    summary : mapping
        What `protgraph run --json` prints.
    folder : Path
        Holds `model/` and `result.json`.
    """

    summary: Mapping[str, Any]
    folder: Path

    def text(self) -> str:
        """Say the result in one line."""
        s = self.summary
        return (
            f"valid perplexity {s['perplexity']:.2f} at {s['masked']:,} masked letters "
            f"(letter frequencies {s['unigram']:.2f}); {s['parameters']:,} parameters, "
            f"{s['tokens']:,} tokens, {s['seconds']:.0f} s since it was taken up; {s['folder']}"
        )

    def card(self) -> str:
        """Say what it was trained on and what it scores: Markdown."""
        told = {key: value for key, value in self.summary.items() if not isinstance(value, dict)}
        rows = [f"| {key} | {value} |" for key, value in told.items()]
        head = [f"# {self.summary['name']}", "", "A masked language model of proteins.", ""]
        return "\n".join([*head, "| what | value |", "| --- | --- |", *rows]) + "\n"


@contextmanager
def progress(recipe: Recipe, name: str) -> Iterator[Log]:
    """Show steps done and time left on stderr, in a `with` block."""
    from tqdm import tqdm

    with tqdm(total=recipe.pretraining().steps, desc=name, unit="step", leave=False) as bar:

        def log(step: int, row: Mapping[str, float]) -> None:
            bar.set_postfix({key: f"{value:.4g}" for key, value in row.items()}, refresh=False)
            bar.update(step - bar.n)

        yield log


def run(
    recipe: Recipe,
    *,
    name: str,
    folder: Path = Path("runs"),
    train: Sequence[str] | None = None,
    valid: Sequence[str] | None = None,
    log: Log | None = None,
) -> Pretrained:
    """Train a masked language model, measure it, save it, and remember all of it in MLflow.

    Parameters
    ----------
    recipe : Recipe
        Of the task "masked-lm".
    name : str
        What the run is called, such as "pretrain/mini".
    folder : path
        The run's own folder is made in it; an unfinished run there is taken up again.
    train, valid : sequence of str, optional
        The pretraining set if left out.
    log : callable, optional
        Called with a step and its numbers.

    Raises
    ------
    ValueError, FileNotFoundError
        Where the data or a setting is not what it must be.
    """
    from protgraph.serve import vectors

    train = pretraining("train") if train is None else train
    valid = pretraining("valid") if valid is None else valid
    sides = {"train": _digest(train), "valid": _digest(valid)}
    tags = {"recipe": recipe.digest, "data": sides["train"], "split": sides["valid"]}
    tags["monitor"] = "valid_perplexity"
    with runs.start(recipe["task"], name, params=recipe, tags=tags) as tracked:

        def both(step: int, row: Mapping[str, float]) -> None:
            tracked.log(step, row)
            if log is not None:
                log(step, row)

        found = execute(recipe, train, valid, name=name, folder=folder, log=both)
        tracked.final({"valid_perplexity": found.summary["perplexity"]})
        tracked.files(found.folder / "result.json")
        record = Record(recipe, found.summary, found.text() + "\n", found.card())
        tracked.model(
            found.folder / "model", vectors.CODE, record=record, example=vectors.example(),
            signature=vectors.signature(), task=recipe["task"],
        )  # fmt: skip
    return Pretrained({**found.summary, "run": tracked.id}, found.folder)


def execute(
    recipe: Recipe,
    train: Sequence[str],
    valid: Sequence[str],
    *,
    name: str,
    folder: Path,
    log: Log | None = None,
) -> Pretrained:
    """Do the run itself, without MLflow; parameters are those of `run`."""
    from protgraph.train.corpus import Corpus
    from protgraph.train.loop import plain
    from protgraph.train.masked import perplexity, unigram, write
    from protgraph.train.pretrain import pretrain

    settings = recipe.pretraining()
    place = place_of(recipe, name, folder)
    began = time.perf_counter()
    model = pretrain(train, valid, settings, folder=place, log=log)
    seconds = time.perf_counter() - began
    held_out = Corpus(valid)
    lengths = sorted({*FEW, settings.crop_late})
    found = {longest: perplexity(model, held_out, longest=longest) for longest in lengths}
    # What an encoder reads at most is what crops were at most.
    height, masked = found[settings.crop_late]
    card = {
        "name": name,
        "task": recipe["task"],
        **plain(settings),
        **commit(Path.cwd()),
        "recipe": recipe.digest,
        "data": _digest(train),
        "split": _digest(valid),
        "proteins": len(train),
        "residues": sum(map(len, train)),
        "perplexity": height,
        "masked": masked,
        "by_piece": {str(longest): value for longest, (value, _) in found.items()},
        "unigram": unigram(Corpus(train), held_out),
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }
    write(model, place / "model", longest=settings.crop_late, card=card)
    summary = {**card, "seconds": round(seconds, 1), "folder": str(place)}
    (place / "result.json").write_text(json.dumps(summary, indent=2) + "\n")
    return Pretrained(summary, place)


def _digest(sequences: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sequences).encode()).hexdigest()[:16]
