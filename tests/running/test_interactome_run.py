"""A network over the interaction network: what it hears, what it must not see, and its controls."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.comparing.benchmark import plan
from protgraph.data.dataset import Pairs
from protgraph.models.interactome import GIN
from protgraph.recipe import DEFAULTS, LATER, Recipe
from protgraph.running import interactome
from protgraph.running.evaluate import Scored, by_seen
from protgraph.running.interactome import features, learn, network, rewired
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import auprc

TASK = replace(TASKS["shs27k-random-0"], outputs=("both", "first", "second"))
HUBS, LEAVES = 20, 60


def recipe(**changes):
    given = {
        "task": TASK.name, "model.encoder": "gin", "model.width": 16, "model.layers": 1,
        "model.dropout": 0.0, "data.batch": 64, "train.epochs": 30, "train.rate": 1e-2,
        "train.precision": "fp32",
    }  # fmt: skip
    return Recipe({**given, **{key.replace("__", "."): value for key, value in changes.items()}})


def planted(seed=0):
    """Leaves of one sequence each hang on hubs of one kind, which is what their pairs are of.

    Pairs of leaves are train, valid and test; labels are "both" always, then the kind of the hubs.
    """
    rng = np.random.default_rng(seed)
    letters = ("AAAAC", "GGGGC")
    hubs = [Protein(f"h{i}", "".join(rng.choice(list(letters[i % 2]), 30))) for i in range(HUBS)]
    leaves = [Protein(f"l{i}", "MKVMKV") for i in range(LEAVES)]
    kind = np.append(np.arange(HUBS) % 2, rng.integers(0, 2, LEAVES))
    pairs, side = [], []
    for leaf in range(HUBS, HUBS + LEAVES):
        for hub in rng.choice(np.flatnonzero(kind[:HUBS] == kind[leaf]), 3, replace=False):
            pairs.append((leaf, hub))
            side.append("train")
    for a in range(HUBS, HUBS + LEAVES):
        for b in range(a + 1, HUBS + LEAVES):
            if kind[a] == kind[b] and rng.random() < 0.12:
                pairs.append((a, b))
                side.append(rng.choice(["train", "valid", "test"], p=[0.4, 0.2, 0.4]))
    rows = np.array(pairs)
    of = kind[rows[:, 0]]
    y = np.stack([np.ones(len(rows)), of == 0, of == 1], axis=1).astype(float)
    return Pairs("planted", "", (*hubs, *leaves), rows, y, tuple(side))


def heard(learned, data):
    """AUPRC of the kind on the test side."""
    rows = data.whole("test")
    return auprc(data.y[rows, 1], np.stack(learned.score(rows))[:, 1])


def moved(data, side):
    """Other pairs on one side: both partners and labels."""
    pairs, y = data.pairs.copy(), data.y.copy()
    known = {tuple(sorted(pair)) for pair in pairs.tolist()}
    free = iter((a, b) for a in range(HUBS) for b in range(a, HUBS) if (a, b) not in known)
    for row in data.whole(side):
        pairs[row] = next(free)
    y[data.whole(side)] = y[data.whole(side)][::-1, ::-1]
    return replace(data, pairs=pairs, y=y)


def test_a_rule_of_the_neighbours_is_learned_with_edges_and_not_without():
    data = planted()
    assert heard(learn(recipe(), TASK, data), data) > 0.95
    share = data.y[data.whole("test"), 1].mean()
    assert heard(learn(recipe(model__layers=0), TASK, data), data) == pytest.approx(share)
    assert heard(learn(recipe(graph__shuffle=True), TASK, data), data) < 0.8


def test_the_order_of_the_partners_changes_nothing():
    data = planted()
    other = replace(data, pairs=data.pairs[:, ::-1])
    rows = np.arange(len(data.pairs))
    short = recipe(train__epochs=2)
    one, two = (np.stack(learn(short, TASK, d).score(rows)) for d in (data, other))
    assert np.allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("side", ["valid", "test"])
def test_inductive_training_sees_no_pair_of_another_side(side):
    data, short = planted(), recipe(train__epochs=1)  # no epoch for validation to choose
    other, rows = moved(data, side), data.whole("train")
    assert not np.array_equal(data.pairs, other.pairs)

    def said(settings):
        return [np.stack(learn(settings, TASK, d).score(rows)) for d in (data, other)]

    assert np.array_equal(*said(short))
    assert not np.array_equal(*said(recipe(train__epochs=1, network__edges="all")))


def test_labels_of_test_pairs_are_looked_at_by_nobody():
    data, settings = planted(), recipe(train__epochs=3, network__edges="all")
    y = data.y.copy()
    y[data.whole("test")] = y[data.whole("test")][:, [0, 2, 1]]
    rows = np.arange(len(data.pairs))
    one, two = (learn(settings, TASK, d).score(rows) for d in (data, replace(data, y=y)))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(("edges", "share"), [("train", 0.0), ("all", 1.0)])
def test_pairs_that_are_learned_are_edges_where_pairs_that_are_asked_are(monkeypatch, edges, share):
    seen = {True: [], False: []}

    class Spy(GIN):
        def forward(self, x, ends, pairs):
            there = {tuple(sorted(end)) for end in ends.tolist()}
            found = [tuple(sorted(pair)) in there for pair in pairs.tolist()]
            seen[self.training].append((np.mean(found), len(there)))
            return super().forward(x, ends, pairs)

    monkeypatch.setattr(interactome, "GIN", Spy)
    data = planted()
    learn(recipe(train__epochs=1, network__edges=edges), TASK, data)
    count = len(data.whole("train")) if edges == "train" else len(data.pairs)
    assert {found for found, _ in seen[True]} == {share}
    assert {size for _, size in seen[True][:-1]} == {count - 64 * (edges == "train")}
    assert seen[False] == [(share, count)]


def test_edges_are_the_pairs_of_which_an_output_is_true():
    data = planted()
    y = data.y.copy()
    negative, unknown = data.whole("train")[:2]
    y[negative], y[unknown, 0] = 0.0, np.nan
    other = replace(data, y=y)
    rows, ends = network(recipe(), other)
    assert rows.tolist() == [row for row in data.whole("train") if row != negative]
    assert np.array_equal(ends.numpy(), data.pairs[rows.numpy()])
    with pytest.raises(ValueError, match=r"planted: network.edges=all .* got 1 of which no output"):
        network(recipe(network__edges="all"), other)


def test_a_rewired_network_knows_its_rows():
    data = planted()
    rows, ends = network(recipe(graph__shuffle=True), data)
    plain_rows, plain = network(recipe(), data)
    assert torch.equal(rows, plain_rows)
    assert (ends != plain).any(dim=1).float().mean() > 0.5
    assert torch.equal(*(torch.bincount(both.ravel()) for both in (ends, plain)))
    assert not torch.equal(ends, network(recipe(graph__shuffle=True, seed=1), data)[1])


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted).map(tuple)))
@settings(max_examples=50)
def test_rewiring_keeps_degrees_and_makes_no_pair_twice(pairs):
    given = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    made = rewired(given, seed=0)
    assert made.shape == given.shape
    assert np.array_equal(*(np.bincount(p.ravel(), minlength=10) for p in (given, made)))
    assert len(np.unique(np.sort(made, axis=1), axis=0)) == len(given)
    own = given[:, 0] == given[:, 1]
    assert np.array_equal(made[own], given[own])
    assert (made[~own, 0] != made[~own, 1]).all()


def test_features_are_scaled_by_what_training_has():
    data = planted()
    x, seen = features(recipe(), data), np.unique(data.pairs[data.whole("train")])
    assert np.abs(x[seen].mean(axis=0)).max() < 1e-4
    assert set(np.round(x[seen].std(axis=0), 3)) == {0.0, 1.0}
    new = Protein("new", "W" * 500)
    other = replace(data, proteins=(*data.proteins, new))
    assert np.array_equal(features(recipe(), other)[:-1], x)
    wide = features(recipe(vectors__encoder="onehot"), data)
    assert np.array_equal(wide[:, : x.shape[1]], x)
    assert wide.shape[1] == x.shape[1] + 21


def test_a_run_that_broke_off_ends_as_if_it_had_not(tmp_path):
    data, settings = planted(), recipe(train__epochs=4, model__dropout=0.2)
    rows = np.arange(len(data.pairs))
    whole = learn(settings, TASK, data)

    def breaks(epoch, row):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(settings, TASK, data, folder=tmp_path, log=breaks)
    told = []
    again = learn(settings, TASK, data, folder=tmp_path, log=lambda epoch, row: told.append(epoch))
    assert told == [2, 3]
    assert np.array_equal(whole.score(rows), again.score(rows))
    assert whole.parameters == again.parameters > 0


def test_outputs_that_exclude_each_other_are_refused():
    with pytest.raises(ValueError, match="gin scores outputs that stand alone"):
        learn(recipe(), replace(TASK, exclusive=True), planted())


def test_a_network_without_layers_is_for_gin_alone():
    assert recipe(model__layers=0)["model.layers"] == 0
    with pytest.raises(ValueError, match=r"model.layers cannot be 0 with 'egnn'"):
        recipe(model__layers=0, model__encoder="egnn")
    with pytest.raises(ValueError, match=r"network.edges cannot be 'test'"):
        recipe(network__edges="test")


def test_keys_that_came_later_do_not_change_what_older_recipes_are_called(monkeypatch):
    one = recipe().digest
    assert recipe(network__edges="train").digest == one != recipe(network__edges="all").digest
    monkeypatch.setattr("protgraph.recipe.DEFAULTS", {k: v for k, v in DEFAULTS.items()})
    for key in LATER:
        monkeypatch.delitem(DEFAULTS, key)
    older = Recipe.__new__(Recipe)
    older._keys = {key: value for key, value in recipe()._keys.items() if key not in LATER}
    assert older.digest == one
    assert "network.edges" in json.dumps(list(recipe()))


def test_the_edges_of_a_network_have_a_control_and_no_edges_have_none():
    task = TASKS["shs27k-random-0"]
    planned = plan(task, ["shs27k/gin_inductive", "shs27k/gin_transductive", "shs27k/mlp"], 1)
    rewirings = {name for name in planned if name.endswith("edges shuffled")}
    assert rewirings == {f"shs27k/gin_{way}ductive, edges shuffled" for way in ("in", "trans")}


def scored(count, y=None):
    return Scored(
        np.ones((count, 1)) if y is None else y,
        np.arange(count, dtype=float)[:, None],
        np.arange(count),
        np.arange(count).astype(str),
    )


def test_pairs_are_told_apart_by_how_many_partners_training_knows():
    # Training knows a and b; its pair of e and f has no label, so these are not known.
    six = tuple(Protein(name, "M") for name in "abcdef")
    rows = [[0, 1], [4, 5], [0, 0], [1, 1], [2, 0], [2, 3], [2, 2], [4, 1]]
    y = np.ones((8, 1))
    y[1] = np.nan
    data = Pairs("six", "", six, np.array(rows), y, ("train",) * 2 + ("valid",) + ("test",) * 5)
    parts = by_seen(data, scored(5))
    places = {kind: part.protein.tolist() for kind, part in parts.items()}
    assert places == {"C1": [0], "C2": [1, 4], "C3": [2, 3]}
    for part in parts.values():
        assert part.scores[:, 0].tolist() == part.protein.tolist()
        assert part.families.tolist() == [str(place) for place in part.protein]
        assert len(part.y) == len(part.protein)
    assert list(by_seen(data, scored(1), side="valid")) == ["C1"]
    with pytest.raises(ValueError, match=r"six: its test side has 5 pairs, .* scores of 4"):
        by_seen(data, scored(4))
    with pytest.raises(ValueError, match=r"six: its test side"):
        by_seen(data, scored(5, np.zeros((5, 1))))


def test_classes_of_shs27k_are_those_of_its_splits(data):
    from protgraph.data.partners import shs27k

    found = {}
    for route in ("random", "bfs", "dfs"):
        one = shs27k(route, 0)
        rows = one.whole("test")
        test = Scored(one.y[rows], one.y[rows], np.arange(len(rows)), rows.astype(str))
        found[route] = [len(part.y) for part in by_seen(one, test).values()]
    assert found == {"random": [1406, 112, 6], "bfs": [19, 1090, 415], "dfs": [48, 1312, 164]}
