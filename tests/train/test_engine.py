"""What engines are made of: parts and wholes, the optimizer, settings, and traps."""

from __future__ import annotations

import copy
import json
import os
import shutil
from importlib import util

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from protgraph.train import engine, traps
from protgraph.train.how import How, merged
from protgraph.train.muon import MuonAdamW, orthogonal
from protgraph.train.remembered import groups, remembered, states_of, take_up, written
from protgraph.train.shards import cut, joined

SHAPES = st.lists(
    st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple), min_size=1, max_size=5
)

# Parts


@given(SHAPES, st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_what_is_cut_is_joined_again(shapes, ranks, spare, each):
    tensors = [torch.randn(shape) for shape in shapes]
    numbers = [tensor.numel() for tensor in tensors]
    least = sum(-(-n // ranks) for n in numbers) if each else -(-sum(numbers) // ranks)
    parts = cut(tensors, ranks, size=least + spare, each=each)
    assert [part.shape for part in parts] == [(least + spare,)] * ranks
    again = joined(parts, shapes, each=each)
    assert all(torch.equal(one, other) for one, other in zip(tensors, again, strict=True))


# The optimizer


def pair(model):
    first, last = model
    return [
        torch.optim.Muon(
            [first.weight], lr=0.1, weight_decay=0.2, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW([last.weight, first.bias], lr=0.1, weight_decay=0.3, betas=(0.8, 0.9)),
    ]  # fmt: skip


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1, bias=False))


def stepped(own, optimizers, steps, seed=0):
    torch.manual_seed(seed)
    for _ in range(steps):
        (own(torch.randn(8, 4)) - 1).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


def test_muon_and_adamw_in_one_are_those_of_torch():
    plain, both = model(), model()
    stepped(plain, pair(plain), 5)
    stepped(both, [MuonAdamW(groups(pair(both), each=False))], 5)
    for one, other in zip(plain.parameters(), both.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert not torch.allclose(plain[0].weight, model()[0].weight, atol=0.1)


def test_what_it_remembers_is_written_and_taken_up_as_torch_does():
    plain, other = model(), model()
    theirs = pair(plain)
    stepped(plain, theirs, 3)
    other.load_state_dict(plain.state_dict())
    again = pair(other)
    for optimizer, state in zip(again, theirs, strict=True):
        optimizer.load_state_dict(copy.deepcopy(state.state_dict()))
    made = groups(again, each=False)
    own = MuonAdamW([dict(group) for group in made])
    for group in made:
        take_up(own, group, group["params"], states_of(again, group))
    stepped(plain, theirs, 2, seed=1)
    stepped(other, [own], 2, seed=1)
    assert torch.allclose(plain[0].weight, other[0].weight, atol=1e-6)
    told = [remembered(own, group, group["params"]) for group in made]
    said = written(again, made, told, rate=0.1)
    for optimizer, state in zip(theirs, said, strict=True):
        expected = optimizer.state_dict()
        assert state["state"].keys() == expected["state"].keys()
        for number, kept in expected["state"].items():
            for key, value in kept.items():
                assert torch.allclose(state["state"][number][key], value, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (5, 5)])
def test_an_orthogonal_matrix_turns_and_hardly_stretches(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
    assert 0.6 < values.min() <= values.max() < 1.3


# Settings


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"engine": "jax"}, "engine is one of torch, deepspeed, got 'jax'"),
        ({"engine": "deepspeed", "zero": 4}, "zero is 0, 1, 2 or 3, got 4"),
        ({"zero": 2}, "zero is of engine=deepspeed, got 2 with engine=torch"),
        ({"deepspeed": "a.json"}, "deepspeed is of engine=deepspeed, got a.json"),
        ({"engine": "deepspeed", "offload": True}, "offload needs zero=1, 2 or 3, got 0"),
    ],
)
def test_an_engine_that_makes_no_sense_is_refused(keys, said):
    with pytest.raises(ValueError, match=said):
        How(**keys)


@pytest.fixture
def own(tmp_path):
    """Settings of a user, merged at stage 2 with a clip of .5 and three batches a step."""

    def merge(entries):
        path = tmp_path / "own.json"
        path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
        return merged(How("deepspeed", 2, deepspeed=str(path)), clip=0.5, accumulate=3)

    return merge


