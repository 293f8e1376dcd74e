"""Protein language models of the ESM-2 and ProtBERT kinds, from the hub, a folder or a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from protgraph.language.fairesm import VOCABULARY, translated
from protgraph.language.reader import Alphabet, LanguageModel
from protgraph.structure.residues import LETTERS

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""What a language model can compute in."""

# Elnaggar et al., IEEE TPAMI 44:7112 (2022): ProtBERT was trained on up to 2,048 tokens, though its
# table of positions has 40,000 rows.
_BERT_TOKENS = 2048

# Parts of a checkpoint that no vector depends on.
_IDLE = re.compile(r"(^|\.)(pooler|lm_head|cls|contact_head)\.|position_ids$|inv_freq$")


def load(
    source: str,
    *,
    layer: int = -1,
    device: str = "cpu",
    precision: str = "fp32",
    tokens: int = 4096,
    window: int | None = None,
) -> LanguageModel:
    """Load a language model of the ESM-2 (`EsmModel`) or ProtBERT (`BertModel`) kind.

    Parameters
    ----------
    source : str
        A fair-esm checkpoint (`*.pt`), a folder in transformers format, or a hub id. Of the last
        two only safetensors are read and no code of the repository is run.
    layer, device, precision, tokens, window
        As `encoder.encoder` says. The trained length is 1,022 residues for ESM-2 and 2,046 for
        ProtBERT; models with rotary positions take a larger `window`.

    Returns
    -------
    model : LanguageModel
        The last layer of ESM-2 includes the final layer norm, as in fair-esm; others have none.

    Raises
    ------
    ValueError
        For another kind of model, an incomplete checkpoint, a vocabulary without the 20 amino
        acids, or an option out of range.
    FileNotFoundError
        Where there is nothing at `source`.

    Notes
    -----
    A letter that the vocabulary lacks is read as X, for ProtBERT also U, Z, O and B, as it was
    trained. ESM-2's rescaling of embeddings (token dropout) is part of the model, here too.

    Examples
    --------
    >>> load("nowhere/esm2_t6_8M_UR50D.pt")
    Traceback (most recent call last):
    FileNotFoundError: nowhere/esm2_t6_8M_UR50D.pt: there is no such file.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is one of {', '.join(PRECISIONS)}, got {precision}.")
    if tokens < 1:
        raise ValueError(f"tokens is the size of a batch and must be positive, got {tokens}.")
    if source.endswith(".pt"):
        model, alphabet = _from_fair_esm(source)
    elif Path(source).is_file():
        raise ValueError(f"{source}: a model is a folder, a hub id or a fair-esm *.pt, got a file.")
    else:
        model, alphabet = _from_transformers(source)
    name = Path(source).resolve().name.removesuffix(".pt") if Path(source).exists() else source
    layer = _cut(model, layer, name)
    window = _window(model.config, window, name)
    digest = _digest(model, [layer, window, precision, alphabet.letters.tolist(), *alphabet[1:]])
    # Frequencies of the rotary positions are a buffer: in bf16 they would misplace residues.
    for parameter in model.parameters():
        parameter.data = parameter.data.to(PRECISIONS[precision])
    name = f"{name}, layer {layer}" + ("" if precision == "fp32" else f", {precision}")
    width = int(model.config.hidden_size)
    try:
        model = model.eval().to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name}: device {device} cannot take it: {_reason(error)}") from error
    return LanguageModel(name, width, digest, model, alphabet, device, tokens, window)


def _cut(model: Any, layer: int, name: str) -> int:
    """Leave out the layers above `layer`, counted from 0; its output is then the last."""
    depth = len(model.encoder.layer)
    if not -depth - 1 <= layer <= depth:
        raise ValueError(f"{name}: layer is from {-depth - 1} to {depth}, got {layer}.")
    layer %= depth + 1
    if layer < depth:
        model.encoder.layer = model.encoder.layer[:layer]
        if hasattr(model.encoder, "emb_layer_norm_after"):
            model.encoder.emb_layer_norm_after = None
    return layer


def _window(config: Any, window: int | None, name: str) -> int:
    # EsmModel counts positions from 2, and both kinds spend two tokens on start and stop.
    esm = config.model_type == "esm"
    most = config.max_position_embeddings - (4 if esm else 2)
    trained = most if esm else min(most, _BERT_TOKENS - 2)
    window = trained if window is None else window
    rotary = esm and config.position_embedding_type == "rotary"
    if window < 2 or (window > most and not rotary):
        raise ValueError(f"{name}: window is from 2 to {most} residues, got {window}.")
    return window


def _digest(model: Any, facts: list[Any]) -> str:
    keys = ("model_type", "num_attention_heads", "layer_norm_eps", "hidden_act", "token_dropout")
    facts = [*facts, *(getattr(model.config, key, None) for key in keys)]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for name, tensor in sorted(model.state_dict().items()):
        if name.startswith(("embeddings.", "encoder.", "rotary_embeddings.")):
            digest.update(f"{name} {list(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


def _from_transformers(source: str) -> tuple[Any, Alphabet]:
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer

    safe = {"trust_remote_code": False}
    config = _given(source, "config", partial(AutoConfig.from_pretrained, source, **safe))
    kind = config.model_type
    if kind not in ("esm", "bert") or getattr(config, "is_folding_model", False):
        raise ValueError(f"{source}: a language model is of the kind esm or bert, got {kind}.")
    tokenizer = _given(source, "vocabulary", partial(AutoTokenizer.from_pretrained, source, **safe))
    stop = tokenizer.eos_token_id if kind == "esm" else tokenizer.sep_token_id
    special = (tokenizer.cls_token_id, stop, tokenizer.pad_token_id)
    alphabet = _alphabet(source, tokenizer.get_vocab(), special, "UZOB" if kind == "bert" else "")
    # The class that wrote the checkpoint finds all its weights in place.
    masked = any(name.endswith("ForMaskedLM") for name in config.architectures or ())
    get = (AutoModelForMaskedLM if masked else AutoModel).from_pretrained
    model = _whole(source, partial(get, source, config=config, use_safetensors=True, **safe))
    return model.base_model, alphabet


def _from_fair_esm(source: str) -> tuple[Any, Alphabet]:
    settings, tensors = translated(Path(source))
    from transformers import EsmConfig, EsmModel

    config = _given(source, "config", partial(EsmConfig, **settings))
    get = partial(EsmModel.from_pretrained, None, config=config, state_dict=tensors)
    model = _whole(source, partial(get, add_pooling_layer=False), strict=True)
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    return model, _alphabet(source, ids, [ids["<cls>"], ids["<eos>"], ids["<pad>"]])


def _given(source: str, part: str, get: Callable[[], Any]) -> Any:
    """What transformers gives, or one error that names the source."""
    try:
        return get()
    except OSError as error:
        raise FileNotFoundError(f"{source}: {_absent(source)} ({_reason(error)})") from error
    except (RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{source}: its {part} cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _absent(source: str) -> str:
    if Path(source).is_dir():
        return "the folder lacks a file of a model in transformers' safetensors format"
    if source.startswith(("/", ".", "~")):
        return "there is no such folder"
    return (
        "there is no such folder, and the hub did not give safetensors of that name. With network, "
        f"`hf download {source}` prints a folder to pass here; or let HF_HOME name a cache with it"
    )


def _whole(source: str, get: Callable[..., Any], *, strict: bool = False) -> Any:
    """The model, if every weight of its encoder came from the checkpoint."""
    get = partial(get, dtype=torch.float32, output_loading_info=True)
    model, report = _given(source, "checkpoint", get)
    lacking = sorted(name for name in report["missing_keys"] if not _IDLE.search(name))
    if lacking:
        raise ValueError(
            f"{source}: a checkpoint has every weight of the encoder, "
            f"but {len(lacking)} are missing: {', '.join(lacking[:3])}."
        )
    if strict and report["unexpected_keys"]:
        odd = ", ".join(sorted(report["unexpected_keys"])[:3])
        raise ValueError(f"{source}: a fair-esm checkpoint is an ESM-2 model, but this has {odd}.")
    return model


def _alphabet(
    source: str, vocabulary: dict[str, int], special: Sequence[int | None], as_x: str = ""
) -> Alphabet:
    lacking = [a for a in LETTERS if a not in vocabulary]
    start, stop, pad = special
    if lacking or start is None or stop is None or pad is None:
        raise ValueError(
            f"{source}: a vocabulary has the letters {LETTERS} and tokens for start, stop and "
            f"padding, but lacks {lacking or 'a token'}."
        )
    known = {a: i for a, i in vocabulary.items() if a not in as_x}
    letters = np.array([known.get(a, known["X"]) for a in ascii_uppercase])
    return Alphabet(letters, start, stop, pad)
