"""A masked language model: guessing hidden letters, how well, and the folder it is saved in."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from protgraph.language.fairesm import VOCABULARY
from protgraph.language.network import MaskedHead, Network, Shape, given
from protgraph.language.packing import Pack, pack
from protgraph.train.corpus import AMINO, MASK, START, STOP, Corpus, Tokens, hidden


class Masked(nn.Module):
    """A network and the head that guesses hidden letters."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.network = Network(shape)
        self.head = MaskedHead(shape)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                # The stream grows with depth, so what is added to it starts smaller.
                added = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * shape.layers if added else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, packed: Pack, rows: Tensor) -> Tensor:
        """Scores of the vocabulary at some rows, [M, 33]."""
        hidden = self.network(packed)[0][rows]
        scores: Tensor = self.head(hidden, self.network.word.weight)
        return scores


def perplexity(
    model: Masked, corpus: Corpus, *, longest: int = 1024, batch: int = 16_384, bf16: bool = False
) -> tuple[float, int]:
    """How many letters a guess at a `<mask>` hesitates between, and how many were guessed.

    Parameters
    ----------
    model : Masked
    corpus : Corpus
        Letters are hidden as in training, by a fixed seed; of the chosen ones only those that are
        `<mask>` count, since the ones left in place are no riddle.
    longest : int
        Proteins of more tokens are read in pieces of so many, start and stop among them.
    batch : int
        Tokens a forward pass.
    bf16 : bool

    Returns
    -------
    perplexity : float
        Exponential of the mean cross-entropy over the whole vocabulary, in nats.
    count : int
    """
    device = next(model.parameters()).device
    model.eval()
    total, count = 0.0, 0
    for pieces in _packs(corpus, longest, batch):
        packed = pack([piece for _, piece in pieces])
        # A seed a piece: how the set is cut into passes does not change what is hidden.
        both = [hidden(piece, np.random.default_rng([0, i])) for i, piece in pieces]
        shown = np.concatenate([ids for ids, _ in both])
        rows = np.flatnonzero(shown == MASK)
        hiding = packed._replace(ids=torch.from_numpy(shown)).to(device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            scores = model(hiding, torch.from_numpy(rows).to(device)).float()
        truth = packed.ids[rows].to(device)
        total += float(F.cross_entropy(scores, truth, reduction="sum"))
        count += len(rows)
    return math.exp(total / count), count


def _packs(corpus: Corpus, longest: int, batch: int) -> Iterator[list[tuple[int, Tokens]]]:
    """Every protein whole, or in numbered pieces without overlap, sorted by length."""
    pieces = [
        np.concatenate([[START], corpus[i][first : first + longest - 2], [STOP]]).astype(np.int64)
        for i in range(len(corpus))
        for first in range(0, len(corpus[i]), longest - 2)
    ]
    current: list[tuple[int, Tokens]] = []
    size = 0
    for i, piece in sorted(enumerate(pieces), key=lambda pair: -len(pair[1])):
        if current and size + len(piece) > batch:
            yield current
            current, size = [], 0
        current.append((i, piece))
        size += len(piece)
    if current:
        yield current


def unigram(train: Corpus, valid: Corpus) -> float:
    """Perplexity of guessing by letter frequency alone, which asks for no model.

    Examples
    --------
    >>> round(unigram(Corpus(["AAAG"]), Corpus(["AG"])), 2)
    2.31
    """
    share = np.bincount(train.tokens, minlength=len(VOCABULARY))[AMINO].astype(float)
    share /= share.sum()
    count = np.bincount(valid.tokens, minlength=len(VOCABULARY))[AMINO]
    seen = count > 0
    with np.errstate(divide="ignore"):
        return float(np.exp(-(count[seen] * np.log(share[seen])).sum() / count.sum()))


def write(model: Masked, folder: Path, *, longest: int, card: Mapping[str, Any]) -> None:
    """Save in the format that `EsmForMaskedLM.from_pretrained` and `encoder` open, in fp16.

    Parameters
    ----------
    model : Masked
    folder : path
        Made if absent: config.json, model.safetensors, the vocabulary, and card.json.
    longest : int
        Tokens of the longest crop it was trained on.
    card : mapping
        What it was trained on and what it scores.
    """
    from safetensors.torch import save_file

    shape = model.network.shape
    weights = {f"esm.{name}": tensor for name, tensor in given(model.network).items()}
    weights |= {f"lm_head.{name}": tensor for name, tensor in model.head.state_dict().items()}
    config = {
        "architectures": ["EsmForMaskedLM"],
        "model_type": "esm",
        "dtype": "float32",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.hidden,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        # EsmModel counts positions from 2.
        "max_position_embeddings": longest + 2,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "layer_norm_eps": shape.eps,
        "token_dropout": True,
        "mask_token_id": MASK,
        "pad_token_id": VOCABULARY.index("<pad>"),
        "tie_word_embeddings": True,
    }
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.cpu().half().contiguous() for name, tensor in weights.items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    texts = {
        "config.json": json.dumps(config, indent=2) + "\n",
        "vocab.txt": "\n".join(VOCABULARY) + "\n",
        "tokenizer_config.json": json.dumps({"tokenizer_class": "EsmTokenizer"}) + "\n",
        "card.json": json.dumps(dict(card), indent=2) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
