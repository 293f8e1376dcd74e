"""What distilling encoders brought: how near, beside what costs nothing, and at what price."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from protgraph.comparing.comparison import written
from protgraph.distilling.distilled import busy, plain
from protgraph.distilling.embedding import Log, Taught, rows_of, taught
from protgraph.distilling.fitted import Reached, Rows, fitted, reached
from protgraph.distilling.priced import STUDENT, costs_of
from protgraph.distilling.study import Say, Study, gathered
from protgraph.insight import report
from protgraph.language.encoder import Floats, encoder, onehot
from protgraph.models.baseline import WINDOW, window
from protgraph.recipe import Recipe
from protgraph.structure.protein import Protein
from protgraph.track import runs
from protgraph.track.provenance import commit
from protgraph.track.record import Record

UNTRAINED = "student, untrained"
BESIDE, ALONE = f"letters, {WINDOW} to each side", "letters alone"

PROBE = "protgraph run secondary_structure/mini vectors.encoder={}"
"""What asks whether the vectors serve."""


@dataclass(frozen=True, eq=False)
class Report:
    """What distilling language encoders brought.

    Parameters
    ----------
    facts : mapping
        All numbers: what `protgraph distill --json` prints.
    folder : Path
        The student's: holds `model/`, and the report once it is written.
    """

    facts: Mapping[str, Any]
    folder: Path = field(repr=False)

    def json(self) -> dict[str, Any]:
        """All numbers; those that are not finite are None."""
        return {key: plain(value) for key, value in self.facts.items()}

    def markdown(self) -> str:
        """Lay the report out as a Markdown page."""
        f = self.facts
        said = [
            f"# Distillation of encoders: {f['name']}, seed {f['seed']}",
            "Held-out residues: mean cosine with the teacher's vectors and R2, through a linear "
            "map from the row's own vectors, with 95 % intervals by family. Vectors are "
            "standardised by dimension over the training side; R2 is the share of their spread "
            "around its mean. Every row has its map by ridge, fitted to the same training residues "
            "with the penalty that validation chose.",
            *(f"Teacher {name}:\n\n{report.table(rows)}" for name, rows in f["rows"].items()),
            "There are no labels here, so there is no student of labels alone to set beside it. "
            f"Whether the vectors serve, a probe tells: `{PROBE.format(f['model'])}`.",
            "Costs. MFLOP are of matrix products, a residue, by their shapes (2 m k n). Times are "
            f"of {f['timed']} held-out proteins, one by one, the least of three: by the wall, and "
            f"in brackets of processor time; teachers on {f['device']}, the student on cpu. "
            f"{f['load']}",
            report.table(f["prices"]),
            f"Training: {f['epochs']} epochs, the best is number {f['best'] + 1} (mean cosine on "
            f"validation {f['valid']:.3f}), {f['seconds']:.0f} s.",
            f"Proteins: {f['proteins']}. Data {f['data']}, commit {f['commit']}, "
            f"{platform.system()} {platform.machine()}.",
        ]
        return "\n\n".join(said) + "\n"

    def write(self) -> None:
        """Write `report.md` and `report.json` into the student's folder."""
        (self.folder / "report.json").write_text(json.dumps(self.json(), indent=2) + "\n")
        (self.folder / "report.md").write_text(self.markdown())


