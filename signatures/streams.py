"""Streams over what is taken out of a file, whose own errors are told as that it cannot be had."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

__all__ = ["Guarded", "Unopened"]


class Unopened(Exception):
    """What a part holds cannot be had: it is enciphered, damaged, or written in a way that is not read."""


class Guarded(io.BufferedReader):
    """What gives bytes, whose own errors are told as `Unopened`. ``file``, where it lies, is closed with it."""

    def __init__(self, stream: Any, *errors: type[Exception], file: BinaryIO | None = None) -> None:
        super().__init__(_Raw(stream, errors, file or stream))


class _Raw(io.RawIOBase):
    def __init__(self, stream: Any, errors: tuple[type[Exception], ...], file: BinaryIO) -> None:
        super().__init__()
        self._stream, self._errors, self._file = stream, errors, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data: bytes = self._stream.read(len(buffer))
        except self._errors as error:
            raise Unopened from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
