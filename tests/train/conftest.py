"""Ranks for the tests of engines, and DeepSpeed's helper, compiled once for all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

BUILD = "from deepspeed.comm.torch import build_shm_op; build_shm_op()"


@pytest.fixture(scope="session")
def helper():
    """Compile DeepSpeed's helper, or find what an earlier test run has compiled."""
    for tool in ("g++", "ninja"):
        if shutil.which(tool, path=_path()) is None:
            pytest.skip(f"{tool} is not there: tests of DeepSpeed are left out")
    if find_spec("deepspeed") is None:
        pytest.skip("deepspeed is not installed: its tests are left out")
    name = f"torch_extensions-{version('torch')}-{version('deepspeed')}"
    folder = Path(sys.prefix, "var", "protgraph", name)
    patch = pytest.MonkeyPatch()
    patch.setenv("TORCH_EXTENSIONS_DIR", str(folder))
    patch.setenv("DS_ACCELERATOR", "cpu")
    patch.setenv("PATH", _path())
    from protgraph.train import traps

    traps.refuse("cpu")  # a stale lock would stop the build
    if not (traps.helper() / f"{traps.HELPER}.so").is_file():
        subprocess.run([sys.executable, "-c", BUILD], check=True, capture_output=True, timeout=900)
    yield folder
    patch.undo()


def _path():
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="session")
def ranked(tmp_path_factory):
    """Do cases on so many ranks: name -> its weights and rows."""
    from protgraph.train.launch import spread

    def do(cases, many):
        folder = tmp_path_factory.mktemp("ranked")
        named = [{**case, "result": str(folder / f"{name}.npz")} for name, case in cases.items()]
        script = str(Path(__file__).with_name("ranked.py"))
        assert spread([sys.executable, script, json.dumps(named)], many) == 0
        made = {}
        for name, case in zip(cases, named, strict=True):
            with np.load(case["result"]) as file:
                made[name] = file["weights"], json.loads(str(file["rows"]))
        return made

    return do
