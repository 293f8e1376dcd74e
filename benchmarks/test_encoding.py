"""Vectors of natural sequences: packed encoding beside what scripts do with transformers, fair-esm.

The same random weights in every contestant, of the shape of ESM-2 8M and 35M; a smoke run encodes
a few proteins, `PROTGRAPH_BENCHMARK=full` encodes 512. The contestants take turns at slices of the
set; the time is processor time on one core. `pytest benchmarks -s` shows the tables, `RESULTS.md`
keeps them.
"""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from protgraph.data.corpora import STATES, pretraining, secondary_structure
from protgraph.data.dataset import SPLITS, Example
from protgraph.insight.probe import linear
from protgraph.language.encoder import encoder

FULL = os.environ.get("PROTGRAPH_BENCHMARK") == "full"
PROTEINS = 512 if FULL else 24
SLICES = 8
SHAPES = {"8M": (6, 320, 20), "35M": (12, 480, 20)}
PLAIN = 8  # proteins a padded batch of a plain script


@pytest.fixture(scope="module")
def proteins() -> list[str]:
    if not os.environ.get("PROTGRAPH_DATA"):
        pytest.skip("PROTGRAPH_DATA is not set: benchmarks on natural sequences are left out")
    valid = [sequence[:1022] for sequence in pretraining("valid")]
    chosen = np.random.default_rng(0).permutation(len(valid))[:PROTEINS]
    return [valid[i] for i in chosen]


@pytest.fixture(scope="module", params=SHAPES)
def checkpoint(request, tmp_path_factory) -> tuple[str, str, Any]:
    """Shape, file and model of a random ESM-2 of fair-esm."""
    esm2 = pytest.importorskip("esm.model.esm2", reason="fair-esm is not installed")
    layers, width, heads = SHAPES[request.param]
    torch.manual_seed(0)
    model = esm2.ESM2(num_layers=layers, embed_dim=width, attention_heads=heads).eval()
    trained = Namespace(
        encoder_layers=layers, encoder_embed_dim=width, encoder_attention_heads=heads,
        token_dropout=True,
    )  # fmt: skip
    state = {
        f"encoder.lm_head.{key[8:]}" if "lm_head" in key else f"encoder.sentence_encoder.{key}": v
        for key, v in model.state_dict().items()
        if not key.startswith("contact_head")
    }
    path = tmp_path_factory.mktemp("random") / f"random_{request.param}.pt"
    torch.save({"cfg": {"model": trained}, "model": state}, path)
    return request.param, str(path), model


def fair(model: Any) -> Callable[[list[str]], list[np.ndarray]]:
    """What fair-esm's README does."""
    convert, last = model.alphabet.get_batch_converter(), model.num_layers

    def encode(proteins: list[str]) -> list[np.ndarray]:
        vectors = []
        for start in range(0, len(proteins), PLAIN):
            batch = proteins[start : start + PLAIN]
            _, _, ids = convert([("", protein) for protein in batch])
            with torch.inference_mode():
                hidden = model(ids, repr_layers=[last])["representations"][last].numpy()
            vectors += [hidden[i, 1 : len(p) + 1].copy() for i, p in enumerate(batch)]
        return vectors

    return encode


def plain(path: str) -> Callable[[list[str]], list[np.ndarray]]:
    """What a script does with transformers: padded batches in the order of the file."""
    from transformers import EsmConfig, EsmModel

    from protgraph.language.fairesm import translated

    settings, tensors = translated(Path(path))
    model = EsmModel(EsmConfig(**settings), add_pooling_layer=False).eval()
    model.load_state_dict(tensors, strict=False)
    tokens, pad = encoder(path).alphabet.tokens, settings["pad_token_id"]

    def encode(proteins: list[str]) -> list[np.ndarray]:
        vectors = []
        for start in range(0, len(proteins), PLAIN):
            batch = proteins[start : start + PLAIN]
            ids = torch.full((len(batch), max(map(len, batch)) + 2), pad)
            for row, protein in zip(ids, batch, strict=True):
                row[: len(protein) + 2] = torch.from_numpy(tokens(protein))
            with torch.inference_mode():
                hidden = model(ids, attention_mask=(ids != pad).long()).last_hidden_state.numpy()
            vectors += [hidden[i, 1 : len(p) + 1].copy() for i, p in enumerate(batch)]
        return vectors

    return encode


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    done = work()
    return time.process_time() - start, done


