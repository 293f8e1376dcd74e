"""Heads: pooling worked by hand, a residue scored by itself."""

from __future__ import annotations

import torch

from protgraph.models.heads import ProteinHead, ResidueHead


def hand_made_head():
    """Scores of a residue are 2 ln 3 times tanh of its first number; nothing is normalised."""
    head = ProteinHead(2, 1)
    head.norm = torch.nn.Identity()
    with torch.no_grad():
        head.score[0].weight.copy_(torch.eye(2))
        head.score[0].bias.zero_()
        head.score[2].weight.copy_(torch.tensor([[2 * torch.tensor(3.0).log(), 0.0]]))
    return head


def test_pooling_equals_the_case_worked_by_hand():
    half = float(torch.atanh(torch.tensor(0.5)))  # tanh gives 1/2, so the score is ln 3: share 3/4
    h = torch.tensor([[half, 4.0], [-1.0, -2.0], [0.0, 8.0]])
    pooled = hand_made_head().pool(h, torch.tensor([0, 1, 0]))
    assert torch.allclose(pooled[0], torch.tensor([0.75 * half, 5.0, half, 8.0]))
    assert torch.allclose(pooled[1], torch.tensor([-1.0, -2.0, -1.0, -2.0]))


def test_pooling_without_a_batch_takes_all_residues_as_one_protein():
    h = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    head = hand_made_head()
    assert torch.equal(head.pool(h, None), head.pool(h, torch.zeros(5, dtype=torch.long)))
    assert head.pool(h, None).shape == (1, 4)


def test_pooling_stays_finite_for_large_scores():
    head = hand_made_head()
    with torch.no_grad():
        head.score[2].weight.mul_(1000)
    assert head.pool(torch.tensor([[5.0, 1.0], [-5.0, 2.0]]), None).isfinite().all()


def test_a_residue_is_scored_by_itself():
    head = ResidueHead(4, 3)
    h = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert head(h, None).shape == (6, 3)
    assert torch.allclose(head(h, None)[2:3], head(h[2:3], None))
