"""The extra fields of a zip's entries (APPNOTE 4.5): which of them say something that a reader may show, or hide."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from formats.package.zip_directory import ZipEntry, extra_fields

__all__ = ["local_extra", "says_more"]

_LENGTHS = struct.Struct("<HH")
_HEADER, _LENGTHS_AT = 30, 26
"""Bytes of a local header before the name, and where in it the lengths of name and extra fields are."""


def _of(*lengths: int) -> Callable[[bytes], bool]:
    return lambda data: len(data) in lengths


def _padding(header: int) -> Callable[[bytes], bool]:
    return lambda data: not data[header:].strip(b"\0")


_KNOWN: Final[Mapping[int, Callable[[bytes], bool]]] = {
    0x0001: _of(8, 12, 16, 20, 24, 28),  # ZIP64: sizes and place
    0x000A: _of(32),  # times of NTFS
    0x5455: _of(1, 5, 9, 13),  # times
    0x5855: _of(8, 12),  # times and owner
    0x7855: _of(0, 4),  # owner
    0x7875: _of(7, 11, 15, 19),  # owner
    0x7075: lambda data: True,  # the name, which is held against the other one
    0xCAFE: _of(0),  # the first member of a JAR
    0xA220: _padding(4),  # of office programs, so that a part may grow
    0xD935: _padding(2),  # of Android, so that members lie evenly
}
"""Fields that say nothing, by their tag, and whether that is all they hold."""


def _nothing(data: bytes) -> bool:
    return False


def says_more(extra: bytes) -> bool:
    """Whether the extra fields of an entry hold anything but times, owners, sizes, its name and padding."""
    at = 0
    for tag, data in extra_fields(extra):
        at += 4 + len(data)
        if not _KNOWN.get(tag, _nothing)(data) and any((tag, *data)):
            return True
    return any(extra[at:])


def local_extra(file: BinaryIO, entry: ZipEntry) -> bytes:
    """The extra fields of an entry's local header, which was found to be there."""
    file.seek(entry.offset + _LENGTHS_AT)
    name, extra = _LENGTHS.unpack(file.read(_LENGTHS.size))
    file.seek(entry.offset + _HEADER + name)
    return file.read(extra)
