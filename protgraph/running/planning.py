"""From a recipe to a plan: what training its encoder would take on machines not yet paid for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from protgraph.language import shapes
from protgraph.recipe import PRETRAINING, Recipe
from protgraph.train import scaling
from protgraph.train.corpus import GRAIN
from protgraph.train.footprint import memory
from protgraph.train.machine import Machine, Work
from protgraph.train.plan import Plan, at, plan, price


@dataclass(frozen=True)
class Planned:
    """A plan, and what it was chosen from.

    Parameters
    ----------
    name : str
        Of the recipe.
    work : Work
    machine : Machine
    chosen : Plan
        At the smallest stage that fits.
    stages : tuple
        Plans of the stages 0 to 3, None where one does not fit.
    hour : float, optional
        Price of a GPU hour.
    """

    name: str
    work: Work
    machine: Machine
    chosen: Plan
    stages: tuple[Plan | None, ...]
    hour: float | None = None

    def markdown(self) -> str:
        """Say the plan in a line, then each stage's memory and time in two tables."""
        rooms, times = [], []
        for stage, found in zip(scaling.STAGES, self.stages, strict=True):
            least = -(-self.work.longest // GRAIN) * GRAIN
            tokens = found.micro if found else least
            parts = memory(self.work, self.machine, stage, tokens)
            cells = [f"{part / 1e9:.1f}" for part in (*parts, parts.peak)]
            rooms.append([str(stage), f"{tokens:,}", *cells, "yes" if found else "no"])
            if found:
                times.append(self._time(found))
        hour = [] if self.hour is None else ["price of 10⁹ residues"]
        return "\n".join(
            [
                self._head(), "", self._choice(), "",
                *_table([*_ROOM], rooms), "", *_table([*_TIME, *hour], times), "",
            ]
        )  # fmt: skip

    def json(self) -> dict[str, Any]:
        """Numbers alone: bytes, seconds, and the assumptions they rest on."""
        work = {**asdict(self.work), "parameters": scaling.parameters(self.work.shape)}
        return {
            "recipe": self.name,
            "work": work,
            "machine": asdict(self.machine),
            "chosen": self._numbers(self.chosen),
            "stages": [self._numbers(found) if found else None for found in self.stages],
        }

    def _numbers(self, found: Plan) -> Mapping[str, Any]:
        numbers = asdict(found)
        numbers["memory"] = {**found.memory._asdict(), "peak": found.memory.peak}
        numbers["times"] = {**found.times._asdict(), "step": found.times.step}
        if self.hour is not None:
            numbers["price"] = price(found, self.machine, self.hour)
        return numbers

    def _head(self) -> str:
        work, machine, shape = self.work, self.machine, self.work.shape
        by = "Muon and AdamW" if work.muon else "AdamW"
        again = ", activations recomputed" if work.recompute else ""
        cost = "" if self.hour is None else f", {self.hour:g} a GPU hour"
        return (
            f"{scaling.parameters(shape):,} parameters ({shape.layers} layers, width "
            f"{shape.width}), {by}{again}, {work.batch:,} tokens a step, crops of {work.longest:,}"
            f"; {machine.gpus} GPUs of {machine.memory:g} GB ({machine.reserve:.0%} kept free), "
            f"{machine.peak:g} TFLOP/s bf16 used by {machine.utilisation:.0%}, "
            f"{machine.bandwidth / 1e9:g} GB/s between them, messages hidden behind "
            f"{machine.overlap:.0%} of the passes beside them{cost}. Calculated, not measured."
        )

    def _choice(self) -> str:
        found = self.chosen
        return (
            f"**Stage {found.stage}, micro-batch {found.micro:,} tokens, accumulation "
            f"{found.accumulation}**: {found.batch:,} tokens a step, "
            f"{found.memory.peak / 1e9:.1f} GB a GPU, {found.tokens:,.0f} tokens/s, efficiency "
            f"{found.efficiency:.1%} ({found.best:.1%} at best)."
        )

    def _time(self, found: Plan) -> list[str]:
        times = found.times
        hour = [] if self.hour is None else [f"{price(found, self.machine, self.hour):.2f}"]
        return [
            str(found.stage), f"{found.micro:,}", str(found.accumulation),
            f"{found.sent / 1e9:.1f}", f"{times.products:.3f}", f"{times.optimiser:.3f}",
            f"{times.messages:.3f}", f"{times.exposed:.3f}", f"{times.step:.3f}",
            f"{found.tokens:,.0f}", f"{found.efficiency:.1%}", f"{found.best:.1%}", *hour,
        ]  # fmt: skip


_ROOM = (
    "stage", "micro-batch", "weights, GB", "gradients", "states", "gathered", "in bf16",
    "activations", "update", "peak", "fits",
)  # fmt: skip
_TIME = (
    "stage", "micro-batch", "accumulation", "sent, GB a step", "passes, s", "optimiser",
    "messages", "exposed", "step, s", "tokens/s", "efficiency", "at best",
)  # fmt: skip


def work_of(recipe: Recipe) -> Work:
    """Say what training a recipe's encoder means.

    Parameters
    ----------
    recipe : Recipe
        Of pretraining; or with a published ESM-2 in `vectors.encoder`, which is then counted as
        trained whole with AdamW on `data.batch` tokens a step.

    Raises
    ------
    ValueError
        Where there is no such encoder, the precision is not bf16, or states are offloaded: what the
        way to the host costs is not known here.

    Examples
    --------
    >>> from protgraph.recipe import load
    >>> work = work_of(load("pretrain/mini_gpu")[0])
    >>> work.batch, work.longest, work.muon
    (131072, 1024, True)
    """
    if recipe["offload"]:
        raise ValueError("A plan counts optimiser states on the GPU, but offload is true.")
    recompute = recipe["recompute"]
    if recipe["task"] != PRETRAINING:
        name = recipe.get("vectors.encoder", "")
        if not name:
            raise ValueError("A plan needs an encoder, but vectors.encoder is empty.")
        shape = shapes.shape(name)
        return Work(shape, recipe["data.batch"], shapes.LONGEST, recompute=recompute)
    from protgraph.train.pretrain import shape_of

    settings = recipe.pretraining()
    if settings.precision != "bf16":
        raise ValueError(f"A plan is for bf16, but pretrain.precision is {settings.precision}.")
    longest = max(settings.crop, settings.crop_late)
    return Work(
        shape_of(settings), settings.batch, longest, muon=settings.muon, recompute=recompute
    )


def planned(
    recipe: Recipe,
    machine: Machine,
    *,
    name: str,
    hour: float | None = None,
) -> Planned:
    """Plan the training of a recipe's encoder.

    Parameters
    ----------
    recipe : Recipe
        As of `work_of`.
    machine : Machine
    name : str
        Of the recipe.
    hour : float, optional
        Price of a GPU hour.

    Raises
    ------
    ValueError
        As `work_of` and `plan`, with the recipe's name.

    Examples
    --------
    >>> from protgraph.recipe import load
    >>> recipe, name = load("pretrain/mini_gpu")
    >>> planned(recipe, Machine(2, 80), name=name).chosen.micro
    65536
    """
    try:
        work = work_of(recipe)
        chosen = plan(work, machine)
        stages = tuple(at(work, machine, stage) for stage in scaling.STAGES)
        if hour is not None:
            price(chosen, machine, hour)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return Planned(name, work, machine, chosen, stages, hour)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Rows of a table in Markdown, numbers to the right."""
    lines = [head, ["---:"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
