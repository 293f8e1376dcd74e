import os
import pickle
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from protgraph.language.encoder import encoder


def test_fair_esm_reads_the_file_too(fair, pt):
    from esm.pretrained import _load_model_and_alphabet_core_v2

    with torch.serialization.safe_globals([Namespace]):
        _, _, state = _load_model_and_alphabet_core_v2(torch.load(pt, weights_only=True))
    assert {k for k in fair.state_dict() if not k.startswith("contact_head")} == set(state)


@pytest.mark.parametrize("settings", ["cfg", "args"])
def test_a_file_and_a_folder_of_the_same_weights_are_the_same_encoder(
    fair, folder, tmp_path, settings, checkpoint
):
    file = encoder(checkpoint(fair, tmp_path / "esm2_tiny.pt", settings=settings))
    same = encoder(folder)
    assert (file.name, file.width, file.digest) == (same.name, 32, same.digest)
    assert file.name == "esm2_tiny, layer 2"


def test_token_dropout_is_taken_from_the_checkpoint(fair, pt, tmp_path, checkpoint):
    fair.token_dropout = False
    try:
        other = encoder(checkpoint(fair, tmp_path / "plain.pt"), layer=0)
    finally:
        fair.token_dropout = True
    scaled, plain = encoder(pt, layer=0).encode(["MK"])[0], other.encode(["MK"])[0]
    np.testing.assert_allclose(scaled, 0.88 * plain, rtol=1e-6)


@pytest.mark.parametrize("lost", ["layers.1.fc1.bias", "emb_layer_norm_after", "embed_tokens"])
def test_a_file_that_lacks_weights_is_an_error(fair, tmp_path, lost, checkpoint):
    broken = checkpoint(fair, tmp_path / "broken.pt", without=[lost])
    with pytest.raises(ValueError, match=r"broken\.pt: .* every weight .* are missing: "):
        encoder(broken)


def test_a_checkpoint_of_another_model_is_an_error(fair, tmp_path, checkpoint):
    extra = {"encoder.sentence_encoder.embed_positions.weight": torch.zeros(1026, 32)}
    older = checkpoint(fair, tmp_path / "esm1b.pt", extra=extra)
    with pytest.raises(ValueError, match=r"is an ESM-2 model, but this has embed_positions"):
        encoder(older)


def test_a_checkpoint_whose_settings_do_not_fit_is_an_error(fair, tmp_path, checkpoint):
    fair.num_layers = 3
    try:
        path = checkpoint(fair, tmp_path / "odd.pt")
    finally:
        fair.num_layers = 2
    with pytest.raises(ValueError, match="16 are missing"):
        encoder(path)


class Payload:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def test_a_checkpoint_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"args": Namespace(), "model": Payload()}, "evil.pt")
    with pytest.raises(ValueError, match=r"evil\.pt: .*but this is no such pickle") as caught:
        encoder("evil.pt")
    assert isinstance(caught.value.__cause__, pickle.UnpicklingError)
    assert not Path("unpickled").exists()


@pytest.mark.parametrize(
    ("stored", "rule"),
    [
        ({"model": {}}, "KeyError"),
        ([1], "TypeError"),
        ({"args": Namespace(encoder_layers=2), "model": {}}, "settings lack encoder_attention_h"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_an_error(tmp_path, stored, rule):
    torch.save(stored, tmp_path / "odd.pt")
    with pytest.raises(ValueError, match=rf"odd\.pt: a fair-esm checkpoint holds .*{rule}"):
        encoder(str(tmp_path / "odd.pt"))
