"""Whatever a server does, the final file is the right one or there is none."""

from __future__ import annotations

import email.utils
import hashlib
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.error
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import (
    chunks,
    dropping,
    hanging,
    lengths,
    odd_range,
    other,
    packed,
    plain,
    silent,
    status,
    whole,
    wire,
)

from protgraph.structure.answer import LONGEST
from protgraph.structure.download import checksum, download

BODY = bytes(range(256)) * 40
SUM = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server():
    with wire() as made:
        made.files["/f.bin"] = BODY
        yield made


@pytest.fixture
def ask(server, tmp_path):
    """Download /f.bin into a folder without waiting; `ask.paused` has the pauses."""
    paused: list[float] = []

    def asked(sha256: str | None = SUM, *, url: str = server.url + "/f.bin", **named):
        named = {"timeout": 5.0, "pause": paused.append, **named}
        return download(url, tmp_path / "f.bin", sha256=sha256, **named)

    asked.paused = paused
    return asked


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What goes well


@pytest.mark.parametrize("sha256", [SUM, None])
def test_a_file_comes_whole_and_nothing_stays_beside_it(server, ask, tmp_path, sha256):
    assert ask(sha256).read_bytes() == BODY
    assert names(tmp_path) == ["f.bin"]
    assert server.ranges == [None]


@pytest.mark.parametrize("sha256", [SUM, None])
def test_a_second_download_asks_nothing(server, ask, sha256):
    ask(sha256)
    ask(sha256)
    assert len(server.asked) == 1


def test_a_file_that_is_there_is_not_locked(ask, monkeypatch):
    ask()
    monkeypatch.setattr("fcntl.flock", None)
    assert ask().read_bytes() == BODY


def test_the_folder_is_made_and_every_piece_is_told(server, tmp_path):
    told = []
    path = tmp_path / "a" / "b" / "f.bin"
    download(server.url + "/f.bin", path, told=lambda *piece: told.append(piece))
    assert path.read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert [came for came, _ in told] == sorted({came for came, _ in told})


def test_an_empty_file_is_a_file(server, ask):
    server.files["/f.bin"] = b""
    assert ask(None).read_bytes() == b""


def test_a_redirect_is_followed_and_keeps_the_range(server, ask):
    server.files["/new"] = BODY
    away = status(302, ("Location", "/new"))
    server.manners = [away, dropping(1000), away, whole]
    assert ask().read_bytes() == BODY
    assert server.ranges == [None, None, "bytes=1000-", "bytes=1000-"]


def test_the_bytes_themselves_are_asked_for(server, ask):
    ask()
    assert server.asked[0][1]["Accept-Encoding"] == "identity"


def test_a_file_in_chunks_needs_no_length(server, ask):
    server.manners = [chunks(7)]
    assert ask(None).read_bytes() == BODY


def test_checksum_is_the_sha256_of_the_library(ask):
    assert checksum(ask()) == SUM


# What goes wrong and is tried again


def test_two_errors_of_the_server_are_waited_out_with_growing_pauses(server, ask):
    server.manners = [status(500), status(503), status(502), whole]
    assert ask().read_bytes() == BODY
    assert ask.paused == [1, 2, 4]


def test_a_broken_connection_is_taken_up_where_it_broke(server, ask):
    server.manners = [dropping(3000), dropping(100), whole]
    assert ask(None).read_bytes() == BODY
    assert server.ranges == [None, "bytes=3000-", "bytes=3100-"]
    assert server.asked[1][1]["If-Range"] == '"one"'


def test_a_connection_closed_without_an_answer_is_tried_again(server, ask):
    server.manners = [silent, whole]
    assert ask().read_bytes() == BODY


def test_a_server_that_hangs_is_left_after_the_timeout_and_its_bytes_are_kept(server, ask):
    server.manners = [hanging(0), hanging(500), whole]
    assert ask(timeout=0.2).read_bytes() == BODY
    assert server.ranges == [None, None, "bytes=500-"]


def test_a_server_that_ignores_the_range_gives_the_whole_file(server, ask):
    server.manners = [dropping(3000), plain]
    assert ask(None).read_bytes() == BODY
    assert server.ranges == [None, "bytes=3000-"]


def test_a_file_that_changed_between_tries_comes_whole(server, ask):
    def changed(handler, body):
        server.etag, server.files["/f.bin"] = '"two"', b"other"
        whole(handler, b"other")

    server.manners = [dropping(3000), changed]
    assert ask(None).read_bytes() == b"other"


def test_a_rest_with_another_etag_is_not_joined(server, ask):
    new = BODY[::-1]

    def rest(handler, body):
        server.files["/f.bin"], server.etag = new, '"two"'
        dropping(len(new))(handler, new)

    server.manners = [dropping(3000), rest, whole]
    assert ask(None).read_bytes() == new
    assert server.ranges == [None, "bytes=3000-", None]


