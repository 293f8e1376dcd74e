import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.running.learned import balance
from protgraph.tasks.catalogue import TASKS

CLASSES = TASKS["secondary-structure"]


def test_rare_classes_weigh_more():
    y = np.array([[0.0], [0.0], [0.0], [0.0], [1.0], [2.0]])
    weight = balance(CLASSES, y, 0.5)  # 4 / 4, 4 / 1 and 4 / 1, each to the power 1/2: 1, 2, 2
    assert weight.tolist() == pytest.approx([0.6, 1.2, 1.2])
    assert balance(CLASSES, y, 0.0) is None


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1), st.integers(0, 9))
def test_what_has_no_class_counts_for_none(known, more):
    y = np.array(known)[:, None]
    with_unknown = np.concatenate([y, np.full((more, 1), np.nan)])
    assert balance(CLASSES, y, 0.7).tolist() == balance(CLASSES, with_unknown, 0.7).tolist()


def test_of_outputs_that_stand_alone_a_missing_label_is_neither_yes_nor_no():
    y = np.array([[1.0, np.nan], [0.0, 1.0], [0.0, np.nan], [np.nan, 0.0]])
    assert balance(TASKS["ligand-sites"], y, 1.0).tolist() == [2.0, 1.0]
