"""An S3 store that is killed, down, frozen, damaged on its own disk, or that answers garbage: network trouble is never a fact about
bytes, and nothing is counted that is not there."""

from __future__ import annotations

import http.server
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixity.verify import Outcome
from storage.errors import StorageError, Unavailable
from storage.retrying import Again
from storage.s3 import calls as s3_calls
from storage.s3.bucket import BLOCK
from storage.s3.calls import BotoCalls
from storage.s3.errors import Faulty
from storage.s3.place import S3Place
from storage.s3.tier import S3Tier
from storage.tier import ObjectId
from storage.tiers import keep_on
from tests.seaweed import Seaweed, running
from tests.storage.sealed import SealedObject, two_versions
from tests.storage.strays import strays_of

AT_ONCE = Again(attempts=2, pause=0)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A store that only these tests kill."""
    with running(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def server(own_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own_server.credentials))
    return own_server


def opened(place: S3Place, **options: Any) -> S3Tier:
    return S3Tier(place, "a", again=AT_ONCE, settled_after=0, **options)


def test_killed_in_the_middle_of_writing_nothing_is_counted_that_is_not_there(server: Seaweed, tmp_path: Path) -> None:
    place = server.place()
    S3Tier.create(place, "a").close()
    tier = opened(place)
    objects = []
    for n in range(6):
        sealed = SealedObject(tmp_path / f"spool{n}", f"urn:uuid:{n}")
        sealed.version({"large": os.urandom(BLOCK + n), **{f"small{k}": os.urandom(100) for k in range(5)}})
        objects.append(sealed)
    killer = threading.Thread(target=lambda: (_when_written(server, 2 * BLOCK), server.kill()))
    killer.start()
    kept = keep_on(tier, [sealed.versions[0] for sealed in objects])
    killer.join()
    assert any(not each.counts for each in kept)
    assert all(isinstance(each.error, Unavailable) for each in kept if not each.counts), kept
    server.start()
    for each, sealed in zip(kept, objects, strict=True):
        if each.counts:
            assert tier.verify(sealed.object_id, sealed.expected).ok
    found = list(tier.versions())
    assert [each.problem for each in found] == [None] * len(found)
    again = keep_on(tier, [sealed.versions[0] for sealed in objects])
    assert all(each.counts for each in again), again


def _when_written(server: Seaweed, count: int) -> None:
    start = sum(file.stat().st_size for file in server.volume_files())
    ends = time.monotonic() + 30
    while sum(file.stat().st_size for file in server.volume_files()) < start + count and time.monotonic() < ends:
        time.sleep(0.005)


def every_question(tier: S3Tier, sealed: SealedObject) -> list[Any]:
    return [
        lambda: tier.check(),
        lambda: tier.verify(sealed.object_id, sealed.expected),
        lambda: list(tier.versions()),
        lambda: strays_of(tier),
        lambda: tier.inventory(sealed.object_id),
        lambda: tier.write(sealed.versions),
        lambda: tier.verify(ObjectId("urn:uuid:never"), sealed.expected),
    ]


def assert_only_unavailable(tier: S3Tier, sealed: SealedObject) -> None:
    for ask in every_question(tier, sealed):
        with pytest.raises(Unavailable):
            ask()


@pytest.fixture
def kept(server: Seaweed, tmp_path: Path) -> tuple[S3Place, SealedObject]:
    place = server.place()
    S3Tier.create(place, "a").close()
    sealed = two_versions(tmp_path / "spool")
    assert all(each.counts for each in keep_on(opened(place), sealed.versions))
    return place, sealed


def test_a_store_that_is_down_says_nothing_of_the_bytes(server: Seaweed, kept: tuple[S3Place, SealedObject]) -> None:
    place, sealed = kept
    tier = opened(place)
    server.kill()
    try:
        assert_only_unavailable(tier, sealed)
    finally:
        server.start()
    assert tier.verify(sealed.object_id, sealed.expected).ok


def test_a_store_that_does_not_answer_is_given_up(
    server: Seaweed, kept: tuple[S3Place, SealedObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, sealed = kept
    monkeypatch.setattr(s3_calls, "ANSWER_WITHIN", 0.2)
    monkeypatch.setattr(s3_calls, "CONNECT_WITHIN", 0.2)
    tier = opened(replace(place, region="us-west-2"))  # a client of its own, with these patiences
    server.freeze()
    try:
        assert_only_unavailable(tier, sealed)
    finally:
        server.thaw()


GARBAGE = {
    "a page": (200, "text/html", b"<html><body>Please log in</body></html>"),
    "nothing": (200, "application/xml", b""),
    "another document": (200, "application/xml", b"<?xml version='1.0'?><ListBucketResult></ListBucketResult>"),
    "errors": (500, "application/xml", b"<Error><Code>InternalError</Code></Error>"),
    "no page": (404, "text/html", b"<html>Not Found</html>"),
    "no page, and no document": (404, "text/plain", b"not found"),
    "busy": (503, "application/xml", b"<Error><Code>SlowDown</Code></Error>"),
    "moved": (302, "text/html", b""),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_no_answer(kept: tuple[S3Place, SealedObject], what: str) -> None:
    place, sealed = kept
    status, kind, body = GARBAGE[what]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        tier = S3Tier(replace(place, endpoint=f"http://127.0.0.1:{proxy.server_address[1]}"), "a", again=Again(1))
        assert_only_unavailable(tier, sealed)
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


class Trouble:
    """A store that gives one kind of error for one key, and all else."""

    def __init__(self, inner: BotoCalls, part: str, error: type[StorageError], *, times: int = 1 << 30) -> None:
        self._inner, self._part, self._error, self.left = inner, part, error, times

    def call(self, operation: str, key: str, parameters: Any) -> dict[str, Any]:
        if operation == "get_object" and self._part in key and self.left:
            self.left -= 1
            raise self._error(key, "planted")  # type: ignore[call-arg]
        return self._inner.call(operation, key, parameters)


def test_one_thing_that_the_store_cannot_give_is_unreadable_and_a_lost_line_is_not(kept: tuple[S3Place, SealedObject]) -> None:
    place, sealed = kept
    report = opened(place, calls=Trouble(BotoCalls(place), "deep.bin", Faulty)).verify(sealed.object_id, sealed.expected)
    assert [(each.path[-8:], each.outcome) for each in report.problems] == [("deep.bin", Outcome.UNREADABLE)]
    with pytest.raises(Unavailable):
        opened(place, calls=Trouble(BotoCalls(place), "deep.bin", Unavailable)).verify(sealed.object_id, sealed.expected)
    for error in (Faulty, Unavailable):
        once = Trouble(BotoCalls(place), "deep.bin", error, times=1)
        assert opened(place, calls=once).verify(sealed.object_id, sealed.expected).ok
        assert once.left == 0
    with pytest.raises(Unavailable):
        opened(place, calls=Trouble(BotoCalls(place), "", Faulty)).verify(sealed.object_id, sealed.expected)


def test_bytes_that_change_on_the_disk_of_the_store_are_found_and_put_right(server: Seaweed, tmp_path: Path) -> None:
    """Whatever the store answers: an error is unreadable, other bytes are altered. It is never good."""
    place = server.place()
    S3Tier.create(place, "a").close()
    tier = opened(place)
    sealed = SealedObject(tmp_path / "spool")
    data = os.urandom(200_000)
    sealed.version({"victim": data, "other": b"other"})
    assert all(each.counts for each in keep_on(tier, sealed.versions))
    tier = S3Tier(place, "a", again=Again(1))  # the store itself tries for ten seconds
    assert _flip(server, data[100_000:100_032]) >= 1
    report = tier.verify(sealed.object_id, sealed.expected)
    assert [each.path for each in report.problems] == ["v1/content/w/victim"]
    assert report.problems[0].outcome in (Outcome.UNREADABLE, Outcome.ALTERED)
    with open(next(sealed.versions[0].files()).source, "rb") as good:
        tier.restore(sealed.object_id, "v1/content/w/victim", good, next(sealed.versions[0].files()).sha512)
    assert tier.verify(sealed.object_id, sealed.expected).ok


def _flip(server: Seaweed, pattern: bytes) -> int:
    """Flip one bit of ``pattern`` wherever the store's disk has it; how often that was."""
    count = 0
    for file in server.volume_files():
        with open(file, "r+b") as volume:
            place = volume.read().find(pattern)
            if place >= 0:
                volume.seek(place)
                volume.write(bytes([pattern[0] ^ 1]))
                count += 1
    return count
