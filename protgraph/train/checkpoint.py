"""Checkpoints of training: replaced as a whole, and read back without trusting a pickle."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

CHECKPOINT = "checkpoint.pt"


def write(folder: Path, state: Mapping[str, Any]) -> None:
    """Move a new checkpoint over the old one; a kill leaves one of the two.

    Parameters
    ----------
    folder : path
        Made if absent.
    state : mapping
        Tensors, plain numbers, text, and lists and dictionaries of these.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder), {"settings": {}, "step": 3})
    ...     found = read(Path(folder))
    >>> found["step"]
    3
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=CHECKPOINT)
    os.close(handle)
    beside = Path(name)
    try:
        torch.save(dict(state), beside)
        beside.replace(folder / CHECKPOINT)
    finally:
        beside.unlink(missing_ok=True)


def read(folder: Path) -> dict[str, Any] | None:
    """Read what `write` wrote, into the memory of the CPU; None where there is none.

    Raises
    ------
    ValueError
        Where it is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        stored: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        stored["settings"]
    except Exception as error:
        raise ValueError(
            f"{path}: a damaged checkpoint; without it training starts from the beginning."
        ) from error
    return stored
