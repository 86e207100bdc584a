"""What an inventory says of content: path → digest, for a million paths in some 100 MB."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from storage.ocfl.documents import BadJson, Members, read_json

__all__ = ["CONTENT_ALGORITHMS", "Expectations", "HashedStream", "content_digests", "read_expectations"]

CONTENT_ALGORITHMS = {"sha512": 64, "sha256": 32}
"""What content may be checked with, and the bytes of a value: the manifest's algorithm and that of the fixity block."""

_KEY = struct.Struct(">qq")
_KEY_BYTES = _KEY.size
"""A path is kept as two of Python's keyed 64-bit hashes: 128 bits leave no room for two paths of one object to meet."""

_DRAIN = 1 << 16


def _key(path: str) -> bytes:
    return _KEY.pack(hash(path), hash("/" + path))


class HashedStream:
    """Hashes all that is read through it, so that what was parsed is what was checked."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hasher = hashlib.sha512(usedforsecurity=False)
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hasher.update(data)
        self.size += len(data)
        return data

    def finish(self) -> bytes:
        """The SHA-512 of the whole stream."""
        while self.read(_DRAIN):
            pass
        return self._hasher.digest()


class Expectations:
    """The digests of the content paths of one inventory (sorted records of key and digest), and which of them were seen."""

    def __init__(self, records: list[bytes], through: int) -> None:
        self._records = records
        self._seen = bytearray(len(records))
        self.through = through
        """The version the inventory describes: content of later versions is not known to it."""

    def take(self, path: str) -> bytes | None:
        """The digest expected of ``path`` (its length tells the algorithm), marked as seen; None when it is not expected."""
        index = self._index(path)
        if index is None:
            return None
        self._seen[index] = 1
        return self._records[index][_KEY_BYTES:]

    def expects(self, path: str) -> bool:
        return self._index(path) is not None

    def unseen(self, path: str) -> bool:
        index = self._index(path)
        return index is not None and not self._seen[index]

    def __len__(self) -> int:
        return len(self._records)

    @property
    def missing(self) -> int:
        return self._seen.count(0)

    def _index(self, path: str) -> int | None:
        return _find(self._records, _key(path))


def read_expectations(stream: HashedStream, *, algorithm: str, since: int) -> Expectations | None:
    """Expectations of the content paths of versions from ``since`` on; None when the document is no inventory of ours.

    Only to be believed when the stream's digest is the expected one. Paths without a value of ``algorithm`` in the fixity block
    keep their manifest digest. OSError as it is.
    """
    manifest: list[bytes] = []
    early: list[tuple[str, bytes]] = []
    number = 0
    try:
        document = read_json(stream)  # type: ignore[arg-type]
        if not isinstance(document, dict | Members):
            return None
        for key, value in document.items():
            if key == "manifest":
                manifest = sorted([_key(path) + digest for path, digest in _paths(value, since)])
                _prefer(manifest, early)
            elif key == "fixity" and algorithm != "sha512":
                if manifest:
                    _prefer(manifest, _fixity(value, algorithm, since))
                else:
                    early = list(_fixity(value, algorithm, since))
            elif key == "digestAlgorithm" and value != "sha512":
                return None
            elif key == "head":
                number = int(value.removeprefix("v"))
    except (BadJson, ValueError, TypeError, AttributeError):
        return None
    return Expectations(manifest, number)


def content_digests(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """(content path, SHA-512) of the manifest, in its order. Raises BadJson, OSError."""
    for key, value in read_json(stream).items():
        if key == "manifest":
            yield from _paths(value, 1)


def _paths(block: Any, since: int) -> Iterator[tuple[str, bytes]]:
    for digest, paths in block.items():
        value = bytes.fromhex(digest)
        for path in paths:
            if since == 1 or int(path[1 : path.index("/")]) >= since:
                yield path, value


def _fixity(blocks: Any, algorithm: str, since: int) -> Iterable[tuple[str, bytes]]:
    for name, block in blocks.items():
        if name == algorithm:
            yield from _paths(block, since)


def _prefer(records: list[bytes], values: Iterable[tuple[str, bytes]]) -> None:
    """Put ``values`` in the place of the manifest's digests, path by path, without a second list beside the first."""
    for path, digest in values:
        index = _find(records, _key(path))
        if index is not None:
            records[index] = records[index][:_KEY_BYTES] + digest


def _find(records: list[bytes], key: bytes) -> int | None:
    index = bisect_left(records, key)
    return index if index < len(records) and records[index].startswith(key) else None
