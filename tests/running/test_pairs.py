"""Pairs: baselines know what they say they know, partners have no order, sides are the sources'."""

import numpy as np
import pytest

from protgraph.data.dataset import Pairs
from protgraph.data.partners import ROUTES, SCHEMES, human, share, shs27k, yeast
from protgraph.recipe import Recipe
from protgraph.running import pairs
from protgraph.running.evaluate import Scored, centred, sided
from protgraph.running.learn import learn
from protgraph.structure.protein import Protein
from protgraph.tasks.calls import binary_accuracy, micro_f1
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import auprc

TASK = TASKS["ppi-human"]


def made(count=40, seed=0, outputs=1):
    """Pairs whose label is whether the first protein of the two is a hub."""
    rng = np.random.default_rng(seed)
    proteins = tuple(
        Protein(f"p{i}", "".join(rng.choice(list("ACDEFGHIKL"), 30))) for i in range(count)
    )
    every = [(i, j) for i in range(count) for j in range(i, count)]
    chosen = rng.permutation(len(every))[:300]
    rows = np.array([every[i] for i in chosen])
    y = np.repeat((rows.min(axis=1) < 8)[:, None], outputs, axis=1).astype(float)
    side = tuple(rng.choice(["train", "valid", "test"], 300, p=[0.7, 0.15, 0.15]).tolist())
    return Pairs("made", "", proteins, rows, y, side)


def turned(data):
    """The same pairs with their partners exchanged."""
    return Pairs(data.name, "", data.proteins, data.pairs[:, ::-1], data.y, data.split)


@pytest.mark.parametrize("name", pairs.BASELINES)
def test_the_order_of_the_partners_changes_nothing(name):
    data = made()
    rows = np.arange(len(data.pairs))
    one = pairs.BASELINES[name](data).score(rows)
    other = pairs.BASELINES[name](turned(data)).score(rows)
    assert np.allclose(one, other, atol=1e-6)


def test_degrees_find_hubs_and_labels_do_too():
    data = made()
    rows = data.whole("test")
    for name in ("degree", "label-prior"):
        said = np.stack(pairs.BASELINES[name](data).score(rows))[:, 0]
        assert auprc(data.y[rows, 0], said) > 0.85
    assert len(np.unique(np.stack(pairs.BASELINES["prior"](data).score(rows)))) == 1


def test_degrees_say_nothing_of_proteins_that_training_does_not_have():
    data = made()
    new = data.pairs[data.whole("test")] + len(data.proteins)
    both = (*data.proteins, *(Protein(f"new-{p.name}", p.sequence) for p in data.proteins))
    rows = np.concatenate([data.pairs[data.whole("train")], new])
    y = np.concatenate([data.y[data.whole("train")], data.y[data.whole("test")]])
    sides = ["train"] * len(data.whole("train")) + ["test"] * len(new)
    sides[0] = "valid"
    apart = Pairs("apart", "", both, rows, y, tuple(sides))
    said = np.stack(pairs.BASELINES["degree"](apart).score(apart.whole("test")))
    assert np.ptp(said) == 0
    votes = np.stack(pairs.BASELINES["label-prior"](apart).score(apart.whole("test")))
    assert votes == pytest.approx(apart.y[apart.whole("train")].mean())


def test_a_training_pair_does_not_count_itself():
    # Every protein has one training pair, so what is left of it without that pair is nothing: new
    # pairs of proteins with a positive one each are as likely as any.
    proteins = tuple(Protein(f"p{i}", "MKV") for i in range(80))
    train = np.arange(80).reshape(40, 2)
    rows = np.concatenate([train, [[2, 6], [0, 4]]])  # proteins of positive pairs
    y = np.append(np.arange(40) % 2 == 0, [False, True])[:, None].astype(float)
    y[[1, 3]] = 1.0
    y[[0, 2]] = 0.0
    data = Pairs("one", "", proteins, rows, y, ("train",) * 40 + ("valid", "test"))
    said = np.stack(pairs.BASELINES["degree"](data).score(np.arange(40, 42)))
    assert said == pytest.approx(0.5, abs=0.05)


def test_the_family_of_a_pair_is_its_busier_protein():
    data = made()
    learned = learn(Recipe({"task": "ppi-human", "model.encoder": "prior"}), TASK, data)
    test = sided(TASK, learned, data, "test")
    rows = data.whole("test")
    times = np.bincount(data.pairs[rows].ravel(), minlength=len(data.proteins))
    for row, name in zip(rows, test.families, strict=True):
        names = {data.proteins[p].name: times[p] for p in data.pairs[row]}
        assert names[name] == max(names.values())


def test_centred_scores_keep_their_order_and_call_from_a_half_on():
    rng = np.random.default_rng(0)
    y = (rng.random((50, 3)) < 0.3).astype(np.float32)
    s = (0.2 * rng.random((50, 3)) + 0.15 * y).astype(np.float32)
    one = Scored(y, s, np.arange(50), np.arange(50).astype(str))
    valid, test = centred(one, one)
    assert np.array_equal(np.argsort(s, axis=None), np.argsort(test.scores, axis=None))
    best = max(micro_f1(y, s, t) for t in np.unique(s))
    assert micro_f1(y, valid.scores) == pytest.approx(best)
    assert micro_f1(y, s) < best


def test_binary_accuracy_and_micro_f1_count_as_by_hand():
    assert binary_accuracy([1, 0, np.nan, 1], [0.5, 0.4, 0.9, 0.2]) == pytest.approx(2 / 3)
    # Two of three calls are right, and two of three truths are called.
    y, s = [[1, 0], [1, np.nan], [1, 0]], [[0.9, 0.1], [0.6, 0.9], [0.2, 0.7]]
    assert micro_f1(y, s) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="same shape"):
        micro_f1([[1, 0]], [[0.1]])


def sizes(data):
    return tuple(len(data.whole(side)) for side in ("train", "valid", "test"))


def test_yeast_pairs_share_proteins_where_the_scheme_says_so(data):
    found = {scheme: yeast(scheme) for scheme in SCHEMES}
    assert {scheme: sum(sizes(one)) for scheme, one in found.items()} == {
        "original": 11_152, "rewired": 11_234, "partition": 6360,
    }  # fmt: skip

    def seen(one, *sides):
        return {p for side in sides for p in one.pairs[one.whole(side)].ravel().tolist()}

    assert not seen(found["partition"], "test") & seen(found["partition"], "train", "valid")
    assert seen(found["original"], "test") & seen(found["original"], "train")
    for one in found.values():
        assert all(
            min(share(one.proteins[a].name), share(one.proteins[b].name)) < 0.1
            for a, b in one.pairs[one.whole("valid")]
        )


def test_human_pairs_share_no_protein(data):
    found = human()
    assert sizes(found) == (79_890, 26_639, 20_906)
    sides = [set(found.pairs[found.whole(s)].ravel().tolist()) for s in ("train", "valid", "test")]
    assert not sides[2] & (sides[0] | sides[1])


def test_shs27k_tests_on_the_pairs_of_its_source(data):
    for route in ROUTES:
        found = shs27k(route, 1)
        assert len(found.pairs) == 7624
        assert len(found.whole("test")) == 1524
        assert 500 < len(found.whole("valid")) < 720
    with pytest.raises(ValueError, match=r"random_0, .* got 'random_3'"):
        shs27k("random", 3)


def test_another_scheme_is_refused():
    with pytest.raises(ValueError, match=r"one of .* got 'guo'"):
        yeast("guo")
