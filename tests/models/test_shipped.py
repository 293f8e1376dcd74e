"""Models inside the package: what their cards claim is what their weights do."""

from importlib import resources

import numpy as np
import pytest

from protgraph.cli import main
from protgraph.data.sets import SETS
from protgraph.resolve import load, shipped
from protgraph.structure import synthetic
from protgraph.structure.protein import Protein
from protgraph.tasks import metrics
from protgraph.tasks.catalogue import TASKS

FINGER = "YACPVESCDRRFSRSDELTRHIRIHTGQKPFQCRICMRNFS"
"""The first finger of Zif268 (1AAY), two cysteines and two histidines, and half of the second."""


def test_what_the_readme_promises_is_shipped():
    sites = {"zinc-site", "zinc-site-seq", "ligand-sites", "ligand-sites-seq"}
    assert sites | {"enzyme-class"} == set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_model_predicts_and_has_thresholds(name):
    predictor = load(name)
    said = predictor.predict(synthetic.protein(5))
    assert np.isfinite(said.scores).all()
    # Of classes that exclude each other the likeliest is the call: there is no threshold.
    exclusive = predictor.model.config.exclusive
    assert len(said.thresholds) == (0 if exclusive else len(said.outputs))
    assert said.given


def test_the_chain_in_the_picture_is_called_as_it_is_labelled(data):
    (one,) = [e for e in SETS["zinc-site"]().side("test") if e.protein.name == "5yf4_A"]
    calls = load("zinc-site").predict(one.protein).calls
    assert np.flatnonzero(calls[:, 0]).tolist() == np.flatnonzero(one.y[:, 0] == 1).tolist()


@pytest.mark.parametrize("name", shipped())
def test_the_scores_on_its_card_are_those_of_its_weights(name, data):
    predictor = load(name)
    config, task = predictor.model.config, TASKS[predictor.model.config.task]
    examples = SETS[config.task](gaps=config.gaps)
    assert config.card["split"] == examples.split_digest
    test = examples.whole("test")
    said = predictor.predict([e.protein for e in test])
    both = list(zip(test, said, strict=True))
    if task.level == "residue":
        y = np.concatenate([e.y[e.items] for e, _ in both])
        scores = np.concatenate([p.scores[e.items] for e, p in both])
    else:
        y, scores = np.stack([e.y for e, _ in both]), np.stack([p.scores for _, p in both])
    # Calibration keeps the order of every output's scores, and so these numbers.
    for metric, value in task.measure(y, scores).items():
        assert value == pytest.approx(config.card["test"][metric], abs=2e-3)
    if task.binary:
        known = ~np.isnan(y[:, 0])
        calls = metrics.mcc(y[known, 0], scores[known, 0], config.thresholds[0])
        assert calls == pytest.approx(config.card["test"]["mcc_stored"], abs=2e-2)


@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith("-seq")])
def test_a_student_answers_for_a_sequence_and_is_small(name, tmp_path, capsys):
    (tmp_path / "one.fasta").write_text(">one\nMKCPHCGKSFSRSDHLTRHIRTHTGEKPFACDICGRKFARS\n")
    assert main(["predict", name, str(tmp_path / "one.fasta")]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 41
    folder = resources.files("protgraph.models") / "shipped" / name
    assert sum(len(one.read_bytes()) for one in folder.iterdir()) < 3e6


def test_a_zinc_finger_is_seen_in_its_sequence():
    (said,) = load("zinc-site-seq").predict([Protein("finger", FINGER)])
    best = {FINGER[i] + str(i + 1) for i in np.argsort(said.scores[:, 0])[-6:]}
    assert best == {"C3", "C8", "H21", "H25", "C33", "C36"}
