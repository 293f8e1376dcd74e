"""Embedding a file: every protein gets its vectors, whatever happens on the way."""

from __future__ import annotations

import gzip
import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import pytest

from protgraph.language import embed as module
from protgraph.language.embed import embed
from protgraph.language.store import Store


def draw(sequence, layer=0):
    """Vectors that a sequence and a layer decide."""
    seed = int(sha256(f"{sequence} {layer}".encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).normal(size=(len(sequence), 6)).astype(np.float32)


@dataclass
class Fake:
    """An encoder that counts, of two layers in one pass."""

    layers: tuple = (6,)
    name: str = "fake"
    width: int = 6
    read: list = field(default_factory=list)

    @property
    def digest(self):
        return self.digest_of(self.layers[-1])

    def digest_of(self, layer):
        return f"fake {layer}"

    def encode(self, sequences):
        return self.encode_layers(sequences)[-1]

    def encode_layers(self, sequences):
        self.read += sequences
        return [[draw(sequence, layer) for sequence in sequences] for layer in self.layers]


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "proteins.fasta"
    path.write_text(">P1 first\nMKV\n>P2\nGASTPLIN\n>P3 as P1\nMKV\n")
    return path


def test_every_id_finds_its_vectors_and_one_sequence_is_computed_once(fasta, tmp_path):
    fake = Fake()
    done = embed(fasta, tmp_path / "vectors", fake)
    assert done.keys["P1"] == done.keys["P3"]
    found = {name: Store(tmp_path / "vectors").get(key) for name, (key,) in done.keys.items()}
    wanted = {"P1": "MKV", "P2": "GASTPLIN", "P3": "MKV"}
    assert all(np.array_equal(found[name], draw(s, 6)) for name, s in wanted.items())
    assert sorted(fake.read) == ["GASTPLIN", "MKV"]
    assert (done.sequences, done.computed) == (2, 2)


def test_a_second_run_computes_only_what_is_new(fasta, tmp_path):
    embed(fasta, tmp_path / "vectors", Fake())
    fasta.write_text(fasta.read_text() + ">P4\nWWW\n")
    fake = Fake()
    done = embed(fasta, tmp_path / "vectors", fake)
    assert fake.read == ["WWW"]
    assert done.text().startswith("4 proteins, 3 sequences, 1 computed, the rest found")


def test_several_layers_take_one_pass(fasta, tmp_path):
    fake = Fake(layers=(2, 6))
    done = embed(fasta, tmp_path / "vectors", fake)
    assert len(fake.read) == 2
    for layer, key in zip((2, 6), done.keys["P2"], strict=True):
        assert np.array_equal(done.store.get(key), draw("GASTPLIN", layer))


@pytest.mark.parametrize("storage", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("pool", ["none", "mean"])
def test_pooling_and_storage_are_kept_apart_and_the_error_is_told(fasta, tmp_path, pool, storage):
    embed(fasta, tmp_path / "vectors", Fake(layers=(2,)))
    before = Store(tmp_path / "vectors").error["fp32"].vectors
    done = embed(fasta, tmp_path / "vectors", Fake(), pool=pool, storage=storage)
    wanted = draw("GASTPLIN", 6)
    wanted = wanted.mean(axis=0) if pool == "mean" else wanted
    found = done.store.get(*done.keys["P2"])
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= done.error.largest + 1e-6
    new = 2 if pool == "mean" else 11
    assert done.error.vectors == new + (before if storage == "fp32" else 0)
    assert (done.error.largest > 0) == (storage != "fp32")
    assert (str(done.error) in done.text()) == (storage != "fp32")


@pytest.mark.parametrize(
    ("text", "sequences", "notes"),
    [
        (">a\nmkv\n", {"a": "MKV"}, ()),
        (">a\nMKV*\n", {"a": "MKV"}, ()),
        (">a\nM-K.V\n", {"a": "MKV"}, ("a: 2 gaps were removed",)),
        (">a\nMBV\n>b\nMXV\n", {"a": "MXV", "b": "MXV"}, ("a: B read as X at 2",)),
        (">a\nZJUO\n", {"a": "XXXX"},
         ("a: J read as X at 2", "a: O read as X at 4", "a: U read as X at 3",
          "a: Z read as X at 1", "a: no residue is known, all are X")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_a_sequence_is_cleaned_before_it_is_read(tmp_path, text, sequences, notes, packed):
    path = tmp_path / ("x.fasta.gz" if packed else "x.fasta")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    done = embed(path, tmp_path / "vectors", Fake())
    for name, sequence in sequences.items():
        assert np.array_equal(done.store.get(*done.keys[name]), draw(sequence, 6))
    assert done.notes == notes


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (">a\nMKV\n>a\nMKV\n", "the id 'a' comes twice"),
        (">a\nMKV\n>a\nGAS\n", "the id 'a' comes twice"),
        (">a\nMKV\n>b\n\n", "b: the sequence is empty"),
        (">a\nM*KV\n", r"letters A to Z, got '\*' at 2"),
    ],
)
def test_a_file_that_leaves_it_open_whose_vectors_they_are_is_refused(tmp_path, text, rule):
    path = tmp_path / "x.fasta"
    path.write_text(text)
    with pytest.raises(ValueError, match=rule):
        embed(path, tmp_path / "vectors", Fake())
    assert not (tmp_path / "vectors").exists()


def test_a_vector_that_is_not_finite_is_an_error_that_names_the_id(fasta, tmp_path):
    class Bad(Fake):
        def encode_layers(self, sequences):
            found = super().encode_layers(sequences)
            for sequence, array in zip(sequences, found[0], strict=True):
                if sequence == "MKV":
                    array[0, 0] = np.nan
            return found

    with pytest.raises(ValueError, match="P1: vectors kept as fp32 are finite"):
        embed(fasta, tmp_path / "vectors", Bad())
    assert len(Store(tmp_path / "vectors")) == 0


@pytest.mark.parametrize(("option", "known"), [("pool", "none, mean"), ("storage", "fp32, fp16")])
def test_an_unknown_option_is_answered_with_those_that_there_are(fasta, tmp_path, option, known):
    with pytest.raises(ValueError, match=f"{option} is one of {known}.*, got max"):
        embed(fasta, tmp_path / "vectors", Fake(), **{option: "max"})


def test_a_plain_file_is_no_place_for_vectors(fasta):
    with pytest.raises(ValueError, match=r"go to a folder or a file \*.h5, and this is a file"):
        embed(fasta, fasta, Fake())


def test_a_run_beside_another_on_one_store_is_refused_before_it_computes(fasta, tmp_path):
    fake = Fake()
    with (
        Store(tmp_path / "vectors").writing(),
        pytest.raises(BlockingIOError, match="one writer at a time"),
    ):
        embed(fasta, tmp_path / "vectors", fake)
    assert fake.read == []


@pytest.mark.parametrize("progress", [True, False, None])
def test_progress_goes_to_stderr_when_asked_for(fasta, tmp_path, capsys, progress):
    embed(fasta, tmp_path / "vectors", Fake(), progress=progress)
    said = capsys.readouterr()
    assert said.out == ""
    assert ("11.0/11.0" in said.err) == bool(progress)


KILLED = """
import os, random, signal, sys, time
from hashlib import sha256
from pathlib import Path
import numpy as np
import Bio.SeqIO, tqdm
from protgraph.language import stored
from protgraph.language.embed import embed
from protgraph.language.store import Store, key

folder, draw = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
stored.FIRST, stored.PORTION = 200, 4 * 512 * 200
sequences = ["".join(draw.choices("ACDEFGHIKLMNPQRSTVWY", k=100)) for _ in range(240)]
fasta, log, place = folder / "x.fasta", folder / "log", folder / "vectors"
fasta.write_text("".join(f">P{i}\\n{s}\\n" for i, s in enumerate(sequences)))

def vectors(sequence):
    seed = int(sha256(sequence.encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).normal(size=(100, 512)).astype(np.float32)

class Slow:
    name, width, digest = "slow", 512, "slow"
    def encode(self, asked):
        with log.open("a") as file:
            file.write("".join(s + "\\n" for s in asked))
        time.sleep(0.01)  # 120 portions last longer than the ten runs that are killed
        return [vectors(s) for s in asked]

sizes, committed = [], set()
for run in range(11):
    log.write_text("")
    child = os.fork()
    if not child:
        embed(fasta, place, Slow())
        os._exit(0)
    if run < 10:
        while not log.read_text():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.12))
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    asked = log.read_text().split()
    assert not committed & set(asked), "computed what had been committed"
    store = Store(place)
    found = {s for s in sequences if key(s, "slow") in store}
    assert committed <= found and len(store) == len(found)
    assert all(np.array_equal(store.get(key(s, "slow")), vectors(s)) for s in found - committed)
    committed = found
    sizes.append(len(found))
assert sizes[0] < 240 and sizes[-1] == 240 and len(set(asked)) == 240 - sizes[-2], sizes
assert all(np.array_equal(store.get(key(s, "slow")), vectors(s)) for s in sequences)
print(*sizes)
"""


def test_a_run_that_is_killed_ten_times_loses_nothing_it_had_committed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_file_for_other_programs_has_a_dataset_a_protein(fasta, tmp_path):
    h5py = pytest.importorskip("h5py")
    fake = Fake()
    done = embed(fasta, tmp_path / "x.h5", fake)
    assert done.store.folder == tmp_path / "x.h5.store"
    with h5py.File(tmp_path / "x.h5") as file:
        # As bio_embeddings and older biotrainers read.
        found = {file[name].attrs["original_id"]: np.array(file[name]) for name in file}
        # As newer biotrainers read.
        hashed = np.array(file[sha256(b"GASTPLIN_8").hexdigest()])
        assert dict(file.attrs)["digest"] == "fake 6"
    wanted = {"P1": "MKV", "P2": "GASTPLIN", "P3": "MKV"}
    assert set(found) == set(wanted)
    assert all(np.array_equal(found[name], draw(s, 6)) for name, s in wanted.items())
    assert np.array_equal(hashed, found["P2"])
    assert found["P1"].dtype == np.float32


def test_a_file_of_pooled_half_floats_is_that(fasta, tmp_path):
    h5py = pytest.importorskip("h5py")
    embed(fasta, tmp_path / "x.h5", Fake(), pool="mean", storage="fp16")
    with h5py.File(tmp_path / "x.h5") as file:
        assert {(file[name].shape, file[name].dtype.str) for name in file} == {((6,), "<f2")}
        assert (file.attrs["pool"], file.attrs["storage"]) == ("mean", "fp16")


def test_a_file_is_whole_or_as_it_was(fasta, tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    embed(fasta, tmp_path / "x.h5", Fake())
    fasta.write_text(fasta.read_text() + ">P4\nWWW\n")

    def cut(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.hdf5, "settle", cut)
    with pytest.raises(KeyboardInterrupt):
        embed(fasta, tmp_path / "x.h5", Fake())
    monkeypatch.undo()
    with h5py.File(tmp_path / "x.h5") as file:
        assert len(file) == 3
    fake = Fake()
    embed(fasta, tmp_path / "x.h5", fake)
    assert fake.read == []
    with h5py.File(tmp_path / "x.h5") as file:
        assert len(file) == 4
    assert not list(tmp_path.glob("*.new"))


def test_a_file_has_one_layer(fasta, tmp_path):
    fake = Fake(layers=(2, 6))
    with pytest.raises(ValueError, match=r"x.h5: a .h5 file holds one layer, got 2"):
        embed(fasta, tmp_path / "x.h5", fake)
    assert fake.read == []


def test_without_h5py_the_way_to_it_is_told_before_anything_is_computed(
    fasta, tmp_path, monkeypatch
):
    monkeypatch.setattr(module.hdf5, "find_spec", lambda name: None)
    fake = Fake()
    with pytest.raises(ImportError, match="written by h5py: pip install h5py"):
        embed(fasta, tmp_path / "x.h5", fake)
    assert fake.read == []
