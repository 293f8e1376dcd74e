import json

import numpy as np
import torch

from protgraph.data.corpora import pretraining
from protgraph.language.encoder import MINI, encoder
from protgraph.language.network import MaskedHead, Network
from protgraph.language.packing import pack

CARD = json.loads((MINI / "card.json").read_text())


def test_it_is_inside_the_package_and_small():
    assert sum(path.stat().st_size for path in MINI.iterdir()) <= 16 * 2**20
    model = encoder("mini")
    assert model.name == "mini, layer 6"
    (vectors,) = model.encode(["MKTAYIAKQRQISFVKSHFSRQ"])
    assert vectors.shape == (22, model.width) == (22, CARD["width"])
    assert model.window == CARD["crop_late"] - 2


def test_its_card_says_what_it_was_trained_on_and_that_it_beats_letter_frequencies():
    assert CARD["proteins"] == 226_659
    assert CARD["perplexity"] < CARD["unigram"] - 1
    assert CARD["masked"] > 50_000
    assert not CARD["dirty"] or CARD["commit"]


def test_half_precision_is_near():
    protein = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKR"
    (exact,) = encoder("mini").encode([protein])
    for precision, least in (("bf16", 0.999), ("int8", 0.99)):
        (found,) = encoder("mini", precision=precision).encode([protein])
        sizes = np.linalg.norm(found, axis=1) * np.linalg.norm(exact, axis=1)
        assert ((found * exact).sum(axis=1) / sizes).min() > least


def test_transformers_opens_it_and_it_guesses_hidden_letters_as_its_card_says(data):
    from transformers import EsmForMaskedLM

    model = EsmForMaskedLM.from_pretrained(MINI).eval()
    alphabet = encoder("mini").alphabet
    generator = np.random.default_rng(1)
    total, count = 0.0, 0
    for protein in pretraining("valid")[::25]:
        ids = torch.from_numpy(alphabet.tokens(protein[:510]))
        shown = ids.clone()
        rows = 1 + generator.choice(len(ids) - 2, max(1, len(ids) // 8), replace=False)
        shown[rows] = model.config.mask_token_id
        with torch.no_grad():
            said = model(shown[None]).logits[0, rows]
        total += float(torch.nn.functional.cross_entropy(said, ids[rows], reduction="sum"))
        count += len(rows)
    # One protein in 25, other letters hidden: near the card's figure, far from 18 and from 10.
    assert abs(np.exp(total / count) - CARD["perplexity"]) < 0.5


def test_its_masked_head_is_whole():
    from safetensors.torch import load_file

    weights = load_file(MINI / "model.safetensors")
    assert all(weight.dtype == torch.float16 for weight in weights.values())
    shape = encoder("mini").run.shape
    head = MaskedHead(shape)
    own = {k.removeprefix("lm_head."): v for k, v in weights.items() if k.startswith("lm_head.")}
    assert set(own) == set(head.state_dict())
    assert isinstance(encoder("mini").run, Network)
    with torch.no_grad():
        hidden = encoder("mini").run(pack([np.array([0, 5, 2])]))[0]
        head.load_state_dict(own)
        assert head(hidden, weights["esm.embeddings.word_embeddings.weight"]).shape == (3, 33)
