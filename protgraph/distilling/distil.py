"""Teachers of graphs train a student: of letters, or a smaller one of graphs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from protgraph.data.dataset import Example
from protgraph.data.pool import STRUCTURES, pool
from protgraph.distilling.graphable import visible
from protgraph.distilling.lessons import Course, Lesson, lessons_of
from protgraph.distilling.nodes import bared, graphed
from protgraph.distilling.pupil import Pupil, loss_of
from protgraph.distilling.teach import digest
from protgraph.distilling.tuition import LESSONS, Tuition, fresh
from protgraph.keys import DEFAULTS
from protgraph.language.encoder import encoder
from protgraph.models.model import Config, Model
from protgraph.models.student import Student
from protgraph.recipe import Recipe
from protgraph.running import cost
from protgraph.running.cells import Cell, found_or_made
from protgraph.running.decide import Settled, decide
from protgraph.running.evaluate import sided
from protgraph.running.inputs import graphs_of, rows_of
from protgraph.running.learned import Learned, balance
from protgraph.running.run import Result, finished
from protgraph.running.shares import Shared, own
from protgraph.structure.protein import Floats, Protein
from protgraph.tasks.task import Task
from protgraph.train.distill import Weights
from protgraph.train.loop import fit
from protgraph.train.ranks import in_turn, world

Log = Callable[[int, Mapping[str, float]], None]
Score = Callable[[Sequence[Example]], list[Floats]]
Watch = Callable[[], list[Floats]]


def student(course: Tuition, *, log: Log | None = None) -> Cell:
    """Train and test the student, or read what an earlier call kept in the folder.

    Parameters
    ----------
    course : Tuition
    log : callable, optional
        Called with each epoch and its numbers.

    Returns
    -------
    cell : Cell
        Its summary has besides the steps of an epoch and the residues of a step, the pool in a
        line, and each term's items a protein.
    """
    place = student_place(course)

    def make() -> tuple[Task, Result] | None:
        labelled = course.data.side("train")
        weights = course.weights
        heard = any(getattr(weights, term) for term in LESSONS if term != "contacts")
        with in_turn():
            found = _pool(course)
            if found:
                visible(course.recipe, found[0], course.recipe["distil.pool"])
            proteins = [*(e.protein for e in labelled), *(found[0] if found else ())]
            said = course.say(proteins) if heard else None
        lessons = _read(course, lessons_of(
            course.task, labelled, proteins[len(labelled) :], outputs=said, weights=weights,
            least=course.recipe["distil.least"],
        ))  # fmt: skip
        if found and len(lessons) == len(labelled):
            raise ValueError(
                f"distil.least={course.recipe['distil.least']} leaves none of the "
                f"{len(found[0])} proteins of the pool."
            )
        total = sum(len(lesson.sequence) for lesson in lessons)
        steps = -(-total // course.recipe["data.batch"])
        taught = Course(lessons, weights, steps, total / steps, course.recipe["seed"])
        line = f"{found[1]}; taught: {len(lessons) - len(labelled)}" if found else ""
        more = {"pool": line, "lessons": len(lessons)}
        return _trained(course, taught, place=place, more=more, log=log)

    return found_or_made(place, make)


def alone(course: Tuition, steps: int, size: float, *, log: Log | None = None) -> Cell:
    """Train and test the same student on labels alone, for as many steps of as many residues.

    Parameters
    ----------
    course : Tuition
    steps : int
        Batches an epoch, as the student's summary has them.
    size : float
        Residues a batch.
    log : callable, optional

    Notes
    -----
    Depends on no key of `distil` but by the steps: it is found again for any of them.
    """
    own = _apart(course.recipe)
    place = alone_place(course, steps, size)

    def make() -> tuple[Task, Result] | None:
        weights = Weights(soft=0.0)
        labelled = course.data.side("train")
        lessons = lessons_of(course.task, labelled, (), outputs=None, weights=weights)
        lessons = _read(course, lessons)
        taught = Course(lessons, weights, steps, size, own["seed"])
        return _trained(
            replace(course, recipe=own), taught, place=place, more={"lessons": len(lessons)},
            log=log,
        )  # fmt: skip

    return found_or_made(place, make)


def model_of(cell: Cell) -> Path:
    """Where a kept student's model is."""
    return Path(cell.summary["folder"], "model")


def student_place(course: Tuition) -> Path:
    """Where the student of a class keeps its files: by recipe, teachers and pool."""
    source = course.recipe["distil.pool"]
    facts = [digest(model) for model in course.models]
    return _place(course, "student", [*facts, "" if source == STRUCTURES else _held(source)])


def alone_place(course: Tuition, steps: int, size: float) -> Path:
    """Where the student of labels alone keeps its files: by its recipe, steps and their size."""
    return _place(replace(course, recipe=_apart(course.recipe)), "hard", [steps, round(size, 6)])


def _apart(settings: Recipe) -> Recipe:
    """The recipe of labels alone: keys of `distil` have their defaults."""
    none = {key: value for key, value in DEFAULTS.items() if key.startswith("distil.")}
    return Recipe({**settings, **none})