def test_settings_of_a_user_are_added_to_those_of_the_recipe(own):
    made = own({
        "zero_optimization": {"stage": 2, "overlap_comm": True}, "gradient_clipping": "auto",
        "gradient_accumulation_steps": 3, "wall_clock_breakdown": True,
    })  # fmt: skip
    assert made["zero_optimization"]["overlap_comm"] is True
    assert made["zero_optimization"]["stage"] == 2
    assert made["gradient_clipping"] == 0.5
    assert made["wall_clock_breakdown"] is True


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"zero_optimization": {"stage": 3}}, "zero_optimization.stage is 3, but zero decides.* 2"),
        ({"gradient_clipping": 1.0}, "gradient_clipping is 1.0, but train.clip or .* 0.5"),
        ({"bf16": {"enabled": True}}, "bf16.enabled is True, but train.precision"),
        ({"optimizer": {"type": "Adam"}}, "optimizer.type is 'Adam', but the task decides"),
        ({"train_batch_size": 64}, "train_batch_size is 64, but data.batch"),
        ({"train_micro_batch_size_per_gpu": 8}, "per_gpu is 8, but protgraph decides it: 1"),
        ({"zero_allow_untested_optimizer": False}, "but protgraph decides it: True"),
        ("{", "own.json: not JSON"),
        ("[]", "own.json: a DeepSpeed JSON is an object"),
    ],
)
def test_settings_that_contradict_the_recipe_are_refused(own, entries, said):
    with pytest.raises(ValueError, match=said):
        own(entries)


def test_without_zero_deepspeed_is_told_not_to_clip_whatever_a_user_says(tmp_path, monkeypatch):
    settings = {}
    monkeypatch.setattr(engine.traps, "refuse", lambda device: None)
    monkeypatch.setattr(engine.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(engine, "_started", lambda task, client, told: settings.update(told))
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    path = tmp_path / "own.json"
    how, plain = How("deepspeed", 0, deepspeed=str(path)), model()
    path.write_text('{"gradient_clipping": 0.5}')
    engine.DeepSpeedEngine(plain, pair(plain), how=how, clip=0.5, accumulate=1)
    assert settings["gradient_clipping"] == 0.0
    path.write_text('{"gradient_clipping": 0.0}')
    with pytest.raises(ValueError, match=r"gradient_clipping is 0.0, but train.clip .* 0.5"):
        engine.DeepSpeedEngine(plain, pair(plain), how=how, clip=0.5, accumulate=1)


# Traps


@pytest.fixture
def empty(tmp_path, monkeypatch):
    if util.find_spec("deepspeed") is None:
        pytest.skip("deepspeed is not installed: its traps are left out")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    return tmp_path / traps.HELPER


@pytest.mark.parametrize("missing", ["g++", "ninja"])
def test_a_compiler_that_is_missing_is_found_before_the_start(empty, monkeypatch, missing):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == missing else f"/bin/{tool}")
    with pytest.raises(ValueError, match=rf"needs {missing.replace('+', '.')}, which is not found"):
        traps.refuse()
    traps.refuse("cuda")  # nothing is compiled there


def test_a_helper_that_is_built_needs_no_compiler(empty, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "g++" else f"/bin/{tool}")
    empty.mkdir(exist_ok=True)
    (empty / f"{traps.HELPER}.so").touch()
    traps.refuse()


def test_a_lock_that_a_killed_build_left_is_named(empty, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: f"/bin/{tool}")
    empty.mkdir(exist_ok=True)
    lock = empty / "lock"
    held = os.open(lock, os.O_CREAT | os.O_EXCL)  # as a build does that is alive
    traps.refuse()
    os.close(held)
    with pytest.raises(ValueError, match=rf"{lock}: a build that was killed left this lock"):
        traps.refuse()


def test_a_build_that_ends_while_one_looks_was_not_killed(empty, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: f"/bin/{tool}")
    empty.mkdir(exist_ok=True)
    (empty / "lock").touch()
    monkeypatch.setattr(traps, "_held", lambda lock: lock.unlink())
    traps.refuse()


def test_processes_that_end_while_one_looks_are_passed_over(tmp_path, monkeypatch):
    own = f"/proc/{os.getpid()}/"

    def gone(look):
        def ended(path):
            if str(path).endswith("/fd") and not str(path).startswith(own):
                raise FileNotFoundError(path)
            return look(path)

        return ended

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, gone(getattr(os, name)))
    lock = tmp_path / "lock"
    with lock.open("w"):
        assert traps._held(lock)
    assert not traps._held(lock)


def test_deepspeed_that_is_not_installed_is_asked_for(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'protgraph\[deepspeed\]'"):
        traps.refuse()
