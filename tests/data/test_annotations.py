"""Published annotations and folders of classes become tables, and what is left out is said."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from protgraph.annotate import annotated
from protgraph.cli import main
from protgraph.data.annotations import EXPERIMENTAL, deepfri, gaf
from protgraph.data.assembled import sides
from protgraph.data.held import held
from protgraph.data.table import load
from protgraph.recipe import Recipe
from protgraph.running.question import question
from protgraph.running.run import execute
from protgraph.structure import synthetic
from protgraph.structure.write import pdb
from protgraph.tasks.catalogue import TASKS, own

# ---- DeepFRI --------------------------------------------------------------------------------

GO = """### GO-terms (molecular_function)
GO:0000001\tGO:0000002\tGO:0000003
### GO-names (molecular_function)
a thing\tanother\t"5'-quoted" thing
### GO-terms (biological_process)
GO:0000004
### GO-names (biological_process)
growing
### GO-terms (cellular_component)

### GO-names (cellular_component)

### PDB-chain\tGO-terms (molecular_function)\tGO-terms (biological_process)\t\
GO-terms (cellular_component)
1ABC-A\tGO:0000001,GO:0000003\t\t
2ABC-B\tGO:0000001\tGO:0000004\t
3ABC-C\t\tGO:0000004\t
4ABC-D\tGO:0000001,GO:0000002\t\t
"""
EC = """### EC-numbers
3.4.21.-\t3.4.21.4\t1.1.1.1
### PDB-chain\tEC-numbers
1ABC-A\t3.4.21.-,3.4.21.4
2ABC-B\t1.1.1.1
"""
NAMES = ("1ABC-A", "2ABC-B", "3ABC-C", "4ABC-D")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the two files, sequences and a split, to work in."""
    (tmp_path / "go.tsv").write_text(GO)
    (tmp_path / "ec.tsv").write_text(EC)
    (tmp_path / "s.fasta").write_text("".join(f">{n} nrPDB\nMKVLA\n" for n in NAMES))
    for side, names in {"train": "1ABC-A", "valid": "2ABC-B", "test": "4ABC-D"}.items():
        (tmp_path / f"{side}.txt").write_text(names + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


LISTS = "train=train.txt,valid=valid.txt,test=test.txt"


def test_each_aspect_of_deepfri_is_its_own_column(place):
    found = deepfri("go.tsv", "MF")
    assert found.pairs == [
        ("1ABC-A", "GO:0000001"), ("1ABC-A", "GO:0000003"), ("2ABC-B", "GO:0000001"),
        ("4ABC-D", "GO:0000001"), ("4ABC-D", "GO:0000002"),
    ]  # fmt: skip
    assert found.left.lines() == ["1 left out: a chain without a term of MF, such as 3ABC-C"]
    assert [name for name, _ in deepfri("go.tsv", "BP").pairs] == ["2ABC-B", "3ABC-C"]
    assert ("1ABC-A", "3.4.21.4") in deepfri("ec.tsv", "EC").pairs


def test_lines_of_windows_and_gzip_change_nothing(place):
    (place / "w.tsv.gz").write_bytes(gzip.compress(GO.replace("\n", "\r\n").encode()))
    assert deepfri("w.tsv.gz", "MF").pairs == deepfri("go.tsv", "MF").pairs


BROKEN = {
    "other file": ("id\tsequence\n", "MF", r"has a line '### PDB-chain', got none"),
    "aspect": (GO, "EC", r"EC is the column 'EC-numbers', and there is 'GO-terms \(molecular"),
    "word": (GO, "mf", "aspect is one of MF, BP, CC or EC, got 'mf'"),
    "no aspect": (GO, "", "aspect is one of MF, BP, CC or EC, got ''"),
    "no list": (EC.replace("### EC-numbers\n", "", 1), "EC", "no line '### EC-numbers'"),
    "cut": (GO + "5ABC-A\tGO:0000001", "MF", "x.tsv, line 18: a row has 4 cells, got 2"),
    "unknown": (EC + "5ABC-A\t9.9.9.9\n", "EC", "line 6: the head names every .* '9.9.9.9'"),
    "twice": (EC + "1ABC-A\t1.1.1.1\n", "EC", "line 6: .* a chain of its own, got '1ABC-A' again"),
    "nothing": (EC.partition("1ABC")[0], "EC", r"no annotation is left \(there is no row\)"),
    "all empty": (GO, "CC", r"no annotation is left \(4 left out: a chain without a term of CC"),
    "empty": ("", "MF", "x.tsv: the file is empty"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_of_deepfri_is_one_clear_error(place, case):
    text, aspect, message = BROKEN[case]
    (place / "x.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        deepfri("x.tsv", aspect)


def test_deepfri_becomes_a_table_and_the_table_a_task_with_fmax(place, capsys):
    words = ["annotations", "go.tsv", "--format", "deepfri", "--aspect", "MF"]
    assert main([*words, "--sequences", "s.fasta", "--split", LISTS, "-o", "table.tsv"]) == 0
    said = capsys.readouterr()
    assert said.out == "table.tsv\n"
    assert said.err.splitlines() == [
        "3 proteins, 2 labels of 1 protein in training at least",
        "train 1, valid 1, test 1",
        "1 of 3 labels left out: of fewer",
        "1 left out: a chain without a term of MF, such as 3ABC-C",
    ]
    assert (place / "table.tsv").read_text().splitlines() == [
        "id\tsequence\tsplit\tlabel",
        "1ABC-A\tMKVLA\ttrain\tGO:0000001;GO:0000003",
        "2ABC-B\tMKVLA\tvalid\tGO:0000001;",
        "4ABC-D\tMKVLA\ttest\tGO:0000001;",
    ]


def test_what_is_in_no_list_or_has_no_sequence_is_counted(place, capsys):
    (place / "s.fasta").write_text(">1ABC-A\nMK\n>2ABC-B\nMK\n>4ABC-D\nMK\n>6ABC-A\nMK\n")
    more = "5ABC-A\tGO:0000001\t\t\n6ABC-A\tGO:0000001\t\t\n"
    (place / "go.tsv").write_text(GO + more)
    (place / "test.txt").write_text("PDB-chain,<30%\n4ABC-D,1\n9XYZ-A,0\n")
    words = ["annotations", "go.tsv", "--format", "deepfri", "--aspect", "MF"]
    assert main([*words, "--sequences", "s.fasta", "--split", LISTS, "-o", "t.tsv"]) == 0
    said = capsys.readouterr().err
    assert "1 left out: the protein is not at hand, such as 5ABC-A" in said
    assert "1 left out: the split does not name the protein, such as 6ABC-A" in said
    assert "1 left out: the split names a protein without a label, such as 9XYZ-A" in said


# ---- GAF ------------------------------------------------------------------------------------

OBO = """format-version: 1.2

[Term]
id: GO:0000001
name: root of function
namespace: molecular_function

[Term]
id: GO:0000002
name: binding
namespace: molecular_function
alt_id: GO:0000022
alt_id: GO:0000033
is_a: GO:0000001 ! root

[Term]
id: GO:0000003
name: binding tightly
namespace: molecular_function
alt_id: GO:0000033
is_a: GO:0000002 ! binding
relationship: part_of GO:0000005 ! elsewhere

[Term]
id: GO:0000004
name: a part
namespace: molecular_function
relationship: part_of GO:0000002 ! binding

[Term]
id: GO:0000005
name: root of process
namespace: biological_process

[Term]
id: GO:0000009
name: gone
namespace: molecular_function
is_obsolete: true
"""


def association(name, term, *, code="IDA", qualifier="enables", width=17):
    cells = ["UniProtKB", name, "SYM", qualifier, term, "PMID:1", code, "", "F", "", "", "protein",
             "taxon:9606", "20200101", "UniProt", "", ""]  # fmt: skip
    return "\t".join(cells[:width])


ROWS = [
    association("P1", "GO:0000003"),
    association("P2", "GO:0000004", width=15),
    association("P3", "GO:0000022", code="HTP"),
    association("P4", "GO:0000003", qualifier="NOT|enables"),
    association("P5", "GO:0000003", code="IEA"),
    association("P6", "GO:0000009"),
    association("P6", "GO:0000033"),
    association("P6", "GO:0000005"),
    association("P6", "GO:0000001"),
    association("P6", "GO:9999999", width=16),
]


@pytest.fixture
def associations(place):
    (place / "my.gaf").write_text("!gaf-version: 2.2\n! a comment\n" + "\n".join(ROWS) + "\n")
    (place / "go.obo").write_text(OBO)
    (place / "u.fasta").write_text("".join(f">sp|P{i}|X{i}_HUMAN x\nMKVLA\n" for i in range(1, 7)))
    return place


def test_terms_rise_by_is_a_and_part_of_within_the_aspect_and_the_root_stays_out(associations):
    labels = annotated("my.gaf", "gaf", aspect="MF", ontology="go.obo")
    assert labels.of == {
        "P1": {"GO:0000002", "GO:0000003"},
        "P2": {"GO:0000002", "GO:0000004"},
        "P3": {"GO:0000002"},
    }
    assert set(labels.left.lines()) == {
        "1 left out: the qualifier is NOT, such as P4 GO:0000003",
        "1 left out: the evidence is IEA, such as P5 GO:0000003",
        "1 left out: the term is obsolete, such as P6 GO:0000009",
        "1 left out: the term is a former name of several, such as P6 GO:0000033",
        "1 left out: the term is of another aspect, such as P6 GO:0000005",
        "1 left out: the term is the root, such as P6 GO:0000001",
        "1 left out: the term is not in the ontology, such as P6 GO:9999999",
    }


def test_terms_of_deepfri_rise_where_an_ontology_is_given(associations):
    labels = annotated("go.tsv", "deepfri", aspect="MF", ontology="go.obo")
    assert labels.of == {
        "1ABC-A": {"GO:0000002", "GO:0000003"},
        "4ABC-D": {"GO:0000002"},
    }
    assert "3 left out: the term is the root, such as 1ABC-A GO:0000001" in labels.left.lines()


def test_no_annotation_is_lost_uncounted(associations):
    found = gaf("my.gaf")
    assert len(found.pairs) + sum(n for n, _ in found.left.found.values()) == len(ROWS)


def test_other_evidence_counts_where_it_is_asked_for(associations):
    assert "P5" in annotated("my.gaf", "gaf", aspect="MF", ontology="go.obo", evidence="all").of
    only = annotated("my.gaf", "gaf", aspect="MF", ontology="go.obo", evidence="IEA,HTP").of
    assert set(only) == {"P3", "P5"}
    assert "IEA" not in EXPERIMENTAL


BROKEN_GAF = {
    "version": ("!gaf-version: 1.0\n", "GAF 2.1 and 2.2 are read, got version 1.0"),
    "gpad": ("!gpa-version: 2.0\nUniProtKB\tP1\n", "line 2: GAF has 15 to 17 columns, got 2"),
    "18": (ROWS[0] + "\tmore\n", "line 1: GAF has 15 to 17 columns, got 18"),
    "no id": (association("", "GO:0000003"), "an object's id in column 2, got none"),
    "no term": (association("P1", "0000003"), "a GO term is in column 5, got '0000003'"),
    "nothing": ("!gaf-version: 2.1\n", r"no annotation is left \(there is no row\)"),
    "not": (ROWS[3], r"no annotation is left \(1 left out: the qualifier is NOT"),
}


@pytest.mark.parametrize("case", BROKEN_GAF)
def test_a_broken_gaf_is_one_clear_error(place, case):
    text, message = BROKEN_GAF[case]
    (place / "x.gaf").write_text(text)
    with pytest.raises(ValueError, match=message):
        gaf("x.gaf")


def test_a_term_is_counted_in_training_alone(associations, capsys):
    (associations / "split.csv").write_text(
        "id,sequence,split,family\nsp|P1|X1_HUMAN,MK,train,f1\nsp|P2|X2_HUMAN,MK,test,f2\n"
        "sp|P3|X3_HUMAN,MK,valid,f3\n"
    )
    words = ["annotations", "my.gaf", "--format", "gaf", "--aspect", "MF", "--obo", "go.obo"]
    words += ["--sequences", "u.fasta", "--split", "split.csv", "-o", "t.tsv"]
    assert main([*words, "--least", "1"]) == 0
    assert (associations / "t.tsv").read_text().splitlines() == [
        "id\tsequence\tsplit\tfamily\tlabel",
        "P1\tMKVLA\ttrain\tf1\tGO:0000002;GO:0000003",
        "P2\tMKVLA\ttest\tf2\tGO:0000002;",
        "P3\tMKVLA\tvalid\tf3\tGO:0000002;",
    ]
    assert "1 of 3 labels left out: of fewer" in capsys.readouterr().err
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "my.gaf: no label has 50 proteins in training, the most is 1." in said


def test_without_a_split_the_table_waits_for_one(associations):
    words = ["annotations", "my.gaf", "--format", "gaf", "--aspect", "MF", "--obo", "go.obo"]
    assert main([*words, "--sequences", "u.fasta", "--least", "3", "-o", "t.tsv"]) == 0
    assert (associations / "t.tsv").read_text().splitlines()[:2] == [
        "id\tsequence\tlabel", "P1\tMKVLA\tGO:0000002;",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="`protgraph split` writes one"):
        load("t.tsv")


WRONG_WORDS = {
    "gaf without obo": (["my.gaf", "--format", "gaf", "--aspect", "MF"], "needs the ontology"),
    "gaf of EC": (["my.gaf", "--format", "gaf", "--aspect", "EC", "--obo", "go.obo"], "got 'EC'"),
    "evidence of deepfri": (
        ["go.tsv", "--format", "deepfri", "--aspect", "MF", "--evidence", "IDA"], "no evidence"
    ),
    "obo of EC": (
        ["ec.tsv", "--format", "deepfri", "--aspect", "EC", "--obo", "go.obo"], "have no .obo file"
    ),
    "codes": (
        ["my.gaf", "--format", "gaf", "--aspect", "MF", "--obo", "go.obo", "--evidence", "IDA,XX"],
        "codes are EXP, IDA, .* got 'XX'",
    ),
    "no proteins": (["go.tsv", "--format", "deepfri", "--aspect", "MF"], "Proteins are needed"),
    "option of a folder": ([".", "--format", "folder", "--sequences", "s.fasta"], "no part in it"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_an_option_that_does_not_fit_is_one_line(associations, capsys, case):
    words, message = WRONG_WORDS[case]
    assert main(["annotations", *words, "-o", "t.tsv"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert not (associations / "t.tsv").exists()


# ---- splits and structures ------------------------------------------------------------------


def test_a_split_is_three_files_without_a_name_twice(place):
    found = sides(LISTS)
    assert found.side == {"1ABC-A": "train", "2ABC-B": "valid", "4ABC-D": "test"}
    with pytest.raises(ValueError, match="a file for each of train, valid, test, got 'train=x'"):
        sides("train=x")
    (place / "test.txt").write_text("1ABC-A\n")
    with pytest.raises(ValueError, match=r"test.txt: 1ABC-A is in train already"):
        sides(LISTS)
    (place / "half.csv").write_text("id,split\na,train\nb,trian\n")
    with pytest.raises(ValueError, match=r"half.csv:3: split 'trian'"):
        sides("half.csv")


def test_a_side_without_a_protein_is_an_error(place, capsys):
    (place / "valid.txt").write_text("9XYZ-A\n")
    words = ["annotations", "go.tsv", "--format", "deepfri", "--aspect", "MF"]
    assert main([*words, "--sequences", "s.fasta", "--split", LISTS, "-o", "t.tsv"]) == 2
    assert "no labelled protein of valid is left" in capsys.readouterr().err


def test_structures_are_found_by_entry_and_chain(tmp_path):
    for name in ("1abc_A.pdb", "2abc.cif.gz", "AF-P69905-F1-model_v4.cif", "mine.pdb", "notes.md"):
        (tmp_path / name).write_text("x")
    found = held(None, tmp_path)
    assert found.columns == ["structure", "chain"]
    assert found.cells("1ABC-A", tmp_path) == ["1abc_A.pdb", ""]
    assert found.cells("1ABC-a", tmp_path) == []
    assert found.cells("2ABC-B", tmp_path.parent) == [f"{tmp_path.name}/2abc.cif.gz", "B"]
    assert found.cells("P69905", tmp_path) == ["AF-P69905-F1-model_v4.cif", ""]
    assert found.cells("mine", tmp_path) == ["mine.pdb", ""]
    assert found.cells("mine_2", tmp_path) == []
    (tmp_path / "1ABC-A.cif").write_text("x")
    with pytest.raises(ValueError, match=r"one file a protein, got 1ABC-A.cif and 1abc_A.pdb"):
        held(None, tmp_path)


def test_a_sequence_and_a_structure_stand_in_one_row(place):
    whole = synthetic.protein(0, length=60)
    (place / "pdb").mkdir()
    for name in NAMES:
        (place / "pdb" / f"{name}.pdb").write_text(pdb(whole))
    (place / "s.fasta").write_text("".join(f">{n}\nGG{whole.sequence}\n" for n in NAMES))
    (place / "go.tsv").write_text(GO.replace("4ABC-D\tGO:0000001", "4ABC-D\tGO:0000003"))
    words = ["annotations", "go.tsv", "--format", "deepfri", "--aspect", "MF", "--split", LISTS]
    (place / "out").mkdir()
    words += ["--sequences", "s.fasta", "--structures", "pdb", "-o", "out/t.tsv"]
    (place / "train.txt").write_text("1ABC-A\n3ABC-C\n")
    assert main(words) == 0
    first = (place / "out" / "t.tsv").read_text().splitlines()[1].split("\t")
    assert first[:4] == ["1ABC-A", "GG" + whole.sequence, "../pdb/1ABC-A.pdb", ""]


# ---- the task -------------------------------------------------------------------------------


def many(place):
    """Chains whose share of lysine says which of two terms they have, as files of DeepFRI."""
    rng = np.random.default_rng(0)
    rows, fasta = [], []
    lists = {"train": [], "valid": [], "test": []}
    for i in range(40):
        name, rich = f"1{i:03}-A", i % 2
        rows.append(f"{name}\t{'GO:0000001' if rich else 'GO:0000002'}\t\t")
        fasta.append(f">{name}\n{'K' * (12 * rich)}{''.join(rng.choice(list('ADGST'), 30))}\n")
        lists[("train", "train", "train", "valid", "test")[i // 2 % 5]].append(name)
    (place / "go.tsv").write_text(GO.partition("1ABC")[0] + "\n".join(rows))
    (place / "s.fasta").write_text("".join(fasta))
    for side, names in lists.items():
        (place / f"{side}.txt").write_text("\n".join(names))
    words = ["annotations", "go.tsv", "--format", "deepfri", "--aspect", "MF"]
    assert main([*words, "--sequences", "s.fasta", "--split", LISTS, "-o", "table.tsv"]) == 0


def test_terms_that_stand_alone_are_still_a_list_with_fmax(place):
    many(place)
    table = load("table.tsv", strict=True)
    assert (table.level, table.kind) == ("protein", "multilabel")
    assert table.outputs == ("GO:0000001", "GO:0000002")
    task, data = question(Recipe({"task": "mine", "data.table": "table.tsv"}))
    assert (task.monitor, set(task.metrics)) == ("fmax", {"fmax", "aupr"})
    assert [len(data.side(side)) for side in ("train", "valid", "test")] == [24, 8, 8]


def summary(**keys):
    """What a run on a table finds, without remembering it."""
    recipe = Recipe({key.replace("_", "."): value for key, value in keys.items()})
    return execute(recipe, *question(recipe), name="mine", folder=Path("runs")).summary


def test_a_model_learns_published_terms(place):
    many(place)
    found = summary(task="mine", data_table="table.tsv", model_encoder="kmer-linear")
    assert found["monitor"] == "fmax"
    assert found["test"]["fmax"] > 0.9
    assert found["test"]["aupr"] > 0.9


def test_only_function_terms_have_fmax():
    def metrics(*outputs, level="protein"):
        return set(own("mine", level, "multilabel", outputs).metrics)

    assert metrics("GO:0000001", "GO:0000002") == {"fmax", "aupr"}
    assert metrics("3.4.21.-", "1.1.1.1") == {"fmax", "aupr"}
    assert metrics("GO:0000001", "1.1.1.1") == {"auprc", "auroc"}
    assert metrics("GO:0000001", "ZN") == {"auprc", "auroc"}
    assert metrics("GO:0000001") == {"auprc", "auroc"}
    assert metrics("GO:0000001", "GO:0000002", level="pair") == {"auprc", "auroc"}


def test_a_protein_of_which_nothing_is_known_changes_no_number_of_function():
    measure = own("mine", "protein", "multilabel", ("GO:0000001", "GO:0000002")).measure
    y = np.array([[1.0, 0], [0, 1], [1, 1]])
    s = np.array([[0.8, 0.1], [0.3, 0.2], [0.6, 0.7]])
    more = measure(np.vstack([y, [[np.nan, np.nan]]]), np.vstack([s, [[0.9, 0.95]]]))
    assert more == pytest.approx(measure(y, s))
    with pytest.raises(ValueError, match="labels are 0 or 1, got nan"):
        measure(np.vstack([y, [[1, np.nan]]]), np.vstack([s, [[0.9, 0.95]]]))


def test_the_metric_of_secondary_structure_has_its_name_in_the_field():
    assert TASKS["secondary-structure"].monitor == "q3"
    assert set(TASKS["secondary-structure"].metrics) == {"q3", "macro_f1"}


# ---- a folder of classes --------------------------------------------------------------------


@pytest.fixture
def folds(place):
    """Twelve helical bundles and twelve packed sheets, each in the folder of its class."""
    for kind in ("helices", "strands"):
        (place / "folds" / kind).mkdir(parents=True)
        for i in range(12):
            made = synthetic.protein(i, kind=kind, length=60)
            (place / "folds" / kind / f"{kind[0]}{i}.pdb").write_text(pdb(made))
    return place


WORDS = ["annotations", "folds", "--format", "folder", "-o", "table.tsv"]


def test_a_folder_of_classes_becomes_a_table_that_split_divides(folds, capsys):
    assert main(WORDS) == 0
    lines = (folds / "table.tsv").read_text().splitlines()
    assert lines[:2] == ["id\tstructure\tchain\tlabel", "h0\tfolds/helices/h0.pdb\t\thelices"]
    assert len(lines) == 25
    assert main(["split", "table.tsv", "--method", "builtin", "-o", "ready.tsv"]) == 0
    table = load("ready.tsv", strict=True)
    assert (table.kind, table.outputs) == ("classes", ("helices", "strands"))


def test_a_graph_model_learns_folds_from_a_folder(folds):
    assert main(WORDS) == 0
    assert main(["split", "table.tsv", "--by", "random", "--shares", ".6", ".2", ".2",
                 "-o", "ready.tsv"]) == 0  # fmt: skip
    found = summary(
        task="my-folds", data_table="ready.tsv", model_encoder="egnn", model_width=16,
        model_layers=2, train_epochs=12, train_rate=0.01,
    )  # fmt: skip
    assert found["monitor"] == "macro_f1"
    assert found["test"]["accuracy"] > 0.8


def test_a_structure_that_is_not_one_chain_is_left_out_and_said(folds, capsys):
    inside = folds / "folds" / "helices"
    both = [pdb(synthetic.protein(i, length=60)) for i in (0, 1)]
    two = both[0].replace("END\n", "") + re.sub(r"(?m)^(ATOM.{17}) ", r"\1B", both[1])
    (inside / "two.pdb").write_text(two)
    (inside / "broken.pdb").write_text("<html>")
    (inside / "readme.txt").write_text("no structure")
    assert main(WORDS) == 0
    said = capsys.readouterr().err
    assert (
        "left out: one chain is needed, and the structure has several, such as helices/two" in said
    )
    assert "1 left out: the structure cannot be read (broken.pdb" in said
    assert len((folds / "table.tsv").read_text().splitlines()) == 25


def test_a_folder_that_names_no_classes_is_one_clear_error(folds, capsys):
    def said():
        assert main(WORDS) == 2
        return capsys.readouterr().err

    (folds / "folds" / "empty").mkdir()
    assert "empty: no structure file (.pdb" in said()
    (folds / "folds" / "empty").rename(folds / "folds" / "1")
    assert "1: a class is called by a word, for a number is read as a quantity." in said()
    (folds / "folds" / "1").rename(folds / "folds" / "again")
    (folds / "folds" / "again" / "h0.ent").write_text("x")
    assert "a name comes once, and" in said()
    assert main(["annotations", "folds/helices", *WORDS[2:]]) == 2
    assert "two folders at least, one a class, got 0" in capsys.readouterr().err
    assert main(["annotations", "nowhere", *WORDS[2:]]) == 2
    assert "nowhere: there is no such folder" in capsys.readouterr().err
