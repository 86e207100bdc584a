"""Digests of bytes, several algorithms in one pass.

Names of algorithms are those of OCFL 1.1 §3.1 and BagIt (RFC 8493 §2.4): lower case, no hyphen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NewType, Protocol

__all__ = ["ALGORITHMS", "Digest", "Hasher", "LogicalPath", "copy_and_hash", "digest_of", "hash_file", "hash_stream"]

LogicalPath = NewType("LogicalPath", str)
"""A file's name inside an AIP version, as in the state block of an OCFL inventory ('/' between segments)."""

ALGORITHMS: Mapping[str, str] = {
    "md5": "md5",
    "sha1": "sha1",
    "sha224": "sha224",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "sha3224": "sha3_224",
    "sha3256": "sha3_256",
    "sha3384": "sha3_384",
    "sha3512": "sha3_512",
    "blake2b-160": "blake2b:20",
    "blake2b-256": "blake2b:32",
    "blake2b-384": "blake2b:48",
    "blake2b-512": "blake2b:64",
    "sha512/256": "sha512_256",
}
"""Algorithm name → hashlib's name (``blake2b:n`` with a digest of n bytes)."""

LARGE_BUFFER = 1 << 20
"""Bytes read at a time from large files. Small files are read whole: a 1 MiB buffer for 20 KiB files costs 1.6–2.8 times."""


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


def _new(algorithm: str) -> _Hash:
    name = ALGORITHMS[algorithm]
    if name.startswith("blake2b:"):
        return hashlib.blake2b(digest_size=int(name.removeprefix("blake2b:")))
    return hashlib.new(name, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest value with the algorithm that made it. Compared as bytes, so the case of a hexadecimal form cannot matter."""

    algorithm: str
    value: bytes

    @property
    def hex(self) -> str:
        return self.value.hex()

    @classmethod
    def from_hex(cls, algorithm: str, text: str) -> Digest:
        """Raises ValueError when ``text`` is not hexadecimal."""
        return cls(algorithm, bytes.fromhex(text))


class Hasher:
    """Several digests of one stream in one pass.

    Raises:
        KeyError: an algorithm that is not in `ALGORITHMS`.
    """

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {algorithm: _new(algorithm) for algorithm in algorithms}
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        for each in self._hashes.values():
            each.update(data)

    def digests(self) -> dict[str, Digest]:
        return {algorithm: Digest(algorithm, each.digest()) for algorithm, each in self._hashes.items()}


_AT_ONCE = {"sha512": hashlib.sha512, "sha256": hashlib.sha256, "md5": hashlib.md5, "sha1": hashlib.sha1}
"""The common algorithms, for what is in memory: half of the time for a small file is what stands around the hashing."""


def digest_of(data: bytes, algorithm: str) -> bytes:
    """The digest of bytes that are all there. Raises KeyError for an algorithm that is not in `ALGORITHMS`."""
    if make := _AT_ONCE.get(algorithm):
        return make(data, usedforsecurity=False).digest()
    made = _new(algorithm)
    made.update(data)
    return made.digest()


def hash_stream(stream: BinaryIO, algorithms: Iterable[str]) -> tuple[int, dict[str, Digest]]:
    """(bytes read, digest by algorithm) of everything left in ``stream``. OSError comes through as it is."""
    hasher = Hasher(algorithms)
    while chunk := stream.read(LARGE_BUFFER):
        hasher.update(chunk)
    return hasher.size, hasher.digests()


def hash_file(path: str | bytes | os.PathLike[str], algorithms: Iterable[str]) -> tuple[int, dict[str, Digest]]:
    """`hash_stream` of a local file, with a buffer sized by its length. OSError comes through as it is."""
    hasher = Hasher(algorithms)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        buffer = min(os.fstat(descriptor).st_size + 1, LARGE_BUFFER)
        while chunk := os.read(descriptor, max(buffer, 1)):
            hasher.update(chunk)
    finally:
        os.close(descriptor)
    return hasher.size, hasher.digests()


def copy_and_hash(source: BinaryIO, target: BinaryIO, algorithms: Iterable[str]) -> tuple[int, dict[str, Digest]]:
    """Copy what is left in ``source`` to ``target`` and hash it on the way. OSError comes through as it is."""
    hasher = Hasher(algorithms)
    while chunk := source.read(LARGE_BUFFER):
        target.write(chunk)
        hasher.update(chunk)
    return hasher.size, hasher.digests()
