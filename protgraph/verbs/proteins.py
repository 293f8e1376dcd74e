"""Verbs on proteins: graphs, vectors, structures, predictions."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protgraph.verbs.telling import each, say

if TYPE_CHECKING:
    from protgraph.predict import Predictor
    from protgraph.tasks.prediction import Prediction


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

    return each(args.files, do, debug=args.debug)


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
    from protgraph.resolve import load
    from protgraph.screen import screen

    if args.trust:
        return _trusted(args)
    predictor = load(args.model)
    for note in _notes(predictor):
        say(note)
    if args.pairs or predictor.model.config.level == "pair":
        if args.chain is not None:
            raise ValueError("--chain is of one protein; pairs name their proteins in --pairs.")
        print(screen(predictor, args.files, args.pairs, format=args.format, folder=args.output))
        return 0
    do = _teller(predictor, args) if args.output is None else _writer(predictor, args)
    return each(args.files, do, debug=args.debug)


def _teller(predictor: Predictor, args: argparse.Namespace) -> Callable[[str], None]:
    """Print what is said of a file; tables of several have one head."""
    from protgraph.tasks.text import joint

    headed = False

    def do(file: str) -> None:
        nonlocal headed
        found = _answers(predictor, file, args.chain)
        if args.format == "tsv":
            print(joint(found, head=not headed), end="")
            headed = True
            return
        for prediction in found:
            print(getattr(prediction, args.format)(), end="")

    return do


def _writer(predictor: Predictor, args: argparse.Namespace) -> Callable[[str], None]:
    """Write what is said of a file into a folder, no two to one name."""
    written: set[Path] = set()

    def do(file: str) -> None:
        for prediction in _answers(predictor, file, args.chain):
            path = prediction.path(Path(args.output), args.format)
            if path in written:
                raise ValueError(f"{file}: {path.name} was written for another input already.")
            written.add(prediction.write(Path(args.output), args.format))
            print(path)

    return do


def _answers(predictor: Predictor, file: str, chain: str | None) -> list[Prediction]:
    """Predict for the chains of a file, and say what was decided while it was read."""
    from protgraph.structure.read import read

    proteins = read(file, chain=chain, gaps=predictor.model.config.gaps)
    found = predictor.predict(proteins)
    for one in proteins:
        for note in one.notes:
            say(f"{one.name}{f' chain {one.chain}' if one.chain else ''}: {note}")
    return found


def _notes(predictor: Predictor) -> Iterator[str]:
    """What is said of a model before it answers."""
    from protgraph.predict import alone

    config = predictor.model.config
    yield f"model {predictor.name}, language encoder {predictor.encoder}"
    if config.given:
        yield f"scores hold given that {config.given}"
    if alone(config):
        yield "scores come from the sequence alone, also of residues that were not observed"


def _trusted(args: argparse.Namespace) -> int:
    """Ask a registered model by the code that came with it, for all files at once."""
    from protgraph.serve.registered import held, trusted

    if args.pairs or args.output or args.format != "tsv" or args.chain is not None:
        rule = "prints the table that the model's code makes"
        raise ValueError(f"--trust {rule}: leave --pairs, --chain, --format and -o out.")
    ask, column = trusted(args.model)
    rows: list[tuple[str, str]] = []
    failed = each(args.files, lambda file: rows.extend(held(file, column)), debug=args.debug)
    if not rows:
        return failed
    said = ask(rows)
    print(said.to_csv(sep="\t", index=False, lineterminator="\n"), end="")
    unscored = said["error"].dropna() if "error" in said else ()
    for why in unscored:
        say(f"error: {why}")
    return 2 if len(unscored) else failed
