"""What is shipped works where the checkout is not: weights, recipes and JavaScript are inside."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from protgraph.structure import synthetic, write

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A fresh environment that holds the wheel, and sees the packages it depends on."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", place, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = place.glob("*.whl")
    venv.create(place / "env", with_pip=True)
    fresh = place / "env" / "bin" / "python"
    subprocess.run(
        [fresh, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True
    )
    (site,) = (place / "env").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return fresh


def run(python, *words, cwd):
    return subprocess.run(
        [python, "-m", "protgraph", *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_wheel_predicts_outside_the_checkout(python, tmp_path):
    protein = synthetic.protein(3, name="made")
    (tmp_path / "made.pdb").write_text(write.pdb(protein, bfactor=np.zeros(len(protein))))
    where = subprocess.run(
        [python, "-c", "import protgraph; print(protgraph.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(python.parents[1]) in where.stdout
    said = run(python, "predict", "zinc-site", "made.pdb", "--format", "html", "-o", "out",
               cwd=tmp_path)  # fmt: skip
    assert said.returncode == 0, said.stderr
    page = (tmp_path / said.stdout.strip()).read_text()
    assert "3Dmol" in page
    assert "made" in page


def test_the_wheel_holds_the_recipes(python, tmp_path):
    said = run(python, "run", "zinc_site/egn", cwd=tmp_path)
    assert said.returncode == 2
    assert "Did you mean zinc_site/egnn?" in said.stderr


def test_the_wheel_holds_the_page_of_a_benchmark(python, tmp_path):
    code = """
from protgraph.insight.pages import page
print(page({"task": "t", "monitor": "m", "rows": [{"model": "prior", "test": 0.5}], "failed": {}}))
"""
    said = subprocess.run(
        [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("<!doctype html>")
