"""Chains on sequences: each residue stands where it belongs, and the best chain is taken."""

from __future__ import annotations

import gzip
import tarfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protgraph.cli import main
from protgraph.data import structured
from protgraph.data.covering import cover
from protgraph.data.partners import human
from protgraph.data.placing import place, stand
from protgraph.data.structured import chains, human_structures, kept
from protgraph.structure.protein import CA, Protein
from protgraph.structure.write import pdb

FULL = "MKVWTTLPAEEDGSSKQQRNHIFYCCDLMAVRGPWE"
OTHER = "GHCQNPLYTDIKWAEVRFSMLHPKAYEGTNDQICVFW"


def chain(name, sequence, numbers=None, **changes):
    """Residues on a line, 3.8 Å apart for each number."""
    numbers = list(range(1, len(sequence) + 1)) if numbers is None else numbers
    backbone = np.zeros((len(sequence), 4, 3))
    backbone[:, :, 0] = 3.8 * np.array(numbers)[:, None] + np.arange(4)
    values = {
        "backbone": backbone,
        "side": backbone[:, CA] + 1.0,
        "chain": "A",
        "numbering": tuple(map(str, numbers)),
    }
    return Protein(name, sequence, **{**values, **changes})


def cut(name, rows, full=FULL):
    """The chain that has these residues of a sequence, by their number from 1."""
    return chain(name, "".join(full[i] for i in rows), [i + 1 for i in rows])


def best(sequence, *some, **rule):
    """The one row of a covering, or None."""
    rows = cover([Protein("p", sequence)], some, **rule).rows
    return rows[0] if rows else None


# Where residues stand


def test_a_tag_is_not_placed_and_counts_for_nothing():
    row = best(FULL, chain("1abc_A", "GSHHHHHH" + FULL[4:]))
    assert row.places.tolist() == [list(range(4, 36)), list(range(8, 40))]
    assert (row.identity, row.coverage) == (1.0, 32 / 36)
    assert row.runs == "5:9:32"


@pytest.mark.parametrize("tag", ["G", "GS", "GPG"])
def test_a_tag_that_fits_before_a_domain_is_no_mutation(tag):
    row = best(FULL, chain("1abc_A", tag + FULL[9:] + tag))
    assert row.places[0].tolist() == list(range(9, 36))
    assert row.identity == 1.0


def test_a_gap_of_the_chain_is_a_gap_in_the_sequence():
    row = best(FULL, cut("1abc_A", [*range(2, 12), *range(20, 34)]))
    assert row.places.tolist() == [[*range(2, 12), *range(20, 34)], list(range(24))]
    assert row.coverage == 24 / 36
    assert row.runs == "3:1:10 21:11:14"


def test_the_author_numbers_decide_where_letters_leave_a_choice():
    full = FULL[:12] + "A" * 10 + FULL[12:]
    rows = [*range(14), *range(19, 46)]
    row = best(full, cut("1abc_A", rows, full))
    assert row.places[0].tolist() == rows


def test_an_end_that_the_chain_does_not_reach_needs_letters_enough():
    def apart(count):
        """So many letters are as near in the sequence as can be, and 60 Å away in space."""
        one = cut("1abc_A", range(36))
        backbone = one.backbone.copy()
        backbone[36 - count :, :, 1] += 60.0
        return chain("1abc_A", FULL, backbone=backbone)

    assert stand(apart(7), FULL)[0].shape[1] == 29
    assert stand(apart(9), FULL)[0].shape[1] == 36


def test_insertion_codes_and_unobserved_residues_change_no_place():
    one = cut("1abc_A", range(36))
    ids = ["-1", "0", "0A", *map(str, range(1, 34))]
    backbone = one.backbone.copy()
    backbone[[0, 20]] = np.nan
    row = best(FULL, chain("1abc_A", FULL, backbone=backbone, numbering=tuple(ids)))
    seen = [i for i in range(36) if i not in (0, 20)]
    assert row.places.tolist() == [seen, seen]
    assert row.coverage == 34 / 36


# How alike


