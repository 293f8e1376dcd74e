"""Whether a version may take the place of the one that counts: paired, by family, on one split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from protgraph.models.model import Config
from protgraph.models.saved import load
from protgraph.running import evaluate
from protgraph.running.evaluate import Scored, columns
from protgraph.tasks import statistics
from protgraph.tasks.catalogue import answered
from protgraph.tasks.statistics import Interval
from protgraph.tasks.task import Task
from protgraph.track import aliases, names, registry
from protgraph.track.names import Version
from protgraph.track.record import SCORES

if TYPE_CHECKING:
    from protgraph.models.student import StudentConfig

MARGIN = 0.02
"""How much less a promoted version may score on average."""


class Verdict(NamedTuple):
    """What was found when a version asked for an alias.

    Parameters
    ----------
    version : Version
    alias : str
    against : int or None
        The version that had the alias.
    interval : Interval or None
        New minus old; None where there was no old one or the two cannot be compared.
    monitor : str
        The metric that was compared.
    reason : str
        Why the version is refused; "" where it is not.
    forced : str
        Why it was promoted nevertheless.
    """

    version: Version
    alias: str
    against: int | None
    interval: Interval | None
    monitor: str
    reason: str = ""
    forced: str = ""

    def text(self) -> str:
        """Say it in one line."""
        said = f"{self.version.name}: version {self.version.number}"
        difference = f" ({self.difference})" if self.interval else ""
        if self.reason and not self.forced:
            return f"{said} is not promoted to {self.alias}: {self.reason}{difference}"
        if self.against is None:
            return f"{said} is {self.alias}, the first one"
        if self.reason:
            return (
                f"{said} is {self.alias}, forced ({self.forced}), though {self.reason}{difference}"
            )
        return f"{said} is {self.alias} instead of version {self.against}{difference}"

    @property
    def difference(self) -> str:
        """New minus old, in words."""
        return f"{self.monitor} less that of version {self.against}: {self.interval}"


def promote(
    name: str, version: int, *, alias: str = "champion", margin: float = MARGIN, force: str = ""
) -> Verdict:
    """Let an alias mean a version, unless it is worse than the one that has it.

    Parameters
    ----------
    name : str
    version : int
    alias : str
    margin : float
        How much less it may score on average.
    force : str
        A reason to promote it whatever is found; kept as a tag.

    Returns
    -------
    verdict : Verdict
        Also kept as tags of the version: "<alias>.interval" and "<alias>.forced".

    Raises
    ------
    ValueError
        Where it is refused: the upper end of new minus old is below zero, the mean loss exceeds
        the margin, or the two were not tested on the same items; where the version is not there or
        has the alias already; or another one got it meanwhile.

    Notes
    -----
    The interval is `tasks.statistics.paired` on the test sides that both versions carry: whole
    families are drawn anew, the same ones for both. A version that no one preceded is promoted.

    Examples
    --------
    >>> promote("zinc-site", 2, margin=-1)
    Traceback (most recent call last):
    ValueError: zinc-site: a margin is 0 or more, got -1.
    """
    if margin < 0:
        raise ValueError(f"{name}: a margin is 0 or more, got {margin:g}.")
    names.aliased(name, alias)
    new = names.find(f"models:/{names.named(name)}/{version}")
    old = names.holder(name, alias)
    if old is None:
        verdict = Verdict(new, alias, None, None, "", forced=force)
    elif old.number == new.number:
        raise ValueError(f"{name}: version {version} is {alias} already.")
    else:
        verdict = judged(new, old, alias=alias, margin=margin)._replace(forced=force)
    tags = _tags(verdict, margin)
    if verdict.reason and not force:
        aliases.tell(new, tags)
        raise ValueError(verdict.text())
    there = names.holder(name, alias)
    if (there and there.number) != verdict.against:
        raise ValueError(f"{name}: another version became {alias} meanwhile; promote again.")
    aliases.point(new, alias, tags=tags)
    return verdict


def judged(new: Version, old: Version, *, alias: str, margin: float) -> Verdict:
    """Compare a version with the one that has an alias, and say why it is refused, if it is."""
    verdict = Verdict(new, alias, old.number, None, "")
    if new.tags.get("split") != old.tags.get("split"):
        splits = f"{new.tags.get('split')}, version {old.number} on {old.tags.get('split')}"
        return verdict._replace(reason=f"it was tested on the split {splits}")
    try:
        monitor, interval = difference(new, old)
    except ValueError as error:
        return verdict._replace(reason=str(error))
    verdict = verdict._replace(interval=interval, monitor=monitor)
    if interval.high < 0:
        return verdict._replace(reason="it is worse, for the whole interval is below 0")
    if -interval.value > margin:
        loss = f"it loses {-interval.value:.3f} on average, more than {margin:g}"
        return verdict._replace(reason=loss)
    return verdict


def difference(new: Version, old: Version) -> tuple[str, Interval]:
    """Compute by how much a version scores more than another on the test side of both.

    Returns
    -------
    monitor : str
        The metric.
    interval : Interval
        New minus old, by family.

    Raises
    ------
    ValueError
        Where they answer other questions, carry no test side, were tested on other items, or
        there are too few families.
    """
    configs = [load(registry.folder(one.uri)).config for one in (new, old)]
    if compared(configs[0]) != compared(configs[1]):
        raise ValueError(f"it answers another question than version {old.number}")
    mine, theirs = carried(new), carried(old)
    equal = np.array_equal(mine.y, theirs.y, equal_nan=True)
    if not equal or not np.array_equal(mine.families, theirs.families):
        raise ValueError(f"it was tested on other items than version {old.number}")
    y, scores = columns(mine)
    task, before = asked(configs[0]), columns(theirs)[1][None]
    metric = task.metrics[task.monitor]
    return task.monitor, statistics.paired(metric, y, scores[None], before, mine.families)


def asked(config: Config | StudentConfig) -> Task:
    """Find the task that a model answers: a known one, or that of a table."""
    c = config
    return answered(c.task, c.level, tuple(c.outputs), exclusive=c.exclusive, value=c.value)


def compared(config: Config | StudentConfig) -> tuple[str, str, tuple[str, ...], str]:
    """What models have in common that are compared: task, level, outputs and monitor."""
    return config.task, config.level, tuple(config.outputs), asked(config).monitor


def carried(version: Version) -> Scored:
    """Read the test side that a version carries; a ValueError says where there is none."""
    path = registry.record(version.uri) / SCORES
    if not path.is_file():
        raise ValueError(f"version {version.number} carries no {SCORES}")
    return evaluate.load(path)


def _tags(verdict: Verdict, margin: float) -> dict[str, str]:
    """What stays of a verdict on the version."""
    said = {
        "against": verdict.against,
        "monitor": verdict.monitor,
        "difference": list(verdict.interval) if verdict.interval else None,
        "margin": margin,
        "refused": verdict.reason,
    }
    tags = {f"{verdict.alias}.interval": json.dumps(said)}
    return tags | ({f"{verdict.alias}.forced": verdict.forced} if verdict.forced else {})
