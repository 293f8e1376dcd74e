"""The house keeps its floors, its doors and its few public names."""

import subprocess
import sys
from pathlib import Path

import pytest

import protgraph

GIANTS = (
    "torch", "torch_geometric", "transformers", "esm", "mlflow", "gemmi", "Bio", "biotite",
    "networkx", "sklearn", "deepspeed", "captum", "fastapi", "sqlalchemy", "scipy", "pandas",
)  # fmt: skip


def woken(code: str) -> set[str]:
    """Which giants a fresh interpreter has imported after some code."""
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(said.stdout.split()) & set(GIANTS)


def test_rooms_know_only_lower_floors_and_giants_enter_by_one_door():
    tool = Path(sys.executable).parent / "lint-imports"
    said = subprocess.run(
        [tool], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout


def test_import_protgraph_wakes_no_giant():
    assert woken("import protgraph") == set()


def test_the_command_line_answers_for_help_without_a_giant():
    assert woken("from protgraph.cli import parser; parser()") == set()


def test_reading_a_protein_wakes_no_network():
    assert woken("import protgraph; protgraph.read") <= {"gemmi", "Bio"}


def test_public_names_are_these():
    assert protgraph.__all__ == [
        "Complex",
        "Prediction",
        "Predictor",
        "Protein",
        "build",
        "encoder",
        "fold",
        "load",
        "read",
        "to_networkx",
    ]


@pytest.mark.parametrize("name", protgraph.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert getattr(protgraph, name).__doc__


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fold_everything'"):
        protgraph.fold_everything  # noqa: B018
