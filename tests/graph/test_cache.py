"""The graph cache: what comes back is what was built, and a damaged file is an error."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from protgraph.graph import cache
from protgraph.graph.build import build, sequence
from protgraph.structure import synthetic
from protgraph.structure.protein import Complex, Protein

SETTINGS = {"radius": 10.0, "nodes": ["identity"]}


@pytest.fixture(scope="module")
def proteins():
    return [synthetic.protein(seed, length=60 + seed) for seed in range(4)]


@pytest.fixture
def made():
    """Names of the proteins whose graphs were built."""
    return []


@pytest.fixture
def make(made):
    def make(protein):
        made.append(protein.name)
        graph = build(protein)
        graph.y = torch.arange(2.0)[None]
        return graph

    return make


def same(one, two):
    assert set(one.keys()) == set(two.keys())
    for key in one.keys():  # noqa: SIM118 - Data iterates over pairs
        assert one[key].dtype == two[key].dtype
        assert torch.equal(one[key], two[key])
        assert one[key].is_contiguous()


def test_graphs_come_back_as_they_were_built(tmp_path, proteins, make):
    graphs = cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    assert len(graphs) == 4
    for graph, protein in zip(graphs, proteins, strict=True):
        same(graph, make(protein))
    same(graphs[-1], graphs[3])
    with pytest.raises(IndexError):
        graphs[4]


def test_only_what_is_missing_is_built(tmp_path, proteins, make, made):
    cache.cached(tmp_path, proteins[:2], make, settings=SETTINGS)
    graphs = cache.cached(tmp_path, [proteins[3], *proteins[:2]], make, settings=SETTINGS)
    assert made == [proteins[0].name, proteins[1].name, proteins[3].name]
    for graph, place in zip(graphs, (3, 0, 1), strict=True):
        same(graph, make(proteins[place]))


def test_a_protein_that_comes_twice_is_built_once(tmp_path, proteins, make, made):
    graphs = cache.cached(tmp_path, [proteins[0]] * 3, make, settings=SETTINGS)
    assert len(graphs) == 3
    assert len(made) == 1


def test_other_settings_are_other_graphs(tmp_path, proteins, make, made):
    cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    cache.cached(tmp_path, proteins, make, settings={**SETTINGS, "radius": 8.0})
    assert len(made) == 8


def test_many_small_packs_hold_the_same_graphs(tmp_path, proteins, make, monkeypatch):
    monkeypatch.setattr(cache, "PACK", 1)
    graphs = cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    [place] = tmp_path.iterdir()
    assert len(list(place.iterdir())) == 4
    for graph, protein in zip(graphs, proteins, strict=True):
        same(graph, make(protein))


def test_a_run_that_fails_leaves_nothing_half_done(tmp_path, proteins, make, made):
    def fails(protein):
        if protein is proteins[2]:
            raise RuntimeError("power cut")
        return make(protein)

    with pytest.raises(RuntimeError, match="power cut"):
        cache.cached(tmp_path, proteins, fails, settings=SETTINGS)
    [place] = tmp_path.iterdir()
    assert list(place.iterdir()) == []


def test_a_run_that_is_killed_while_writing_leaves_what_nobody_reads(tmp_path, proteins, make):
    cache.cached(tmp_path, proteins[:1], make, settings=SETTINGS)
    [place] = tmp_path.iterdir()
    (place / ".half").mkdir()
    assert len(cache.cached(tmp_path, proteins, make, settings=SETTINGS)) == 4


def test_two_runs_that_write_the_same_do_not_disturb_each_other(tmp_path, proteins, make):
    def slow(protein):
        cache.cached(tmp_path, proteins[:1], make, settings=SETTINGS)
        return make(protein)

    [graph] = cache.cached(tmp_path, proteins[:1], slow, settings=SETTINGS)
    same(graph, make(proteins[0]))
    [place] = tmp_path.iterdir()
    assert len(list(place.iterdir())) == 1


def test_changing_a_graph_in_place_does_not_reach_the_disk(tmp_path, proteins, make):
    graphs = cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    graphs[0].x.zero_()
    again = cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    same(again[0], make(proteins[0]))


def test_slices_pickles_and_loaders_see_the_same_graphs(tmp_path, proteins, make):
    graphs = cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    same(graphs[1:3][1], graphs[2])
    copied = pickle.dumps(graphs)
    assert len(copied) < 2000
    same(pickle.loads(copied)[2], graphs[2])
    batch = next(iter(DataLoader(graphs, batch_size=4)))
    assert torch.equal(batch.x, torch.cat([graph.x for graph in graphs]))


def test_graphs_without_edges_or_columns_are_kept(tmp_path, proteins):
    graphs = cache.cached(tmp_path, proteins, lambda p: sequence(p, nodes=()), settings={})
    for graph, protein in zip(graphs, proteins, strict=True):
        same_shape = {key: graph[key].shape for key in graph.keys()}  # noqa: SIM118
        assert same_shape["x"] == (len(protein), 0)
        assert same_shape["edge_index"] == (2, 0)
        assert same_shape["edge_attr"] == (0, 0)


def test_nothing_in_is_nothing_out(tmp_path, make):
    assert len(cache.cached(tmp_path, [], make, settings=SETTINGS)) == 0


@pytest.mark.parametrize(
    "change",
    [lambda p: {"sequence": "A" + p.sequence[1:] if p.sequence[0] != "A" else "C" + p.sequence[1:]},
     lambda p: {"backbone": p.backbone + 1.0},
     lambda p: {"side": p.side + 1.0},
     lambda p: {"numbering": ("1A", *p.numbering[1:])},
     lambda p: {"confidence": np.full(len(p), 100.0)}],
)  # fmt: skip
def test_the_key_knows_all_that_a_protein_is_made_of(proteins, change):
    one = proteins[0]
    other = dataclasses.replace(one, **change(one))
    assert cache.key(one, SETTINGS) != cache.key(other, SETTINGS)


def test_the_key_knows_no_name_and_no_order_of_settings(proteins):
    one = dataclasses.replace(proteins[0], name="another")
    turned = dict(reversed(SETTINGS.items()))
    assert cache.key(one, SETTINGS) == cache.key(proteins[0], turned)


def test_the_key_knows_the_version_of_the_format(proteins, monkeypatch):
    before = cache.key(proteins[0], SETTINGS)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert cache.key(proteins[0], SETTINGS) != before


def test_the_key_knows_the_order_of_a_complex(proteins):
    one, two = proteins[:2]
    keys = {cache.key(Complex("c", pair), {}) for pair in ((one, two), (two, one), (one, one))}
    assert len(keys) == 3


def test_a_complex_is_cached_like_a_protein(tmp_path, proteins):
    dimer = Complex("dimer", tuple(proteins[:2]))
    [graph] = cache.cached(tmp_path, [dimer], build, settings={})
    same(graph, build(dimer))


def test_settings_are_json_values(tmp_path, proteins):
    with pytest.raises(ValueError, match="Settings of a graph cache are JSON values"):
        cache.cached(tmp_path, proteins, build, settings={"made": object()})


def test_graphs_of_one_cache_have_the_same_keys_and_widths(tmp_path):
    proteins = [Protein("a", "M", np.zeros((1, 4, 3))), Protein("b", "K", np.zeros((1, 4, 3)))]
    wide = {"a": Data(x=torch.zeros(1, 2)), "b": Data(x=torch.zeros(1, 3))}
    with pytest.raises(ValueError, match=r"x has shape \[1, 2\] in the first and \[1, 3\]"):
        cache.cached(tmp_path, proteins, lambda p: wide[p.name], settings={})
    more = {"a": Data(x=torch.zeros(1, 2)), "b": Data(x=torch.zeros(1, 2), y=torch.zeros(1))}
    with pytest.raises(ValueError, match=r"keys \['x'\] and \['x', 'y'\]"):
        cache.cached(tmp_path, proteins, lambda p: more[p.name], settings={})


def damage(file, how):
    if how == "gone":
        file.unlink()
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-8])
    elif how == "empty":
        file.write_bytes(b"")
    else:
        file.write_bytes(b"\xff" * 64)


@pytest.mark.parametrize("name", ["x.npy", "edge_index.npy", "index.json"])
@pytest.mark.parametrize("how", ["gone", "cut", "empty", "noise"])
def test_a_damaged_file_is_named_and_so_is_the_cure(tmp_path, proteins, make, name, how):
    cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    [file] = tmp_path.glob(f"*/*/{name}")
    damage(file, how)
    text = rf"{name}: the graph cache is damaged .* Delete {file.parent} and run again"
    with pytest.raises(ValueError, match=text):
        cache.cached(tmp_path, proteins, make, settings=SETTINGS)


def test_an_array_of_another_length_is_damage_too(tmp_path, proteins, make):
    cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    [file] = tmp_path.glob("*/*/pos.npy")
    np.save(file, np.load(file)[:-3])
    with pytest.raises(ValueError, match=r"pos.npy: .* \(\d+ values, not \d+\)"):
        cache.cached(tmp_path, proteins, make, settings=SETTINGS)


def test_the_index_tells_the_version_and_whose_graphs_they_are(tmp_path, proteins, make):
    cache.cached(tmp_path, proteins, make, settings=SETTINGS)
    [file] = tmp_path.glob("*/*/index.json")
    index = json.loads(file.read_text())
    assert index["version"] == cache.VERSION
    assert index["names"] == [cache.key(protein, SETTINGS) for protein in proteins]
