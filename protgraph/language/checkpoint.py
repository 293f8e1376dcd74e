"""Asking transformers for a checkpoint: quietly, and with one clear error where it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError


def obtained(source: str, part: str, get: Callable[[], Any]) -> Any:
    """What transformers gives, or one error that names the source.

    Parameters
    ----------
    source : str
        Folder or hub id.
    part : str
        What is asked for, such as "config".
    get : callable
        Asks for it.

    Raises
    ------
    FileNotFoundError
        Where there is nothing, with the way to get it.
    ValueError
        Where it cannot be read.

    Examples
    --------
    >>> obtained("demo", "config", dict)
    {}
    """
    try:
        return get()
    except OSError as error:
        raise FileNotFoundError(f"{source}: {_absent(source)} ({reason(error)})") from error
    except (RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{source}: its {part} cannot be read: {reason(error)}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own report of a checkpoint off the screen: ours names what is lacking."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    shown = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if shown:
            logging.enable_progress_bar()


def reason(error: Exception) -> str:
    """First line of an error."""
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
