"""One pass over a stream: copy it to a file and compute SHA-256 and SHA-512 on the way.

Reading, writing and hashing fail for different reasons, and the difference matters: what cannot be read is a finding about the
deposit (`fixity.CouldNotRead`), what cannot be written is our problem (`FormatsError`).
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import BinaryIO, Final

from fixity.errors import CouldNotRead
from formats.errors import spool_error
from policies.phrases import os_phrase

__all__ = ["CHUNK", "Copied", "copy_stream"]

CHUNK: Final = 1 << 20
"""Bytes read at a time, and the size from which the two digests are computed in two threads (hashlib releases the GIL; handing a
chunk to a thread costs about 50 µs, hashing a mebibyte 750 to 1,500 µs)."""

AHEAD: Final = 4
"""Chunks that may wait for their digests while the next ones are read: memory per file stays below AHEAD + 1 chunks."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy was: bytes, and both digests of them."""

    size: int
    sha256: bytes
    sha512: bytes


class _Digests:
    """SHA-256 and SHA-512 of one file; small chunks at once, large ones in two threads, one an algorithm, in order."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._hashes = (hashlib.sha256(), hashlib.sha512())
        self._waiting: list[tuple[Future[None], Future[None]]] = []
        self.size = 0

    def update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if len(chunk) < CHUNK and not self._waiting:
            for each in self._hashes:
                each.update(chunk)
            return
        self._wait(AHEAD - 1)
        before = self._waiting[-1] if self._waiting else (None, None)
        sha256, sha512 = self._hashes
        first = self._pool.submit(_after, before[0], sha256, chunk)
        self._waiting.append((first, self._pool.submit(_after, before[1], sha512, chunk)))

    def _wait(self, allowed: int) -> None:
        while len(self._waiting) > allowed:
            for future in self._waiting.pop(0):
                future.result()

    def finish(self) -> Copied:
        self._wait(0)
        return Copied(self.size, self._hashes[0].digest(), self._hashes[1].digest())


def _after(earlier: Future[None] | None, digest: hashlib._Hash, chunk: bytes) -> None:
    # The pool has a thread for each algorithm and starts tasks in the order they came, so an earlier task is running or done.
    if earlier is not None:
        earlier.result()
    digest.update(chunk)


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise CouldNotRead(name, os_phrase(error)) from error


def _write(descriptor: int, chunk: bytes, target: str) -> None:
    try:
        written = os.write(descriptor, chunk)
        while written < len(chunk):
            written += os.write(descriptor, memoryview(chunk)[written:])
    except OSError as error:
        raise spool_error(error, target) from error


def copy_stream(stream: BinaryIO, target: str, pool: Executor, *, name: str, expected: int = CHUNK) -> Copied:
    """Copy all of ``stream`` to the new file ``target``; ``name`` stands in errors, ``expected`` is the likely size in bytes.

    When anything is raised, ``target`` is removed again. What ``stream.read`` raises besides OSError comes through as it is.

    Raises:
        CouldNotRead: reading failed.
        SpoolFull, SpoolFailed: writing failed.
    """
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise spool_error(error, target) from error
    digests = _Digests(pool)
    try:
        # One byte more than expected, so that a file of that size is read by one call and the next one meets its end.
        while chunk := _read(stream, min(expected + 1, CHUNK), name):
            digests.update(chunk)
            _write(descriptor, chunk, target)
        copied = digests.finish()
    except BaseException:
        os.close(descriptor)
        os.unlink(target)
        raise
    try:
        os.close(descriptor)
    except OSError as error:
        raise spool_error(error, target) from error
    return copied
