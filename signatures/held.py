"""The bytes of a file that is looked at as a whole: held in memory where it is small, mapped where it is large."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

__all__ = ["MOST_HELD", "Held", "held"]

Held = bytes | mmap.mmap

MOST_HELD = 64 << 20
"""Bytes of a file that is read. A mapped file that another process cuts short ends this one (SIGBUS), and signed files of more are rare."""


@contextmanager
def held(stream: BinaryIO) -> Iterator[Held]:
    """The bytes of the file in ``stream``; b"" of an empty one, which cannot be mapped. OSError comes through."""
    if stream.seek(0, 2) <= MOST_HELD:
        stream.seek(0)
        yield stream.read()
        return
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped
