"""What a run costs: the memory it took at its peak."""

from __future__ import annotations

import re
from pathlib import Path

_STATUS, _REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget() -> None:
    """Count the peak of this process from here; without Linux nothing happens."""
    if _REFS.exists():
        _REFS.write_text("5")


def peak() -> int | None:
    """Most memory of this process since `forget`, in MB; None where the system does not say."""
    if not _STATUS.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    return int(found[1]) // 1024 if found else None