def test_identity_and_coverage_of_a_mutant_by_hand():
    mutant = FULL[:10] + "A" + FULL[11:20] + "W" + FULL[21:30]
    row = best(FULL, chain("1abc_A", mutant), identity=0.9)
    assert (row.identity, row.coverage) == (28 / 30, 30 / 36)
    assert best(FULL, chain("1abc_A", mutant)) is None


def test_x_tells_nothing_of_the_identity():
    row = best(FULL[:8] + "X" + FULL[9:], chain("1abc_A", FULL[:25] + "X" + FULL[26:]))
    assert row.places.tolist() == [list(range(36)), list(range(36))]
    assert (row.identity, row.coverage) == (1.0, 1.0)


def test_a_paralogue_is_refused_unless_it_is_asked_for():
    letters = [b if i % 10 in (2, 3, 4, 5) else a for i, (a, b) in
               enumerate(zip(FULL * 3, OTHER[:36] * 3, strict=True))]  # fmt: skip
    paralogue = chain("1abc_A", "".join(letters))
    assert best(FULL * 3, paralogue) is None
    row = best(FULL * 3, paralogue, identity=0.5)
    assert 0.6 <= row.identity < 0.7
    assert row.coverage > 0.85


def test_a_chain_must_show_enough_of_the_sequence():
    assert best(FULL, cut("1abc_A", range(17))) is None
    assert best(FULL, cut("1abc_A", range(18))).coverage == 0.5
    assert best(FULL, cut("1abc_A", range(17)), coverage=0.4).coverage == 17 / 36


def test_a_sequence_like_no_chain_is_covered_by_none():
    found = cover([Protein("a", OTHER), Protein("b", FULL), Protein("c", "MK")], [chain("x", FULL)])
    assert [row.protein for row in found.rows] == ["b"]
    assert found.text() == (
        "1 of 3 sequences are covered, mean identity 1.000, mean coverage 1.000"
    )
    assert found.tsv().splitlines() == [
        "name\tchain\tidentity\tcoverage\truns",
        "a\t\t\t\t",
        "b\tx\t1.0000\t1.0000\t1:1:36",
        "c\t\t\t\t",
    ]
    assert cover([Protein("a", FULL)], []).rows == ()


# Which chain


def test_most_residues_then_identity_then_name():
    mutant = chain("1aaa_A", FULL[:10] + "A" + FULL[11:])
    some = [cut("2aaa_A", range(35)), mutant, chain("4aaa_A", FULL), chain("3aaa_A", FULL)]
    assert best(FULL, *some).chain == "3aaa_A"
    assert best(FULL, *some[::-1]).chain == "3aaa_A"
    assert best(FULL, *some[:2]).chain == "1aaa_A"
    long = chain("0aaa_A", "GSHHHHHHSSGLVPRGSHM" + FULL[3:])  # Most residues, but a tag.
    assert best(FULL, long, some[0]).chain == "2aaa_A"


def test_a_chain_may_cover_several_sequences():
    found = cover([Protein("a", FULL), Protein("b", "MA" + FULL)], [chain("x", FULL)])
    assert [row.chain for row in found.rows] == ["x", "x"]


# The residue bridge


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.data())
def test_a_chain_cut_out_of_a_protein_is_put_back_to_the_same_residues(seed, data):
    rng = np.random.default_rng(seed)
    full = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 60))
    ends = sorted(data.draw(st.sets(st.integers(0, 60), min_size=4, max_size=6)))
    rows = [i for a, b in zip(ends[::2], ends[1::2], strict=False) for i in range(a, b)]
    one = cut("1abc_A", [*rows, *range(60, 90)], full + FULL)
    row = best(full + FULL, one, coverage=0.2)
    made = place(Protein("p", full + FULL), one, row.places)
    assert made.index.tolist() == [*rows, *range(60, 90)]
    for whole, part in ((made.backbone, one.backbone), (made.side, one.side)):
        assert np.array_equal(whole[made.index], part)
        assert np.isnan(np.delete(whole, made.index, axis=0)).all()
    assert [made.numbering[i] for i in made.index] == list(one.numbering)
    assert {made.numbering[i] for i in set(range(96)) - set(made.index.tolist())} <= {""}


