"""Verbs on sets of proteins and labels: fetch, split, annotate, cover, look for leakage."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from protgraph.verbs.telling import say


def data(args: argparse.Namespace) -> int:
    """List the benchmark sets, verify the files of some, or fetch them."""
    from protgraph.data import stock

    if args.action == "list":
        for row in stock.listed(args.folder):
            size = f"{row.size / 1e6:.1f} MB"
            line = (row.name, row.present, size, row.licence, row.source)
            print(json.dumps(row._asdict()) if args.json else "\t".join(line))
        return 0
    if args.action == "verify":
        found = stock.verify(args.name, folder=args.folder)
    else:
        if args.name is None:
            raise ValueError("data fetch needs the name of a set; `protgraph data list` has them.")
        found = stock.fetch(args.name, args.folder, mirror=args.mirror)
    for one in found:
        print(json.dumps(one._asdict()) if args.json else "\t".join(one).rstrip())
    return 0 if all(one.state == "ok" for one in found) else 2


def split(args: argparse.Namespace) -> int:
    """Split a table or sequences: no relatives across sides, at random, or by a column."""
    from protgraph.data.divide import divide, written

    made = divide(
        args.file, by=args.by, shares=args.shares, seed=args.seed, identity=args.identity,
        method=args.method,
    )  # fmt: skip
    text = written(args.file, made)
    if args.output:
        Path(args.output).write_text(text)
    else:
        print(text, end="")
    say(made.text())
    return 0


def annotate(args: argparse.Namespace) -> int:
    """Write published annotations, or a folder of classes, as a table that a recipe reads."""
    from protgraph.annotate import LEAST, annotated, classified
    from protgraph.data.assembled import sides, table
    from protgraph.data.held import held

    if args.format == "folder":
        apart = ("aspect", "obo", "evidence", "sequences", "structures")
        labels, proteins = classified(args.source, {name: getattr(args, name) for name in apart})
    else:
        labels = annotated(
            args.source, args.format, aspect=args.aspect, ontology=args.obo, evidence=args.evidence
        )
        proteins = held(args.sequences, args.structures)
    split = sides(args.split) if args.split else None
    least = LEAST[args.format] if args.least is None else args.least
    output = Path(args.output)
    made = table(labels, proteins, split, least=least, folder=output.parent)
    output.write_text(made.text)
    for note in made.notes:
        say(note)
    print(output)
    return 0


def cover(args: argparse.Namespace) -> int:
    """Find for each sequence the chain that covers it best, and where its residues stand."""
    from protgraph.data.covering import cover
    from protgraph.data.divide import items
    from protgraph.data.structured import chains
    from protgraph.structure.protein import Protein

    proteins = [Protein(name, sequence) for name, sequence in items(args.sequences)]
    found = cover(proteins, chains(args.structures), identity=args.identity, coverage=args.coverage)
    if args.output:
        Path(args.output).write_text(found.tsv())
    else:
        print(found.tsv(), end="")
    say(found.text())
    return 0


def leakage(args: argparse.Namespace) -> int:
    """Find the nearest training protein of every test protein."""
    from protgraph.data.divide import items
    from protgraph.data.leakage import leakage
    from protgraph.insight.leakage import histogram

    found = leakage(items(args.train), items(args.test), method=args.method)
    if args.output:
        folder = Path(args.output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "leakage.tsv").write_text(found.tsv())
        (folder / "leakage.md").write_text(found.markdown())
        histogram(found, folder / "leakage.png")
    print(found.markdown(), end="")
    return 0
