"""Where a student's teachers are to be found again: the URI of each one's model."""

from __future__ import annotations

from importlib import resources

from protgraph import resolve
from protgraph.distilling.distil import model_of
from protgraph.distilling.tuition import Tuition
from protgraph.recipe import Recipe
from protgraph.running.cells import Cell
from protgraph.running.keeping import keep, page
from protgraph.track import lineage, names, runs
from protgraph.track.record import weights


def uris(course: Tuition) -> tuple[str, ...]:
    """Name the teachers of a student by URIs that stay.

    Parameters
    ----------
    course : Tuition

    Returns
    -------
    uris : tuple of str
        "models:/name/3" of a registered teacher, whatever its alias will mean later;
        "models:/m-..." of one that a recipe trained, which is logged as a run of its own unless
        MLflow has a model of the same weights; of a folder or a shipped model that MLflow does not
        know "weights:<hash>", with its name.
    """
    cells = {str(model_of(cell)): at for at, cell in enumerate(course.cells)}
    made = []
    for teacher in course.teachers:
        if teacher.name in cells:
            at = cells[teacher.name]
            made.append(_cell(course, course.cells[at], course.plans[at]))
        else:
            made.append(_apart(course, teacher.name))
    return tuple(made)


def _cell(course: Tuition, cell: Cell, recipe: Recipe) -> str:
    """URI of a teacher that a recipe trained; logs it where MLflow does not have it."""
    found = lineage.known(course.task.name, weights(model_of(cell)))
    if found:
        return found
    s = cell.summary
    tags = {
        "recipe": recipe.digest,
        "data": course.data.digest,
        "split": course.data.split_digest,
        "monitor": f"test_{course.task.monitor}",
    }
    with runs.start(course.task.name, f"{s['name']} teaches", params=recipe, tags=tags) as run:
        run.final({f"test_{key}": value for key, value in s["test"].items()})
        return keep(run, model_of(cell).parent, recipe=recipe, summary=s, report=page(s))


def _apart(course: Tuition, name: str) -> str:
    """URI of a teacher that is registered, in a folder, or came with the package."""
    place = resolve.place(name)
    if place is None:
        return names.find(name).uri
    with resources.as_file(place) as folder:
        own = weights(folder)
    return lineage.known(course.task.name, own) or f"weights:{own} {name}"
