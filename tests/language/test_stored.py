"""An encoder with a store gives what the encoder gives, and computes it once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import pytest

from protgraph.language import stored as module
from protgraph.language.encoder import onehot
from protgraph.language.store import Store, key
from protgraph.language.stored import computed, pooled, portions, stored

SEQUENCES = ["MKV", "GASTPLIN", "MKV", "W", "MKVMKVMKV"]


def draw(sequence, layer=0, width=6):
    """Vectors that a sequence and a layer decide."""
    seed = int(sha256(f"{sequence} {layer}".encode()).hexdigest()[:8], 16)
    return np.random.default_rng(seed).normal(size=(len(sequence), width)).astype(np.float32)


@dataclass
class Fake:
    """An encoder that counts."""

    name: str = "fake"
    width: int = 6
    digest: str = "fake"
    read: list = field(default_factory=list)

    def encode(self, sequences):
        self.read += sequences
        return [draw(sequence) for sequence in sequences]


@dataclass
class Deep(Fake):
    """One that gives two layers in a pass."""

    layers: tuple = (6, 8)

    @property
    def digest(self):
        return self.digest_of(self.layers[-1])

    @digest.setter
    def digest(self, _):
        pass

    def digest_of(self, layer):
        return f"deep {layer}"

    def encode(self, sequences):
        raise AssertionError(f"one pass gives all layers of {sequences}")

    def encode_layers(self, sequences):
        self.read += sequences
        return [[draw(sequence, layer) for sequence in sequences] for layer in self.layers]


def equal(found, wanted):
    return len(found) == len(wanted) and all(map(np.array_equal, found, wanted))


def test_vectors_are_those_of_the_encoder_and_are_computed_once(tmp_path):
    fake = Fake()
    kept = stored(fake, tmp_path)
    for _ in range(2):
        assert equal(kept.encode(SEQUENCES), [draw(sequence) for sequence in SEQUENCES])
    assert sorted(fake.read) == sorted(set(SEQUENCES))
    kept.encode(["NEW", *SEQUENCES])
    assert fake.read[4:] == ["NEW"]
    assert equal(stored(Fake(), tmp_path).encode(["W"]), [draw("W")])


def test_it_is_an_encoder_like_the_one_it_wraps(tmp_path):
    kept = stored(onehot(), tmp_path)
    assert (kept.name, kept.width, kept.digest) == ("onehot", 21, onehot().digest)
    assert kept.encode([]) == []
    with pytest.raises(ValueError, match="reads a list of sequences, got one string"):
        stored(Fake(), tmp_path).encode("MKV")


def test_another_digest_is_another_vector(tmp_path):
    stored(Fake(), tmp_path).encode(SEQUENCES)
    other = Fake(digest="other weights")
    stored(other, tmp_path).encode(SEQUENCES)
    assert len(other.read) == 4


def test_one_pass_gives_all_layers(tmp_path):
    deep = Deep()
    kept = stored(deep, tmp_path)
    six, eight = kept.encode_layers(SEQUENCES)
    assert equal(six, [draw(sequence, 6) for sequence in SEQUENCES])
    assert equal(eight, [draw(sequence, 8) for sequence in SEQUENCES])
    assert equal(kept.encode(SEQUENCES), eight)
    assert len(deep.read) == 4
    assert kept.encode_layers([]) == [[], []]


def test_a_layer_is_found_again_without_the_other(tmp_path):
    stored(Deep(), tmp_path).encode(SEQUENCES)
    single = Deep(layers=(6,))
    assert equal(stored(single, tmp_path).encode(["W"]), [draw("W", 6)])
    assert single.read == []


def test_what_another_process_has_committed_is_found(tmp_path):
    fake = Fake()
    kept = stored(fake, tmp_path)
    stored(Fake(), tmp_path).encode(SEQUENCES)
    kept.encode(SEQUENCES)
    assert fake.read == []


def test_beside_another_writer_vectors_are_computed_and_not_kept(tmp_path):
    fake = Fake()
    kept = stored(fake, tmp_path)
    with Store(tmp_path).writing():
        assert equal(kept.encode(SEQUENCES), [draw(sequence) for sequence in SEQUENCES])
        assert len(kept.store) == 0
    kept.encode(SEQUENCES)
    assert len(kept.store) == 4


def test_the_default_folder_is_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path))
    assert stored(Fake()).store.folder == tmp_path / "vectors"
    monkeypatch.delenv("PROTGRAPH_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert stored(Fake()).store.folder == tmp_path / "home" / ".cache" / "protgraph" / "vectors"


class Odd(Fake):
    """One that gives what it is told to."""

    def __init__(self, given):
        super().__init__()
        self.given = given

    def encode(self, sequences):
        return [self.given(sequence) for sequence in sequences]


def with_a(value):
    def given(sequence):
        found = draw(sequence)
        if sequence == "BAD":
            found[1, 2] = value
        return found

    return given


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_an_error_that_names_the_protein(tmp_path, value):
    kept = stored(Odd(with_a(value)), tmp_path)
    with pytest.raises(ValueError, match="BAD: vectors kept as fp32 are finite and at most"):
        kept.encode(["GOOD", "BAD"])
    assert len(kept.store) == 0


def test_vectors_of_another_shape_are_an_error_that_names_the_protein(tmp_path):
    kept = stored(Odd(lambda sequence: draw(sequence)[1:]), tmp_path)
    text = r"MKV: fake gives vectors of shape \[2, 6\], but its sequence needs \[3, 6\]"
    with pytest.raises(ValueError, match=text):
        kept.encode(["MKV"])


def test_an_encoder_that_refuses_one_protein_of_many_is_asked_which(tmp_path):
    def given(sequence):
        if sequence == "BAD":
            raise ValueError("sequence 1 has NaN")
        return draw(sequence)

    names = {"GOOD": "P1", "BAD": "P2", "FINE": "P3"}
    with pytest.raises(ValueError, match="P2: sequence 1 has NaN"):
        list(computed(Odd(given), names))


def test_the_mean_is_over_residues(tmp_path):
    ((residues, found),) = computed(Fake(), {"MKV": "P1"}, pool="mean")
    assert residues == 3
    wanted = draw("MKV").astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(found[key("MKV", "fake", pool="mean")], wanted, rtol=1e-6)


def test_portions_hold_every_protein_once_longest_first():
    sequences = ["M" * n for n in (5, 90, 1, 30, 40, 7, 7, 3)]
    found = [s for portion in portions(sequences, 50) for s in portion]
    assert found == sorted(sequences, key=len, reverse=True)
    sizes = [sum(map(len, portion)) for portion in portions(sequences, 50)]
    assert sizes == [90, 40, 49, 4]


def test_portions_grow_until_one_takes_too_long(monkeypatch):
    clock = iter(range(0, 10**6, 10))
    sequences = ["M" * 10] * 64
    monkeypatch.setattr(module, "FIRST", 40)
    grown = [len(portion) for portion in portions(sequences, 10**6)]
    assert grown == [4, 8, 16, 32, 4]
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    shrunk = [len(portion) for portion in portions(sequences, 10**6)]
    assert shrunk[:4] == [4, 2, 1, 1]


def test_vectors_that_wait_for_a_commit_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PORTION", 4 * 6 * 2 * 10)
    several = [f"{'ACDEFGHIKL'[i % 10]}{'WYV'[i // 10]}KV" for i in range(30)]
    for encoder, most in ((Fake(), 20), (Deep(), 10)):
        sizes = [residues for residues, _ in computed(encoder, {s: s for s in several})]
        assert max(sizes) <= most
        assert sum(sizes) == 120


def test_a_store_wakes_no_giant():
    code = (
        "import sys, protgraph.language.embed;"
        "print([m for m in ('torch', 'h5py', 'Bio', 'tqdm', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_means_of_proteins_are_computed_once_and_are_those_of_the_residues(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path))
    fake = Fake()
    monkeypatch.setattr(module, "encoder_of", lambda name, layer: fake)
    expected = np.stack([draw(sequence).mean(axis=0) for sequence in SEQUENCES])
    one = pooled("fake", SEQUENCES[:2])
    assert np.allclose(one, expected[:2], atol=1e-6)
    assert np.allclose(pooled("fake", SEQUENCES), expected, atol=1e-6)
    assert sorted(fake.read) == sorted(set(SEQUENCES))
    assert len(Store(tmp_path / "vectors")) == len(set(SEQUENCES))


def test_means_are_returned_though_another_process_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "encoder_of", lambda name, layer: Fake())
    with Store(tmp_path / "vectors").writing():
        made = pooled("fake", ["MKV"])
    assert np.allclose(made, draw("MKV").mean(axis=0), atol=1e-6)
    assert not len(Store(tmp_path / "vectors"))
