"""Pieces of bytes as a stream."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

__all__ = ["Chunks"]


class Chunks(io.RawIOBase):
    """Pieces of bytes as one stream, each asked for when it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (piece := next(self._chunks, b"")):
            self._rest = piece
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)
