"""What is packed as one stream (gzip, bzip2, xz, LZMA alone), unpacked as it is read: hostile until its checksum was seen.

The standard library's files of these kinds stop silently at some defects, and know no bound on the ratio or the memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final, Protocol

from formats.package.defects import Hostile
from formats.package.limits import Limits
from policies.phrases import phrase

__all__ = ["MAGIC", "Packed"]

BUFFER: Final = 1 << 16

XZ_MEMORY: Final = 192 << 20
"""Bytes that unpacking xz or LZMA may take: `xz -9` makes files that ask for 65 MiB, and a header may ask for 4 GiB."""

MAGIC: Final[Mapping[str, bytes]] = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0"}
"""How each stream begins, and each one after the first."""

_BEGINS: Final = {**{kind: magic[:1] for kind, magic in MAGIC.items()}, "lzma": b"\x5d"}
"""Its first byte; LZMA alone has no mark."""


class _Engine(Protocol):
    """A decompressor of one stream, as bz2 and lzma of the standard library are."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib in the manner of the other two."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def needs_input(self) -> bool:
        return not self._engine.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._engine.decompress(self._engine.unconsumed_tail + data, max_length)


_ENGINES: Final[Mapping[str, Callable[[], _Engine]]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=XZ_MEMORY),
}

_BROKEN: Final = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError)


class Packed:
    """The bytes inside a file of ``kind`` that has ``packed`` bytes, stream after stream, with checksums verified and the ratio limited.

    ``begun`` is called for each stream but the first. ``read`` raises Hostile for everything that is wrong, and what ``begun`` raises.
    """

    def __init__(
        self, file: BinaryIO, kind: str, packed: int, limits: Limits, *, begun: Callable[[], object] = lambda: None
    ) -> None:
        self._begun = begun
        self._file, self._kind, self._packed, self._limits = file, kind, packed, limits
        self._engine = _ENGINES[kind]()
        self._input = b""
        self._position = 0
        self._over = False
        self._trouble: Hostile | None = None

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, fewer only at the end."""
        data = self._before_trouble(size)
        self._position += len(data)
        limits = self._limits
        if self._position > max(limits.ratio_floor, self._packed * limits.ratio):
            raise Hostile("PKG-BOMB", size=self._position, packed=self._packed, limit=limits.ratio)
        return data

    def _before_trouble(self, size: int) -> bytes:
        """Up to ``size`` bytes. What is sound before a defect is given first, the defect raised by the next call."""
        if self._trouble is not None:
            raise self._trouble
        parts, wanted = [], size
        try:
            while wanted and not self._over and (part := self._unpacked(wanted)):
                parts.append(part)
                wanted -= len(part)
        except Hostile as trouble:
            self._trouble = trouble
            if not parts:
                raise
        return b"".join(parts)

    def _unpacked(self, wanted: int) -> bytes:
        while True:
            if self._engine.eof and not self._next_stream():
                return b""
            if self._engine.needs_input and not self._input:
                self._input = self._file.read(BUFFER)
                if not self._input:
                    raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("gzip-no-end"))
            given, self._input = self._input, b""
            try:
                data = self._engine.decompress(given, wanted)
            except _BROKEN as error:
                raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("packed-damaged")) from error
            if data:
                return data

    def _next_stream(self) -> bool:
        """Begin the stream after the one that ended; False at the end of the file (which zero bytes may fill up)."""
        self._input = self._engine.unused_data.lstrip(b"\0")
        while not self._input:
            more = self._file.read(BUFFER)
            if not more:
                self._over = True
                return False
            self._input = more.lstrip(b"\0")
        if not self._input.startswith(_BEGINS[self._kind]):
            raise Hostile("PKG-ARCHIVE-TRAILING", size=len(self._input), place="end")
        self._begun()
        self._engine = _ENGINES[self._kind]()
        return True
