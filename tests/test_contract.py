"""What every encoder promises, asked of every encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from protgraph.graph.edges import KINDS
from protgraph.graph.features import EDGES, NODES
from protgraph.models.model import ENCODERS, SEQUENCE, Config, Model, load
from protgraph.predict import Predictor, example
from protgraph.structure import synthetic
from protgraph.structure.residues import codes

WIDTH = 16
SETTINGS = {
    "radius": 10.0, "steps": 2, "nearest": 8, "contact": 8.0,
    "nodes": ("identity", "scales", "dihedrals", "secondary", "burial", "side"),
    "edges": ("distance", "direction", "separation"),
}  # fmt: skip
LETTERS_ONLY = {**SETTINGS, "nodes": ("identity", "scales"), "edges": ("separation",)}
GRAPHS = tuple(name for name in ENCODERS if name not in SEQUENCE)


def _protein(seed, kind):
    """An ideal protein shaken by 0.1 Å, since its equal distances would leave `nearest` open."""
    made = synthetic.protein(seed, kind=kind, length=60 + 7 * seed)
    shake = np.random.default_rng(seed).normal(scale=0.1, size=made.backbone.shape)
    return replace(made, backbone=made.backbone + shake)


PROTEINS = tuple(_protein(seed, kind) for seed, kind in enumerate(("helices", "strands", "mixed")))


# "linear" hands on what it is given: it has no width, no dropout, and a test of its own.
@pytest.fixture(params=[name for name in ENCODERS if name != "linear"])
def name(request):
    return request.param


def config_of(name, settings=SETTINGS, **changes):
    """A model's configuration with input widths that follow from its features."""
    if name in SEQUENCE:
        settings = {"nodes": LETTERS_ONLY["nodes"]}
    given = {
        "task": "demo", "level": "residue", "outputs": ("one", "two"), "encoder": name,
        "inputs": sum(NODES[node][0] for node in settings["nodes"]),
        "edges": sum(EDGES[edge][0] for edge in settings.get("edges", ())),
        "kinds": len(KINDS), "width": WIDTH, "layers": 2, "dropout": 0.1, "graph": settings,
    }  # fmt: skip
    return Config(**{**given, **changes})


def model_of(name, settings=SETTINGS, **changes):
    torch.manual_seed(0)
    return Model(config_of(name, settings, **changes)).eval()


def graph_of(model, protein):
    return example(model.config, protein, None)


@torch.no_grad()
def encoded(model, *proteins):
    """Vectors of the proteins' residues, encoded as one batch."""
    return model.encoder(Batch.from_data_list([graph_of(model, p) for p in proteins]))


def turned(protein):
    """The protein after a rotation and a translation."""
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    rotation *= np.linalg.det(rotation)
    return replace(
        protein,
        backbone=protein.backbone @ rotation.T + [5.0, -20.0, 8.0],
        side=protein.side @ rotation.T + [5.0, -20.0, 8.0],
    )


def hidden(protein, residues):
    """The protein with some residues unobserved."""
    backbone, side = protein.backbone.copy(), protein.side.copy()
    backbone[residues], side[residues] = np.nan, np.nan
    return replace(protein, backbone=backbone, side=side, observed=np.empty(0))


def cut(protein, count):
    """The first residues of the protein."""
    return replace(
        protein, sequence=protein.sequence[:count], backbone=protein.backbone[:count],
        side=protein.side[:count], observed=np.empty(0), numbering=(),
    )  # fmt: skip


def scaled(protein, factor):
    """The protein blown up or shrunk: another structure with other distances."""
    return replace(protein, backbone=protein.backbone * factor, side=protein.side * factor)


def close(one, other, tolerance):
    return one.shape == other.shape and float((one - other).abs().max()) <= tolerance


def test_a_vector_a_residue_of_the_width_asked_for(name):
    out = encoded(model_of(name), PROTEINS[0])
    assert out.shape == (len(PROTEINS[0]), WIDTH)
    assert out.dtype == torch.float32
    assert out.isfinite().all()
    assert out.std(dim=0).max() > 0


@pytest.mark.parametrize("protein", PROTEINS, ids=lambda p: p.name)
def test_turning_the_protein_changes_nothing(name, protein):
    model = model_of(name)
    assert close(encoded(model, protein), encoded(model, turned(protein)), 1e-4)


def test_renumbering_the_residues_changes_nothing(name):
    model = model_of(name)
    numbers = tuple(f"{900 - 3 * i}B" for i in range(len(PROTEINS[0])))
    other = replace(PROTEINS[0], numbering=numbers, name="other", chain="Q")
    assert torch.equal(encoded(model, PROTEINS[0]), encoded(model, other))


def test_a_batch_is_many_single_proteins(name):
    model = model_of(name)
    single = torch.cat([encoded(model, protein) for protein in PROTEINS])
    assert close(encoded(model, *PROTEINS), single, 1e-5)


def test_the_order_of_proteins_in_a_batch_does_not_matter(name):
    model = model_of(name)
    sizes = [len(protein) for protein in PROTEINS]
    one, two, three = encoded(model, *PROTEINS).split(sizes)
    assert close(encoded(model, *PROTEINS[::-1]), torch.cat([three, two, one]), 1e-5)


def test_the_order_of_residues_in_a_graph_does_not_matter(name):
    model = model_of(name)
    graph = graph_of(model, PROTEINS[0])
    order = torch.randperm(len(graph.x), generator=torch.Generator().manual_seed(0))
    mixed = graph.clone()
    for key in ("x", "pos", "residue", "chain", "confidence"):
        mixed[key] = graph[key][order]
    mixed.edge_index = torch.argsort(order)[graph.edge_index]
    with torch.no_grad():
        assert close(model.encoder(mixed), model.encoder(graph)[order], 1e-5)


