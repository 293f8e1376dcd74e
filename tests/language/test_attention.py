import numpy as np
import pytest
import torch

from protgraph.language.attention import attention, contacts
from protgraph.language.encoder import encoder

PROTEIN = "MKTAYIAKQRQISFVKSHFSRQ"


@pytest.mark.parametrize("kind", ["folder", "bert"])
def test_maps_are_those_of_transformers(kind, request):
    from transformers import AutoModel

    source = request.getfixturevalue(kind)
    model = encoder(source)
    eager = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
    ids = torch.from_numpy(model.alphabet.tokens(PROTEIN))[None]
    with torch.no_grad():
        expected = torch.cat(eager(input_ids=ids, output_attentions=True).attentions)
    maps = attention(model, PROTEIN)
    assert maps.shape == (2, 4, len(PROTEIN), len(PROTEIN))
    np.testing.assert_allclose(maps, expected[:, :, 1:-1, 1:-1].numpy(), rtol=0, atol=1e-6)


def test_contacts_are_those_of_transformers(folder):
    from transformers import EsmModel

    model = encoder(folder)
    eager = EsmModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.from_numpy(model.alphabet.tokens(PROTEIN))[None]
    with torch.no_grad():
        expected = eager.predict_contacts(ids, torch.ones_like(ids))[0].numpy()
    found = contacts(model, PROTEIN)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found, found.T, rtol=0, atol=1e-6)


def test_contacts_need_the_regression_and_every_layer(pt, folder, bert):
    for source in (pt, bert):
        with pytest.raises(ValueError, match="contacts need the regression on attention maps"):
            contacts(encoder(source), PROTEIN)
    with pytest.raises(ValueError, match="layer 1: contacts need every layer"):
        contacts(encoder(folder, layer=1), PROTEIN)


def test_maps_of_windows_are_refused(folder):
    with pytest.raises(ValueError, match="proteins of at most 20 residues, got 22"):
        attention(encoder(folder, window=20), PROTEIN)
