"""Data objects made of what lies there: digests are computed when a record asks for them, each once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import BinaryIO

from formats.xml import MAX_EXACT_BYTES
from signatures.canonical import canonical
from signatures.evidence.verify import DataObject
from signatures.xmldsig.c14n import Work

__all__ = ["ObjectDigests", "data_object", "object_of_bytes"]

CHUNK = 1 << 20

HEAD = 1 << 10
"""Bytes in which XML must have begun."""

Opened = Callable[[], BinaryIO]


class ObjectDigests(Mapping[str, bytes]):
    """The digests of what ``opened`` opens. KeyError: an algorithm that is not known. OSError and CouldNotRead come through."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._known: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._known:
            try:
                hasher = hashlib.new(name)
            except ValueError as error:
                raise KeyError(name) from error
            with self._opened() as stream:
                while chunk := stream.read(CHUNK):
                    hasher.update(chunk)
            self._known[name] = hasher.digest()
        return self._known[name]

    def begin(self, most: int) -> bytes:
        """The first bytes, ``most`` of them at most."""
        with self._opened() as stream:
            return stream.read(most)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def data_object(name: str, opened: Opened, work: Work | None = None) -> DataObject:
    """An object as a record may cover it: its bytes, or their canonical form when they are XML; ``work`` is what may be done for that, and
    for whatever else is in the same file."""
    return DataObject(name, ObjectDigests(opened), _Canonical(opened, work))


def object_of_bytes(name: str, data: bytes) -> DataObject:
    """`data_object` of what is in memory."""
    return data_object(name, partial(io.BytesIO, data))


class _Canonical:
    """The digests of an XML object's canonical form, by method; None when it is no XML. Raises NotLookedAt."""

    def __init__(self, opened: Opened, work: Work | None) -> None:
        self._opened, self._work = opened, work
        self._known: dict[str, ObjectDigests | None] = {}

    def __call__(self, method: str) -> ObjectDigests | None:
        if method not in self._known:
            with self._opened() as stream:
                head = stream.read(HEAD)
                begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
                data = head + stream.read(MAX_EXACT_BYTES + 1 - len(head)) if begins else b""
            found = canonical(data, method, self._work) if begins else None
            self._known[method] = None if found is None else ObjectDigests(partial(io.BytesIO, found))
        return self._known[method]
