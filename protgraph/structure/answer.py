"""One request to a server: what its answer is worth, and the bytes of it."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

LONGEST = 120.0
"""Longest wait in seconds that a server may ask for; one that asks for more is an error."""

CHUNK = 1 << 18
"""Bytes that are read at a time, at most."""

Told = Callable[[int, int | None], None]
"""Takes the bytes that have come and, where the server says it, their number in all."""

_PASSING = {408, 425, 429, *range(500, 600)}


class Passing(Exception):
    """What another try may not meet again.

    Parameters
    ----------
    message : str
    wait : float
        Seconds that the server asks to wait for.
    anew : bool
        The bytes that were kept are of no use.

    Examples
    --------
    >>> Passing("503 Busy", wait=7).wait
    7
    """

    def __init__(self, message: str, *, wait: float = 0.0, anew: bool = False) -> None:
        super().__init__(message)
        self.wait, self.anew = wait, anew


def opened(url: str, kept: int, etag: str, timeout: float) -> http.client.HTTPResponse:
    """Ask for a file, or for the rest of it, and return the answer, whose status is a success.

    Parameters
    ----------
    url : str
    kept : int
        Bytes that are there; where there are some, those after them are asked for.
    etag : str
        Of the file that they are of.
    timeout : float
        Seconds.

    Raises
    ------
    Passing
        For a connection that fails, and the answers 408, 425, 429 and 5xx.
    FileNotFoundError
        For 404 and 410.
    ConnectionError
        For other refusals, a certificate that is wrong, and a wait longer than `LONGEST`.
    """
    headers = {"User-Agent": "protgraph", "Accept-Encoding": "identity"}
    if kept:
        headers |= {"Range": f"bytes={kept}-", "If-Range": etag}
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout
        )
        return answer
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, error) from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise ConnectionError(f"{url}: the server is not who it says ({reason}).") from None
        raise Passing(f"{reason}" or type(reason).__name__) from None


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    """What an answer that is no success means."""
    said = f"{error.code} {error.reason}".strip()
    if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return FileNotFoundError(f"{url}: the server has no such file ({said}).")
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return Passing(said, anew=True)
    if error.code not in _PASSING:
        return ConnectionError(f"{url}: the server refused ({said}).")
    wait = _seconds(error.headers.get("Retry-After", ""))
    if wait > LONGEST:
        return ConnectionError(
            f"{url}: the server asks to wait for {wait:.0f} s ({said}), "
            f"and {LONGEST:.0f} s are the longest wait."
        )
    return Passing(said, wait=wait)


def _seconds(text: str) -> float:
    """Of a `Retry-After`, which is a number of seconds or a date."""
    if re.fullmatch("[0-9]+", text):
        return float(text)
    with suppress(ValueError, TypeError):
        return (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    return 0.0


def placed(
    url: str, answer: http.client.HTTPResponse, kept: int, etag: str
) -> tuple[int, int | None]:
    """Where the bytes of an answer begin, and how long the whole file is.

    Parameters
    ----------
    url, kept, etag
        As `opened`.
    answer : HTTPResponse

    Returns
    -------
    start : int
        0 where the whole file comes, else `kept`.
    total : int or None
        None where the server does not say it.

    Raises
    ------
    Passing
        For bytes that do not join those that are kept.
    ValueError
        For an answer that is no file, or packed though nobody asked for that.
    """
    coding = answer.headers.get("Content-Encoding", "identity")
    if coding != "identity":
        raise ValueError(f"{url}: the bytes themselves were asked for, got them as {coding}.")
    if answer.status == HTTPStatus.OK:
        return 0, answer.length
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        raise ValueError(f"{url}: a file comes with status 200, got {answer.status}.")
    said = answer.headers.get("Content-Range", "")
    found = re.fullmatch("bytes ([0-9]+)-[0-9]+/([0-9]+)", said)
    if not found or int(found[1]) != kept or answer.headers.get("ETag", etag) != etag:
        raise Passing(f"bytes from {kept} were asked for, got {said!r}", anew=True)
    return kept, int(found[2])


def received(
    answer: http.client.HTTPResponse, path: Path, start: int, total: int | None, told: Told | None
) -> int:
    """Write what comes, and return how long the file is then.

    Parameters
    ----------
    answer : HTTPResponse
    path : Path
        A file that is there.
    start, total
        As `placed` returns.
    told : callable, optional
        Told of every piece.

    Raises
    ------
    Passing
        Where the connection breaks with an error; what came before is in the file.
    """
    end = None if answer.length is None else start + answer.length
    came = start
    with path.open("r+b") as file:
        file.seek(start)
        while end is None or came < end:
            # What is there, so that a time-out loses nothing; and counted here, for not every
            # Python 3.11 counts what `read1` has taken from the length.
            piece = _read(answer, CHUNK if end is None else min(CHUNK, end - came))
            if not piece:
                break
            file.write(piece)
            came += len(piece)
            if told is not None:
                told(came, total)
        file.flush()
        os.fsync(file.fileno())
    return came


def _read(answer: http.client.HTTPResponse, size: int) -> bytes:
    try:
        return answer.read1(size)
    except (OSError, http.client.HTTPException) as error:
        raise Passing(f"{error}" or type(error).__name__) from None
