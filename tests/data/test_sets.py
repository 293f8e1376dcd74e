"""Named sets: labels land on the right residues, splits are the published ones."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from protgraph.data.sets import SETS
from protgraph.data.sites import LIGANDS, enzyme_class, located, planted, sites
from protgraph.data.source import root, table, unpacked
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS

# Labels by hand


def protein():
    """Residues 10, 11, 11A, 13, 14; the second and the fourth were not observed."""
    backbone = np.zeros((5, 4, 3))
    backbone[[1, 3]] = np.nan
    return Protein("demo", "MKVLI", backbone, numbering=("10", "11", "11A", "13", "14"))


def test_a_label_counts_observed_residues_and_names_the_author_number():
    assert located(protein(), "0,1,2", "10,11A,14").tolist() == [0, 2, 4]
    assert located(protein(), "2", "14").tolist() == [4]


@pytest.mark.parametrize("place", ["3", "-1"])
def test_a_label_on_a_residue_that_does_not_exist_is_refused(place):
    with pytest.raises(ValueError, match=rf"demo: .* residue {place} \(from 0\), but 3 were obs"):
        located(protein(), f"0,{place}", "10,14")


def test_a_label_with_another_number_is_refused():
    with pytest.raises(ValueError, match=r"demo: a label says residue 11, .* has 11A there"):
        located(protein(), "0,1", "10,11")


def test_a_label_with_too_few_numbers_is_refused():
    with pytest.raises(ValueError, match=r"demo: .* but 2 residues have 1"):
        located(protein(), "0,1", "10")


# Sets as such


def test_every_task_has_a_set():
    assert set(SETS) == set(TASKS)


def test_planted_sites_need_no_data_and_are_split_60_20_20():
    made = planted(count=10)
    assert [len(made.side(split)) for split in ("train", "valid", "test")] == [6, 2, 2]
    assert all(e.y.shape == (len(e.protein), 1) and e.y.sum() == 3 for e in made.examples)
    assert made.digest == planted(count=10).digest != planted(count=10, seed=1).digest


def test_an_unknown_ligand_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"Unknown ligand 'UNOBTAINIUM'\. There are: ZN, CA"):
        sites(("UNOBTAINIUM",))


@pytest.mark.parametrize("place", ["", "/nowhere/at/all"])
def test_missing_data_is_an_error_that_says_what_to_set(monkeypatch, place):
    monkeypatch.setenv("PROTGRAPH_DATA", place)
    with pytest.raises(FileNotFoundError, match=f"set PROTGRAPH_DATA .* got '{place}'"):
        root()


# A small set on disk


CHAIN = "".join(
    f"ATOM  {k:5d}  CA  {name} A{number:4d}    {3.8 * number:8.3f}   0.000   0.000"
    "  1.00  0.00           C\n"
    for k, (name, number) in enumerate([("MET", 5), ("CYS", 6), ("HIS", 9), ("LYS", 10)], 1)
)
ROWS = (
    "1abc_A\tZN\ttrain\tf1\t1,2\t6,9",
    "1abc_A\tCA\ttrain\tf1\t3\t10",
    "2abc_A\tCA\ttrain\tf1\t0\t5",
    "3abc_A\tZN\tvalid\tf2\t1\t6",
    "4abc_A\tZN\ttest\tf3\t1\t6",
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Four chains with a gap of two residues, and labels for some of their ligands."""
    data = tmp_path / "data"
    (data / "structures").mkdir(parents=True)
    (data / "binding_sites").mkdir()
    with tarfile.open(data / "structures" / "chains.tar.xz", "w:xz") as archive:
        for k in range(1, 5):
            member = tarfile.TarInfo(f"chains/{k}abc_A.pdb")
            member.size = len(CHAIN)
            archive.addfile(member, io.BytesIO(CHAIN.encode()))
    head = "chain\tligand\tsplit\tfamily\tpos_idx0\tpos_pdbnum"
    (data / "binding_sites" / "labels.tsv").write_text("\n".join((head, *ROWS)) + "\n")
    monkeypatch.setenv("PROTGRAPH_DATA", str(data))
    monkeypatch.setenv("PROTGRAPH_CACHE", str(tmp_path / "cache"))
    return data


@pytest.mark.parametrize("gaps", [True, False])
def test_unknown_is_not_negative(small, gaps):
    nan, found = np.nan, sites(("ZN", "CA"), gaps=gaps)
    one, two, *_ = found.examples
    zinc, calcium = [0, 1, nan, nan, 1, 0], [0, 0, nan, nan, 0, 1]
    if not gaps:
        zinc, calcium = [0, 1, 1, 0], [0, 0, 0, 1]
    assert np.array_equal(one.y, np.array([zinc, calcium]).T, equal_nan=True)
    assert np.isnan(two.y[:, 0]).all()
    assert np.nansum(two.y[:, 1]) == 1
    assert [len(found.side(split)) for split in ("train", "valid", "test")] == [2, 1, 1]
    assert [e.protein.name for e in sites(("ZN",)).side("train")] == ["1abc_A"]


