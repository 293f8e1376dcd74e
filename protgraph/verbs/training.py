"""Verbs on recipes: run, plan, distil, compare, and the whole way once."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from protgraph.verbs.telling import say


def run(args: argparse.Namespace) -> int:
    """Train, evaluate and track what a recipe says."""
    from protgraph.recipe import PRETRAINING, VECTORS, load
    from protgraph.running import pretraining
    from protgraph.running import run as training
    from protgraph.running.together import follow, lead

    recipe, name = load(args.config, args.overrides)
    if recipe["task"] == VECTORS:
        raise ValueError(f"{name}: a student of vectors is trained by `protgraph distill`.")
    kind: Any = pretraining if recipe["task"] == PRETRAINING else training
    folder = Path(args.folder)
    status = lead(recipe, args.words, lambda: follow(recipe, name=name, folder=folder))
    if status is not None:
        return status
    with kind.progress(recipe, name) as log:
        result = kind.run(recipe, name=name, folder=folder, log=log)
    if args.json:
        print(json.dumps(result.summary))
    else:
        print(result.text())
    return 0


def plan(args: argparse.Namespace) -> int:
    """Calculate which ZeRO stage and micro-batch fit on GPUs, how fast, and at what price."""
    from protgraph.recipe import load
    from protgraph.running.planning import planned
    from protgraph.train.machine import Machine

    recipe, name = load(args.config, args.overrides)
    own = ("gpus", "memory", "node", "peak", "utilisation", "inside", "across", "overlap")
    machine = Machine(**{word: getattr(args, word) for word in own}, reserve=args.reserve)
    found = planned(recipe, machine, name=name, hour=args.price)
    print(json.dumps(found.json()) if args.json else found.markdown(), end="")
    return 0


def distill(args: argparse.Namespace) -> int:
    """Teach a small model what large ones know: of structures, or as language encoders."""
    from protgraph.distilling import distilled, embedded
    from protgraph.recipe import PRETRAINING, VECTORS, load
    from protgraph.running.run import progress
    from protgraph.running.together import lead

    recipe, name = load(args.config, args.overrides)
    folder = Path(args.folder)
    if recipe["task"] == PRETRAINING:
        raise ValueError(f"{name}: a recipe of {PRETRAINING} has no student; `protgraph run` it.")
    kind: Any = embedded if recipe["task"] == VECTORS else distilled
    status = lead(recipe, args.words, lambda: kind.follow(recipe, name=name, folder=folder))
    if status is not None:
        return status
    with progress(recipe, name) as log:
        found = kind.distill(recipe, name=name, folder=folder, log=log, say=say)
    print(json.dumps(found.json()) if args.json else found.markdown(), end="")
    return 0


def benchmark(args: argparse.Namespace) -> int:
    """Compare models with a task's cheap baselines and with controls, five seeds, intervals."""
    from protgraph.comparing.benchmark import benchmark

    found = benchmark(
        args.task, models=args.models, seeds=args.seeds, folder=Path(args.folder), say=say
    )
    if args.output:
        found.write(Path(args.output))
    print(json.dumps(found.json()) if args.json else found.markdown(), end="")
    return 0


def quickstart(args: argparse.Namespace) -> int:
    """Go the whole way once: graphs, two models, a comparison, a registered model, a page."""
    from protgraph.quickstart import quickstart

    quickstart(Path(args.folder), say=print)
    return 0
