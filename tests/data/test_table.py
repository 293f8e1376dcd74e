"""Tables of a user: what was written is what is read, and every wrong row and table is said."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from protgraph.data.proteins import proteins
from protgraph.data.rows import read
from protgraph.data.sites import sites
from protgraph.data.table import load
from protgraph.structure import synthetic
from protgraph.structure.protein import Protein
from protgraph.structure.write import pdb

GOOD = [
    {"id": "P1", "sequence": "MKV", "y": "0.5", "split": "train"},
    {"id": "P2", "sequence": "MKVLA", "y": "1.5", "split": "train"},
    {"id": "P3", "sequence": "MRVL", "y": "", "split": "Train"},
    {"id": "P4", "sequence": "MSTAV", "y": "2", "split": "val"},
    {"id": "P5", "sequence": "MSTAVG", "y": "3", "split": "valid"},
    {"id": "P6", "sequence": "MWYAAAK", "y": "-1e-3", "split": "validation"},
    {"id": "P7", "sequence": "MGG", "y": "4", "split": "test"},
]


def written(folder, rows, name="my.csv", **options):
    """A table of dicts on disk; columns that a row lacks are empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    delimiter = "\t" if ".tsv" in name else ","
    writer = csv.DictWriter(text, columns, delimiter=delimiter, restval="", **options)
    writer.writeheader()
    writer.writerows(rows)
    return stored(folder, text.getvalue(), name)


def stored(folder, text, name="my.csv"):
    data = text if isinstance(text, bytes) else text.encode()
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def changed(column, cells, rows=GOOD):
    """The good rows with another column."""
    return [{**row, column: cell} for row, cell in zip(rows, cells, strict=True)]


def y_of(table):
    return [example.y.tolist() for example in table.dataset.examples]


# ---- labels ---------------------------------------------------------------------------------


def test_a_table_of_numbers_is_a_dataset(tmp_path):
    table = load(written(tmp_path, GOOD), labels="y")
    assert (table.level, table.kind, table.outputs) == ("protein", "value", ("y",))
    assert table.pairs is None
    assert table.dataset.outputs == table.outputs
    names = {s: [e.protein.name for e in table.dataset.whole(s)] for s in ("train", "valid")}
    assert names == {"train": ["P1", "P2", "P3"], "valid": ["P4", "P5", "P6"]}
    y = np.array(y_of(table))[:, 0]
    assert y == pytest.approx([0.5, 1.5, np.nan, 2, 3, -1e-3, 4], nan_ok=True)
    assert [e.family for e in table.dataset.examples] == ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
    assert str(table.report).splitlines() == [
        "my.csv: 0 of 7 rows were left out.",
        "  y: read as number, 1 of 7 unknown",
        "  train 3, valid 3, test 1",
    ]


def test_zeros_and_ones_are_binary_and_several_columns_multilabel(tmp_path):
    rows = changed("a", ["0", "1", "", "True", "false", "nan", "1.0"])
    rows = changed("b", "0110101", rows)
    table = load(written(tmp_path, rows), labels="a")
    assert (table.kind, table.outputs) == ("binary", ("a",))
    assert np.array(y_of(table))[:, 0] == pytest.approx(
        [0, 1, np.nan, 1, 0, np.nan, 1], nan_ok=True
    )
    both = load(tmp_path / "my.csv", labels=["b", "a"])
    assert (both.kind, both.outputs) == ("multilabel", ("b", "a"))
    assert y_of(both)[4] == [1, 0]


def test_class_names_are_sorted_and_exclude_each_other(tmp_path):
    rows = changed("place", ["wall", "cell", "", "cell", "wall", "cell", "wall"])
    table = load(written(tmp_path, rows), labels="place")
    assert (table.level, table.kind, table.outputs) == ("protein", "classes", ("cell", "wall"))
    assert np.array(y_of(table))[:, 0] == pytest.approx([1, 0, np.nan, 0, 1, 0, 1], nan_ok=True)
    said = load(tmp_path / "my.csv", labels={"place": "class:wall,cell,pore"})
    assert said.outputs == ("wall", "cell", "pore")
    assert y_of(said)[0] == [0]
    assert "1 of 3 classes are not in training: pore" in said.report.notes


