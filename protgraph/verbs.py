"""What the verbs of the command line do: one function each, no logic of their own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any


def say(text: str) -> None:
    """Tell the user something that is no result."""
    print(text, file=sys.stderr, flush=True)


def reason(error: BaseException) -> str:
    """Say in one line what went wrong."""
    return " ".join(str(error).split()) or type(error).__name__


def _each(files: Iterable[str], do: Callable[[str], None], *, debug: bool) -> int:
    """Do every file; report those that cannot be done and go on."""
    failed = 0
    for file in files:
        try:
            do(file)
        except (ValueError, OSError) as error:
            if debug:
                raise
            say(f"error: {_named(file, reason(error))}")
            failed = 2
    return failed


def _named(file: str, reason: str) -> str:
    """Name the file once."""
    return reason if Path(file).name.split(".")[0] in reason else f"{file}: {reason}"


def graph(args: argparse.Namespace) -> int:
    """Build the contact graph of every chain and say how large it is."""
    from protgraph.graph.build import build
    from protgraph.structure.read import read

    if not args.json:
        print("file\tchain\tresidues\tobserved\tedges")

    def do(file: str) -> None:
        for protein in read(file, chain=args.chain):
            made = build(protein, radius=args.radius)
            row = {
                "file": file,
                "chain": protein.chain,
                "residues": len(protein),
                "observed": int(protein.observed.sum()),
                "edges": int(made.edge_index.shape[1]),
            }
            print(json.dumps(row) if args.json else "\t".join(map(str, row.values())))
            for note in protein.notes:
                say(f"{protein.name} chain {protein.chain}: {note}")

    return _each(args.files, do, debug=args.debug)


def embed(args: argparse.Namespace) -> int:
    """Turn the proteins of a sequence file into vectors, and keep them."""
    from protgraph.language.embed import embed
    from protgraph.language.encoder import encoder

    chosen = encoder(args.encoder, layer=args.layer, precision=args.precision, device=args.device)
    say(f"encoder {chosen.name}")
    done = embed(args.file, args.output, chosen, pool=args.pool, storage=args.storage)
    for note in done.notes:
        say(note)
    print(f"{args.output}: {done.text()}")
    return 0


def layers(text: str) -> Any:
    """Read "all", one layer, or several with commas."""
    if text == "all":
        return text
    layers = [int(part) for part in text.split(",")]
    return layers[0] if len(layers) == 1 else layers


def fold(args: argparse.Namespace) -> int:
    """Predict the structures of the sequences of a file with ESMFold."""
    from protgraph.language.esmfold import load
    from protgraph.language.folding import fold_all
    from protgraph.structure.fasta import sequences

    proteins = sequences(args.file)
    model = load(args.model, device=args.device, precision=args.precision)
    say(f"model {model.name}")
    for path in fold_all(proteins, args.output, model=model):
        print(path)
    return 0


def predict(args: argparse.Namespace) -> int:
    """Predict for every chain of every file, or for pairs of them with a model of pairs."""
    from protgraph.predict import alone
    from protgraph.resolve import load
    from protgraph.serve.screen import screen

    predictor = load(args.model)
    say(f"model {predictor.name}, language encoder {predictor.encoder}")
    if predictor.model.config.given:
        say(f"scores hold given that {predictor.model.config.given}")
    if alone(predictor.model.config):
        say("scores come from the sequence alone, also of residues that were not observed")
    if args.pairs or predictor.model.config.level == "pair":
        print(screen(predictor, args.files, args.pairs, format=args.format, folder=args.output))
        return 0
    written: set[Path] = set()

    def do(file: str) -> None:
        for prediction in predictor.predict(file):
            if args.output is None:
                print(getattr(prediction, args.format)(), end="")
                continue
            path = prediction.path(Path(args.output), args.format)
            if path in written:
                raise ValueError(f"{file}: {path.name} was written for another input already.")
            written.add(prediction.write(Path(args.output), args.format))
            print(path)

    return _each(args.files, do, debug=args.debug)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate and track what a recipe says."""
    from protgraph.recipe import PRETRAINING, load
    from protgraph.running import pretraining
    from protgraph.running import run as training
    from protgraph.running.together import follow, lead

    recipe, name = load(args.config, args.overrides)
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
    """Teach a student that needs the sequence alone what a teacher of structures knows."""
    from protgraph.distilling.distilled import distill, follow
    from protgraph.recipe import load
    from protgraph.running.run import progress
    from protgraph.running.together import lead

    recipe, name = load(args.config, args.overrides)
    folder = Path(args.folder)
    status = lead(recipe, args.words, lambda: follow(recipe, name=name, folder=folder))
    if status is not None:
        return status
    with progress(recipe, name) as log:
        found = distill(recipe, name=name, folder=folder, log=log, say=say)
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


def register(args: argparse.Namespace) -> int:
    """Give the model of a run a name in the registry."""
    from protgraph.track.registry import register

    version = register(args.run, args.name, alias=args.alias)
    print(f"{args.name} version {version}" + (f" is {args.alias}" if args.alias else ""))
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


def quickstart(args: argparse.Namespace) -> int:
    """Go the whole way once: graphs, two models, a comparison, a registered model, a page."""
    from protgraph.quickstart import quickstart

    quickstart(Path(args.folder), say=print)
    return 0
