"""Odd and broken files of other projects: each parses to what is in it, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protgraph.structure.read import read

# file -> (chain, residues, observed, first letters, first and last author id) for every chain
PARSED = {
    "biopython/1LCD.pdb": [("A", 51, 51, "MKPVTLYDVA", "1", "51")],
    "biopython/2BEG.pdb": [(chain, 42, 26, "DAEFRHDSGY", "", "42") for chain in "ABCDE"],
    "biopython/3jqh.bcif.gz": [("A", 167, 23, "GELPEKSKLQ", "-2", "164")],
    "biopython/a_structure.cif": [("A", 70, 70, "MDIRQGPKEP", "151", "220")],
    "biopython/occupancy.pdb": [("A", 1, 1, "D", "152", "152")],
    "biotite/altloc.cif": [("A", 1, 1, "P", "22", "22")],
    "biotite/res_ids.cif": [("A", 3, 3, "SDQ", "0", "2")],
    "db55_old_format/1FC2_r_b.pdb": [("C", 44, 43, "FNKEQQNAFY", "124", "167")],
    "gemmi/1lzh.pdb.gz": [(chain, 129, 129, "KVFGRCELAA", "1", "129") for chain in "AB"],
    "gemmi/3dg1_final.cif": [("A", 6, 6, "SSTNVG", "1", "6")],
    "gemmi/5i55.cif": [("A", 22, 22, "MEFVAKLFKF", "1", "22")],
    "gemmi/pdb1gdr.ent": [("", 140, 105, "MRLFGYARVS", "1", "")],
    "pdb-tools/anisou_altloc.pdb": [("A", 2, 2, "AT", "31", "32")],
    "pdb-tools/dummy_altloc.pdb": [("A", 5, 5, "SEALE", "22", "26")],
    "pdb-tools/dummy_altloc3.pdb": [("A", 5, 5, "VWYAG", "18", "22")],
    "pdb-tools/dummy_insertions.pdb": [
        ("B", 6, 5, "RGXEAA", "4A", "7A"),
        ("Y", 3, 3, "AAA", "7", "8"),
        ("A", 4, 4, "NGRE", "1A", "3"),
        ("C", 3, 3, "REM", "5", "-1"),
    ],
}

REFUSED = {
    "biopython/1SSU_mod.cif": "no residue of the chains 'A', 'B' has a CA atom",
    "biopython/4Q9R_min.cif": "no _atom_site rows",
    "biopython/d256ba_.ent": "no ATOM or HETATM record (the file starts with 'HEADER",
    "biopython/header.pdb": "no ATOM or HETATM record",
    "biotite/1gid.cif": "no protein chain; the file holds residues named A, C, G, U",
    "biotite/4gxy.pdb": "no protein chain; the file holds residues named A, B1Z, C, CCC",
    "gemmi/eol-test.cif": "no _atom_site rows",
    "pdb-tools/ensemble_OK.cif": "no residue of the chains 'A' has a CA atom",
    "pdb-tools/ensemble_error_2.pdb": "no residue of the chains 'A' has a CA atom",
    "pdb-tools/ensemble_error_4.pdb": "MODEL without ENDMDL",
    "pdb-tools/hetatm_bad.pdb": "no protein chain; the file holds residues named UNK",
    "pdb-tools/vu7.pdb": "no protein chain; the file holds residues named VU7",
}


def test_every_odd_file_is_in_one_of_the_two_tables(data: Path) -> None:
    folder = data / "odd_structures"
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert files == PARSED.keys() | REFUSED.keys()


@pytest.mark.parametrize("file", PARSED)
def test_an_odd_file_parses_to_what_was_seen_in_it(data: Path, file: str) -> None:
    found = [
        (p.chain, len(p), int(p.observed.sum()), p.sequence[:10], p.numbering[0], p.numbering[-1])
        for p in read(data / "odd_structures" / file)
    ]
    assert found == PARSED[file]


@pytest.mark.parametrize("file", REFUSED)
def test_a_file_without_a_protein_is_refused_in_one_clear_error(data: Path, file: str) -> None:
    said = re.escape(REFUSED[file])
    with pytest.raises(ValueError, match=rf"^{re.escape(Path(file).name)}: .*{said}"):
        read(data / "odd_structures" / file)


@pytest.mark.parametrize(
    ("file", "note"),
    [
        ("biopython/3jqh.bcif.gz", "1 is PRO/SER, read as PRO"),
        ("biopython/a_structure.cif", "MSE read as M at 151, 185, 214, 215"),
        ("biotite/altloc.cif", "22 is SER/PRO, read as PRO"),
        ("db55_old_format/1FC2_r_b.pdb", "no CA at 167: unobserved"),
        ("gemmi/pdb1gdr.ent", "old-format PDB: columns 67-80 hold an id and were left out"),
        ("pdb-tools/dummy_altloc.pdb", "25 is ILE/LEU, read as LEU"),
        ("pdb-tools/dummy_insertions.pdb", "1 X for the gap between 4 and 6"),
    ],
)
def test_what_was_decided_is_noted(data: Path, file: str, note: str) -> None:
    assert note in read(data / "odd_structures" / file)[0].notes


def test_all_models_of_an_ensemble_carry_their_number(data: Path) -> None:
    proteins = read(data / "odd_structures/biopython/1LCD.pdb", models="all")
    assert [p.name for p in proteins] == ["1LCD/1", "1LCD/2", "1LCD/3"]
    assert abs(proteins[0].ca - proteins[1].ca).max() > 0


def test_residues_missing_from_an_old_file_stand_where_the_numbers_say(data: Path) -> None:
    # MRLFGYARVSTSQQSLDIQ: numbers go from T11 to S15, so of two serines it is the second one.
    [protein] = read(data / "odd_structures/gemmi/pdb1gdr.ent")
    for i in protein.index.tolist():
        assert protein.numbering[i] == str(i + 1)
