"""What encoders cost: those that teach, and the one that was taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from protgraph.distilling.price import Price, flops, sample, timed
from protgraph.distilling.study import Study
from protgraph.language.encoder import Encoder
from protgraph.structure.protein import Protein

STUDENT = "student"
"""What the student is called in tables."""


def costs_of(study: Study, own: Encoder) -> dict[str, Any]:
    """Measure what teachers and student cost, and the share of it that the student has.

    Parameters
    ----------
    study : Study
        Some of its held-out proteins are timed.
    own : Encoder
        The student, as it is opened from its folder.

    Returns
    -------
    costs : dict
        `prices`, rows of a table; `costs`, a `Price` an encoder as a mapping; `timed`, how many
        proteins.
    """
    proteins = sample([Protein("held", sequence) for sequence in study.proteins.test])
    both = zip(study.names, study.teachers, strict=True)
    prices = {name: priced(teacher.encoder, proteins) for name, teacher in both}
    student = priced(own, proteins)
    rows = [_row(name, one) for name, one in {**prices, STUDENT: student}.items()]
    rows.append(_shares(student, list(prices.values())))
    numbers = {name: one._asdict() for name, one in {**prices, STUDENT: student}.items()}
    return {"prices": rows, "costs": numbers, "timed": len(proteins)}


def priced(one: Encoder, proteins: Sequence[Protein]) -> Price:
    """Measure what an encoder costs: bytes are those of its weights in memory.

    Parameters
    ----------
    one : Encoder
    proteins : sequence of Protein
        Each is asked about by itself.

    Examples
    --------
    >>> from protgraph.language.encoder import onehot
    >>> priced(onehot(), [Protein("demo", "MKV")]).parameters
    441
    """

    def ask(protein: Protein) -> None:
        one.encode([protein.sequence])

    network, table = getattr(one, "run", None), getattr(one, "table", None)
    held = [torch.tensor(table)] if network is None else list(network.state_dict().values())
    ask(proteins[0])
    first, second = (timed(ask, proteins, threads=threads) for threads in (1, 2))
    return Price(
        sum(weight.numel() for weight in held),
        sum(weight.nbytes for weight in held),
        sum(flops(ask, protein) for protein in proteins) / sum(map(len, proteins)),
        (first[0], second[0]),
        (first[1], second[1]),
        None,
    )


def _row(name: str, own: Price) -> dict[str, str]:
    first, second = (f"{w:.2f} ({c:.2f})" for w, c in zip(own.ms, own.cpu, strict=True))
    return {
        "encoder": name,
        "parameters": f"{own.parameters:,}",
        "MB of weights": f"{own.bytes / 1e6:.2f}",
        "MFLOP a residue": f"{own.flops / 1e6:.3f}",
        "ms, one thread": first,
        "ms, two threads": second,
    }


def _shares(own: Price, teachers: Sequence[Price]) -> dict[str, str]:
    """What the student has of what the teachers cost together."""

    def share(mine: float, theirs: Sequence[float]) -> str:
        return f"{mine / sum(theirs):.3f}" if sum(theirs) else ""

    def times(place: int) -> str:
        wall = share(own.ms[place], [t.ms[place] for t in teachers])
        return f"{wall} ({share(own.cpu[place], [t.cpu[place] for t in teachers])})"

    return {
        "encoder": "student, share of " + ("the teacher" if len(teachers) == 1 else "all teachers"),
        "parameters": share(own.parameters, [t.parameters for t in teachers]),
        "MB of weights": share(own.bytes, [t.bytes for t in teachers]),
        "MFLOP a residue": share(own.flops, [t.flops for t in teachers]),
        "ms, one thread": times(0),
        "ms, two threads": times(1),
    }
