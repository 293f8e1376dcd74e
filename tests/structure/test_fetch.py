"""Structures and sequences by id come from where they belong, once, and are what they claim."""

from __future__ import annotations

import json

import pytest
from wire import status, wire

from protgraph.data import table
from protgraph.structure import cache
from protgraph.structure import fetch as module
from protgraph.structure.fetch import fetch, sequence
from protgraph.structure.read import read

FIELDS = (
    "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id "
    "label_entity_id label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy "
    "B_iso_or_equiv auth_seq_id auth_asym_id"
)
CIF = "\n".join(
    ["data_1UBQ", "loop_", *(f"_atom_site.{field}" for field in FIELDS.split())]
    + [
        f"ATOM {i} {name[0]} {name} . {residue} A 1 {place} ? {i}.0 2.0 3.0 1.0 9.0 {place} A"
        for i, (name, residue, place) in enumerate(
            [("N", "MET", 1), ("CA", "MET", 1), ("N", "GLN", 2), ("CA", "GLN", 2)]
        )
    ]
    + [""]
).encode()


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path / "cache"))
    with wire() as made:
        for name, path in {"RCSB": "/rcsb", "ALPHAFOLD": "/af", "UNIPROT": "/uniprot"}.items():
            monkeypatch.setattr(module, name, made.url + path)
        made.files["/rcsb/1ubq.cif"] = CIF
        made.files["/rcsb/pdb_10001ubq.cif"] = CIF
        offer(made, "P69905", "AF-P69905-2-F1-model_v6", "AF-P69905-F1-model_v6")
        made.files["/af/files/AF-P69905-F1-model_v4.cif"] = CIF
        made.files["/uniprot/P69905.fasta"] = b">sp|P69905|HBA_HUMAN Hb\nMVLSPAD\nKTNU\n"
        yield made


def offer(server, accession: str, *models: str) -> None:
    """Put models, and the API's list of them, on the server."""
    urls = {model: f"{server.url}/af/files/{model}.cif" for model in models}
    listed = [{"entryId": model, "cifUrl": url} for model, url in urls.items()]
    server.files[f"/af/api/prediction/{accession}"] = json.dumps(listed).encode()
    server.files |= {f"/af/files/{model}.cif": CIF for model in models}


def asked(server) -> list[str]:
    return [path for path, _ in server.asked]


V4, V6 = "AF-P69905-F1-model_v4.cif", "AF-P69905-F1-model_v6.cif"
IDS = {
    "1ubq": ("1ubq.cif", ["/rcsb/1ubq.cif"]),
    "1UBQ": ("1ubq.cif", ["/rcsb/1ubq.cif"]),
    "pdb_00001ubq": ("1ubq.cif", ["/rcsb/1ubq.cif"]),
    "PDB_10001UBQ": ("pdb_10001ubq.cif", ["/rcsb/pdb_10001ubq.cif"]),
    "P69905": (V6, ["/af/api/prediction/P69905", f"/af/files/{V6}"]),
    "p69905": (V6, ["/af/api/prediction/P69905", f"/af/files/{V6}"]),
    "AF-P69905-F1": (V6, ["/af/api/prediction/P69905", f"/af/files/{V6}"]),
    "AF-P69905-F1-model_v4": (V4, [f"/af/files/{V4}"]),
}


@pytest.mark.parametrize("name", IDS)
def test_an_id_comes_from_where_it_belongs_and_only_once(server, name):
    file, requests = IDS[name]
    path = fetch(name)
    assert path == cache.folder() / "structures" / file
    assert [protein.sequence for protein in read(path)] == ["MQ"]
    assert fetch(name) == path
    assert asked(server) == requests
    assert [one.name for one in path.parent.iterdir()] == [file]


def test_a_folder_may_be_given(server, tmp_path):
    assert fetch("1ubq", folder=tmp_path / "mine") == tmp_path / "mine" / "1ubq.cif"


def test_the_newest_version_in_the_folder_is_taken_by_number(server, tmp_path):
    for version in (9, 10, 4):
        (tmp_path / f"AF-P69905-F1-model_v{version}.cif").write_bytes(CIF)
    (tmp_path / "AF-P69905-F1-model_vx.cif").write_bytes(CIF)
    assert fetch("P69905", folder=tmp_path).name == "AF-P69905-F1-model_v10.cif"
    assert asked(server) == []


