"""Baselines of proteins and residues, each on data whose answer is known."""

import numpy as np
import pytest

from protgraph.data.dataset import Dataset, Example
from protgraph.recipe import Recipe
from protgraph.running.baselines import BASELINES, fused
from protgraph.running.learned import Learned
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS, own

CLASSES = own("made", "protein", "classes", ("few", "some", "many"))
VALUES = own("made", "protein", "value", ("share",))
LABELS = own("made", "protein", "multilabel", ("K", "W"))
STATES = own("made", "residue", "classes", ("other", "after K"))


def dataset(label, count=90):
    """Proteins of five letters in shares of their own, and what `label` says of each."""
    rng = np.random.default_rng(0)
    examples = []
    for i in range(count):
        letters = "".join(rng.choice(list("ADGKW"), 40, p=rng.dirichlet(np.ones(5))))
        side = ("train", "train", "train", "valid", "test")[i % 5]
        y = np.asarray(label(letters), dtype=np.float32)
        examples.append(Example(Protein(f"p{i}", letters), y, side, f"f{i}"))
    return Dataset("made", "", tuple(examples))


def value_of(name, task, data, **keys):
    recipe = Recipe({"task": "made", "model.encoder": name, **keys})
    test = data.side("test")
    said = np.concatenate(
        [np.atleast_2d(s) for s in BASELINES[name](recipe, task, data).score(test)]
    )
    y = np.concatenate([np.atleast_2d(e.y) for e in test])
    return task.measure(y, said)[task.monitor], said


@pytest.mark.parametrize("name", ["composition-linear", "kmer-linear", "kmer-fused"])
def test_classes_values_and_labels_are_learned_from_letters(name):
    share = dataset(lambda s: [min(s.count("K") // 6, 2)])
    assert value_of(name, CLASSES, share)[0] > 0.75
    assert value_of(name, VALUES, dataset(lambda s: [s.count("K") / 40]))[0] > 0.9
    both = dataset(lambda s: [s.count("K") > 8, s.count("W") > 8])
    height, said = value_of(name, LABELS, both)
    assert height > 0.9
    assert said.min() >= 0
    assert said.max() <= 1


def test_neighbours_beat_the_prior():
    data = dataset(lambda s: [min(s.count("K") // 6, 2)])
    assert value_of("kmer-neighbour", CLASSES, data)[0] > value_of("prior", CLASSES, data)[0] + 0.2
    by_vectors, _ = value_of("kmer-neighbour", CLASSES, data, **{"vectors.encoder": "onehot"})
    assert by_vectors > 0.6


def test_the_prior_is_the_mean_of_training():
    data = dataset(lambda s: [s.count("K") / 40])
    _, said = value_of("prior", VALUES, data)
    assert said == pytest.approx(np.mean([e.y for e in data.side("train")]))


def test_positions_of_variants_are_learned():
    rng = np.random.default_rng(0)
    wild = "MKVADGTWQE"
    effect = rng.normal(size=10)
    examples = []
    for i in range(100):
        changed = rng.random(10) < 0.2
        letters = "".join("A" if c else w for w, c in zip(wild, changed, strict=True))
        side = ("train", "train", "train", "valid", "test")[i % 5]
        y = np.array([effect[changed].sum()])
        examples.append(Example(Protein(f"v{i}", letters), y, side, f"v{i}"))
    data = Dataset("variants", "", tuple(examples))
    assert value_of("onehot-ridge", VALUES, data)[0] > 0.95


def test_a_window_of_letters_tells_states_of_residues():
    data = dataset(lambda s: [[float(i > 0 and s[i - 1] == "K")] for i in range(len(s))], 40)
    height, said = value_of("window-linear", STATES, data)
    assert height > 0.99
    assert said.shape == (8 * 40, 2)


def test_vectors_are_read_by_a_linear_probe():
    data = dataset(lambda s: [[float(letter == "K")] for letter in s], 40)
    height, _ = value_of("vectors-linear", STATES, data, **{"vectors.encoder": "onehot"})
    assert height == 1.0
    share = dataset(lambda s: [min(s.count("K") // 6, 2)])
    assert value_of("vectors-linear", CLASSES, share, **{"vectors.encoder": "onehot"})[0] > 0.75
    recipe = Recipe({"task": "made", "model.encoder": "vectors-linear"})
    with pytest.raises(ValueError, match=r"needs a vectors\.encoder"):
        BASELINES["vectors-linear"](recipe, STATES, data)


def test_validation_says_how_much_the_neighbours_count():
    data = dataset(lambda s: [min(s.count("K") // 6, 2)])
    recipe = Recipe({"task": "made", "model.encoder": "kmer-linear"})
    near = BASELINES["kmer-neighbour"](recipe, CLASSES, data)
    test = data.side("test")

    def mixed(score):
        return np.stack(fused(recipe, CLASSES, data, Learned(score, None, None, 0)).score(test))

    def right(examples):
        return list(np.eye(3, dtype=np.float32)[[int(e.y[0]) for e in examples]])

    def wrong(examples):
        return [1 - own for own in right(examples)]

    assert np.array_equal(mixed(right), np.stack(right(test)))
    votes = np.stack(near.score(test))
    assert np.abs(mixed(wrong) - votes).max() < np.abs(np.stack(wrong(test)) - votes).max()


def test_a_baseline_of_another_level_is_refused():
    data = dataset(lambda s: [0.0])
    for name, said in (
        ("kmer-linear", "scores a protein"),
        ("shells-boosting", "scores a residue"),
    ):
        task = TASKS["zinc-site"] if name == "kmer-linear" else CLASSES
        with pytest.raises(ValueError, match=f"{name} {said}"):
            BASELINES[name](Recipe({"task": "made", "model.encoder": name}), task, data)
    window = Recipe({"task": "made", "model.encoder": "window-linear"})
    with pytest.raises(ValueError, match="window-linear tells classes apart; zinc-site has none"):
        BASELINES["window-linear"](window, TASKS["zinc-site"], data)
