"""Opening any archive that Kho can read (zip, tar, gzip, bzip2, xz; the last three around a tar or around one file), by what it is and not
by its name, for whoever receives its files. Every reader is the one for hostile deposits, under the same limits."""

from __future__ import annotations

import bz2
import lzma
import os
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final, Protocol

from formats.package.defects import Defect, Hostile
from formats.package.entries import entry_name
from formats.package.limits import Limits
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.receiving import Receiver
from formats.package.tars import Gunzip, read_tar
from formats.package.zips import read_zip
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["open_archive"]

BUFFER: Final = 1 << 16

XZ_MEMORY: Final = 192 << 20
"""Bytes that a dictionary of xz may take: `xz -9` makes files that ask for 65 MiB, and a header may ask for 4 GiB."""

_BLOCK: Final = 512
_TAR_MAGIC: Final = slice(257, 262)
_PACKED_ENDINGS: Final = {"gzip": (b".gz", b".gzip"), "bzip2": (b".bz2", b".bz"), "xz": (b".xz", b".lzma")}
_TAR_ENDINGS: Final = (b".tgz", b".tbz", b".tbz2", b".txz", b".taz")


class _Engine(Protocol):
    """A decompressor of the standard library."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


_ENGINES: Final[Mapping[str, Callable[[], _Engine]]] = {
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=XZ_MEMORY),
}


class Unpacked:
    """The bytes inside a bzip2 or xz file, stream after stream, with the ratio limited. ``read`` raises Hostile for what is wrong."""

    def __init__(self, file: BinaryIO, kind: str, packed: int, limits: Limits) -> None:
        self._file, self._kind, self._packed, self._limits = file, kind, packed, limits
        self._engine = _ENGINES[kind]()
        self._input = b""
        self._position = 0
        self._over = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, fewer only at the end."""
        parts, wanted = [], size
        while wanted and not self._over:
            part = self._some(wanted)
            parts.append(part)
            wanted -= len(part)
        data = b"".join(parts)
        self._position += len(data)
        limits = self._limits
        if self._position > max(limits.ratio_floor, self._packed * limits.ratio):
            raise Hostile("PKG-BOMB", size=self._position, packed=self._packed, limit=limits.ratio)
        return data

    def _some(self, wanted: int) -> bytes:
        if self._engine.eof and not self._next_stream():
            return b""
        if self._engine.needs_input and not self._input:
            self._input = self._file.read(BUFFER)
            if not self._input:
                raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("packed-damaged"))
        data, self._input = self._input, b""
        try:
            return self._engine.decompress(data, wanted)
        except (OSError, lzma.LZMAError, ValueError, EOFError) as error:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("packed-damaged")) from error

    def _next_stream(self) -> bool:
        """Begin the stream after the one that ended; False at the end of the file (which zero bytes may fill up)."""
        self._input = self._engine.unused_data.lstrip(b"\0")
        while not self._input:
            more = self._file.read(BUFFER)
            if not more:
                self._over = True
                return False
            self._input = more.lstrip(b"\0")
        self._engine = _ENGINES[self._kind]()
        return True


class _Again:
    """A stream whose first bytes were looked at."""

    def __init__(self, head: bytes, rest: Gunzip | Unpacked) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        size = BUFFER if size < 0 else size
        if len(self._head) < size:
            data, self._head = self._head, b""
            return data + self._rest.read(size - len(data))
        data, self._head = self._head[:size], self._head[size:]
        return data


class _One:
    """The one file inside a packed file, counted."""

    def __init__(self, stream: _Again, meter: Meter) -> None:
        self._stream, self._meter = stream, meter

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._meter.count(len(data))
        return data


def open_archive(
    file: BinaryIO, name: bytes, receiver: Receiver, findings: Findings, *, limits: Limits, meter: Meter | None = None
) -> bool:
    """Hand the files of the archive ``file`` (whose last name is ``name``) to ``receiver``; what is wrong becomes findings. False when
    it is no archive that Kho reads. Raises OSError of the file itself, and what ``receiver`` raises besides NameTaken."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    kind = _kind(file.read(_BLOCK), name)
    file.seek(0)
    meter = meter or Meter(limits, size)
    try:
        if kind == "zip":
            read_zip(file, size, receiver, findings, meter)
        elif kind == "tar":
            read_tar(file, receiver, findings, meter)
        elif kind:
            packed = Gunzip(file, size, limits) if kind == "gzip" else Unpacked(file, kind, size, limits)
            _read_packed(packed, kind, name, receiver, findings, meter)
    except Hostile as end:
        findings.append(end.finding)
    except Defect as bad:
        findings.append(bad.finding)
    return bool(kind)


def _kind(head: bytes, name: bytes) -> str:
    """What an archive is, by its first bytes; a tar from before POSIX, and a zip with something before it, by the name."""
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    lower = name.lower()
    if head[_TAR_MAGIC] == b"ustar" or lower.endswith(b".tar"):
        return "tar"
    return "zip" if lower.endswith(b".zip") else ""


def _read_packed(packed: Gunzip | Unpacked, kind: str, name: bytes, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    head = packed.read(_BLOCK)
    stream = _Again(head, packed)
    inner = next((name[: -len(end)] for end in _PACKED_ENDINGS[kind] if name.lower().endswith(end)), name)
    if head[_TAR_MAGIC] == b"ustar" or inner.lower().endswith(b".tar") or name.lower().endswith(_TAR_ENDINGS):
        read_tar(stream, receiver, findings, meter)  # type: ignore[arg-type]
        return
    safe = entry_name(inner, backslash=True)
    meter.entry(safe, 0)
    receiver.add_file(safe or shown_name(name).encode(), _One(stream, meter), size=0)  # type: ignore[arg-type]
