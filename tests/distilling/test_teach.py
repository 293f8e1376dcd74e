"""A teacher's outputs on disk: what the model says, found again by content, whole after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from protgraph.distilling import teach
from protgraph.distilling.teach import digest, outputs, voted
from protgraph.graph.edges import KINDS
from protgraph.models.model import Config, Model, load
from protgraph.predict import Predictor
from protgraph.structure import synthetic
from protgraph.structure.protein import Protein

BUDGET = 150
"""Residues a batch: two proteins and one."""


def proteins():
    """Three proteins; the second lacks coordinates of residues 3 to 5, the third is predicted."""
    one, two, three = (synthetic.protein(seed, length=60 + 5 * seed) for seed in range(3))
    hole = [np.array(part) for part in (two.backbone, two.side)]
    for part in hole:
        part[3:6] = np.nan
    two = Protein("two", two.sequence, *hole)
    return [one, two, replace(three, confidence=np.linspace(40, 90, len(three)))]


def teacher(seed=0, encoder="gcn", name="teacher", **changes):
    torch.manual_seed(seed)
    graph = {"nodes": ("identity",)}
    if encoder == "gcn":
        graph = {**graph, "edges": ("separation",), "radius": 8.0}
    given = {
        "task": "demo", "level": "residue", "outputs": ("zinc", "calcium"), "encoder": encoder,
        "inputs": 21, "edges": int(encoder == "gcn"), "kinds": len(KINDS), "width": 8,
        "layers": 2, "graph": graph,
    }  # fmt: skip
    return Predictor(Model(Config(**{**given, **changes})).eval(), name)


@pytest.fixture
def asked(monkeypatch):
    """Sizes of the batches for which an encoder ran."""
    seen: list[int] = []
    real = teach._said

    def said(one, given):
        seen.append(len(given))
        return real(one, given)

    monkeypatch.setattr(teach, "_said", said)
    monkeypatch.setattr(teach, "BUDGET", BUDGET)
    return seen


def same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


# What is said


@pytest.mark.parametrize("encoder", ["gcn", "cnn"])
def test_logits_are_those_of_the_model_and_nan_where_it_says_nothing(tmp_path, encoder):
    given, who = proteins(), teacher(encoder=encoder)
    made = outputs([who], given, folder=tmp_path)
    for protein, own, said in zip(given, made, who.predict(given), strict=True):
        assert own.logits.shape == (len(protein), 2)
        np.testing.assert_allclose(1 / (1 + np.exp(-own.logits)), said.scores, atol=1e-5)
        silent = np.isnan(own.logits).all(axis=1)
        assert np.array_equal(silent, ~protein.observed if encoder == "gcn" else silent * 0)
        assert np.array_equal(silent, np.isnan(own.vectors).all(axis=1))


def test_vectors_are_the_encoders_in_fp16_and_pooled_ones_their_mean(tmp_path):
    given, who = proteins(), teacher()
    made = outputs([who], given, folder=tmp_path)
    for protein, own in zip(given, made, strict=True):
        with torch.inference_mode():
            h = who.model.encoder(who.graphs([protein])[0]).numpy()
        np.testing.assert_allclose(own.vectors[protein.index], h, rtol=2**-10, atol=1e-6)
        np.testing.assert_allclose(own.pooled, h.mean(axis=0), rtol=2**-9, atol=1e-5)


def test_a_teacher_of_proteins_gives_what_its_head_pools(tmp_path):
    given, who = proteins(), teacher(level="protein")
    made = outputs([who], given, folder=tmp_path)
    for own, said in zip(made, who.predict(given), strict=True):
        assert (own.logits.shape, own.pooled.shape) == ((2,), (16,))
        np.testing.assert_allclose(1 / (1 + np.exp(-own.logits)), said.scores, atol=1e-5)
        with torch.inference_mode():
            again = who.model.head.out(torch.from_numpy(own.pooled.copy()))
        np.testing.assert_allclose(again.numpy(), own.logits, atol=1e-2)


def test_trust_is_plddt_one_for_experiments_and_for_those_who_look_at_no_structure(tmp_path):
    one, two, three = outputs([teacher()], proteins(), folder=tmp_path)
    assert (one.weight == 1).all()
    assert np.flatnonzero(two.weight == 0).tolist() == [3, 4, 5]
    np.testing.assert_allclose(three.weight, np.linspace(0.4, 0.9, 70), rtol=1e-6)
    for own in outputs([teacher(encoder="cnn")], proteins(), folder=tmp_path):
        assert (own.weight == 1).all()


# Several teachers


def test_several_teachers_say_the_mean_of_their_probabilities(tmp_path):
    given, whos = proteins(), [teacher(seed) for seed in range(3)]
    made = outputs(whos, given, folder=tmp_path)
    alone = [outputs([who], given, folder=tmp_path) for who in whos]
    for place, own in enumerate(made):
        shares = np.mean([1 / (1 + np.exp(-one[place].logits)) for one in alone], axis=0)
        np.testing.assert_allclose(1 / (1 + np.exp(-own.logits)), shares, atol=1e-6)
        same([own[1:]], [alone[0][place][1:]])


def test_where_one_of_several_says_nothing_nothing_is_said(tmp_path):
    made = outputs([teacher(encoder="cnn"), teacher()], proteins(), folder=tmp_path)
    assert np.flatnonzero(np.isnan(made[1].logits[:, 0])).tolist() == [3, 4, 5]
    assert np.isfinite(made[1].vectors).all()


def test_votes_by_hand():
    alone, both, value = (
        teacher(**changes).model for changes in ({}, {"exclusive": True}, {"value": True})
    )
    logits = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]])
    assert torch.allclose(voted(alone, logits), torch.zeros(2), atol=1e-6)
    assert torch.equal(voted(value, logits), torch.zeros(2))
    shares = logits.softmax(dim=1).mean(dim=0)
    assert torch.allclose(voted(both, logits).softmax(dim=0), shares)
    assert torch.allclose(voted(alone, logits[:1]), logits[0])
    assert torch.isfinite(voted(alone, logits * 1e4)).all()


def test_teachers_of_other_questions_are_refused(tmp_path):
    folder = tmp_path / "none"
    with pytest.raises(ValueError, match="One teacher at least is needed, got none"):
        outputs([], proteins(), folder=folder)
    with pytest.raises(ValueError, match=r"pairs: a teacher is a model of .*, got one of pairs"):
        outputs([teacher(level="pair", name="pairs")], proteins(), folder=folder)
    student = SimpleNamespace(config=teacher().model.config)
    with pytest.raises(ValueError, match=r"small: a teacher .*, got one that is a student"):
        outputs([Predictor(student, "small")], proteins(), folder=folder)
    with pytest.raises(
        ValueError,
        match="teacher is asked for a residue's zinc, calcium and other for a residue's zinc",
    ):
        outputs([teacher(), teacher(outputs=("zinc",), name="other")], proteins(), folder=folder)
    with pytest.raises(ValueError, match="bare"):
        outputs([teacher()], [Protein("bare", "MKV")], folder=folder)


# On disk


def test_what_is_there_is_read_and_not_computed(tmp_path, asked):
    given = proteins()
    made = outputs([teacher()], given, folder=tmp_path)
    assert asked == [2, 1]
    again = outputs([teacher()], given[::-1], folder=tmp_path)
    same(list(made)[::-1], list(again))
    outputs([teacher()], [replace(given[0], name="another name")], folder=tmp_path)
    assert asked == [2, 1]


def moved(protein):
    return replace(protein, backbone=protein.backbone + np.float32(0.5))


def turned(protein):
    letter = "A" if protein.sequence[0] != "A" else "C"
    return replace(protein, sequence=letter + protein.sequence[1:])


def doubted(protein):
    return replace(protein, confidence=np.full(len(protein), 80.0))


@pytest.mark.parametrize("change", [moved, turned, doubted])
def test_other_coordinates_another_letter_and_other_confidence_are_another_protein(
    tmp_path, asked, change
):
    given = proteins()[:1]
    outputs([teacher()], given, folder=tmp_path)
    outputs([teacher()], [change(given[0])], folder=tmp_path)
    assert asked == [1, 1]


@pytest.mark.parametrize("other", [{"seed": 1}, {"value": True}, {"gaps": False}])
def test_other_weights_and_another_configuration_are_another_teacher(tmp_path, asked, other):
    given = proteins()[:1]
    outputs([teacher()], given, folder=tmp_path)
    outputs([teacher(**other)], given, folder=tmp_path)
    assert asked == [1, 1]


def test_a_saved_teacher_and_one_with_new_thresholds_are_the_same(tmp_path):
    model = teacher().model
    model.save(tmp_path)
    assert digest(load(tmp_path)) == digest(model)
    model.config = replace(model.config, thresholds=(0.4, 0.2), card={"date": "today"})
    assert digest(load(tmp_path)) == digest(model)


WRITER = """
import sys
sys.path.insert(0, {here!r})
import test_teach
from protgraph.distilling import teach
from protgraph.language.store import Store
real = Store.add
def add(self, *given, **how):
    print("held", flush=True)
    sys.stdin.readline()
    Store.add = real
    real(self, *given, **how)
