"""A PostgreSQL and an `mlflow server` on it, started on free ports and taken away again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def tools() -> Path:
    """Folder of `initdb` and `postgres`, which Debian keeps out of the path."""
    held = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(held[-1]) if held else shutil.which("initdb") or ""
    if not found or not Path(found).with_name("postgres").exists():
        pytest.skip("PostgreSQL is not installed: tests with it are left out")
    return Path(found).parent


def port() -> int:
    """A port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(ready, process, seconds=180.0):
    """Wait until something is ready, as long as the process lives."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{process.args[0]} did not start")
        time.sleep(0.1)


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL in a folder of its own; its URI."""
    driver = pytest.importorskip("psycopg", reason="psycopg is not installed: left out")
    bin, root = tools(), os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_other: list[str] = []
    if root:  # PostgreSQL refuses to run as root
        other = pwd.getpwnam("postgres")
        os.chown(folder, other.pw_uid, other.pw_gid)
        as_other = ["setpriv", f"--reuid={other.pw_uid}", f"--regid={other.pw_gid}",
                    "--clear-groups"]  # fmt: skip
    here = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    make = [bin / "initdb", "-D", folder / "data", "-A", "trust", "-U", "mlflow", "--no-sync"]
    subprocess.run([*as_other, *make], check=True, **here)
    number = port()
    serve = [bin / "postgres", "-D", folder / "data", "-p", str(number), "-k", folder,
             "-c", "fsync=off"]  # fmt: skip
    server = subprocess.Popen([*as_other, *serve], **here)
    try:
        place = f"mlflow@127.0.0.1:{number}/postgres"

        def well() -> bool:
            try:
                driver.connect(f"postgresql://{place}").close()
            except driver.OperationalError:
                return False
            return True

        until(well, server)
        yield f"postgresql+psycopg://{place}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
        shutil.rmtree(folder)


@contextmanager
def mlflow_server(store: str, artefacts: Path, number: int) -> Iterator[subprocess.Popen]:
    """Run `mlflow server` in a process group of its own, with artefacts behind it."""
    words = ["server", "--backend-store-uri", store, "--artifacts-destination", str(artefacts),
             "--host", "127.0.0.1", "--port", str(number), "--workers", "1"]  # fmt: skip
    apart = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    quiet = apart | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words], env=quiet, start_new_session=True,
        cwd=artefacts.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def well() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{number}/health", timeout=5) as said:
                return said.status == 200
        except OSError:
            return False

    try:
        until(well, server)
        yield server
    finally:
        kill(server)


def kill(server: subprocess.Popen) -> None:
    """Kill -9 a server and what it started; nothing where it is gone already."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(60)
