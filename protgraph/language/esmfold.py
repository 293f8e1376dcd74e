"""A structure for a sequence: ESMFold through transformers, without openfold."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from protgraph.language import memory
from protgraph.language.checkpoint import obtained, reason
from protgraph.language.folded import Folded, folded
from protgraph.structure.fasta import letters
from protgraph.structure.protein import Protein

HUB = "facebook/esmfold_v1"
"""The trained model (Lin et al., Science 379:1123, 2023): 8.4 GB on disk, 14 GB in fp32."""

STEMS = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""What the language model inside can compute in; what folds is always fp32."""

# Parts of a checkpoint that no structure depends on.
_IDLE = re.compile(r"(^|\.)(lm_head|contact_head|distogram_head)\.|position_ids$|inv_freq$")


@dataclass(frozen=True, eq=False)
class ESMFold:
    """A loaded model that folds one sequence after another; `load` makes one.

    Parameters
    ----------
    name, digest : str
        What to print, and the hash of all that a structure depends on.
    model : transformers.EsmForProteinFolding
    device : str
    chunk : int, optional
        Rows of pairs whose attention is computed at once: fewer take less memory. The largest of
        `memory.CHUNKS` that there is room for if left out.
    room : float, optional
        GiB of memory to count on beside the weights, in place of what is free.

    Examples
    --------
    >>> from types import SimpleNamespace as Of
    >>> trunk = Of(pairwise_state_dim=128, pairwise_head_width=32)
    >>> toy = Of(config=Of(esmfold_config=Of(trunk=trunk)))
    >>> ESMFold("toy", "", toy, room=16).longest()
    1464
    """

    name: str
    digest: str
    model: Any = field(repr=False)
    device: str = "cpu"
    chunk: int | None = None
    room: float | None = None

    def fold(self, sequence: str, *, name: str = "folded") -> Folded:
        """Fold a sequence.

        Parameters
        ----------
        sequence : str
            Cleaned as in a FASTA file: letters beyond the 20 amino acids become X, and a note
            says so. X is read by the model as an unknown residue and gets no atoms.
        name : str
            Of the protein.

        Raises
        ------
        ValueError
            For a sequence without an amino acid, one that is too long for the memory (before
            anything is computed), and coordinates that are not finite.
        """
        text, notes = letters(name, sequence)
        if not text.strip("X"):
            raise ValueError(f"{name}: one residue at least is an amino acid, got X alone.")
        self.model.trunk.set_chunk_size(self._chunk(name, len(text)))
        try:
            # One at a time: transformers' pTM would count the padding of a batch.
            output = self.model.infer(text)
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"{name}: {len(text)} residues took all memory of {self.device}, which is more "
                "than was estimated."
            ) from error
        return folded(name, text, output, by=self.name, notes=notes)

    def longest(self) -> int:
        """How many residues the memory has room for, by the estimate of `memory.needed`."""
        return memory.longest(self._room(), self._chunks()[-1], **self._pairs())

    def _chunks(self) -> tuple[int, ...]:
        return memory.CHUNKS if self.chunk is None else (self.chunk,)

    def _room(self) -> int:
        return memory.free(self.device) if self.room is None else int(self.room * 2**30)

    def _pairs(self) -> dict[str, int]:
        trunk = self.model.config.esmfold_config.trunk
        width = trunk.pairwise_state_dim
        return {"width": width, "heads": width // trunk.pairwise_head_width}

    def _chunk(self, name: str, length: int) -> int:
        """The largest chunk that there is room for."""
        room = self._room()
        for chunk in self._chunks():
            need = memory.needed(length, chunk, **self._pairs())
            if need <= room and length <= memory.NUMBERS:
                return chunk
        raise ValueError(
            f"{name}: {length} residues need about {need / 2**30:.1f} GiB of memory on "
            f"{self.device} and {room / 2**30:.1f} GiB are free; up to {self.longest()} fit."
        )


def load(
    source: str = HUB,
    *,
    device: str = "cpu",
    precision: str = "fp32",
    chunk: int | None = None,
    room: float | None = None,
) -> ESMFold:
    """Load an ESMFold of transformers (`EsmForProteinFolding`).

    Parameters
    ----------
    source : str
        A folder in transformers format or a hub id. No code of the repository is run. Where there
        are no safetensors, a `pytorch_model.bin` is read with `weights_only`, which refuses all
        but tensors.
    device : str
        "cpu", "cuda", "cuda:1".
    precision : {"fp32", "bf16"}
        What the language model inside computes in; bf16 halves its memory and moves structures
        a little. All else is fp32.
    chunk, room
        As `ESMFold` says.

    Raises
    ------
    ValueError
        For another kind of model, an incomplete or unsafe checkpoint, or an option out of range.
    FileNotFoundError
        Where there is nothing at `source`.

    Notes
    -----
    The main branch of facebook/esmfold_v1 holds a `pytorch_model.bin` alone. The hub's conversion
    bot has proposed the same weights as safetensors (`refs/pr/4`); transformers finds and takes
    them where there is a network. The digest of both is one.

    Examples
    --------
    >>> load(HUB, precision="int8")
    Traceback (most recent call last):
    ValueError: precision is one of fp32, bf16, got int8.
    """
    if precision not in STEMS:
        raise ValueError(f"precision is one of {', '.join(STEMS)}, got {precision}.")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk counts rows and must be positive, got {chunk}.")
    if room is not None and not room > 0:
        raise ValueError(f"room is memory in GiB and must be positive, got {room}.")
    model = _read(source)
    name = Path(source).resolve().name if Path(source).exists() else source
    digest = _digest(model, precision)
    name += "" if precision == "fp32" else f", {precision}"
    # Frequencies of the rotary positions are a buffer: in bf16 they would misplace residues.
    for parameter in model.esm.parameters():
        parameter.data = parameter.data.to(STEMS[precision])
    try:
        model = model.eval().to(device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name}: device {device} cannot take it: {reason(error)}") from error
    return ESMFold(name, digest, model, device, chunk, room)


def fold(
    sequence: str,
    *,
    model: str = HUB,
    name: str = "folded",
    device: str = "cpu",
    precision: str = "fp32",
) -> Protein:
    """Predict the structure of one sequence.

    The model is loaded anew each time: for several sequences, and for pTM and PAE, see `load`
    and `ESMFold.fold`.

    Parameters
    ----------
    sequence, name
        As `ESMFold.fold` says.
    model, device, precision
        As `load` says.

    Returns
    -------
    protein : Protein
        With pLDDT from 0 to 100 as its `confidence`.

    Raises
    ------
    ValueError, FileNotFoundError
        As `load` and `ESMFold.fold`.

    Examples
    --------
    >>> fold("MKV", precision="int8")
    Traceback (most recent call last):
    ValueError: precision is one of fp32, bf16, got int8.
    """
    return load(model, device=device, precision=precision).fold(sequence, name=name).protein


def _read(source: str) -> Any:
    """The model in fp32 on the CPU, if every weight that matters came from the checkpoint."""
    from transformers import AutoConfig, EsmForProteinFolding

    if Path(source).is_file():
        raise ValueError(f"{source}: a folding model is a folder or a hub id, got a file.")
    safe = {"trust_remote_code": False}
    config = obtained(source, "config", partial(AutoConfig.from_pretrained, source, **safe))
    if config.model_type != "esm" or not config.is_folding_model:
        raise ValueError(
            f"{source}: a folding model is an ESMFold of transformers (esm, with "
            f"is_folding_model), got {config.model_type} without it."
        )
    config.esmfold_config.fp16_esm = False
    get = partial(
        EsmForProteinFolding.from_pretrained,
        source,
        config=config,
        dtype=torch.float32,
        output_loading_info=True,
        weights_only=True,
    )
    try:
        model, report = obtained(source, "checkpoint", partial(get, use_safetensors=True))
    except FileNotFoundError:
        try:
            model, report = obtained(source, "checkpoint", partial(get, use_safetensors=False))
        except (pickle.UnpicklingError, EOFError) as error:
            raise ValueError(f"{source}: its checkpoint is no pickle of tensors alone.") from error
    lacking = sorted(name for name in report["missing_keys"] if not _IDLE.search(name))
    if lacking:
        raise ValueError(
            f"{source}: a checkpoint has every weight of the model, "
            f"but {len(lacking)} are missing: {', '.join(lacking[:3])}."
        )
    return model


def _digest(model: Any, precision: str) -> str:
    config, trunk = model.config, model.config.esmfold_config.trunk
    keys = ("num_attention_heads", "layer_norm_eps", "token_dropout", "mask_token_id")
    facts = [precision, *(getattr(config, key) for key in keys), list(config.vocab_list)]
    facts += [trunk.max_recycles, trunk.structure_module.num_blocks]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for name, tensor in sorted(model.state_dict().items()):
        if not _IDLE.search(name):
            digest.update(f"{name} {list(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()
