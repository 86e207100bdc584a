"""Reading zip archives that may have been made to harm: every entry is handed to the receiver or becomes a finding."""

from __future__ import annotations

import bz2
import stat
import struct
import zlib
from calendar import timegm
from typing import BinaryIO, Final

from fixity import CouldNotRead
from formats.errors import NameTaken
from formats.package.copying import CHUNK
from formats.package.defects import Defect, Hostile
from formats.package.entries import entry_name, whole_seconds
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.receiving import Receiver
from formats.package.zip_directory import ZipDirectory, ZipEntry, extra_fields, unicode_path
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["Member", "check_end", "data_start", "read_zip", "refuse_encrypted"]

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_STORED, _DEFLATED, _BZIP2, _AES = 0, 8, 12, 99
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 1, 8, 1 << 6, 1 << 11, 1 << 13
_MAX32: Final = 0xFFFFFFFF
_EPOCH_OF_NTFS: Final = 11_644_473_600
"""Seconds from 1601, where NTFS times begin, to 1970."""

PACKED_CHUNK: Final = 1 << 16
"""Packed bytes read at a time."""


def read_zip(file: BinaryIO, size: int, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    """Unpack all entries of a zip of ``size`` bytes. Raises Hostile when the rest cannot be read; OSError as it is."""
    directory = ZipDirectory(file, size, findings)
    directory.survey()
    for entry in directory.entries():
        try:
            _read_entry(file, directory, entry, receiver, findings, meter)
        except Hostile:
            raise
        except (Defect, NameTaken) as bad:
            findings.append(bad.finding)
        except CouldNotRead as error:
            raise Hostile("FIX-UNREADABLE", error.finding.path, reason=error.reason) from error


def _read_entry(
    file: BinaryIO, directory: ZipDirectory, entry: ZipEntry, receiver: Receiver, findings: Findings, meter: Meter
) -> None:
    name = entry.name
    shown = shown_name(name)
    start = data_start(file, directory, entry, shown)
    check_end(file, directory, entry, start + entry.packed, shown, findings)
    mode = entry.attributes >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Defect("PKG-LINK" if stat.S_ISLNK(mode) else "PKG-SPECIAL-FILE", shown)
    meter.entry(name, entry.size)
    folder = name.endswith(b"/")
    safe = entry_name(name.removesuffix(b"/") if name != b"/" else name, backslash=False)
    if folder:
        if entry.size:
            raise Defect("PKG-FILE-AND-FOLDER", shown)
        if safe:
            receiver.add_folder(safe, _modified(entry))
        return
    if not safe:
        raise Defect("PKG-NAME-UNSAFE", shown, reason=".")
    if stat.S_ISDIR(mode):
        raise Defect("PKG-FILE-AND-FOLDER", shown)
    refuse_encrypted(entry, shown)
    file.seek(start)
    receiver.add_file(safe, Member(file, entry, shown, meter), _modified(entry), size=entry.size)  # type: ignore[arg-type]


def refuse_encrypted(entry: ZipEntry, shown: str) -> None:
    if entry.flags & (_ENCRYPTED | _STRONG | _MASKED) or entry.method == _AES:
        raise Defect("PKG-ENCRYPTED", shown)


def data_start(file: BinaryIO, directory: ZipDirectory, entry: ZipEntry, shown: str) -> int:
    """Where the entry's data begins, after its local header was found to say the same as the directory."""
    if entry.offset + _LOCAL.size > directory.start:
        raise Defect("PKG-HEADERS-DISAGREE", shown, field="offset")
    file.seek(entry.offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
        raise Defect("PKG-HEADERS-DISAGREE", shown, field="offset")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(header)
    rest = file.read(name_length + extra_length)
    told = unicode_path(entry.raw, rest[name_length:])
    if rest[:name_length] != entry.raw or told not in (entry.raw, entry.name):  # a reader of streams knows the local header only
        raise Defect("PKG-HEADERS-DISAGREE", shown, field="name")
    if method != entry.method or (flags ^ entry.flags) & (_ENCRYPTED | _DESCRIPTOR | _UTF8):
        raise Defect("PKG-HEADERS-DISAGREE", shown, field="method")
    stated = _local_sizes(rest[name_length:], size, packed)
    real = (crc, *stated)
    expected = (entry.crc, entry.size, entry.packed)
    # With a data descriptor the header may leave them open.
    unknown = (0, _MAX32) if flags & _DESCRIPTOR else ()
    if any(mine != theirs and mine not in unknown for mine, theirs in zip(real, expected, strict=True)):
        raise Defect("PKG-HEADERS-DISAGREE", shown, field="size")
    return entry.offset + _LOCAL.size + len(rest)


def _local_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """(unpacked, packed) size of a local header; its ZIP64 field holds both (§4.5.3)."""
    if _MAX32 in (size, packed):
        data = next((data for tag, data in extra_fields(extra) if tag == 1), b"")
        if len(data) >= 16:
            wide = struct.unpack_from("<QQ", data)
            return (wide[0] if size == _MAX32 else size), (wide[1] if packed == _MAX32 else packed)
    return size, packed


def check_end(file: BinaryIO, directory: ZipDirectory, entry: ZipEntry, end: int, shown: str, findings: Findings) -> None:
    """Whether the entry ends where the next one begins."""
    following = directory.next_start(entry.offset)
    if end > following:
        raise Hostile("PKG-ENTRIES-OVERLAP", shown)
    if entry.flags & _DESCRIPTOR:
        end += _descriptor_length(file, entry, end, following, shown)
    if end < following:
        findings.add("PKG-ARCHIVE-TRAILING", shown, size=following - end, place=shown)


def _descriptor_length(file: BinaryIO, entry: ZipEntry, start: int, following: int, shown: str) -> int:
    """Bytes of the data descriptor (§4.3.9): with or without a signature, with sizes of 4 or 8 bytes."""
    file.seek(start)
    found = file.read(min(24, following - start))
    for form in ("<LQQ", "<LLL"):
        values = struct.pack(form, entry.crc, *(min(v, _MAX32) if form == "<LLL" else v for v in (entry.packed, entry.size)))
        for descriptor in (b"PK\7\x08" + values, values):
            if found.startswith(descriptor):
                return len(descriptor)
    raise Defect("PKG-HEADERS-DISAGREE", shown, field="data descriptor")


def _modified(entry: ZipEntry) -> int | None:
    """The modification time: exact where a field gives it in UTC, else the DOS time as if it were UTC (its zone is not recorded)."""
    for tag, data in extra_fields(entry.extra):
        if tag == 0x5455 and len(data) >= 5 and data[0] & 1:
            return int.from_bytes(data[1:5], "little", signed=True)
        if tag == 0x000A and len(data) >= 16 and data[4:8] == b"\1\0\x18\0":
            return whole_seconds(int.from_bytes(data[8:16], "little") // 10_000_000 - _EPOCH_OF_NTFS)
    date, time = entry.dos_date, entry.dos_time
    if (date, time) == (0x21, 0) or date == 0:
        return None  # 1980-01-01 00:00: what tools write that know no time
    parts = ((date >> 9) + 1980, (date >> 5) & 15, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2)
    if not (1 <= parts[1] <= 12 and 1 <= parts[2] <= 31):
        return None
    return int(timegm((*parts, 0, 0, 0)))


class _Plain:
    """The "decompressor" of stored data."""

    unused_data = b""
    eof = False
    unconsumed_tail = b""

    def decompress(self, data: bytes, _: int) -> bytes:
        return data


class Member:
    """The unpacked bytes of one entry. ``read`` raises Defect when they are not what the directory says, and Hostile at a limit."""

    def __init__(self, file: BinaryIO, entry: ZipEntry, shown: str, meter: Meter) -> None:
        self._file, self._entry, self._shown, self._meter = file, entry, shown, meter
        self._left = entry.packed
        self._size = 0
        self._crc = 0
        self._pending = b""
        self._unpacker = self._new_unpacker()

    def _new_unpacker(self) -> zlib._Decompress | bz2.BZ2Decompressor | _Plain:
        match self._entry.method:
            case 0:
                return _Plain()
            case 8:
                return zlib.decompressobj(-15)
            case 12:
                return bz2.BZ2Decompressor()
            case other:
                raise Defect("PKG-METHOD", self._shown, method=other)

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, fewer only at the end."""
        size = CHUNK if size < 0 else size
        parts, wanted = [], size
        while wanted and (part := self._unpacked(wanted)):
            parts.append(part)
            wanted -= len(part)
        data = b"".join(parts)
        self._size += len(data)
        self._crc = zlib.crc32(data, self._crc)
        self._meter.count(len(data))
        if self._size > self._entry.size:
            raise Defect("PKG-SIZE", self._shown, expected=self._entry.size)
        if size and not data:
            self._finish()
        return data

    def _unpacked(self, wanted: int) -> bytes:
        """At least one and at most ``wanted`` bytes; b"" at the end."""
        while not self._unpacker.eof:
            packed = self._pending or self._next_packed(wanted)
            needs_input = isinstance(self._unpacker, bz2.BZ2Decompressor) and not self._unpacker.needs_input
            if not packed and not needs_input:
                return b""
            try:
                data = self._unpacker.decompress(b"" if needs_input else packed, wanted)
            except (zlib.error, OSError, ValueError) as error:
                raise Defect("PKG-ENTRY-DAMAGED", self._shown, reason=phrase("packed-damaged")) from error
            if not needs_input:
                self._pending = getattr(self._unpacker, "unconsumed_tail", b"")
            if data:
                return data
        return b""

    def _next_packed(self, wanted: int) -> bytes:
        limit = wanted if self._entry.method == _STORED else PACKED_CHUNK
        data = self._file.read(min(self._left, limit))
        self._left -= len(data)
        return data

    def _finish(self) -> None:
        """At the end: everything was there, and it is what was promised."""
        unpacker = self._unpacker
        if self._size != self._entry.size:
            raise Defect("PKG-SIZE", self._shown, expected=self._entry.size)
        if not isinstance(unpacker, _Plain) and (not unpacker.eof or unpacker.unused_data or self._left):
            raise Defect("PKG-ENTRY-DAMAGED", self._shown, reason=phrase("zip-data-end"))
        if self._crc != self._entry.crc:
            raise Defect("PKG-CRC", self._shown)
