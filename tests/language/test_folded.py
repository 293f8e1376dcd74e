import numpy as np
import pytest
import torch

from protgraph.graph.build import build
from protgraph.graph.edges import KINDS, radius
from protgraph.language.folded import header, percent
from protgraph.structure.read import read


def test_the_title_names_the_model_however_long_its_name_is():
    lines = header(f"random-{'x' * 150}", "M" * 20).splitlines()
    assert max(map(len, lines)) <= 80
    title = "".join(line[10:].strip() for line in lines if line.startswith("TITLE"))
    assert f"random-{'x' * 150}" in title
    assert [line for line in lines if line.startswith("SEQRES")][1] == (
        f"SEQRES   2 A   20  {' '.join(['MET'] * 7)}"
    )


def test_one_value_above_1_tells_that_plddt_goes_to_100():
    assert percent(np.array([0.01, 0.99])).tolist() == [1.0, 99.0]
    assert percent(np.array([1.0, 1.5])).tolist() == [1.0, 1.5]


@pytest.fixture(scope="module")
def models(esmfold):
    return [read(path)[0] for path in sorted(esmfold.glob("*.pdb"))]


def test_real_models_have_confidence_for_every_residue(models):
    assert len(models) == 20
    for protein in models:
        assert ((protein.confidence >= 1) & (protein.confidence <= 99)).all()


def test_the_plddt_rule_drops_spatial_edges_of_real_models_and_no_chain_edge(models):
    chain = KINDS.index("chain")
    for protein in models:
        plain, ruled = build(protein, trusted=0), build(protein, trusted=70)
        of_chain = [graph.edge_index[:, graph.edge_type == chain] for graph in (plain, ruled)]
        assert torch.equal(*of_chain)
        far = ruled.edge_index[:, ruled.edge_type != chain]
        assert (ruled.confidence[far] >= 70).all()
        unsure = (protein.confidence < 70).any()
        assert (far.shape[1] < (plain.edge_type != chain).sum()) == unsure


def contacts(protein, rows, apart=6):
    """Pairs of rows whose Cα lie within 8 Å, at least 6 apart in the sequence."""
    i, j = radius(protein.ca[rows], 8.0)
    far = np.abs(rows[i] - rows[j]) >= apart
    return set(zip(rows[i[far]].tolist(), rows[j[far]].tolist(), strict=True))


def test_a_real_model_has_the_contacts_of_the_experiment(models, chains):
    [model] = [protein for protein in models if protein.name == "O14773"]
    [experiment] = read(chains / "3edy_A.pdb", sequence=model.sequence)
    assert experiment.sequence == model.sequence
    rows = experiment.index
    found, truth = contacts(model, rows), contacts(experiment, rows)
    share = len(found & truth) / len(found | truth)
    # The control: the same contacts between residues in another order.
    order = dict(zip(rows.tolist(), np.random.default_rng(0).permutation(rows), strict=True))
    mixed = {(order[i], order[j]) for i, j in truth}
    control = len(found & mixed) / len(found | mixed)
    count = len(found | truth) // 2
    print(f"O14773 and 3edy_A share {share:.3f} of {count} contacts; control {control:.3f}")
    assert share > 0.6
    assert control < 0.05
