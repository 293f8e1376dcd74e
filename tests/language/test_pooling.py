import pytest
import torch

from protgraph.language.pooling import AttentionPool, ScalarMix, mean_pool

X = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
LENGTHS = [2, 3, 4]


@pytest.mark.parametrize("pool", [mean_pool, AttentionPool(4)])
def test_a_pool_of_many_proteins_is_each_alone(pool):
    together = pool(X, LENGTHS)
    alone = torch.cat([pool(own, [len(own)]) for own in X.split(LENGTHS)])
    torch.testing.assert_close(together, alone)


def test_attention_pool_weighs_residues_by_a_softmax():
    pool = AttentionPool(4)
    weights = (X[:2] @ pool.score.weight[0]).softmax(0)
    torch.testing.assert_close(pool(X[:2], [2])[0], weights @ X[:2])
    pool(1000 * X, LENGTHS).sum().backward()
    assert torch.isfinite(pool.score.weight.grad).all()


def test_a_mix_weighs_layers_by_a_softmax_and_learns():
    mix = ScalarMix(3)
    layers = [X, 2 * X, 6 * X]
    torch.testing.assert_close(mix(layers), 3 * X)
    with torch.no_grad():
        mix.weight.copy_(torch.tensor([0.0, 0.0, 50.0]))
        mix.scale.fill_(0.5)
    torch.testing.assert_close(mix(layers), 3 * X)
    mix(layers).sum().backward()
    assert mix.scale.grad.abs() > 0
    assert mix.weight.grad is not None


def test_lengths_that_do_not_fit_are_refused():
    for lengths in ([2, 3], [9, 0], [10, -1]):
        with pytest.raises(ValueError, match="sum to the 9 residues"):
            mean_pool(X, lengths)
    with pytest.raises(ValueError, match="The mix is of 2 layers, got 1"):
        ScalarMix(2)([X])
