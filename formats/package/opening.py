"""Opening any archive that Kho can read (zip, tar, gzip, bzip2, xz; the last three around a tar or around one file), by what it is and not
by its name, for whoever receives its files. Every reader is the one for hostile deposits, under the same limits."""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from formats.package.defects import Defect, Hostile
from formats.package.entries import entry_name
from formats.package.limits import Limits
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.packed import MAGIC, Packed
from formats.package.receiving import Receiver
from formats.package.tars import read_tar
from formats.package.zips import read_zip
from policies.findings import Findings

__all__ = ["open_archive"]

BUFFER: Final = 1 << 16

_BLOCK: Final = 512
_TAR_MAGIC: Final = slice(257, 262)
_PACKED_ENDINGS: Final = {"gzip": (b".gz", b".gzip"), "bzip2": (b".bz2", b".bz"), "xz": (b".xz",)}
_TAR_ENDINGS: Final = (b".tgz", b".tbz", b".tbz2", b".txz", b".taz")


class _Again:
    """A stream whose first bytes were looked at."""

    def __init__(self, head: bytes, rest: Packed) -> None:
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


def open_archive(file: BinaryIO, name: bytes, receiver: Receiver, findings: Findings, *, limits: Limits) -> bool:
    """Hand the files of the archive ``file`` (whose last name is ``name``) to ``receiver``; what is wrong becomes findings. False when
    it is no archive that Kho reads. Raises OSError of the file itself, and what ``receiver`` raises besides NameTaken."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    kind = _kind(file.read(_BLOCK), name)
    file.seek(0)
    meter = Meter(limits, size)
    try:
        if kind == "zip":
            read_zip(file, size, receiver, findings, meter)
        elif kind == "tar":
            read_tar(file, receiver, findings, meter)
        elif kind:
            _read_packed(Packed(file, kind, size, limits), kind, name, receiver, findings, meter)
    except Hostile as end:
        findings.append(end.finding)
    except Defect as bad:
        findings.append(bad.finding)
    return bool(kind)


def _kind(head: bytes, name: bytes) -> str:
    """What an archive is, by its first bytes; a tar from before POSIX, and a zip with something before it, by the name."""
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    for kind, magic in MAGIC.items():
        if head.startswith(magic):
            return kind
    lower = name.lower()
    if head[_TAR_MAGIC] == b"ustar" or lower.endswith(b".tar"):
        return "tar"
    return "zip" if lower.endswith(b".zip") else ""


def _read_packed(packed: Packed, kind: str, name: bytes, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    head = packed.read(_BLOCK)
    stream = _Again(head, packed)
    inner = next((name[: -len(end)] for end in _PACKED_ENDINGS[kind] if name.lower().endswith(end)), name)
    if head[_TAR_MAGIC] == b"ustar" or inner.lower().endswith(b".tar") or name.lower().endswith(_TAR_ENDINGS):
        read_tar(stream, receiver, findings, meter)  # type: ignore[arg-type]
        return
    safe = entry_name(inner, backslash=True)
    meter.entry(safe, 0)
    receiver.add_file(safe or shown_name(name).encode(), _One(stream, meter), size=0)  # type: ignore[arg-type]
