from dataclasses import replace

import numpy as np
import pytest

from protgraph.data.predicted import folded
from protgraph.data.sites import planted
from protgraph.structure.write import pdb


def test_labels_splits_and_numbering_stay_and_structures_change(tmp_path):
    data = planted(count=10)
    first = data.examples[0].protein
    shifted = replace(first, numbering=tuple(f"{i + 7}" for i in range(len(first))))
    data = replace(data, examples=(replace(data.examples[0], protein=shifted), *data.examples[1:]))

    def fold(proteins):
        paths = []
        for protein in proteins:
            moved = replace(
                protein,
                backbone=protein.backbone + 5,
                confidence=np.full(len(protein), 80.0, dtype=np.float32),
            )
            paths.append(tmp_path / f"{protein.name}.pdb")
            paths[-1].write_text(pdb(moved, bfactor=moved.confidence))
        return paths

    found = folded(data, fold, "a model")
    assert found.name == "planted-sites, folded by a model"
    assert found.split_digest == data.split_digest
    for new, old in zip(found.examples, data.examples, strict=True):
        assert new.protein.numbering == old.protein.numbering
        assert (new.protein.name, new.family, new.split) == (
            old.protein.name, old.family, old.split,
        )  # fmt: skip
        np.testing.assert_array_equal(new.y, old.y)
        np.testing.assert_allclose(new.protein.backbone, old.protein.backbone + 5, atol=1e-3)
        assert (new.protein.confidence == 80).all()


def test_a_model_of_another_sequence_is_refused(tmp_path):
    data = planted(count=10)
    path = tmp_path / "other.pdb"
    path.write_text(pdb(data.examples[1].protein))
    with pytest.raises(ValueError, match=r"other\.pdb: the model has \d+ residues of another"):
        folded(data, lambda proteins: [path for _ in proteins], "a model")
