"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from protgraph.data.source import unpacked

# A law holds or not; how long a busy machine takes to see it is no part of it.
settings.register_profile("protgraph", deadline=None)
settings.load_profile("protgraph")

# A hub is asked by no test; without this each would wait for an answer first.
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real data, $PROTGRAPH_DATA."""
    folder = os.environ.get("PROTGRAPH_DATA")
    if not folder:
        pytest.skip("PROTGRAPH_DATA is not set: tests on real data are left out")
    return Path(folder)


@pytest.fixture(scope="session")
def chains(data: Path) -> Path:
    """Folder with the real chains, unpacked once into the cache."""
    return unpacked(data / "structures" / "chains.tar.xz") / "chains"


@pytest.fixture(scope="session")
def esmfold(data: Path) -> Path:
    """Folder with ESMFold models, unpacked once into the cache."""
    return unpacked(data / "esmfold" / "esmfold.tar.xz") / "esmfold"


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
