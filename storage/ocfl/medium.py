"""Reading files so that the bytes come from the medium: the page cache is told to forget them first.

What that proves and what not: docs/on-disk.md.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable

__all__ = ["AHEAD", "PROGRESS_EVERY", "Medium", "drop_cache"]

AHEAD = 32
"""Files asked for before the first of them is needed: a device answers 32 questions at a time three times as fast as one by one."""

READ_AHEAD = 1 << 20
"""Bytes of each file that are asked for so; the kernel reads on by itself in larger ones."""

BUFFER = 1 << 20
"""Bytes read at a time into one buffer that is reused: small files touch only its beginning, which stays in the processor's cache."""

PROGRESS_EVERY = 8 << 20
"""Bytes between two calls of ``progress``."""

_HASHERS = {"sha512": hashlib.sha512, "sha256": hashlib.sha256}
"""Called by name: `hashlib.new` costs as much as hashing a kilobyte."""

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def drop_cache(descriptor: int) -> None:
    """Ask the kernel to forget the clean pages of a file, so that the next read comes from the device."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


_of_thread = threading.local()


def _buffer() -> memoryview:
    """This thread's buffer: a new one for each object would cost as much as reading a small file into it."""
    try:
        found: memoryview = _of_thread.buffer
    except AttributeError:
        found = _of_thread.buffer = memoryview(bytearray(BUFFER))
    return found


class Medium:
    """Opens and hashes files; ``cold`` from the device. ``progress`` is called with the bytes read since its last call."""

    def __init__(self, *, cold: bool, progress: Callable[[int], None] | None) -> None:
        self.ahead = AHEAD if cold else 1
        self._cold = cold
        self._progress = progress
        self._unreported = 0
        self._view = _buffer()
        self._buffers = (self._view,)

    def open(self, folder: int, name: str) -> int:
        """A descriptor of a file in an open folder. OSError as it is."""
        descriptor = os.open(name, _FILE, dir_fd=folder)
        if self._cold:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(descriptor, 0, READ_AHEAD, os.POSIX_FADV_WILLNEED)
        return descriptor

    def digest(self, descriptor: int, algorithm: str) -> tuple[int, bytes]:
        """(bytes, digest) of a file, read to its end: a short read is no end, it may be the edge of a bad sector.

        Closes the descriptor. OSError as it is.
        """
        view, buffers = self._view, self._buffers
        try:
            size = count = os.readv(descriptor, buffers)
            hasher = _HASHERS[algorithm](view[:count], usedforsecurity=False)
            while count:
                if self._progress is not None:
                    self.tell(count)
                count = os.readv(descriptor, buffers)
                if count:
                    hasher.update(view[:count])
                    size += count
        finally:
            os.close(descriptor)
        return size, hasher.digest()

    def tell(self, count: int, *, end: bool = False) -> None:
        """Count bytes that were read, here or elsewhere."""
        self._unreported += count
        if self._progress is not None and self._unreported and (end or self._unreported >= PROGRESS_EVERY):
            self._progress(self._unreported)
            self._unreported = 0
