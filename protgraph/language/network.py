"""The network of ESM-2 and ProtBERT on packed tokens, with transformers' names for its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from protgraph.language.packing import Pack, attend

# ESM-2 was trained with 15 % of the tokens chosen and 80 % of those masked (Lin et al., Science
# 379:1123, 2023); embeddings are scaled to the sum that they had then.
_SEEN = 1 - 0.15 * 0.8


@dataclass(frozen=True)
class Shape:
    """What a network of this kind can differ in.

    Parameters
    ----------
    vocabulary, width, layers, heads, hidden : int
        Tokens, D, blocks, attention heads, and the inner width of a block.
    before : bool
        Layer norm before each half of a block and once at the end (ESM-2), or after (BERT).
    positions : int
        Rows of the table of positions; 0 for rotary positions.
    first : int
        The row of a protein's first token.
    embedded : bool
        Layer norm on the embeddings.
    mask : int, optional
        Token dropout as in ESM-2: this token's embedding is 0 and the others are scaled.
    eps : float
        Of the layer norms.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    hidden: int
    before: bool = True
    positions: int = 0
    first: int = 0
    embedded: bool = False
    mask: int | None = None
    eps: float = 1e-5


class Block(nn.Module):
    """Attention, then two linear layers; both added to the stream."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.before = shape.heads, shape.before
        self.norm1 = nn.LayerNorm(shape.width, shape.eps)
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.norm2 = nn.LayerNorm(shape.width, shape.eps)
        self.up = nn.Linear(shape.width, shape.hidden)
        self.down = nn.Linear(shape.hidden, shape.width)

    def forward(
        self, x: Tensor, lengths: Sequence[int], turn: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Map [N, D] to [N, D]; `turn` is the cosine and sine of the rotary angles."""
        if self.before:
            x = x + self._mixed(self.norm1(x), lengths, turn)
            return x + self._lifted(self.norm2(x))
        x = self.norm1(x + self._mixed(x, lengths, turn))
        y: Tensor = self.norm2(x + self._lifted(x))
        return y

    def heads_of(
        self, x: Tensor, turn: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the normed stream, [N, H, d] each."""
        q, k, v = self.qkv(x).unflatten(1, (3, self.heads, -1)).unbind(1)  # [N, H, d]
        return (q, k, v) if turn is None else (turned(q, *turn), turned(k, *turn), v)

    def _mixed(
        self, x: Tensor, lengths: Sequence[int], turn: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        query, key, value = self.heads_of(x, turn)
        mixed: Tensor = self.out(attend(query, key, value, lengths))
        return mixed

    def _lifted(self, x: Tensor) -> Tensor:
        lifted: Tensor = self.down(F.gelu(self.up(x)))
        return lifted


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn vectors [N, H, d] by rotary angles (Su et al., arXiv:2104.09864), [N, 1, d / 2] each."""
    one, two = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((one * cos - two * sin, two * cos + one * sin), dim=-1)


class Network(nn.Module):
    """A stack of blocks over packed proteins.

    Attributes
    ----------
    blocks : ModuleList
        Those above the last layer that is wanted may be left out.

    Examples
    --------
    >>> from protgraph.language.packing import pack
    >>> import numpy as np
    >>> network = Network(Shape(33, 8, layers=2, heads=2, hidden=16))
    >>> [x.shape for x in network(pack([np.array([0, 5, 2])]), layers=(0, 2))]
    [torch.Size([3, 8]), torch.Size([3, 8])]
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.word = nn.Embedding(shape.vocabulary, shape.width)
        if shape.positions:
            self.place = nn.Embedding(shape.positions, shape.width)
        if shape.embedded:
            self.norm = nn.LayerNorm(shape.width, shape.eps)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        if shape.before:
            self.last = nn.LayerNorm(shape.width, shape.eps)

    def forward(self, packed: Pack, layers: Sequence[int] = (-1,)) -> list[Tensor]:
        """Compute the outputs of some layers, [N, D] each.

        Parameters
        ----------
        packed : Pack
        layers : sequence of int
            0 is the embedding, the number of blocks or -1 the last, which in ESM-2 is normed.
        """
        depth = self.shape.layers
        wanted = [layer % (depth + 1) for layer in layers]
        x = self.embed(packed)
        kept = {0: x}
        turn = None if self.shape.positions else self.angles(packed.place)
        for layer, block in enumerate(self.blocks[: max(wanted)], 1):
            x = block(x, packed.lengths, turn)
            if layer == depth and self.shape.before:
                x = self.last(x)
            if layer in wanted:
                kept[layer] = x
        return [kept[layer] for layer in wanted]

    def maps(self, packed: Pack) -> Tensor:
        """Attention maps of a pack of one protein, [layers, H, N, N] in fp32."""
        x, maps = self.embed(packed), []
        turn = None if self.shape.positions else self.angles(packed.place)
        for block in self.blocks:
            assert isinstance(block, Block)
            normed = block.norm1(x) if self.shape.before else x
            q, k, _ = block.heads_of(normed, turn)  # [N, H, d]
            scores = torch.einsum("ihd,jhd->hij", q.float(), k.float()) / q.shape[-1] ** 0.5
            maps.append(torch.softmax(scores, dim=-1))
            x = block(x, packed.lengths, turn)
        return torch.stack(maps)

    def embed(self, packed: Pack) -> Tensor:
        """Look tokens and positions up: [N, D]."""
        x = self.word(packed.ids)
        if self.shape.mask is not None:
            x = x * _scale(packed, self.shape.mask).to(x.dtype)
        if self.shape.positions:
            x = x + self.place(packed.place + self.shape.first)
        if self.shape.embedded:
            x = self.norm(x)
        embedded: Tensor = x
        return embedded

    def angles(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the rotary positions, [N, 1, d / 2] each."""
        size = self.shape.width // self.shape.heads
        rates = torch.arange(0, size, 2, device=place.device, dtype=torch.float32) / size
        angle = (place[:, None].float() / 10_000**rates)[:, None]
        return angle.cos(), angle.sin()


def _scale(packed: Pack, mask: int) -> Tensor:
    """Token dropout, [N, 1]: 0 for a masked token, the more are, the larger for the others."""
    masked = torch.eq(packed.ids, mask)
    if not masked.any():
        return torch.full((1, 1), _SEEN, device=masked.device)
    lengths = torch.tensor(packed.lengths, device=masked.device)
    own = torch.repeat_interleave(lengths)
    share = torch.zeros(len(lengths), device=masked.device)
    share = share.index_add(0, own, masked.float()) / lengths
    return (_SEEN / (1 - share[own]) * ~masked)[:, None]


class MaskedHead(nn.Module):
    """From vectors to scores of the vocabulary; its last product is with the embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.dense = nn.Linear(shape.width, shape.width)
        self.layer_norm = nn.LayerNorm(shape.width, shape.eps)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))

    def forward(self, x: Tensor, word: Tensor) -> Tensor:
        """Map [M, D] and the embedding [V, D] to scores [M, V]."""
        x = self.layer_norm(F.gelu(self.dense(x)))
        return F.linear(x, word.to(x.dtype), self.bias.to(x.dtype))


_NAMES = (
    ("word.", "embeddings.word_embeddings."),
    ("place.", "embeddings.position_embeddings."),
    ("last.", "encoder.emb_layer_norm_after."),
    (r"blocks.(\d+).out.", r"encoder.layer.\1.attention.output.dense."),
    (r"blocks.(\d+).up.", r"encoder.layer.\1.intermediate.dense."),
    (r"blocks.(\d+).down.", r"encoder.layer.\1.output.dense."),
)
_ESM = (
    ("norm.", "embeddings.layer_norm."),
    (r"blocks.(\d+).norm1.", r"encoder.layer.\1.attention.LayerNorm."),
    (r"blocks.(\d+).norm2.", r"encoder.layer.\1.LayerNorm."),
)
_BERT = (
    ("norm.", "embeddings.LayerNorm."),
    (r"blocks.(\d+).norm1.", r"encoder.layer.\1.attention.output.LayerNorm."),
    (r"blocks.(\d+).norm2.", r"encoder.layer.\1.output.LayerNorm."),
)


def theirs(name: str, *, before: bool) -> tuple[str, ...]:
    """What transformers calls a weight: one name, or three for queries, keys and values.

    Examples
    --------
    >>> theirs("blocks.0.up.bias", before=True)
    ('encoder.layer.0.intermediate.dense.bias',)
    """
    if ".qkv." in name:
        own = name.replace("blocks.", "encoder.layer.").replace(".qkv.", ".attention.self.{}.")
        return tuple(own.format(part) for part in ("query", "key", "value"))
    for ours, other in (*_NAMES, *(_ESM if before else _BERT)):
        found, count = re.subn("^" + ours, other, name)
        if count:
            return (found,)
    raise KeyError(name)


def taken(network: Network, weights: Mapping[str, Tensor]) -> None:
    """Fill a network with weights under transformers' names."""
    before = network.shape.before
    state = {}
    for name in network.state_dict():
        parts = [weights[other] for other in theirs(name, before=before)]
        state[name] = parts[0] if len(parts) == 1 else torch.cat(parts)
    if not before and "embeddings.token_type_embeddings.weight" in weights:
        # Every token of a protein is of the first type, so its vector goes with the positions.
        state["place.weight"] = (
            state["place.weight"] + (weights["embeddings.token_type_embeddings.weight"][0])
        )
    network.load_state_dict(state)


def given(network: Network) -> dict[str, Tensor]:
    """Weights of a network under transformers' names."""
    weights = {}
    for name, tensor in network.state_dict().items():
        names = theirs(name, before=network.shape.before)
        for other, part in zip(names, tensor.chunk(len(names)), strict=True):
            weights[other] = part.contiguous()
    return weights
