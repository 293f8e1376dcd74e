import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from protgraph.language.encoder import encoder
from protgraph.language.fairesm import VOCABULARY

PROTEINS = ["MKTAYIAKQRQISFVKSHFSRQ", "GX", "ACDEFGHIKLMNPQRSTVWYUZOB", "W", "MKT"]


def close(some, others, tolerance=1e-5):
    assert [v.shape for v in some] == [v.shape for v in others]
    for a, b in zip(some, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_every_layer_is_what_fair_esm_computes(fair, pt, folder, layer):
    converter = fair.alphabet.get_batch_converter()
    _, _, ids = converter([("", protein) for protein in PROTEINS])
    with torch.no_grad():
        hidden = fair(ids, repr_layers=[layer])["representations"][layer].numpy()
    expected = [hidden[i, 1 : len(p) + 1] for i, p in enumerate(PROTEINS)]
    close(encoder(pt, layer=layer).encode(PROTEINS), expected, 1e-4)
    close(encoder(folder, layer=layer).encode(PROTEINS), expected, 1e-4)


@pytest.mark.parametrize("kind", ["pt", "bert"])
def test_a_batch_is_many_single_proteins_in_any_order(kind, request):
    model = encoder(request.getfixturevalue(kind))
    together = model.encode(PROTEINS)
    close(together, [model.encode([protein])[0] for protein in PROTEINS])
    close(together[::-1], model.encode(PROTEINS[::-1]))
    close(together, encoder(request.getfixturevalue(kind), tokens=30).encode(PROTEINS))


def test_a_window_changes_nothing_where_the_protein_fits(pt):
    close(encoder(pt, window=24).encode(PROTEINS), encoder(pt, window=500).encode(PROTEINS), 0)


def test_windows_of_the_embedding_are_the_whole_embedding(pt):
    protein = "".join(PROTEINS) * 2
    short, whole = encoder(pt, layer=0, window=10), encoder(pt, layer=0)
    close(short.encode([protein]), whole.encode([protein]), 1e-6)


def test_a_long_protein_is_read_to_its_end(pt):
    protein = "MKVLWAALLVTFLAGCQA" * 70
    model = encoder(pt)
    (vectors,) = model.encode([protein])
    assert vectors.shape == (1260, 32)
    first, last = model.encode([protein[:1022], protein[-1022:]])
    np.testing.assert_allclose(vectors[:238], first[:238], atol=1e-5)
    np.testing.assert_allclose(vectors[-238:], last[-238:], atol=1e-5)
    np.testing.assert_allclose(vectors[600], (first[600] + last[600 - 238]) / 2, atol=1e-5)


def test_rotary_positions_take_a_larger_window_and_tables_do_not(pt, bert):
    assert encoder(pt, window=2000).encode(["MK" * 600])[0].shape == (1200, 32)
    with pytest.raises(ValueError, match="window is from 2 to 3998 residues, got 3999"):
        encoder(bert, window=3999)


def test_protbert_is_read_in_windows_of_its_trained_length(bert):
    assert encoder(bert).window == 2046


@pytest.mark.parametrize(("negative", "layer"), [(-1, 2), (-2, 1), (-3, 0)])
@pytest.mark.parametrize("kind", ["pt", "bert"])
def test_a_negative_layer_counts_from_the_end(kind, request, negative, layer):
    source = request.getfixturevalue(kind)
    some, same = encoder(source, layer=negative), encoder(source, layer=layer)
    assert (some.name, some.digest) == (same.name, same.digest)
    assert some.name.endswith(f"layer {layer}")


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_is_not_there_is_an_error(pt, layer):
    with pytest.raises(ValueError, match=f"esm2_tiny: layer is from -3 to 2, got {layer}"):
        encoder(pt, layer=layer)


def test_digests_tell_weights_layers_windows_and_precisions_apart(fair, pt, tmp_path, checkpoint):
    with torch.no_grad():
        fair.layers[0].fc1.bias[0] += 1e-3
        moved = checkpoint(fair, tmp_path / "esm2_tiny.pt")
        fair.layers[0].fc1.bias[0] -= 1e-3
    kinds = [
        encoder(pt),
        encoder(moved),
        encoder(pt, layer=1),
        encoder(pt, window=100),
        encoder(pt, precision="bf16"),
    ]
    assert len({kind.digest for kind in kinds}) == len(kinds)
    assert encoder(pt, tokens=10).digest == encoder(pt).digest
    both = encoder(pt, layer=(1, 2))
    assert both.digest_of(1) == encoder(pt, layer=1).digest
    assert both.digest == encoder(pt).digest
    assert encoder(pt, layer="all").layers == (0, 1, 2)


@pytest.mark.parametrize("kind", ["pt", "bert"])
def test_bf16_is_near_fp32_also_far_into_a_protein(kind, request):
    source, protein = request.getfixturevalue(kind), "MKVLWAALLVTFLAGCQA" * 40
    half = encoder(source, precision="bf16")
    assert half.name.endswith("layer 2, bf16")
    (a,), (b,) = half.encode([protein]), encoder(source).encode([protein])
    assert a.dtype == np.float32
    assert np.abs(a - b).max() < 0.05
    assert np.abs(a - b).max() > 1e-5


def test_positions_keep_fp32_where_weights_are_bf16(pt):
    half = encoder(pt, precision="bf16").run
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    cos, sin = half.angles(torch.tensor([1000]))
    assert cos.dtype == sin.dtype == torch.float32
    np.testing.assert_allclose(cos[0, 0, 0], np.cos(1000.0), atol=1e-6)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_protbert_reads_letters_as_its_own_tokenizer_reads_them_apart(bert, layer):
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(bert)
    model = BertModel.from_pretrained(bert).eval()
    for protein, vectors in zip(PROTEINS, encoder(bert, layer=layer).encode(PROTEINS), strict=True):
        spaced = " ".join(protein.translate(str.maketrans("UZOB", "XXXX")))
        with torch.no_grad():
            states = model(**tokenizer(spaced, return_tensors="pt"), output_hidden_states=True)
        np.testing.assert_allclose(
            vectors, states.hidden_states[layer][0, 1:-1].numpy(), rtol=0, atol=1e-5
        )


def test_esm2_has_tokens_for_rare_letters_and_reads_j_as_x(pt):
    u, x, j = encoder(pt).encode(["MUK", "MXK", "MJK"])
    np.testing.assert_allclose(j, x, rtol=0, atol=1e-6)
    assert np.abs(u - x).max() > 1e-3


def test_a_folder_that_lacks_weights_is_an_error(pt, tmp_path, esm_folder):
    from safetensors.torch import load_file, save_file

    broken = esm_folder(pt, tmp_path / "broken")
    weights = load_file(tmp_path / "broken" / "model.safetensors")
    del weights["esm.encoder.layer.1.attention.self.query.weight"]
    save_file(weights, tmp_path / "broken" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"1 are missing: .*layer\.1\.attention\.self\.query"):
        encoder(broken)


def test_a_model_without_pooler_and_heads_is_whole(pt, folder, tmp_path):
    from transformers import EsmModel

    EsmModel.from_pretrained(folder).save_pretrained(tmp_path / "bare")
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / "bare" / name).write_bytes((Path(folder) / name).read_bytes())
    assert encoder(str(tmp_path / "bare")).digest == encoder(folder).digest


