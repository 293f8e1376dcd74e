"""Interfaces: who touches whom is measured, and labels travel to the unbound chain."""

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.data.interfaces import carried, interfaces
from protgraph.structure.identity import matched
from protgraph.structure.interface import touching
from protgraph.structure.protein import Protein

AMINO = "ACDEFGHIKLMNPQRSTVWY"


def written(path, chains):
    """A PDB file of glycines and waters: chain -> (number with insertion code, N, water) rows."""
    model = gemmi.Model(1)
    for name, rows in chains.items():
        chain = gemmi.Chain(name)
        for number, place, kind in rows:
            residue = gemmi.Residue()
            residue.name, residue.seqid = kind, gemmi.SeqId(int(number[0]), number[1:] or " ")
            residue.het_flag = "A" if kind == "GLY" else "H"
            for k, atom_name in enumerate(("N", "CA", "C", "O") if kind == "GLY" else ("O",)):
                atom = gemmi.Atom()
                atom.name, atom.element = atom_name, gemmi.Element(atom_name[0])
                atom.pos = gemmi.Position(*np.add(place, [0, 0, 0.1 * k]))
                residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.write_pdb(str(path))
    return path


def test_residues_within_the_cutoff_touch_and_water_does_not(tmp_path):
    one = written(
        tmp_path / "one.pdb",
        {"A": [("5", (0, 0, 0), "GLY"), ("5A", (9, 0, 0), "GLY")], "B": [("1", (0, 4, 0), "GLY")]},
    )
    other = written(
        tmp_path / "other.pdb",
        {"C": [("1", (-4.9, 0, 0), "GLY"), ("2", (40, 0, 0), "GLY"), ("3", (9, 1, 0), "HOH")]},
    )
    assert touching(one, other) == {"A": {"5"}, "B": set()}
    assert touching(other, one) == {"C": {"1"}}
    assert touching(one, other, cutoff=7)["B"] == {"1"}
    with pytest.raises(ValueError, match="must be positive, got 0"):
        touching(one, other, cutoff=0)


@given(st.text(AMINO, min_size=20, max_size=60), st.integers(0, 8), st.integers(0, 8))
def test_labels_follow_their_letters(sequence, before, after):
    bound = Protein("bound", sequence, np.ones((len(sequence), 4, 3)))
    y = (np.arange(len(sequence)) % 3 == 0).astype(np.float32)[:, None]
    free = sequence[before : len(sequence) - after]
    found = carried(Protein("free", free, np.ones((len(free), 4, 3))), [(bound, y)])
    here, there = matched(free, sequence)
    assert len(here) >= 0.7 * len(free) or np.isnan(found).all()
    assert np.array_equal(found[here], y[there]) or np.isnan(found).all()
    aside = np.setdiff1d(np.arange(len(free)), here)
    assert np.isnan(found[aside]).all()


def test_the_most_alike_chain_gives_the_labels_and_a_stranger_none():
    rng = np.random.default_rng(0)
    first, second = ("".join(rng.choice(list(AMINO), 50)) for _ in "ab")
    chains = [
        (Protein("one", first, np.ones((50, 4, 3))), np.zeros((50, 1), dtype=np.float32)),
        (Protein("two", second, np.ones((50, 4, 3))), np.ones((50, 1), dtype=np.float32)),
    ]
    assert (carried(Protein("free", second, np.ones((50, 4, 3))), chains) == 1).all()
    stranger = Protein("free", "".join(rng.choice(list(AMINO), 50)), np.ones((50, 4, 3)))
    assert np.isnan(carried(stranger, chains)).all()


def test_unobserved_residues_stay_unknown():
    sequence = "MKWYCHLLDEPGAAWW"
    place = np.ones((16, 4, 3))
    place[3] = np.nan
    bound = Protein("bound", sequence, np.ones((16, 4, 3)))
    found = carried(Protein("free", sequence, place), [(bound, np.ones((16, 1), np.float32))])
    assert np.flatnonzero(np.isnan(found)).tolist() == [3]


def test_the_benchmark_has_its_complexes_and_its_share_of_interface(data):
    found = interfaces()
    sides = {side: found.whole(side) for side in ("train", "valid", "test")}
    assert {side: len({e.family for e in own}) for side, own in sides.items()} == {
        "train": 203, "valid": 25, "test": 25,
    }  # fmt: skip
    y = np.concatenate([e.y[:, 0] for e in sides["train"]])
    assert np.nanmean(y) == pytest.approx(0.092, abs=0.001)
    assert all("_u_" in e.protein.name for e in sides["test"])
    known = np.concatenate([e.y[e.protein.index, 0] for e in sides["test"]])
    assert np.isfinite(known).mean() > 0.93