def test_what_is_placed_has_the_name_and_sequence_that_were_given():
    given_one = Protein("P12345", "AA" + FULL, notes=("U read as X at 3",))
    pldd = np.linspace(50, 90, 36)
    made = place(given_one, chain("x", FULL, confidence=pldd), np.stack([range(2, 38), range(36)]))
    assert (made.name, made.sequence, made.chain) == ("P12345", "AA" + FULL, "A")
    assert made.numbering[:4] == ("", "", "1", "2")
    assert np.isnan(made.confidence[:2]).all()
    assert np.allclose(made.confidence[2:], pldd)
    assert made.notes == ("U read as X at 3",)


def test_a_mutated_residue_keeps_its_backbone_and_loses_its_side_chain():
    mutant = chain("x", FULL[:10] + "A" + FULL[11:25] + "X" + FULL[26:])
    made = place(Protein("p", FULL), mutant, np.stack([range(36)] * 2))
    assert made.sequence == FULL
    assert np.array_equal(made.backbone, mutant.backbone)
    assert np.flatnonzero(np.isnan(made.side).any(axis=1)).tolist() == [10]
    assert made.notes == ("11 is A in x, E in the sequence",)


# Errors


PROTEIN, CHAIN = Protein("p", FULL), chain("x", FULL)
WRONG = {
    "identity": (lambda: cover([PROTEIN], [], identity=95), r"identity is a share, .* got 95\."),
    "coverage": (lambda: cover([PROTEIN], [], coverage=0), r"coverage is a share, .* got 0\."),
    "names": (lambda: cover([PROTEIN] * 2, [CHAIN]), "names of sequences .* two are named 'p'"),
    "chains": (lambda: cover([PROTEIN], [CHAIN] * 2), "names of chains differ, .* named 'x'"),
    "number": (lambda: stand(chain("x", FULL, numbering=("?",) * 36), FULL),
               r"x: an observed residue has an author number such as 27A, got '\?'"),
    "outside": (lambda: place(PROTEIN, CHAIN, np.array([[36], [0]])), "p: .* on p .* 35, got 36"),
    "twice": (lambda: place(PROTEIN, CHAIN, np.array([[3, 4], [7, 7]])), "p: .* on x .* got 7"),
    "unseen": (lambda: place(PROTEIN, Protein("x", FULL), np.array([[0], [5]])),
               "p: residue 5 of x was not observed"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name):
    do, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        do()


# Files, folders, archives


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Two archives of a chain each, three proteins and their pairs."""
    monkeypatch.setenv("PROTGRAPH_DATA", str(tmp_path))
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "structures").mkdir()
    (tmp_path / "ppi_human").mkdir()
    for name, one in (("chains", cut("1abc_A", range(3, 36))), ("unlabelled", chain("x", OTHER))):
        file = tmp_path / "one.pdb"
        file.write_text(pdb(one))
        with tarfile.open(tmp_path / "structures" / f"{name}.tar.xz", "w:xz") as archive:
            archive.add(file, f"{name}/{one.name}.pdb")
        file.unlink()
    for name, lines in {
        "pairs": ["split,a,b,label", "train,P1,P2,1", "valid,P2,P2,0", "test,P1,P1,1",
                  "train,P1,P0,0"],
        "sequences": ["accession,sequence", "P0,MKMKMKMKMK", f"P1,{FULL}", f"P2,{OTHER}"],
    }.items():  # fmt: skip
        with gzip.open(tmp_path / "ppi_human" / f"covered_{name}.csv.gz", "wt") as text:
            text.write("\n".join(lines) + "\n")
    return tmp_path


def test_pairs_with_two_structures_are_left_and_keep_label_and_side(shelf):
    made = human_structures()
    assert [(one.name, len(one.index)) for one in made.proteins] == [("P1", 33), ("P2", 37)]
    assert made.proteins[0].numbering[2:5] == ("", "4", "5")
    assert made.pairs.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert made.y.tolist() == [[1], [0], [1]]
    assert made.split == ("train", "valid", "test")


def test_a_covering_is_computed_once_for_the_same_chains_and_rule(shelf, monkeypatch):
    proteins = human().proteins
    made = kept(proteins)
    calls = []
    monkeypatch.setattr(structured, "cover", lambda *_, **rule: calls.append(rule) or made)
    found = kept(proteins)
    assert calls == []
    assert found.tsv() == made.tsv()
    assert [row.identity for row in found.rows] == [row.identity for row in made.rows]
    kept(proteins, coverage=0.6)
    kept(proteins[:2])
    assert [rule["coverage"] for rule in calls] == [0.6, structured.COVERAGE]
    assert not list((shelf / "cache").glob("tmp*"))


def test_chains_are_read_from_files_folders_and_archives(shelf, tmp_path):
    folder = tmp_path / "own" / "deep"
    folder.mkdir(parents=True)
    (folder / "one.pdb").write_text(pdb(chain("one", FULL)))
    archives = sorted((shelf / "structures").iterdir())
    names = ["one", "1abc_A", "x", "one"]
    found = [one.name for one in chains([tmp_path / "own", *archives, folder / "one.pdb"])]
    assert found == names


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [("none.pdb", FileNotFoundError, "there is no such file or folder"),
     ("a.fasta", ValueError, r"a\.fasta: a structure file ends in \.pdb"),
     ("empty", ValueError, "empty: no structure file")],
)  # fmt: skip
def test_what_holds_no_structure_is_named(tmp_path, name, error, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.fasta").write_text(">a\nMK\n")
    with pytest.raises(error, match=said):
        list(chains([tmp_path / name]))


def test_the_verb_writes_a_table_and_says_how_many(tmp_path, capsys):
    (tmp_path / "some.fasta").write_text(f">a\n{FULL}\n>b\nMKMKMK\n")
    (tmp_path / "1abc_A.pdb").write_text(pdb(cut("1abc_A", range(20))))
    words = ["cover", str(tmp_path / "some.fasta"), str(tmp_path / "1abc_A.pdb")]
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.out == (
        "name\tchain\tidentity\tcoverage\truns\na\t1abc_A\t1.0000\t0.5556\t1:1:20\nb\t\t\t\t\n"
    )
    assert said.err.startswith("1 of 2 sequences are covered, mean identity 1.000")
    table = tmp_path / "mapping.tsv"
    assert main([*words, "--coverage", "0.6", "-o", str(table)]) == 0
    assert capsys.readouterr().out == ""
    assert table.read_text().splitlines()[1] == "a\t\t\t\t"


# Real data


@pytest.fixture(scope="module")
def real(data):
    """The set of human pairs with two structures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROTGRAPH_DATA", str(data))
        return human_structures()


def test_the_human_set_has_these_pairs_and_proteins(real):
    assert Counter(real.split) == {"train": 4042, "valid": 2034, "test": 1424}
    assert len(real.proteins) == 1135


def test_no_protein_of_the_human_set_is_on_two_sides(real):
    sides = [np.unique(real.pairs[real.whole(split)]) for split in ("train", "valid", "test")]
    assert np.unique(np.concatenate(sides), return_counts=True)[1].max() == 1


def test_every_protein_shows_enough_of_itself_and_neighbours_are_bonded(real):
    steps = []
    for protein in real.proteins:
        index = protein.index
        assert len(index) >= structured.COVERAGE * len(protein)
        near = np.linalg.norm(np.diff(protein.ca[index], axis=0), axis=1)
        steps.append(near[np.diff(index) == 1])
    assert (np.concatenate(steps) < 4.5).mean() > 0.9998
    assert abs(np.median(np.concatenate(steps)) - 3.8) < 0.02


def test_author_numbers_of_most_chains_follow_the_sequence(real):
    steady = []
    for protein in real.proteins:
        ids = [protein.numbering[i] for i in protein.index]
        shift = Counter(int(n) - i for n, i in zip(ids, protein.index, strict=True)
                        if n.lstrip("-").isdigit())  # fmt: skip
        steady.append(max(shift.values()) / len(ids))
    assert np.mean(steady) > 0.97
