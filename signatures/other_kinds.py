"""Signatures of kinds that Kho does not judge: told that they are there, and nothing of whether they are right. One table of marks, each of
which is looked for in the head of a file, in its structure or among the names of a zip, so that few bytes are read and none is mistaken.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from formats import ole2
from formats.package.zip_members import zip_names
from signatures.detect_zip import ZIP_BEGINS
from signatures.marks import holds

__all__ = ["of_jar", "other_kinds"]

HEAD = 4096

# -- OpenPGP (RFC 9580) -----------------------------------------------------------------------------------------------------------

_ARMOUR = re.compile(rb"(?:\A|\n)-----BEGIN PGP (SIGNATURE|SIGNED MESSAGE|MESSAGE)-----[ \t]*\r?\n")
_BODY = re.compile(rb"(?>(?:[!-9;-~]++: [^\n]*+\n)*)[ \t]*+\r?+\n((?>(?:[A-Za-z0-9+/=]{1,76}+\r?+\n?+)+))")
_SIGNATURE, _ONE_PASS, _COMPRESSED, _MARKER = 2, 4, 8, 10
_TYPES = frozenset((0, 1, 2, 3, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1F, 0x20, 0x28, 0x30, 0x40, 0x50))
_KEYS, _HASHES = frozenset((1, 3, 17, 19, 22, 25, 26, 27, 28)), frozenset((1, 2, 3, 8, 9, 10, 11, 12, 14))


def _is_pgp(stream: BinaryIO, head: bytes) -> bool:
    found = _ARMOUR.search(head) if b"-----BEGIN PGP" in head else None
    if found is None:
        return _begins_signed(head, stream.seek(0, io.SEEK_END))
    if found[1] != b"MESSAGE":
        return True
    body = _BODY.match(head[found.end() :])  # enciphered, or signed and no more
    text = b"".join(body[1].split()) if body else b""
    try:
        return _begins_signed(base64.b64decode(text[: len(text) // 4 * 4]), 1 << 62)
    except binascii.Error:
        return False


def _begins_signed(data: bytes, size: int) -> bool:
    """Whether binary data are packets of a signature, or of a message that begins with one."""
    found = _packet(data)
    if found is None:
        return False
    tag, body, end = found
    if end is not None and end > size:
        return False
    if tag == _SIGNATURE:
        return _is_signature(body) and end is not None and (end == size or _is_another(data, end))
    if tag == _ONE_PASS:
        return len(body) >= 4 and body[0] in (3, 6) and body[1] in _TYPES and body[2] in _HASHES and body[3] in _KEYS
    if tag == _COMPRESSED and body[:1] in (b"\1", b"\2"):
        try:
            inner = _packet(zlib.decompressobj(-15 if body[0] == 1 else 15).decompress(body[1:], 64))
        except zlib.error:
            return False
        return inner is not None and inner[0] in (_SIGNATURE, _ONE_PASS) and inner[1][:1] in (b"\3", b"\4", b"\6")
    return False


def _is_another(data: bytes, at: int) -> bool:
    """Whether a further packet of a signature begins there, as far as the head tells."""
    return at >= len(data) or ((found := _packet(data[at:])) is not None and found[0] == _SIGNATURE)


def _packet(data: bytes) -> tuple[int, bytes, int | None] | None:
    """(tag, the first bytes of its body, where it ends; None: it does not say) of the packet that ``data`` begins with (4.2)."""
    if len(data) < 3 or not data[0] & 0x80:
        return None
    if data[0] & 0x40:
        tag, first = data[0] & 0x3F, data[1]
        if first < 192:
            start, length = 2, first
        elif first < 224:
            start, length = 3, (first - 192 << 8) + data[2] + 192
        elif first == 255:
            start, length = 6, int.from_bytes(data[2:6])
        else:
            return tag, data[2:], None
    else:
        tag, form = data[0] >> 2 & 0x0F, data[0] & 3
        if form == 3:
            return tag, data[1:], None
        start = 1 + (1 << form)
        length = int.from_bytes(data[1:start])
    return tag, data[start : start + length], start + length


def _is_signature(body: bytes) -> bool:
    if body[:1] in (b"\2", b"\3"):
        return len(body) > 17 and body[1] == 5 and body[2] in _TYPES and body[15] in _KEYS and body[16] in _HASHES
    return len(body) > 4 and body[0] in (4, 5, 6) and body[1] in _TYPES and body[2] in _KEYS and body[3] in _HASHES


# -- zip: JAR, VBA ----------------------------------------------------------------------------------------------------------------

_JAR = re.compile(r"META-INF/([^/]+)\.(SF|RSA|DSA|EC)\Z", re.IGNORECASE)
_VBA = re.compile(r"/?(?:[^/]+/)*vbaProjectSignature(?:Agile|V3)?\.bin\Z", re.IGNORECASE)


def of_jar(names: Sequence[str]) -> frozenset[str]:
    """The members of a JAR that are its signatures: each a file of digests, and a CMS over that (JAR File Specification)."""
    found: dict[str, dict[bool, list[str]]] = {}
    for name in names:
        if match := _JAR.match(name):
            found.setdefault(match[1].casefold(), {}).setdefault(match[2].upper() == "SF", []).append(name)
    return frozenset(name for each in found.values() if len(each) == 2 for one in each.values() for name in one)


def _is_jar(stream: BinaryIO, head: bytes) -> bool:
    return head.startswith(ZIP_BEGINS) and bool(of_jar(_names(stream)))


def _has_signed_macros(stream: BinaryIO, head: bytes) -> bool:
    return head.startswith(ZIP_BEGINS) and any(_VBA.match(each) for each in _names(stream))


def _names(stream: BinaryIO) -> Sequence[str]:
    return zip_names(stream, stream.seek(0, io.SEEK_END)) or ()


# -- programs and documents of Microsoft's ----------------------------------------------------------------------------------------

_OLE_SIGNATURES = frozenset({"_SIGNATURES", "_XMLSIGNATURES", "\5DIGITALSIGNATURE"})
"""Streams of signatures ([MS-OFFCRYPTO] 2.5; those of installers), in capitals: names are compared so ([MS-CFB] 2.6.4)."""

_OLE_NAMES = re.compile(b"|".join(re.escape(each.encode("utf-16-le")) + b"\0\0" for each in _OLE_SIGNATURES), re.IGNORECASE)
"""As the directory of a compound file names them ([MS-CFB] 2.6.1)."""


def _is_signed_ole(stream: BinaryIO, head: bytes) -> bool:
    if not head.startswith(ole2.MAGIC):
        return False
    try:
        return any(each.upper() in _OLE_SIGNATURES for each in ole2.names_in(stream))
    except ole2.Unfollowed:  # what it holds may be called so all the same
        stream.seek(0)
        return holds(stream, _OLE_NAMES)


def _is_authenticode(stream: BinaryIO, head: bytes) -> bool:
    """Whether the directory of certificates of a program has something in it (PE Format, "Optional Header Data Directories")."""
    if head[:2] != b"MZ" or len(head) < 64:
        return False
    stream.seek(struct.unpack_from("<I", head, 60)[0])
    header = stream.read(24 + 152)
    places = {b"\x0b\x01": 24 + 128, b"\x0b\x02": 24 + 144}
    at = places.get(header[24:26], 0)
    if header[:4] != b"PE\0\0" or not at or len(header) < at + 8:
        return False
    count = struct.unpack_from("<I", header, at - 36)[0]
    place, length = struct.unpack_from("<II", header, at)
    return bool(count > 4 and place and length)


# -- text -------------------------------------------------------------------------------------------------------------------------

_SSH = re.compile(rb"-----BEGIN SSH SIGNATURE-----\r?\n")
_MINISIGN = re.compile(rb"untrusted comment: [^\n]*\nR[WU][A-Za-z0-9+/]{97}=\r?\n")
_COMPACT = re.compile(rb"\s*+(eyJ[A-Za-z0-9_-]{8,}+)(\.?)")
MOST_HEADER = 1 << 18
"""Bytes in which the header of a JWS is looked for, which may have a chain of certificates."""
_JSON = (re.compile(rb'"protected"\s*:\s*"eyJ'), re.compile(rb'"signature"\s*:\s*"[A-Za-z0-9_-]{40}'))


def _is_jws(stream: BinaryIO, head: bytes) -> bool:
    """JWS, and so JAdES (RFC 7515, 7; ETSI TS 119 182-1): three parts, the first of which names an algorithm; or such parts in JSON."""
    if head.lstrip()[:1] in (b"{", b"["):
        stream.seek(0)
        return holds(stream, *_JSON)
    found = _COMPACT.match(head)
    if found is not None and found.end() == len(head) == HEAD:
        stream.seek(0)
        found = _COMPACT.match(stream.read(MOST_HEADER))
    if found is None or not found[2]:
        return False
    try:
        header = json.loads(base64.urlsafe_b64decode(found[1] + b"=" * (-len(found[1]) % 4)), parse_int=str, parse_float=str)
    except ValueError:  # and of base64
        return False
    except RecursionError:  # it is JSON, as deep as no program reads it
        return True
    return isinstance(header, dict) and header.get("alg") not in (None, "none") and "enc" not in header


KINDS: Sequence[tuple[str, Callable[[BinaryIO, bytes], bool]]] = (
    ("OpenPGP", _is_pgp),
    ("JAR", _is_jar),
    ("VBA", _has_signed_macros),
    ("Microsoft compound file", _is_signed_ole),
    ("Authenticode", _is_authenticode),
    ("SSH", lambda _, head: _SSH.match(head) is not None),
    ("minisign", lambda _, head: _MINISIGN.match(head) is not None),
    ("JWS", _is_jws),
)
"""What it is called → whether a file (of which the head is given) carries one."""


def other_kinds(stream: BinaryIO) -> Iterator[str]:
    """The kinds of which a file carries signatures. OSError and CouldNotRead come through."""
    stream.seek(0)
    head = stream.read(HEAD)
    return (name for name, carries in KINDS if carries(stream, head))
