"""What every `Backend` promises. One suite, run by all of them."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from storage.backend import Backend, Stat
from storage.errors import AlreadyExists, NotFound, Refused, StorageError, Unavailable
from storage.local import LocalBackend
from storage.memory import MemoryBackend
from storage.retrying import Retrying
from storage.s3.backend import S3Backend
from storage.s3.calls import BotoCalls
from tests.seaweed import Seaweed

STRANGE = os.fsdecode(b"b\xe1o c\xe1o %2F\r\n")
KEYS = ["a", "folder/b", "folder/deep/er/c", "báo cáo.txt", "folder/" + "x" * 255, STRANGE, "folder/" + STRANGE, " ", "...", "~"]


class Flaky:
    """Unavailable at every first call of each verb with the same arguments; then as the backend inside."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner
        self._asked: set[str] = set()

    def _first(self, what: str) -> None:
        if what not in self._asked:
            self._asked.add(what)
            raise Unavailable(what, "the first time")

    def put(self, key: str, source: BinaryIO) -> None:
        if f"put {key}" not in self._asked:
            source.read(3)  # a failed attempt has taken some of the source
        self._first(f"put {key}")
        self._inner.put(key, source)

    def replace(self, key: str, data: bytes, *, expected: bytes | None) -> None:
        self._first(f"replace {key} {data!r}")
        self._inner.replace(key, data, expected=expected)

    def open(self, key: str) -> BinaryIO:
        self._first(f"open {key}")
        return self._inner.open(key)

    def stat(self, key: str) -> Stat:
        self._first(f"stat {key}")
        return self._inner.stat(key)

    def list(self, prefix: str) -> Iterator[Stat]:
        self._first(f"list {prefix}")
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        self._first(f"delete {key}")
        self._inner.delete(key)


@pytest.fixture(params=["local", "local-staged", "memory", "retrying", "retrying-flaky", "s3"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "s3":
        seaweed: Seaweed = request.getfixturevalue("seaweed")
        place = seaweed.place(lock=False)
        return S3Backend(place, BotoCalls(place))
    root = tmp_path / "root"
    root.mkdir()
    match request.param:
        case "local":
            return LocalBackend(root)
        case "local-staged":
            return LocalBackend(root, staging=tmp_path / "staging")
        case "memory":
            return MemoryBackend()
        case "retrying":
            return Retrying(LocalBackend(root), pause=0)
        case _:
            return Retrying(Flaky(MemoryBackend()), pause=0)


def put(backend: Backend, key: str, data: bytes) -> None:
    backend.put(key, io.BytesIO(data))


def get(backend: Backend, key: str) -> bytes:
    with backend.open(key) as stream:
        return stream.read()


def sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def test_what_was_put_is_there(backend: Backend) -> None:
    keys = [key for key in KEYS if not isinstance(backend, S3Backend) or (STRANGE not in key and len(key) < 200)]
    for key in keys:
        put(backend, key, key.encode("utf-8", "surrogateescape") * 3)
    for key in keys:
        data = key.encode("utf-8", "surrogateescape") * 3
        assert get(backend, key) == data
        assert backend.stat(key) == Stat(key, len(data))
    assert sorted(found.key for found in backend.list("")) == sorted(keys)
    assert {found.key for found in backend.list("folder")} == {key for key in keys if key.startswith("folder/")}
    assert {found.size for found in backend.list("folder/deep")} == {len("folder/deep/er/c") * 3}


def test_a_name_that_cannot_be_held_is_refused_and_never_changed(backend: Backend) -> None:
    if not isinstance(backend, S3Backend):
        pytest.skip("it holds any name that a disk does")
    for key in (STRANGE, "folder/" + STRANGE, "/".join(["x" * 99] * 11)):
        with pytest.raises(Refused):
            put(backend, key, b"x")
    assert list(backend.list("")) == []


def test_put_never_replaces(backend: Backend) -> None:
    put(backend, "a/key", b"first")
    with pytest.raises(AlreadyExists):
        put(backend, "a/key", b"second")
    assert get(backend, "a/key") == b"first"
    with pytest.raises(AlreadyExists):
        put(backend, "a", b"a folder stands here")
    with pytest.raises(Refused):
        put(backend, "a/key/below", b"a file stands above")
    assert [found.key for found in backend.list("")] == ["a/key"]


def test_large_and_empty_values(backend: Backend) -> None:
    large = os.urandom(3 << 20)
    put(backend, "large", large)
    put(backend, "empty", b"")
    assert get(backend, "large") == large
    assert get(backend, "empty") == b""
    assert backend.stat("empty").size == 0


def test_put_begins_where_the_source_stands(backend: Backend) -> None:
    source = io.BytesIO(b"skipped|taken")
    source.seek(8)
    backend.put("key", source)
    assert get(backend, "key") == b"taken"


def test_nothing_there_is_not_found(backend: Backend) -> None:
    put(backend, "folder/key", b"x")
    for key in ("other", "folder/other", "folder", "folder/key/below", "no/such/folder/key"):
        with pytest.raises(NotFound):
            backend.open(key)
        with pytest.raises(NotFound):
            backend.stat(key)
        with pytest.raises(NotFound):
            backend.delete(key)
        with pytest.raises(NotFound):
            backend.replace(key, b"y", expected=sha512(b"x"))
    assert list(backend.list("no/such")) == []
    assert [found.key for found in backend.list("")] == ["folder/key"]


def test_replace_compares_and_swaps(backend: Backend) -> None:
    backend.replace("key", b"one", expected=None)
    with pytest.raises(AlreadyExists):
        backend.replace("key", b"two", expected=None)
    with pytest.raises(AlreadyExists):
        backend.replace("key", b"two", expected=sha512(b"other"))
    assert get(backend, "key") == b"one"
    backend.replace("key", b"two", expected=sha512(b"one"))
    assert get(backend, "key") == b"two"


def test_deleted_is_gone_and_can_be_put_again(backend: Backend) -> None:
    put(backend, "deep/er/key", b"x")
    backend.delete("deep/er/key")
    assert list(backend.list("")) == []
    # In a versioned bucket the deleted versions stay below "deep", and a store may take that for a folder.
    again = "deep/er/key" if isinstance(backend, S3Backend) else "deep"
    put(backend, again, b"where a folder was")
    assert get(backend, again) == b"where a folder was"


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.", ".", "a\0b"])
def test_keys_that_are_no_keys_are_refused(backend: Backend, key: str) -> None:
    with pytest.raises(Refused):
        put(backend, key, b"x")
    with pytest.raises(Refused):
        backend.open(key)


def test_one_of_many_writers_wins(backend: Backend) -> None:
    won: list[int] = []
    failed: list[StorageError] = []

    def write(n: int) -> None:
        try:
            put(backend, "raced/key", b"%d" % n)
            won.append(n)
        except AlreadyExists as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(failed) == 7
    assert get(backend, "raced/key") == b"%d" % won[0]


def test_a_source_that_fails_leaves_nothing(backend: Backend) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises((OSError, Unavailable)):
        backend.put("key", Broken())
    assert list(backend.list("")) == []
