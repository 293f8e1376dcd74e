"""Real chains: coordinates against Biopython, confidence of predictions, full sequences."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from protgraph.structure.read import read

NAMES = ("N", "CA", "C", "CB")
NOT_SIDE = {"N", "CA", "C", "O", "OXT"}
CHAINS = 12


def _biopython(path: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Author id, backbone and side-chain centroid of every residue, as Biopython reads them."""
    from Bio.PDB import PDBParser

    [chain] = PDBParser(QUIET=True).get_structure("x", path)[0]
    found = []
    for residue in chain:
        backbone = np.full((4, 3), np.nan)
        for place, name in enumerate(NAMES):
            if name in residue:
                backbone[place] = residue[name].coord
        side = [a.coord for a in residue if a.name not in NOT_SIDE and a.element not in ("H", "D")]
        _, number, code = residue.id
        centroid = np.mean(side, axis=0) if side else np.full(3, np.nan)
        found.append((f"{number}{code.strip()}", backbone, centroid))
    return found


def _spread(chains: Path) -> list[Path]:
    every = sorted(chains.glob("*.pdb"))
    return every[:: len(every) // CHAINS][:CHAINS]


@pytest.mark.parametrize("which", range(CHAINS))
def test_coordinates_are_those_that_biopython_reads(chains: Path, which: int) -> None:
    path = _spread(chains)[which]
    [protein] = read(path, gaps=False)
    golden = _biopython(path)
    assert list(protein.numbering) == [number for number, _, _ in golden]
    seen = protein.observed
    np.testing.assert_allclose(
        protein.backbone[seen], np.stack([b for _, b, _ in golden])[seen], atol=1e-4
    )
    np.testing.assert_allclose(
        protein.side[seen], np.stack([s for _, _, s in golden])[seen], atol=1e-4
    )


def test_a_filled_gap_moves_no_observed_residue(chains: Path) -> None:
    filled = 0
    for path in sorted(chains.glob("*.pdb"))[:60]:
        [plain], [full] = read(path, gaps=False), read(path)
        assert "".join(full.sequence[i] for i in full.index) == "".join(
            plain.sequence[i] for i in plain.index
        )
        np.testing.assert_array_equal(full.ca[full.index], plain.ca[plain.index])
        assert set(plain.numbering) <= set(full.numbering)
        filled += len(full) > len(plain)
    assert filled > 10


def test_an_esmfold_model_has_its_plddt(esmfold: Path) -> None:
    [protein] = read(esmfold / "O14773.pdb")
    assert protein.confidence is not None
    assert protein.confidence[0] == pytest.approx(67.46)
    assert np.isfinite(protein.confidence).all()


def test_an_experiment_has_no_confidence(chains: Path) -> None:
    [protein] = read(next(iter(sorted(chains.glob("*.pdb")))))
    assert protein.confidence is None


def test_real_chains_find_their_place_in_full_sequences(data: Path, chains: Path) -> None:
    with gzip.open(data / "ppi_human" / "covered_sequences.csv.gz", "rt") as file:
        wholes = [row["sequence"] for row in csv.DictReader(file)]
    placed = 0
    for path in sorted(chains.glob("*.pdb"))[:250]:
        [plain] = read(path, gaps=False)
        core = plain.sequence[len(plain) // 2 :][:12]
        found = [whole for whole in wholes if core in whole]
        if not found or placed == 12:
            continue
        try:
            [full] = read(path, sequence=found[0])
        except ValueError:  # a construct of another protein's part, or a paralogue
            continue
        placed += 1
        same = [full.sequence[i] == plain.sequence[k] for k, i in enumerate(full.index)]
        assert np.mean(same) >= 0.9
        assert [full.numbering[i] for i in full.index] == list(plain.numbering)
        np.testing.assert_array_equal(full.ca[full.index], plain.ca)
    assert placed == 12
