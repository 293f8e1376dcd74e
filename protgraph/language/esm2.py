"""Protein language models of the ESM-2 and ProtBERT kinds, from the hub, a folder or a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from protgraph.language import students
from protgraph.language.checkpoint import obtained, quiet, reason
from protgraph.language.fairesm import VOCABULARY, translated
from protgraph.language.network import Network, Shape, taken
from protgraph.language.quantise import int8
from protgraph.language.reader import Alphabet, LanguageModel
from protgraph.structure.residues import LETTERS

PRECISIONS: dict[str, Callable[[Network], Network]] = {
    "fp32": lambda network: network,
    "bf16": lambda network: network.to(torch.bfloat16),
    "int8": int8,
}
"""What a language model can compute in."""

# Elnaggar et al., IEEE TPAMI 44:7112 (2022): ProtBERT was trained on up to 2,048 tokens, though its
# table of positions has 40,000 rows.
_BERT_TOKENS = 2048

# Parts of a checkpoint that no vector depends on.
_IDLE = re.compile(r"(^|\.)(pooler|lm_head|cls|contact_head)\.|position_ids$|inv_freq$")


def load(
    source: str,
    *,
    layer: int | Sequence[int] | Literal["all"] = -1,
    device: str = "cpu",
    precision: str = "fp32",
    tokens: int = 4096,
    window: int | None = None,
) -> LanguageModel:
    """Load a language model of the ESM-2 (`EsmModel`) or ProtBERT (`BertModel`) kind.

    Parameters
    ----------
    source : str
        A fair-esm checkpoint (`*.pt`), a folder in transformers format, or a hub id; or the folder
        of a student (`students`). Of folders and hub ids only safetensors are read, and no code of
        a repository is run.
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
    if precision == "int8" and device != "cpu":
        raise ValueError(f"precision int8 is for the CPU, got device {device}.")
    if tokens < 1:
        raise ValueError(f"tokens is the size of a pack and must be positive, got {tokens}.")
    student = students.said(source)
    if student is not None and student["kind"] == "cnn":
        return students.convolved(
            source, student, layer=layer, device=device, precision=precision, tokens=tokens,
            window=window,
        )  # fmt: skip
    network, alphabet, longest, regression = opened(source)
    name = Path(source).resolve().name.removesuffix(".pt") if Path(source).exists() else source
    layers = _layers(layer, len(network.blocks), name)
    window = _window(network.shape, longest, window, name)
    facts = [window, precision, alphabet.letters.tolist(), alphabet.start, alphabet.stop]
    weights = _digest(network, facts)
    network.blocks = network.blocks[: max(layers)]
    name = f"{name}, layer {','.join(map(str, layers))}"
    name += "" if precision == "fp32" else f", {precision}"
    try:
        network = PRECISIONS[precision](network).eval().to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name}: device {device} cannot take it: {reason(error)}") from error
    width = network.shape.width
    return LanguageModel(
        name,
        width,
        weights,
        network,
        alphabet,
        layers,
        device=device,
        tokens=tokens,
        window=window,
        regression=regression,
    )


def _layers(layer: int | Sequence[int] | Literal["all"], depth: int, name: str) -> tuple[int, ...]:
    """Layers counted from 0, the embedding."""
    if layer == "all":
        return tuple(range(depth + 1))
    wanted = [layer] if isinstance(layer, int) else list(layer)
    for one in wanted or [depth + 1]:
        if not isinstance(one, int) or not -depth - 1 <= one <= depth:
            raise ValueError(f"{name}: layer is from {-depth - 1} to {depth}, got {layer}.")
    return tuple(one % (depth + 1) for one in wanted)


def _window(shape: Shape, longest: int, window: int | None, name: str) -> int:
    # Start and stop take two of the tokens that a table of positions has rows for.
    most = shape.positions - shape.first - 2 if shape.positions else None
    window = longest if window is None else window
    if window < 2 or (most is not None and window > most):
        raise ValueError(f"{name}: window is from 2 to {most or longest} residues, got {window}.")
    return window


