"""The directory of a zip archive, read from its end and streamed: a million entries need no memory (APPNOTE.TXT 6.3.10).

Python's zipfile holds every entry in memory, decodes names before anyone sees their bytes, and does not compare the two places in
which a zip describes an entry.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final

from formats.package.defects import Hostile
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["ZipDirectory", "ZipEntry", "extra_fields"]

PAGE: Final = 1 << 20
"""Bytes of directory read at a time; one record has at most 196,651."""

MOST_FIELDS: Final = 50
"""Extra fields of one entry, each of which is looked at: programs write five, and there is room for 16,000."""

_UNICODE_PATH: Final = b"\x75\x70"
"""How such a field begins."""

_END = struct.Struct("<4sHHHHLLH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQHHLLQQQQ")
_RECORD = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_LONGEST_COMMENT: Final = 0xFFFF
_MAX16: Final = 0xFFFF
_MAX32: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One record of the central directory. ``raw`` is the name as it stands there, ``name`` that of a valid Unicode Path field where there
    is one (§4.6.9), ``offset`` where its local header begins."""

    raw: bytes
    name: bytes
    made_by: int
    flags: int
    method: int
    dos_time: int
    dos_date: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int
    extra: bytes
    comment: bytes = b""


def unicode_path(raw: bytes, extra: bytes) -> bytes:
    """The name in a valid Unicode Path field (§4.6.9); ``raw`` where there is none. Raises Hostile."""
    for tag, data in extra_fields(extra) if _UNICODE_PATH in extra else ():
        if tag == 0x7075 and len(data) > 5 and data[0] == 1 and int.from_bytes(data[1:5], "little") == zlib.crc32(raw):
            return data[5:]
    return raw


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, data) of every well-formed extra field. Raises Hostile."""
    start, left = 0, MOST_FIELDS
    while start + 4 <= len(extra):
        if left == 0:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("zip-fields", most=MOST_FIELDS))
        left -= 1
        tag, length = struct.unpack_from("<HH", extra, start)
        yield tag, extra[start + 4 : start + 4 + length]
        start += 4 + length


class ZipDirectory:
    """Where everything lies in a zip of ``size`` bytes.

    What does not stop reading (bytes that belong to nothing) goes to ``findings``. Raises Hostile when there is no sound directory,
    OSError as it is.
    """

    def __init__(self, file: BinaryIO, size: int, findings: Findings) -> None:
        self._file = file
        self._size = size
        self._findings = findings
        self.base = 0
        """Bytes before the archive proper (a self-extractor's program, or something hidden)."""
        self._read_end()
        self._offsets = array("Q")

    def _read_end(self) -> None:
        tail_start = max(0, self._size - _LONGEST_COMMENT - _END.size)
        tail = self._at(tail_start, self._size - tail_start)
        position = self._find_end(tail)
        if position < 0:
            raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("zip-no-end"))
        _, disk, start_disk, here, count, length, offset, comment = _END.unpack_from(tail, position)
        end = tail_start + position
        self.comment = tail[position + _END.size : position + _END.size + comment]
        """What the end record says of the whole archive."""
        if (rest := self._size - end - _END.size - comment) > 0:
            self._findings.add("PKG-ARCHIVE-TRAILING", size=rest, place="end")
        end64 = self._find_end64(end)
        if end64 is not None:
            end, disk, start_disk, here, count, length, offset = end64
        if disk != start_disk or here != count or disk not in (0, _MAX16):
            raise Hostile("PKG-ARCHIVE-SPLIT")
        self.base = end - length - offset
        if self.base < 0:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("zip-directory-beyond"))
        if self.base:
            self._findings.add("PKG-ARCHIVE-TRAILING", size=self.base, place="start")
        self.start, self._end, self.count = self.base + offset, end, count

    @staticmethod
    def _find_end(tail: bytes) -> int:
        """Where the end record begins: the last one whose comment ends with the file, else the last one at all."""
        last = position = tail.rfind(b"PK\5\6")
        while position >= 0:
            if position + _END.size <= len(tail):
                comment = _END.unpack_from(tail, position)[-1]
                if position + _END.size + comment == len(tail):
                    return position
            position = tail.rfind(b"PK\5\6", 0, position)
        return last if last + _END.size <= len(tail) else -1

    def _find_end64(self, end: int) -> tuple[int, int, int, int, int, int, int] | None:
        """What the ZIP64 end record says (§4.3.14), with where it begins; None when there is none."""
        if end < _LOCATOR.size:
            return None
        locator = self._at(end - _LOCATOR.size, _LOCATOR.size)
        signature, disk, offset, disks = _LOCATOR.unpack(locator)
        if signature != b"PK\6\7":
            return None
        if disk != 0 or disks > 1:
            raise Hostile("PKG-ARCHIVE-SPLIT")
        # Before the locator, unless it has extensions; its own offset counts from the archive's start, which may not be the file's.
        for position in (end - _LOCATOR.size - _END64.size, offset):
            if 0 <= position <= end - _LOCATOR.size - _END64.size:
                record = _END64.unpack(self._at(position, _END64.size))
                if record[0] == b"PK\6\6":
                    return (position, *record[4:10])
        raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("zip-zip64"))

    def _at(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        data = self._file.read(length)
        if len(data) < length:
            raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("zip-ends-inside"))
        return data

    def entries(self) -> Iterator[ZipEntry]:
        """All entries, in the directory's order. The file may be read elsewhere between two of them."""
        position, buffer, used, count = self.start, b"", 0, 0
        while position - len(buffer) + used < self._end:
            if len(buffer) - used < PAGE // 4 and position < self._end:
                more = self._at(position, min(PAGE, self._end - position))
                buffer, used, position = buffer[used:] + more, 0, position + len(more)
            entry, used = self._entry(buffer, used)
            count += 1
            yield entry
        if count != self.count:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("zip-count", announced=self.count, listed=count))

    def _entry(self, buffer: bytes, start: int) -> tuple[ZipEntry, int]:
        """The entry at ``start`` and where the next one begins."""
        if len(buffer) - start < _RECORD.size or buffer[start : start + 4] != b"PK\1\2":
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("zip-no-entry"))
        fields = _RECORD.unpack_from(buffer, start)
        (
            _,
            made_by,
            _,
            flags,
            method,
            time,
            date,
            crc,
            packed,
            size,
            name_length,
            extra_length,
            comment_length,
            disk,
            _,
            attributes,
            offset,
        ) = fields
        name_end = start + _RECORD.size + name_length
        end = name_end + extra_length + comment_length
        if end > len(buffer):
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("zip-entry-long"))
        extra = buffer[name_end : name_end + extra_length]
        size, packed, offset, disk = _widened(extra, size, packed, offset, disk)
        if disk != 0:
            raise Hostile("PKG-ARCHIVE-SPLIT")
        raw = buffer[start + _RECORD.size : name_end]
        comment = buffer[name_end + extra_length : end]
        entry = ZipEntry(
            raw,
            unicode_path(raw, extra),
            made_by >> 8,
            flags,
            method,
            time,
            date,
            crc,
            packed,
            size,
            attributes,
            offset + self.base,
            extra,
            comment,
        )
        return entry, end

    def survey(self) -> None:
        """Learn where all entries begin, so that `next_start` can answer."""
        offsets = array("Q", (entry.offset for entry in self.entries()))
        if any(first > second for first, second in pairwise(offsets)):
            offsets = array("Q", sorted(offsets))
        self._offsets = offsets
        first = offsets[0] if offsets else self.start
        if first > self.base:
            self._findings.add("PKG-ARCHIVE-TRAILING", size=first - self.base, place="first")

    def next_start(self, offset: int) -> int:
        """Where whatever follows the entry at ``offset`` begins. Raises Hostile when two entries begin there."""
        after = bisect_right(self._offsets, offset)
        if after - bisect_left(self._offsets, offset) > 1:
            raise Hostile("PKG-ENTRIES-OVERLAP", str(offset))
        return int(self._offsets[after]) if after < len(self._offsets) else self.start


def _widened(extra: bytes, size: int, packed: int, offset: int, disk: int) -> tuple[int, int, int, int]:
    """Values with those that did not fit taken from the ZIP64 field (§4.5.3), which holds only these, in this order."""
    if _MAX32 not in (size, packed, offset) and disk != _MAX16:
        return size, packed, offset, disk
    data = next((data for tag, data in extra_fields(extra) if tag == 1), b"")
    values, used = [size, packed, offset, disk], 0
    for index, (limit, width) in enumerate(((_MAX32, 8), (_MAX32, 8), (_MAX32, 8), (_MAX16, 4))):
        if values[index] == limit and used + width <= len(data):
            values[index] = int.from_bytes(data[used : used + width], "little")
            used += width
    return values[0], values[1], values[2], values[3]
