"""A model as a whole: what it says of itself, how it is saved, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch, Data

from protgraph.models.model import CONFIG, ENCODERS, SEQUENCE, WEIGHTS, Config, Model, load


def config_of(**changes):
    given = {
        "task": "demo", "level": "residue", "outputs": ("zinc", "calcium"), "encoder": "gcn",
        "inputs": 4, "edges": 2, "kinds": 5, "width": 8, "layers": 1,
        "graph": {"radius": 8.0, "nodes": ("identity",)},
    }  # fmt: skip
    return Config(**{**given, **changes})


def graph():
    return Data(x=torch.arange(12.0).reshape(3, 4) / 12, edge_index=torch.tensor([[0, 1], [1, 0]]))


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    return Model(config_of()).save(tmp_path / "model")


def refusal(folder, kind=ValueError):
    """The one line with which loading a folder is refused."""
    with pytest.raises(kind) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewritten(folder, **changes):
    """Change keys of a saved configuration; None takes a key out."""
    stored = {**json.loads((folder / CONFIG).read_text()), **changes}
    kept = {key: value for key, value in stored.items() if value is not None}
    (folder / CONFIG).write_text(json.dumps(kept))
    return folder


# What a model says


@pytest.mark.parametrize(("level", "rows"), [("residue", 6), ("protein", 2)])
def test_scores_have_a_row_an_item_and_a_column_an_output(level, rows):
    model = Model(config_of(level=level)).eval()
    assert model(Batch.from_data_list([graph(), graph()])).shape == (rows, 2)


def test_probabilities_of_outputs_that_exclude_each_other_sum_to_one():
    torch.manual_seed(0)
    alone = Model(config_of()).eval()
    torch.manual_seed(0)
    exclusive = Model(config_of(exclusive=True)).eval()
    raw = alone(graph())
    assert torch.allclose(alone.probabilities(graph()), 1 / (1 + torch.exp(-raw)))
    share = torch.exp(raw) / torch.exp(raw).sum(dim=1, keepdim=True)
    assert torch.allclose(exclusive.probabilities(graph()), share)


def test_size_counts_every_trained_number():
    # Embedding 4*8+8, norm 2*8, convolution 8*8+8, head norm 2*8, head 8*2+2.
    assert Model(config_of()).size == 40 + 16 + 72 + 16 + 18


def test_a_model_says_what_it_is():
    card = {"split": "by family", "test": "AUPRC .85"}
    vectors = {"vectors": "esm2_t6_8M", "layer": 6}
    text = Model(config_of(given="the chain binds zinc", card=card, **vectors)).describe()
    assert text.splitlines() == [
        "demo: residue scores zinc, calcium",
        "gcn, width 8, 1 layers, 162 parameters",
        "language vectors: esm2_t6_8M, layer 6",
        "scores hold given that the chain binds zinc",
        "split: by family",
        "test: AUPRC .85",
    ]


def test_a_model_without_vectors_or_condition_says_so_or_nothing():
    text = Model(config_of()).describe()
    assert "language vectors: none" in text
    assert "given" not in text


def test_an_unknown_encoder_or_level_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"Unknown encoder 'gnc'. There are: gcn, .*egnn"):
        config_of(encoder="gnc")
    with pytest.raises(ValueError, match="no head for level 'atom': residue, protein, pair"):
        config_of(level="atom")


def test_a_width_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple of 4 heads, got 6"):
        Model(config_of(encoder="gatv2", width=6))
    with pytest.raises(ValueError, match=r"width must be even, .* got 7"):
        Model(config_of(encoder="bilstm", width=7))


def test_sequence_encoders_are_encoders():
    assert set(SEQUENCE) < set(ENCODERS)


# Saving


def test_saving_what_was_loaded_gives_the_same_bytes(saved, tmp_path):
    again = load(saved).save(tmp_path / "again")
    for name in (CONFIG, WEIGHTS):
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("step", ["write", "chmod"])
def test_a_failure_while_writing_leaves_the_old_model_whole(saved, monkeypatch, step, at):
    before = contents(saved)
    calls = []

    def failing(real):
        def call(*given, **named):
            calls.append(given)
            if len(calls) == at + 1:
                raise OSError(28, "No space left on device")
            return real(*given, **named)

        return call

    if step == "write":
        monkeypatch.setattr(os, "fdopen", failing(os.fdopen))
    else:
        monkeypatch.setattr(Path, "chmod", failing(Path.chmod))
    torch.manual_seed(1)
    with pytest.raises(OSError, match="No space left"):
        Model(config_of(given="changed")).save(saved)
    assert contents(saved) == before


def test_a_failing_rename_leaves_no_file_behind(tmp_path, monkeypatch):
    def failing(self, target):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="Input/output"):
        Model(config_of()).save(tmp_path / "model")
    assert contents(tmp_path / "model") == {}


@pytest.mark.parametrize("card", [{"test": float("nan")}, {"test": object()}])
def test_a_card_that_json_cannot_hold_is_refused_before_anything_is_written(saved, card):
    before = contents(saved)
    with pytest.raises((ValueError, TypeError), match="JSON"):
        Model(config_of(card=card)).save(saved)
    assert contents(saved) == before


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "model").write_text("mine")
    with pytest.raises(OSError, match="model"):
        Model(config_of()).save(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is read-only to root")
def test_a_read_only_folder_is_an_error_and_stays_as_it_is(saved):
    before = contents(saved)
    saved.chmod(0o555)
    with pytest.raises(PermissionError, match="model"):
        Model(config_of(given="changed")).save(saved)
    saved.chmod(0o755)
    assert contents(saved) == before


# Loading


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    said = refusal(saved, FileNotFoundError)
    assert str(saved) in said
    assert name in said


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert "nowhere" in refusal(tmp_path / "nowhere", FileNotFoundError)


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.3, 0.999])
def test_truncated_weights_are_refused(saved, kept):
    whole = (saved / WEIGHTS).read_bytes()
    (saved / WEIGHTS).write_bytes(whole[: int(kept * len(whole))])
    assert refusal(saved).startswith(f"{saved / WEIGHTS}: weights do not fit {CONFIG}")


def test_a_pickle_in_place_of_weights_is_refused(saved):
    torch.save({"evil": torch.zeros(1)}, saved / WEIGHTS)
    assert refusal(saved).startswith(f"{saved / WEIGHTS}:")


@pytest.mark.parametrize("change", [{"width": 16}, {"layers": 2}, {"encoder": "cnn"}])
def test_weights_of_another_model_are_refused(saved, change):
    assert str(saved / WEIGHTS) in refusal(rewritten(saved, **change))


@pytest.mark.parametrize("text", ["", "{", "not JSON", "[1, 2]", "3", "null", "{}", "\x00\x01"])
def test_a_configuration_that_is_none_is_refused(saved, text):
    (saved / CONFIG).write_text(text)
    assert refusal(saved) == f"{saved / CONFIG}: not a protgraph model's configuration."


def test_a_configuration_that_is_not_text_is_refused(saved):
    (saved / CONFIG).write_bytes(b"\xff\xfe\x00")
    assert refusal(saved).startswith(f"{saved / CONFIG}: ")


def test_a_newer_format_is_refused(saved):
    said = refusal(rewritten(saved, format=2))
    assert said == f"{saved / CONFIG}: model format 2; this version reads format 1."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "unknown keys ['colour'], missing keys []."),
        ({"level": None}, "unknown keys [], missing keys ['level']."),
        ({"dropout": None, "size": 3}, "unknown keys ['size'], missing keys ['dropout']."),
    ],
    ids=["unknown", "missing", "both"],
)
def test_unknown_and_missing_keys_are_named(saved, change, said):
    assert refusal(rewritten(saved, **change)) == f"{saved / CONFIG}: {said}"


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": "transformer"},
        {"level": "atom"},
        {"width": "wide"},
        {"width": -8},
        {"outputs": 3},
        {"graph": [1]},
        {"dropout": 2.0},
    ],
    ids=str,
)
def test_a_value_that_no_model_can_have_is_refused(saved, change):
    assert refusal(rewritten(saved, **change)).startswith(f"{saved / CONFIG}: ")
