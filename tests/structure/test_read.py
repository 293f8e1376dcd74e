"""One policy a test: small files, written here by hand."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from protgraph.structure.fasta import sequences
from protgraph.structure.protein import CA, CB
from protgraph.structure.read import read

XYZ = tuple[float, float, float]


def atom(  # noqa: PLR0913 (the columns of the format)
    name: str, residue: str, number: str, at: XYZ, *, chain: str = "A", alt: str = " ",
    occupancy: float = 1.0, b: float = 20.0, record: str = "ATOM", element: str = "",
) -> str:  # fmt: skip
    number, code = (number[:-1], number[-1]) if number[-1].isalpha() else (number, " ")
    xyz = "".join(f"{x:8.3f}" for x in at)
    return (
        f"{record:<6}{1:5d}  {name:<3}{alt}{residue:>3} {chain}{number:>4}{code}   {xyz}"
        f"{occupancy:6.2f}{b:6.2f}          {element or name[0]:>2}\n"
    )


def trace(letters: str, *, start: int = 1, chain: str = "A") -> str:
    """Cα atoms 3.8 Å apart on a line (a new one after 1,000, as far as the columns reach)."""
    three = {"M": "MET", "K": "LYS", "V": "VAL", "G": "GLY", "A": "ALA"}
    rows = enumerate(letters, start)
    return "".join(
        atom("CA", three[a], str(i), (3.8 * (i % 1000), 1.0 + i // 1000, 1.0), chain=chain)
        for i, a in rows
    )


def written(folder: Path, text: str, name: str = "x.pdb") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_alternative_with_the_highest_occupancy_is_taken_whole(tmp_path: Path) -> None:
    text = ""
    for alt, x, share in (("A", 1.0, 0.4), ("B", 2.0, 0.6)):
        for name in ("N", "CA", "CB"):
            text += atom(name, "SER", "1", (x, 1, 1), alt=alt, occupancy=share)
    text += atom("C", "SER", "1", (9, 1, 1))
    [protein] = read(written(tmp_path, text))
    assert protein.backbone[0, :, 0].tolist() == [2.0, 2.0, 9.0, 2.0]


def test_of_equal_alternatives_the_first_label_is_taken(tmp_path: Path) -> None:
    text = "".join(
        atom("CA", "SER", "1", (x, 1, 1), alt=alt, occupancy=0.5)
        for alt, x in (("B", 2.0), ("A", 1.0))
    )
    [protein] = read(written(tmp_path, text))
    assert protein.ca[0, 0] == 1.0


def test_an_alternative_without_ca_is_not_taken(tmp_path: Path) -> None:
    text = atom("CA", "SER", "1", (1, 1, 1), alt="A", occupancy=0.3)
    text += atom("CB", "SER", "1", (2, 1, 1), alt="B", occupancy=0.7)
    [protein] = read(written(tmp_path, text))
    assert protein.observed.all()
    assert np.isnan(protein.backbone[0, CB]).all()


def test_of_two_residues_at_one_place_the_more_occupied_is_taken(tmp_path: Path) -> None:
    text = atom("CA", "SER", "5", (1, 1, 1), alt="A", occupancy=0.4)
    text += atom("CA", "TRP", "5", (2, 1, 1), alt="B", occupancy=0.6)
    [protein] = read(written(tmp_path, text))
    assert (protein.sequence, protein.notes) == ("W", ("5 is SER/TRP, read as TRP",))


def test_insertion_codes_stay_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "".join(
        atom("CA", "ALA", n, (3.8 * i, 1, 1)) for i, n in enumerate(("27", "27A", "27B", "28"), 1)
    )
    [protein] = read(written(tmp_path, text))
    assert protein.numbering == ("27", "27A", "27B", "28")


def test_the_first_model_is_read_and_all_on_request(tmp_path: Path) -> None:
    text = "".join(f"MODEL     {m:4d}\n{trace('MK', start=m)}ENDMDL\n" for m in (1, 2))
    path = written(tmp_path, text)
    assert [p.name for p in read(path)] == ["x"]
    assert [(p.name, p.numbering[0]) for p in read(path, models="all")] == [
        ("x/1", "1"),
        ("x/2", "2"),
    ]
    with pytest.raises(ValueError, match=r"^x.pdb: models is 'first' or 'all', got 'some'"):
        read(path, models="some")  # type: ignore[arg-type]
    assert read(path)[0].notes == ("the first of 2 models",)
    assert read(path, models="all")[0].notes == ()


def test_what_is_no_file_of_proteins_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is a folder: name its files"):
        read(tmp_path)
    with pytest.raises(ValueError, match=r"^MKPYKC: a sequence is given as protgraph.Protein"):
        read("MKPYKC")
    (tmp_path / "x.txt").write_text(">a\nMKV\n")
    with pytest.raises(ValueError, match=r"^x.txt: .txt is read as a UniProt .* looks like FASTA"):
        read(tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("sequence", "note"),
    [
        ("XXUX", "no residue is known, all are X"),
        ("acgtn" * 4, "nothing but A, C, G, T, U and N: .* nucleotides"),
        ("ACGT" * 4, None),
        ("ACGT" * 5 + "K", None),
    ],
)
def test_letters_that_say_little_are_told_of(
    tmp_path: Path, sequence: str, note: str | None
) -> None:
    path = tmp_path / "x.fasta"
    path.write_text(f">a\n{sequence}\n")
    [protein] = read(path)
    assert re.search(note, protein.notes[-1]) if note else protein.notes == ()


def test_chains_come_in_the_order_of_the_file_and_one_can_be_chosen(tmp_path: Path) -> None:
    path = written(tmp_path, trace("MK", chain="B") + "TER\n" + trace("GA", chain="A"))
    assert [(p.chain, p.sequence) for p in read(path)] == [("B", "MK"), ("A", "GA")]
    [protein] = read(path, chain="A")
    assert protein.sequence == "GA"
    with pytest.raises(ValueError, match=r"^x.pdb: no protein chain 'C'; the file has 'B', 'A'"):
        read(path, chain="C")


def test_a_blank_chain_id_is_empty(tmp_path: Path) -> None:
    [protein] = read(written(tmp_path, trace("MK", chain=" ")))
    assert protein.chain == ""


def test_modified_residues_have_their_parents_letter_and_a_note(tmp_path: Path) -> None:
    names = ("MSE", "SEP", "HIE", "UNK", "MSE")
    text = "".join(
        atom("CA", n, str(i), (3.8 * i, 1, 1), record="HETATM") for i, n in enumerate(names, 1)
    )
    [protein] = read(written(tmp_path, text))
    assert protein.sequence == "MSHXM"
    assert set(protein.notes) == {
        "HIE read as H at 3",
        "MSE read as M at 1, 5",
        "SEP read as S at 2",
        "UNK read as X at 4",
    }


def test_an_unbound_amino_acid_is_a_ligand(tmp_path: Path) -> None:
    text = trace("MK") + atom("CA", "GLY", "9", (50, 50, 50), record="HETATM")
    [protein] = read(written(tmp_path, text))
    assert protein.sequence == "MK"
    assert protein.notes == ("GLY 9 is bonded to no residue and was left out",)


def test_what_comes_after_ter_is_no_residue(tmp_path: Path) -> None:
    ligand = atom("CA", "GLY", "3", (11.4, 1, 1), record="HETATM")
    assert read(written(tmp_path, trace("MK") + ligand))[0].sequence == "MKG"
    assert read(written(tmp_path, trace("MK") + "TER\n" + ligand))[0].sequence == "MK"


def test_an_unbound_amino_acid_before_ter_is_a_residue(tmp_path: Path) -> None:
    text = trace("MK") + atom("CA", "MSE", "9", (50, 50, 50), record="HETATM") + "TER\n"
    assert read(written(tmp_path, text), gaps=False)[0].sequence == "MKM"


def test_of_atoms_named_twice_the_first_one_counts(tmp_path: Path) -> None:
    text = atom("CA", "GLY", "1", (1, 1, 1)) + atom("CA", "GLY", "1", (2, 1, 1))
    assert read(written(tmp_path, text))[0].ca.tolist() == [[1, 1, 1]]


def test_ions_waters_and_caps_are_left_out(tmp_path: Path) -> None:
    text = atom("C", "ACE", "0", (0, 1, 1), record="HETATM") + trace("MK")
    text += atom("CA", "CA", "3", (11.4, 1, 1), record="HETATM", element="CA")
    text += atom("O", "HOH", "4", (20, 1, 1), record="HETATM")
    [protein] = read(written(tmp_path, text))
    assert protein.sequence == "MK"


def test_a_residue_without_ca_stays_unobserved(tmp_path: Path) -> None:
    text = trace("M") + atom("N", "LYS", "2", (5, 1, 1)) + trace("V", start=3)
    [protein] = read(written(tmp_path, text))
    assert protein.sequence == "MKV"
    assert protein.observed.tolist() == [True, False, True]
    assert np.isnan(protein.backbone[1]).all()
    assert protein.notes == ("no CA at 2: unobserved",)


def test_seqres_gives_the_residues_that_were_never_observed(tmp_path: Path) -> None:
    text = "SEQRES   1 A    6  ACE GLY MET LYS VAL ALA\n" + trace("MK", start=7)
    [protein] = read(written(tmp_path, text))
    assert protein.sequence == "GMKVA"
    assert protein.numbering == ("", "7", "8", "", "")
    assert protein.observed.tolist() == [False, True, True, False, False]


def test_a_seqres_that_contradicts_the_atoms_is_left_aside_and_noted(tmp_path: Path) -> None:
    text = "SEQRES   1 A    3  TRP TRP TRP\n" + trace("MKV")
    [protein] = read(written(tmp_path, text))
    assert protein.sequence == "MKV"
    assert "agrees with 0% of the observed residues" in protein.notes[0]


CIF = """data_x
loop_
_pdbx_poly_seq_scheme.asym_id
_pdbx_poly_seq_scheme.seq_id
_pdbx_poly_seq_scheme.mon_id
_pdbx_poly_seq_scheme.pdb_seq_num
_pdbx_poly_seq_scheme.pdb_ins_code
P 1 GLY 10 .
P 2 MSE 11 .
P 3 LYS 11 A
P 4 VAL 12 .
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
ATOM 1 C CA . MSE P 1 2 ? 1.0 2.0 3.0 1.0 0.5 11 LongChainName
ATOM 2 C CA . LYS P 1 3 A 4.8 2.0 3.0 1.0 0.9 11 LongChainName
"""


def test_mmcif_gives_the_numbers_of_residues_never_observed(tmp_path: Path) -> None:
    [protein] = read(written(tmp_path, CIF, "x.cif"))
    assert (protein.sequence, protein.chain) == ("GMKV", "LongChainName")
    assert protein.numbering == ("10", "11", "11A", "12")
    assert protein.observed.tolist() == [False, True, True, False]


def test_the_letter_of_an_observed_residue_is_that_of_its_atoms(tmp_path: Path) -> None:
    path = written(tmp_path, CIF.replace("P 2 MSE", "P 2 SER"), "x.cif")
    assert read(path)[0].sequence == "GMKV"


def test_a_missing_coordinate_in_mmcif_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, CIF.replace("4.8", "?"), "x.cif")
    with pytest.raises(ValueError, match=r"^x.cif: atom CA of residue LYS 11A .*finite"):
        read(path)


def test_confidence_is_read_only_where_the_file_says_so(tmp_path: Path) -> None:
    plain = written(tmp_path, CIF, "x.cif")
    model = written(tmp_path, CIF + "_ma_qa_metric.name pLDDT\n", "model.cif")
    assert read(plain)[0].confidence is None
    assert read(model, predicted=False)[0].confidence is None
    for protein in (*read(model), *read(plain, predicted=True)):
        np.testing.assert_allclose(protein.confidence, [np.nan, 50, 90, np.nan], rtol=1e-6)


@pytest.mark.parametrize(
    ("head", "confident"),
    [
        ("TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION FOR MYOGLOBIN\n", True),
        ("PARENT N/A\n", True),
        ("EXPDTA    THEORETICAL MODEL\nREMARK 200 ALPHAFOLD\n", True),
        ("TITLE     MYOGLOBIN\n", False),
        (
            "EXPDTA    X-RAY DIFFRACTION\nREMARK 200 STARTING MODEL: ALPHAFOLD\n",
            False,
        ),
    ],
)
def test_a_predictor_in_the_header_tells_a_prediction(
    tmp_path: Path, head: str, confident: bool
) -> None:
    [protein] = read(written(tmp_path, head + trace("MK")))
    assert (protein.confidence is not None) == confident


def test_a_gap_in_the_numbers_and_in_space_becomes_x(tmp_path: Path) -> None:
    path = written(tmp_path, trace("MK") + trace("VG", start=5))
    [protein] = read(path)
    assert (protein.sequence, protein.numbering) == ("MKXXVG", ("1", "2", "3", "4", "5", "6"))
    assert protein.notes == ("2 X for the gap between 2 and 5",)
    assert read(path, gaps=False)[0].sequence == "MKVG"


def test_a_jump_of_the_numbers_in_an_unbroken_chain_is_no_gap(tmp_path: Path) -> None:
    text = trace("MK").replace("A   2 ", "A  20 ")
    [protein] = read(written(tmp_path, text))
    assert (protein.sequence, protein.numbering) == ("MK", ("1", "20"))


def test_a_long_gap_is_30_letters(tmp_path: Path) -> None:
    [protein] = read(written(tmp_path, trace("M") + trace("K", start=100)))
    assert protein.sequence == "M" + 30 * "X" + "K"
    assert protein.numbering[-2:] == ("31", "100")


def test_side_is_the_centroid_of_heavy_side_chain_atoms(tmp_path: Path) -> None:
    text = "".join(
        atom(name, "SER", "1", at, element=name[0])
        for name, at in {
            "N": (9.0, 9.0, 9.0), "CA": (8.0, 8.0, 8.0), "O": (7.0, 7.0, 7.0),
            "OXT": (7.0, 6.0, 6.0), "CB": (1.0, 1.0, 1.0), "OG": (3.0, 1.0, 1.0),
            "HB2": (50.0, 1.0, 1.0), "DG": (60.0, 1.0, 1.0),
        }.items()
    )  # fmt: skip
    [protein] = read(written(tmp_path, text + atom("CA", "GLY", "2", (9, 1, 1))))
    assert protein.side[0].tolist() == [2.0, 1.0, 1.0]
    assert np.isnan(protein.side[1]).all()
    assert protein.backbone[0, CA].tolist() == [8.0, 8.0, 8.0]


def test_a_sequence_given_replaces_the_gap(tmp_path: Path) -> None:
    path = written(tmp_path, trace("MKVG") + trace("AAKM", start=8))
    [protein] = read(path, sequence="GMKVGKKKAAKMV")
    assert protein.sequence == "GMKVGKKKAAKMV"
    assert "".join(protein.numbering[i] for i in protein.index) == "12348" + "91011"


def test_a_mutation_is_noted_and_the_given_letter_kept(tmp_path: Path) -> None:
    path = written(tmp_path, trace("MKVGAAKMVKVG", start=5))
    [protein] = read(path, sequence="MKVGAWKMVKVG")
    assert protein.sequence == "MKVGAWKMVKVG"
    assert protein.notes == ("10 is A in the structure, W in the full sequence",)


def test_a_sequence_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, trace("MKVGAAKMVK"))
    with pytest.raises(ValueError, match=r"^x.pdb: .*agrees with \d+% of .*90% are needed"):
        read(path, sequence="WWWWWWWWWWWWW")


def test_of_several_records_the_one_that_fits_is_used(tmp_path: Path) -> None:
    fasta = written(tmp_path, ">other\nWWWWWW\n>mine\nGGMKVG\n", "two.fasta")
    path = written(tmp_path, trace("MKVG"))
    assert read(path, sequence=fasta)[0].sequence == "GGMKVG"
    assert read(path, sequence=str(fasta))[0].sequence == "GGMKVG"


def test_a_sequence_is_for_one_chain(tmp_path: Path) -> None:
    path = written(tmp_path, trace("MK", chain="A") + "TER\n" + trace("MK", chain="B"))
    with pytest.raises(ValueError, match=r"^x.pdb: sequence= is for one chain; .*'A', 'B'"):
        read(path, sequence="MK")
    assert len(read(path, sequence="GMK", chain="B")[0]) == 3


# Without a time, which would make the name of a test another one in each worker.
PACKED = gzip.compress(trace("MKVG").encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.pdb", b"", "the file is empty"),
        ("x.pdb", b"<!DOCTYPE html><html></html>\n", "starts with '<!DOCTYPE html>"),
        ("x.pdb", bytes(range(256)) * 9, "no ATOM or HETATM record"),
        ("x.cif", bytes(range(256)) * 9, "not a CIF file"),
        ("x.cif", b"<html><body>404</body></html>\n", "not a CIF file"),
        ("x.bcif", bytes(range(256)) * 9, "not a BinaryCIF file"),
        ("x.pdb.gz", b"no gzip", "the gzip file is broken"),
        ("x.pdb.gz", PACKED[:40], "the gzip file is broken"),
        ("x.xyz", b"1\n", "read knows .pdb .ent .cif .mmcif .bcif .fasta"),
        ("x.pdb", trace("MK").replace("   3.800", "     nan").encode(), "three finite numbers"),
        ("x.pdb", trace("MK").replace("   3.800", "     inf").encode(), "three finite numbers"),
        ("x.pdb", trace("MK").replace("   3.800", "********").encode(), "line 1 has the coord"),
        ("x.pdb", trace("MK")[:120].encode(), "too short"),
        ("x.fasta", b"MKV\n", "a FASTA file begins with '>'"),
        ("x.fasta", b">a\nMK*V\n", "got '*' at 3"),
        ("x.fasta", b">a\n>b\nMK\n", "the sequence is empty"),
        ("x.fasta", b">a\nMK\n>a\nMK\n", "the id 'a' comes twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_error_that_names_the_file(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"(?s)^{name}: ") as error:
        read(path)
    assert said in str(error.value)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.pdb").mkdir()
    with pytest.raises(ValueError, match=r"a.pdb: a folder"):
        read(tmp_path / "a.pdb")
    with pytest.raises(FileNotFoundError, match=r"b.pdb: there is no such file"):
        read(tmp_path / "b.pdb")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_do_not_matter(tmp_path: Path, end: str) -> None:
    path = tmp_path / "x.pdb"
    path.write_bytes(trace("MKVG").replace("\n", end).encode())
    assert read(path)[0].sequence == "MKVG"


def test_a_zero_coordinate_is_a_coordinate(tmp_path: Path) -> None:
    [protein] = read(written(tmp_path, trace("MK").replace("   3.800", "   0.000")))
    assert protein.ca[0].tolist() == [0.0, 1.0, 1.0]


def test_a_hundred_thousand_atoms_are_read(tmp_path: Path) -> None:
    text = "".join(trace("MKVG" * 2000, chain=c) + "TER\n" for c in "ABCDEFGHIJKLM")
    proteins = read(written(tmp_path, text))
    assert len(proteins) == 13
    assert sum(p.observed.sum() for p in proteins) == 104_000


def test_sequences_have_no_coordinates(tmp_path: Path) -> None:
    path = written(tmp_path, ">sp|P1|X a name\nmk-bv*\n>two\nGG\n", "x.fa")
    one, two = read(path)
    assert (one.name, one.sequence, two.sequence) == ("sp|P1|X", "MKXV", "GG")
    assert not one.observed.any()
    assert one.notes == ("1 gap was removed", "B read as X at 3")
    with pytest.raises(ValueError, match=r"^x.fa: a sequence file has no chains"):
        read(path, chain="A")


def test_a_uniprot_record_is_read(tmp_path: Path) -> None:
    record = (
        "ID   X_HUMAN                 Reviewed;           4 AA.\nAC   P12345;\n"
        "DE   RecName: Full=X;\nOS   Homo sapiens.\nSQ   SEQUENCE   4 AA;  400 MW;  00 CRC64;\n"
        "     MKVG\n//\n"
    )
    [protein] = sequences(written(tmp_path, record, "P12345.txt"))
    assert (protein.name, protein.sequence) == ("P12345", "MKVG")