def distill(
    settings: Recipe,
    *,
    name: str,
    folder: Path = Path("runs"),
    log: Log | None = None,
    say: Say | None = None,
) -> Report:
    """Train a small encoder on what large ones say; measure, write, save and remember it.

    Parameters
    ----------
    settings : Recipe
        Of the task "embedding".
    name : str
        What the run is called, such as "embedding/mini_small".
    folder : path
        What is found there is not computed again; what was broken off is taken up.
    log : callable, optional
        Called with each epoch and its numbers.
    say : callable, optional
        Called with a line on the proteins and every teacher.

    Raises
    ------
    ValueError, FileNotFoundError
        As `study.gathered`.
    """
    from protgraph.serve import vectors

    study = gathered(settings, name, folder, say=say)
    tags = {
        "recipe": settings.digest,
        "data": study.proteins.digest,
        "split": study.proteins.digest,
        "monitor": "test_cosine",
    }
    with runs.start(settings["task"], name, params=settings, tags=tags) as tracked:

        def both(epoch: int, row: Mapping[str, float]) -> None:
            tracked.log(epoch, row)
            if log is not None:
                log(epoch, row)

        found = compared(study, taught(study, log=both))
        found.write()
        tracked.final({f"test_{key}": found.facts[key] for key in ("cosine", "r2")})
        for place, (_, rows) in enumerate(found.facts["rows"].items(), 1):
            tracked.table(f"teacher_{place}", [written(row) for row in rows])
        for file in ("report.md", "report.json", "training.png"):
            tracked.files(found.folder / file)
        model = found.folder / "model"
        encoders = [teacher.encoder for teacher in study.teachers]
        teachers = tuple(f"weights:{one.digest[:16]} {one.name}" for one in encoders)
        card = (model / "README.md").read_text()
        tracked.model(
            model, vectors.CODE, example=vectors.example(), signature=vectors.signature(),
            record=Record(settings, found.json(), found.markdown(), card, None, teachers),
            task=settings["task"],
        )  # fmt: skip
    return Report({**found.facts, "run": tracked.id}, found.folder)


def follow(settings: Recipe, *, name: str, folder: Path) -> None:
    """Train as a rank other than the first, for which nothing is measured or remembered."""
    taught(gathered(settings, name, folder))


def compared(study: Study, learned: Taught) -> Report:
    """Set the student beside its controls, teacher by teacher; save it with what was found.

    Parameters
    ----------
    study : Study
    learned : Taught
    """
    place, proteins, settings = study.place, study.proteins, study.recipe
    student, history = learned
    ways: dict[str, Rows] = {
        STUDENT: rows_of(student), UNTRAINED: rows_of(study.begun()),
        BESIDE: beside, ALONE: onehot().encode,
    }  # fmt: skip
    found: dict[str, list[Reached]] = {}
    for kind, rows in ways.items():
        maps = fitted(rows, study.teachers, proteins.train, proteins.valid)
        found[kind] = reached(rows, study.teachers, maps, proteins.test)
    tables = {name: _rows(found, at, proteins.families) for at, name in enumerate(study.names)}
    report.history(history.rows, place / "training.png", monitor="cosine", best=history.best)
    facts = {
        "name": study.name,
        "task": settings["task"],
        "seed": settings["seed"],
        **commit(Path.cwd()),
        "recipe": settings.digest,
        "device": settings["distil.device"],
        "data": proteins.digest,
        "proteins": proteins.text(),
        "cosine": float(np.mean([own.cosine for own in found[STUDENT]])),
        "r2": float(np.mean([own.r2 for own in found[STUDENT]])),
        "rows": tables,
        "epochs": len(history.rows),
        "best": history.best,
        "valid": history.rows[history.best]["cosine"],
        "seconds": round(sum(row["seconds"] for row in history.rows), 1),
    }
    told = ("name", "seed", "data", "proteins", "recipe", "commit", "cosine", "r2")
    student.config.card = {key: facts[key] for key in told}
    student.config.card |= {
        f"reached of {name}": {key: str(rows[0][key]) for key in ("cosine", "R2")}
        for name, rows in tables.items()
    }
    student.save_pretrained(place / "model")
    facts |= {**costs_of(study, encoder(str(place / "model"))), "model": str(place / "model")}
    return Report({**facts, "load": busy(), "folder": str(place)}, place)


def beside(sequences: Sequence[str]) -> list[Floats]:
    """Letters of each residue and its neighbours, one-hot."""
    return [window(Protein("held", own), at=np.arange(len(own))) for own in sequences]


def _rows(
    found: Mapping[str, Sequence[Reached]], place: int, families: Sequence[str]
) -> list[dict[str, Any]]:
    """A row for the student and each control, of one teacher."""
    own = found[STUDENT][place]
    made = []
    for kind, all_of in found.items():
        cosine, r2 = all_of[place].intervals(families)
        ahead = "" if kind == STUDENT else own.ahead(all_of[place], families)
        made.append({"vectors": kind, "cosine": cosine, "R2": r2, "student minus it": ahead})
    return made
