"""Networks of pairs: they learn, encode each protein once, and break off without a trace."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.comparing.benchmark import plan
from protgraph.data import sets
from protgraph.data.batch import PAIRS, pair_batches
from protgraph.data.dataset import Pairs, shuffled
from protgraph.models.model import Model, load
from protgraph.recipe import Recipe
from protgraph.running import siamese
from protgraph.running.evaluate import sided
from protgraph.running.inputs import config_of, graphs_of
from protgraph.running.learn import learn
from protgraph.running.question import question
from protgraph.running.run import run
from protgraph.structure import synthetic
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import auroc

TASK = TASKS["ppi-human"]
KINDS = ("helices", "strands")
SIDES = {"train": range(24), "valid": range(24, 34), "test": range(34, 46)}


@pytest.fixture(scope="module")
def folds():
    """Ideal proteins that interact where their folds are of one kind; no side shares a protein."""
    proteins = [synthetic.protein(i, kind=KINDS[i % 2], length=60) for i in range(46)]
    # No helical one has a leucine, so that the letters tell too.
    proteins[::2] = [replace(p, sequence=p.sequence.replace("L", "K")) for p in proteins[::2]]
    rows = [(a, b, side) for side, own in SIDES.items() for a, b in itertools.combinations(own, 2)]
    pairs = np.array([row[:2] for row in rows])
    y = (pairs.sum(axis=1) % 2 == 0).astype(float)[:, None]
    return Pairs("folds", "made", tuple(proteins), pairs, y, tuple(row[2] for row in rows))


def recipe_of(encoder, **more):
    nodes = ["identity"] if encoder == "cnn" else ["identity", "dihedrals"]
    return Recipe(
        {
            "task": "ppi-human", "model.encoder": encoder, "model.width": 16, "model.layers": 1,
            "model.dropout": 0.0, "graph.nodes": nodes, "graph.edges": ["distance"],
            "graph.radius": 7.0, "data.batch": 900, "train.epochs": 20, "train.rate": 3e-3,
            "train.precision": "fp32", **more,
        }
    )  # fmt: skip


def scored(learned, data, rows):
    return np.stack(learned.score(rows))


# Learning


@pytest.mark.parametrize("encoder", ["cnn", "egnn"])
def test_a_network_learns_which_proteins_go_together(folds, encoder):
    learned = learn(recipe_of(encoder), TASK, folds)
    test = sided(TASK, learned, folds, "test")
    assert auroc(test.y[:, 0], test.scores[:, 0]) > 0.85
    assert learned.parameters == learned.model.size > 0
    assert set(learned.history.rows[0]) == {"loss", "auprc", "accuracy", "seconds"}


def test_training_stops_by_the_validation_pairs(folds):
    learned = learn(recipe_of("cnn"), TASK, folds)
    rows = folds.side("valid")
    found = TASK.measure(folds.y[rows], scored(learned, folds, rows))
    heights = [row["auprc"] for row in learned.history.rows]
    assert found["auprc"] == pytest.approx(max(heights))
    assert heights[learned.history.best] == max(heights)


def test_unknown_labels_and_proteins_that_meet_themselves_do_no_harm(folds):
    y = np.array(folds.y)
    y[::7] = np.nan
    pairs = np.array(folds.pairs)
    pairs[0] = 0, 0
    odd = Pairs("odd", "", folds.proteins, pairs, y, folds.split)
    learned = learn(recipe_of("cnn", **{"train.epochs": 1}), TASK, odd)
    assert np.isfinite(scored(learned, odd, odd.whole("train"))).all()


def test_classes_that_exclude_each_other_sum_to_one(folds):
    from protgraph.tasks.catalogue import own

    task = own("kinds", "pair", "classes", ("other", "same"))
    learned = learn(recipe_of("cnn", **{"train.epochs": 1, "train.balance": 0.5}), task, folds)
    assert scored(learned, folds, folds.whole("test")).sum(axis=1) == pytest.approx(1)


def test_language_vectors_follow_the_features(folds):
    more = {"vectors.encoder": "onehot", "train.epochs": 1}
    learned = learn(recipe_of("cnn", **more), TASK, folds)
    plain = Model(config_of(recipe_of("cnn"), TASK))
    assert learned.model.config.inputs > plain.config.inputs
    assert learned.model.config.vectors == "onehot"


def test_hidden_side_chains_change_what_is_learned(folds):
    nodes = ["identity", "side"]
    told = [
        learn(
            recipe_of("egnn", **{"graph.nodes": nodes, "train.epochs": 1, "train.drop_side": d}),
            TASK,
            folds,
        ).history.rows[0]["loss"]
        for d in (0.0, 1.0)
    ]
    assert told[0] != told[1]


# Each protein once


@given(st.integers(0, 10_000), st.integers(1, 400))
@settings(max_examples=40)
def test_every_pair_is_dealt_once_within_the_budget(seed, budget):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 100, 20)
    pairs = np.array([p for p in itertools.combinations_with_replacement(range(20), 2)])
    pairs = rng.permutation(pairs[rng.random(len(pairs)) < rng.random()], axis=0)
    dealt = pair_batches(pairs, sizes.tolist(), budget, generator=rng)
    assert sorted(itertools.chain(*dealt)) == list(range(len(pairs)))
    for rows in dealt:
        found = np.unique(pairs[rows])
        assert len(found) <= 2 or sizes[found].sum() <= budget
        assert len(rows) < PAIRS + 20


def test_batches_of_pairs_share_proteins_and_are_drawn_anew():
    rng = np.random.default_rng(0)
    pairs = np.array(list(itertools.combinations(range(60), 2)))
    pairs = pairs[rng.random(len(pairs)) < 0.3]
    one, again, other = (
        pair_batches(pairs, [10] * 60, 200, generator=np.random.default_rng(seed))
        for seed in (0, 0, 1)
    )
    assert one == again != other
    encoded = sum(len(np.unique(pairs[rows])) for rows in one)
    assert encoded < len(pairs)  # two a pair where pairs share nothing
    with pytest.raises(ValueError, match="a budget of 0"):
        pair_batches(pairs, [10] * 60, 0, generator=rng)


class Counting(torch.nn.Module):
    """An encoder that counts the residues it is given."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.seen = encoder, []

    def forward(self, data):
        self.seen.append(len(data.residue))
        return self.encoder(data)


