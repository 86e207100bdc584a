"""One connection to clamd: commands, streams and replies as bytes on a socket (clamd(8), section COMMANDS)."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import BinaryIO

from policies.phrases import os_phrase, phrase

__all__ = ["Session", "Unreadable", "connected"]

CHUNK_BYTES = 1 << 20
LENGTH = struct.Struct(">I")

LONGEST_REPLY = 64 << 10
"""Bytes. A reply names one signature; more than this is not clamd."""


class Unreadable(Exception):
    """The file, not the scanner, failed; the session is half-way in a stream and of no more use."""


class Session:
    """One connection. Every method raises OSError (TimeoutError, ConnectionError) when clamd is gone or silent."""

    def __init__(self, connection: socket.socket, reply_seconds: float) -> None:
        connection.settimeout(reply_seconds)
        self._connection = connection
        self._buffer = bytearray()
        self._last = 0

    def command(self, name: bytes) -> None:
        self._connection.sendall(_command(name))

    def begin(self) -> None:
        """From here on, several commands may be sent, and replies carry their numbers."""
        self.command(b"IDSESSION")

    def stream(self, path: Path) -> int:
        """Send one file to be scanned: chunks with their length before them, an empty one at the end. Raises Unreadable too.

        The number of its reply within a session. A small file is one packet.
        """
        self._last += 1
        unsent = _command(b"INSTREAM")
        with _opened(path) as file:
            while chunk := _read(file):
                if len(unsent) > CHUNK_BYTES:
                    self._connection.sendall(unsent)
                    unsent = b""
                unsent += LENGTH.pack(len(chunk)) + chunk
        self._connection.sendall(unsent + LENGTH.pack(0))
        return self._last

    def reply(self) -> str:
        while (end := self._buffer.find(b"\0")) < 0:
            received = self._connection.recv(4096)
            if not received or len(self._buffer) > LONGEST_REPLY:
                raise ConnectionError(phrase("clamd-hung-up"))
            self._buffer += received
        text = bytes(self._buffer[:end]).decode("utf-8", "replace")
        del self._buffer[: end + 1]
        return text

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _command(name: bytes) -> bytes:
    return b"z" + name + b"\0"


def connected(address: str, seconds: float) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in address:
        return socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise Unreadable(phrase("clamd-cannot-read", why=os_phrase(error))) from error


def _read(file: BinaryIO) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except OSError as error:
        raise Unreadable(phrase("clamd-cannot-read", why=os_phrase(error))) from error