def peak(dtype: torch.dtype) -> float:
    """Multiplications and additions a second in the largest product of a block, the best of ten."""
    a, b = torch.randn(4096, 1280).to(dtype), torch.randn(1280, 1280).to(dtype)
    best = min(seconds(lambda: a @ b)[0] for _ in range(10))
    return 2 * 4096 * 1280 * 1280 / best


def cosines(some: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    a, b = np.concatenate(some), np.concatenate(others)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_packed_beside_padded(proteins, checkpoint):
    torch.set_num_threads(1)
    shape, path, model = checkpoint
    layers, width, _ = SHAPES[shape]
    runs = {"transformers, plain": plain(path), "fair-esm": fair(model)}
    runs |= {
        f"protgraph, {precision}": encoder(path, precision=precision).encode
        for precision in ("fp32", "bf16", "int8")
    }
    took, found = dict.fromkeys(runs, 0.0), {name: [] for name in runs}
    for first in range(0, len(proteins), len(proteins) // SLICES):
        part = proteins[first : first + len(proteins) // SLICES]
        for name, run in runs.items():
            spent, vectors = seconds(lambda run=run, part=part: run(part))
            took[name] += spent
            found[name] += vectors
    residues = sum(map(len, proteins))
    # Products of the linear layers and, over the mean length, of attention.
    work = residues * layers * (24 * width**2 + 4 * width * residues / len(proteins))
    peaks = {"bf16": peak(torch.bfloat16), "fp32": peak(torch.float32)}
    print(f"\n\nESM-2 {shape} (random), {len(proteins)} proteins, {residues:,} residues\n")
    print("| | residues/s | x plain | x fair-esm | of peak | cosine to fp32, mean, least |")
    print("|---|---|---|---|---|---|")
    for name, spent in took.items():
        share = work / spent / peaks["bf16" if "bf16" in name else "fp32"]
        near = cosines(found[name], found["transformers, plain"])
        print(
            f"| {name} | {residues / spent:,.0f} | {took['transformers, plain'] / spent:.2f} | "
            f"{took['fair-esm'] / spent:.2f} | {'' if 'int8' in name else f'{share:.0%}'} | "
            f"{near.mean():.6f}, {near.min():.6f} |"
        )
        assert near.min() > 0.9
    print({name: f"{rate / 1e9:.0f} GFLOP/s" for name, rate in peaks.items()})


@pytest.mark.usefixtures("proteins")
def test_what_precision_costs_a_task():
    """Q3 of a linear probe on `mini`, fitted to fp32 vectors and asked of all three precisions."""
    data = secondary_structure()
    counts = {"train": 300, "valid": 100, "test": 364} if FULL else dict.fromkeys(SPLITS, 12)
    chosen = {side: data.side(side)[:count] for side, count in counts.items()}

    def rows(side: str, precision: str) -> tuple[np.ndarray, np.ndarray]:
        examples: list[Example] = chosen[side]
        vectors = encoder("mini", precision=precision).encode(
            [e.protein.sequence for e in examples]
        )
        known = [np.isfinite(e.y[:, 0]) for e in examples]
        x = np.concatenate([own[keep] for own, keep in zip(vectors, known, strict=True)])
        y = [e.y[keep, 0] for e, keep in zip(examples, known, strict=True)]
        return x, np.concatenate(y).astype(np.int64)

    probe = linear(rows("train", "fp32"), rows("valid", "fp32"), classes=len(STATES))
    print("\n\n| mini | Q3 | other calls than fp32 |\n|---|---|---|")
    said = {}
    for precision in ("fp32", "bf16", "int8"):
        x, y = rows("test", precision)
        said[precision] = probe.scores(x).argmax(axis=1)
        other = (said[precision] != said["fp32"]).mean()
        print(f"| {precision} | {(said[precision] == y).mean():.4f} | {other:.2%} |")
        assert other < 0.05