# Unpacking


def test_an_archive_is_unpacked_once(small, monkeypatch):
    folder = unpacked(small / "structures" / "chains.tar.xz")
    monkeypatch.setattr(tarfile, "open", None)
    assert unpacked(small / "structures" / "chains.tar.xz") == folder
    assert len(list((folder / "chains").iterdir())) == 4
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6])
def test_a_damaged_archive_is_named_and_leaves_nothing(small, tmp_path, kept):
    path = small / "structures" / "chains.tar.xz"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ValueError, match=f"{path}: not a whole archive"):
        unpacked(path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_archive_that_reaches_outside_is_refused(small, tmp_path):
    path = small / "structures" / "chains.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    with pytest.raises(ValueError, match=f"{path}: "):
        unpacked(path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_leaves_nothing(small, tmp_path, monkeypatch):
    real = tarfile.TarFile.extractall

    def full(self, path, **named):
        real(self, path, **named)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(OSError, match="No space left"):
        unpacked(small / "structures" / "chains.tar.xz")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_process_that_comes_second_takes_what_the_first_unpacked(small, monkeypatch):
    archive = small / "structures" / "chains.tar.xz"
    rename, firsts = Path.rename, []

    def late(self, target):
        monkeypatch.setattr(Path, "rename", rename)
        firsts.append(unpacked(archive))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    assert unpacked(archive) == firsts[0]
    assert list(firsts[0].parent.iterdir()) == firsts


def test_processes_may_unpack_at_once(small, tmp_path):
    code = (
        "import sys; from pathlib import Path; from protgraph.data.source import unpacked;"
        "print(len(list((unpacked(Path(sys.argv[1])) / 'chains').iterdir())))"
    )
    archive = str(small / "structures" / "chains.tar.xz")
    begun = [
        subprocess.Popen([sys.executable, "-c", code, archive], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in begun] == [b"4"] * 3
    assert len(list((tmp_path / "cache").iterdir())) == 1


# Real sets


@pytest.fixture(scope="module")
def real(data, chains):
    """The site set of all ligands and the enzyme set, on chains that are unpacked already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROTGRAPH_DATA", str(data))
        patch.setenv("PROTGRAPH_CACHE", str(chains.parent.parent))
        yield {"sites": sites(LIGANDS), "enzymes": enzyme_class()}


@pytest.mark.parametrize(
    ("ligand", "counts"),
    [("ZN", (200, 35, 31)), ("CA", (136, 27, 25)), ("MG", (132, 42, 25)), ("PEP", (167, 42, 25))],
)
def test_site_sets_have_the_published_split(real, ligand, counts):
    column = LIGANDS.index(ligand)
    found = Counter(e.split for e in real["sites"].examples if np.isfinite(e.y[:, column]).any())
    assert tuple(found[split] for split in ("train", "valid", "test")) == counts


def test_enzyme_classes_have_the_published_split(real):
    sides = [real["enzymes"].side(split) for split in ("train", "valid", "test")]
    assert [len(side) for side in sides] == [484, 94, 90]
    assert {float(e.y[0]) for e in real["enzymes"].examples} == {0.0, 1.0, 2.0, 3.0}


@pytest.mark.parametrize("name", ["sites", "enzymes"])
def test_no_family_is_on_two_sides(real, name):
    sides = {}
    for example in real[name].examples:
        sides.setdefault(example.family, set()).add(example.split)
    assert len(sides) > 100
    assert all(len(side) == 1 for side in sides.values())


def test_zinc_labels_land_on_the_letters_that_bind_zinc(real):
    letters = Counter(
        e.protein.sequence[i]
        for e in real["sites"].examples
        for i in np.flatnonzero(e.y[:, LIGANDS.index("ZN")] == 1)
    )
    assert sum(letters[a] for a in "CHDE") > 0.95 * letters.total()
    assert letters["C"] > letters["H"] > letters["D"]


def test_labels_are_known_on_observed_residues_and_nowhere_else(real):
    for example in real["sites"].examples:
        known = ~np.isnan(example.y)
        assert not known[~example.protein.observed].any()
        # A ligand is known for the whole chain or not at all, and where it is, it binds.
        assert (known[example.protein.observed] == known.any(axis=0)).all()
        assert (np.nansum(example.y, axis=0)[known.any(axis=0)] > 0).all()


def test_every_number_of_the_source_is_found(real):
    total = sum(int(np.nansum(e.y)) for e in real["sites"].examples)
    rows = [row for row in table("binding_sites/labels.tsv") if row["ligand"] in LIGANDS]
    assert total == sum(int(row["n_pos"]) for row in rows)
