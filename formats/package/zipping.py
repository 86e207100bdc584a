"""Writing zip archives for hand-outs: streamed, ZIP64 where it is needed, UTF-8 names, in the order given (APPNOTE.TXT 6.3.10).

The same input gives the same bytes. The target need not be seekable, and a million entries need no memory: the directory waits in a
temporary file (Python's zipfile keeps all of it).
"""

from __future__ import annotations

import os
import struct
import tempfile
import time
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from formats.errors import spool_error
from formats.package.copying import CHUNK

__all__ = ["ZipWriter", "write_zip"]

LEVEL: Final = 1
"""Deflate level: hand-outs are for transport and mostly of formats that are compressed already; 1 is three times as fast as 6."""

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_RECORD = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_VERSION: Final = 45
"""Needed to extract: 4.5, ZIP64 (§4.4.3.2)."""

_UNIX: Final = 3 << 8
_FILE_MODE: Final = 0o100644 << 16
_FOLDER_MODE: Final = (0o40755 << 16) | 0x10
_UTF8, _DESCRIPTOR = 1 << 11, 1 << 3
_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF
_DOS_RANGE: Final = (315_532_800, 4_354_819_198)
"""1980-01-01 00:00:00 to 2107-12-31 23:59:58 UTC, all that a DOS time can say."""


class ZipWriter:
    """A zip that grows entry by entry (a `formats.package.bag_writer.Sink`) and is whole after `finish`.

    ``target`` is a new file or a writable stream. Raises FormatsError when it cannot be written.
    """

    def __init__(self, target: Path | BinaryIO) -> None:
        self._owned = isinstance(target, Path)
        try:
            self._target: BinaryIO = open(target, "xb") if isinstance(target, Path) else target  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise spool_error(error, str(target)) from error
        self._directory = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._position = 0
        self._count = 0

    def add_folder(self, name: bytes, modified: int | None = None) -> None:
        flags, extra = _flags(name), _time_field(modified)
        offset = self._position
        date, clock = _dos(modified)
        self._write(
            _LOCAL.pack(b"PK\3\4", _VERSION, flags, 0, clock, date, 0, 0, 0, len(name) + 1, len(extra)) + name + b"/" + extra
        )
        self._record(name + b"/", flags, 0, modified, (0, 0, 0), offset, _FOLDER_MODE)

    def add_file(self, name: bytes, stream: BinaryIO, modified: int | None = None) -> None:
        """Take all bytes of ``stream``; what its ``read`` raises comes through and leaves the archive unfinished."""
        first = stream.read(CHUNK)
        offset = self._position
        if len(first) < CHUNK and not (rest := stream.read(CHUNK)):
            numbers, flags, method = self._small(name, first, modified)
        else:
            numbers, flags, method = self._large(name, (first, b"" if len(first) == CHUNK else rest), stream, modified)
        self._record(name, flags, method, modified, numbers, offset, _FILE_MODE)

    def _small(self, name: bytes, data: bytes, modified: int | None) -> tuple[tuple[int, int, int], int, int]:
        """A file that is in memory: its header can say everything at once."""
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        method = 8 if len(packed) < len(data) else 0
        packed = packed if method else data
        crc = zlib.crc32(data)
        flags, extra = _flags(name), _time_field(modified)
        date, clock = _dos(modified)
        sizes = (crc, len(packed), len(data))
        self._write(_LOCAL.pack(b"PK\3\4", _VERSION, flags, method, clock, date, *sizes, len(name), len(extra)) + name + extra)
        self._write(packed)
        return sizes, flags, method

    def _large(
        self, name: bytes, begun: tuple[bytes, bytes], stream: BinaryIO, modified: int | None
    ) -> tuple[tuple[int, int, int], int, int]:
        """A file of unknown size: header without numbers, data, descriptor with 8-byte sizes (§4.3.9.2)."""
        flags = _flags(name) | _DESCRIPTOR
        extra = struct.pack("<HHQQ", 1, 16, 0, 0) + _time_field(modified)
        date, clock = _dos(modified)
        header = _LOCAL.pack(b"PK\3\4", _VERSION, flags, 8, clock, date, 0, _MAX32, _MAX32, len(name), len(extra))
        self._write(header + name + extra)
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
        crc = size = 0
        start = self._position
        waiting = [chunk for chunk in begun if chunk]
        while chunk := waiting.pop(0) if waiting else stream.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            self._write(packer.compress(chunk))
        self._write(packer.flush())
        packed = self._position - start
        self._write(struct.pack("<4sLQQ", b"PK\7\x08", crc, packed, size))
        return (crc, packed, size), flags, 8

    def _record(
        self,
        name: bytes,
        flags: int,
        method: int,
        modified: int | None,
        numbers: tuple[int, int, int],
        offset: int,
        attributes: int,
    ) -> None:
        """Remember an entry for the central directory (§4.3.12); numbers are CRC, packed and unpacked size."""
        crc, packed, size = numbers
        date, clock = _dos(modified)
        wide = b"".join(struct.pack("<Q", value) for value in (size, packed, offset) if value >= _MAX32)
        extra = (struct.pack("<HH", 1, len(wide)) + wide if wide else b"") + _time_field(modified)
        narrow = [min(value, _MAX32) for value in (packed, size)]
        fixed = _RECORD.pack(
            b"PK\1\2", _UNIX | _VERSION, _VERSION, flags, method, clock, date, crc, *narrow, len(name), len(extra), 0, 0, 0, attributes,
            min(offset, _MAX32),
        )  # fmt: skip
        self._directory.write(fixed + name + extra)
        self._count += 1

    def _write(self, data: bytes) -> None:
        try:
            self._target.write(data)
        except OSError as error:
            raise spool_error(error, "zip") from error
        self._position += len(data)

    def finish(self) -> None:
        """Write the central directory and the end records, and close."""
        start, length = self._position, self._directory.tell()
        self._directory.seek(0)
        while chunk := self._directory.read(CHUNK):
            self._write(chunk)
        if self._count >= _MAX16 or length >= _MAX32 or start >= _MAX32:
            here = self._position
            self._write(
                struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, _VERSION, _VERSION, 0, 0, self._count, self._count, length, start)
            )
            self._write(struct.pack("<4sLQL", b"PK\6\7", 0, here, 1))
        count = min(self._count, _MAX16)
        self._write(struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, count, count, min(length, _MAX32), min(start, _MAX32), 0))
        self.close()

    def close(self) -> None:
        """Let go of the target; without `finish` before, what was written is no archive."""
        self._directory.close()
        if self._owned:
            self._target.close()

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.close()