def _digest(network: Network, facts: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps([*facts, *asdict(network.shape).values()]).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()


class Opened(NamedTuple):
    """A checkpoint in fp32 on the CPU.

    `longest` are the residues of the longest protein that it was trained on, `regression` is the
    layer that tells contacts from attention maps, where the checkpoint has one.
    """

    network: Network
    alphabet: Alphabet
    longest: int
    regression: Any


def opened(source: str) -> Opened:
    """Open a checkpoint; parameters and errors are those of `load`."""
    student = students.said(source)
    if student is not None:
        return Opened(*students.network(source, student), None)
    if source.endswith(".pt"):
        model, lacking, alphabet = _from_fair_esm(source)
    elif Path(source).is_file():
        raise ValueError(f"{source}: a model is a folder, a hub id or a fair-esm *.pt, got a file.")
    else:
        model, lacking, alphabet = _from_transformers(source)
    config = model.config
    shape = _shape(source, config)
    network = Network(shape)
    taken(network, model.state_dict())
    has_contacts = shape.before and not any("contact_head" in name for name in lacking)
    regression = model.contact_head.regression if has_contacts else None
    rows = config.max_position_embeddings - shape.first
    longest = (rows if shape.before else min(rows, _BERT_TOKENS)) - 2
    return Opened(network, alphabet, longest, regression)


def _shape(source: str, config: Any) -> Shape:
    esm = config.model_type == "esm"
    if not esm and config.hidden_act != "gelu":
        raise ValueError(f"{source}: blocks are computed with gelu, got {config.hidden_act}.")
    rotary = esm and config.position_embedding_type == "rotary"
    return Shape(
        vocabulary=config.vocab_size,
        width=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.intermediate_size,
        before=esm,
        positions=0 if rotary else config.max_position_embeddings,
        # EsmModel counts positions from 2.
        first=2 if esm else 0,
        embedded=bool(config.emb_layer_norm_before) if esm else True,
        mask=config.mask_token_id if esm and config.token_dropout else None,
        eps=config.layer_norm_eps,
    )


def _from_transformers(source: str) -> tuple[Any, set[str], Alphabet]:
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer

    safe = {"trust_remote_code": False}
    config = obtained(source, "config", partial(AutoConfig.from_pretrained, source, **safe))
    kind = config.model_type
    if kind not in ("esm", "bert") or getattr(config, "is_folding_model", False):
        raise ValueError(f"{source}: a language model is of the kind esm or bert, got {kind}.")
    tokenizer = obtained(
        source, "vocabulary", partial(AutoTokenizer.from_pretrained, source, **safe)
    )
    stop = tokenizer.eos_token_id if kind == "esm" else tokenizer.sep_token_id
    special = (tokenizer.cls_token_id, stop)
    alphabet = _alphabet(source, tokenizer.get_vocab(), special, "UZOB" if kind == "bert" else "")
    # The class that wrote the checkpoint finds all its weights in place.
    masked = any(name.endswith("ForMaskedLM") for name in config.architectures or ())
    get = (AutoModelForMaskedLM if masked else AutoModel).from_pretrained
    get = partial(get, source, config=config, use_safetensors=True, **safe)
    model, lacking = _whole(source, get)
    return model.base_model, lacking, alphabet


def _from_fair_esm(source: str) -> tuple[Any, set[str], Alphabet]:
    settings, tensors = translated(Path(source))
    from transformers import EsmConfig, EsmModel

    config = obtained(source, "config", partial(EsmConfig, **settings))
    get = partial(EsmModel.from_pretrained, None, config=config, state_dict=tensors)
    model, lacking = _whole(source, partial(get, add_pooling_layer=False), strict=True)
    # fair-esm keeps the contact head in a file of its own.
    lacking = {*lacking, "contact_head"}
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    return model, lacking, _alphabet(source, ids, [ids["<cls>"], ids["<eos>"]])


def _whole(source: str, get: Callable[..., Any], *, strict: bool = False) -> tuple[Any, set[str]]:
    """The model, if every weight of its encoder came from the checkpoint, and what did not."""
    get = partial(get, dtype=torch.float32, output_loading_info=True)
    with quiet():
        model, report = obtained(source, "checkpoint", get)
    lacking = sorted(name for name in report["missing_keys"] if not _IDLE.search(name))
    if lacking:
        raise ValueError(
            f"{source}: a checkpoint has every weight of the encoder, "
            f"but {len(lacking)} are missing: {', '.join(lacking[:3])}."
        )
    if strict and report["unexpected_keys"]:
        odd = ", ".join(sorted(report["unexpected_keys"])[:3])
        raise ValueError(f"{source}: a fair-esm checkpoint is an ESM-2 model, but this has {odd}.")
    return model, set(report["missing_keys"])


def _alphabet(
    source: str, vocabulary: dict[str, int], special: Sequence[int | None], as_x: str = ""
) -> Alphabet:
    lacking = [a for a in LETTERS if a not in vocabulary]
    start, stop = special
    if lacking or start is None or stop is None:
        raise ValueError(
            f"{source}: a vocabulary has the letters {LETTERS} and tokens for start and stop, "
            f"but lacks {lacking or 'a token'}."
        )
    known = {a: i for a, i in vocabulary.items() if a not in as_x}
    letters = np.array([known.get(a, known["X"]) for a in ascii_uppercase])
    return Alphabet(letters, start, stop)
