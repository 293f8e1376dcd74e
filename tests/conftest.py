"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest


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
    return _unpacked(data / "structures" / "chains.tar.xz")


@pytest.fixture(scope="session")
def esmfold(data: Path) -> Path:
    """Folder with ESMFold models, unpacked once into the cache."""
    return _unpacked(data / "esmfold" / "esmfold.tar.xz")


def _unpacked(archive: Path) -> Path:
    stat = archive.stat()
    name = archive.name.partition(".")[0]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "protgraph" / "tests"
    folder = cache / f"{name}-{stat.st_size}-{int(stat.st_mtime)}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=cache))
        with tarfile.open(archive) as tar:
            tar.extractall(fresh, filter="data")
        try:
            fresh.rename(folder)  # of several workers the first one wins
        except OSError:
            shutil.rmtree(fresh)
    return folder / name
