"""Which version of a model counts, which did before, and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any
from uuid import uuid4

from protgraph.track import names
from protgraph.track.names import Version


def point(version: Version, alias: str, *, tags: Mapping[str, str], back: bool = False) -> None:
    """Let an alias mean a version, and remember that it did.

    Parameters
    ----------
    version : Version
    alias : str
    tags : mapping
        Put on the version.
    back : bool
        Whether this goes back in the history.

    Notes
    -----
    Every move is a tag of its own on the registered model: of two that are written at the same
    time none is lost. It is written before the alias moves: a process that dies between the two
    leaves the alias where it was, and the way back from there as it was. A later move says from
    where it came, so the one that did not happen is no step of the way back.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    tell(version, tags)
    held = names.registered(version.name, version.name)
    number = 1 + max((n for n, _ in _moves(held.tags, alias)), default=0)
    before = int(held.aliases[alias]) if alias in held.aliases else None
    when = f"{datetime.now(UTC):%FT%TZ}"
    said = {"version": version.number, "before": before, "back": back, "time": when}
    key = f"{alias}.{number:06d}.{uuid4().hex[:8]}"
    client.set_registered_model_tag(version.name, key, json.dumps(said))
    client.set_registered_model_alias(version.name, alias, str(version.number))


def tell(version: Version, tags: Mapping[str, str]) -> None:
    """Put tags on a version."""
    from mlflow import MlflowClient

    for key, value in tags.items():
        MlflowClient().set_model_version_tag(version.name, str(version.number), key, value)


def rollback(name: str, alias: str = "champion") -> tuple[int, int]:
    """Let an alias mean what it meant before the last promotion that still counts.

    Parameters
    ----------
    name : str
    alias : str

    Returns
    -------
    numbers : tuple of int
        The version that had the alias, and the one that has it now.

    Raises
    ------
    ValueError
        Where no version has the alias, it was not promoted to where it is, or there is nothing
        before.
    """
    held = names.registered(names.named(name), name)
    if alias not in held.aliases:
        raise ValueError(f"{name}: no version is {alias}.")
    now = int(held.aliases[alias])
    moves = [moved for _, moved in _moves(held.tags, alias)]
    while moves and moves[-1]["version"] != now:  # was written, and the alias did not move
        moves.pop()
    line = counted(moves)
    if not line:
        raise ValueError(f"{name}: version {now} is {alias}, but was not promoted to it.")
    if len(line) == 1:
        raise ValueError(f"{name}: no version was {alias} before version {now}.")
    target = names.find(f"models:/{name}/{line[-2]}")
    point(target, alias, tags={}, back=True)
    return now, target.number


def counted(moves: Iterable[Mapping[str, Any]]) -> list[int]:
    """Read the versions that had an alias, oldest first, less those that were taken back.

    Parameters
    ----------
    moves : iterable of mapping
        "version", the one "before" it (None for the first), and whether it went "back".

    Examples
    --------
    >>> moves = [(1, None, 0), (2, 1, 0), (3, 2, 0), (2, 3, 1)]
    >>> counted([{"version": n, "before": b, "back": back} for n, b, back in moves])
    [1, 2]
    """
    line: list[int] = []
    moves = list(moves)
    for move, then in zip_longest(moves, moves[1:]):
        if then is not None and move["version"] != then["before"] == move["before"]:
            continue  # was written, and the alias did not move
        if move["back"] and move["version"] in line:
            line = line[: len(line) - line[::-1].index(move["version"])]
        else:
            line.append(move["version"])
    return line


def _moves(tags: Mapping[str, str], alias: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Moves of an alias with their numbers, oldest first."""
    form = re.compile(rf"{re.escape(alias)}\.(\d{{6}})\.[0-9a-f]{{8}}")
    both = ((form.fullmatch(key), value) for key, value in sorted(tags.items()))
    return [(int(own[1]), json.loads(value)) for own, value in both if own]
