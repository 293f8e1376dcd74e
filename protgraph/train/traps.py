"""What stops DeepSpeed before it starts, said in one line instead of a hang."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

HELPER = "deepspeed_shm_comm"
"""What DeepSpeed compiles at its first start on CPUs, for exchanges in shared memory."""


def refuse(device: str = "cpu") -> None:
    """Find out before the start what would end it, or stop it in silence.

    Parameters
    ----------
    device : str
        Where the model is: on a GPU nothing is compiled.

    Raises
    ------
    ImportError
        Where DeepSpeed is not installed.
    ValueError
        Where the helper is not there yet and there is no compiler for it, or a build that was
        killed left its lock.
    """
    from importlib.util import find_spec

    if find_spec("deepspeed") is None:
        raise ImportError("engine=deepspeed needs DeepSpeed: pip install 'protgraph[deepspeed]'.")
    # Tools of this environment are found also where it was not activated.
    here, known = str(Path(sys.executable).parent), os.environ.get("PATH", "").split(os.pathsep)
    if here not in known:
        os.environ["PATH"] = os.pathsep.join([*known, here])
    if device != "cpu" or sys.platform != "linux":
        return
    folder = helper()
    lock = folder / "lock"
    # Looking takes time, in which a build may have ended.
    if lock.exists() and not _held(lock) and lock.exists():
        raise ValueError(
            f"{lock}: a build that was killed left this lock, and DeepSpeed would wait for it for "
            "ever; delete the file."
        )
    built = (folder / f"{HELPER}.so").is_file()
    for tool in ("ninja",) if built else ("ninja", os.environ.get("CXX", "g++")):
        if shutil.which(tool) is None:
            raise ValueError(
                f"engine=deepspeed compiles a helper at its first start and needs {tool}, which is "
                "not found; engine=torch needs no compiler."
            )


def helper() -> Path:
    """Folder in which torch builds the helper: in TORCH_EXTENSIONS_DIR, if that is set."""
    from torch.utils.cpp_extension import _get_build_directory

    return Path(_get_build_directory(HELPER, verbose=False))


def _held(lock: Path) -> bool:
    """Whether a process of this machine has the lock open, as a build has that is alive."""
    there = lock.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process is gone, or another user's
            for link in (process / "fd").iterdir():
                with suppress(OSError):  # the file was closed
                    if link.readlink() == there:
                        return True
    return False