def test_lists_are_multilabel_with_a_dash_for_none(tmp_path):
    rows = changed("metal", ["ZN;CA", "CA", "", "-", "ZN", "MG; ZN", "CA"])
    table = load(written(tmp_path, rows), labels="metal")
    assert (table.level, table.kind) == ("protein", "multilabel")
    assert table.outputs == ("CA", "MG", "ZN")
    nan = [np.nan] * 3
    expected = [[1, 0, 1], [1, 0, 0], nan, [0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]]
    np.testing.assert_array_equal(y_of(table), expected)
    assert "1 of 3 classes are not in training: MG" in table.report.notes


STATES = ["CCH", "C-HHE", "", "CCCC?", "HHHHHH", "EEECCCC", "C?C"]


def test_one_letter_a_residue_with_letters_for_unknown(tmp_path):
    table = load(written(tmp_path, changed("ss", STATES)), labels={"ss": "letters:CHE"})
    assert (table.level, table.kind, table.outputs) == ("residue", "classes", ("C", "H", "E"))
    ys = [e.y for e in table.dataset.examples]
    assert [y.shape for y in ys] == [(len(row["sequence"]), 1) for row in GOOD]
    np.testing.assert_array_equal(ys[1][:, 0], [0, np.nan, 1, 1, 2])
    assert np.isnan(ys[2]).all()
    guessed = load(tmp_path / "my.csv", labels="ss")
    assert guessed.outputs == ("C", "E", "H")
    dashed = load(tmp_path / "my.csv", labels="ss", mask="?")
    assert dashed.outputs == ("-", "C", "E", "H")


def test_digits_of_zero_and_one_a_residue_are_binary(tmp_path):
    cells = ["010", "0-111", "", "00000", "111111", "0000001", "001"]
    rows = changed("zinc", cells)
    rows = changed("iron", [c[::-1] for c in cells], rows)
    table = load(written(tmp_path, rows), labels="zinc")
    assert (table.level, table.kind, table.outputs) == ("residue", "binary", ("zinc",))
    np.testing.assert_array_equal(table.dataset.examples[1].y[:, 0], [0, np.nan, 1, 1, 1])
    both = load(tmp_path / "my.csv", labels=["zinc", "iron"])
    assert (both.kind, both.outputs) == ("multilabel", ("zinc", "iron"))
    first, second = both.dataset.examples[:2]
    np.testing.assert_array_equal(first.y, [[0, 0], [1, 1], [0, 0]])
    nan = np.nan
    np.testing.assert_array_equal(second.y, [[0, 1], [nan, 1], [1, 1], [1, nan], [1, 0]])
    ones = changed("zinc", [cell.replace("0", "1") for cell in cells])
    with pytest.raises(ValueError, match=r"zinc: training needs .* got 7 times 1"):
        load(written(tmp_path, ones), labels="zinc")


def test_one_number_a_residue_however_it_is_separated(tmp_path):
    cells = ["0.5;1;2", "[1, 2, nan, 4, 5]", "", "1 2 3 4 5", "1,2,3,4,5,6", "", "3;2;1"]
    table = load(written(tmp_path, changed("flex", cells)), labels="flex")
    assert (table.level, table.kind) == ("residue", "value")
    np.testing.assert_array_equal(table.dataset.examples[1].y[:, 0], [1, 2, np.nan, 4, 5])


def test_a_column_of_masks_makes_labels_unknown_and_hides_their_letters(tmp_path):
    masks = ["110", "", "", "11111", "", "", ""]
    rows = changed("mask", masks, changed("ss", ["CHX", *STATES[1:]]))
    table = load(written(tmp_path, rows), labels="ss")
    assert table.outputs == ("C", "E", "H")
    np.testing.assert_array_equal(table.dataset.examples[0].y[:, 0], [0, 2, np.nan])
    numbers = changed(
        "mask", masks, changed("n", [";".join("1" * len(r["sequence"])) for r in GOOD])
    )
    numbers[1]["n"] = "0;0;0;0;0"
    y = load(written(tmp_path, numbers, "n.csv"), labels="n").dataset.examples[0].y
    np.testing.assert_array_equal(y[:, 0], [1, 1, np.nan])


def test_a_wrong_row_does_not_turn_how_a_column_is_read_nor_add_a_class(tmp_path):
    rows = [*changed("ss", STATES), {"id": "X", "sequence": "MKV", "ss": "QQ", "split": "train"}]
    with pytest.warns(UserWarning, match=r"1 of 8 rows was left out"):
        table = load(written(tmp_path, rows), labels="ss")
    assert table.outputs == ("C", "E", "H")


