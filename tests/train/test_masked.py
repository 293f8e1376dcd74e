import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from protgraph.language.encoder import encoder
from protgraph.language.network import Shape
from protgraph.language.packing import pack
from protgraph.train.corpus import MASK, START, STOP, Corpus, hidden
from protgraph.train.masked import Masked, perplexity, unigram, write

SHAPE = Shape(33, 16, layers=2, heads=2, hidden=32, mask=MASK)
PROTEINS = ["MKTAYIAKQRQISFVKSHFSRQ" * 4, "GXW" * 9, "ACDEFGHIKLMNPQRSTVWYUZOB"]


def model(seed=0):
    torch.manual_seed(seed)
    made = Masked(SHAPE)
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return made.eval()


def test_perplexity_counts_masked_letters_alone():
    some, corpus = model(), Corpus(PROTEINS)
    total, masked, chosen = 0.0, 0, 0
    for i in range(len(PROTEINS)):
        ids = np.concatenate([[START], corpus[i], [STOP]]).astype(np.int64)
        shown, rows = hidden(ids, np.random.default_rng([0, i]))
        here = rows[shown[rows] == MASK]
        with torch.no_grad():
            scores = some(pack([shown]), torch.from_numpy(here))
        total += float(F.cross_entropy(scores, torch.from_numpy(ids[here]), reduction="sum"))
        masked, chosen = masked + len(here), chosen + len(rows)
    height, count = perplexity(some, corpus)
    assert 0 < count == masked < chosen
    assert math.isclose(height, math.exp(total / masked), rel_tol=1e-5)
    assert math.isclose(perplexity(some, corpus, batch=10)[0], height, rel_tol=1e-5)


def test_perplexity_of_a_model_that_knows_nothing_is_that_of_the_whole_vocabulary():
    blind = Masked(SHAPE)
    with torch.no_grad():
        for weight in blind.parameters():
            weight.zero_()
    assert math.isclose(perplexity(blind, Corpus(PROTEINS))[0], 33, rel_tol=1e-5)


def test_pieces_hide_as_many_letters_as_wholes():
    corpus = Corpus(["ACDEFGHIKL" * 100])
    assert abs(perplexity(model(), corpus, longest=64)[1] - 120) < 40
    assert abs(perplexity(model(), corpus)[1] - 120) < 40


def test_the_saved_folder_is_what_transformers_and_the_encoder_open(tmp_path):
    from transformers import AutoTokenizer, EsmForMaskedLM

    some = model()
    write(some, tmp_path, longest=62, card={"perplexity": 17.5})
    assert json.loads((tmp_path / "card.json").read_text()) == {"perplexity": 17.5}
    theirs = EsmForMaskedLM.from_pretrained(tmp_path).eval()
    ids = torch.tensor(AutoTokenizer.from_pretrained(tmp_path)("MKT<mask>YIAKQ").input_ids)
    assert ids.tolist()[4] == MASK
    half = {k: v.half().float() for k, v in some.state_dict().items()}
    some.load_state_dict(half)
    with torch.no_grad():
        ours = some(pack([ids.numpy()]), torch.arange(len(ids)))
        torch.testing.assert_close(theirs(ids[None]).logits[0], ours, rtol=0, atol=1e-5)
        vectors = some.network(pack([encoder(str(tmp_path)).alphabet.tokens("MKTAY")]))[0][1:-1]
    opened = encoder(str(tmp_path))
    assert opened.window == 60
    np.testing.assert_allclose(opened.encode(["MKTAY"])[0], vectors.numpy(), atol=1e-5)


def test_letter_frequencies_alone_have_the_perplexity_of_their_entropy():
    assert unigram(Corpus(["AAAG"]), Corpus(["AAAG"])) == pytest.approx(
        math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    )
    assert unigram(Corpus(["AXAX"]), Corpus(["AAX"])) == pytest.approx(1.0)