@pytest.mark.parametrize("level", ["residue", "protein"])
def test_every_parameter_receives_a_gradient(name, level):
    model = model_of(name, level=level)
    batch = Batch.from_data_list([graph_of(model, protein) for protein in PROTEINS])
    model(batch).square().sum().backward()
    sizes = {key: float(p.grad.abs().max()) for key, p in model.named_parameters()}
    # A parameter without effect still gets the rounding errors of one that cancels out.
    assert [key for key, size in sizes.items() if size < 1e-6 * max(sizes.values())] == []


def test_a_chain_of_one_residue_is_encoded(name):
    model = model_of(name)
    alone = encoded(model, cut(PROTEINS[0], 1))
    assert alone.shape == (1, WIDTH)
    assert alone.isfinite().all()
    beside = encoded(model, PROTEINS[1], cut(PROTEINS[0], 1))
    assert close(beside[-1:], alone, 1e-5)


def test_a_graph_without_edges_is_encoded(name):
    bare = {**SETTINGS, "radius": 0.0, "steps": 0, "nearest": 0, "contact": 0.0}
    model = model_of(name, bare)
    assert graph_of(model, PROTEINS[0]).edge_index.shape == (2, 0)
    assert encoded(model, PROTEINS[0]).isfinite().all()


def test_what_is_saved_comes_back_exactly(name, tmp_path):
    model = model_of(name, thresholds=(0.25, 0.5), card={"split": "family"})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    other = load(model.save(tmp_path / "model"))
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert other.config == model.config
    assert not other.training
    assert torch.equal(encoded(model, *PROTEINS), encoded(other, *PROTEINS))
    assert other.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in model.state_dict().items())


def test_evaluation_draws_nothing_and_training_draws_dropout(name):
    model = model_of(name, dropout=0.5)
    assert torch.equal(encoded(model, PROTEINS[0]), encoded(model, PROTEINS[0]))
    model.train()
    assert not torch.equal(encoded(model, PROTEINS[0]), encoded(model, PROTEINS[0]))


def test_rows_of_a_protein_with_gaps_belong_to_the_right_residues(name):
    gone = [0, 1, 20, 21, 22, 40, 59]
    protein = hidden(PROTEINS[0], gone)
    model = model_of(name)
    graph = graph_of(model, protein)
    assert (graph.x[:, :21].argmax(dim=1).numpy() == codes(protein.sequence)[graph.residue]).all()
    said = Predictor(model, "demo").predict(protein).scores
    with torch.no_grad():
        assert np.allclose(said[graph.residue], model.probabilities(graph).numpy(), atol=1e-6)
    unsaid = np.flatnonzero(np.isnan(said).all(axis=1)).tolist()
    assert unsaid == ([] if name in SEQUENCE else gone)
    assert said.shape == (len(protein), 2)


@pytest.mark.parametrize("name", SEQUENCE)
def test_other_coordinates_change_nothing_for_a_sequence_encoder(name):
    model = model_of(name)
    other = hidden(scaled(PROTEINS[0], 1.5), [3, 4])
    assert torch.equal(encoded(model, PROTEINS[0]), encoded(model, other))


@pytest.mark.parametrize("name", [name for name in GRAPHS if name != "gcn"])
def test_a_graph_encoder_sees_distances(name):
    settings = {**LETTERS_ONLY, "radius": 0.0, "nearest": 0, "contact": 0.0, "edges": ("distance",)}
    model = model_of(name, settings)
    moved = encoded(model, scaled(PROTEINS[0], 1.1))
    assert not close(encoded(model, PROTEINS[0]), moved, 1e-3)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_encoder_sees_which_residues_touch(name):
    model = model_of(name, LETTERS_ONLY)
    moved = encoded(model, scaled(PROTEINS[0], 1.3))
    assert not close(encoded(model, PROTEINS[0]), moved, 1e-3)


def test_gcn_sees_contacts_and_no_distances():
    settings = {**SETTINGS, "nodes": LETTERS_ONLY["nodes"], "nearest": 0, "contact": 0.0}
    model = model_of("gcn", settings)
    near = scaled(PROTEINS[0], 0.99999)
    assert torch.equal(
        graph_of(model, near).edge_index, graph_of(model, PROTEINS[0]).edge_index
    )  # the premise
    assert torch.equal(encoded(model, PROTEINS[0]), encoded(model, near))
    far = scaled(PROTEINS[0], 1.3)
    assert not close(encoded(model, PROTEINS[0]), encoded(model, far), 1e-3)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_kind_of_an_edge_matters_where_kinds_are_read(name):
    model = model_of(name, LETTERS_ONLY)
    graph = graph_of(model, PROTEINS[0])
    other = graph.clone()
    other.edge_type = (graph.edge_type + 1) % len(KINDS)
    with torch.no_grad():
        same = close(model.encoder(graph), model.encoder(other), 1e-6)
    assert same == (name == "gcn")


@pytest.mark.parametrize("level", ["residue", "protein"])
def test_bfloat16_steps_stay_near_those_of_fp32(name, level):
    model = model_of(name, level=level)
    batch = Batch.from_data_list([graph_of(model, protein) for protein in PROTEINS])
    exact = model(batch)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(batch).float()
    assert rough.shape == (len(batch.x) if level == "residue" else 3, 2)
    assert (rough - exact).abs().mean() < 0.05 * exact.std()
    rough.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