def test_what_is_in_doubt_is_asked(tmp_path):
    same = [{**row, "sequence": "MKV", "y": "CHE"} for row in GOOD]
    with pytest.raises(
        ValueError, match=r"y: all sequences .* 3 letters .* labels=\{'y': 'letters'\}"
    ):
        load(written(tmp_path, same), labels="y")
    many = [
        {"id": f"P{i}", "sequence": "MKV", "y": f"0,{i:03}", "split": "train"} for i in range(50)
    ]
    with pytest.raises(ValueError, match=r"y: 50 different labels in 50 rows, such as '0,000'"):
        load(written(tmp_path, many), labels="y")


def test_a_cell_may_be_longer_than_the_default_limit_of_csv(tmp_path):
    long = 30_000
    rows = changed("n", [";".join(["0.25"] * 3), *[""] * 6])
    rows.append(
        {"id": "L", "sequence": "M" * long, "n": ";".join(["-0.125"] * long), "split": "train"}
    )
    for side in ("valid", "test"):
        rows.append({"id": side, "sequence": "MK", "n": "1;2", "split": side})
    table = load(written(tmp_path, rows), labels="n")
    assert len(table.dataset.side("train")[1].y) == long
    assert csv.field_size_limit() == 131072


# ---- structures -----------------------------------------------------------------------------


@cache
def ideal():
    """Six ideal chains with their sites."""
    return synthetic.dataset(6, seed=1)


@pytest.fixture
def structures(tmp_path):
    """Six ideal chains as PDB files, one file with two chains, and the table of the six."""
    rows = []
    for i, (protein, y) in enumerate(ideal()):
        path = tmp_path / f"s{i}.pdb"
        path.write_text(pdb(protein))
        positive = [protein.numbering[place] for place in np.flatnonzero(y)]
        side = ("train", "train", "train", "valid", "test", "test")[i]
        rows.append({"structure": path.name, "site": ",".join(positive), "split": side})
    both = "".join(pdb(replace(ideal()[i][0], chain="AB"[i])) for i in (0, 1))
    (tmp_path / "two.pdb").write_text(both.replace("END\n", "") + "END\n")
    return rows


def test_author_numbers_become_labels_of_the_observed_residues(tmp_path, structures):
    table = load(written(tmp_path, structures), labels="site")
    assert (table.level, table.kind, table.outputs) == ("residue", "binary", ("site",))
    for example, (protein, y) in zip(table.dataset.examples, ideal(), strict=True):
        assert example.protein.sequence == protein.sequence
        np.testing.assert_array_equal(example.y[:, 0], y)
    assert [e.protein.name for e in table.dataset.examples][:2] == ["s0", "s1"]


def test_unobserved_residues_are_unknown_unless_named_and_a_dash_means_none(tmp_path):
    p = ideal()[0][0]
    backbone = p.backbone.copy()
    backbone[4:6] = np.nan
    (tmp_path / "gap.pdb").write_text(pdb(Protein("gap", p.sequence, backbone)))
    rows = [
        {"id": f"{i}", "structure": "gap.pdb", "site": site, "split": side}
        for i, (site, side) in enumerate(
            [("2,6", "train"), ("-", "train"), ("1,3", "valid"), ("1", "test")]
        )
    ]
    table = load(written(tmp_path, rows), labels={"site": "residues"})
    first, none = (e.y[:, 0] for e in table.dataset.examples[:2])
    assert np.flatnonzero(first == 1).tolist() == [1, 5]
    assert np.flatnonzero(np.isnan(first)).tolist() == [4]
    assert np.flatnonzero(np.isnan(none)).tolist() == [4, 5]
    assert not (none == 1).any()


def test_a_chain_is_named_where_there_are_several_and_names_the_protein(tmp_path, structures):
    rows = [{**row, "chain": ""} for row in structures]
    rows.append({"structure": "two.pdb", "chain": "B", "site": "1,2", "split": "train"})
    table = load(written(tmp_path, rows), labels="site")
    last = table.dataset.examples[-1].protein
    assert (last.name, last.chain) == ("two_B", "B")


def test_an_id_is_looked_up_by_the_function_given(tmp_path, structures):
    rows = [*structures, {"structure": "1ABC", "site": "1,2", "split": "train"}]
    asked = []

    def fetch(name):
        asked.append(name)
        return tmp_path / "s0.pdb"

    table = load(written(tmp_path, rows), labels="site", fetch=fetch)
    assert asked == ["1ABC"]
    assert table.dataset.examples[-1].protein.name == "1ABC"


