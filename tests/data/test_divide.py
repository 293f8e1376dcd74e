"""A file of your own is split whole, and comes back as a table that loads."""

import numpy as np
import pytest

from protgraph.cli import main
from protgraph.data.divide import divide, items, written
from protgraph.data.table import load

AMINO = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture
def table(tmp_path):
    """Ten families of three relatives each, of which one letter in ten differs."""
    rng = np.random.default_rng(0)
    lines = ["name,sequence,stable,lab"]
    for family in range(10):
        root = rng.choice(list(AMINO), 80)
        for copy in range(3):
            own = np.where(rng.random(80) < 0.1, rng.choice(list(AMINO), 80), root)
            lines.append(f"f{family}c{copy},{''.join(own)},{rng.random():.3f},lab{family % 4}")
    path = tmp_path / "my.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def sides(made):
    return {name: side for name, side, _ in made.rows}


def test_relatives_stay_together_and_the_table_loads(table, capsys):
    out = table.parent / "split.csv"
    words = ["split", str(table), "--method", "builtin", "--shares", "0.6", "0.2", "0.2"]
    assert main([*words, "-o", str(out)]) == 0
    loaded = load(out, labels="stable")
    assert loaded.dataset is not None
    by_family: dict[str, set[str]] = {}
    for e in loaded.dataset.examples:
        by_family.setdefault(e.protein.name[:2], set()).add(e.split)
    assert len(by_family) == 10
    assert all(len(where) == 1 for where in by_family.values())
    assert "builtin" in capsys.readouterr().err


def test_a_column_gives_groups_or_sides(table):
    where = sides(divide(table, by="lab", shares=(0.5, 0.25, 0.25)))
    assert all(where[f"f{k}c0"] == where[f"f{k + 4}c1"] for k in range(4))
    text = table.read_text().replace("lab0", "test").replace("lab1", "valid")
    table.write_text(text.replace("lab2", "train").replace("lab3", "train"))
    assert sides(divide(table, by="lab"))["f0c2"] == "test"


def test_sequences_become_a_table(tmp_path):
    path = tmp_path / "some.fasta"
    path.write_text("".join(f">p{i}\nMKV{'A' * i}\n" for i in range(1, 11)))
    made = divide(path, by="random")
    lines = written(path, made).splitlines()
    assert lines[0] == "id,sequence,split,family"
    assert lines[1].startswith("p1,MKVA,")
    assert items(path)[0] == ("p1", "MKVA")


def test_what_cannot_be_split_is_said(table, tmp_path):
    with pytest.raises(ValueError, match=r"no column 'labs'; did you mean 'lab'\?"):
        divide(table, by="labs")
    fasta = tmp_path / "some.fasta"
    fasta.write_text(">a\nMKV\n")
    with pytest.raises(ValueError, match="only a table has a column 'lab'"):
        divide(fasta, by="lab")
    table.write_text(table.read_text().replace("f0c0,", ","))
    with pytest.raises(ValueError, match=r"1 of 30 rows are wrong\. my\.csv:2: name"):
        divide(table, by="random")


def test_a_second_split_of_a_table_is_refused(table):
    made = divide(table, by="random")
    table.write_text(written(table, made))
    with pytest.raises(ValueError, match="has a column 'split' already"):
        written(table, made)


def test_leakage_is_reported_for_two_files(table, tmp_path, capsys):
    lines = table.read_text().splitlines()
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("\n".join([lines[0], *lines[1::3]]))
    test.write_text("\n".join([lines[0], *lines[2::3]]))
    assert main(["leakage", str(train), str(test), "-o", str(tmp_path / "out")]) == 0
    rows = (tmp_path / "out" / "leakage.tsv").read_text().splitlines()
    assert len(rows) == 11
    assert rows[1].split("\t")[:2] == ["f0c1", "f0c0"]
    assert (tmp_path / "out" / "leakage.png").stat().st_size > 1000
    assert capsys.readouterr().out == (tmp_path / "out" / "leakage.md").read_text()