def _flags(name: bytes) -> int:
    """Bit 11 for names that are UTF-8 and not ASCII; other bytes are written as they are, as received."""
    try:
        return 0 if name.isascii() or not name.decode() else _UTF8
    except UnicodeDecodeError:
        return 0


def _time_field(modified: int | None) -> bytes:
    """The exact time in UTC (field 0x5455), since DOS times have two-second steps and no zone."""
    if modified is None or not -(1 << 31) <= modified < 1 << 31:
        return b""
    return struct.pack("<HHBl", 0x5455, 5, 1, modified)


def _dos(modified: int | None) -> tuple[int, int]:
    """(date, time) in UTC; 1980-01-01 for no time."""
    if modified is None:
        return 0x21, 0
    parts = time.gmtime(min(max(modified, _DOS_RANGE[0]), _DOS_RANGE[1]))
    return ((parts[0] - 1980) << 9) | (parts[1] << 5) | parts[2], (parts[3] << 11) | (parts[4] << 5) | (parts[5] // 2)


def write_zip(target: Path, folder: Path, *, top: str = "") -> None:
    """Zip everything below ``folder``, in order of names, under the folder ``top`` when one is given.

    Raises OSError when the folder cannot be read, FormatsError when the target cannot be written.
    """
    prefix = os.fsencode(top) + b"/" if top else b""
    with ZipWriter(target) as writer:
        if top:
            writer.add_folder(prefix[:-1], int(folder.stat().st_mtime))
        for base, folders, files in os.walk(os.fsencode(folder), onerror=_raise):
            folders.sort()
            for name in sorted([*folders, *files]):
                path = os.path.join(base, name)
                inside = prefix + os.path.relpath(path, os.fsencode(folder))
                modified = int(os.stat(path).st_mtime // 1)
                if os.path.isdir(path):
                    writer.add_folder(inside, modified)
                else:
                    with open(path, "rb") as stream:
                        writer.add_file(inside, stream, modified)


def _raise(error: OSError) -> None:
    raise error
