"""The pool of proteins without labels: no relative of what a student is judged on is in it."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.data.dataset import Dataset, Example
from protgraph.data.pool import ordered, pool, relatives
from protgraph.data.source import table
from protgraph.structure.protein import Protein
from protgraph.structure.residues import LETTERS

NAMES = {"A": "ALA", "C": "CYS", "D": "ASP", "E": "GLU", "F": "PHE", "G": "GLY", "H": "HIS",
         "K": "LYS", "L": "LEU", "M": "MET", "S": "SER", "W": "TRP"}  # fmt: skip


def letters(seed, length=60):
    return "".join(np.random.default_rng(seed).choice(list(NAMES), size=length))


def changed(sequence, share, seed=0):
    """Another letter at a share of the places."""
    draw = np.random.default_rng(seed)
    return "".join(
        draw.choice([x for x in NAMES if x != letter]) if draw.random() < share else letter
        for letter in sequence
    )


def dataset(*rows):
    """A set of (name, split, family, label, sequence)."""
    return Dataset("demo", "made up", tuple(
        Example(Protein(name, sequence), np.array([y]), split, family)
        for name, split, family, y, sequence in rows
    ))  # fmt: skip


SPLIT = (
    ("1abc_A", "train", "f1", 1.0, letters(1)),
    ("2abc_A", "valid", "f2", 1.0, letters(2)),
    ("3abc_A", "test", "f3", 1.0, letters(3)),
    ("4abc_A", "test", "f4", np.nan, letters(4)),
    ("5abc_A", "train", "f5", np.nan, letters(5)),
)

FAMILIES = {
    "1abc_A": "f1", "2abc_A": "f2", "3abc_A": "f3", "4abc_A": "f4", "5abc_A": "f5",
    "6abc_A": "f1", "7abc_A": "f2", "8abc_A": "f3", "9abc_A": "f4", "1xyz_A": "f6", "2xyz_A": "f7",
}  # fmt: skip


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """Eleven chains in two archives, each of letters of its own, and their families."""
    home = tmp_path / "data" / "structures"
    home.mkdir(parents=True)
    parts = {"chains": list(FAMILIES)[:5], "unlabelled": list(FAMILIES)[5:]}
    for archive, names in parts.items():
        with tarfile.open(home / f"{archive}.tar.xz", "w:xz") as file:
            for name in names:
                text = written(letters(int(name[0]) + 10 * name.endswith("xyz_A")))
                member = tarfile.TarInfo(f"{archive}/{name}.pdb")
                member.size = len(text)
                file.addfile(member, io.BytesIO(text.encode()))
    with gzip.open(home / "families.tsv.gz", "wt") as file:
        file.write("chain\tfamily\n" + "".join(f"{c}\t{f}\n" for c, f in FAMILIES.items()))
    monkeypatch.setenv("PROTGRAPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path / "cache"))


def written(sequence, gap=False):
    """A trace as PDB; with a gap, two residues are missing after the tenth."""
    lines = []
    for k, letter in enumerate(sequence, 1):
        number = k + 2 * (gap and k > 10)
        lines.append(
            f"ATOM  {k:5d}  CA  {NAMES[letter]} A{number:4d}    {3.8 * number:8.3f}"
            "   0.000   0.000  1.00  0.00           C\n"
        )
    return "".join(lines)


def named(found):
    return {protein.name for protein in found.proteins}


# Chains of the benchmark data


def test_families_of_valid_and_test_are_out_and_labelled_chains_too(benchmark):
    found = pool(dataset(*SPLIT))
    # 4abc_A has no label, but its family is on the test side: it and 9abc_A go with 7 and 8.
    assert named(found) == {"5abc_A", "6abc_A", "1xyz_A", "2xyz_A"}
    assert (found.dropped, found.known, found.method) == (4, 3, "families")
    assert found.text() == (
        "4 proteins without labels; left out: 4 relatives of valid and test (families), 3 labelled"
    )
    assert all(protein.observed.all() for protein in found.proteins)


def test_small_pools_are_the_beginnings_of_large_ones(benchmark):
    whole = [protein.name for protein in pool(dataset(*SPLIT)).proteins]
    for size in (1, 2, 4):
        some = pool(dataset(*SPLIT), size=size)
        assert [protein.name for protein in some.proteins] == whole[:size]
        assert some.dropped == 4


def test_judged_proteins_without_a_family_drop_relatives_by_sequence(benchmark):
    # "stranger" tests with nine letters of ten of 2xyz_A, which has a family of its own.
    stranger = ("stranger", "test", "s", 1.0, changed(letters(12), 0.1))
    found = pool(dataset(*SPLIT, stranger), method="builtin")
    assert named(found) == {"5abc_A", "6abc_A", "1xyz_A"}
    assert (found.dropped, found.known, found.method) == (5, 3, "families, builtin")


@pytest.mark.parametrize("strict", [True, False])
def test_a_strict_pool_has_no_relative_by_sequence_in_another_family(benchmark, strict):
    # 2abc_A validates with nine letters of ten of 2xyz_A, which has a family of its own.
    rows = [(*row[:4], changed(letters(12), 0.1)) if row[0] == "2abc_A" else row for row in SPLIT]
    found = pool(dataset(*rows), strict=strict, method="builtin")
    assert ("2xyz_A" in named(found)) is not strict
    assert found.dropped == 4 + strict


@pytest.mark.parametrize("size", [0, 5])
def test_a_pool_that_cannot_be_had_is_refused(benchmark, size):
    rule = "size is 1 at least, got 0" if not size else "a pool of 5 .* but 4 are left"
    with pytest.raises(ValueError, match=rule):
        pool(dataset(*SPLIT), size=size)


@given(st.sets(st.text(min_size=1), max_size=20), st.data())
def test_the_order_of_names_does_not_depend_on_which_others_there_are(names, draw):
    some = draw.draw(st.sets(st.sampled_from(sorted(names)))) if names else set()
    assert [name for name in ordered(names) if name in some] == ordered(some)


def test_the_order_is_the_same_on_every_machine():
    # sha256 of a, b, c, d begins with ca, 3e, 2e and 18.
    assert ordered("abcd") == list("dcba")


# A user's own


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "own.fasta"
    rows = {
        "near": changed(letters(3), 0.3), "same": letters(2), "far": letters(20),
        "taught": changed(letters(1), 0.1), "1abc_A": letters(1), "piece": letters(4)[:40],
    }  # fmt: skip
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in rows.items()))
    return path


@pytest.mark.parametrize("method", ["builtin", "exact"])
def test_relatives_in_a_sequence_file_are_found_by_sequence(fasta, method):
    found = pool(dataset(*SPLIT), source=fasta, method=method)
    # A relative of training is welcome; one that has a label already is not.
    assert named(found) == {"far", "taught"}
    assert (found.dropped, found.known, found.method) == (3, 1, method)
    assert [p.name for p in found.proteins] == ordered(["far", "taught"])


@pytest.mark.parametrize("gaps", [True, False])
def test_a_folder_of_structures_is_a_source_and_gaps_are_read_as_asked(tmp_path, gaps):
    folder = tmp_path / "mine"
    (folder / "deeper").mkdir(parents=True)
    (folder / "one.pdb").write_text(written(letters(30), gap=True))
    (folder / "deeper" / "two.pdb").write_text(written(changed(letters(2), 0.2)))
    found = pool(dataset(*SPLIT), source=folder, gaps=gaps, method="builtin")
    assert named(found) == {"one"}
    assert found.dropped == 1
    assert len(found.proteins[0]) == 60 + 2 * gaps


def test_chains_of_the_benchmark_data_in_a_path_of_ones_own_go_by_family_too(benchmark, tmp_path):
    # The archive's chains share no letters with those that are judged.
    archive = tmp_path / "data" / "structures" / "unlabelled.tar.xz"
    found, whole = (pool(dataset(*SPLIT), source=one) for one in (archive, "structures"))
    inside = set(list(FAMILIES)[5:])
    assert named(found) == named(whole) & inside
    assert found.dropped > 0
    assert found.method.startswith("families, ")


def test_a_folder_of_sequences_is_a_source(fasta, tmp_path):
    folder = tmp_path / "mine"
    (folder / "deeper").mkdir(parents=True)
    fasta.rename(folder / "deeper" / "own.fasta")
    (folder / "more.fa").write_text(f">more\n{letters(30)}\n")
    (folder / "notes.txt").write_text("no proteins")
    assert named(pool(dataset(*SPLIT), source=folder)) == {"far", "taught", "more"}
    (folder / "one.pdb").write_text(written(letters(31)))
    with pytest.raises(ValueError, match=r"but holds own\.fasta and one\.pdb"):
        pool(dataset(*SPLIT), source=folder)


def test_two_proteins_of_one_name_are_refused(tmp_path):
    for place in ("a", "b"):
        (tmp_path / "mine" / place).mkdir(parents=True)
        (tmp_path / "mine" / place / "one.pdb").write_text(written(letters(30)))
    with pytest.raises(ValueError, match="names of proteins differ, but 2 are named one"):
        pool(dataset(*SPLIT), source=tmp_path / "mine")


def test_a_source_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such file or folder"):
        pool(dataset(*SPLIT), source=tmp_path / "nowhere")


@settings(max_examples=20)
@given(st.lists(st.text(LETTERS[:20], min_size=25, max_size=60), min_size=1, max_size=4))
def test_every_sequence_is_a_relative_of_itself(sequences):
    assert relatives(sequences, sequences, method="builtin") == set(range(len(sequences)))
    assert relatives([], sequences) == relatives(sequences, []) == set()


# Real chains


def real(name):
    """Labels of a set on chains whose coordinates are left out: only names matter here."""
    path = "enzyme_class" if name == "enzyme-class" else "binding_sites"
    rows = table(f"{path}/labels.tsv")
    if name == "enzyme-class":
        rows = [row for row in rows if row["ec1"] in "0123"]
    known = {row["chain"] for row in rows if name != "zinc-site" or row["ligand"] == "ZN"}
    chains = {row["chain"]: (row["split"], row["family"]) for row in rows}
    return dataset(*(
        (chain, *where, 1.0 if chain in known else np.nan, "M") for chain, where in chains.items()
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "left", "dropped"),
    [("zinc-site", 3698, 471), ("ligand-sites", 3204, 265), ("enzyme-class", 3486, 281)],
)
def test_no_family_of_the_real_pool_is_on_a_side_that_judges(
    data, monkeypatch, name, left, dropped
):
    monkeypatch.setattr("protgraph.data.pool._read", lambda name, gaps: Protein(name, "M"))
    family = {row["chain"]: row["family"] for row in table("structures/families.tsv.gz")}
    made = real(name)
    found = pool(made)
    assert not {family[one] for one in named(found)} & {
        e.family for e in made.examples if e.split != "train"
    }
    assert not named(found) & {e.protein.name for e in made.examples if np.isfinite(e.y).any()}
    assert (len(found.proteins), found.dropped) == (left, dropped)
    assert left + dropped + found.known == len(family) == 4435


def test_real_chains_of_both_archives_are_read(data):
    found = pool(real("zinc-site"), size=12)
    assert len(found.proteins) == 12
    assert all(protein.observed.sum() > 20 for protein in found.proteins)