NO_IDS = ["", "ubq", "0abc", "1ubq.cif", "../1ubq", "P6990", "AF-1ubq-F1", "pdb_1ubq", "1ubq\n"]


@pytest.mark.parametrize("name", NO_IDS)
def test_what_is_no_id_is_refused_and_nothing_is_asked(server, name):
    with pytest.raises(ValueError, match="an id is a PDB id"):
        fetch(name)
    assert asked(server) == []


def test_an_entry_that_does_not_exist_is_said_with_its_url(server):
    with pytest.raises(FileNotFoundError, match=r"/rcsb/9zzz.cif: the server has no such file"):
        fetch("9zzz")
    with pytest.raises(FileNotFoundError, match=r"/af/api/prediction/Q00000: the server has no"):
        fetch("Q00000")
    assert list((cache.folder() / "structures").iterdir()) == []


def test_a_model_that_the_database_does_not_list_is_said(server):
    with pytest.raises(ValueError, match=rf"AF-P69905-F2: .* no such model, it lists .*{V6}"):
        fetch("AF-P69905-F2")


@pytest.mark.parametrize("text", [b"<html>", b"{}", b'{"error": 1}', b'[{"url": 1}]', b"[1]"])
def test_an_answer_of_the_api_that_is_no_list_of_models_is_said(server, text):
    server.files["/af/api/prediction/P69905"] = text
    with pytest.raises(ValueError, match=r"not a list of models with a cifUrl|lists nothing"):
        fetch("P69905")


@pytest.mark.parametrize("text", [b"<html>Log in first</html>", b"", b"data_1UBQ\n#\n", CIF[:-20]])
def test_what_is_no_structure_is_not_kept(server, text):
    server.files["/rcsb/1ubq.cif"] = text
    with pytest.raises(ValueError, match=r"/rcsb/1ubq.cif: a structure is expected. 1ubq"):
        fetch("1ubq")
    assert list((cache.folder() / "structures").iterdir()) == []
    server.files["/rcsb/1ubq.cif"] = CIF
    assert fetch("1ubq").read_bytes() == CIF


def test_a_table_takes_fetch_as_it_is(server, tmp_path):
    rows = ["id,structure,site,split"]
    rows += [f"p{i},{name},1,{split}" for i, (name, split) in enumerate(
        [("1UBQ", "train"), ("AF-P69905-F1", "train"), ("P69905", "valid"), ("1ubq", "test")]
    )]  # fmt: skip
    (tmp_path / "my.csv").write_text("\n".join(rows))
    found = table.load(tmp_path / "my.csv", labels={"site": "residues"}, fetch=fetch)
    assert [len(one.protein) for one in found.dataset.examples] == [2] * 4


def test_a_sequence_comes_once_and_is_cleaned_as_fasta_is(server):
    protein = sequence("p69905")
    assert (protein.name, protein.sequence) == ("P69905", "MVLSPADKTNX")
    assert protein.notes == ("U read as X at 11",)
    assert sequence("P69905").sequence == protein.sequence
    assert asked(server) == ["/uniprot/P69905.fasta"]


@pytest.mark.parametrize("name", ["1ubq", "", "P69905-2", "P69905/../x"])
def test_what_is_no_accession_is_refused(server, name):
    with pytest.raises(ValueError, match="not a UniProt accession"):
        sequence(name)
    assert asked(server) == []


def test_an_accession_without_a_sequence_is_said_and_not_kept(server):
    server.files["/uniprot/Q00000.fasta"] = b""
    with pytest.raises(ValueError, match=r"Q00000.fasta: a FASTA record is expected, got b''"):
        sequence("Q00000")
    server.manners = [status(404)]
    with pytest.raises(FileNotFoundError, match=r"/uniprot/Q00001.fasta"):
        sequence("Q00001")
    assert list((cache.folder() / "sequences").iterdir()) == []


def test_the_public_addresses_are_these():
    assert module.RCSB == "https://files.rcsb.org/download"
    assert module.ALPHAFOLD == "https://alphafold.ebi.ac.uk"
    assert module.UNIPROT == "https://rest.uniprot.org/uniprotkb"
