"""Is `mini` worth it? Linear probes and zinc sites, beside letters and an untrained twin.

    PROTGRAPH_DATA=... python experiments/02_is_mini_worth_it/run.py

What was computed is kept in `--folder` and not computed again, so that several processes may share
the seeds; the one that finds all seeds of a question there writes its rows of `results.csv` and its
table.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from protgraph.comparing.paired import compare
from protgraph.data.corpora import PLACES, STATES, localisation, secondary_structure
from protgraph.data.dataset import Dataset, Example
from protgraph.insight.probe import linear
from protgraph.insight.report import between, table
from protgraph.language.encoder import MINI, Encoder, encoder
from protgraph.language.stored import stored
from protgraph.running.cells import cell
from protgraph.running.evaluate import Scored
from protgraph.tasks.metrics import accuracy, auprc, macro_f1
from protgraph.track.provenance import commit
from protgraph.train.corpus import MASK
from protgraph.train.masked import Masked, write

HERE = Path(__file__).parent
SEEDS = range(5)
ENCODERS = ("mini", "random", "physchem", "onehot", "window")
ZINC = ("none", "mini", "random", "physchem")
PROTEINS = 1000
"""Training proteins of a secondary-structure probe, drawn by the seed."""
PLACED = 1500
"""Training proteins of a localisation probe, drawn by the seed."""
AROUND = 7
"""Neighbours to each side in the window of letters."""


def untrained(seed: int, folder: Path) -> str:
    """Folder of a network of mini's shape that was never trained."""
    from protgraph.language.esm2 import opened

    place = folder / f"random-{seed}"
    if not (place / "card.json").is_file():
        torch.manual_seed(seed)
        checkpoint = opened(str(MINI))
        assert checkpoint.network.shape.mask == MASK
        card = {"trained": False, "seed": seed}
        model = Masked(checkpoint.network.shape)
        write(model, place, longest=checkpoint.longest + 2, card=card)
    return str(place)


def encoder_of(name: str, seed: int, folder: Path) -> Encoder:
    """Encoder of a row of the table; networks compute in bf16, and mini's vectors are kept."""
    if name == "random":
        return encoder(untrained(seed, folder), precision="bf16")
    if name == "mini":
        return stored(encoder(name, precision="bf16"), folder / "vectors")
    return encoder(name)


def vectors_of(name: str, seed: int, folder: Path, examples: Sequence[Example]) -> list[np.ndarray]:
    """Vectors of every residue; of "window" the letters around it, one-hot."""
    sequences = [e.protein.sequence for e in examples]
    if name != "window":
        return encoder_of(name, seed, folder).encode(sequences)
    found = []
    for letters in encoder("onehot").encode(sequences):
        padded = np.pad(letters, ((AROUND, AROUND), (0, 0)))
        steps = range(2 * AROUND + 1)
        found.append(np.hstack([padded[k : k + len(letters)] for k in steps]))
    return found


def drawn(data: Dataset, count: int, seed: int) -> list[Example]:
    """Training proteins of a seed."""
    train = data.side("train")
    chosen = np.random.default_rng(seed).choice(len(train), count, replace=False)
    return [train[i] for i in chosen]


