import numpy as np
import pytest
import torch

from protgraph.language.encoder import encoder
from protgraph.language.esm2 import opened
from protgraph.language.network import MaskedHead, Network, Shape, given, taken
from protgraph.language.packing import pack

PROTEINS = ["MKTAYIAKQRQISFVKSHFSRQ", "GX", "ACDEFGHIKLMNPQRSTVWYUZOB", "W", "MKT"]


def padded(model, alphabet, pad, proteins=PROTEINS):
    """What transformers computes with padding: all hidden states of each protein."""
    tokens = [alphabet.tokens(protein) for protein in proteins]
    ids = torch.full((len(tokens), max(map(len, tokens))), pad)
    for row, own in zip(ids, tokens, strict=True):
        row[: len(own)] = torch.from_numpy(own)
    with torch.no_grad():
        states = model(
            input_ids=ids, attention_mask=(ids != pad).long(), output_hidden_states=True
        ).hidden_states
    return [[state[i, : len(own)] for i, own in enumerate(tokens)] for state in states]


@pytest.mark.parametrize(("kind", "pad"), [("folder", 1), ("bert", 0)])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_packed_is_transformers_padded_at_every_layer(kind, pad, attention, request):
    from transformers import AutoModel

    source = request.getfixturevalue(kind)
    model = AutoModel.from_pretrained(source, attn_implementation=attention).eval()
    checkpoint = opened(source)
    expected = padded(model, checkpoint.alphabet, pad)
    packed = pack([checkpoint.alphabet.tokens(protein) for protein in PROTEINS])
    with torch.no_grad():
        found = checkpoint.network(packed, layers=range(len(expected)))
    for layer, states in zip(found, expected, strict=True):
        torch.testing.assert_close(layer, torch.cat(states), rtol=0, atol=1e-5)


def test_masked_letters_are_dropped_as_transformers_drops_them(folder):
    from transformers import EsmModel

    model = EsmModel.from_pretrained(folder, add_pooling_layer=False).eval()
    checkpoint = opened(folder)
    tokens = [checkpoint.alphabet.tokens(protein) for protein in ("MKVLWAALL", "ACD")]
    tokens[0][2:5] = checkpoint.network.shape.mask
    with torch.no_grad():
        found = checkpoint.network(pack(tokens))[0]
        for own, rows in zip(tokens, found.split([len(own) for own in tokens]), strict=True):
            expected = model(input_ids=torch.from_numpy(own)[None]).last_hidden_state[0]
            torch.testing.assert_close(rows, expected, rtol=0, atol=1e-5)


def test_esm1b_positions_and_norms_are_read(tmp_path):
    from transformers import EsmConfig, EsmModel

    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=33, mask_token_id=32, pad_token_id=1, hidden_size=16, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=32, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, max_position_embeddings=40, token_dropout=False,
        position_embedding_type="absolute", emb_layer_norm_before=True,
    )  # fmt: skip
    model = EsmModel(config, add_pooling_layer=False).eval()
    shape = Shape(33, 16, 2, 2, 32, positions=40, first=2, embedded=True, eps=1e-12)
    network = Network(shape)
    taken(network, model.state_dict())
    ids = np.array([0, 5, 6, 7, 2])
    with torch.no_grad():
        expected = model(input_ids=torch.from_numpy(ids)[None]).last_hidden_state[0]
        torch.testing.assert_close(network(pack([ids]))[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["folder", "bert"])
def test_weights_come_back_under_their_names(kind, request):
    network = opened(request.getfixturevalue(kind)).network
    weights = given(network)
    again = Network(network.shape)
    taken(again, weights)
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True)
    )
    assert not any(name.startswith("blocks") for name in weights)


def test_the_head_guesses_as_that_of_transformers(folder):
    from transformers import EsmForMaskedLM

    model = EsmForMaskedLM.from_pretrained(folder).eval()
    head = MaskedHead(opened(folder).network.shape)
    own = {k.removeprefix("lm_head."): v for k, v in model.state_dict().items() if "lm_head" in k}
    word = own.pop("decoder.weight")
    head.load_state_dict(own)
    x = torch.randn(5, 32)
    with torch.no_grad():
        torch.testing.assert_close(head(x, word), model.lm_head(x), rtol=0, atol=1e-5)


def test_layers_above_the_wanted_one_are_left_out(folder):
    model = encoder(folder, layer=1)
    assert len(model.run.blocks) == 1
    whole = encoder(folder, layer=(1, 2)).encode_layers(PROTEINS)[0]
    for some, other in zip(model.encode(PROTEINS), whole, strict=True):
        np.testing.assert_allclose(some, other, rtol=0, atol=1e-6)
