"""How a verb speaks to its user: what is no result, what went wrong, and with which file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from protgraph.track.door import told


def say(text: str) -> None:
    """Tell the user something that is no result."""
    print(text, file=sys.stderr, flush=True)


def reason(error: BaseException) -> str:
    """Say in one line what went wrong."""
    return " ".join(str(error).split()) or type(error).__name__


def each(files: Iterable[str], do: Callable[[str], None], *, debug: bool) -> int:
    """Do every file; report those that cannot be done and go on."""
    failed = 0
    for file in files:
        try:
            with told():
                do(file)
        except (ValueError, OSError) as error:
            if debug or isinstance(error, BrokenPipeError):
                raise
            say(f"error: {_named(file, reason(error))}")
            failed = 2
    return failed


def _named(file: str, reason: str) -> str:
    """Name the file once."""
    return reason if Path(file).name.split(".")[0] in reason else f"{file}: {reason}"
