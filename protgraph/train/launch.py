"""Starting the ranks of a run on this machine, and ending all of them when one dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

END = 10.0
"""Seconds within which the other ranks are ended once one has died."""

_PARENT = "PROTGRAPH_LAUNCHER"
_LOOK = 0.2


def spread(command: Sequence[str], ranks: int) -> int:
    """Run a command once a rank and watch over it.

    Parameters
    ----------
    command : sequence of str
    ranks : int

    Returns
    -------
    status : int
        0 where all ranks ended well; else that of the first one that did not.

    Raises
    ------
    ChildProcessError
        Where a rank was killed: naming it and the signal. By then the other ranks have ended,
        `END` seconds later at most.

    Notes
    -----
    Ranks are told who they are as by `torchrun`, and end when this process does. Only rank 0
    writes to standard output.
    """
    shared = {
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_port()),
        _PARENT: str(os.getpid()),
    }
    # As torchrun does: else every rank takes all cores.
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(ranks):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            env = {**os.environ, **threads, **shared, **own}
            out = None if rank == 0 else subprocess.DEVNULL
            started.append(subprocess.Popen(command, env=env, stdout=out))
        ended = _first_to_fail(started)
    finally:
        _end(started)
    if ended is None:
        return 0
    status = started[ended].returncode
    if status < 0:
        # Where rank 0 showed how far it was, it could not end the line.
        print(file=sys.stderr)
        raise ChildProcessError(
            f"rank {ended} of {ranks} was ended by {signal.Signals(-status).name}, so the others "
            "were stopped; the same command takes the run up again from its last checkpoint."
        )
    return status


def follow_launcher() -> None:
    """End this process when the one that spread it is gone; without one nothing happens."""
    parent = os.environ.get(_PARENT)
    if parent is None:
        return

    def look() -> None:
        while os.getppid() == int(parent):
            time.sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=look, daemon=True).start()


def _first_to_fail(started: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait for all ranks to end well, or for the first one that does not."""
    while True:
        states = [process.poll() for process in started]
        # A rank that was killed is the cause, those that fail after it are not.
        for rank, state in sorted(enumerate(states), key=lambda pair: (pair[1] or 0) >= 0):
            if state:
                return rank
        if all(state == 0 for state in states):
            return None
        time.sleep(_LOOK)


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask what still runs to end, and after half of the time make it."""
    for process in started:
        process.terminate()
    deadline = time.monotonic() + END / 2
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        if process.poll() is None:
            process.kill()
            process.wait()


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