def test_structure_and_sequence_are_joined_as_read_joins_them(tmp_path, structures):
    p = ideal()[0][0]
    rows = [{**row, "sequence": ""} for row in structures]
    rows[0] |= {"sequence": "GGU" + p.sequence}
    table = load(written(tmp_path, rows), labels={"site": "residues"})
    first = table.dataset.examples[0].protein
    assert first.sequence == "GGX" + p.sequence
    assert first.observed.tolist() == [False] * 3 + [True] * len(p)
    assert first.notes == ("U read as X at 3",)


STRUCTURE_ROWS = {
    "several chains": ({"structure": "two.pdb"}, r"structure 'two.pdb': one chain .* 'A', 'B'"),
    "no such chain": ({"structure": "s0.pdb", "chain": "Q"}, r"no protein chain 'Q'; the file has"),
    "missing": ({"structure": "no.pdb"}, r"structure 'no.pdb': there is no such file"),
    "id": ({"structure": "1abc"}, r"ids are looked up only where fetch= is given"),
    "kind": ({"structure": "my.csv"}, r"a structure is a file of .pdb"),
    "no protein": ({"structure": "empty.pdb"}, r"empty.pdb"),
    "number": ({"structure": "s9.pdb", "site": "2,999"}, r"s9 has no residue '999'"),
    "text like a file": ({"structure": "s9.pdb", "sequence": "no.fasta"}, "given agrees with"),
    "nothing": ({"structure": ""}, r"a protein has a sequence or a structure"),
    "other": (
        {"structure": "s9.pdb", "sequence": "WWWWWWW"}, r"full sequence given agrees with"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STRUCTURE_ROWS)
def test_a_structure_that_cannot_be_used_is_a_wrong_row(tmp_path, structures, case):
    row, message = STRUCTURE_ROWS[case]
    (tmp_path / "s9.pdb").write_text((tmp_path / "s0.pdb").read_text())
    (tmp_path / "empty.pdb").write_text("REMARK\n")
    rows = [*structures, {"chain": "", "site": "1,2", "split": "train", **row}]
    with pytest.warns(UserWarning, match=r"1 of 7 rows was left out"):
        table = load(written(tmp_path, rows), labels={"site": "residues"})
    [problem] = table.report.problems
    assert problem.row == 8
    assert re.search(message, str(problem)), str(problem)


# ---- wrong rows -----------------------------------------------------------------------------

WRONG_ROWS = {
    "letters": ("y", {"sequence": "MK1"}, "sequence", "letters A to Z, got '1' at 3"),
    "stop": ("y", {"sequence": "MK*V"}, "sequence", "got '*' at 3"),
    "gaps alone": ("y", {"sequence": "--"}, "sequence", "the sequence is empty"),
    "no sequence": ("y", {"sequence": ""}, "sequence", "a protein has a sequence or a structure"),
    "no number": ("y", {"y": "high"}, "y", "'high': a label is a number"),
    "infinite": ("y", {"y": "inf"}, "y", "'inf': a label is a finite number"),
    "too large": ("y", {"y": "1e39"}, "y", "a finite number of single precision"),
    "no name": ("y", {"id": ""}, "id", "a protein has a name"),
    "twice": ("y", {"id": "P1"}, "id", "'P1': a name comes once, and my.csv:2 has it"),
    "split": (
        "y",
        {"split": "training"},
        "split",
        "'training': a side is one of train, valid, val",
    ),
    "family": ("y", {"family": ""}, "family", "every row has a family"),
    "length": ("ss", {"ss": "CC"}, "ss", "X has 3 residues for 2 letters"),
    "class": ("ss", {"ss": "CQC"}, "ss", "classes are C, H, E, and 'Q' is none of them"),
    "ascii": ("ss", {"ss": "CÅC"}, "ss", "one letter of ASCII"),
    "mask": ("ss", {"mask": "11"}, "ss", "a 0 or 1 for each of 3 residues of X, got 2 characters"),
    "mask letter": ("ss", {"mask": "11X"}, "ss", "a 0 or 1 for each of 3 residues"),
    "numbers": ("n", {"n": "1;2"}, "n", "X has 3 residues for 2 numbers"),
    "not all": ("n", {"n": "1;2;x"}, "n", "a label is a number"),
    "name of class": ("place", {"place": "Wall"}, "place", "classes are wall, cell, and 'Wall'"),
    "item": ("metal", {"metal": "ZN;XX"}, "metal", "and 'XX' is none"),
    "author number": ("site", {"site": "2,27A"}, "site", "X has no residue '27A'"),
    "comma": ("site", {"site": "2,"}, "site", "X has no residue ''"),
}
LABELS = {
    "y": "number", "ss": "letters:CHE", "n": "numbers", "place": "class:wall,cell",
    "metal": "list:ZN,CA", "site": "residues",
}  # fmt: skip


def full():
    rows = changed("ss", ["CCH", *STATES[1:]])
    rows = changed("n", [";".join(map(str, range(len(r["sequence"])))) for r in rows], rows)
    rows = changed("place", ["wall", "cell"] * 3 + ["wall"], rows)
    rows = changed("metal", ["ZN", "CA", "ZN;CA", "", "ZN", "CA", "ZN"], rows)
    rows = changed("site", ["1,2"] * 7, rows)
    rows = changed("family", "abcdefg", rows)
    return changed("mask", [""] * 7, rows)


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_a_wrong_row_is_named_left_out_and_counted(tmp_path, case):
    label, change, column, message = WRONG_ROWS[case]
    added = {
        "id": "X", "sequence": "MKV", "y": "1", "ss": "CHE", "n": "1;2;3", "place": "wall",
        "metal": "ZN", "site": "2", "split": "train", "family": "x",
    }  # fmt: skip
    path = written(tmp_path, [*full(), {**added, **change}])
    labels = {label: LABELS[label]}
    with pytest.warns(
        UserWarning, match=r"^my.csv: 1 of 8 rows was left out\.\n  my.csv:9: "
    ) as warned:
        table = load(path, labels=labels)
    assert len(warned) == 1
    [problem] = table.report.problems
    assert (problem.file, problem.row, problem.column) == ("my.csv", 9, column)
    assert message in str(problem)
    assert str(problem) in str(table.report)
    sound = load(written(tmp_path, full(), "sound.csv"), labels=labels)
    assert table.dataset.digest == sound.dataset.digest
    with pytest.raises(ValueError, match=re.escape(str(problem))):
        load(path, labels=labels, strict=True)


def test_a_line_with_other_cells_than_the_header_is_a_wrong_row(tmp_path):
    text = written(tmp_path, GOOD).read_text() + "X,MKV,1\nY,MKV,1,train,more\n"
    with pytest.warns(UserWarning, match=r"2 of 9 rows were left out"):
        table = load(stored(tmp_path, text), labels="y")
    first, second = map(str, table.report.problems)
    assert first == "my.csv:9: row '3 cells': every line has as many cells as the header, 4."
    assert "row '5 cells'" in second


def test_a_row_is_found_by_its_line_in_the_file(tmp_path):
    text = 'id,sequence,y,split\r\n"P\r\n1",MKV,1,train\r\n\r\n,,,\r\nP2,M1,2,train\r\nP3,MK,2,test'
    rows = read(stored(tmp_path, text), ["id", "sequence"])
    assert rows.places == [("my.csv", 2), ("my.csv", 6), ("my.csv", 7)]
    assert rows.columns["id"][0] == "P\r\n1"
    proteins(rows)
    assert rows.wrong[1].row == 6
    rows.refuse(1, "split", "what is found later", "")
    assert rows.wrong[1].column == "sequence"


def test_strict_lists_the_first_ten_and_how_many_more(tmp_path):
    rows = [*GOOD, *({"id": f"X{i}", "sequence": "M1", "split": "train"} for i in range(12))]
    with pytest.raises(ValueError, match=r"12 of 19 rows are wrong") as error:
        load(written(tmp_path, rows), labels="y", strict=True)
    lines = str(error.value).splitlines()
    assert len(lines) == 12
    assert "my.csv:9: sequence 'M1'" in lines[1]
    assert lines[-1].strip() == "and 2 more."


def test_odd_letters_are_read_as_everywhere_and_make_no_wrong_row(tmp_path):
    rows = [{**GOOD[0], "sequence": "mk-uz*"}, *GOOD[1:]]
    first = load(written(tmp_path, rows), labels="y", strict=True).dataset.examples[0].protein
    assert first.sequence == "MKXX"
    assert len(first.notes) == 3


# ---- wrong tables ---------------------------------------------------------------------------

HEAD = "id,sequence,y,split\n"
BODY = "P1,MKV,1,train\nP2,MKVA,2,train\nP3,MKL,1,valid\nP4,MKL,1,test\n"
WRONG_TABLES = {
    "empty": ("", r"my.csv: the file is empty"),
    "blank": ("\n , \n", r"my.csv: the file is empty"),
    "header alone": (HEAD, r"my.csv: the table has a header and no row"),
    "latin": (HEAD.encode() + b"P\xe9,MKV,1,train\n", r"text is UTF-8, got the byte 0xe9 at 22"),
    "utf-16": ((HEAD + BODY).encode("utf-16"), r"text is UTF-8, got the byte 0xff at 1"),
    "quotes": (HEAD + 'P1,"MKV,1,train\n', r"the quotes of line 2 do not close"),
    "named twice": ("id,sequence,y,split,y\n", r"the column 'y' is named twice"),
    "semicolons": ((HEAD + BODY).replace(",", ";"), r"only one is 'id;sequence;y;split'"),
    "no label": (HEAD.replace(",y,", ",yy,") + BODY, r"no column 'y'; did you mean 'yy'\?"),
    "no sequence": (HEAD.replace("sequence", "sequnce") + BODY, r"'structure'; did you mean 'seq"),
    "other case": (HEAD.replace("split", "Split") + BODY, r"no column 'split'; did you mean 'Spl"),
    "family case": (HEAD.replace("id", "Family") + BODY, r"no column 'family'; did you mean 'Fam"),
    "no split": ("id,sequence,y\nP1,MKV,1\n", r"no column 'split'; .* `protgraph split` writes"),
    "empty split": (HEAD + BODY.replace("train", "").replace("valid", "").replace("test", ""),
                    r"no row has a side.* `protgraph split`"),
    "half split": (HEAD + BODY + "P5,MK,1,\n", r"1 of 5 have none, my.csv:6 the first"),
    "no cells": (HEAD + "P1,MKV\n", r"(?s)no row is left\..*every line has as many cells"),
    "pairs": ("protein_a,protein_b,y\na,b,1\n", r"my.csv: pairs need proteins="),
    "no known label": (HEAD + "P1,MKV,,train\n", r"y: one label at least must be known, got none"),
    "no row": (HEAD + "P1,M1,1,train\n", r"(?s)no row is left\..*my.csv:2: sequence 'M1'"),
    "constant": (HEAD + BODY.replace(",2", ",1"), r"y: training needs labels .* got 2 times 1"),
    "unknown": (HEAD + BODY.replace(",1,t", ",,t").replace("2,train", ",train"),
                r"y: training needs labels that differ, got none that is known"),
    "no side": (HEAD + BODY.replace("valid", "test"), r"my.csv: valid has no labelled protein"),
    "no training": (HEAD + BODY.replace("train", "test"), r"my.csv: no row of training is left"),
    "leak": ("family," + HEAD + "".join("f," + line + "\n" for line in BODY.splitlines()),
             r"a family stays on one side of a split, but f is in train and valid"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_TABLES)
@pytest.mark.parametrize("strict", [False, True])
def test_a_wrong_table_is_an_error_in_any_mode(tmp_path, case, strict):
    text, message = WRONG_TABLES[case]
    with pytest.raises(ValueError, match=message):
        load(stored(tmp_path, text), labels="y", strict=strict)


def test_a_constant_class_and_a_constant_list_are_said(tmp_path):
    with pytest.raises(ValueError, match=r"place: training needs .* got 3 times wall"):
        load(written(tmp_path, changed("place", ["wall"] * 7)), labels="place")
    with pytest.raises(ValueError, match=r"metal: training needs labels that differ"):
        load(written(tmp_path, changed("metal", ["ZN;CA"] * 7)), labels="metal")


def test_labels_that_do_not_go_together_are_an_error(tmp_path):
    path = written(tmp_path, full())
    with pytest.raises(ValueError, match=r"one level, got y by protein, ss by residue"):
        load(path, labels=["y", "ss"])
    with pytest.raises(ValueError, match=r"place has classes, .* stands alone; got y, place"):
        load(path, labels=["y", "place"])
    with pytest.raises(ValueError, match=r"labels: one label column at least"):
        load(path, labels=[])
    with pytest.raises(ValueError, match=r"one of number, class, .* got 'float'"):
        load(path, labels={"y": "float"})
    with pytest.raises(ValueError, match=r"written as number has no classes, got '1,2'"):
        load(path, labels={"y": "number:1,2"})
    with pytest.raises(ValueError, match=r"Classes differ from each other, got 'CC'"):
        load(path, labels={"ss": "letters:CC"})
    with pytest.raises(ValueError, match=r"metal names no class in any row"):
        load(written(tmp_path, changed("metal", ["-"] * 7)), labels={"metal": "list"})


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    pd.DataFrame(GOOD).to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"a.parquet: reading Parquet needs pyarrow; install it"):
        load(tmp_path / "a.parquet", labels="y")


def test_a_file_that_is_not_there_or_of_another_kind_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no.csv: there is no such file"):
        load(tmp_path / "no.csv")
    with pytest.raises(ValueError, match=r"tables are read from .csv .tsv .parquet .* got .*xlsx"):
        load(stored(tmp_path, "PK", "my.xlsx"))
    with pytest.raises(ValueError, match=r"my.parquet: not a Parquet file that can be read"):
        load(stored(tmp_path, "id,sequence\n", "my.parquet"))
    (tmp_path / "my.csv.gz").write_bytes(b"\x1f\x8bno")
    with pytest.raises(ValueError, match=r"my.csv.gz: the gzip file is broken"):
        load(tmp_path / "my.csv.gz")


# ---- what was written is what is read ---------------------------------------------------------

texts = st.text(
    # csv's writer leaves a lone carriage return bare, and its reader ends the line there.
    st.characters(codec="utf-8", exclude_characters="\r"),
    min_size=1,
    max_size=12,
).filter(lambda text: text == text.strip())


@st.composite
def tables(draw):
    names = draw(st.lists(texts, min_size=3, max_size=8, unique=True))
    sequence = st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=9)
    number = st.floats(allow_nan=False, allow_infinity=False, width=32)
    return [
        {
            "id": name,
            "sequence": draw(sequence),
            "y": repr(draw(number)),
            "split": ("train", "valid", "test")[i % 3],
            "family": name,
        }
        for i, name in enumerate(names)
    ]


