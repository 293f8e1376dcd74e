"""Servers for tests: in a thread of this process, or a process of their own; plain HTTP to both."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn
from prometheus_client.parser import text_string_to_metric_families


class Said(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text, parse_constant=float.fromhex)  # NaN is no JSON


def ask(port: int, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Said:
    """GET, or POST where there is a body: text, or what becomes JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        text = body if isinstance(body, str | None) else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, text, headers or {})
        answer = connection.getresponse()
        own = {key.lower(): value for key, value in answer.getheaders()}
        return Said(answer.status, own, answer.read().decode())
    finally:
        connection.close()


def counted(port: int, headers: dict[str, str] | None = None) -> dict[tuple[str, ...], float]:
    """What /metrics says: name and labels of each sample."""
    families = text_string_to_metric_families(ask(port, "/metrics", None, headers).text)
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


def wait_for_rows(port: int, rows: int) -> None:
    """Return once so many rows wait; a TimeoutError after a minute."""
    until = time.monotonic() + 60
    while (found := counted(port)[("protgraph_rows_waiting",)]) < rows:
        if time.monotonic() > until:
            raise TimeoutError(f"{rows} rows were to wait, {found:.0f} do.")


@contextmanager
def running(app: Any) -> Iterator[int]:
    """Port of an application that runs in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def process(*words: str, **settings: Any) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`protgraph serve` and the port that it tells of."""
    command = [sys.executable, "-m", "protgraph", "serve", *words, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **settings) as own:
        try:
            heard = ""
            while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", heard)):
                line = own.stderr.readline()
                assert line, heard
                heard += line
            yield own, int(found[1])
        finally:
            own.kill()
