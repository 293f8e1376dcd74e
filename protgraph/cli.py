"""The command line: one verb a function, no logic of its own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _reason(error: BaseException) -> str:
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
            _say(f"error: {_named(file, _reason(error))}")
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
                _say(f"{protein.name} chain {protein.chain}: {note}")

    return _each(args.files, do, debug=args.debug)


def embed(args: argparse.Namespace) -> int:
    """Turn the proteins of a sequence file into vectors, and keep them."""
    from protgraph.language.embed import embed
    from protgraph.language.encoder import encoder

    chosen = encoder(args.encoder, layer=args.layer, precision=args.precision, device=args.device)
    _say(f"encoder {chosen.name}")
    done = embed(args.file, args.output, chosen, pool=args.pool, storage=args.storage)
    for note in done.notes:
        _say(note)
    print(f"{args.output}: {done.text()}")
    return 0


def _layer(text: str) -> Any:
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
    _say(f"model {model.name}")
    for path in fold_all(proteins, args.output, model=model):
        print(path)
    return 0


def predict(args: argparse.Namespace) -> int:
    """Predict for every chain of every file."""
    from protgraph.resolve import load

    predictor = load(args.model)
    _say(f"model {predictor.name}, language encoder {predictor.encoder}")
    if predictor.model.config.given:
        _say(f"scores hold given that {predictor.model.config.given}")
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
    from protgraph import pretraining
    from protgraph import run as training
    from protgraph.recipe import PRETRAINING, load

    recipe, name = load(args.config, args.overrides)
    kind: Any = pretraining if recipe["task"] == PRETRAINING else training
    with kind.progress(recipe, name) as log:
        result = kind.run(recipe, name=name, folder=Path(args.folder), log=log)
    if args.json:
        print(json.dumps(result.summary))
    else:
        print(result.text())
    return 0


def benchmark(args: argparse.Namespace) -> int:
    """Compare models with a task's cheap baselines and with controls, five seeds, intervals."""
    from protgraph.benchmark import benchmark

    found = benchmark(
        args.task, models=args.models, seeds=args.seeds, folder=Path(args.folder), say=_say
    )
    if args.output:
        found.write(Path(args.output))
    print(json.dumps(found.json()) if args.json else found.markdown(), end="")
    return 0


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
    _say(made.text())
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


def parser() -> argparse.ArgumentParser:
    """Say which words the command line knows."""
    top = argparse.ArgumentParser(
        prog="protgraph", description="Graph-augmented protein modelling."
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(do: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        said = (do.__doc__ or "").strip()
        made = verbs.add_parser(do.__name__, help=said, description=said)
        made.set_defaults(do=do)
        made.add_argument("--debug", action="store_true", default=argparse.SUPPRESS,
                          help=argparse.SUPPRESS)  # fmt: skip
        return made

    p = verb(graph)
    p.add_argument("files", nargs="+", metavar="FILE")
    p.add_argument("--chain", help="only this chain, by the author's id")
    p.add_argument("--radius", type=float, default=10.0, help="Å between Cα (default 10)")
    p.add_argument("--json", action="store_true", help="one JSON object a chain")
    p = verb(run)
    p.add_argument("config", metavar="CONFIG", help="a YAML file, or the name of a shipped one")
    p.add_argument("overrides", nargs="*", metavar="key=value")
    p.add_argument("--folder", default="runs", help="where runs are kept (default runs)")
    p.add_argument("--json", action="store_true", help="print the result as one JSON object")
    p = verb(benchmark)
    p.add_argument("task", metavar="TASK")
    p.add_argument("--models", nargs="*", metavar="RECIPE", help="default: all that are shipped")
    p.add_argument("--seeds", type=int, default=5, help="repetitions (default 5)")
    p.add_argument("--folder", default="runs", help="where cells are kept (default runs)")
    p.add_argument("--json", action="store_true", help="print all numbers as one JSON object")
    p.add_argument("-o", "--output", metavar="DIR", help="write report.md, report.json and a plot")
    _language_words(verb)
    _split_words(verb)
    p = verb(predict)
    p.add_argument("model", metavar="MODEL", help="a folder, name@alias, or a shipped model")
    p.add_argument("files", nargs="+", metavar="FILE")
    p.add_argument("--format", choices=("tsv", "pdb", "json", "html"), default="tsv")
    p.add_argument("-o", "--output", metavar="DIR", help="write files there instead of printing")
    p = verb(register)
    p.add_argument("run", metavar="RUN", help="id or name of a run")
    p.add_argument("name", metavar="NAME")
    p.add_argument("--alias", help="such as champion")
    p = verb(models)
    p.add_argument("--json", action="store_true", help="one JSON object a model")
    p = verb(quickstart)
    p.add_argument("--folder", default="quickstart", help="where results go")
    return top


def _split_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    methods = ("auto", "builtin", "mmseqs", "exact")
    p = verb(split)
    p.add_argument("file", metavar="FILE", help="a table (.csv, .tsv, .parquet) or sequences")
    p.add_argument("--by", default="family", help="family (default), random, or a column")
    p.add_argument("--shares", nargs=3, type=float, default=(0.8, 0.1, 0.1),
                   metavar=("TRAIN", "VALID", "TEST"), help="default .8 .1 .1")  # fmt: skip
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--identity", type=float, default=0.3, help="of relatives (default 0.3)")
    p.add_argument("--method", choices=methods, default="auto", help="how relatives are found")
    p.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")
    p = verb(leakage)
    p.add_argument("train", metavar="TRAIN", help="a table or sequences")
    p.add_argument("test", metavar="TEST")
    p.add_argument("--method", choices=methods, default="builtin")
    p.add_argument("-o", "--output", metavar="DIR", help="write a table, a page and a histogram")


def _language_words(verb: Callable[..., argparse.ArgumentParser]) -> None:
    p = verb(embed)
    p.add_argument("file", metavar="FASTA")
    p.add_argument("-o", "--output", metavar="PATH", required=True,
                   help="folder of the store, or a file ending in .h5")  # fmt: skip
    p.add_argument("--encoder", default="mini", help="name, folder or hub id (default mini)")
    p.add_argument("--layer", type=_layer, default=-1, help="such as -1 (the default), 6,8 or all")
    p.add_argument("--pool", choices=("none", "mean"), default="none")
    p.add_argument("--precision", choices=("fp32", "bf16", "int8"), default="fp32")
    p.add_argument("--storage", choices=("fp32", "fp16", "int8"), default="fp32")
    p.add_argument("--device", default="cpu")
    p = verb(fold)
    p.add_argument("file", metavar="FASTA")
    p.add_argument("-o", "--output", metavar="DIR", required=True, help="where models are written")
    p.add_argument("--model", default="facebook/esmfold_v1", help="folder or hub id of an ESMFold")
    p.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    p.add_argument("--device", default="cpu")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 with one line on stderr."""
    args = parser().parse_args(words)
    try:
        return int(args.do(args))
    except (ValueError, OSError, ArithmeticError, ImportError) as error:
        if args.debug:
            raise
        _say(f"error: {_reason(error)}")
        return 2