@given(
    rows=tables(),
    name=st.sampled_from(["a.csv", "a.tsv", "a.csv.gz", "a.TSV.gz"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    ending=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_what_is_read(tmp_path, rows, name, quoting, ending, bom):
    columns = ["id", "sequence", "y", "split", "family"]
    text = io.StringIO(newline="")
    delimiter = "\t" if "tsv" in name.lower() else ","
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow(columns)
    writer.writerows([row[c] for c in columns] for row in rows)
    path = stored(tmp_path, ("\ufeff" if bom else "") + text.getvalue(), name)
    found = read(path, columns)
    assert [{c: found.columns[c][i] for c in columns} for i in range(len(found))] == rows
    assert not found.wrong


@given(data=st.binary(max_size=60), name=st.sampled_from(["a.csv", "a.tsv.gz", "a.parquet"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_rows_or_a_value_error(tmp_path, data, name):
    path, said = stored(tmp_path, data, name), ""
    try:
        rows = read(path, ["id"])
    except ValueError as error:
        said = str(error)
    assert said.startswith(name) if said else len(rows.cells("id")) == len(rows)


@given(rows=tables())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_csv_tsv_and_parquet_give_the_same_dataset(tmp_path, rows):
    rows[0]["y"], rows[2]["y"] = "1.5", "3.0"
    rows.append({**rows[0], "id": "\x7fx", "y": "-2.5", "family": "\x7fx"})
    frame = pd.DataFrame(rows)
    typed = frame.astype({"y": float})
    typed.loc[1, "y"] = rows[1]["y"] = float(rows[1]["y"])
    typed.to_parquet(tmp_path / "a.parquet")
    made = [
        load(written(tmp_path, rows, "a.csv"), labels={"y": "number"}),
        load(written(tmp_path, rows, "a.tsv"), labels={"y": "number"}),
        load(tmp_path / "a.parquet", labels={"y": "number"}),
    ]
    assert len({(t.dataset.digest, t.dataset.split_digest) for t in made}) == 1


def test_what_pandas_writes_is_read_alike_from_all_three(tmp_path):
    frame = pd.DataFrame(GOOD)
    frame["y"] = pd.to_numeric(frame["y"])
    frame["flag"] = [True, False, True, False, True, True, False]
    frame["count"] = pd.array([1, 2, None, 3, 4, 5, 6], dtype="Int64")
    frame.to_csv(tmp_path / "a.csv")
    frame.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.drop(columns="id").to_parquet(tmp_path / "b.parquet")
    frame.drop(columns="id").to_csv(tmp_path / "b.csv")
    for labels in (["y"], ["flag"], ["count"], ["y", "flag"]):
        digests = {
            load(tmp_path / name, labels=labels).dataset.digest
            for name in ("a.csv", "a.tsv", "a.parquet")
        }
        assert len(digests) == 1
        nameless = {
            load(tmp_path / n, labels=labels).dataset.digest for n in ("b.csv", "b.parquet")
        }
        assert len(nameless) == 1


def test_lists_in_parquet_are_labels(tmp_path):
    frame = pd.DataFrame(GOOD)
    frame["n"] = [[0.5, None, 2.0], None, *[[1.0] * len(r["sequence"]) for r in GOOD[2:]]]
    frame["metal"] = [["ZN", "CA"], ["CA"], None, [], ["ZN"], ["CA"], ["ZN"]]
    frame.to_parquet(tmp_path / "a.parquet")
    numbers = load(tmp_path / "a.parquet", labels="n")
    np.testing.assert_array_equal(numbers.dataset.examples[0].y[:, 0], [0.5, np.nan, 2])
    assert np.isnan(numbers.dataset.examples[1].y).all()
    metals = load(tmp_path / "a.parquet", labels="metal")
    expected = [[1, 1], [1, 0], [np.nan] * 2, [0, 0], [0, 1], [1, 0], [0, 1]]
    np.testing.assert_array_equal(y_of(metals), expected)


def test_nan_in_parquet_is_an_unknown_class(tmp_path):
    columns = {key: [row[key] for row in GOOD] for key in GOOD[0]}
    columns["level"] = [1.5, 2.5, float("nan"), 1.5, 2.5, 1.5, 2.5]
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    table = load(tmp_path / "a.parquet", labels={"level": "class"})
    assert table.outputs == ("1.5", "2.5")
    assert np.isnan(table.dataset.examples[2].y).all()


def test_a_row_of_parquet_is_found_by_its_number(tmp_path):
    pd.DataFrame([*GOOD, {**GOOD[0], "id": "X", "sequence": "M1"}]).to_parquet(
        tmp_path / "a.parquet"
    )
    with pytest.warns(UserWarning, match=r"1 of 8"):
        table = load(tmp_path / "a.parquet", labels="y")
    assert table.report.problems[0][:2] == ("a.parquet", 8)


def test_files_of_a_split_are_one_table(tmp_path):
    whole = load(written(tmp_path, GOOD), labels="y")
    bare = [{k: v for k, v in row.items() if k != "split"} for row in GOOD]
    paths = {
        side: written(tmp_path, bare[part], name)
        for side, part, name in (
            ("train", slice(0, 3), "a.csv"), ("valid", slice(3, 6), "b.tsv"),
            ("test", slice(6, 7), "c.csv"),
        )
    }  # fmt: skip
    parts = load(paths, labels="y")
    assert parts.dataset.digest == whole.dataset.digest
    assert parts.dataset.split_digest == whole.dataset.split_digest
    with pytest.raises(ValueError, match=r"Files of a split are for train, valid, test, got"):
        load({"train": paths["train"]}, labels="y")
    with pytest.raises(ValueError, match=r"my.csv: the file is all test, but has a column 'split'"):
        load({**paths, "test": tmp_path / "my.csv"}, labels="y")
    more = written(tmp_path, [{**bare[6], "chain": ""}], "c2.csv")
    with pytest.raises(ValueError, match=r"c2.csv: a.csv and it differ in column 'chain'"):
        load({**paths, "test": more}, labels="y")


def test_real_sites_by_author_number_are_those_of_the_benchmark(data, chains, tmp_path):
    with (data / "binding_sites" / "labels.tsv").open(newline="") as file:
        rows = [
            {
                "id": row["chain"], "structure": str(chains / f"{row['chain']}.pdb"),
                "ZN": row["pos_pdbnum"] or "-", "split": row["split"], "family": row["family"],
            }
            for row in csv.DictReader(file, delimiter="\t") if row["ligand"] == "ZN"
        ]  # fmt: skip
    table = load(written(tmp_path, rows, "zinc.tsv"), labels="ZN", strict=True)
    known = {e.protein.name: e for e in sites(("ZN",)).examples}
    assert (table.level, table.kind) == ("residue", "binary")
    for example in table.dataset.examples:
        one = known[example.protein.name]
        assert example.split == one.split
        np.testing.assert_array_equal(example.y, one.y)
