"""A student in a folder as a language encoder: its network of letters, without its head."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from protgraph.language.checkpoint import reason
from protgraph.language.convolution import Convolutions
from protgraph.language.network import Network, Shape
from protgraph.language.packing import Pack
from protgraph.language.reader import Alphabet, LanguageModel
from protgraph.structure.residues import LETTERS

STUDENT = "protgraph-student"
"""What the `config.json` of a student says of it (`model_type`)."""

TOKENS = tuple(range(len(LETTERS) + 2))
"""Tokens of a network with no vocabulary from elsewhere: the letters, start and stop."""

_FORMS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def said(source: str | Path) -> Mapping[str, Any] | None:
    """Configuration of a student, or None where the folder holds none.

    Examples
    --------
    >>> said("no-such-folder") is None
    True
    """
    try:
        config = json.loads(Path(source, "config.json").read_text())
    except (OSError, ValueError):
        return None
    known = isinstance(config, dict) and config.get("model_type") == STUDENT
    return config if known else None


def narrow(width: int, layers: int, heads: int) -> Shape:
    """Shape of a student's own transformer: rotary blocks over the letters, 4 D wide inside.

    Examples
    --------
    >>> narrow(64, 2, 4).vocabulary
    23
    """
    return Shape(len(TOKENS), width, layers, heads, hidden=4 * width)


def network(source: str, config: Mapping[str, Any]) -> tuple[Network, Alphabet, int]:
    """Open a student that is a transformer: its network, its letters, its trained length.

    Parameters
    ----------
    source : str
        Folder.
    config : mapping
        As `said`.

    Raises
    ------
    ValueError
        Where it is none, its adaptation is not merged, or its weights do not fit.
    """
    if config["kind"] == "cnn":
        raise ValueError(f"{source}: a student of convolutions has no blocks to take.")
    if config["rank"]:
        raise ValueError(f"{source}: low-rank differences must be merged first (`merge`).")
    if config["kind"] == "layers":
        shape, tokens = Shape(**config["shape"]), tuple(config["tokens"])
    else:
        shape = narrow(*(config[key] for key in ("width", "layers", "heads")))
        tokens = TOKENS
    made = Network(shape)
    _filled(source, made, "encoder.network.")
    return made, _alphabet(tokens), int(config["window"])


def convolved(
    source: str, config: Mapping[str, Any], *, layer: int | Sequence[int] | Literal["all"],
    device: str, precision: str, tokens: int, window: int | None,
) -> LanguageModel:  # fmt: skip
    """Load a student of convolutions as an encoder; it reads every protein whole.

    Parameters
    ----------
    source : str
        Folder.
    config : mapping
        As `said`.
    layer, device, precision, tokens, window
        As `encoder.encoder`; there is the last layer alone, and no window.

    Raises
    ------
    ValueError
        For another layer, a window, int8, a device that is not there, or weights that do not fit.
    """
    depth = config["layers"]
    if layer not in (-1, depth, "all"):
        raise ValueError(f"{source}: layer is {depth} (or -1): convolutions have one, got {layer}.")
    if window is not None:
        raise ValueError(f"{source}: convolutions read proteins whole, got a window of {window}.")
    if precision not in _FORMS:
        raise ValueError(f"{source}: convolutions compute in {', '.join(_FORMS)}, got {precision}.")
    made = Convolutions(config["width"], layers=depth, kernel=config["kernel"], dropout=0.0)
    _filled(source, made, "encoder.")
    facts = hashlib.sha256(json.dumps(["cnn", depth, precision]).encode())
    for name, tensor in sorted(made.state_dict().items()):
        facts.update(f"{name} {list(tensor.shape)}".encode())
        facts.update(tensor.contiguous().numpy())
    name = f"{Path(source).resolve().name}, layer {depth}"
    try:
        made = made.to(_FORMS[precision]).eval().to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name}: device {device} cannot take it: {reason(error)}") from error
    return LanguageModel(
        name if precision == "fp32" else f"{name}, {precision}",
        config["width"],
        facts.hexdigest(),
        Line(made),
        _alphabet(TOKENS),
        (depth,),
        device=device,
        tokens=tokens,
        window=sys.maxsize,
    )


class Line(nn.Module):
    """Convolutions over packed proteins, as `Network` is called; start and stop have zeros.

    Examples
    --------
    >>> from protgraph.language.packing import pack
    >>> line = Line(Convolutions(8, layers=1, kernel=3))
    >>> [x.shape for x in line(pack([np.array([21, 0, 20, 22])]))]
    [torch.Size([4, 8])]
    """

    def __init__(self, convolutions: Convolutions) -> None:
        super().__init__()
        self.convolutions = convolutions

    def forward(self, packed: Pack, layers: Sequence[int] = (-1,)) -> list[Tensor]:
        """Give the last layer, [N, D], as often as it is asked for."""
        place = packed.place
        lengths = torch.tensor(packed.lengths, device=place.device)
        inside = (place > 0) & (place < lengths.repeat_interleave(lengths) - 1)
        mask = torch.arange(int(lengths.max()) - 2, device=place.device) < lengths[:, None] - 2
        ids = place.new_zeros(mask.shape)
        ids[mask] = packed.ids[inside]
        found: Tensor = self.convolutions(ids, mask)
        out = found.new_zeros(len(place), found.shape[2])
        out[inside] = found[mask]
        return [out for _ in layers]


def _alphabet(tokens: Sequence[int]) -> Alphabet:
    """Letters beyond the 20 amino acids are X."""
    own = [tokens[LETTERS.find(a)] if a in LETTERS else tokens[-3] for a in ascii_uppercase]
    return Alphabet(np.array(own), tokens[-2], tokens[-1])


def _filled(source: str, module: nn.Module, head: str) -> None:
    """Fill a module with the weights whose names begin so."""
    from safetensors.torch import load_file

    try:
        held = load_file(Path(source, "model.safetensors"))
        own = {name.removeprefix(head): w for name, w in held.items() if name.startswith(head)}
        module.load_state_dict({name: w.float() for name, w in own.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ValueError(f"{source}: weights do not fit config.json: {reason(error)}") from error
