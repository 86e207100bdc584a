"""What an inventory says of content: path → digest, for a million paths in some 100 MB."""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Protocol

from storage.ocfl.documents import BadJson, Members, read_json

__all__ = ["CONTENT_ALGORITHMS", "Expectations", "HashedStream", "content_digests", "read_expectations"]

CONTENT_ALGORITHMS = {"sha512": 64, "sha256": 32}
"""What content may be checked with, and the bytes of a value: the manifest's algorithm and that of the fixity block."""

_KEY = struct.Struct(">qq")
_KEY_BYTES = _KEY.size
"""A path is kept as two of Python's keyed 64-bit hashes: 128 bits leave no room for two paths of one object to meet."""

_DRAIN = 1 << 16

PACKED_FROM = 1 << 20
"""Bytes of an inventory from which on its paths are not kept as they are: some 3,000 of them, half a megabyte."""


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


class Expectations(Protocol):
    """The digests of the content paths of one inventory, and which of them were seen."""

    through: int
    """The version the inventory describes: content of later versions is not known to it."""

    def take(self, path: str) -> bytes | None:
        """The digest expected of ``path`` (its length tells the algorithm), marked as seen; None when it is not expected."""

    def expects(self, path: str) -> bool: ...

    def unseen(self, path: str) -> bool: ...

    def __len__(self) -> int: ...

    @property
    def missing(self) -> int:
        """How many were not seen."""


class _Plain:
    """Of an inventory of common size: path → digest as it is."""

    def __init__(self, digests: dict[str, bytes]) -> None:
        self._digests = digests
        self._seen: set[str] = set()
        self.through = 0

    @classmethod
    def of(cls, digests: Iterable[tuple[str, bytes]]) -> _Plain:
        return cls(dict(digests))

    def prefer(self, digests: Iterable[tuple[str, bytes]]) -> None:
        """Put others in the place of the digests of paths that are known."""
        self._digests.update((path, digest) for path, digest in digests if path in self._digests)

    def take(self, path: str) -> bytes | None:
        found = self._digests.get(path)
        if found is not None:
            self._seen.add(path)
        return found

    def expects(self, path: str) -> bool:
        return path in self._digests

    def unseen(self, path: str) -> bool:
        return path in self._digests and path not in self._seen

    def __len__(self) -> int:
        return len(self._digests)

    @property
    def missing(self) -> int:
        return len(self._digests) - len(self._seen)


class _Packed:
    """Of a large inventory: sorted records of key and digest, a tenth of what paths would take."""

    def __init__(self, records: list[bytes]) -> None:
        self._records = records
        self._seen = bytearray(len(records))
        self.through = 0

    @classmethod
    def of(cls, digests: Iterable[tuple[str, bytes]]) -> _Packed:
        return cls(sorted([_key(path) + digest for path, digest in digests]))

    def prefer(self, digests: Iterable[tuple[str, bytes]]) -> None:
        """As `_Plain`, path by path, without a second list beside the first."""
        for path, digest in digests:
            index = self._index(path)
            if index is not None:
                self._records[index] = self._records[index][:_KEY_BYTES] + digest

    def take(self, path: str) -> bytes | None:
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
        key = _key(path)
        index = bisect_left(self._records, key)
        return index if index < len(self._records) and self._records[index].startswith(key) else None


def read_expectations(stream: HashedStream, *, algorithm: str, since: int) -> Expectations | None:
    """Expectations of the content paths of versions from ``since`` on; None when the document is no inventory of ours.

    Only to be believed when the stream's digest is the expected one. Paths without a value of ``algorithm`` in the fixity block
    keep their manifest digest. OSError as it is.
    """
    manifest: _Plain | _Packed = _Plain({})
    early: list[tuple[str, bytes]] = []
    number = 0
    try:
        document = read_json(stream)  # type: ignore[arg-type]
        if not isinstance(document, dict | Members):
            return None
        kind = _Packed if stream.size > PACKED_FROM else _Plain
        for key, value in document.items():
            if key == "manifest":
                manifest = kind.of(_paths(value, since))
                manifest.prefer(early)
            elif key == "fixity" and algorithm != "sha512":
                if len(manifest):
                    manifest.prefer(_fixity(value, algorithm, since))
                else:
                    early = list(_fixity(value, algorithm, since))
            elif key == "digestAlgorithm" and value != "sha512":
                return None
            elif key == "head":
                number = int(value.removeprefix("v"))
    except (BadJson, ValueError, TypeError, AttributeError):
        return None
    manifest.through = number
    return manifest


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