def test_a_path_with_nothing_there_is_an_error(tmp_path):
    for path in (tmp_path / "esm2.pt", tmp_path / "esm2"):
        with pytest.raises(FileNotFoundError, match=f"{path}: there is no such"):
            encoder(str(path))


def test_a_folder_that_is_not_whole_is_an_error(folder, tmp_path):
    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        with pytest.raises((ValueError, FileNotFoundError), match=str(tmp_path)):
            encoder(str(tmp_path))
        (tmp_path / name).write_bytes((Path(folder) / name).read_bytes())
    with pytest.raises(FileNotFoundError, match="safetensors"):
        encoder(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 99)
    with pytest.raises(ValueError, match="its checkpoint cannot be read"):
        encoder(str(tmp_path))


def test_a_vocabulary_without_the_amino_acids_is_an_error(pt, tmp_path, esm_folder):
    source = esm_folder(pt, tmp_path / "odd")
    (tmp_path / "odd" / "vocab.txt").write_text("\n".join(t for t in VOCABULARY if t != "W"))
    with pytest.raises(ValueError, match=r"odd: a vocabulary has the letters .* lacks \['W'\]"):
        encoder(source)


def test_another_kind_of_model_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(ValueError, match="of the kind esm or bert, got t5"):
        encoder(str(tmp_path))


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ({"precision": "fp8"}, "precision is one of fp32, bf16, int8, got fp8"),
        ({"tokens": 0}, "tokens .* must be positive, got 0"),
        ({"window": 1}, "window is from 2 to 1022 residues, got 1"),
        ({"device": "abacus"}, "esm2_tiny, layer 2: device abacus cannot take it"),
    ],
)
def test_an_option_out_of_range_is_an_error(pt, option, rule):
    with pytest.raises(ValueError, match=rule):
        encoder(pt, **option)


def test_a_hub_id_that_cannot_be_had_is_an_error_that_says_how_to_get_it(tmp_path):
    code = "from protgraph.language.encoder import encoder; encoder('facebook/esm2_t12_35M_UR50D')"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=offline)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("FileNotFoundError: facebook/esm2_t12_35M_UR50D: ")
    assert "hf download facebook/esm2_t12_35M_UR50D" in last
    assert "HF_HOME" in last


def golden(data):
    from safetensors.numpy import load_file

    tensors = load_file(data / "esm2" / "golden_8m.safetensors")
    ids, residues = tensors["input__input_ids"], tensors["residue_mask"]
    proteins = [
        "".join(VOCABULARY[i] for i in row[keep]) for row, keep in zip(ids, residues, strict=True)
    ]
    return tensors, proteins


def test_tokens_are_those_of_esm2(data, pt):
    assert (data / "esm2" / "vocab.txt").read_text().split() == VOCABULARY
    tensors, proteins = golden(data)
    alphabet = encoder(pt).alphabet
    for row, protein in zip(tensors["input__input_ids"], proteins, strict=True):
        ids = alphabet.tokens(protein).tolist()
        assert row.tolist() == ids + [VOCABULARY.index("<pad>")] * (len(row) - len(ids))


def test_real_esm2_weights_give_the_golden_vectors(data):
    if "PROTGRAPH_ESM2" not in os.environ:
        pytest.skip("PROTGRAPH_ESM2 names no real ESM-2 8M weights")
    tensors, proteins = golden(data)
    vectors = encoder(os.environ["PROTGRAPH_ESM2"]).encode(proteins)
    for i, protein in enumerate(proteins):
        expected = tensors["output__last_hidden_state"][i, tensors["residue_mask"][i]]
        assert vectors[i].shape == (len(protein), 320)
        # The reference ran on a GPU from bf16 files, so equality is that of bf16.
        lengths = np.linalg.norm(vectors[i], axis=1) * np.linalg.norm(expected, axis=1)
        assert ((vectors[i] * expected).sum(axis=1) / lengths).min() > 0.999
