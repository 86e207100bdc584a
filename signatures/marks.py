"""Marks in a file of any length, looked for in one pass of bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

__all__ = ["CHUNK", "OVERLAP", "Mark", "holds", "in_any_letters", "standing", "windows"]

CHUNK = 1 << 20
OVERLAP = 160
"""More than the longest mark that is searched for."""


Mark = bytes | re.Pattern[bytes] | Callable[[bytes], bool]
"""What is looked for in a window of a file; a function says whether it stands there."""


def holds(stream: BinaryIO, *marks: Mark) -> bool:
    """Whether every mark stands somewhere in what follows in ``stream``, in one pass of bounded memory."""
    return len(standing(stream, marks)) == len(set(marks))


def standing(stream: BinaryIO, marks: Iterable[Mark]) -> set[Mark]:
    """Those of ``marks`` that stand somewhere in what follows in ``stream``, in one pass of bounded memory that ends with the last."""
    wanted, found = set(marks), set[Mark]()
    for window in windows(stream) if wanted else ():
        found |= {each for each in wanted if _stands(each, window)}
        wanted -= found
        if not wanted:
            break
    return found


def windows(stream: BinaryIO) -> Iterator[bytes]:
    """What follows in ``stream``, in pieces that begin with the end of the one before."""
    window = b""
    while chunk := stream.read(CHUNK):
        window = window[-OVERLAP:] + chunk
        yield window


def in_any_letters(*texts: bytes) -> Mark:
    """A mark: one of ``texts``, which are in small letters."""

    def stands(window: bytes) -> bool:
        small = window.lower()
        return any(each in small for each in texts)

    return stands


def _stands(mark: Mark, window: bytes) -> bool:
    if isinstance(mark, bytes):
        return mark in window
    return mark.search(window) is not None if isinstance(mark, re.Pattern) else mark(window)
