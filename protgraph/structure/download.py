"""A file from the network: whole and checked under its name, or not there at all."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from protgraph.structure.answer import Passing, Told, opened, placed, received


class _Part(NamedTuple):
    """What has come so far, and beside it the URL and the ETag that it came with."""

    file: Path
    note: Path

    def kept(self, url: str) -> tuple[int, str]:
        """Bytes that can be built upon, and their ETag; 0 where they may be of another file."""
        lines = self.note.read_text("latin-1").split("\n")
        if lines[0] != url or not lines[1:] or not lines[1] or not self.file.is_file():
            return 0, ""
        return self.file.stat().st_size, lines[1]

    def begin(self, url: str, etag: str) -> None:
        """Start again; emptied first, so that no moment joins old bytes with a new ETag."""
        self.file.write_bytes(b"")
        strong = etag if etag.startswith('"') else ""  # a weak one does not promise equal bytes
        self.note.write_text(f"{url}\n{strong}", "latin-1")


def download(
    url: str,
    path: str | Path,
    *,
    sha256: str | None = None,
    timeout: float = 30.0,
    tries: int = 5,
    pause: Callable[[float], None] = time.sleep,
    told: Told | None = None,
) -> Path:
    """Download a file once.

    Parameters
    ----------
    url : str
        http or https.
    path : str or Path
        Where the file is to be; its folder is made. A file that is there already, with the right
        checksum where one is given, is taken as it is and nothing is asked. One with another
        checksum is replaced when the right one is whole.
    sha256 : str, optional
        64 hexadecimal digits.
    timeout : float
        Seconds without a byte after which a try is given up.
    tries : int
        Tries in all. Between them 1, 2, 4, ... seconds pass, or more where the server says
        `Retry-After`. Tried again are broken connections, time-outs and the answers 408, 425, 429
        and 5xx.
    pause : callable
        Waits for a number of seconds.
    told : callable, optional
        Told of every piece: bytes so far, bytes in all or None.

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        For another kind of URL, a sha256 that is none, a file of another checksum (thrown away),
        and an answer that is no file.
    FileNotFoundError
        Where the server has no such file.
    ConnectionError
        Where the server refuses, or no try brought the whole file.
    BlockingIOError
        Where another process downloads this file now.

    Notes
    -----
    Bytes come into `<name>.part`. After a break, or in another process, the rest alone is asked
    for (RFC 9110, sections 13.1.5 and 14.2), where the server had sent a strong ETag and its file
    has not changed; else all of it. Without a checksum the length the server says is what tells a
    whole file, and a server that says none is refused.

    Examples
    --------
    >>> download("ftp://example.org/1ubq.cif", "1ubq.cif")
    Traceback (most recent call last):
    ValueError: ftp://example.org/1ubq.cif: a download needs an http or https URL.
    """
    path = Path(path)
    _checked(url, sha256, tries)
    if _there(path, sha256):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.from"))
    with _alone(part):
        if _there(path, sha256):  # another process was first
            return path
        for past in range(tries):
            try:
                _attempt(url, part, sha256, timeout, told)
                break
            except Passing as error:
                if error.anew:
                    part.file.unlink(missing_ok=True)
                if past + 1 == tries:
                    raise ConnectionError(
                        f"{url}: no whole file, tries={tries}: {error}."
                    ) from None
                pause(max(error.wait, 2.0**past))
        part.file.replace(path)
    return path


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Examples
    --------
    >>> checksum("/dev/null")[:16]
    'e3b0c44298fc1c14'
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(url: str, sha256: str | None, tries: int) -> None:
    if not re.fullmatch("https?://[!-~]+", url):
        raise ValueError(f"{url}: a download needs an http or https URL.")
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"{url}: a sha256 has 64 digits of 0-9a-f, got {sha256!r}.")
    if tries < 1:
        raise ValueError(f"{url}: a download takes one try at least, got tries={tries}.")


def _there(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or checksum(path) == sha256)


@contextmanager
def _alone(part: _Part) -> Iterator[None]:
    """Hold the lock of a part; it ends with the process."""
    import fcntl  # only who downloads needs POSIX

    with part.note.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = part.note.exists() and os.path.samestat(
                os.fstat(file.fileno()), part.note.stat()
            )
        except BlockingIOError:
            held = False
        if not held:
            raise BlockingIOError(f"{part.file}: another process downloads this file now.")
        try:
            yield
        finally:
            if not part.file.exists():
                part.note.unlink(missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_UN)  # a child may have inherited the file


def _attempt(url: str, part: _Part, sha256: str | None, timeout: float, told: Told | None) -> None:
    """Bring the part to its whole length and check it."""
    kept, etag = part.kept(url)
    with opened(url, kept, etag, timeout) as answer:
        start, total = placed(url, answer, kept, etag)
        if total is None and sha256 is None and not answer.chunked:
            raise ValueError(
                f"{url}: without a length or a checksum a cut file looks whole; it was not taken."
            )
        if not start:
            part.begin(url, answer.headers.get("ETag", ""))
        came = received(answer, part.file, start, total, told)
    if total is not None and came != total:
        raise Passing(f"the connection broke after {came} of {total} bytes")
    if sha256 is None or (made := checksum(part.file)) == sha256:
        return
    part.file.unlink()
    message = f"sha256 {sha256} is right, and the file sent has {made}"
    if start:  # what was kept may be the wrong half
        raise Passing(message)
    raise ValueError(f"{url}: {message}; it was thrown away.")
