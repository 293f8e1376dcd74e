"""Labels in the heads of FASTA records, tables of pairs, and the files that D-SCRIPT reads."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from protgraph.data import biotrainer
from protgraph.data.corpora import secondary_structure
from protgraph.data.table import load


def stored(folder, text, name="my.fasta"):
    path = folder / name
    path.write_text(text)
    return path


def fasta(*records):
    return "".join(f">{head}\n{text}\n" for head, text in records)


CLASSES = fasta(
    ("a a word TARGET=Glob SET=train", "MKV"), ("b TARGET=TM SET=train", "MK\nVL"),
    ("c TARGET=Glob SET=val", "MKVLA"), ("d TARGET=TM SET=test", "MW"),
)  # fmt: skip


# ---- one protein a record -------------------------------------------------------------------


def test_sequence_to_class(tmp_path):
    table = load(stored(tmp_path, CLASSES))
    assert (table.level, table.kind, table.outputs) == ("protein", "classes", ("Glob", "TM"))
    assert [e.protein.name for e in table.dataset.examples] == list("abcd")
    assert [e.protein.sequence for e in table.dataset.examples] == ["MKV", "MKVL", "MKVLA", "MW"]
    assert [e.split for e in table.dataset.examples] == ["train", "train", "valid", "test"]
    assert [e.y.tolist() for e in table.dataset.examples] == [[0], [1], [0], [1]]


def test_sequence_to_value(tmp_path):
    text = CLASSES.replace("Glob", "37.3452").replace("TM", "-1.5")
    table = load(stored(tmp_path, text))
    assert (table.level, table.kind, table.outputs) == ("protein", "value", ("label",))
    assert table.dataset.examples[0].y == pytest.approx(37.3452)


def test_validation_of_older_files_is_a_side(tmp_path):
    text = CLASSES.replace("SET=train", "SET=train VALIDATION=False")
    text = text.replace("SET=val", "SET=train VALIDATION=True")
    one, two = load(stored(tmp_path, CLASSES)), load(stored(tmp_path, text))
    assert one.dataset.digest == two.dataset.digest
    assert one.dataset.split_digest == two.dataset.split_digest


RESIDUES = fasta(
    ("a TARGET=DVC SET=train MASK=110", "SEQ"), ("b TARGET=DVCD SET=train", "WENC"),
    ("c TARGET=DD SET=val", "EN"), ("d TARGET=CCDVV SET=test", "SEQWE"),
)  # fmt: skip


def test_residue_to_class_with_a_mask(tmp_path):
    table = load(stored(tmp_path, RESIDUES))
    assert (table.level, table.kind, table.outputs) == ("residue", "classes", ("C", "D", "V"))
    np.testing.assert_array_equal(table.dataset.examples[0].y[:, 0], [1, 2, np.nan])


def test_residue_to_value_with_a_mask(tmp_path):
    text = RESIDUES.replace("DVCD", "1;2;3;4").replace("DVC", "0.5;0.25;-1")
    text = text.replace("=DD ", "=1;1 ").replace("CCDVV", "0;0;0;0;1")
    table = load(stored(tmp_path, text))
    assert (table.level, table.kind) == ("residue", "value")
    np.testing.assert_array_equal(table.dataset.examples[0].y[:, 0], [0.5, 0.25, np.nan])


def three_files(folder):
    """The older form of `RESIDUES`: sequences, labels and masks apart, in different orders."""
    sequences = fasta(("b", "WENC"), ("a", "SEQ"), ("c", "EN"), ("d", "SEQWE"))
    heads = [
        ("a", "train", "DVC"), ("b", "train", "DVCD"), ("c", "val", "DD"), ("d", "test", "CCDVV"),
    ]  # fmt: skip
    labels = fasta(*((f"{n} SET={s}", t) for n, s, t in heads))
    masks = fasta(("a", "110"), ("b", "1111"), ("c", "11"), ("d", "11111"))
    return (
        stored(folder, labels, "labels.fasta"),
        stored(folder, sequences, "sequences.fasta"),
        stored(folder, masks, "mask.fasta"),
    )


def test_sequences_labels_and_masks_in_three_files_are_those_of_one(tmp_path):
    labels, sequences, masks = three_files(tmp_path)
    three = load(labels, proteins=sequences, mask=masks)
    one = load(stored(tmp_path, RESIDUES))
    assert three.dataset.digest == one.dataset.digest
    assert three.dataset.split_digest == one.dataset.split_digest


@pytest.mark.parametrize("what", ["sequence", "mask"])
def test_a_label_without_a_sequence_or_a_mask_is_a_wrong_row(tmp_path, what):
    labels, sequences, masks = three_files(tmp_path)
    file = sequences if what == "sequence" else masks
    file.write_text(file.read_text().replace(">b", ">bb"))
    with pytest.warns(UserWarning, match=r"1 of 4 rows"):
        table = load(labels, proteins=sequences, mask=masks)
    [problem] = table.report.problems
    assert str(problem) == f"labels.fasta:3: id 'b': {file.name} has the {what} of every id."


HEADS = {
    "blank": ("x TARGET=Cell wall SET=train", "values have no blanks, and 'wall' follows one"),
    "again": ("x TARGET=TM TARGET=Glob SET=train", "an attribute comes once, and TARGET comes"),
    "no id": ("", "a record has an id"),
    "test valid": ("x TARGET=TM SET=test VALIDATION=True", "split 'test VALIDATION=True': a side"),
    "second test": ("x TARGET=TM SET=test2", "split 'test2': a side is one of train"),
    "twice": ("a TARGET=TM SET=train", "id 'a': a name comes once, and my.fasta:1 has it"),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_is_wrong_is_a_wrong_row(tmp_path, case):
    head, message = HEADS[case]
    head = head or " "
    with pytest.warns(UserWarning, match=r"1 of 5 rows"):
        table = load(stored(tmp_path, CLASSES + fasta((head, "MKV"))))
    [problem] = table.report.problems
    assert problem.row == 10
    assert message in str(problem)


def test_the_heads_of_uniprot_are_no_attributes(tmp_path):
    head = "a Ubiquitin OS=Homo sapiens OX=9606 OX=1 TARGET=Glob SET=train"
    table = load(stored(tmp_path, CLASSES.replace("a a word TARGET=Glob SET=train", head)))
    assert table.dataset.digest == load(stored(tmp_path, CLASSES)).dataset.digest


def test_an_id_with_two_sequences_or_masks_is_an_error(tmp_path):
    labels, sequences, masks = three_files(tmp_path)
    masks.write_text(masks.read_text() + ">a\n111\n")
    with pytest.raises(ValueError, match=r"mask.fasta: the id 'a' comes twice"):
        load(labels, proteins=sequences, mask=masks)
    sequences.write_text(sequences.read_text() + ">a\nSES\n")
    with pytest.raises(ValueError, match=r"sequences.fasta: the id 'a' comes twice"):
        load(labels, proteins=sequences)


def test_a_file_that_is_no_fasta_or_has_no_labels_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"my.fasta: a FASTA file begins with '>', got 'MKV'"):
        load(stored(tmp_path, "MKV\n>a\nMK"))
    with pytest.raises(ValueError, match=r"my.fasta: the file is empty"):
        load(stored(tmp_path, "\n"))
    with pytest.raises(ValueError, match=r"my.fasta: no column 'label'"):
        load(stored(tmp_path, ">a SET=train\nMK\n"))
    with pytest.raises(ValueError, match=r"my.fasta: no column 'split'"):
        load(stored(tmp_path, ">a TARGET=1\nMK\n"))


# ---- pairs ----------------------------------------------------------------------------------

SEQUENCES = fasta(("a", "MKV"), ("b", "MKVL"), ("c", "MW"), ("d", "MRR"), ("e", "MGG"))
PAIRS = [
    ("a", "b", 1, "train"), ("b", "c", 0, "train"), ("c", "d", 1, "valid"), ("d", "d", 1, "test"),
    ("a", "d", 0, "test"),
]  # fmt: skip


def table_of(folder, rows=PAIRS, name="pairs.csv", columns=("protein_a", "protein_b")):
    frame = pd.DataFrame(rows, columns=[*columns, "label", "split"])
    frame.to_csv(folder / name, index=False, sep="\t" if ".tsv" in name else ",")
    return folder / name


def named(pairs):
    """Pairs by name with label and side, whatever the order of the partners."""
    names = [p.name for p in pairs.proteins]
    both = [tuple(sorted((names[a], names[b]))) for a, b in pairs.pairs]
    return set(zip(both, pairs.y[:, 0].tolist(), pairs.split, strict=True))


def test_pairs_name_proteins_of_a_fasta_file_or_another_table(tmp_path):
    sequences = stored(tmp_path, SEQUENCES)
    table = load(table_of(tmp_path), proteins=sequences)
    assert (table.level, table.kind, table.outputs) == ("pair", "binary", ("label",))
    assert table.dataset is None
    assert table.pairs.outputs == table.outputs
    assert named(table.pairs) == {((a, b), label, side) for a, b, label, side in PAIRS}
    assert [p.name for p in table.pairs.proteins] == list("abcd")  # e is in no pair
    assert table.pairs.family is None
    csv = tmp_path / "proteins.csv"
    rows = [("a", "MKV", "f"), ("b", "MKVL", "f"), ("c", "MW", "g"), ("d", "MRR", "g")]
    pd.DataFrame(rows, columns=["name", "sequence", "family"]).to_csv(csv, index=False)
    other = load(
        table_of(tmp_path, name="p.tsv", columns=("x", "y")), proteins=csv, pair=("x", "y")
    )
    assert other.pairs.digest == table.pairs.digest
    assert other.pairs.family == ("f", "f", "g", "g")
    pd.DataFrame([*rows, ("e", "MGG", "")], columns=["name", "sequence", "family"]).to_csv(csv)
    more = table_of(tmp_path, [*PAIRS, ("a", "e", 1, "train")])
    with pytest.warns(UserWarning, match="2 of 11 rows"):
        table = load(more, proteins=csv)
    assert [problem.column for problem in table.report.problems] == ["protein_b", "family"]
    assert table.pairs.digest == other.pairs.digest


WRONG_PAIRS = {
    "unknown": (("a", "z", 1, "train"), "protein_b 'z': my.fasta has no sound protein so named, "
                "but such as 'a'"),
    "unsound": (("bad", "a", 1, "train"), "protein_a 'bad': my.fasta has no sound protein"),
    "other label": (("b", "a", 0, "train"), "'b, a': a pair comes once, and pairs.csv:2 gives it "
                    "another label"),
    "other side": (("a", "b", 1, "test"), "pairs.csv:2 gives it another side"),
    "no label": (("a", "c", "maybe", "train"), "label 'maybe': a label is a number"),
    "word": (("a", "c", "1", "tset"), "split 'tset': a side is one of"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_PAIRS)
def test_a_wrong_pair_is_named_and_left_out(tmp_path, case):
    row, message = WRONG_PAIRS[case]
    sequences = stored(tmp_path, SEQUENCES + ">bad\nM1\n")
    path = table_of(tmp_path, [*PAIRS, row])
    with pytest.warns(UserWarning, match=r"^pairs.csv, my.fasta: .* left out"):
        table = load(path, proteins=sequences)
    problems = list(map(str, table.report.problems))
    assert problems[0].startswith("pairs.csv:7: ")
    assert message in problems[0]
    bad = ["my.fasta:11: sequence 'M1': a sequence is written in the letters A to Z, got '1' at 2."]
    assert problems[1:] == (bad if case == "unsound" else [])
    assert named(table.pairs) == {((a, b), label, side) for a, b, label, side in PAIRS}
    with pytest.raises(ValueError, match=r"are wrong"):
        load(path, proteins=sequences, strict=True)


def test_a_pair_given_twice_alike_counts_once(tmp_path):
    path = table_of(tmp_path, [*PAIRS, ("b", "a", 1, "train"), ("a", "b", 1, "train")])
    table = load(path, proteins=stored(tmp_path, SEQUENCES), strict=True)
    assert named(table.pairs) == {((a, b), label, side) for a, b, label, side in PAIRS}
    assert "2 rows give a pair again, alike; they count once" in table.report.notes


def test_a_wrong_table_of_pairs_is_an_error(tmp_path):
    sequences = stored(tmp_path, SEQUENCES)
    with pytest.raises(
        ValueError, match=r"pairs.csv: no column 'protein_a'; did you mean 'protein"
    ):
        load(table_of(tmp_path, columns=("protein_1", "protein_2")), proteins=sequences)
    with pytest.raises(ValueError, match=r"label is written as letters, which pairs have not"):
        load(table_of(tmp_path), proteins=sequences, labels={"label": "letters"})
    with pytest.raises(ValueError, match=r"label: training needs labels that differ"):
        load(table_of(tmp_path, [(a, b, 1, s) for a, b, _, s in PAIRS]), proteins=sequences)
    with pytest.raises(ValueError, match=r"valid has no labelled pair"):
        load(table_of(tmp_path, [p for p in PAIRS if p[3] != "valid"]), proteins=sequences)
    nameless = stored(tmp_path, "accession,sequence\na,MK\n", "n.csv")
    with pytest.raises(ValueError, match=r"n.csv: no column 'id' to name proteins by"):
        load(table_of(tmp_path), proteins=nameless)


def test_tables_of_d_script_have_no_header_and_one_file_a_side(tmp_path):
    sequences = stored(tmp_path, SEQUENCES)
    paths = {}
    for side in ("train", "valid", "test"):
        lines = [f"{a}\t{b}\t{label}\n" for a, b, label, own in PAIRS if own == side]
        paths[side] = stored(tmp_path, "".join(lines), f"{side}.tsv")
    table = load(paths, proteins=sequences)
    assert named(table.pairs) == {((a, b), label, side) for a, b, label, side in PAIRS}
    paths["test"].write_text("a\td\t0\nz\td\t1\nd\td\t1\n")
    with pytest.warns(UserWarning, match=r"1 of 11 rows"):
        table = load(paths, proteins=sequences)
    assert table.report.problems[0][:3] == ("test.tsv", 2, "protein_a")
    paths["test"].write_text("a\td\t0\nc\td\nd\td\t1\n")
    with pytest.warns(UserWarning, match="1 of 11 rows"):
        table = load(paths, proteins=sequences)
    assert table.report.problems[0][:3] == ("test.tsv", 2, "row")
    assert named(table.pairs) == {((a, b), label, side) for a, b, label, side in PAIRS}


INTERACTORS = fasta(
    ("a INTERACTOR=b TARGET=1 SET=train", "MKV"), ("b INTERACTOR=c TARGET=0 SET=train", "MKVL"),
    ("c INTERACTOR=d TARGET=1 SET=val", "MW"), ("d INTERACTOR=d TARGET=1 SET=test", "MRR"),
    ("d INTERACTOR=a TARGET=0 SET=test", "MRR"), ("b INTERACTOR=a TARGET=1 SET=train", "MKVL"),
)  # fmt: skip


def test_protein_protein_interaction(tmp_path):
    table = load(stored(tmp_path, INTERACTORS), strict=True)
    other = load(table_of(tmp_path), proteins=stored(tmp_path, SEQUENCES, "s.fasta"))
    assert (table.level, table.kind) == ("pair", "binary")
    assert named(table.pairs) == named(other.pairs)
    assert table.pairs.digest == other.pairs.digest


def test_an_interactor_needs_one_sequence_and_a_record_in_the_file(tmp_path):
    text = INTERACTORS + fasta(
        ("a INTERACTOR=z TARGET=1 SET=train", "MKV"), ("c INTERACTOR=a TARGET=1 SET=train", "WW"),
        ("b TARGET=1 SET=train", "MKVL"), ("q", "MKVL"),
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"3 of "):
        table = load(stored(tmp_path, text))
    first, second, third = map(str, table.report.problems)
    assert "my.fasta:13: protein_b 'z'" in first
    assert second == "my.fasta:15: id 'c': an id has one sequence."
    assert "my.fasta:17: protein_b ''" in third
    assert named(table.pairs) == named(load(stored(tmp_path, INTERACTORS)).pairs)
    with pytest.raises(ValueError, match=r"INTERACTOR goes with the sequences of this file"):
        load(tmp_path / "my.fasta", proteins=stored(tmp_path, SEQUENCES, "s.fasta"))


def test_records_give_their_lines_and_attributes(tmp_path):
    rows = biotrainer.read(stored(tmp_path, "\n>a x y target=1 SET=train\nMK\n\n V \n>b\n"))
    assert rows.places == [("my.fasta", 2), ("my.fasta", 6)]
    assert rows.columns == {
        "id": ["a", "b"], "sequence": ["MKV", ""], "label": ["1", ""], "split": ["train", ""],
    }  # fmt: skip


# ---- real files -----------------------------------------------------------------------------


def test_real_files_of_flip_are_the_benchmark_set(data, tmp_path):
    archive = data / "secondary_structure" / "secondary_structure_splits.zip"
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    folder = Path(tmp_path) / "splits"
    table = load(
        folder / "sampled.fasta",
        proteins=folder / "sequences.fasta",
        mask=folder / "mask.fasta",
        labels={"label": "letters:CHE"},
        strict=True,
    )
    known = secondary_structure()
    assert table.dataset.digest == known.digest
    assert table.dataset.split_digest == known.split_digest


def test_real_pairs_of_human_proteins(data, tmp_path):
    folder = data / "ppi_human"
    proteins = pd.read_csv(folder / "covered_sequences.csv.gz").rename(columns={"accession": "id"})
    proteins.to_parquet(tmp_path / "proteins.parquet")
    table = load(
        folder / "covered_pairs.csv.gz", proteins=tmp_path / "proteins.parquet", pair=("a", "b")
    )
    assert not table.report.problems
    assert [len(table.pairs.side(s)) for s in ("train", "valid", "test")] == [79890, 26639, 20906]