def test_scoring_encodes_every_protein_once_however_many_pairs_it_is_in(folds):
    config = config_of(recipe_of("cnn"), TASK)
    model = Model(config)
    model.encoder = Counting(model.encoder)
    graphs = graphs_of(config, folds.proteins[:12])
    every = np.array(list(itertools.combinations_with_replacement(range(12), 2)))
    siamese.scores(model, graphs, every)
    assert sum(model.encoder.seen) == 12 * 60


def test_a_batch_encodes_every_protein_once_and_keeps_to_its_budget(folds, monkeypatch):
    seen = []
    forward = Model.vectors

    def counting(self, data):
        if self.training:
            seen.append(data.num_graphs)
        return forward(self, data)

    monkeypatch.setattr(Model, "vectors", counting)
    learn(recipe_of("cnn", **{"train.epochs": 1, "data.batch": 600}), TASK, folds)
    assert max(seen) <= 10
    assert sum(seen) < len(folds.side("train"))  # batches of random pairs would need about twice it


def test_scores_do_not_depend_on_who_else_is_asked_about(folds):
    learned = learn(recipe_of("egnn", **{"train.epochs": 1}), TASK, folds)
    rows = folds.whole("test")
    together = scored(learned, folds, rows)
    alone = np.concatenate([scored(learned, folds, rows[i : i + 1]) for i in range(0, 60, 7)])
    assert np.allclose(together[:60:7], alone, atol=1e-5)


def test_the_order_of_the_partners_changes_nothing(folds):
    torch.manual_seed(0)
    config = config_of(recipe_of("egnn"), TASK)
    graphs, model = graphs_of(config, folds.proteins[:6]), Model(config)
    every = np.array(list(itertools.product(range(6), repeat=2)))
    one = siamese.scores(model, graphs, every)
    assert np.array_equal(one, siamese.scores(model, graphs, every[:, ::-1].copy()))


# Keeping


