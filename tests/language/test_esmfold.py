import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_esmfold
import torch

from protgraph.language import memory
from protgraph.language.esmfold import fold, load
from protgraph.structure.read import read

PROTEIN = "MKVLWAALLVTFLAGCQAGYTRNDEHIPS"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_esmfold.write(tmp_path_factory.mktemp("hub") / "random-esmfold")


@pytest.fixture(scope="module")
def model(source):
    return load(source)


@pytest.fixture(scope="module")
def folded(model):
    return model.fold(PROTEIN, name="demo")


def same(some, others, tolerance):
    np.testing.assert_allclose(some.backbone, others.backbone, rtol=0, atol=tolerance)
    np.testing.assert_allclose(some.side, others.side, rtol=0, atol=tolerance)
    np.testing.assert_allclose(some.confidence, others.confidence, rtol=0, atol=10 * tolerance)


def test_a_fold_has_places_confidence_ptm_and_pae(folded):
    protein = folded.protein
    assert (protein.name, protein.chain, protein.sequence) == ("demo", "A", PROTEIN)
    assert protein.numbering == tuple(str(i + 1) for i in range(len(PROTEIN)))
    assert protein.observed.all()
    assert 1 < protein.confidence.min() < protein.confidence.max() < 99
    assert 0 < folded.ptm < 1
    assert folded.pae.shape == (len(PROTEIN), len(PROTEIN))
    assert 0 < folded.pae.min() < folded.pae.max() < 32


def test_geometry_is_that_of_residues(folded):
    n, ca, c, cb = folded.protein.backbone.transpose(1, 0, 2)
    glycine = np.array([letter == "G" for letter in PROTEIN])
    np.testing.assert_allclose(np.linalg.norm(n - ca, axis=1), 1.46, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(c - ca, axis=1), 1.525, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(cb - ca, axis=1)[~glycine], 1.53, atol=0.03)
    assert np.isnan(cb[glycine]).all()
    assert np.isnan(folded.protein.side[glycine]).all()
    alanine = np.array([letter == "A" for letter in PROTEIN])
    np.testing.assert_allclose(folded.protein.side[alanine], cb[alanine], atol=1e-5)


def test_a_written_fold_reads_back_as_a_prediction(model, tmp_path):
    made = model.fold("xMKVuLWx", name="demo")
    (tmp_path / "demo.pdb").write_text(made.pdb)
    [back] = read(tmp_path / "demo.pdb")
    assert back.sequence == made.protein.sequence == "XMKVXLWX"
    assert [back.numbering[i] for i in back.index] == ["2", "3", "4", "6", "7"]
    same(back, made.protein, 1e-3)


def test_atoms_are_those_that_transformers_writes(model, folded):
    theirs = [line[:60] for line in model.model.infer_pdb(PROTEIN).splitlines() if "ATOM" in line]
    ours = [line[:60] for line in folded.pdb.splitlines() if line.startswith("ATOM")]
    assert ours == theirs
    assert len(ours) > 7 * len(PROTEIN)


def test_plddt_from_0_to_1_and_from_0_to_100_is_told_apart(model, folded, monkeypatch):
    infer = model.model.infer
    monkeypatch.setattr(
        model.model, "infer", lambda text: {**(out := infer(text)), "plddt": 100 * out["plddt"]}
    )
    again = model.fold(PROTEIN)
    np.testing.assert_allclose(again.protein.confidence, folded.protein.confidence, rtol=1e-6)
    assert again.pdb == folded.pdb


def test_letters_beyond_the_twenty_are_x_without_atoms(model):
    made = model.fold("MKUJV")
    assert made.protein.sequence == "MKXXV"
    assert made.protein.notes == ("J read as X at 4", "U read as X at 3")
    assert made.protein.observed.tolist() == [True, True, False, False, True]
    assert np.isnan(made.protein.confidence).tolist() == [False, False, True, True, False]
    assert made.pae.shape == (5, 5)


@pytest.mark.parametrize(
    ("sequence", "rule"),
    [
        ("", "demo: the sequence is empty"),
        ("MK*V", "demo: a sequence is written in the letters A to Z, got '\\*' at 3"),
        ("XUB", "demo: one residue at least is an amino acid, got X alone"),
    ],
)
def test_a_sequence_that_cannot_be_folded_is_an_error(model, sequence, rule):
    with pytest.raises(ValueError, match=rule):
        model.fold(sequence, name="demo")


def test_coordinates_that_are_not_finite_are_an_error(model, monkeypatch):
    out = model.model.infer("MK")
    out["positions"][-1, 0, 1, 5] = np.nan
    monkeypatch.setattr(model.model, "infer", lambda text: out)
    with pytest.raises(ValueError, match="demo: random-esmfold gave coordinates that are not fin"):
        model.fold("MK", name="demo")


def test_one_call_folds_as_a_loaded_model_does(source, folded):
    protein = fold(PROTEIN, model=source, name="demo")
    same(protein, folded.protein, 1e-6)
    assert protein.name == "demo"


