"""A folder of a bucket as a `Backend`: what `storage.ocfl.check` and other readers of foreign roots stand on.

S3 has no folders; to be the same seam as a disk, a key is not put below a key nor where others lie below. (Two writers that do so
in the same moment are not found out: storage roots are written through `S3Tier`, whose names cannot clash so.)
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from policies.phrases import phrase
from storage.backend import Stat
from storage.beneath import check_path
from storage.errors import AlreadyExists, NotFound, Refused
from storage.s3.bucket import Bucket
from storage.s3.calls import Calls
from storage.s3.lanes import Lanes
from storage.s3.place import S3Place
from storage.s3.reading import fingerprint, open_version
from storage.s3.uploading import Sealed, upload

__all__ = ["S3Backend"]

LONGEST_KEY = 1_024
"""Bytes of a key (S3)."""


class S3Backend:
    """The six verbs below ``place.prefix``. Deleting puts a delete marker: the versions stay."""

    def __init__(self, place: S3Place, calls: Calls) -> None:
        self._bucket = Bucket(place, calls)
        self._lanes = Lanes()

    def put(self, key: str, source: BinaryIO) -> None:
        self._check_place(key)
        with tempfile.TemporaryFile() as whole:
            hasher, size = hashlib.sha512(usedforsecurity=False), 0
            while chunk := source.read(LARGE_BUFFER):
                hasher.update(chunk)
                whole.write(chunk)
                size += len(chunk)
            whole.seek(0)
            upload(self._bucket, self._lanes, key, whole, Sealed(key, size, hasher.digest()))

    def replace(self, key: str, data: bytes, *, expected: bytes | None) -> None:
        if expected is None:
            self._check_place(key)
            self._bucket.create(key, data)
            return
        now = fingerprint(self._bucket, self._lanes, _checked(key))
        if now.digest != expected:
            raise AlreadyExists(key)
        self._bucket.swap(key, data, now.etag)

    def open(self, key: str) -> BinaryIO:
        return open_version(self._bucket, self._lanes, _checked(key))

    def stat(self, key: str) -> Stat:
        return Stat(key, int(self._bucket.ask("head_object", _checked(key))["ContentLength"]))

    def list(self, prefix: str) -> Iterator[Stat]:
        start = _checked(prefix) + "/" if prefix else ""
        for key, size, _ in self._bucket.current(start):
            yield Stat(key, size)

    def delete(self, key: str) -> None:
        self.stat(key)
        self._bucket.hide(key)

    def _check_place(self, key: str) -> None:
        if next(self._bucket.current(_checked(key) + "/"), None) is not None:
            raise AlreadyExists(key)
        parts = key.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            try:
                self.stat(above)
            except NotFound:
                continue
            raise Refused(key, phrase("is-no-folder", path=above))


def _checked(key: str) -> str:
    """Raises Refused for what is no key, or none that S3 can hold."""
    try:
        length = len(check_path(key).encode("utf-8"))
    except UnicodeEncodeError:
        raise Refused(key, phrase("s3-key-text")) from None
    if length > LONGEST_KEY:
        raise Refused(key, phrase("s3-key-long", longest=LONGEST_KEY))
    return key
