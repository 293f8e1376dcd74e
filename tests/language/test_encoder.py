import subprocess
import sys

import numpy as np
import pytest

from protgraph.language.encoder import ENCODERS, Lookup, encoder
from protgraph.structure.residues import LETTERS, standardised


@pytest.mark.parametrize("name", ENCODERS)
def test_a_built_in_encoder_keeps_the_promise(name):
    built = encoder(name)
    vectors = built.encode(["MKV", "G"])
    assert built.name == name
    assert [v.shape for v in vectors] == [(3, built.width), (1, built.width)]
    assert all(v.dtype == np.float32 for v in vectors)
    assert built.digest == encoder(name).digest


def test_built_in_encoders_have_digests_of_their_own():
    assert len({encoder(name).digest for name in ENCODERS}) == len(ENCODERS)


def test_onehot_says_the_letter_and_nothing_else():
    (vectors,) = encoder("onehot").encode([LETTERS])
    assert np.array_equal(vectors, np.eye(21))


def test_physchem_has_the_row_of_the_table_that_the_letter_has():
    (vectors,) = encoder("physchem").encode(["WX"])
    assert np.array_equal(vectors, standardised()[[LETTERS.index("W"), LETTERS.index("X")]])


def test_a_letter_outside_the_alphabet_is_read_as_x():
    assert encoder("onehot").encode(["U"])[0].argmax() == LETTERS.index("X")


def test_changing_vectors_leaves_the_encoder_as_it_was():
    built = encoder("onehot")
    built.encode(["A"])[0][:] = 7
    assert built.encode(["A"])[0].max() == 1
    with pytest.raises(ValueError, match="read-only"):
        built.table[:] = 7


def test_no_proteins_give_no_vectors():
    assert encoder("onehot").encode([]) == []


def test_a_table_has_a_row_a_letter():
    with pytest.raises(ValueError, match=r"half: table has shape \[20, 3\].*needs \[21, D\]"):
        Lookup("half", np.zeros((20, 3)))


@pytest.mark.parametrize(
    ("sequences", "rule"),
    [
        ("MKV", "reads a list of sequences, got one string: MKV"),
        (["MKV", ""], "Sequence 1 .* has no residues"),
        (["MKVMKVMKVMKV*"], r"Sequence 0 .*MKVMKVMKVM\.\.\.\) may have the capitals A to Z, got"),
        (["M-V"], "got \\['-'\\]"),
        (["MkV"], "got \\['k'\\]"),
        (["MÅV"], "got \\['Å'\\]"),
    ],
)
def test_what_is_no_sequence_is_refused(sequences, rule):
    with pytest.raises(ValueError, match=rule):
        encoder("onehot").encode(sequences)


@pytest.mark.parametrize(("typo", "meant"), [("onehto", "onehot"), ("physchm", "physchem")])
def test_a_typo_is_answered_with_the_nearest_name(typo, meant):
    with pytest.raises(ValueError, match=f"Unknown encoder {typo}. Did you mean {meant}?"):
        encoder(typo)


def test_a_name_like_none_is_answered_with_all_that_there_are():
    with pytest.raises(ValueError, match="There are onehot, physchem, mini, paths, and hub ids"):
        encoder("ProtVec")


def test_a_lookup_has_one_layer():
    assert encoder("onehot", layer=0).width == 21
    with pytest.raises(ValueError, match=r"onehot: layer is 0 .* got 3"):
        encoder("onehot", layer=3)


def test_the_built_in_encoders_wake_no_giant():
    code = (
        "import sys, protgraph.language, protgraph.language.encoder as e; e.encoder('onehot');"
        "import protgraph.language.esm2;"
        "print([m for m in ('transformers', 'esm', 'torch_geometric') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