Store.add = add
teach.outputs([test_teach.teacher()], test_teach.proteins(), folder={folder!r})
"""


def test_another_process_that_computes_the_same_is_waited_for(tmp_path, asked):
    code = WRITER.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        threading.Timer(0.5, process.stdin.close).start()
        found = outputs([teacher()], proteins(), folder=tmp_path)
    assert process.returncode == 0
    assert not asked
    assert len(found) == len(proteins())


def test_a_kill_costs_the_batch_in_flight_and_changes_nothing(tmp_path, asked):
    whole = outputs([teacher()], proteins(), folder=tmp_path / "whole")
    asked.clear()
    # The fourth commit is the second batch's first: of three, one is on disk when it dies.
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_teach
from protgraph.distilling import teach
from protgraph.language.store import Store
real, calls = Store.add, []
def add(self, *given, **how):
    real(self, *given, **how)
    calls.append(1)
    if len(calls) == 4:
        os.kill(os.getpid(), {signal.SIGKILL})
Store.add, teach.BUDGET = add, {BUDGET}
teach.outputs([test_teach.teacher()], test_teach.proteins(), folder={str(tmp_path / "cut")!r})
"""
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    again = outputs([teacher()], proteins(), folder=tmp_path / "cut")
    assert asked == [1]
    same(whole, again)
    kept = [(tmp_path / name / "000001.seg").read_bytes() for name in ("whole", "cut")]
    assert kept[0] == kept[1]
