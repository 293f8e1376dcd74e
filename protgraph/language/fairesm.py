"""A fair-esm checkpoint of ESM-2 in the words of transformers: renamed, number for number."""

from __future__ import annotations

import argparse
import pickle
import re
from pathlib import Path
from typing import Any

import torch

VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-"]
VOCABULARY += ["<null_1>", "<mask>"]
"""The alphabet that fair-esm calls "ESM-1b": a token's place is its id."""

_SETTINGS = {"encoder_layers", "encoder_embed_dim", "encoder_attention_heads", "token_dropout"}

_NAMES = {
    r"^encoder\.(sentence_encoder\.)?": "",
    r"^embed_tokens\.": "embeddings.word_embeddings.",
    r"^emb_layer_norm_after\.": "encoder.emb_layer_norm_after.",
    r"^layers\.": "encoder.layer.",
    r"\.self_attn\.rot_emb\.": ".attention.self.rotary_embeddings.",
    r"\.self_attn\.q_proj\.": ".attention.self.query.",
    r"\.self_attn\.k_proj\.": ".attention.self.key.",
    r"\.self_attn\.v_proj\.": ".attention.self.value.",
    r"\.self_attn\.out_proj\.": ".attention.output.dense.",
    r"\.self_attn_layer_norm\.": ".attention.LayerNorm.",
    r"\.fc1\.": ".intermediate.dense.",
    r"\.fc2\.": ".output.dense.",
    r"\.final_layer_norm\.": ".LayerNorm.",
}


def translated(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read a fair-esm checkpoint (`*.pt`) of ESM-2 for transformers' `EsmModel`.

    Parameters
    ----------
    path : Path
        Unpickled with `weights_only`: a file with more than tensors and settings is refused.

    Returns
    -------
    settings : dict
        What `EsmConfig` takes.
    tensors : dict of str to tensor
        The encoder's weights under the names of `EsmModel`; the language-model head is left out.

    Raises
    ------
    FileNotFoundError
        Where there is no file.
    ValueError
        Where the file is no fair-esm checkpoint.

    Examples
    --------
    >>> translated(Path("esm2_t6_8M_UR50D.pt"))
    Traceback (most recent call last):
    FileNotFoundError: esm2_t6_8M_UR50D.pt: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    rule = "a fair-esm checkpoint holds `model` (tensors) and `cfg` or `args` (settings) alone"
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            stored = torch.load(path, map_location="cpu", weights_only=True)
        trained = _plain(stored["args"] if "args" in stored else _plain(stored["cfg"])["model"])
        tensors = {_renamed(k): v for k, v in stored["model"].items() if "lm_head" not in k}
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path}: {rule}, but this is no such pickle.") from error
    except (RuntimeError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: {rule}, but reading it gave {error!r}.") from error
    lacking = sorted(_SETTINGS - set(trained))
    if lacking:
        raise ValueError(f"{path}: {rule}, but its settings lack {', '.join(lacking)}.")
    settings = _config(trained)
    # fair-esm keeps the contact head, which no vector depends on, in a file of its own.
    pairs = settings["num_hidden_layers"] * settings["num_attention_heads"]
    tensors["contact_head.regression.weight"] = torch.zeros(1, pairs)
    tensors["contact_head.regression.bias"] = torch.zeros(1)
    return settings, tensors


def _plain(settings: Any) -> dict[str, Any]:
    return vars(settings) if isinstance(settings, argparse.Namespace) else dict(settings)


def _renamed(key: str) -> str:
    for pattern, name in _NAMES.items():
        key = re.sub(pattern, name, key)
    return key


def _config(trained: dict[str, Any]) -> dict[str, Any]:
    width = trained["encoder_embed_dim"]
    return {
        "vocab_size": len(VOCABULARY),
        "mask_token_id": VOCABULARY.index("<mask>"),
        "pad_token_id": VOCABULARY.index("<pad>"),
        "hidden_size": width,
        "num_hidden_layers": trained["encoder_layers"],
        "num_attention_heads": trained["encoder_attention_heads"],
        "intermediate_size": 4 * width,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": 1026,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "layer_norm_eps": 1e-5,
        "token_dropout": trained["token_dropout"],
    }
