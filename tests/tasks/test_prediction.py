"""A prediction keeps its word: shapes, numbering, strict formats, whole files."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.structure.protein import CA, Protein
from protgraph.tasks.prediction import FORMATS, Prediction


def protein(name: str = "demo", chain: str = "A") -> Protein:
    """Four residues H C K G with the third one, 28, unobserved."""
    backbone = np.arange(48, dtype=float).reshape(4, 4, 3)
    backbone[2] = np.nan
    numbering = ("27", "27A", "28", "29")
    return Protein(name, "HCKG", backbone, chain=chain, numbering=numbering)


def zinc(**changes: object) -> Prediction:
    values: dict[str, object] = {
        "task": "zinc-site",
        "level": "residue",
        "outputs": ("zinc", "iron"),
        "scores": [[0.75, 0.1], [0.5, 0.123456789], [np.nan, np.nan], [0.25, 0.2]],
        "protein": protein(),
        "model": "zinc-site@champion",
        "encoder": "shells",
        "thresholds": (0.5, 0.9),
        "given": "the chain binds zinc",
    }
    return Prediction(**{**values, **changes})  # type: ignore[arg-type]


def enzyme(**changes: object) -> Prediction:
    values = {"task": "enzyme", "level": "protein", "outputs": ("a", "b"), "scores": [0.9, 0.1]}
    return zinc(**{**values, "thresholds": (), "given": "", **changes})


def test_the_table_of_residues_is_this_one() -> None:
    assert zinc().tsv() == (
        "# task: zinc-site\n"
        "# model: zinc-site@champion\n"
        "# encoder: shells\n"
        "# holds given that: the chain binds zinc\n"
        "# thresholds: zinc 0.5, iron 0.9\n"
        "protein\tchain\tposition\tindex\tletter\tobserved"
        "\tzinc_score\tiron_score\tzinc_call\tiron_call\n"
        "demo\tA\t27\t0\tH\t1\t0.75\t0.1\t1\t0\n"
        "demo\tA\t27A\t1\tC\t1\t0.5\t0.123457\t1\t0\n"
        "demo\tA\t28\t2\tK\t0\t\t\t\t\n"
        "demo\tA\t29\t3\tG\t1\t0.25\t0.2\t0\t0\n"
    )


def test_the_table_of_a_whole_protein_has_a_row_an_output() -> None:
    rows = enzyme(thresholds=(0.5, 0.5)).tsv().splitlines()
    assert rows[-3:] == [
        "protein\tchain\toutput\tscore\tcall",
        "demo\tA\ta\t0.9\t1",
        "demo\tA\tb\t0.1\t0",
    ]


def test_without_thresholds_nothing_is_called() -> None:
    made = zinc(thresholds=())
    assert made.calls is None
    assert "call" not in made.tsv()
    assert "calls" not in json.loads(made.json())


def test_without_a_condition_none_is_written() -> None:
    assert "holds given" not in zinc(given="").tsv()


@given(st.text("a\t\r\n", max_size=6))
def test_no_name_breaks_a_row_of_the_table(name: str) -> None:
    rows = enzyme(protein=protein(name=name + "x"), model=name).tsv().split("\n")
    assert [row.count("\t") for row in rows if not row.startswith("# ")] == [3, 3, 3, 0]


def test_json_is_strict_and_says_null_where_there_is_no_score() -> None:
    def refuse(token: str) -> None:
        raise AssertionError(token)

    said = json.loads(zinc().json(), parse_constant=refuse)
    assert said["scores"] == {"zinc": [0.75, 0.5, None, 0.25], "iron": [0.1, 0.123457, None, 0.2]}
    assert said["calls"]["zinc"] == [True, True, None, False]
    assert said["thresholds"] == {"zinc": 0.5, "iron": 0.9}
    assert said["numbering"] == ["27", "27A", "28", "29"]
    assert said["observed"] == [True, True, False, True]
    assert (said["protein"], said["sequence"], said["level"]) == ("demo", "HCKG", "residue")


def test_json_of_a_whole_protein_has_one_number_an_output() -> None:
    said = json.loads(enzyme(thresholds=(0.5, 0.5)).json())
    assert said["scores"] == {"a": 0.9, "b": 0.1}
    assert said["calls"] == {"a": True, "b": False}


def b_factors(text: str) -> dict[str, float]:
    atoms = [line for line in text.splitlines() if line.startswith("ATOM")]
    return {line[22:27].strip(): float(line[60:66]) for line in atoms}


def test_the_pdb_file_says_what_its_b_factor_is_and_what_was_asked() -> None:
    backbone = np.zeros((2, 4, 3))
    protein = Protein("demo", "MK", backbone)
    made = Prediction(
        "demo", "residue", ("a", "zinc"), np.zeros((2, 2)), protein, "m@1", "none",
        given="the chain binds zinc, " + "long " * 20, thresholds=(0.5, 0.25),
    )  # fmt: skip
    head = made.pdb("zinc").split("ATOM")[0].splitlines()
    assert all(line.startswith("REMARK 999 ") and len(line) <= 80 for line in head)
    told = " ".join(line.removeprefix("REMARK 999 ").strip() for line in head)
    for part in (
        "model: m@1", "holds given that: the chain binds zinc", "thresholds: a 0.5, zinc 0.25",
        "B-factor: 100 times the score of zinc",
    ):  # fmt: skip
        assert part in told


def test_the_pdb_file_carries_a_hundred_times_the_score() -> None:
    assert b_factors(zinc().pdb()) == {"27": 75.0, "27A": 50.0, "29": 25.0}
    assert b_factors(zinc().pdb("iron")) == {"27": 10.0, "27A": 12.35, "29": 20.0}


@pytest.mark.parametrize(
    ("made", "output", "message"),
    [
        (enzyme(), None, "demo: pdb needs scores by residue, got the protein level"),
        (zinc(), "lead", r"demo: pdb knows the outputs \['zinc', 'iron'\], got 'lead'"),
        (zinc(scores=np.full((4, 2), 1.5)), None, "from 0 to 1, got 1.5 to 1.5"),
        (
            zinc(protein=Protein("demo", "HCKG", np.full((4, 4, 3), np.nan))),
            None,
            "demo: pdb needs a structure",
        ),
    ],
)
def test_what_a_pdb_file_cannot_hold_is_refused(
    made: Prediction, output: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made.pdb(output)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros((3, 2))}, r"shape \[3, 2\].* 4 residues and 2 outputs needs \[4, 2\]"),
        ({"level": "protein"}, r"shape \[4, 2\], but the protein level .* needs \[2\]"),
        ({"level": "pair"}, "a pair alone has a partner, got no partner at the pair level"),
        ({"task": ""}, "named task"),
        ({"outputs": ()}, r"outputs are one or more different names, got \[\]"),
        ({"outputs": ("zinc", "zinc")}, "different names"),
        ({"thresholds": (0.5,)}, "got 1 for 2 outputs"),
        ({"thresholds": (0.5, np.nan)}, "thresholds are finite"),
        ({"scores": np.full((4, 2), np.inf)}, "scores are finite or NaN"),
        ({"scores": [[0, 0], [0, np.nan], [0, 0], [0, 0]]}, "got NaN for residue 27A"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^demo: .*{message}"):
        zinc(**changes)


def test_a_whole_protein_always_has_a_score() -> None:
    with pytest.raises(ValueError, match="got NaN for b"):
        enzyme(scores=[0.5, np.nan])


def test_an_unobserved_residue_may_have_a_score() -> None:
    assert zinc(scores=np.full((4, 2), 0.95)).tsv().count("\t1\t1\n") == 4


def test_nothing_can_be_changed_afterwards() -> None:
    scores = np.zeros((4, 2), dtype=np.float32)
    made = zinc(scores=scores)
    scores[:] = 1
    assert not made.scores.any()
    with pytest.raises(ValueError, match="read-only"):
        made.scores[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        made.task = "other"  # type: ignore[misc]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written_as_it_reads(tmp_path: Path, format: str) -> None:
    made = zinc()
    path = made.write(tmp_path / "new", format)
    assert path == tmp_path / "new" / f"demo_A.zinc-site.{format}"
    assert path.read_bytes().decode() == getattr(made, format)()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "chain", "file"),
    [
        ("1au1_A", "A", "1au1_A.zinc-site.tsv"),
        ("1aba", "a", "1aba_a.zinc-site.tsv"),
        ("1abc", "", "1abc.zinc-site.tsv"),
        ("sp|P1/../x y", "", "sp_P1_.._x_y.zinc-site.tsv"),
        ("..", "", "_..zinc-site.tsv"),
    ],
)
def test_a_file_is_named_after_protein_chain_and_task(
    tmp_path: Path, name: str, chain: str, file: str
) -> None:
    assert zinc(protein=protein(name, chain)).write(tmp_path, "tsv").name == file


@given(st.text(min_size=1, max_size=40))
def test_no_name_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("out", numbered=True)
    path = zinc(protein=protein(name, "")).write(folder, "tsv")
    assert path.parent == folder
    assert list(folder.iterdir()) == [path]


def test_a_file_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    zinc(given="").write(tmp_path, "tsv")
    path = zinc().write(tmp_path, "tsv")
    assert path.read_text() == zinc().tsv()


def test_a_write_that_fails_leaves_nothing_and_keeps_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zinc(given="").write(tmp_path, "tsv")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ValueError, match="cannot be written: No space left on device"):
        zinc().write(tmp_path, "tsv")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == zinc(given="").tsv()


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match=r"demo: .*taken.*cannot be written"):
        zinc().write(tmp_path / "taken", "tsv")


def test_an_unknown_format_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as .*'html'.*, got 'xml'"):
        zinc().write(tmp_path / "new", "xml")
    assert not (tmp_path / "new").exists()


def test_ca_atoms_alone_are_enough_for_a_pdb_file() -> None:
    backbone = np.full((4, 4, 3), np.nan)
    backbone[:, CA] = np.arange(12).reshape(4, 3)
    made = zinc(protein=Protein("demo", "HCKG", backbone), scores=np.full((4, 2), 0.5))
    assert b_factors(made.pdb()) == {"1": 50.0, "2": 50.0, "3": 50.0, "4": 50.0}
