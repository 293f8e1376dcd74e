"""Scores of pairs: no first partner, worked by hand, the same alone and among others."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from protgraph.models.heads import PairHead, ProteinHead
from protgraph.models.model import Config, Model, load


def model_of(level="pair", **changes):
    torch.manual_seed(0)
    return Model(
        Config(
            "demo", level, ("binds", "cuts"), "gcn", inputs=4, edges=2, kinds=5, width=8, layers=1,
            **changes,
        )
    ).eval()  # fmt: skip


def graphs(count=5):
    generator = torch.Generator().manual_seed(0)
    return [
        Data(
            x=torch.randn(3 + i, 4, generator=generator),
            edge_index=torch.tensor([[0, 1], [1, 2]]),
        )
        for i in range(count)
    ]


EVERY = torch.cartesian_prod(torch.arange(5), torch.arange(5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_order_of_the_partners_changes_no_bit(dtype):
    head = PairHead(8, 2).eval().to(dtype)
    vectors = torch.randn(5, 16, dtype=dtype)
    assert torch.equal(head(vectors, EVERY), head(vectors, EVERY.flip(1)))


def test_features_are_sum_difference_and_product():
    head = PairHead(1, 1)
    head.norm = head.own.out = torch.nn.Identity()
    vectors = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    said = head(vectors, torch.tensor([[0, 1], [1, 1]]))
    assert said.tolist() == [
        [4.0, -1.5, 2.0, 2.5, 3.0, -1.0],
        [6.0, 1.0, 0.0, 0.0, 9.0, 0.25],
    ]


def test_a_protein_is_pooled_as_one_that_is_scored_by_itself():
    torch.manual_seed(0)
    head, alone = PairHead(4, 1), ProteinHead(4, 1)
    kept = {k: v for k, v in head.own.state_dict().items() if not k.startswith("out")}
    alone.load_state_dict(kept, strict=False)
    h, batch = torch.randn(6, 4), torch.tensor([0, 0, 0, 1, 1, 1])
    assert torch.equal(head.vectors(h, batch), alone.pool(h, batch))


def test_every_number_of_the_head_is_trained():
    head = PairHead(4, 2)
    said = head(head.vectors(torch.randn(6, 4), torch.tensor([0] * 3 + [1] * 3)), EVERY[:2])
    said.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


def test_a_batch_is_many_single_proteins():
    model = model_of()
    together = model.vectors(Batch.from_data_list(graphs()))
    alone = torch.cat([model.vectors(graph) for graph in graphs()])
    assert together.shape == (5, 16)
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.allclose(model.pairs(together, EVERY), model.pairs(alone, EVERY), atol=1e-6)


def test_scores_of_a_pair_do_not_depend_on_other_pairs():
    model = model_of()
    vectors = model.vectors(Batch.from_data_list(graphs()))
    said = model.pairs(vectors, EVERY)
    assert said.shape == (25, 2)
    assert torch.allclose(said[7:8], model.pairs(vectors, EVERY[7:8]), atol=1e-6)


def test_bounded_scores_are_what_the_task_wants():
    raw = torch.tensor([[0.0, 2.0]])
    assert torch.equal(model_of().bounded(raw), raw.sigmoid())
    assert torch.equal(model_of(exclusive=True).bounded(raw), raw.softmax(dim=1))
    assert torch.equal(model_of(value=True).bounded(raw), raw)


def test_a_model_of_pairs_comes_back_from_its_folder(tmp_path):
    model = model_of(given="both are there")
    again = load(model.save(tmp_path / "model"))
    assert again.config == model.config
    assert again.describe() == model.describe()
    assert model.describe().startswith("demo: pair scores binds, cuts")
    batch = Batch.from_data_list(graphs())
    assert torch.equal(
        again.pairs(again.vectors(batch), EVERY), model.pairs(model.vectors(batch), EVERY)
    )


def test_pairs_and_single_proteins_are_not_mixed_up():
    with pytest.raises(ValueError, match="demo: a model of pairs scores two proteins by `vectors`"):
        model_of()(graphs()[0])
    with pytest.raises(ValueError, match="a model of pairs scores two proteins"):
        model_of().probabilities(graphs()[0])
    with pytest.raises(ValueError, match="only a model of pairs scores pairs, got level protein"):
        model_of("protein").vectors(graphs()[0])