def test_no_byte_beyond_the_length_is_taken(server, ask):
    def late(handler, body):
        handler.head(200, ("Content-Length", 100))
        handler.wfile.write(body[:10])
        server.over.wait(0.1)
        handler.wfile.write(body[10:200])

    server.manners = [late]
    assert ask(None).read_bytes() == BODY[:100]


@pytest.mark.parametrize("etag", ["", 'W/"one"'])
def test_without_a_strong_etag_nothing_is_joined(server, ask, etag):
    server.manners = [dropping(3000, etag=etag), whole]
    assert ask(None).read_bytes() == BODY
    assert server.ranges == [None, None]


def test_a_length_too_long_is_a_broken_connection(server, ask, tmp_path):
    server.manners = [lengths(len(BODY) + 5)]
    with pytest.raises(ConnectionError, match=r"tries=2: .* broke after 10240 of 10245 bytes"):
        ask(tries=2)
    assert "f.bin" not in names(tmp_path)


def test_a_length_too_short_is_seen_by_the_checksum(server, ask, tmp_path):
    server.manners = [lengths(len(BODY) - 5)]
    with pytest.raises(ValueError, match="is right, and the file sent has"):
        ask()
    assert names(tmp_path) == []


def test_chunks_without_an_end_are_a_broken_connection(server, ask, tmp_path):
    server.manners = [chunks(7, ended=False), chunks(3)]
    assert ask(None).read_bytes() == BODY
    assert len(server.asked) == 2


def test_a_server_that_never_recovers_is_said_with_its_url_and_last_answer(server, ask, tmp_path):
    server.manners = [status(503)]
    with pytest.raises(ConnectionError, match=rf"^{server.url}/f.bin: no .*, tries=5: 503 Serv"):
        ask()
    assert ask.paused == [1, 2, 4, 8]
    assert names(tmp_path) == []


def test_a_server_that_is_not_there_is_tried_again_and_said(server, ask):
    server.server_close()
    with pytest.raises(ConnectionError, match="Connection refused"):
        ask(tries=2)
    assert ask.paused == [1]


def test_retry_after_is_waited_for_in_seconds_or_until_a_date(server, ask):
    soon = email.utils.formatdate(time.time() + 60, usegmt=True)
    server.manners = [
        status(429, ("Retry-After", 7)),
        status(503, ("Retry-After", soon)),
        status(429, ("Retry-After", "a while")),
        whole,
    ]
    ask()
    assert ask.paused == [7, pytest.approx(58, abs=5), 4]


def test_a_wait_beyond_reason_is_an_error_at_once(server, ask):
    server.manners = [status(429, ("Retry-After", int(LONGEST) + 1))]
    with pytest.raises(ConnectionError, match=r"asks to wait for 121 s \(429"):
        ask()
    assert ask.paused == []


@pytest.mark.parametrize(
    "said", ["", "bytes 5-9/10240", "bytes 3000-10239/*", "bytes 0-10239/10240", "nonsense"]
)
def test_a_part_that_does_not_join_is_thrown_away_and_asked_for_anew(server, ask, said):
    server.manners = [dropping(3000), odd_range(said), whole]
    assert ask().read_bytes() == BODY
    assert server.ranges == [None, "bytes=3000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(server, ask, tmp_path):
    (tmp_path / "f.bin.part").write_bytes(BODY + b"more")
    (tmp_path / "f.bin.part.from").write_text(f'{server.url}/f.bin\n"one"')
    assert ask().read_bytes() == BODY
    assert server.ranges == ["bytes=10244-", None]


# What is wrong for good


@pytest.mark.parametrize("code", [404, 410])
def test_a_file_that_is_not_there_names_its_url_and_is_asked_for_once(server, ask, tmp_path, code):
    server.manners = [status(code)]
    with pytest.raises(FileNotFoundError, match=rf"^{server.url}/f.bin: the server has no such"):
        ask()
    assert len(server.asked) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [400, 401, 403, 405])
def test_a_refusal_is_said_at_once(server, ask, code):
    server.manners = [status(code)]
    with pytest.raises(ConnectionError, match=rf"f.bin: the server refused \({code} "):
        ask()
    assert len(server.asked) == 1


def test_a_wrong_file_names_both_checksums_and_is_thrown_away(server, ask, tmp_path):
    server.manners = [other(b"other")]
    with pytest.raises(ValueError, match=f"sha256 {SUM} is right, .* has {OTHER}; it was thrown"):
        ask()
    assert names(tmp_path) == []


def test_an_old_half_of_a_wrong_file_is_not_the_last_word(server, ask, tmp_path):
    (tmp_path / "f.bin.part").write_bytes(b"x" * 3000)
    (tmp_path / "f.bin.part.from").write_text(f'{server.url}/f.bin\n"one"')
    assert ask().read_bytes() == BODY
    assert server.ranges == ["bytes=3000-", None]


def test_a_part_of_another_url_is_not_built_upon(server, ask, tmp_path):
    (tmp_path / "f.bin.part").write_bytes(b"x" * 3000)
    (tmp_path / "f.bin.part.from").write_text(f'{server.url}/g.bin\n"one"')
    assert ask(None).read_bytes() == BODY
    assert server.ranges == [None]


