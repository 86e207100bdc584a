"""Whether a file holds whole files that may be signed, told in one pass at most: archives, mails, PDF with attachments, XML with base64 of
what signed files begin with."""

from __future__ import annotations

import enum
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from formats.package.zip_members import ends_as_zip, zip_names
from formats.xml_errors import UnknownEncoding
from formats.xml_prolog import HEAD, as_ascii, encoding_of
from signatures.detect import PDF_HEAD, TAR
from signatures.detect_zip import ZIP_BEGINS
from signatures.letters import HELD, begins_file
from signatures.mail_head import HEAD as MAIL_HEAD
from signatures.mail_head import is_mail, may_have_uuencode
from signatures.marks import holds
from signatures.odd import ODD, not_understood
from signatures.transfer import UU_BEGIN

__all__ = ["Holder", "holders", "may_hold"]

_ATTACHED = re.compile(rb"/(?:E|#45)(?:m|#6[Dd])bedded(?:F|#46)ile")
"""The type of an attached file, which every program writes though it may be left out (ISO 32000-1, 7.11.4)."""


class Holder(enum.Enum):
    """What a file that holds others is."""

    ZIP = enum.auto()
    TAR = enum.auto()
    GZIP = enum.auto()
    BZIP2 = enum.auto()
    XZ = enum.auto()
    LZMA = enum.auto()
    CLOSED = enum.auto()
    """An archive, or one packed file, of a kind that is not opened."""
    MAIL = enum.auto()
    PDF = enum.auto()
    XML = enum.auto()
    BASE64 = enum.auto()


_PACKED = (
    (b"\x1f\x8b\x08", Holder.GZIP),
    (b"BZh", Holder.BZIP2),
    (b"\xfd7zXZ\0", Holder.XZ),
    (b"7z\xbc\xaf\x27\x1c", Holder.CLOSED),
    (b"Rar!\x1a\x07", Holder.CLOSED),
    (b"\x28\xb5\x2f\xfd", Holder.CLOSED),  # zstd (RFC 8878, 3.1.1)
    (b"\x04\x22\x4d\x18", Holder.CLOSED),  # lz4, and as it was before
    (b"\x02\x21\x4c\x18", Holder.CLOSED),
    (b"LZIP\1", Holder.CLOSED),
    *((b"\x1f\x9d" + bytes((0x80 | bits,)), Holder.CLOSED) for bits in range(9, 17)),  # compress, with codes of so many bits
    (b"MSCF\0\0\0\0", Holder.CLOSED),  # a cabinet
    (b"!<arch>\n", Holder.CLOSED),  # ar, and so .deb
    (b"070701", Holder.CLOSED),  # cpio
    (b"070707", Holder.CLOSED),
)
"""How what is packed begins."""

_ANY_PACKED = tuple(begin for begin, _ in _PACKED)

_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
"""A frame that zstd and lz4 pass over, and that may stand first (RFC 8878, 3.1.2)."""

_LZH = re.compile(rb"..-lh[0-9d]-.{13}[\0-\3]", re.DOTALL)
"""LHA: the method and, behind sizes and a time, the level of the header."""

_LZMA = re.compile(rb"\x5d(?:\0\0[\0-\xff]{2}|\xff{4})(?:\xff{8}|[\0-\xff]{5}\0{3})\0", re.DOTALL)
"""The header of a file of LZMA alone, which has no mark: what encoders write first, a dictionary of whole 64 KiB, no length or one of less
than a TiB, and the first byte of the coder."""


def may_hold(stream: BinaryIO) -> bool:
    """Whether what stands in a file may be a file of its own that is signed, or that cannot be told. OSError and CouldNotRead come
    through."""
    try:
        return next(_holders(stream), None) is not None
    except ODD as error:
        not_understood(error)
        return True


def holders(stream: BinaryIO) -> list[Holder]:
    """Everything that the file may be taken for that holds others. OSError and CouldNotRead come through."""
    return list(_holders(stream))


def _holders(stream: BinaryIO) -> Iterator[Holder]:
    stream.seek(0)
    head = stream.read(MAIL_HEAD)
    where, said = TAR
    if head[where] == said:  # the end of which may be a member that is a zip
        yield Holder.TAR
        return
    if head.startswith(ZIP_BEGINS) or _is_listing(stream, stream.seek(0, io.SEEK_END)):
        yield Holder.ZIP
    yield from _packed(head)
    stream.seek(0)
    if is_mail(head) or (may_have_uuencode(head) and holds(stream, _has_uuencode)):
        yield Holder.MAIL
    stream.seek(0)
    if b"%PDF-" in head[:PDF_HEAD] and holds(stream, _ATTACHED):
        yield Holder.PDF
    if _is_holding_xml(stream, head[:HEAD]):
        yield Holder.XML
    if begins_file(head[:HEAD]):
        yield Holder.BASE64


def _is_listing(stream: BinaryIO, size: int) -> bool:
    """Whether a file ends as a zip does, and lists members, or may."""
    names = zip_names(stream, size)
    return ends_as_zip(stream, size) if names is None else bool(names)


def _has_uuencode(window: bytes) -> bool:
    return b"\nbegin " in window and UU_BEGIN.search(window) is not None


def _packed(head: bytes) -> Iterator[Holder]:
    if head.startswith(_ANY_PACKED):
        yield from (holder for begin, holder in _PACKED if head.startswith(begin))
    if _SKIPPED.match(head) or _LZH.match(head):
        yield Holder.CLOSED
    if _LZMA.match(head):
        yield Holder.LZMA


def _is_holding_xml(stream: BinaryIO, head: bytes) -> bool:
    try:
        if encoding_of(head) is None:
            return False
        text = as_ascii(stream)
        return text is not None and holds(text, HELD)
    except UnknownEncoding:
        return False  # detection says so
