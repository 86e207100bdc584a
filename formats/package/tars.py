"""Reading tar and tar.gz archives that may have been made to harm: every member is handed to the receiver or becomes a finding.

Python's tarfile reads the headers (ustar, GNU, PAX, sparse). Three things it does are not safe enough for an archive and are undone
here: a damaged header in the middle is its silent end, a short read inside a member is not noticed, and members pile up in memory.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from typing import BinaryIO, Final

from fixity import CouldNotRead
from formats.errors import NameTaken
from formats.package.copying import CHUNK
from formats.package.defects import Defect, Hostile
from formats.package.entries import entry_name, whole_seconds
from formats.package.limits import HEADER_BYTES
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.packed import Packed
from formats.package.receiving import Receiver
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["read_tar"]

BUFFER: Final = 1 << 16
"""Bytes tarfile asks for at a time."""

HEADERS: Final = 4 * HEADER_BYTES
"""Bytes that may stand before one member's data: its headers and its sparse map, which are held in memory."""

_HEADER_TYPES: Final = frozenset({b"x", b"g", b"X", b"L", b"K"})
_BAD = (tarfile.TarError, ValueError, OverflowError, LookupError, struct.error, EOFError, zlib.error)


class _Counted:
    """The archive's bytes for tarfile, which may not read further than ``allowed``."""

    def __init__(self, file: BinaryIO | Packed) -> None:
        self._file = file
        self.position = 0
        self.allowed = HEADERS

    def read(self, size: int) -> bytes:
        if self.position > self.allowed:
            raise Hostile("PKG-HEADER-LARGE", size=self.position - self.allowed + HEADERS, limit=HEADERS)
        data = self._file.read(size)
        self.position += len(data)
        return data


class _Header(tarfile.TarInfo):
    """A header that says what is wrong with it instead of ending the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-negative"))
        if header.type in _HEADER_TYPES and header.size > HEADER_BYTES:
            raise Hostile("PKG-HEADER-LARGE", size=header.size, limit=HEADER_BYTES)
        return header

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            match type(error).__name__:
                case "EOFHeaderError":  # a block of zeros: the end, as it should be
                    raise
                case "EmptyHeaderError" | "TruncatedHeaderError":
                    raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("tar-no-end")) from error
                case _:
                    raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-header")) from error


class _Member:
    """The bytes of one member, as many as its header says. ``read`` raises Hostile when the archive ends before."""

    def __init__(self, file: BinaryIO, size: int, meter: Meter) -> None:
        self._file, self._left, self._meter = file, size, meter

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(CHUNK if size < 0 else size, self._left))
        self._left -= len(data)
        self._meter.count(len(data))
        if not data and self._left and size:
            raise Hostile("PKG-ARCHIVE-TRUNCATED", reason=phrase("tar-ends-inside"))
        return data


def read_tar(file: BinaryIO | Packed, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    """Unpack all members. Raises Hostile when the rest cannot be read; OSError as it is."""
    counted = _Counted(file)
    try:
        with tarfile.open(
            fileobj=counted,
            mode="r|",
            bufsize=BUFFER,
            tarinfo=_Header,
            encoding="utf-8",
            errors="surrogateescape",  # type: ignore[call-overload]
        ) as tar:
            while (member := _next(tar, counted)) is not None:
                _read_member(tar, member, receiver, findings, meter)
            _check_rest(tar, counted)
    except _BAD as error:
        raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-header")) from error
    except CouldNotRead as error:
        raise Hostile("FIX-UNREADABLE", error.finding.path, reason=error.reason) from error


def _next(tar: tarfile.TarFile, counted: _Counted) -> tarfile.TarInfo | None:
    counted.allowed = max(counted.position, tar.offset) + HEADERS
    member = tar.next()
    tar.members.clear()  # type: ignore[attr-defined]
    counted.allowed = tar.offset + HEADERS
    return member


def _check_rest(tar: tarfile.TarFile, counted: _Counted) -> None:
    """After the end mark there is nothing but zeros (POSIX pax, "ustar Interchange Format"): other bytes would be lost."""
    while True:
        counted.allowed = counted.position + HEADERS
        rest = tar.fileobj.read(BUFFER)
        if not rest:
            return
        if rest.count(0) != len(rest):
            raise Hostile("PKG-ARCHIVE-TRAILING", size=len(rest.strip(b"\0")), place="end")


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    name = member.name.encode("utf-8", "surrogateescape")
    try:
        if member.issym() or member.islnk():
            raise Defect("PKG-LINK", shown_name(name))
        if not member.isreg() and not member.isdir():
            raise Defect("PKG-SPECIAL-FILE", shown_name(name))
        if member.size < 0:
            raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-negative"))
        meter.entry(name, 0 if member.isdir() else member.size)
        safe = entry_name(name, backslash=True)
        modified = whole_seconds(member.mtime)
        if member.isdir():
            if safe:
                receiver.add_folder(safe, modified)
            return
        if not safe:
            raise Defect("PKG-NAME-UNSAFE", shown_name(name), reason=".")
        stream = tar.extractfile(member)
        if stream is None:
            raise Defect("PKG-SPECIAL-FILE", shown_name(name))
        receiver.add_file(safe, _Member(stream, member.size, meter), modified, size=member.size)  # type: ignore[arg-type]
    except Hostile:
        raise
    except (Defect, NameTaken) as bad:
        findings.append(bad.finding)
