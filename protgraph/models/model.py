"""Encoder and head as one module that says what it needs, saves itself and comes back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch_geometric.data import Data

from protgraph.models.gnn import EGNN, GCN, GATv2, Relational
from protgraph.models.heads import PairHead, heads_of
from protgraph.models.sequence import CNN, BiLSTM, Composition, LightAttention, Linear

ENCODERS: dict[str, type[nn.Module]] = {
    "gcn": GCN,
    "gatv2": GATv2,
    "relational": Relational,
    "egnn": EGNN,
    "linear": Linear,
    "composition": Composition,
    "cnn": CNN,
    "bilstm": BiLSTM,
    "light-attention": LightAttention,
}
"""Every encoder: graph -> [N, D]. The last five look at the sequence only."""

SEQUENCE = ("linear", "composition", "cnn", "bilstm", "light-attention")

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = 1


@dataclass(frozen=True)
class Config:
    """All that a saved model says of itself.

    Parameters
    ----------
    task, level : str
        The question and what one answer is about.
    outputs : tuple of str
        Names of the scores.
    exclusive : bool
        Softmax over the outputs instead of a sigmoid each.
    value : bool
        Neither: outputs are quantities.
    given : str
        The condition under which the scores hold.
    encoder : str
        A name in `ENCODERS`.
    inputs, edges, kinds : int
        Widths of `x` and `edge_attr`, and the number of edge kinds.
    width, layers, dropout
        Of the encoder.
    vectors : str
        Name of the language encoder whose vectors follow the node features; "" for none.
    layer : int
        Its layer.
    digest : str
        Hash of the language encoder's weights, layer and precision; "" for none.
    graph : mapping
        Keyword arguments of `protgraph.build`.
    gaps : bool
        Whether numbering gaps were read as X (`protgraph.read`).
    calibration : mapping
        What makes probabilities of the scores (`protgraph.tasks.probability`), or nothing.
    thresholds : tuple of float
        One an output: a score from here on, once calibrated, counts as a call. Empty where none
        was chosen.
    expected : mapping
        Output, or "all outputs", -> precision and recall of calls on validation, each with its
        95 % interval by family, or why they are unknown.
    card : mapping
        What a reader of the model wants to know: data, split, scores, seed, date.
    """

    task: str
    level: str
    outputs: tuple[str, ...]
    encoder: str
    inputs: int
    edges: int
    kinds: int
    width: int = 64
    layers: int = 3
    dropout: float = 0.1
    exclusive: bool = False
    value: bool = False
    given: str = ""
    vectors: str = ""
    layer: int = -1
    digest: str = ""
    gaps: bool = True
    graph: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()
    expected: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(f"Unknown encoder {self.encoder!r}. There are: {', '.join(ENCODERS)}.")
        heads = heads_of(self.encoder)
        if self.level not in heads:
            raise ValueError(f"{self.task}: no head for level {self.level!r}: {', '.join(heads)}.")


class Model(nn.Module):
    """An encoder and a head: graph -> scores [N, C] or [B, C] before sigmoid or softmax.

    A model of pairs gives vectors of proteins first, then scores of any pairs of them, so that
    each protein is encoded once.

    Parameters
    ----------
    config : Config

    Examples
    --------
    >>> import torch
    >>> config = Config("demo", "residue", ("site",), "gcn", inputs=4, edges=2, kinds=5, width=8)
    >>> graph = Data(x=torch.ones(3, 4), edge_index=torch.tensor([[0, 1], [1, 0]]))
    >>> Model(config)(graph).shape
    torch.Size([3, 1])
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = ENCODERS[config.encoder](
            config.inputs, config.edges, config.kinds,
            width=config.width, layers=config.layers, dropout=config.dropout,
        )  # fmt: skip
        self.width = config.inputs if config.encoder == "linear" else config.width
        self.head = heads_of(config.encoder)[config.level](self.width, len(config.outputs))

    def forward(self, data: Data) -> Tensor:
        """Score a graph or a batch of graphs; a ValueError where the model scores pairs."""
        if isinstance(self.head, PairHead):
            raise ValueError(
                f"{self.config.task}: a model of pairs scores two proteins by `vectors` and "
                "`pairs`, got graphs to score one by one."
            )
        scores: Tensor = self.head(self.encoder(data), data.get("batch"))
        return scores

    def vectors(self, data: Data) -> Tensor:
        """Encode the proteins of a graph or batch for `pairs`: [B, V]."""
        return self._pairs.vectors(self.encoder(data), data.get("batch"))

    def pairs(self, vectors: Tensor, partners: Tensor) -> Tensor:
        """Score pairs [P, 2] of places among the vectors: [P, C]; partners have no order."""
        scores: Tensor = self._pairs(vectors, partners)
        return scores

    @property
    def _pairs(self) -> PairHead:
        if not isinstance(self.head, PairHead):
            c = self.config
            raise ValueError(f"{c.task}: only a model of pairs scores pairs, got level {c.level}.")
        return self.head

    def probabilities(self, data: Data) -> Tensor:
        """Score a graph or batch: [N, C] or [B, C], each from 0 to 1, or quantities."""
        return self.bounded(self(data))

    def bounded(self, scores: Tensor) -> Tensor:
        """Bring scores [..., C] of `forward` or `pairs` to 0 to 1, unless they are quantities."""
        scores = scores.float()
        if self.config.value:
            return scores
        return scores.softmax(dim=1) if self.config.exclusive else scores.sigmoid()

    @property
    def size(self) -> int:
        """How many numbers were trained."""
        return sum(p.numel() for p in self.parameters())

    def describe(self) -> str:
        """Say in a few lines what this model is."""
        c = self.config
        size = f"width {c.width}, {c.layers} layers, {self.size:,} parameters"
        lines = [
            f"{c.task}: {c.level} scores {', '.join(c.outputs)}",
            f"{c.encoder}, {size}",
            f"language vectors: {c.vectors + f', layer {c.layer}' if c.vectors else 'none'}",
        ]
        if c.given:
            lines.append(f"scores hold given that {c.given}")
        lines += [f"{key}: {value}" for key, value in c.card.items()]
        return "\n".join(lines)

    def save(self, folder: str | Path) -> Path:
        """Write `config.json` and `model.safetensors`, whole or not at all.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Returns
        -------
        folder : Path

        Raises
        ------
        OSError
            Where the folder cannot be written.
        """
        from safetensors.torch import save

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        config = json.dumps({"format": FORMAT, **asdict(self.config)}, indent=2, allow_nan=False)
        _write(folder, {WEIGHTS: save(weights), CONFIG: config.encode() + b"\n"})
        return folder


