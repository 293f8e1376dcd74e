import numpy as np
import torch
from torch import nn

from protgraph.language.encoder import encoder
from protgraph.language.quantise import Int8Linear

PROTEINS = ["MKTAYIAKQRQISFVKSHFSRQ", "GX", "ACDEFGHIKLMNPQRSTVWYUZOB", "W"]


def test_an_int8_layer_is_near_the_layer_it_replaces():
    torch.manual_seed(0)
    layer = nn.Linear(64, 32)
    x = torch.randn(50, 64) * torch.logspace(-3, 3, 50)[:, None]
    for dtype in (torch.float32, torch.bfloat16):
        with torch.no_grad():
            exact, found = layer(x), Int8Linear(layer)(x.to(dtype)).float()
        error = (found - exact).norm(dim=1) / exact.norm(dim=1)
        assert 1e-4 < error.max() < 0.03


def test_a_token_of_zeros_is_the_bias():
    layer = nn.Linear(8, 3)
    found = Int8Linear(layer)(torch.zeros(1, 8))[0]
    torch.testing.assert_close(found, layer.bias.detach())


def test_int8_vectors_are_near_and_do_not_depend_on_the_pack(folder):
    whole, model = encoder(folder), encoder(folder, precision="int8")
    assert model.name.endswith("layer 2, int8")
    assert model.digest != whole.digest
    found = model.encode(PROTEINS)
    for protein, some, exact in zip(PROTEINS, found, whole.encode(PROTEINS), strict=True):
        cosine = (
            (some * exact).sum(1) / np.linalg.norm(some, axis=1) / np.linalg.norm(exact, axis=1)
        )
        assert 0.98 < cosine.min() < 1
        np.testing.assert_allclose(model.encode([protein])[0], some, rtol=0, atol=0.02)