def residues(name: str, seed: int, folder: Path, data: Dataset) -> Scored:
    """Secondary structure of the test chains, by a probe."""

    def side(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        known = [np.isfinite(e.y[:, 0]) for e in examples]
        rows = vectors_of(name, seed, folder, examples)
        x = np.concatenate([own[keep] for own, keep in zip(rows, known, strict=True)])
        y = np.concatenate([e.y[keep, 0] for e, keep in zip(examples, known, strict=True)])
        return x, y.astype(np.int64)

    valid = data.side("valid")[:: len(data.side("valid")) // 200]
    probe = linear(side(drawn(data, PROTEINS, seed)), side(valid), classes=len(STATES))
    test = data.side("test")
    x, y = side(test)
    counts = [int(np.isfinite(e.y).sum()) for e in test]
    owner = np.repeat(np.arange(len(test)), counts)
    families = np.repeat([e.family for e in test], counts)
    return Scored(y[:, None].astype(np.float32), probe.scores(x), owner, families)


def proteins(name: str, seed: int, folder: Path, data: Dataset) -> Scored:
    """Places of the test proteins, by a probe on mean vectors."""

    def side(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        x = np.stack([own.mean(axis=0) for own in vectors_of(name, seed, folder, examples)])
        return x, np.array([int(e.y[0]) for e in examples])

    train, valid = drawn(data, PLACED, seed), data.side("valid")[::4]
    probe = linear(side(train), side(valid), classes=len(PLACES))
    test = data.side("test")
    x, y = side(test)
    families = np.array([e.family for e in test])
    return Scored(y[:, None].astype(np.float32), probe.scores(x), np.arange(len(test)), families)


def zinc(name: str, seed: int, folder: Path) -> Scored:
    """Zinc sites of the test chains, by the graph network with vectors as node features."""
    source = {"none": "", "random": untrained(seed, folder)}.get(name, name)
    overrides = [f"vectors.encoder={source}"] if source else []
    return cell("zinc_site/egnn", seed, folder, overrides=overrides).test


def kept(path: Path, make: Callable[[], Scored]) -> Scored:
    """Compute once."""
    from protgraph.running import evaluate

    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        make().save(path)
        path.with_suffix(".json").write_text(json.dumps(commit(Path.cwd())))
    return evaluate.load(path)


def computed(
    question: str, seeds: Sequence[int], folder: Path, digest: str
) -> dict[str, list[Scored]]:
    """Every row of a question at every seed."""
    makers: dict[str, tuple[Sequence[str], Any, Any]] = {
        "secondary_structure": (ENCODERS, residues, secondary_structure),
        "localisation": (ENCODERS[:-1], proteins, localisation),
        "zinc": (ZINC, zinc, None),
    }
    names, make, load = makers[question]
    data = [load()] if load else []
    found: dict[str, list[Scored]] = {}
    for seed in seeds:
        for name in names:
            tag = f"{name}-{digest}" if name == "mini" else name
            path = folder / question / f"{tag}-{seed}.npz"
            one = kept(path, lambda name=name, seed=seed: make(name, seed, folder, *data))
            found.setdefault(name, []).append(one)
            print(question, name, seed, file=sys.stderr, flush=True)
    return found


METRICS = {
    "secondary_structure": {"q3": accuracy},
    "localisation": {"macro_f1": macro_f1, "accuracy": accuracy},
    "zinc": {"auprc": auprc},
}


def rows_of(
    question: str, found: dict[str, list[Scored]], digest: str
) -> list[dict[str, str | int]]:
    """Rows of `results.csv`."""
    rows: list[dict[str, str | int]] = []
    for metric, measure in METRICS[question].items():
        for name, seeds in found.items():
            for seed, one in enumerate(seeds):
                said = one.scores if one.scores.shape[1] > 1 else one.scores[:, 0]
                rows.append(
                    {
                        "question": question, "encoder": name, "seed": seed, "metric": metric,
                        "value": f"{measure(one.y[:, 0], said):.5f}", "mini": digest,
                        **commit(Path.cwd()),
                        "machine": f"{platform.system()} {platform.machine()}",
                    }
                )  # fmt: skip
    return rows


def main() -> None:
    """Compute what is missing; a question with all of its seeds is written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--questions", nargs="+", default=list(METRICS), choices=list(METRICS))
    parser.add_argument("--folder", type=Path, default=Path("runs/02"))
    args = parser.parse_args()
    digest = encoder("mini").digest[:12]
    found = {q: computed(q, args.seeds, args.folder, digest) for q in args.questions}
    if args.seeds != list(SEEDS):
        return
    path = HERE / "results.csv"
    old = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    rows: list[dict[str, str | int]] = [dict(r) for r in old if r["question"] not in found]
    parts = {}
    for question, models in found.items():
        rows += rows_of(question, models, digest)
        for metric, measure in METRICS[question].items():
            parts[f"{question}-{metric}"] = table(compare(models, measure, reference="mini"))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    readme = HERE / "README.md"
    readme.write_text(between(readme.read_text(), parts))


if __name__ == "__main__":
    main()
