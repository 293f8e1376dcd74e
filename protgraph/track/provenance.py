"""Where a run comes from: the commit of its folder and the versions of what it ran on."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("protgraph", "torch", "torch-geometric", "transformers", "mlflow", "numpy")
"""Packages whose versions a run remembers."""


def environment() -> dict[str, str]:
    """Versions of python, the platform and `PACKAGES`; "unknown" for what is not installed.

    Examples
    --------
    >>> environment()["python"] == platform.python_version()
    True
    """
    said = {"python": platform.python_version(), "platform": platform.platform()}
    return said | {package: _version(package) or "unknown" for package in PACKAGES}


def commit(folder: Path) -> dict[str, str]:
    """Which commit a folder's repository is at.

    Returns
    -------
    tags : dict
        `commit`, and `dirty`: "true" where files that git tracks were changed. Both are "unknown"
        outside a repository with a commit, and without git.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     commit(Path(folder))
    {'commit': 'unknown', 'dirty': 'unknown'}
    """
    try:
        head = _git(folder, "rev-parse", "--verify", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "dirty": "unknown"}
    return {"commit": head, "dirty": "true" if changed else "false"}


def pinned(package: str) -> str:
    """Requirement of the version that is installed, without its local part ("2.13.0+cpu").

    Examples
    --------
    >>> pinned("none-such")
    'none-such'
    """
    version = _version(package).partition("+")[0]
    return f"{package}=={version}" if version else package


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
