import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_esmfold
import torch

from protgraph.graph.build import build
from protgraph.language.esmfold import load
from protgraph.language.folding import fold_all
from protgraph.structure.read import read

FASTA = ">sp|P1|ONE first\nMKVLWAALLVTFLAGC\n>two\nMKUW\n>three\nGYTRNDEH\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(tiny_esmfold.write(tmp_path_factory.mktemp("hub") / "random-esmfold"))


@pytest.fixture
def proteins(tmp_path):
    (tmp_path / "three.fasta").write_text(FASTA)
    return read(tmp_path / "three.fasta")


@pytest.fixture
def asked(model, monkeypatch):
    """Sequences that the model is asked for, in order."""
    texts = []
    infer = model.model.infer
    monkeypatch.setattr(model.model, "infer", lambda text: (texts.append(text), infer(text))[1])
    return texts


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_sequences_become_files_that_read_and_build(model, proteins, tmp_path):
    paths = fold_all(proteins, tmp_path / "models", model=model)
    assert [path.name for path in paths] == ["sp_P1_ONE.pdb", "two.pdb", "three.pdb"]
    for path, protein in zip(paths, proteins, strict=True):
        made = model.fold(protein.sequence).protein
        [back] = read(path)
        assert back.sequence == protein.sequence
        np.testing.assert_allclose(back.confidence, made.confidence, atol=1e-2)
        np.testing.assert_allclose(back.backbone, made.backbone, atol=1e-3)
        graph = build(back, trusted=0)
        assert graph.x.isfinite().all()
        assert len(graph.residue) == back.observed.sum()
    assert len(contents(tmp_path / "models")) == 2 * len(proteins)


def test_files_tell_what_made_them(model, proteins, tmp_path):
    fold_all(proteins, tmp_path, model=model)
    said = json.loads((tmp_path / "two.json").read_text())
    made = model.fold("MKXW")
    np.testing.assert_allclose(said.pop("predicted_aligned_error"), made.pae, atol=0.051)
    assert said == {
        "name": "two",
        "sequence": "MKXW",
        "notes": ["U read as X at 3"],
        "model": "random-esmfold",
        "digest": model.digest,
        "ptm": round(made.ptm, 4),
        "plddt": round(float(np.nanmean(made.protein.confidence)), 2),
    }
    assert "random-esmfold" in (tmp_path / "two.pdb").read_text().splitlines()[0]


def test_the_longest_is_folded_first(model, proteins, tmp_path, asked):
    fold_all(proteins, tmp_path / "models", model=model)
    assert [len(text) for text in asked] == [16, 8, 4]


def test_what_is_finished_is_not_folded_again(model, proteins, tmp_path, asked):
    paths = fold_all(proteins[:2], tmp_path / "models", model=model)
    before = contents(tmp_path / "models")
    assert fold_all(proteins[:2], tmp_path / "models", model=model) == paths
    assert len(asked) == 2
    assert contents(tmp_path / "models") == before
    fold_all(proteins, tmp_path / "models", model=model)
    assert asked[2:] == ["GYTRNDEH"]


def test_a_run_that_was_stopped_goes_on(model, proteins, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    infer = model.model.infer
    with monkeypatch.context() as patch:
        patch.setattr(model.model, "infer", lambda text: infer(text) if len(text) > 9 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fold_all(proteins, folder, model=model)
    assert set(contents(folder)) == {"sp_P1_ONE.pdb", "sp_P1_ONE.json"}
    (folder / "sp_P1_ONE.pdb").unlink()
    fold_all(proteins, folder, model=model)
    assert len(contents(folder)) == 6


def test_a_file_that_cannot_be_written_whole_is_not_there(model, proteins, tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.replace", lambda self, path: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):  # noqa: PT011
        fold_all(proteins, tmp_path / "models", model=model)
    assert contents(tmp_path / "models") == {}


def refused(proteins, folder, model, rule):
    before = contents(folder)
    with pytest.raises(ValueError, match=rule):
        fold_all(proteins, folder, model=model)
    assert contents(folder) == before


def test_files_of_another_model_are_not_overwritten(model, proteins, tmp_path, asked):
    folder = tmp_path / "models"
    fold_all(proteins[1:2], folder, model=model)
    asked.clear()
    other = load(tiny_esmfold.write(tmp_path / "random-other", seed=1))
    refused(proteins, folder, other, r"two\.pdb: was made by random-esmfold \(digest .* random-ot")
    assert not asked


def test_files_of_another_sequence_are_not_overwritten(model, proteins, tmp_path, asked):
    folder = tmp_path / "models"
    fold_all(proteins[1:2], folder, model=model)
    asked.clear()
    changed = [proteins[0], replace(proteins[2], name="two")]
    refused(changed, folder, model, r"two\.pdb: was made of another sequence \(of 4 residues\)")
    assert not asked


def test_files_of_something_else_are_not_overwritten(model, proteins, tmp_path, asked):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "two.pdb").write_text("mine")
    refused(proteins, folder, model, r"two\.pdb: is there, but no two\.json that tells")
    for text in ("{", "[1]", '{"model": "x"}', "\udcff"):
        (folder / "two.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        refused(proteins, folder, model, r"two\.json: was not written with a folded structure")
    assert not asked


def test_names_that_would_share_a_file_are_refused(model, proteins, tmp_path, asked):
    one, two, _ = proteins
    for name in ("sp/P1/ONE", "SP_p1_one"):
        with pytest.raises(ValueError, match=r"sp\|P1\|ONE and .*: both would be written to"):
            fold_all([one, two, replace(two, name=name)], tmp_path / "models", model=model)
    with pytest.raises(ValueError, match="a file has at most 240 bytes, got 244"):
        fold_all([replace(one, name="ä" * 122)], tmp_path / "models", model=model)
    assert not asked
    assert not (tmp_path / "models").exists()


def test_no_name_leaves_the_folder(model, proteins, tmp_path):
    [path] = fold_all([replace(proteins[1], name="../.x/y")], tmp_path / "models", model=model)
    assert path == tmp_path / "models" / "_._.x_y.pdb"
    assert path.exists()


def test_a_sequence_too_long_is_reported_and_the_rest_is_folded(
    model, proteins, tmp_path, capsys, asked
):
    small = replace(model, room=0.3)
    long = replace(proteins[1], name="titin", sequence="M" * 5000, backbone=np.zeros((5000, 4, 3)),
                   side=np.empty(0), observed=np.empty(0), numbering=())  # fmt: skip
    with pytest.raises(ValueError, match="1 of 4 sequences were not folded: titin"):
        fold_all([*proteins, long], tmp_path / "models", model=small)
    assert "not folded: titin: 5000 residues need about" in capsys.readouterr().err
    assert [len(text) for text in asked] == [16, 8, 4]
    assert len(contents(tmp_path / "models")) == 2 * len(proteins)


def test_memory_that_runs_out_in_spite_of_the_estimate_stops_one_sequence_alone(
    model, proteins, tmp_path, monkeypatch, capsys
):
    infer = model.model.infer

    def full(text):
        if len(text) > 9:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return infer(text)

    monkeypatch.setattr(model.model, "infer", full)
    with pytest.raises(ValueError, match=r"1 of 3 sequences were not folded: sp\|P1\|ONE"):
        fold_all(proteins, tmp_path / "models", model=model)
    said = "not folded: sp|P1|ONE: 16 residues took all memory of cpu, which is more than"
    assert said in capsys.readouterr().err
    assert len(contents(tmp_path / "models")) == 4
