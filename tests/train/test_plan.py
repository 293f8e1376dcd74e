"""A plan fits, uses what there is, and says why where nothing does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protgraph.language.shapes import ESM2
from protgraph.train import footprint, scaling
from protgraph.train.corpus import GRAIN
from protgraph.train.footprint import memory
from protgraph.train.machine import Machine, Work
from protgraph.train.plan import at, plan, price

SMALL, MEDIUM, LARGE, HUGE = (
    ESM2[f"esm2_{name}_UR50D"] for name in ("t12_35M", "t33_650M", "t36_3B", "t48_15B")
)
BATCH = 2**21

works = st.builds(
    Work,
    st.sampled_from([SMALL, MEDIUM, LARGE, HUGE]),
    st.integers(2**14, 2**22),
    st.sampled_from([100, 512, 1024]),
    muon=st.booleans(),
    recompute=st.booleans(),
)
machines = st.builds(Machine, st.sampled_from([1, 2, 8, 16, 64]), st.floats(16, 200))


def planned(work, machine):
    try:
        return plan(work, machine)
    except ValueError:
        return assume(False)


@given(works, machines)
def test_a_plan_fits(work, machine):
    found = planned(work, machine)
    assert found.memory.peak <= machine.room
    assert found.memory == memory(work, machine, found.stage, found.micro)
    assert found.micro % GRAIN == 0
    assert found.micro >= work.longest
    assert found.batch == found.micro * found.accumulation * machine.gpus
    assert work.batch / 2 < found.batch <= work.batch


@given(works, machines)
def test_no_smaller_stage_and_no_larger_micro_batch_fits(work, machine):
    found = planned(work, machine)
    assert [at(work, machine, stage) for stage in range(found.stage)] == [None] * found.stage
    share = work.batch // machine.gpus
    for passes in range(1, found.accumulation):
        if share % (passes * GRAIN) == 0:
            larger = memory(work, machine, found.stage, share // passes)
            assert larger.peak > machine.room


@given(works, machines, st.floats(1, 4))
def test_more_memory_never_asks_for_more(work, machine, times):
    found = planned(work, machine)
    more = plan(work, replace(machine, memory=machine.memory * times))
    assert more.stage <= found.stage
    same = at(work, replace(machine, memory=machine.memory * times), found.stage)
    assert same.micro >= found.micro or work.batch // machine.gpus % GRAIN


@given(works, machines)
def test_times_and_shares_belong_together(work, machine):
    found = planned(work, machine)
    times = found.times
    assert found.tokens == pytest.approx(found.batch / times.step)
    assert times.exposed <= times.messages * (1 + 1e-9)
    assert 0 < found.efficiency <= found.best * (1 + 1e-9) <= 1 + 1e-9
    assert (times.optimiser > 0) == work.muon
    for name in ("inside", "across"):
        worse = at(work, replace(machine, **{name: getattr(machine, name) / 2}), found.stage)
        assert worse.tokens <= found.tokens
    hiding = at(work, replace(machine, overlap=1.0), found.stage)
    assert hiding.efficiency == pytest.approx(found.best)
    assert hiding.best == found.best


def test_by_hand():
    # 33,501,153 · 16 bytes are held; 12 layers keep (24 + 16) · 480 + 4 · 20 + 4 · 24 + 16 bytes a
    # token, the ends 4 · 480 + 16: 234,640. 90 % of 2 GB leave 5,386 tokens: 8 passes of 4,096.
    assert scaling.parameters(SMALL) == 33_501_153
    assert footprint.activations(SMALL) == 12 * (40 * 480 + 80 + 96 + 16) + 1936 == 234_640
    found = plan(Work(SMALL, 2**15, 1024), Machine(1, 2))
    assert (found.stage, found.micro, found.accumulation, found.sent) == (0, 4096, 8, 0)
    assert found.efficiency == found.best == 1
    rate = 989e12 * 0.4
    assert found.tokens == pytest.approx(rate / (3 * scaling.forward(SMALL, 1024)))
    assert found.residues == pytest.approx(found.tokens * 1022 / 1024)


def test_messages_by_hand():
    # 64 ranks in nodes of 8: stage 1 reduces and gathers 63/64 of the weights once, at 40 GB/s;
    # half of the backward pass can hide the first of the two.
    work, machine = Work(MEDIUM, BATCH, 1024), Machine(64, 80, overlap=0.5)
    found = at(work, machine, 1)
    assert found.accumulation == 1
    once = scaling.parameters(MEDIUM) * 4 * 63 / 64
    assert found.sent == pytest.approx(2 * once)
    assert found.times.messages == pytest.approx(2 * once / 40e9)
    assert once / 40e9 < found.times.products * 2 / 3 / 2
    assert found.times.exposed == pytest.approx(once / 40e9)
    bare = at(work, replace(machine, overlap=0.0), 1)
    assert bare.times.exposed == pytest.approx(bare.times.messages)


def test_muon_sends_its_update_where_ranks_share_it():
    machine = Machine(8, 80)
    for stage, share in ((0, 0), (1, 7 / 8), (2, 7 / 8), (3, 7 / 8)):
        plain = at(Work(MEDIUM, BATCH, 1024), machine, stage)
        muon = at(Work(MEDIUM, BATCH, 1024, muon=True), machine, stage)
        assert muon.sent - plain.sent == pytest.approx(share * 4 * scaling.matrices(MEDIUM))


def test_recomputing_is_a_fourth_pass_and_saves_memory():
    work, machine = Work(MEDIUM, BATCH, 1024), Machine(8, 80)
    plain = at(work, machine, 2)
    again = at(replace(work, recompute=True), machine, 2)
    assert again.times.products == pytest.approx(plain.times.products * 4 / 3)
    assert again.micro > plain.micro


def test_muon_keeps_one_average_fewer_of_the_matrices():
    with_muon = memory(Work(LARGE, BATCH, 1024, muon=True), Machine(8, 80), 0, 0)
    without = memory(Work(LARGE, BATCH, 1024), Machine(8, 80), 0, 0)
    assert without.states - with_muon.states == pytest.approx(4 * scaling.matrices(LARGE))


def test_a_batch_that_does_not_divide_comes_out_smaller():
    found = plan(Work(MEDIUM, 3000, 1024), Machine(2, 80))
    assert (found.micro, found.accumulation, found.batch) == (1472, 1, 2944)


def test_a_batch_too_small_for_its_ranks_is_refused():
    with pytest.raises(ValueError, match=r"gives each of 8 GPUs 375.*batch of 8,192 tokens"):
        plan(Work(MEDIUM, 3000, 1024), Machine(8, 80))


@pytest.mark.parametrize(
    ("work", "machine", "says"),
    [
        (Work(HUGE, BATCH, 1024), Machine(1, 80), "states 121.0 GB. More GPUs.*offloading"),
        (Work(HUGE, BATCH, 1024), Machine(8, 80), "bf16 30.2 GB. A smaller network, or GPUs of 83"),
        (
            Work(LARGE, BATCH, 8192), Machine(64, 24),
            "at stage 3 .* of which activations .* Recomputing them",
        ),
        (
            Work(LARGE, 2**24, 131_072, recompute=True), Machine(64, 24),
            "of which activations .* GB. Shorter crops, or",
        ),
        (
            Work(HUGE, BATCH, 1024, muon=True), Machine(8, 80),
            "of which Muon's update 241.6 GB. AdamW for all weights, or GPUs of",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_names_the_largest_part_and_a_cure(work, machine, says):
    with pytest.raises(ValueError, match=says):
        plan(work, machine)


@given(st.sampled_from([MEDIUM, LARGE, HUGE]), st.sampled_from([8, 64]))
def test_the_memory_an_error_asks_for_is_enough(shape, gpus):
    work = Work(shape, BATCH, 1024)
    with pytest.raises(ValueError, match="Nothing fits") as error:
        plan(work, Machine(gpus, 2))
    asked = float(str(error.value).split("GPUs of ")[1].split(" GB")[0])
    assert plan(work, Machine(gpus, asked)).stage <= 3
    with pytest.raises(ValueError, match="Nothing fits"):
        plan(work, Machine(gpus, asked - 1.2))


def test_the_price_by_hand():
    machine = Machine(8, 80)
    found = plan(Work(MEDIUM, BATCH, 1024), machine)
    hours = 1e9 / found.residues / 3600
    assert price(found, machine, 2.5) == pytest.approx(hours * 8 * 2.5)
    assert price(found, machine, 0) == 0
    with pytest.raises(ValueError, match="price of a GPU hour is 0 or more, got -1"):
        price(found, machine, -1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gpus", 0), ("gpus", 12), ("memory", 0), ("node", 0), ("peak", 0), ("utilisation", 0),
        ("utilisation", 1.1), ("inside", 0), ("across", -1), ("overlap", 2), ("reserve", 1),
        ("memory", float("nan")),
    ],
)  # fmt: skip
def test_a_machine_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"A machine's {name} cannot be {value}"):
        Machine(**{"gpus": 8, "memory": 80, name: value})


def test_work_without_tokens_is_refused():
    with pytest.raises(ValueError, match="A step's longest is 1 token or more, got 0"):
        Work(SMALL, 1024, 0)
