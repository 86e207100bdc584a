"""Framed messages over a socket between the identification and its worker: four bytes of length, then JSON.

JSON and not pickle: the worker reads hostile files, and what it sends is parsed here, never executed.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from policies.phrases import os_phrase, phrase

__all__ = ["Channel", "ChannelClosed"]

LENGTH = struct.Struct(">I")

LONGEST_MESSAGE = 16 << 20
"""Bytes. A batch and its answers take tens of KiB; a longer message means the other side has lost its mind."""

READ_BYTES = 256 << 10


class ChannelClosed(Exception):
    """The other side is gone, or speaks nonsense. Internal to this package: it never reaches a caller."""


class Channel:
    """One end. Not safe for two threads at once."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()

    def send(self, message: dict[str, Any], timeout: float | None = None) -> None:
        """Send one message whole within ``timeout`` seconds. Raises ChannelClosed, TimeoutError."""
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(LENGTH.pack(len(body)) + body)
        except TimeoutError:
            raise
        except OSError as error:
            raise ChannelClosed(os_phrase(error)) from error

    def receive(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message; ``timeout`` bounds each wait (0: only what is there). Raises ChannelClosed, TimeoutError."""
        while (message := self._take()) is None:
            self._socket.settimeout(timeout)
            try:
                received = self._socket.recv(READ_BYTES)
            except (TimeoutError, BlockingIOError):
                raise TimeoutError from None
            except OSError as error:
                raise ChannelClosed(os_phrase(error)) from error
            if not received:
                raise ChannelClosed(phrase("channel-ended"))
            self._buffer += received
        return message

    def _take(self) -> dict[str, Any] | None:
        if len(self._buffer) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > LONGEST_MESSAGE:
            raise ChannelClosed(phrase("channel-long", bytes=length))
        end = LENGTH.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[LENGTH.size : end])
        del self._buffer[:end]
        try:
            message: dict[str, Any] = json.loads(body)
        except ValueError as error:
            raise ChannelClosed(phrase("channel-no-json", why=str(error))) from error
        return message

    def close(self) -> None:
        self._socket.close()
