"""Training on several ranks, for the tests of engines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest


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
