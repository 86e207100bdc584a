"""Marks in a file of any length, looked for in one pass of bounded memory."""

from __future__ import annotations

import re
from typing import BinaryIO

__all__ = ["CHUNK", "OVERLAP", "holds"]

CHUNK = 1 << 20
OVERLAP = 160
"""More than the longest mark that is searched for."""


def holds(stream: BinaryIO, *marks: bytes | re.Pattern[bytes]) -> bool:
    """Whether every mark stands somewhere in what follows in ``stream``, in one pass of bounded memory."""
    window = b""
    wanted = [re.compile(re.escape(each)) if isinstance(each, bytes) else each for each in marks]
    while True:
        wanted = [each for each in wanted if each.search(window) is None]
        if not wanted:
            return True
        chunk = stream.read(CHUNK)
        if not chunk:
            return False
        window = window[-OVERLAP:] + chunk
