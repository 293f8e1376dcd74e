"""A small HTTP server that behaves, or misbehaves, as it is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Manner = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by the next manner of the server; the last one stays."""

    server: Wire

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        manners = self.server.manners
        manner = manners.pop(0) if len(manners) > 1 else manners[0]
        manner(self, self.server.files.get(self.path, b""))

    def head(self, status: int, *headers: tuple[str, object]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class Wire(ThreadingHTTPServer):
    """Files by path, the manners in which requests are answered, and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.manners: list[Manner] = [whole]
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.etag = '"one"'
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that goes away is part of the tests

    @property
    def ranges(self) -> list[str | None]:
        """What part each request asked for."""
        return [headers.get("Range") for _, headers in self.asked]


@contextmanager
def wire() -> Iterator[Wire]:
    server = Wire()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def whole(handler: Handler, body: bytes) -> None:
    """As a good server: ranges, ETags and If-Range."""
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    etag = ("ETag", handler.server.etag)
    if handler.path not in handler.server.files:
        handler.head(404, ("Content-Length", 0))
    elif not found or handler.headers.get("If-Range") != handler.server.etag:
        handler.head(200, ("Content-Length", len(body)), etag)
        handler.wfile.write(body)
    elif (start := int(found[1])) >= len(body):
        handler.head(416, ("Content-Range", f"bytes */{len(body)}"), ("Content-Length", 0))
    else:
        said = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.head(206, ("Content-Length", len(body) - start), ("Content-Range", said), etag)
        handler.wfile.write(body[start:])


def status(code: int, *headers: tuple[str, object]) -> Manner:
    """Answer with a code and nothing else."""
    return lambda handler, body: handler.head(code, ("Content-Length", 0), *headers)


def dropping(after: int, *, etag: str | None = None) -> Manner:
    """Send so many bytes of what is asked for, then close."""

    def manner(handler: Handler, body: bytes) -> None:
        found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(found[1]) if found else 0
        tag = handler.server.etag if etag is None else etag
        headers = [("Content-Length", len(body) - start), *([("ETag", tag)] if tag else [])]
        if found:
            headers.append(("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}"))
        handler.head(206 if found else 200, *headers)
        handler.wfile.write(body[start : start + after])

    return manner


def plain(handler: Handler, body: bytes) -> None:
    """Send the whole file whatever was asked for, and no ETag."""
    handler.head(200, ("Content-Length", len(body)))
    handler.wfile.write(body)


def lengths(said: int | None) -> Manner:
    """Say a length that may be wrong, or none, and send the file."""

    def manner(handler: Handler, body: bytes) -> None:
        handler.head(200, *([] if said is None else [("Content-Length", said)]))
        handler.wfile.write(body)

    return manner


def chunks(count: int, *, ended: bool = True) -> Manner:
    """Send the file in chunks (HTTP/1.1), with or without the last one."""

    def manner(handler: Handler, body: bytes) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.close_connection = True
        handler.head(200, ("Transfer-Encoding", "chunked"), ("Connection", "close"))
        size = -(-len(body) // count)
        for place in range(0, len(body), size):
            piece = body[place : place + size]
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if ended:
            handler.wfile.write(b"0\r\n\r\n")

    return manner


def hanging(after: int) -> Manner:
    """Send so many bytes, then nothing more, until the test is over."""

    def manner(handler: Handler, body: bytes) -> None:
        handler.head(200, ("Content-Length", len(body)), ("ETag", handler.server.etag))
        handler.wfile.write(body[:after])
        handler.server.over.wait(20)

    return manner


def silent(handler: Handler, body: bytes) -> None:
    """Close without an answer."""


def other(body: bytes) -> Manner:
    """Send another file, all of it."""
    return lambda handler, _: plain(handler, body)


def odd_range(said: str) -> Manner:
    """Answer 206 with a Content-Range that may be nonsense."""

    def manner(handler: Handler, body: bytes) -> None:
        handler.head(206, ("Content-Length", len(body)), ("Content-Range", said))
        handler.wfile.write(body)

    return manner


def packed(handler: Handler, body: bytes) -> None:
    """Send the file as gzip though nobody asked for that."""
    handler.head(200, ("Content-Length", len(body)), ("Content-Encoding", "gzip"))
    handler.wfile.write(body)
