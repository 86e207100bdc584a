"""Reading what may be large: by blocks, several asked for before the first is needed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from storage.errors import StorageError
from storage.s3.bucket import BLOCK, Block, Bucket
from storage.s3.lanes import Lanes

__all__ = ["Fingerprint", "blocks", "fingerprint", "open_version"]


def blocks(bucket: Bucket, lanes: Lanes | None, first: Block, key: str, start: int = 0) -> Iterator[bytes]:
    """All bytes of the version that ``first`` is the block at ``start`` of. Without ``lanes``, one block after another (a job in
    a lane must not wait for other jobs)."""
    yield first.data
    rest = range(start + len(first.data), first.size, BLOCK)
    if not rest:
        return
    jobs = (partial(bucket.block, key, first.version, offset) for offset in rest)
    for block in lanes.in_order(jobs) if lanes else (job() for job in jobs):
        yield block.data


class Fingerprint:
    """One version as it was read: which it is, and the digest of its bytes."""

    __slots__ = ("digest", "etag", "size", "version")

    def __init__(self, block: Block, digest: bytes) -> None:
        self.version, self.etag, self.size, self.digest = block.version, block.etag, block.size, digest


def fingerprint(
    bucket: Bucket,
    lanes: Lanes | None,
    key: str,
    version: str = "",
    *,
    algorithm: str = "sha512",
    progress: Callable[[int], None] | None = None,
) -> Fingerprint:
    """Read a version whole (the current one when none is named). Raises NotFound, Unavailable, Refused."""
    first = bucket.block(key, version)
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    for data in blocks(bucket, lanes, first, key):
        hasher.update(data)
        if progress is not None and data:
            progress(len(data))
    return Fingerprint(first, hasher.digest())


def open_version(bucket: Bucket, lanes: Lanes, key: str, version: str = "") -> BinaryIO:
    """A stream of a version's bytes, which can be wound. Reads raise OSError. Raises NotFound, Unavailable, Refused."""
    return io.BufferedReader(_Stream(bucket, lanes, key, bucket.block(key, version)), BLOCK // 8)


class _Stream(io.RawIOBase):
    def __init__(self, bucket: Bucket, lanes: Lanes, key: str, first: Block) -> None:
        self._bucket, self._lanes, self._key = bucket, lanes, key
        self._version, self._size = first.version, first.size
        self._at = 0
        self._left = memoryview(b"")
        self._blocks: Iterator[bytes] | None = blocks(bucket, lanes, first, key)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        target = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if target < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if target != self._at:
            self._stop()
            self._at, self._left = target, memoryview(b"")
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._left and self._at < self._size:
            self._left = memoryview(self._next())
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        self._at += count
        return count

    def _next(self) -> bytes:
        try:
            if self._blocks is None:
                first = self._bucket.block(self._key, self._version, self._at)
                self._blocks = blocks(self._bucket, self._lanes, first, self._key, self._at)
            return next(self._blocks, b"")
        except StorageError as error:
            self._stop()
            raise OSError(errno.EIO, str(error)) from error

    def _stop(self) -> None:
        if self._blocks is not None:
            self._blocks.close()  # type: ignore[attr-defined]
        self._blocks = None

    def close(self) -> None:
        if not self.closed:
            self._stop()
        super().close()