def load(folder: str | Path) -> Model:
    """Read a model that `Model.save` wrote.

    Parameters
    ----------
    folder : path

    Returns
    -------
    model : Model
        In evaluation mode.

    Raises
    ------
    FileNotFoundError
        Where the folder does not hold a model.
    ValueError
        Where the files do not belong together or were written by a newer format.
    """
    from safetensors.torch import load as read

    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder}: a model folder holds {name}, which is not there.")
    try:
        model = Model(_config((folder / CONFIG).read_text()))
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    try:
        model.load_state_dict(read((folder / WEIGHTS).read_bytes()))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{folder / WEIGHTS}: weights do not fit {CONFIG}: {reason}") from error
    return model.eval()


def _config(text: str) -> Config:
    """Read what `Model.save` wrote of a configuration; tuples come back as tuples."""
    try:
        stored = json.loads(text)
        version = stored.pop("format")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError("not a protgraph model's configuration.") from error
    if version != FORMAT:
        raise ValueError(f"model format {version}; this version reads format {FORMAT}.")
    # Models were saved before there were quantities and calibration.
    for key, before in (("value", False), ("calibration", {}), ("expected", {})):
        stored.setdefault(key, before)
    keys = {key.name for key in fields(Config)}
    if keys != set(stored):
        odd, gone = sorted(set(stored) - keys), sorted(keys - set(stored))
        raise ValueError(f"unknown keys {odd}, missing keys {gone}.")
    graph = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["graph"].items()}
    listed = {key: tuple(stored[key]) for key in ("outputs", "thresholds")}
    keyed = {key: dict(stored[key]) for key in ("calibration", "expected")}
    return Config(**{**stored, **listed, **keyed, "graph": graph})


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all beside, then rename: what fails leaves the old files as they were."""
    beside: dict[str, Path] = {}
    try:
        for name, content in files.items():
            handle, path = tempfile.mkstemp(dir=folder, prefix=name)
            beside[name] = Path(path)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            beside[name].chmod(0o644)
        for name, written in beside.items():
            written.replace(folder / name)
    finally:
        for written in beside.values():
            written.unlink(missing_ok=True)
