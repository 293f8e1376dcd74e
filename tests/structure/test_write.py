"""What is written as PDB or FASTA reads back as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.structure.protein import Protein
from protgraph.structure.read import read
from protgraph.structure.residues import LETTERS
from protgraph.structure.write import fasta, pdb


@st.composite
def _proteins(draw: st.DrawFn) -> Protein:
    length = draw(st.integers(1, 30))
    sequence = draw(st.text(LETTERS, min_size=length, max_size=length))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    backbone = rng.uniform(-999, 999, (length, 4, 3)).round(3)
    for place in (0, 2, 3):
        if draw(st.booleans()):
            backbone[draw(st.integers(0, length - 1)), place] = np.nan
    start = draw(st.integers(-999, 9000))
    numbering = [str(start + i) for i in range(length)]
    if length > 1 and draw(st.booleans()):
        numbering[1] = numbering[0] + "A"
    chain = draw(st.sampled_from(["", "A", "z", "1"]))
    return Protein("x", sequence, backbone, chain=chain, numbering=tuple(numbering))


def _back(text: str, suffix: str, **how: object) -> tuple[Protein, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_text(text)
        return read(path, **how)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(_proteins())
def test_a_protein_reads_back_from_its_pdb_text(protein: Protein) -> None:
    [back] = _back(pdb(protein), ".pdb", gaps=False)
    assert (back.sequence, back.numbering) == (protein.sequence, protein.numbering)
    assert back.chain == protein.chain
    np.testing.assert_allclose(back.backbone, protein.backbone, atol=1e-3)


def test_real_chains_read_back(chains: Path) -> None:
    for path in sorted(chains.glob("*.pdb"))[:20]:
        [protein] = read(path)
        [back] = _back(pdb(protein), ".pdb")
        np.testing.assert_allclose(back.ca, protein.ca, atol=1e-3)
        assert (back.numbering, back.chain) == (protein.numbering, protein.chain)


def test_the_b_factor_comes_back_as_confidence() -> None:
    protein = Protein("x", "MKV", np.ones((3, 4, 3)))
    [back] = _back(pdb(protein, bfactor=[12.34, np.nan, 100]), ".pdb", predicted=True)
    np.testing.assert_allclose(back.confidence, [12.34, 0, 100], rtol=1e-5)


def test_columns_are_those_of_the_format() -> None:
    protein = Protein("x", "W", np.full((1, 4, 3), -12.5), chain="B", numbering=("-10C",))
    line = pdb(protein, bfactor=[7]).splitlines()[1]
    assert (line[:6], line[6:11], line[12:16]) == ("ATOM  ", "    2", " CA ")
    assert (line[17:20], line[21], line[22:26], line[26]) == ("TRP", "B", " -10", "C")
    assert (line[30:38], line[54:60], line[60:66]) == (" -12.500", "  1.00", "  7.00")
    assert line[76:78] == " C"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chain": "AA"}, "chain ids of one letter, got 'AA'"),
        ({"numbering": ("10000",)}, "from -999 to 9999 with one letter, got '10000'"),
        ({"numbering": ("",)}, "got '' for residue 0"),
        ({"backbone": np.full((1, 4, 3), 10000.0)}, "a coordinate in 8 columns .* got 10000"),
        ({"backbone": np.full((1, 4, 3), np.nan)}, "no residue is observed"),
    ],
)
def test_what_pdb_cannot_hold_is_refused(change: dict[str, object], said: str) -> None:
    given_ = {"backbone": np.zeros((1, 4, 3)), "chain": "A", "numbering": ("1",), **change}
    with pytest.raises(ValueError, match=f"^x: .*{said}"):
        pdb(Protein("x", "M", **given_))  # type: ignore[arg-type]


def test_a_b_factor_of_another_length_or_size_is_refused() -> None:
    protein = Protein("x", "MK", np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match=r"^x: bfactor has shape \[3\]"):
        pdb(protein, bfactor=[1, 2, 3])
    with pytest.raises(ValueError, match=r"^x: .*a B-factor in 6 columns .* got 1000"):
        pdb(protein, bfactor=[1000, 2])


def test_more_atoms_than_pdb_numbers_are_refused() -> None:
    long = Protein("x", "M" * 25_000, np.zeros((25_000, 4, 3)), numbering=tuple(["1"] * 25_000))
    with pytest.raises(ValueError, match="got 100000 atoms"):
        pdb(long)


@given(st.lists(st.text(LETTERS, min_size=1, max_size=150), min_size=1, max_size=4))
@settings(deadline=None, max_examples=30)
def test_sequences_read_back_from_fasta(sequences: list[str]) -> None:
    proteins = [Protein(f"p{i}", s, np.zeros((len(s), 4, 3))) for i, s in enumerate(sequences)]
    back = _back(fasta(proteins), ".fasta")
    assert [(p.name, p.sequence) for p in back] == [(p.name, p.sequence) for p in proteins]


def test_fasta_refuses_two_records_of_one_name() -> None:
    protein = Protein("a", "M", np.zeros((1, 4, 3)))
    with pytest.raises(ValueError, match=r"^a: .*each id once"):
        fasta([protein, protein])
    with pytest.raises(ValueError, match=r"^a b: .*no white space"):
        fasta([Protein("a b", "M", np.zeros((1, 4, 3)))])
