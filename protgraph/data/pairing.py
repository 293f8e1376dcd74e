"""Pairs from a table that names proteins of another one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protgraph.data.columns import Asked, Labels, checked, families, labelled, sides, varied
from protgraph.data.dataset import Pairs
from protgraph.data.proteins import COLUMNS, Fetch, proteins
from protgraph.data.rows import Rows


def paired(
    rows: Rows, owners: Rows, wanted: Asked, *, pair: tuple[str, str], fetch: Fetch | None
) -> tuple[Pairs, Labels]:
    """Pairs of the sound rows; rows of either table that are wrong are refused.

    Of the proteins those are kept that a pair names. A pair that comes again with the same labels
    and side, in either order, counts once, and a note says how many did; with other ones the later
    row is refused.

    Raises
    ------
    ValueError
        As `protgraph.data.table.load`.
    """
    checked(rows, [*pair, *wanted], COLUMNS)
    checked(owners, [], COLUMNS)
    if not {"id", "name"} & set(owners.header):
        raise ValueError(f"{owners.source}: no column 'id' to name proteins by{owners.near('id')}")
    side = sides(rows)
    one, two = (rows.cells(column) for column in pair)
    own = proteins(owners, fetch=fetch, only={*one, *two})
    family = families(owners, own)
    sound = [row for row in own if row not in owners.wrong]
    place = {own[row].name: i for i, row in enumerate(sound)}
    example = next(iter(owners.cells("id" if "id" in owners.header else "name")))
    for row in rows.sound():
        for column, name in zip(pair, (one[row], two[row]), strict=True):
            if name not in place:
                rule = f"{owners.source} has no sound protein so named, but such as {example!r}"
                rows.refuse(row, column, rule, name)
    labels = labelled(rows, wanted, {})
    ends = {row: (place[one[row]], place[two[row]]) for row in labels.y}
    kept = _once(rows, labels, side, ends, pair)
    twice = len(rows.sound()) - len(kept)
    labels = labels._replace(y={row: labels.y[row] for row in kept})
    notes = [*labels.notes, *varied(rows.source, labels, side)]
    if twice:
        notes.append(f"{twice} rows give a pair again, alike; they count once")
    used = sorted({end for row in kept for end in ends[row]})
    made = Pairs(
        rows.source,
        "the user's table",
        tuple(own[sound[i]] for i in used),
        np.searchsorted(used, [ends[row] for row in kept]),
        np.stack(list(labels.y.values())),
        tuple(side[row] for row in kept),
        tuple(family[sound[i]] for i in used) if "family" in owners.header else None,
        labels.outputs,
    )
    return made, labels._replace(notes=tuple(notes))


def _once(
    rows: Rows,
    labels: Labels,
    side: Mapping[int, str],
    ends: Mapping[int, tuple[int, int]],
    pair: tuple[str, str],
) -> list[int]:
    """Rows that are the first with their pair; those that contradict an earlier one are refused."""
    first: dict[tuple[int, int], int] = {}
    for row, (a, b) in ends.items():
        earlier = first.setdefault((min(a, b), max(a, b)), row)
        same = np.array_equal(labels.y[row], labels.y[earlier], equal_nan=True)
        if same and side[row] == side[earlier]:
            continue
        file, line = rows.places[earlier]
        other = "side" if same else "label"
        rule = f"a pair comes once, and {file}:{line} gives it another {other}"
        names = ", ".join(rows.cells(column)[row] for column in pair)
        rows.refuse(row, ", ".join(pair), rule, names)
    return list(first.values())