def test_a_saved_model_scores_as_before(folds, tmp_path):
    learned = learn(recipe_of("cnn", **{"train.epochs": 1}), TASK, folds)
    again = load(learned.model.save(tmp_path / "model"))
    graphs = graphs_of(again.config, folds.proteins)
    rows = folds.whole("test")
    said = siamese.scores(again, graphs, folds.pairs[rows])
    assert np.allclose(said, scored(learned, folds, rows), atol=1e-6)
    assert again.describe().startswith("ppi-human: pair scores interaction\ncnn, width 16")


def test_a_broken_run_ends_with_the_numbers_of_an_unbroken_one(folds, tmp_path):
    recipe = recipe_of("cnn", **{"train.epochs": 3, "model.dropout": 0.3})
    whole = learn(recipe, TASK, folds)

    def stop(epoch, row):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(recipe, TASK, folds, folder=tmp_path, log=stop)
    resumed = learn(recipe, TASK, folds, folder=tmp_path)
    rows = folds.whole("test")
    assert np.array_equal(scored(whole, folds, rows), scored(resumed, folds, rows))
    assert [r["loss"] for r in whole.history.rows] == [r["loss"] for r in resumed.history.rows]


def test_a_run_keeps_its_model_and_its_numbers(folds, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    from mlflow import MlflowClient

    found = run(
        recipe_of("cnn", **{"train.epochs": 1}), name="made/cnn", folder=tmp_path, data=folds
    )
    assert load(found.folder / "model").config.level == "pair"
    told = json.loads((found.folder / "result.json").read_text())
    assert set(told["test"]) >= {"auprc", "accuracy", "mcc"}
    (kept,) = MlflowClient().get_run(found.summary["run"]).outputs.model_outputs
    assert MlflowClient().get_logged_model(kept.model_id).tags["task"] == "ppi-human"


# Controls and what is refused


def test_letters_of_pairs_are_shuffled_by_a_recipe(folds, monkeypatch):
    monkeypatch.setitem(sets.SETS, "ppi-human", lambda *, gaps=True: folds)
    _, found = question(recipe_of("cnn", **{"data.shuffle": True}))
    for new, old in zip(found.proteins, folds.proteins, strict=True):
        assert sorted(new.sequence) == sorted(old.sequence)
        assert new.sequence != old.sequence
        assert np.array_equal(new.backbone, old.backbone, equal_nan=True)
    assert found.split_digest == folds.split_digest
    assert np.array_equal(found.pairs, folds.pairs)
    assert shuffled(folds).digest == found.digest != folds.digest


def test_a_benchmark_plans_both_controls_of_a_network_of_pairs(tmp_path):
    for encoder in ("egnn", "cnn"):
        (tmp_path / f"{encoder}.yaml").write_text(f"task: ppi-human\nmodel.encoder: {encoder}\n")
    planned = plan(TASK, [str(tmp_path / f"{e}.yaml") for e in ("egnn", "cnn")], 2)
    models = {name.partition("/")[2] for name in planned} - {""}
    assert models == {
        "egnn", "egnn, edges shuffled", "egnn, letters shuffled", "cnn", "cnn, letters shuffled",
    }  # fmt: skip
    assert set(TASK.baselines) < set(planned)


@pytest.mark.parametrize("encoder", ["egnn", "gcn"])
def test_a_graph_network_of_sequences_is_refused_by_name(folds, encoder):
    bare = (*folds.proteins[:-1], Protein("ghost", "MKV"))
    data = Pairs("bare", "", bare, folds.pairs, folds.y, folds.split)
    said = rf"ghost: {encoder} looks at structures, .* of bare .* data\.structure=fold .* cnn"
    with pytest.raises(ValueError, match=said):
        learn(recipe_of(encoder), TASK, data)
    assert learn(recipe_of("cnn", **{"train.epochs": 1}), TASK, data).model is not None


def test_what_pairs_do_not_have_is_refused(folds):
    with pytest.raises(ValueError, match=r"pairs are scored by prior, .*egnn.* got 'shells-boost"):
        learn(recipe_of("shells-boosting"), TASK, folds)
    with pytest.raises(ValueError, match=r"pairs have no nearest .* model\.fused=true"):
        learn(recipe_of("cnn", **{"model.fused": True}), TASK, folds)
