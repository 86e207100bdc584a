"""Locks between processes and threads: byte ranges of one lock file a tier, one range an object.

Open-file-description locks (Linux, fcntl(2)): they belong to the descriptor, so threads exclude each other too, a killed process
leaves none behind, and a batch of thousands of objects needs one descriptor instead of one a lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator

__all__ = ["TRANSACTIONS", "hold", "range_of"]

TRANSACTIONS = 0
"""The range that is held for the moment in which transactions are begun, or left ones are looked for."""

_FLOCK = struct.Struct("@hhqqi4x")
"""struct flock on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid (must be 0 for these locks)."""

_SPAN = (1 << 62) - 1
"""Ranges lie in 1 … 2^62: below the largest file offset. Two objects on one range only wait for each other."""


def range_of(name: str) -> int:
    """The range that stands for an object or key."""
    value = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return 1 + int.from_bytes(value, "big") % _SPAN


@contextlib.contextmanager
def hold(path: str, ranges: Iterable[int]) -> Iterator[None]:
    """Hold ranges of the lock file ``path`` (made when it is not there), waiting for others; released on leaving.

    Taken in ascending order, so that two batches cannot wait for each other. OSError comes through as it is.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        for start in sorted(set(ranges)):
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0))
        yield
    finally:
        os.close(descriptor)
