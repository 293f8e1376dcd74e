"""Learning: it learns, and how a step is cut into batches does not change the numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small import PLAIN, items, joined, loss_of, network, trained, watch, weights

from protgraph.train.checkpoint import CHECKPOINT
from protgraph.train.loop import Settings, fit

# It learns


@pytest.fixture(scope="module")
def sites():
    """Graphs of proteins with planted sites."""
    from protgraph.graph.build import build
    from protgraph.structure import synthetic

    graphs = []
    for protein, y in synthetic.dataset(40, seed=1):
        graph = build(
            protein, radius=8.0, point="side", steps=0,
            nodes=("identity",), edges=("sides", "separation"),
        )  # fmt: skip
        graph.y = torch.from_numpy(y)[:, None]
        graphs.append(graph)
    return graphs


@pytest.mark.parametrize("encoder", ["gcn", "egnn"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_small_network_learns_planted_sites(sites, encoder, precision):
    from torch_geometric.data import Batch

    from protgraph.models.model import Config, Model
    from protgraph.tasks.loss import binary_cross_entropy
    from protgraph.tasks.metrics import auprc

    torch.manual_seed(0)
    model = Model(
        Config("planted", "residue", ("site",), encoder, inputs=21, edges=20, kinds=5,
               width=16, layers=2, dropout=0.0)
    )  # fmt: skip
    unseen = Batch.from_data_list(sites[30:])

    def batches(epoch):
        order = np.random.default_rng(epoch).permutation(30)
        return [Batch.from_data_list([sites[i] for i in order[k : k + 6]]) for k in range(0, 30, 6)]

    def loss(batch):
        return binary_cross_entropy(model(batch).float(), batch.y), len(batch.y)

    def evaluate():
        height = auprc(unseen.y[:, 0].numpy(), model.probabilities(unseen)[:, 0].numpy())
        return height, {"auprc": height}

    settings = Settings(epochs=14, patience=14, rate=2e-2, precision=precision)
    rows = fit(model, batches, loss=loss, evaluate=evaluate, settings=settings).rows
    assert rows[-1]["loss"] < rows[1]["loss"] < rows[0]["loss"]
    # A residue drawn at random is right in 3 of some 90; contacts tell much, distances more.
    assert rows[-1]["auprc"] > {"gcn": 0.2, "egnn": 0.4}[encoder] > 3 * rows[0]["auprc"]


# How a step is cut does not matter


@pytest.mark.parametrize(
    "sizes", [((5, 5), (5, 5)), ((7, 7), (2, 1)), ((4, 4), (6, 0)), ((6, 0), (4, 4))]
)  # fmt: skip
def test_how_a_step_is_cut_into_batches_does_not_matter(sizes):
    one, two = (items(n, seed, labelled) for seed, (n, labelled) in enumerate(sizes))
    whole, cut = network(), network()
    first = trained(whole, [joined(one, two)])
    second = trained(cut, [one, two], accumulate=2)
    assert not torch.allclose(weights(whole), weights(network()), atol=1e-2)
    assert torch.allclose(weights(whole), weights(cut), atol=1e-6)
    losses = [[row["loss"] for row in history.rows] for history in (first, second)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_a_step_of_more_items_weighs_no_more():
    # Adam forgives a factor common to all steps, so only one of two steps has its items twice.
    one, two = items(6, 0), items(6, 1)
    plain, other = network(), network()
    trained(plain, [one, two], clip=1e9)
    trained(other, [one, joined(two, two)], clip=1e9)
    assert torch.allclose(weights(plain), weights(other), atol=1e-6)


def test_the_last_step_takes_the_batches_that_are_left():
    parts = [items(4, seed) for seed in range(3)]
    whole, cut = network(), network()
    trained(whole, [joined(*parts[:2]), parts[2]])
    trained(cut, parts, accumulate=2)
    assert torch.allclose(weights(whole), weights(cut), atol=1e-6)


def test_the_loss_of_an_epoch_is_the_mean_over_its_labelled_items():
    model = network()
    batches = [items(9, 0, labelled=2), items(5, 1)]
    with torch.no_grad():
        expected = sum(float(loss_of(model)(batch)[0]) for batch in batches) / 7
    rows = trained(model, batches, rate=1e-9, decay=0.0, epochs=1).rows
    assert rows[0]["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_step_without_a_labelled_item_changes_no_weight(place):
    full = [items(5, 0), items(6, 1)]
    empty = [*full[:place], items(7, 2, labelled=0), *full[place:]]
    plain, other = network(), network()
    # The warm-up is as long as the epoch, so both have rates of .1 and .2.
    settings = {"epochs": 1, "decay": 0.5, "warmup": 0.99}
    trained(plain, full, rate=0.2, **settings)
    trained(other, empty, rate=0.3, **settings)
    assert not torch.allclose(weights(plain), weights(network()), atol=1e-3)
    assert torch.allclose(weights(plain), weights(other), atol=1e-6)


def test_an_epoch_without_a_labelled_item_is_an_error():
    with pytest.raises(ValueError, match="needs a labelled item, but epoch 0 has none"):
        trained(network(), [items(4, 0, labelled=0)])
    with pytest.raises(ValueError, match="needs a labelled item"):
        trained(network(), [])


# Rates, clipping


def test_the_rate_warms_up_in_a_line_and_decays_as_a_cosine(tmp_path):
    rates = []

    def log(epoch, row):
        stored = torch.load(tmp_path / CHECKPOINT, weights_only=True)
        rates.append(stored["optimizer"]["param_groups"][0]["lr"])

    settings = {"epochs": 10, "warmup": 0.4, "rate": 0.08, "patience": 10}
    trained(network(), [items(4, 0)], folder=tmp_path, log=log, **settings)
    # Steps 0 to 3 warm up: 1/4, 2/4, 3/4, 4/4; six more go down half a cosine wave.
    cosine = [1.0, 0.9330127, 0.75, 0.5, 0.25, 0.0669873]
    assert rates == pytest.approx([0.08 * f for f in [0.25, 0.5, 0.75, 1.0, *cosine]], abs=1e-8)


def test_the_first_step_has_the_first_rate_of_the_warm_up():
    # Adam's first step is the rate in every weight that has a gradient.
    model = network()
    trained(model, [items(20, 0)], epochs=1, warmup=0.0, rate=0.01, decay=0.0)
    step = (weights(model) - weights(network())).abs()
    assert step.max() == pytest.approx(0.01, rel=1e-3)
    batches = [items(20, seed) for seed in range(10)]
    model = network()
    seen = []
    loss = loss_of(model)

    def spied(batch):
        seen.append(weights(model))
        return loss(batch)

    settings = Settings(**{**PLAIN, "epochs": 1, "warmup": 0.5, "rate": 0.01, "decay": 0.0})
    fit(model, lambda _: batches, loss=spied, evaluate=watch(model), settings=settings)
    assert (seen[1] - seen[0]).abs().max() == pytest.approx(0.01 / 5, rel=1e-3)


def test_a_large_gradient_is_clipped():
    # Adam divides by the gradient's size, so clipping shows where sizes differ between steps.
    batches = [items(4, 0), (items(4, 1)[0] * 1e4, items(4, 1)[1]), items(4, 2)]
    free, held = network(), network()
    trained(free, batches, epochs=1, clip=1e9)
    trained(held, batches, epochs=1, clip=0.01)
    assert not torch.allclose(weights(free), weights(held), atol=1e-3)


# What is not a number


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_an_error(bad):
    x, y = items(4, 0)
    with pytest.raises(FloatingPointError, match=r"epoch 0 is nan .* smaller train.rate than 0.05"):
        trained(network(), [(x * bad, y)])


def test_a_gradient_that_is_not_finite_is_an_error():
    model = network()
    before = weights(model)

    def loss(batch):
        # The root is 0 and its slope infinite.
        return model[0].weight.sub(model[0].weight.detach()).abs().sum().sqrt(), 1

    with pytest.raises(FloatingPointError, match=r"epoch 0 is 0\.0 with a gradient of nan"):
        fit(
            model, lambda _: [items(2, 0)], loss=loss, evaluate=watch(model),
            settings=Settings(**PLAIN),
        )  # fmt: skip
    assert torch.equal(weights(model), before)


def test_a_monitor_that_is_no_number_is_an_error():
    with pytest.raises(FloatingPointError, match="NaN after epoch 0"):
        trained(network(), [items(4, 0)], evaluate=lambda: (math.nan, {}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("patience", 0), ("rate", 0.0), ("rate", math.nan), ("warmup", 1.0),
        ("decay", -0.1), ("clip", 0.0), ("accumulate", 0), ("precision", "fp16"), ("seed", -1),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"train\.{name} cannot be {value!r}"):
        Settings(**{name: value})
