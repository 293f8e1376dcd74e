"""What an answer costs: numbers to keep, products to compute, milliseconds and memory."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from protgraph.language.encoder import encoder
from protgraph.models.model import CONFIG, WEIGHTS, Model
from protgraph.models.student import Student
from protgraph.predict import alone, example, scores
from protgraph.running import cost
from protgraph.structure.protein import Protein

SAMPLE = 9
"""Proteins that are timed, at most: evenly among all by length."""

REPEATS = 3
"""The least of so many times counts: other work only adds."""

ESMFOLD = (384, 14.2)
"""Residues and seconds of ESMFold on one V100: Lin et al., Science 379:1123 (2023)."""

Ask = Callable[[Protein], None]


class Price(NamedTuple):
    """What one model costs.

    Parameters
    ----------
    parameters, bytes : int
        Of its weights, and of its two files; without a language encoder in front of it.
    flops : float
        Of matrix products, a residue, the language encoder's too; see `flops`.
    ms, cpu : tuple of float
        Milliseconds a protein at one and at two threads, by the wall and of processor time.
    memory : int or None
        MB of the whole process at its peak while it answered.
    """

    parameters: int
    bytes: int
    flops: float
    ms: tuple[float, float]
    cpu: tuple[float, float]
    memory: int | None


def asking(models: Sequence[Model | Student]) -> Ask:
    """Make the whole way from a protein in memory to scores: graph and language vectors too.

    Models that read one graph are shown one. Nothing is read that an earlier answer has left on
    disk.
    """
    graphs: dict[str, list[Model]] = {}
    for model in models:
        if isinstance(model, Model):
            c = model.config
            read = [alone(c), c.vectors, c.layer, c.graph]
            graphs.setdefault(json.dumps(read, sort_keys=True), []).append(model)
    asks = [_together(own) for own in graphs.values()]

    def ask(protein: Protein) -> None:
        for one in asks:
            one(protein)
        for model in models:
            if isinstance(model, Student):
                model.scores([protein.sequence])

    return ask


def _together(models: Sequence[Model]) -> Ask:
    """Show each protein to models that read one graph."""
    c = models[0].config
    language = encoder(c.vectors, layer=c.layer) if c.vectors else None

    def ask(protein: Protein) -> None:
        vectors = language.encode([protein.sequence])[0] if language else None
        graph = example(c, protein, vectors)
        for model in models:
            scores(model, [graph])

    return ask


def price(models: Sequence[Model | Student], proteins: Sequence[Protein]) -> Price:
    """Measure what models that answer together cost.

    Parameters
    ----------
    models : sequence of Model or Student
        One, or an ensemble: its costs add up, but for the graph that its members share.
    proteins : sequence of Protein
        Each is asked about by itself.

    Raises
    ------
    ValueError
        Where there is no protein.
    """
    if not proteins:
        raise ValueError("price: one protein at least is needed, got none.")
    ask = asking(models)
    ask(proteins[0])
    cost.forget()
    one = timed(ask, proteins, threads=1)
    memory = cost.peak()
    two = timed(ask, proteins, threads=2)
    residues = sum(map(len, proteins))
    return Price(
        sum(model.size for model in models),
        sum(map(disk, models)),
        sum(flops(ask, protein) for protein in proteins) / residues,
        (one[0], two[0]),
        (one[1], two[1]),
        memory,
    )


def sample(proteins: Sequence[Protein], count: int = SAMPLE) -> list[Protein]:
    """Take some proteins, from the shortest to the longest in even steps.

    Examples
    --------
    >>> [len(p) for p in sample([Protein("p", "M" * size) for size in (5, 1, 4, 2, 3)], 3)]
    [1, 3, 5]
    """
    ordered = sorted(proteins, key=len)
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int)
    return [ordered[place] for place in places.tolist()]


def timed(ask: Ask, proteins: Sequence[Protein], *, threads: int) -> tuple[float, float]:
    """Milliseconds a protein by the wall and of processor time, the least of `REPEATS` each."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    found = np.empty((REPEATS, len(proteins), 2))
    try:
        for repeat in range(REPEATS):
            for place, protein in enumerate(proteins):
                wall, cpu = time.perf_counter(), time.process_time()
                ask(protein)
                spent = time.perf_counter() - wall, time.process_time() - cpu
                found[repeat, place] = spent
    finally:
        torch.set_num_threads(before)
    least = 1e3 * found.min(axis=0).mean(axis=0)
    return float(least[0]), float(least[1])


def flops(ask: Ask, protein: Protein) -> int:
    """Count the operations of an answer's matrix products by their shapes.

    Notes
    -----
    2 m k n for [m, k] by [k, n], so 2 K D² a residue and layer for a convolution of K residues,
    2 P for linear layers of P numbers, and 4 D L for attention over L residues. Norms, gathers,
    sums over edges and making the graph are not counted.

    Examples
    --------
    >>> from protgraph.models.student import StudentConfig
    >>> student = Student(StudentConfig(width=8, layers=2, kernel=5))
    >>> flops(asking([student]), Protein("demo", "MKV")) / 3 == 2 * 2 * 5 * 8 * 8 + 2 * 8
    True
    """
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

    def attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

    # torch knows the attention of GPUs alone.
    own = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}
    with FlopCounterMode(display=False, custom_mapping=own) as counted:
        ask(protein)
    return int(counted.get_total_flops())


def disk(model: Model | Student) -> int:
    """Bytes of a model's two files."""
    with tempfile.TemporaryDirectory() as beside:
        if isinstance(model, Student):
            model.save_pretrained(beside)
        else:
            model.save(Path(beside))
        return sum(Path(beside, name).stat().st_size for name in (CONFIG, WEIGHTS))
