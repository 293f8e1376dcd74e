"""From a model and an address to a server that runs until it is told to stop."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable

import uvicorn

from protgraph.predict import Predictor
from protgraph.serve.app import Limits, create
from protgraph.structure import synthetic

OTHERS = 100
"""Connections beside those whose rows wait: that are read, are idle, or look how the server is."""


def listen(
    predictor: Predictor, limits: Limits, *, host: str = "127.0.0.1", port: int = 8000,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Answer over HTTP until SIGTERM or Ctrl-C, and then what is in flight.

    Parameters
    ----------
    predictor : Predictor
        It answers for a synthetic protein before anyone may ask.
    limits : Limits
    host : str
        Address to listen at.
    port : int
        0 for one that is free.
    say : callable
        Told the address, once requests are taken.

    Raises
    ------
    OSError
        Where the address cannot be had.
    ValueError
        Where the model does not answer.
    """
    # oneDNN keeps code for each shape of a batch, of which a server sees ever new ones.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    protein = synthetic.protein(0, length=60)
    if predictor.model.config.level == "pair":
        predictor.predict_pairs([(protein, protein)])
    else:
        predictor.predict(protein)
    config = uvicorn.Config(
        create(predictor, limits), log_level="warning", access_log=False,
        limit_concurrency=limits.room + OTHERS,
    )  # fmt: skip
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as bound:
        said = f"[{host}]" if ":" in host else host
        say(f"http://{said}:{bound.getsockname()[1]}/predict (SIGTERM or Ctrl-C ends it)")
        if not limits.token and not _own(host):
            say(f"warning: everyone who reaches {host} may ask; --token keeps others out")
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:
            say("stopped")


def _own(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