def test_a_file_with_another_checksum_is_replaced_when_the_right_one_is_whole(
    server, ask, tmp_path
):
    (tmp_path / "f.bin").write_bytes(b"mine")
    server.manners = [status(404)]
    with pytest.raises(FileNotFoundError):
        ask()
    assert (tmp_path / "f.bin").read_bytes() == b"mine"
    server.manners = [whole]
    assert ask().read_bytes() == BODY


def test_without_a_length_and_a_checksum_nothing_is_taken(server, ask, tmp_path):
    server.manners = [lengths(None)]
    with pytest.raises(ValueError, match="without a length or a checksum"):
        ask(None)
    assert names(tmp_path) == []
    assert ask(SUM).read_bytes() == BODY


def test_a_server_with_a_wrong_certificate_is_refused_at_once(ask, monkeypatch):
    def unproven(*args, **named):
        raise urllib.error.URLError(ssl.SSLCertVerificationError("self-signed certificate"))

    monkeypatch.setattr("urllib.request.urlopen", unproven)
    with pytest.raises(ConnectionError, match=r"is not who it says \(.*self-signed"):
        ask()
    assert ask.paused == []


def test_bytes_packed_unasked_are_refused(server, ask, tmp_path):
    server.manners = [packed]
    with pytest.raises(ValueError, match="asked for, got them as gzip"):
        ask(None)
    assert names(tmp_path) == []


def test_an_answer_that_is_no_file_is_refused(server, ask):
    server.manners = [status(204)]
    with pytest.raises(ValueError, match="status 200, got 204"):
        ask(None)


@pytest.mark.parametrize("where", ["file:///etc/hostname", "/f.bin"])
def test_a_redirect_elsewhere_is_refused(server, ask, tmp_path, where):
    server.manners = [status(302, ("Location", where))]
    with pytest.raises(ConnectionError, match="the server refused"):
        ask(None)
    assert names(tmp_path) == []


BAD = {
    "file": ({"url": "file:///etc/hostname"}, "needs an http or https URL"),
    "space": ({"url": "http://a/b c"}, "needs an http or https URL"),
    "no host": ({"url": "https://"}, "needs an http or https URL"),
    "sum": ({"sha256": "ABC"}, "has 64 digits of 0-9a-f, got 'ABC'"),
    "tries": ({"tries": 0}, "one try at least, got tries=0"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_argument_that_is_wrong_is_named(ask, case):
    named, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        ask(**named)


# Killed, and two at once


def test_a_killed_download_is_resumed_by_the_next_process(server, ask, tmp_path):
    server.manners = [hanging(4000), whole]
    code = f"""
        import os
        from protgraph.structure.download import download
        download({server.url + "/f.bin"!r}, {str(tmp_path / "f.bin")!r}, timeout=20,
            told=lambda came, total: print(came, flush=True))
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    try:
        while int(child.stdout.readline()) < 4000:
            pass
        with pytest.raises(BlockingIOError, match="another process downloads this file now"):
            ask(None)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert "f.bin" not in names(tmp_path)
    had = (tmp_path / "f.bin.part").stat().st_size
    assert ask(None).read_bytes() == BODY
    assert server.ranges == [None, f"bytes={had}-" if had else None]
    assert names(tmp_path) == ["f.bin"]


# The law

MANNERS = {
    "whole": whole, "plain": plain, "silent": silent, "packed": packed, "500": status(500),
    "404": status(404), "416": status(416), "204": status(204), "429": status(429),
    "cut 0": dropping(0), "cut 1": dropping(1), "cut 4000": dropping(4000),
    "cut, no tag": dropping(4000, etag=""), "cut, another tag": dropping(4000, etag='"two"'),
    "long": lengths(len(BODY) + 1), "short": lengths(len(BODY) - 1), "unsaid": lengths(None),
    "other": other(b"x" * len(BODY)), "range": odd_range("bytes 4000-10239/10240"),
    "chunks": chunks(3), "endless chunks": chunks(3, ended=False),
}  # fmt: skip


LIES = {"short", "other", "range"}
"""What only a checksum tells."""


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(manners=st.lists(st.sampled_from(sorted(MANNERS)), min_size=1, max_size=6))
@pytest.mark.parametrize("sha256", [SUM, None])
def test_whatever_the_server_does_the_file_is_right_or_there_is_none(
    server, ask, tmp_path, sha256, manners
):
    for path in tmp_path.iterdir():
        path.unlink()
    server.manners = [MANNERS[name] for name in manners if sha256 or name not in LIES] or [whole]
    said = ""
    try:
        assert ask(sha256).read_bytes() == BODY
    except (ValueError, OSError) as error:
        said = str(error)
    assert ("f.bin" in names(tmp_path)) == (said == "")
    assert said == "" or (said.startswith(server.url) and "\n" not in said)
    server.manners = [whole]
    assert ask(sha256).read_bytes() == BODY
    assert names(tmp_path) == ["f.bin"]
