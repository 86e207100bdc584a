"""Marks in a file of any length, looked for in one pass of bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["CHUNK", "OVERLAP", "Mark", "holds"]

CHUNK = 1 << 20
OVERLAP = 160
"""More than the longest mark that is searched for."""


Mark = bytes | re.Pattern[bytes] | Callable[[bytes], bool]
"""What is looked for in a window of a file; a function says whether it stands there."""


def holds(stream: BinaryIO, *marks: Mark) -> bool:
    """Whether every mark stands somewhere in what follows in ``stream``, in one pass of bounded memory."""
    window, wanted = b"", list(marks)
    while True:
        wanted = [each for each in wanted if not _stands(each, window)]
        if not wanted:
            return True
        chunk = stream.read(CHUNK)
        if not chunk:
            return False
        window = window[-OVERLAP:] + chunk


def _stands(mark: Mark, window: bytes) -> bool:
    if isinstance(mark, bytes):
        return mark in window
    return mark.search(window) is not None if isinstance(mark, re.Pattern) else mark(window)
