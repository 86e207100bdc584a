"""The bytes of a file that is looked at as a whole: held in memory where it is small, read page by page where it is large.

No file is mapped: one that another process cuts short would end this one (SIGBUS). A page that is not there any more is an OSError.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO, overload

__all__ = ["MOST_HELD", "Held", "Paged", "held", "matches", "pieces", "search"]

MOST_HELD = 64 << 20
"""Bytes of a file that is held in memory."""

PAGE = 1 << 20
PAGES = 8
"""Pages of one file that are remembered: a walk through a structure goes forth, and back to where its holder ends."""

OVERLAP = 4096
"""Bytes, more than those of anything that is searched for."""


class Paged:
    """A file of any size, read where it is asked for. Raises OSError, also when it became shorter than it was."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._descriptor, self._size = stream.fileno(), size
        self._page = lru_cache(maxsize=PAGES)(self._read_page)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> bytes: ...
    def __getitem__(self, index: int | slice) -> int | bytes:
        if isinstance(index, slice):
            start, end, step = index.indices(self._size)
            return self._read(start, max(start, end))[::step]
        at = index + self._size if index < 0 else index
        if not 0 <= at < self._size:
            raise IndexError(index)
        return self._page(at // PAGE)[at % PAGE]

    def _read_page(self, number: int) -> bytes:
        return self._read(number * PAGE, min(self._size, (number + 1) * PAGE))

    def _read(self, start: int, end: int) -> bytes:
        parts = []
        while start < end:
            part = os.pread(self._descriptor, end - start, start)
            if not part:
                raise OSError(errno.EIO, "the file was cut short while it was read")
            parts.append(part)
            start += len(part)
        return b"".join(parts)


Held = bytes | Paged


@contextmanager
def held(stream: BinaryIO) -> Iterator[Held]:
    """The bytes of the file in ``stream``, as long as it is open. OSError comes through, here and where they are read."""
    size = stream.seek(0, 2)
    if size > MOST_HELD:
        yield Paged(stream, size)
        return
    stream.seek(0)
    yield stream.read()


def pieces(data: Held | memoryview, start: int, end: int) -> Iterator[bytes | memoryview]:
    """What stands from ``start`` to ``end``, in pieces of bounded length."""
    yield from (data[at : min(at + PAGE, end)] for at in range(start, end, PAGE))


def matches(pattern: re.Pattern[bytes], data: Held) -> Iterator[re.Match[bytes]]:
    """Every match in ``data``; places in a match are those of the piece in which it was found."""
    if isinstance(data, bytes):
        yield from pattern.finditer(data)
        return
    for start in range(0, len(data), PAGE):
        window = data[start : start + PAGE + OVERLAP]
        yield from (each for each in pattern.finditer(window) if each.start() < PAGE)


BEFORE = 16
"""Bytes before a place that a pattern may look back at."""


def search(pattern: re.Pattern[bytes], data: Held, at: int) -> tuple[int, re.Match[bytes]] | None:
    """The first match from ``at`` on, and the place that its own places are counted from. Reads no more than it must."""
    if isinstance(data, bytes):
        found = pattern.search(data, at)
        return (0, found) if found else None
    size = 2 * OVERLAP
    while at < len(data):
        base = max(0, at - BEFORE)
        window = data[base : at + size]
        last = base + len(window) >= len(data)
        found = pattern.search(window, at - base)
        if found and (last or found.end() <= len(window) - OVERLAP):
            return base, found
        if last:
            return None
        at = base + (found.start() if found else len(window) - OVERLAP)
        size = min(2 * size, max(PAGE, 2 * OVERLAP))  # what overlaps is less than what is read, or nothing would be gone on with
    return None
