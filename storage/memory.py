"""A `Backend` in memory: for tests of what stands on backends, and for dry runs."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import BinaryIO

from policies.phrases import phrase
from storage.backend import Stat
from storage.beneath import check_path
from storage.errors import AlreadyExists, NotFound, Refused

__all__ = ["MemoryBackend"]


class MemoryBackend:
    """Six verbs over a dict. Nothing survives the process, which is all that "durable" can mean here."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: str, source: BinaryIO) -> None:
        self._create(key, source.read())

    def _create(self, key: str, data: bytes) -> None:
        check_path(key)
        with self._lock:
            if key in self._values or any(other.startswith(key + "/") for other in self._values):
                raise AlreadyExists(key)
            parts = key.split("/")
            if any("/".join(parts[:n]) in self._values for n in range(1, len(parts))):
                raise Refused(key, phrase("parent-is-file"))
            self._values[key] = data

    def replace(self, key: str, data: bytes, *, expected: bytes | None) -> None:
        if expected is None:
            self._create(key, data)
            return
        with self._lock:
            if hashlib.sha512(self._get(key)).digest() != expected:
                raise AlreadyExists(key)
            self._values[key] = data

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._get(key))

    def stat(self, key: str) -> Stat:
        return Stat(key, len(self._get(key)))

    def list(self, prefix: str) -> Iterator[Stat]:
        if prefix:
            check_path(prefix)
        start = prefix + "/" if prefix else ""
        for key, value in list(self._values.items()):
            if key.startswith(start):
                yield Stat(key, len(value))

    def delete(self, key: str) -> None:
        with self._lock:
            self._get(key)
            del self._values[key]

    def _get(self, key: str) -> bytes:
        try:
            return self._values[check_path(key)]
        except KeyError:
            raise NotFound(key) from None