def _place(course: Tuition, kind: str, facts: Sequence[Any]) -> Path:
    settings = course.recipe
    if settings["student.kind"] == "layers":
        facts = [*facts, encoder(settings["student.encoder"]).digest]
    config = course.config
    if isinstance(config, Config) and config.digest:
        facts = [*facts, config.digest]
    text = json.dumps([settings.digest, *facts])
    known = hashlib.sha256(text.encode()).hexdigest()[:12]
    return course.folder / f"{course.name.replace('/', '-')}-{kind}-s{settings['seed']}-{known}"


def _held(source: str) -> str:
    """Hash of a file, or of the names and bytes of a folder's files."""
    if not source:
        return ""
    path = Path(source)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    rows = sorted(
        (str(file.relative_to(path)), hashlib.sha256(file.read_bytes()).hexdigest())
        for file in path.rglob("*")
        if file.is_file()
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _read(course: Tuition, lessons: list[Lesson]) -> list[Lesson]:
    """Lessons as the student reads them: those of graphs with their graphs."""
    config = course.config
    if not isinstance(config, Config):
        return lessons
    with in_turn():
        return graphed(lessons, config, share=course.recipe["train.drop_side"])


def _pool(course: Tuition) -> tuple[tuple[Protein, ...], str] | None:
    """The pool and a line about it; None where the recipe names none."""
    settings = course.recipe
    if not settings["distil.pool"]:
        return None
    found = pool(
        course.data,
        source=settings["distil.pool"],
        size=settings["distil.size"] or None,
        gaps=settings["data.gaps"],
        strict=settings["distil.strict"],
    )
    return found.proteins, found.text()


def _trained(
    course: Tuition, taught: Course, *, place: Path, more: Mapping[str, Any], log: Log | None
) -> tuple[Task, Result] | None:
    """Train; then, on rank 0, decide on validation and measure on test."""
    task, data, settings = course.task, course.data, course.recipe
    place.mkdir(parents=True, exist_ok=True)
    cost.forget()
    began = time.perf_counter()
    learned = _learned(course, taught, folder=place, log=log)
    seconds = time.perf_counter() - began
    if world().rank:
        return None
    valid = sided(task, learned, data, "valid")
    settled = Settled(learned, valid, decide(task, valid), seconds)
    found = finished(settings, task, data, settled, name=course.name, place=place)
    told = {"steps": taught.steps, "residues": taught.size, **more}
    told["items"] = taught.items(task)
    return task, replace(found, summary={**found.summary, **told})


def _learned(course: Tuition, taught: Course, *, folder: Path, log: Log | None) -> Learned:
    """Train a student on a course."""
    task, settings = course.task, course.recipe
    torch.manual_seed(settings["seed"])
    config = course.config
    student = fresh(config)
    pupil = Pupil(student, taught.lessons, taught.weights)
    watched = course.data.side("valid")
    score, watch = _scoring(student, watched)
    truth = np.concatenate([_asked(task, e, e.y) for e in watched])
    train = np.concatenate([np.atleast_2d(e.y) for e in course.data.side("train")])
    weight = balance(task, train, settings["train.balance"])

    def draw(epoch: int) -> Shared:
        lessons: list[Lesson] = []
        places = []
        for batch in taught.draw(epoch):
            places.append(range(len(lessons), len(lessons) + len(batch)))
            lessons += batch
        chance = np.random.default_rng((settings["seed"], epoch, 1))
        lessons = bared(lessons, settings["train.drop_side"], chance)
        parts, idle = own(places, [len(lesson.sequence) for lesson in lessons])
        return Shared([[lessons[i] for i in part] for part in parts], idle)

    def evaluate() -> tuple[float, Mapping[str, float]]:
        both = zip(watched, watch(), strict=True)
        numbers = task.measure(truth, np.concatenate([_asked(task, e, rows) for e, rows in both]))
        return numbers[task.monitor], numbers

    history = fit(
        pupil,
        draw,
        loss=loss_of(pupil, task, taught, weight=weight),
        evaluate=evaluate,
        settings=settings.settings(),
        folder=folder,
        log=log,
    )
    if isinstance(student, Student) and student.config.rank:
        student.merge()
    return Learned(score, student, history, student.size)


def _scoring(student: Model | Student, watched: Sequence[Example]) -> tuple[Score, Watch]:
    """How a student scores examples, and those that are watched: their graphs are made once."""
    if isinstance(student, Model):
        config, own = student.config, [e.protein for e in watched]
        with in_turn():
            graphs = graphs_of(config, own)

        def score(examples: Sequence[Example]) -> list[Floats]:
            proteins = [e.protein for e in examples]
            return rows_of(student, proteins, graphs_of(config, proteins))

        return score, lambda: rows_of(student, own, graphs)

    def read(examples: Sequence[Example]) -> list[Floats]:
        return student.scores([e.protein.sequence for e in examples])

    return read, lambda: read(watched)


def _asked(task: Task, example: Example, rows: Floats) -> Floats:
    """Rows of the items of an example."""
    return rows[example.items] if task.level == "residue" else rows[None]