@pytest.mark.parametrize("chunk", [1, 7])
def test_the_chunk_changes_no_structure(source, folded, chunk):
    same(load(source, chunk=chunk).fold(PROTEIN).protein, folded.protein, 1e-4)


def test_bf16_is_near_fp32_and_another_model(source, model, folded):
    half = load(source, precision="bf16")
    assert half.name == "random-esmfold, bf16"
    assert {p.dtype for p in half.model.esm.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in half.model.trunk.parameters()} == {torch.float32}
    moved = np.abs(half.fold(PROTEIN).protein.confidence - folded.protein.confidence).max()
    assert 1e-5 < moved < 5
    assert half.digest != model.digest


def pickled(source, folder):
    """The same weights as the hub has them: a pickle and no safetensors."""
    from transformers import EsmForProteinFolding

    folder.mkdir()
    (folder / "config.json").write_bytes((Path(source) / "config.json").read_bytes())
    weights = EsmForProteinFolding.from_pretrained(source).state_dict()
    torch.save(weights, folder / "pytorch_model.bin")
    return folder


def test_a_pickle_of_weights_is_the_same_model(source, model, tmp_path):
    assert load(str(pickled(source, tmp_path / "bin"))).digest == model.digest


def test_a_pickle_with_code_is_refused_and_not_run(source, tmp_path):
    class Code:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    folder = pickled(source, tmp_path / "bin")
    torch.save({"code": Code()}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"bin: its checkpoint is no pickle of tensors alone"):
        load(str(folder))
    assert not (tmp_path / "run").exists()


def test_digests_tell_weights_and_recycles_apart(source, model, tmp_path):
    other = tiny_esmfold.write(tmp_path / "other", seed=1)
    config = Path(tiny_esmfold.write(tmp_path / "once")) / "config.json"
    said = json.loads(config.read_text())
    said["esmfold_config"]["trunk"]["max_recycles"] = 1
    config.write_text(json.dumps(said))
    digests = {model.digest, load(other).digest, load(str(config.parent)).digest}
    assert len(digests) == 3
    assert load(source, chunk=5, room=2).digest == model.digest


def test_a_folder_that_lacks_weights_is_an_error(source, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = Path(tiny_esmfold.write(tmp_path / "broken")) / "model.safetensors"
    weights = load_file(broken)
    weights.pop("distogram_head.bias")
    save_file(weights, broken, metadata={"format": "pt"})
    load(str(broken.parent))
    weights.pop("trunk.trunk2sm_s.bias")
    save_file(weights, broken, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"1 are missing: trunk\.trunk2sm_s\.bias"):
        load(str(broken.parent))
    broken.unlink()
    with pytest.raises(FileNotFoundError, match="broken: the folder lacks a file"):
        load(str(broken.parent))


def test_another_kind_of_model_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "esm", "vocab_size": 33}))
    with pytest.raises(ValueError, match=r"with is_folding_model\), got esm without it"):
        load(str(tmp_path))
    with pytest.raises(ValueError, match="is a folder or a hub id, got a file"):
        load(str(tmp_path / "config.json"))


def test_a_hub_that_cannot_be_reached_is_an_error_that_says_what_to_do():
    with pytest.raises(FileNotFoundError, match="hf download facebook/esmfold_v1"):
        fold("MKV")


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ({"precision": "int8"}, "precision is one of fp32, bf16, got int8"),
        ({"chunk": 0}, "chunk counts rows and must be positive, got 0"),
        ({"room": 0.0}, "room is memory in GiB and must be positive, got 0.0"),
        ({"device": "abacus"}, "random-esmfold: device abacus cannot take it"),
    ],
)
def test_an_option_out_of_range_is_an_error(source, option, rule):
    with pytest.raises(ValueError, match=rule):
        load(source, **option)


def test_a_sequence_too_long_for_the_memory_is_refused_before_it_is_folded(model, monkeypatch):
    monkeypatch.setattr(model.model, "infer", lambda text: pytest.fail("it was folded"))
    small = replace(model, room=0.3)
    fits = small.longest()
    with pytest.raises(
        ValueError, match=rf"demo: {fits + 1} residues need about 0\.3 GiB .* {fits}"
    ):
        small.fold("M" * (fits + 1), name="demo")
    with pytest.raises(pytest.fail.Exception):
        small.fold("M" * fits)


def test_the_chunk_is_smaller_where_memory_is_short(model, monkeypatch):
    taken = []
    monkeypatch.setattr(model.model.trunk, "set_chunk_size", taken.append)
    ample, short = (memory.needed(300, chunk, width=16, heads=2) for chunk in memory.CHUNKS)
    monkeypatch.setattr(model.model, "infer", lambda text: pytest.fail("chunk is set"))
    for room in (ample, short):
        monkeypatch.setattr(memory, "free", lambda device, room=room: room)
        with pytest.raises(pytest.fail.Exception, match="chunk is set"):
            model.fold("M" * 300)
    assert taken == [128, 64]
