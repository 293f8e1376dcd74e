"""The one folder for what can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Return `PROTGRAPH_CACHE`, else `~/.cache/protgraph`; it need not be there yet.

    Examples
    --------
    >>> folder().is_absolute() or "PROTGRAPH_CACHE" in os.environ
    True
    """
    return Path(os.environ.get("PROTGRAPH_CACHE") or Path.home() / ".cache" / "protgraph")
