"""Models side by side on pairs of which training knows both, one or no partner."""

import numpy as np
import pytest

from protgraph.comparing.comparison import Report, by_seen
from protgraph.data.dataset import Pairs
from protgraph.running.cells import Cell
from protgraph.running.evaluate import Scored
from protgraph.structure.protein import Protein
from protgraph.tasks.catalogue import TASKS
from protgraph.tasks.metrics import auprc
from protgraph.tasks.statistics import Interval

TASK = TASKS["ppi-human"]


@pytest.fixture
def asked():
    """Training knows the proteins 0 to 9; test has 30 pairs within, 30 across and 1 outside."""
    proteins = tuple(Protein(f"p{i}", "MK") for i in range(20))
    train = [(i, i) for i in range(10)]
    both = [(i, j) for i in range(10) for j in range(i + 1, 10)][:30]
    one = [(i, j) for i in range(10) for j in range(10, 13)]
    pairs = np.array([*train, (13, 14), *both, *one, (18, 19)])
    side = ["train"] * 10 + ["valid"] + ["test"] * 61
    y = (np.arange(len(pairs)) % 3 == 0)[:, None].astype(float)
    data = Pairs("made", "", proteins, pairs, y, tuple(side))
    rows = data.whole("test")
    names = np.array([f"p{a}" for a, _ in data.pairs[rows]])
    generator = np.random.default_rng(0)
    cells = []
    for _ in range(2):
        scores = generator.random((61, 1)).astype(np.float32)
        cells.append(Cell({}, Scored(data.y[rows], scores, np.arange(61), names), 0.5))
    return data, {"a model": cells}


def test_each_class_is_measured_on_its_own_pairs(asked):
    data, cells = asked
    (row,) = by_seen(TASK, data, cells)
    assert list(row) == ["model", "C1 (30)", "C2 (30)", "C3 (1)"]
    tests = [one.test for one in cells["a model"]]
    own = [auprc(one.y[:30, 0], one.scores[:30, 0]) for one in tests]
    found = row["C1 (30)"]
    assert isinstance(found, Interval)
    assert found.value == pytest.approx(np.mean(own))
    assert found.low < found.value < found.high
    assert row["C3 (1)"] == ""  # One pair has no precision and recall.


def test_a_class_of_one_family_has_a_value_and_no_interval(asked):
    data, cells = asked
    same = [
        Cell({}, Scored(c.test.y, c.test.scores, c.test.protein, np.full(61, "p0")), 0.5)
        for c in cells["a model"]
    ]
    (row,) = by_seen(TASK, data, {"a model": same})
    assert isinstance(row["C2 (30)"], float)


def test_the_report_tells_them_apart():
    keys = dict.fromkeys(("seed", "valid", "parameters", "seconds", "recipe"))
    summary = {**keys, "data": "d", "split": "s", "commit": "c", "dirty": "false"}
    cells = [Cell({**summary, "test": {"auprc": v, "accuracy": 1}}, None, 0.5) for v in (0.2, 0.4)]
    row = {"model": "prior", "test": Interval(0.5, 0.4, 0.6)}
    seen = [{"model": "prior", "C3 (7)": Interval(0.3, 0.2, 0.4)}]
    found = Report("ppi-human", "auprc", [row], {}, {"prior": cells}, seen)
    assert "| prior | 0.300 [0.200, 0.400] |" in found.markdown()
    assert found.json()["seen"] == [{"model": "prior", "C3 (7)": "0.300 [0.200, 0.400]"}]
    assert "| prior | 0.300 | 1.000 |" in found.markdown()
    without = Report("x", "auprc", [row], {}, {"prior": cells})
    assert "C3" not in without.markdown()
