from argparse import Namespace
from pathlib import Path

import pytest
import torch

from protgraph.language.fairesm import VOCABULARY, translated

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"LAGVESIKRDTPNQFYMHCWXUBZO"]


@pytest.fixture(scope="session")
def fair():
    """A small random ESM-2 of fair-esm, all of its parameters moved from where they start."""
    esm2 = pytest.importorskip("esm.model.esm2", reason="fair-esm is not the imported `esm`")
    torch.manual_seed(0)
    model = esm2.ESM2(num_layers=2, embed_dim=32, attention_heads=4).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="session")
def checkpoint():
    return write_checkpoint


@pytest.fixture(scope="session")
def esm_folder():
    return write_folder


def write_checkpoint(model, path, *, settings="cfg", without=(), extra=None):
    """Write what fair-esm's `load_model_and_alphabet` reads."""
    trained = Namespace(
        encoder_layers=model.num_layers,
        encoder_embed_dim=model.embed_dim,
        encoder_attention_heads=model.attention_heads,
        token_dropout=model.token_dropout,
    )
    state = {
        f"encoder.lm_head.{key[8:]}" if "lm_head" in key else f"encoder.sentence_encoder.{key}": v
        for key, v in model.state_dict().items()
        if not key.startswith(("contact_head", *without))
    }
    given = {"cfg": {"model": trained}} if settings == "cfg" else {"args": trained}
    torch.save({**given, "model": {**state, **(extra or {})}}, path)
    return str(path)


@pytest.fixture(scope="session")
def pt(fair, tmp_path_factory):
    return write_checkpoint(fair, tmp_path_factory.mktemp("pt") / "esm2_tiny.pt")


def write_folder(pt, folder):
    """Write the model as the hub has ESM-2: with its head, in transformers format."""
    from transformers import EsmConfig, EsmForMaskedLM

    settings, tensors = translated(Path(pt))
    torch.manual_seed(2)
    model = EsmForMaskedLM(EsmConfig(**settings))
    torch.nn.init.normal_(model.esm.contact_head.regression.weight)
    tensors = {key: value for key, value in tensors.items() if "contact_head" not in key}
    assert not model.esm.load_state_dict(tensors, strict=False).unexpected_keys
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    return str(folder)


@pytest.fixture(scope="session")
def folder(pt, tmp_path_factory):
    return write_folder(pt, tmp_path_factory.mktemp("hub") / "esm2_tiny")


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("hub") / "protbert_tiny"
    config = BertConfig(
        vocab_size=len(BERT),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=4000,
    )
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(BERT))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": false}'
    )
    return str(folder)
