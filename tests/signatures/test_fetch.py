"""Asking an address: one limit of time over all of it, and a secret that goes to nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from signatures.errors import FetchFailed
from signatures.fetch import LARGEST, Fetcher
from signatures.timestamps import read_token
from signatures.timestamps.authority import Authority, HttpAuthority
from signatures.timestamps.collect import revocations_for
from signatures.timestamps.trust import Anchors
from tests.signatures.pki import Pki, day

SECRET = {"Authorization": "Bearer of-the-authority"}

Answering = Callable[[socket.socket, threading.Event], None]


@contextmanager
def serving(answering: Answering) -> Iterator[int]:
    """The port of a server that does as it is told, until the test ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def run() -> None:
            while not over.is_set():
                with suppress(OSError):
                    opened, _ = listening.accept()
                    with opened, suppress(OSError):
                        answering(opened, over)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


def dripping(*pieces: bytes) -> Answering:
    """The first piece at once, the last one again and again."""

    def answer(opened: socket.socket, over: threading.Event) -> None:
        for piece in pieces[:-1]:
            opened.sendall(piece)
        while not over.wait(0.05):
            opened.sendall(pieces[-1])

    return answer


def saying(text: bytes, heard: list[bytes]) -> Answering:
    def answer(opened: socket.socket, over: threading.Event) -> None:
        heard.append(opened.recv(1 << 16))
        opened.sendall(text)

    return answer


SLOW: dict[str, Answering] = {
    "nothing": lambda opened, over: over.wait() and None,
    "status": dripping(b"HTTP/1.1 20", b"0"),
    "head": dripping(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    "lines of the head": dripping(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
    "continue": dripping(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"a"),
    "chunks": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
}


def given_up(url: str, **settings: str) -> None:
    begun = time.monotonic()
    with pytest.raises(FetchFailed):
        Fetcher(patience=0.5, private=True, **settings).get(url)
    assert time.monotonic() - begun < 10, "nobody waits for what comes drop by drop"


@pytest.mark.parametrize("what", SLOW)
def test_patience_is_one_limit_over_all_of_an_answer(what: str) -> None:
    with serving(SLOW[what]) as port:
        given_up(f"http://127.0.0.1:{port}/")


def test_patience_is_over_the_handshake_too() -> None:
    with serving(dripping(b"\x16\x03\x03\x40\x00", b"\x02")) as port:
        given_up(f"https://127.0.0.1:{port}/")


def test_patience_is_over_what_a_proxy_says() -> None:
    with serving(dripping(b"HTTP/1.1 200", b" ")) as port:
        given_up("https://example.org/", proxy=f"http://127.0.0.1:{port}")


def test_patience_is_over_all_redirects() -> None:
    def answer(opened: socket.socket, over: threading.Event) -> None:
        over.wait(0.3)
        opened.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")

    with serving(answer) as port:
        given_up(f"http://127.0.0.1:{port}/")


def test_a_secret_goes_to_the_server_that_was_asked_and_to_no_other() -> None:
    first: list[bytes] = []
    other: list[bytes] = []
    with ExitStack() as stack:
        elsewhere = stack.enter_context(serving(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", other)))
        moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/list\r\nContent-Length: 0\r\n\r\n" % elsewhere
        port = stack.enter_context(serving(saying(moved, first)))
        assert Fetcher(patience=10, private=True, headers=SECRET).get(f"http://127.0.0.1:{port}/") == b"ok"
    assert b"of-the-authority" in first[0]
    assert b"GET /list" in other[0]
    assert b"of-the-authority" not in other[0]


def test_a_redirect_within_the_server_keeps_the_secret() -> None:
    heard: list[bytes] = []

    def answer(opened: socket.socket, over: threading.Event) -> None:
        heard.append(opened.recv(1 << 16))
        there = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        opened.sendall(there if b"/new" in heard[-1] else b"HTTP/1.1 307 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n")

    with serving(answer) as port:
        assert Fetcher(patience=10, private=True, headers=SECRET).get(f"http://127.0.0.1:{port}/") == b"ok"
    assert len(heard) == 2
    assert all(b"of-the-authority" in each for each in heard)


def test_what_others_named_is_asked_without_the_secret_and_may_be_a_list() -> None:
    own = Fetcher(patience=7, largest=4 << 20, private=True, proxy="http://p:1", headers=SECRET)
    others = own.for_others()
    assert (others.headers, others.largest) == ({}, LARGEST)
    assert (others.patience, others.private, others.proxy) == (7, True, "http://p:1")


def test_lists_named_by_the_authoritys_certificates_are_asked_without_its_secret(pki: Pki) -> None:
    heard: list[bytes] = []
    stamped = asyncio.run(pki.stamps("tsa", day(2026, 3)).async_timestamp(hashlib.sha256(b"x").digest(), "sha256"))
    with serving(saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", heard)) as port:
        fetcher = Fetcher(patience=10, headers=SECRET, proxy=f"http://127.0.0.1:{port}")
        authority = Authority("tsa", HttpAuthority("http://tsa.test/", fetcher), Anchors())
        assert revocations_for(read_token(stamped.dump()), authority) == []
    assert any(b"crl" in each for each in heard)
    assert not any(b"of-the-authority" in each for each in heard)
