"""No test row reaches what is learned: fitting, early stopping, calibration, thresholds.

Every set is thinned by its own examples, then learned twice: as it is, and with the labels,
letters and partners of its test side spoiled. What comes out must be the same to the last bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from protgraph.data import interfaces
from protgraph.data.dataset import SPLITS, Pairs
from protgraph.data.sets import SETS
from protgraph.data.sites import planted
from protgraph.data.source import root, unpacked
from protgraph.recipe import Recipe
from protgraph.running.decide import settle
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS

FEW = {"residue": 8, "protein": 40, "pair": 2000}
"""Labelled rows kept of a side, about."""

NETWORK = {
    "model.encoder": "cnn", "model.width": 8, "model.layers": 1, "graph.nodes": ("identity",),
    "train.epochs": 2, "train.rate": 0.01, "data.batch": 800,
}  # fmt: skip


def recipe_of(task):
    """A network for residues, the cheapest baseline with fitted numbers for the rest."""
    cheap = {"pair": "label-prior" if len(task.outputs) > 1 else "degree", "protein": "kmer-linear"}
    own = NETWORK if task.level == "residue" else {"model.encoder": cheap[task.level]}
    return Recipe({"task": task.name, **own})


def thinned(task, data):
    """A few rows of every side: labelled ones, all outputs among them, and some without a label."""
    few = FEW[task.level]
    if isinstance(data, Pairs):
        rows = [data.whole(side) for side in SPLITS]
        kept = np.sort(np.concatenate([own[:: -(-len(own) // few)] for own in rows]))
        split = tuple(data.split[row] for row in kept)
        return replace(data, pairs=data.pairs[kept], y=data.y[kept], split=split)
    kept = {}
    for side in SPLITS:
        told = data.side(side)
        chosen = told[:: -(-len(told) // few)]
        for output in range(told[0].y.shape[-1]) if task.level == "residue" else ():
            chosen.append(next(e for e in told if (e.y[:, output] == 1).any()))
        names = {e.protein.name for e in told}
        chosen += [e for e in data.whole(side) if e.protein.name not in names][:3]
        kept |= {e.protein.name: e for e in chosen}
    return replace(data, examples=tuple(kept.values()))


def other(task, y):
    """Labels that are wrong everywhere, and unknown where they were."""
    if task.value:
        return 1000 - 7 * y
    return (y + 1) % len(task.outputs) if task.exclusive else 1 - y


def spoiled(task, data):
    """The set with another test side: other labels, letters and, of pairs, partners."""
    if isinstance(data, Pairs):
        test = data.whole("test")
        y, pairs = data.y.copy(), data.pairs.copy()
        y[test], seen = other(task, y[test]), {*map(tuple, np.sort(np.delete(pairs, test, 0)))}
        fresh = ((a, b) for a in range(len(data.proteins)) for b in range(a))
        free = (pair for pair in fresh if pair[::-1] not in seen)
        pairs[test] = [next(free) for _ in test]
        learned = {*np.delete(data.pairs, test, 0).ravel().tolist()}
        proteins = tuple(
            p if i in learned else replace(p, sequence="W" * len(p))
            for i, p in enumerate(data.proteins)
        )
        return replace(data, y=y, pairs=pairs, proteins=proteins)

    def turned(e):
        if e.split != "test":
            return e
        if task.level == "residue":
            protein = replace(e.protein, sequence="W" * len(e.protein))
        else:
            protein = Protein(e.protein.name, "W" + e.protein.sequence[::-1])
        return replace(e, protein=protein, y=other(task, e.y))

    return replace(data, examples=tuple(map(turned, data.examples)))


def learned(settled, data):
    """All that came out of learning, as plain values: scores of both sides, weights, decisions."""
    made = settled.learned
    rows = data.whole("train")
    weights = {} if made.model is None else made.model.state_dict()
    history = made.history.rows if made.history else []
    return {
        "training scores": np.concatenate(made.score(rows)),
        "validation scores": settled.valid.scores,
        "weights": torch.cat([w.ravel() for w in weights.values()]).numpy() if weights else [],
        "history": [[v for k, v in row.items() if k != "seconds"] for row in history],
        "calibration": settled.decision.calibration,
        "thresholds": settled.decision.thresholds,
        "expected": settled.decision.expected,
        "reason": settled.decision.reason,
    }


def assert_the_test_side_is_not_seen(task, data, recipe=None):
    recipe, turned = recipe or recipe_of(task), spoiled(task, data)
    assert turned.digest != data.digest
    one, two = (learned(settle(recipe, task, own), own) for own in (data, turned))
    for key, value in one.items():
        if isinstance(value, np.ndarray):
            same = np.array_equal(value, two[key], equal_nan=True)
        else:
            same = value == two[key]
        assert same, f"{task.name}: the test side has changed the {key}"
    return one


@pytest.fixture
def few_complexes(tmp_path, monkeypatch, request):
    """Let the set of interfaces read few of its complexes: reading all takes a quarter minute."""
    if request.node.callspec.params["name"] != "interface":
        return
    request.getfixturevalue("data")
    home = unpacked(root() / "interfaces" / "db55.tar.xz") / "db55"
    (tmp_path / "db55" / "splits").mkdir(parents=True)
    (tmp_path / "db55" / "structures").symlink_to(home / "structures")
    for path in sorted((home / "splits").glob("*.txt")):
        codes = path.read_text().split()[:6]
        (tmp_path / "db55" / "splits" / path.name).write_text("\n".join(codes))
    monkeypatch.setattr(interfaces, "unpacked", lambda archive: tmp_path)


@pytest.mark.parametrize("name", [name for name in SETS if name != "planted-site"])
def test_no_test_row_reaches_what_is_learned_from_a_set(name, data, few_complexes):
    whole = SETS[name]()
    task = TASKS[name].named(whole.outputs)
    found = assert_the_test_side_is_not_seen(task, thinned(task, whole))
    # No human protein is on two sides: how many pairs it has in training is 0 for all that follow.
    flat = task.value or name.startswith("ppi-human")
    assert (not found["calibration"]) == flat, found["reason"]
    assert bool(found["thresholds"]) == (not task.value and not task.exclusive)


def test_no_test_row_reaches_a_network_of_planted_sites():
    found = assert_the_test_side_is_not_seen(TASKS["planted-site"], planted(count=20))
    assert found["calibration"]
    assert len(found["weights"])


@pytest.fixture(scope="module")
def interacting():
    """Pairs of synthetic proteins that interact by their first letters; some only in test."""
    rng = np.random.default_rng(0)
    proteins = tuple(
        Protein(f"p{i}", "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 30))) for i in range(40)
    )
    pairs = np.array([(a, b) for a in range(40) for b in range(a)])
    pairs = rng.permutation(pairs)[:500]
    side = rng.choice(["train", "valid", "test"], len(pairs), p=[0.6, 0.2, 0.2])
    side[(pairs > 34).any(axis=1)] = "test"
    y = np.array([[p.sequence[0] < "I" for p in proteins]], dtype=np.float32)[0][pairs].sum(axis=1)
    y = ((y > 0) ^ (rng.random(len(pairs)) < 0.2)).astype(np.float32)[:, None]
    return Pairs("made up", "", proteins, pairs, y, tuple(side))


@pytest.mark.parametrize("encoder", ["cnn", "gin", "degree", "label-prior", "composition-linear"])
def test_no_test_pair_reaches_what_is_learned_of_pairs(encoder, interacting):
    task = TASKS["ppi-human"]
    network = NETWORK if encoder in ("cnn", "gin") else {}
    recipe = Recipe({**network, "task": task.name, "model.encoder": encoder})
    found = assert_the_test_side_is_not_seen(task, interacting, recipe)
    assert found["calibration"], found["reason"]
