"""Verbs on registered models."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any


def register(args: argparse.Namespace) -> int:
    """Give the model of a run a name in the registry."""
    from protgraph.track.registry import register

    print(f"{args.name} version {register(args.run, args.name)}")
    return 0


def promote(args: argparse.Namespace) -> int:
    """Let an alias mean a version, unless it is worse than the one that has it."""
    from protgraph.running.promotion import promote

    verdict = promote(
        args.name, args.version, alias=args.alias, margin=args.margin, force=args.force
    )
    print(verdict.text())
    return 0


def rollback(args: argparse.Namespace) -> int:
    """Let an alias mean the version that it meant before."""
    from protgraph.track.aliases import rollback

    before, now = rollback(args.name, args.alias)
    print(f"{args.name}: version {now} is {args.alias} again instead of version {before}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Score a set with every version of a model, and set them beside one of them."""
    from protgraph.running.appraisal import appraise

    found = appraise(args.model, args.dataset, labels=tuple(args.labels), proteins=args.proteins)
    print(json.dumps(found.facts) if args.json else found.markdown(), end="")
    return 0


def lineage(args: argparse.Namespace) -> int:
    """Walk from a registered model to the models that taught it."""
    from protgraph.track.lineage import lineage

    for one in lineage(args.name):
        print(json.dumps(one._asdict()) if args.json else one.text())
    return 0


def models(args: argparse.Namespace) -> int:
    """List the models inside the package and in the registry."""
    from protgraph.resolve import shipped
    from protgraph.track.registry import models

    rows: list[Mapping[str, Any]] = [{"name": name, "where": "package"} for name in shipped()]
    rows += [{**row, "where": "registry"} for row in models()]
    for row in rows:
        print(json.dumps(row, default=str) if args.json else "\t".join(map(str, row.values())))
    return 0
