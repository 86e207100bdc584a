"""Reading tar and tar.gz archives that may have been made to harm: every member is handed to the receiver or becomes a finding.

Python's tarfile reads the headers, within the bounds of `tar_headers`. Two more things it does are not safe enough for an archive and are
undone here: a short read inside a member is not noticed, and members pile up in memory.
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
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.packed import Packed
from formats.package.receiving import Receiver
from formats.package.tar_headers import HEADERS, Forward, next_member, opened_tar
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["read_tar"]

BUFFER: Final = 1 << 16
"""Bytes that are unpacked at a time."""

_BAD = (tarfile.TarError, ValueError, OverflowError, LookupError, struct.error, EOFError, zlib.error)


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
    forward = Forward(file)
    try:
        with opened_tar(forward) as tar:
            while (member := _next(tar, forward)) is not None:
                _read_member(tar, member, receiver, findings, meter)
            if behind := forward.behind():
                raise Hostile("PKG-ARCHIVE-TRAILING", size=behind, place="end")
    except _BAD as error:
        raise Hostile("PKG-ARCHIVE-DAMAGED", reason=phrase("tar-header")) from error
    except CouldNotRead as error:
        raise Hostile("FIX-UNREADABLE", error.finding.path, reason=error.reason) from error


def _next(tar: tarfile.TarFile, forward: Forward) -> tarfile.TarInfo | None:
    forward.allowed = max(forward.position, tar.offset) + HEADERS
    member = next_member(tar)
    forward.allowed = tar.offset + HEADERS
    return member


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
