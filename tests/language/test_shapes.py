"""The shapes of ESM-2 by name."""

from __future__ import annotations

import pytest

from protgraph.language.shapes import ESM2, shape


@pytest.mark.parametrize(
    "name",
    ["esm2_t12_35M_UR50D", "facebook/esm2_t12_35M_UR50D", "weights/esm2_t12_35M_UR50D.pt"],
)
def test_a_name_is_found_bare_on_a_hub_and_in_a_folder(name):
    assert shape(name) == ESM2["esm2_t12_35M_UR50D"]


@pytest.mark.parametrize("name", ESM2)
def test_a_name_says_how_many_layers_there_are(name):
    assert f"_t{ESM2[name].layers}_" in name


@pytest.mark.parametrize("name", ["onehot", "mini", "", "facebook/esm2_t12_35M"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=r"is no published ESM-2. Did you mean esm2_t"):
        shape(name)
