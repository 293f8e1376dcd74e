"""Distillation losses: by hand, by plain formulas, laws, and what masked items may not do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from protgraph.tasks.loss import binary_cross_entropy
from protgraph.train.contacts import ContactHead, contacts, touching
from protgraph.train.distill import Term, Weights, mixed, soft_binary, soft_classes, soft_values
from protgraph.train.hints import aligned, attended, related

NAN = math.nan
seeds = st.integers(0, 10_000)
few = settings(max_examples=20)


def normal(*shape, seed=0, dtype=torch.float32):
    draw = np.random.default_rng((seed, *shape))
    return torch.from_numpy(draw.normal(size=shape)).to(dtype)


def align(student, teacher):
    return aligned(student, teacher, torch.linspace(0.2, 1, len(student)))


# Loss -> a student and a teacher of six items, and the dimension along which items lie.
LOSSES = {
    "soft binary": (lambda s, t: soft_binary(s, t, temperature=2.0), (6, 3), 0),
    "soft classes": (lambda s, t: soft_classes(s, t, temperature=2.0), (6, 3), 0),
    "soft values": (soft_values, (6, 3), 0),
    "align": (align, (6, 4), 0),
    "relation": (related, (6, 4), 0),
    "attention": (attended, (2, 6, 4), 1),
}
every = pytest.mark.parametrize("name", LOSSES)


def case(name, seed=0):
    loss, shape, along = LOSSES[name]
    return loss, normal(*shape, seed=seed), normal(*shape, seed=seed + 1), along


def gradient(loss, student, *rest):
    student = student.clone().requires_grad_()
    value, _ = loss(student, *rest)
    value.backward()
    return student.grad


# What holds of all


@every
def test_a_student_that_is_the_teacher_loses_nothing(name):
    loss, student, teacher, _ = case(name)
    assert float(loss(teacher, teacher).sum) == pytest.approx(0, abs=1e-6)
    assert float(loss(student, teacher).sum) > 0.1
    assert gradient(loss, teacher, teacher).abs().max() < 1e-6


@every
def test_the_gradient_is_that_of_finite_differences(name, monkeypatch):
    loss, student, teacher, _ = case(name)
    # All is computed in fp32; for this test alone it is not.
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    student = student.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher.double()).sum, (student,))


@every
def test_what_the_teacher_says_nothing_of_changes_nothing(name):
    loss, student, teacher, along = case(name)
    short = [x.narrow(along, 0, 4) for x in (student, teacher)]
    teacher.narrow(along, 4, 2).fill_(NAN)
    for odd in (1.0, NAN, math.inf):
        student.narrow(along, 4, 2).fill_(odd)
        if name == "align":
            value, number = aligned(student, teacher, torch.linspace(0.2, 1, 6))
            plain = aligned(*short, torch.linspace(0.2, 1, 6)[:4])
        else:
            (value, number), plain = loss(student, teacher), loss(*short)
        assert (float(value), number) == (pytest.approx(float(plain.sum)), plain.number)
        slope = gradient(loss, student, teacher)
        assert torch.isfinite(slope).all()
        assert not slope.narrow(along, 4, 2).any()
        assert slope.narrow(along, 0, 4).any()


@every
def test_where_nothing_is_known_there_is_no_item_and_a_gradient_of_zeros(name):
    loss, student, teacher, _ = case(name)
    value, number = loss(student, teacher * NAN)
    assert (float(value), number) == (0.0, 0)
    assert not gradient(loss, student, teacher * NAN).any()


@every
def test_autocast_changes_no_bit(name):
    loss, student, teacher, _ = case(name)
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(student, teacher).sum
    assert inside.dtype == torch.float32
    assert float(inside) == float(loss(student, teacher).sum)
    assert loss(student.bfloat16(), teacher).sum.dtype == torch.float32


@pytest.mark.parametrize("name", ["soft binary", "soft classes", "soft values"])
def test_a_sum_over_a_batch_is_the_sum_over_its_parts(name):
    loss, student, teacher, _ = case(name)
    parts = [loss(student[part], teacher[part]) for part in (slice(0, 2), slice(2, 6))]
    value, number = loss(student, teacher)
    assert float(value) == pytest.approx(float(parts[0].sum + parts[1].sum))
    assert number == parts[0].number + parts[1].number


# Soft labels


def test_soft_binary_by_hand():
    # A teacher that says 3/4 and a student that says 1/2: 3/4 ln(3/2) + 1/4 ln(1/2).
    value, number = soft_binary(torch.zeros(1, 1), torch.tensor([[math.log(3)]]))
    assert float(value) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert number == 1


def test_soft_classes_by_hand():
    teacher = torch.tensor([[1 / 2, 1 / 4, 1 / 4]]).log()
    value, number = soft_classes(torch.zeros(1, 3), teacher)
    assert float(value) == pytest.approx(0.5 * math.log(1.5) + 0.5 * math.log(0.75))
    assert number == 1


@given(seeds, st.floats(0.5, 5))
@few
def test_soft_binary_is_cross_entropy_less_the_teachers_entropy(seed, temperature):
    student, teacher = normal(5, 2, seed=seed) * 3, normal(5, 2, seed=seed + 1) * 3
    s, p = student / temperature, (teacher / temperature).sigmoid()
    crossed = functional.binary_cross_entropy_with_logits(s, p, reduction="sum")
    own = functional.binary_cross_entropy(p, p, reduction="sum")
    value, number = soft_binary(student, teacher, temperature=temperature)
    assert float(value) == pytest.approx(float(crossed - own) * temperature**2, rel=1e-3, abs=1e-4)
    assert number == 10


def test_soft_binary_of_a_certain_teacher_is_the_loss_on_labels():
    y, student = torch.tensor([[1.0], [0.0], [NAN]]), normal(3, 1)
    value, number = soft_binary(student, (2 * y - 1) * 80)
    assert float(value) == pytest.approx(float(binary_cross_entropy(student, y)))
    assert number == 2


def test_certainty_on_both_sides_stays_finite():
    far = torch.tensor([[1e4, -1e4]])
    for loss in (soft_binary, soft_classes):
        assert torch.isfinite(loss(far, -far).sum)
        assert torch.isfinite(gradient(loss, far, -far)).all()


@given(seeds, st.floats(0.5, 5), st.floats(-20, 20))
@few
def test_soft_classes_is_torchs_divergence_whatever_is_added_to_a_row(seed, temperature, more):
    student, teacher = normal(5, 4, seed=seed), normal(5, 4, seed=seed + 1)
    plain = functional.kl_div(
        (student / temperature).log_softmax(1), (teacher / temperature).softmax(1), reduction="sum"
    )
    value, number = soft_classes(student + more, teacher - more, temperature=temperature)
    assert float(value) == pytest.approx(float(plain) * temperature**2, rel=1e-3, abs=1e-4)
    assert number == 5


@pytest.mark.parametrize("loss", [soft_binary, soft_classes])
def test_the_gradient_keeps_its_size_when_the_temperature_rises(loss):
    # At high temperatures it becomes that of matched logits, whatever T (Hinton et al., 2015).
    student, teacher = normal(4, 3), normal(4, 3, seed=1)
    warm, hot = (
        gradient(lambda s, t, at=at: loss(s, t, temperature=at), student, teacher)
        for at in (50.0, 500.0)
    )
    assert torch.allclose(warm, hot, rtol=0.05, atol=1e-3)
    assert hot.abs().max() > 0.05


def test_one_nan_of_a_row_of_classes_silences_the_row_but_outputs_that_stand_alone_remain():
    student, teacher = normal(2, 3), normal(2, 3, seed=1)
    teacher[0, 1] = NAN
    assert soft_classes(student, teacher).number == 1
    assert soft_binary(student, teacher).number == soft_values(student, teacher).number == 5


def test_quantities_by_hand():
    student, teacher = (
        torch.tensor([[1.0, 5.0], [2.0, 2.0]]),
        torch.tensor([[3.0, NAN], [1.0, 2.0]]),
    )
    assert soft_values(student, teacher) == (5.0, 3)


# Alignment


def test_alignment_by_hand_and_weighted():
    student = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    teacher = torch.tensor([[1.0, 0.0], [5.0, 0.0], [0.0, -1.0], [NAN, 0.0]])
    value, number = aligned(student, teacher, torch.tensor([1.0, 0.5, 0.25, NAN]))
    assert float(value) == pytest.approx(0 + 0.5 * (1 - 0.5**0.5) + 0.25 * 2)
    assert number == 3


@given(seeds, st.floats(0.1, 10), st.floats(0.1, 10))
@few
def test_alignment_looks_at_directions_alone(seed, one, other):
    student, teacher = normal(5, 4, seed=seed), normal(5, 4, seed=seed + 1)
    expected = float(align(student, teacher).sum)
    assert float(align(student * one, teacher * other).sum) == pytest.approx(expected, rel=1e-4)


def test_a_student_of_zeros_has_no_direction_and_a_finite_gradient():
    slope = gradient(align, torch.zeros(2, 3), normal(2, 3))
    assert torch.isfinite(slope).all()


# Relations


def test_relations_by_hand():
    # Distances 1, 1, 2 over their mean 4/3 against 1, 2, 1 over the same: two differ by 3/4.
    student, teacher = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0], [-1.0]])
    value, number = related(student, teacher)
    assert float(value) / number == pytest.approx(2 * 0.75**2 / 2 / 3)
    assert number == 3


@given(seeds, st.floats(0.1, 10))
@few
def test_relations_do_not_change_when_either_side_is_moved_turned_or_scaled(seed, scale):
    student, teacher = normal(5, 4, seed=seed), normal(5, 3, seed=seed + 1)
    turn, _ = torch.linalg.qr(normal(4, 4, seed=seed + 2))
    other = scale * (student @ turn) + 3
    expected = float(related(student, teacher).sum)
    assert float(related(other, teacher).sum) == pytest.approx(expected, rel=1e-3, abs=1e-5)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    assert float(related(student[order], teacher[order]).sum) == pytest.approx(expected, rel=1e-4)


def test_one_protein_alone_has_no_relation():
    value, number = related(normal(1, 4).requires_grad_(), normal(1, 4))
    assert (float(value.detach()), number) == (0.0, 0)
    assert value.requires_grad


def test_equal_proteins_have_finite_gradients():
    for count in (2, 3):
        slope = gradient(related, torch.ones(count, 4), normal(count, 4))
        assert torch.isfinite(slope).all()
    assert torch.isfinite(gradient(related, normal(3, 4), torch.ones(3, 4))).all()


def test_attention_relations_are_the_plain_formula():
    student, teacher = normal(2, 5, 3), normal(2, 5, 7, seed=1)
    total = 0.0
    for head in range(2):
        p = (teacher[head] @ teacher[head].T / 7**0.5).softmax(dim=1)
        q = (student[head] @ student[head].T / 3**0.5).softmax(dim=1)
        total += float((p * (p / q).log()).sum()) / 2
    value, number = attended(student, teacher)
    assert (float(value), number) == (pytest.approx(total, rel=1e-4), 5)


@given(seeds)
@few
def test_attention_relations_know_no_axes(seed):
    student, teacher = normal(2, 5, 3, seed=seed), normal(2, 5, 4, seed=seed + 1)
    turn, _ = torch.linalg.qr(normal(3, 3, seed=seed + 2))
    expected = float(attended(student, teacher).sum)
    assert float(attended(student @ turn, teacher).sum) == pytest.approx(expected, rel=1e-3)


# Contacts


def chain(length, seed=0):
    place = torch.from_numpy(np.random.default_rng(seed).normal(scale=6, size=(length, 3))).float()
    place[[2, length - 3]] = NAN
    return place


@given(st.integers(6, 40), st.integers(1, 8), seeds)
@few
def test_contacts_are_those_of_a_plain_loop(length, separation, seed):
    place = chain(length, seed)
    expected = [
        (i, j, float((place[i] - place[j]).norm() < 8))
        for i in range(length)
        for j in range(i + separation, length)
        if not place[[i, j]].isnan().any()
    ]
    pairs, y = contacts(place, separation=separation)
    assert [*zip(*pairs.tolist(), y.tolist(), strict=True)] == expected


def test_pairs_of_a_long_protein_are_drawn_evenly_and_by_the_generator():
    place = chain(60)
    whole, y = contacts(place)
    draws = [
        contacts(place, most=500, generator=torch.Generator().manual_seed(s)) for s in range(40)
    ]
    again, _ = contacts(place, most=500, generator=torch.Generator().manual_seed(3))
    assert torch.equal(again, draws[3][0])
    assert not torch.equal(again, draws[4][0])
    assert all(pairs.shape == (2, 500) for pairs, _ in draws)
    drawn = torch.cat([pairs for pairs, _ in draws], dim=1)
    counts = torch.zeros(60, 60).index_put_(
        tuple(drawn), torch.ones(drawn.shape[1]), accumulate=True
    )
    seen = counts[tuple(whole)]
    assert seen.sum() == drawn.shape[1]  # nothing but pairs of the whole
    assert seen.min() > 0
    assert float(torch.cat([own for _, own in draws]).mean()) == pytest.approx(
        float(y.mean()), abs=0.02
    )
    assert contacts(place, most=whole.shape[1])[0].shape == whole.shape


@pytest.mark.parametrize("length", [0, 1, 6])
def test_a_protein_too_short_for_a_pair_has_none(length):
    pairs, y = contacts(torch.zeros(length, 3))
    assert pairs.shape == (2, 0)
    assert touching(torch.zeros(0, requires_grad=True), y).number == 0


def test_an_unobserved_protein_has_no_pair():
    assert contacts(torch.full((30, 3), NAN))[0].shape == (2, 0)


@pytest.mark.parametrize("key", ["cutoff", "separation", "most"])
def test_contacts_that_cannot_be_are_refused(key):
    with pytest.raises(ValueError, match=f"contacts: {key} is positive, got 0"):
        contacts(torch.zeros(3, 3), **{key: 0})


def test_scores_of_contacts_are_symmetric_to_the_bit_and_every_weight_learns():
    torch.manual_seed(0)
    head, vectors = ContactHead(6, rank=4), normal(9, 6)
    pairs, y = contacts(normal(9, 3) * 5, separation=2)
    said = head(vectors, pairs)
    assert torch.equal(said, head(vectors, pairs.flip(0)))
    value, number = touching(said, y)
    value.backward()
    assert number == len(y) == 28
    assert all(weight.grad.abs().sum() > 0 for weight in head.parameters())


def test_a_head_learns_the_contacts_of_a_chain():
    # Residues of a hairpin: i touches 19 - i, which a bilinear form of positions can say.
    place = torch.zeros(20, 3)
    place[:, 0] = 3.8 * torch.tensor([*range(10), *range(9, -1, -1)]).float()
    place[10:, 1] = 5.0
    pairs, y = contacts(place)
    torch.manual_seed(0)
    head, vectors = ContactHead(20, rank=16), torch.eye(20)
    step = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(100):
        step.zero_grad()
        value, number = touching(head(vectors, pairs), y)
        (value / number).backward()
        step.step()
    assert ((head(vectors, pairs) > 0) == (y == 1)).all()
    assert 0 < y.mean() < 0.5


def test_contacts_that_are_unknown_change_nothing():
    scores, y = normal(6), torch.tensor([1.0, 0.0, NAN, 1.0, NAN, 0.0])
    known = [0, 1, 3, 5]
    expected = functional.binary_cross_entropy_with_logits(scores[known], y[known], reduction="sum")
    for odd in (NAN, math.inf):
        scores[[2, 4]] = odd
        assert touching(scores, y) == (pytest.approx(float(expected)), 4)
        slope = gradient(touching, scores, y)
        assert slope[known].abs().min() > 0
        assert not slope[[2, 4]].any()


# The sum of all


def test_terms_are_divided_by_their_own_numbers_and_weighed():
    terms = {"hard": Term(torch.tensor(6.0), 2), "align": Term(torch.tensor(300.0), 100)}
    weights = Weights(hard=1.0, soft=0.0, align=0.5)
    value, number = mixed(terms, weights, proteins=4, items={"hard": 0.5, "align": 25.0})
    assert float(value) / number == pytest.approx(1.0 * 6 / 2 + 0.5 * 300 / 100)


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_how_a_step_is_cut_into_batches_changes_no_gradient(cut):
    student, teacher = normal(8, 2), normal(8, 2, seed=1)
    teacher[:3] = NAN
    y = (normal(8, 2, seed=2) > 0).float()
    y[4:] = NAN
    items = {"hard": 8 / 8, "soft": 10 / 8}

    def batch(student, part):
        known = int((~y[part].isnan()).sum())
        terms = {
            "hard": Term(binary_cross_entropy(student, y[part]), known),
            "soft": soft_binary(student, teacher[part], temperature=2.0),
        }
        return mixed(terms, Weights(), proteins=len(student), items=items)

    def slope(*parts):
        own = student.clone().requires_grad_()
        found = [batch(own[part], part) for part in parts]
        (sum(term.sum for term in found) / sum(term.number for term in found)).backward()
        return own.grad

    whole = slope(slice(0, 8))
    assert torch.allclose(slope(slice(0, cut), slice(cut, 8)), whole, atol=1e-7)
    # And it is the gradient of the two means.
    own = student.clone().requires_grad_()
    soft = soft_binary(own, teacher, temperature=2.0)
    (binary_cross_entropy(own, y) / 8 + soft.sum / soft.number).backward()
    assert torch.allclose(own.grad, whole, atol=1e-7)


def test_a_term_that_counts_must_be_there_and_have_items():
    term = Term(torch.zeros(()), 0)
    with pytest.raises(ValueError, match=r"distil\.soft is 1, but a batch has no such term"):
        mixed({"hard": term}, Weights(), proteins=1, items={"hard": 1.0})
    with pytest.raises(ValueError, match=r"distil\.align is 0\.5, but training has no item"):
        mixed({"align": term}, Weights(hard=0, soft=0, align=0.5), proteins=1, items={"align": 0.0})


@pytest.mark.parametrize("value", [-1.0, NAN, math.inf])
def test_weights_are_numbers_from_zero_on(value):
    with pytest.raises(ValueError, match=r"distil\.relation is 0 or more, got"):
        Weights(relation=value)


def test_a_temperature_of_zero_and_a_loss_of_nothing_are_refused():
    with pytest.raises(ValueError, match=r"distil\.temperature is above 0, got 0"):
        Weights(temperature=0)
    with pytest.raises(ValueError, match=r"One of hard, soft, .* has a weight above 0, got none"):
        Weights(hard=0, soft=0)
