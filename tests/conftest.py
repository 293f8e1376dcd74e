"""Fixtures that several rooms share."""

from __future__ import annotations

import os
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
