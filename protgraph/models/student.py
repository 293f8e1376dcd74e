"""A small model that needs a sequence alone, as a model of transformers: the distilled student."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from protgraph.language.checkpoint import obtained, quiet
from protgraph.language.encoder import Floats, checked
from protgraph.models import lora
from protgraph.models.card import about, card
from protgraph.models.heads import HEADS
from protgraph.models.kinds import KINDS, VECTORS, check, first
from protgraph.models.letters import PAD, encode
from protgraph.models.saved import STUDENT

BUDGET = 4000
"""Residues, padding included, that are scored at once."""


class StudentConfig(PretrainedConfig):  # type: ignore[misc]
    """All that a student says of itself; keys that it shares with `model.Config` mean the same.

    Parameters
    ----------
    kind : {"cnn", "transformer", "layers"}
        Dilated convolutions; narrow rotary blocks; the first layers of a language encoder.
    task, level, outputs, exclusive, value, given, gaps, calibration, thresholds, expected, card
        As in `model.Config`; the level is "residue", "protein", or "vectors", without outputs.
    width, layers, dropout
        Of the network; the width of kind "layers" is the encoder's.
    kernel : int
        Residues that a convolution looks at, an odd number (cnn).
    heads : int
        Of attention; the width divides into as many even parts (transformer).
    encoder : str
        Whose first layers: "mini", a folder, a hub id or a fair-esm `*.pt` (layers).
    shape, tokens : mapping, sequence of int
        Of the encoder's network; `begin` fills them in (layers).
    window : int
        Residues beyond which a protein is read in windows (transformer, layers); see `Stack`.
    rank : int
        Of low-rank adaptation (layers); 0 trains every weight.
    teacher, licence : str
        For the card: what it was taught by, and a licence as hubs name it ("mit").
    kwargs
        Of transformers.

    Raises
    ------
    ValueError
        For an unknown kind or level, and numbers that do not fit.

    Examples
    --------
    >>> StudentConfig(kind="cnn", outputs=("zinc",)).width
    64
    """

    model_type = STUDENT

    def __init__(  # noqa: PLR0913 (transformers asks for one keyword a key, each with a default)
        self, *, kind: str = "cnn", task: str = "student", level: str = "residue",
        outputs: Sequence[str] = ("score",), exclusive: bool = False, value: bool = False,
        given: str = "", width: int = 64, layers: int = 4, kernel: int = 5, heads: int = 4,
        dropout: float = 0.1, encoder: str = "", shape: Mapping[str, Any] | None = None,
        tokens: Sequence[int] = (), window: int = 1022, rank: int = 0, gaps: bool = True,
        calibration: Mapping[str, Any] | None = None, thresholds: Sequence[float] = (),
        expected: Mapping[str, Any] | None = None, teacher: str = "", licence: str = "",
        card: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.kind, self.task, self.level, self.outputs = kind, task, level, tuple(outputs)
        self.exclusive, self.value, self.given = exclusive, value, given
        self.width, self.layers, self.kernel, self.heads = width, layers, kernel, heads
        self.dropout, self.encoder, self.shape = dropout, encoder, dict(shape or {})
        self.tokens, self.window, self.rank, self.gaps = tuple(tokens), window, rank, gaps
        self.calibration, self.thresholds = dict(calibration or {}), tuple(thresholds)
        self.expected, self.card = dict(expected or {}), dict(card or {})
        self.teacher, self.licence = teacher, licence
        check(self)


@dataclass
class StudentOutput(ModelOutput):  # type: ignore[misc]
    """What `Student` gives; padding has zeros, and `pooled` is the mean over a protein's residues.

    `logits` [B, L, C], [B, C] or None, `vectors` [B, L, D], `pooled` [B, D].
    """

    logits: Tensor = None  # type: ignore[assignment] # transformers asks for a default
    vectors: Tensor = None  # type: ignore[assignment]
    pooled: Tensor = None  # type: ignore[assignment]


class Student(PreTrainedModel):  # type: ignore[misc]
    """Letters to scores: a network of `KINDS`, and a head of `heads.HEADS`.

    `begin` makes one to be trained, `load` one that was saved.

    Parameters
    ----------
    config : StudentConfig

    Examples
    --------
    >>> student = Student(StudentConfig(width=8, outputs=("zinc", "iron")))
    >>> [scores.shape for scores in student.scores(["MKV", "AC"])]
    [(3, 2), (2, 2)]
    """

    config_class = StudentConfig
    encoder: nn.Module

    def __init__(self, config: StudentConfig) -> None:
        super().__init__(config)
        self.encoder = KINDS[config.kind](config)
        self.dropout = nn.Dropout(config.dropout)
        if config.level != VECTORS:
            self.head = HEADS[config.level](config.width, len(config.outputs))
        if config.rank:
            lora.adapt(self.encoder, config.rank)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        getattr(module, "reset_parameters", lambda: None)()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> StudentOutput:
        """Score a batch.

        Parameters
        ----------
        input_ids : Tensor of int64, shape [B, L]
            Positions in `residues.LETTERS`, and `PAD` at the end of shorter proteins; `encode`
            makes them.
        attention_mask : Tensor of shape [B, L], optional
            1 for a residue; where `input_ids` is not `PAD`, if left out.

        Returns
        -------
        output : StudentOutput
            Logits are before sigmoid or softmax.

        Raises
        ------
        ValueError
            Where padding comes before a residue, or a protein has none.
        """
        mask = input_ids != PAD if attention_mask is None else attention_mask.bool()
        if not mask[:, 0].all() or (mask[:, 1:] & ~mask[:, :-1]).any():
            raise ValueError("attention_mask: residues, one at least, then padding.")
        vectors = self.encoder(input_ids, mask)  # [B, L, D]
        pooled = vectors.sum(1) / mask.sum(1)[:, None]
        h = self.dropout(vectors)
        if self.config.level == VECTORS:
            return StudentOutput(None, vectors, pooled)
        if self.config.level == "residue":
            return StudentOutput(self.head(h, None) * mask[:, :, None], vectors, pooled)
        return StudentOutput(self.head(h[mask], mask.nonzero()[:, 0]), vectors, pooled)

    def bounded(self, logits: Tensor) -> Tensor:
        """Bring logits [..., C] to 0 to 1, unless they are quantities."""
        logits = logits.float()
        if self.config.value:
            return logits
        return logits.softmax(dim=-1) if self.config.exclusive else logits.sigmoid()

    @torch.inference_mode()
    def scores(self, sequences: Sequence[str], *, budget: int = BUDGET) -> list[Floats]:
        """Score sequences of any length, in evaluation mode.

        Parameters
        ----------
        sequences : sequence of str
        budget : int
            Residues, padding included, that are scored at once; it never changes a score.

        Returns
        -------
        scores : list of ndarray
            [L, C] a sequence at residue level, [C] at protein level, from 0 to 1, not calibrated.

        Raises
        ------
        ValueError
            As `encode`.
        """
        self.eval()
        sequences = checked(sequences)
        found = [np.empty(0, dtype=np.float32)] * len(sequences)
        order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
        while order:
            most = max(1, budget // len(sequences[order[0]]))
            batch, order = order[:most], order[most:]
            ids, mask = encode([sequences[i] for i in batch])
            logits = self(ids.to(self.device), mask.to(self.device)).logits
            for i, own in zip(batch, self.bounded(logits).cpu().numpy(), strict=True):
                found[i] = own[: len(sequences[i])] if self.config.level == "residue" else own
        return found

    def merge(self) -> Student:
        """Fold low-rank differences into the weights, all of which are then trained."""
        lora.merge(self.encoder)
        self.config.rank = 0
        return self

    @property
    def size(self) -> int:
        """How many numbers the network has."""
        return sum(p.numel() for p in self.parameters())

    def describe(self) -> str:
        """Say in a few lines what this student is."""
        return "\n".join(about(self.config, self.size))

    def save_pretrained(
        self, save_directory: str | Path, *, state_dict: Mapping[str, Tensor] | None = None
    ) -> None:
        """Write `config.json`, `model.safetensors` (of `state_dict` if given) and the card."""
        with quiet():
            super().save_pretrained(save_directory, state_dict=state_dict)
        Path(save_directory, "README.md").write_text(card(self.config, self.size), "utf-8")

    def push_to_hub(
        self, repo_id: str, *, private: bool | None = None, token: str | None = None
    ) -> str:
        """Put what `save_pretrained` writes, the card too, into a repository of the model hub."""
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            api.create_repo(repo_id, private=private, exist_ok=True)
            return str(api.upload_folder(repo_id=repo_id, folder_path=folder))


def begin(config: StudentConfig) -> Student:
    """Make a student to be trained; one of kind "layers" has the encoder's weights.

    Parameters
    ----------
    config : StudentConfig
        Its `layers` are taken from the encoder's first on; the encoder's final norm closes them.

    Raises
    ------
    FileNotFoundError, ValueError
        As `esm2.load`, for the encoder; and where it has fewer layers.
    """
    if config.kind != "layers":
        return Student(config)
    network, tokens, window = first(config.encoder, config.layers)
    filled = copy.deepcopy(config)
    filled.shape, filled.tokens, filled.window = asdict(network.shape), tokens, window
    filled.width, filled.heads, filled.rank = network.shape.width, network.shape.heads, 0
    student = Student(filled)
    student.encoder.get_submodule("network").load_state_dict(network.state_dict())
    if config.rank:
        lora.adapt(student.encoder, config.rank)
        filled.rank = config.rank
    return student


def load(source: str | Path) -> Student:
    """Read a student that was saved, from a folder or the hub: safetensors and JSON alone.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    ValueError
        Where its files do not belong together.
    """
    name = str(source)
    get = partial(Student.from_pretrained, name, use_safetensors=True, output_loading_info=True)
    with quiet():
        student, report = obtained(name, "student", get)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[key]:
            odd = ", ".join(sorted(map(str, report[key]))[:3])
            raise ValueError(f"{name}: weights do not fit config.json: {key} {odd}.")
    if student.config.rank:
        lora.freeze(student.encoder)  # transformers does not remember what was frozen
    made: Student = student.eval()
    return made


AutoConfig.register(STUDENT, StudentConfig, exist_ok=True)
AutoModel.register(StudentConfig, Student, exist_ok=True)
