"""The head of a mail or of one of its parts: what it says the body is (RFC 2045, RFC 2183), and whether a file that begins so is a mail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from functools import lru_cache

from signatures.transfer import UUENCODED
from signatures.unread import ODD

__all__ = ["HEAD", "Fields", "fields_of", "head_of", "is_mail", "may_have_uuencode"]

HEAD = 1 << 16
"""Bytes in which the header of a mail says what it is: way stations add some kB."""

_BEFORE = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]{0,80}\r?\n){0,20}(?:From [^\r\n]{0,500}\r?\n)?")
"""A mark of the encoding, empty lines, the first line of a mail box: readers pass over them."""

_HEADER = re.compile(rb"(?:[!-9;-~]{1,100}+[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)+")
_FIELD = re.compile(
    rb"^content-(type|transfer-encoding|disposition)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE
)
_OWN = re.compile(rb"^(?:from|to|date|subject|message-id|received|mime-version)[ \t]*:", re.IGNORECASE | re.MULTILINE)
"""Fields that mails have."""

_MARKED = re.compile(rb'\\.|[^"()\\]++|.', re.DOTALL)
"""A value of a field in pieces, its marks alone."""

LONGEST, MOST_PARAMETERS = 8192, 64
"""Bytes of such a value, and parameters in it, that are taken apart: the library takes time with the square of both."""

_ENCODED = {"base64", "quoted-printable", *UUENCODED}


@dataclass(frozen=True)
class Fields:
    """``media`` is the type in small letters, "" where none is said; ``name`` the file's. ``ambiguous``: two fields say different types or
    encodings, and which of them a reader believes nobody knows."""

    media: str = ""
    boundary: bytes = b""
    encoding: str = ""
    name: str = ""
    ambiguous: bool = False

    @property
    def holds(self) -> bool:
        """Whether the body is, or holds, a file rather than a text that stands there."""
        text = not self.media or self.media.startswith("text/")
        return self.ambiguous or not text or bool(self.name) or self.encoding in _ENCODED


@lru_cache(maxsize=256)
def fields_of(header: bytes) -> Fields:
    """What a header says."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(header):
        found.setdefault(name.lower(), []).append(_uncommented(value).strip())
    types = found.get(b"type", [])
    each = [_said(value, found.get(b"disposition", [b""])[0]) for value in types or [b""]]
    best = max(each, key=lambda fields: (bool(fields.boundary), fields.holds))
    encodings = [value.decode("ascii", "replace").lower() for value in found.get(b"transfer-encoding", [])]
    encoding = max(encodings, key=lambda value: value in _ENCODED, default="")
    ambiguous = best.ambiguous or len({fields.media for fields in each}) > 1 or len(set(encodings)) > 1
    return Fields(best.media, best.boundary, encoding, best.name, ambiguous)


def _said(content_type: bytes, disposition: bytes) -> Fields:
    media = b"".join(content_type.split(b";", 1)[0].split(b"(", 1)[0].split()).decode("ascii", "replace").lower()
    if any(len(each) > LONGEST or each.count(b";") > MOST_PARAMETERS for each in (content_type, disposition)):
        return Fields(media, ambiguous=True)
    try:
        return _parameters(media, content_type, disposition)
    except ODD:  # of a character set that is none, of numbers of thousands of digits (RFC 2231)
        return Fields(media, ambiguous=True)


def _parameters(media: str, content_type: bytes, disposition: bytes) -> Fields:
    message: Message = BytesHeaderParser().parsebytes(
        b"Content-Type: " + content_type + b"\nContent-Disposition: " + disposition + b"\n\n"
    )
    boundary = (message.get_boundary() or "").encode("utf-8", "surrogateescape").strip()
    name = (message.get_filename() or "").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Fields(media, boundary if media.startswith("multipart/") else b"", name=name)


def _uncommented(value: bytes) -> bytes:
    """Without comments, which may stand in one another (RFC 5322, 3.2.2); quoted they are none, nor where they do not end."""
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    begin, depth, quoted = 0, 0, False
    for found in _MARKED.finditer(value):
        piece = found[0]
        if depth:
            depth += (piece == b"(") - (piece == b")")
            if not depth:
                kept.append(b" ")
        elif piece == b"(" and not quoted and (not found.start() or value[found.start() - 1 : found.start()] in _BEFORE_COMMENTS):
            begin, depth = found.start(), 1
        else:
            quoted ^= piece == b'"'
            kept.append(piece)
    return b"".join(kept) + (value[begin:] if depth else b"")


_BEFORE_COMMENTS = frozenset(each.to_bytes() for each in b" \t\r\n\v\f;/)")


def head_of(head: bytes) -> tuple[int, int] | None:
    """Where the header of a mail begins and ends that is at the begin of a file; None: there is none."""
    before = _BEFORE.match(head)
    at = before.end() if before else 0
    found = _HEADER.match(head, at)
    return (at, found.end()) if found else None


def is_mail(head: bytes) -> bool:
    """Whether a file that begins so is a mail, or a part of one, that may hold others, or a mail box."""
    found = head_of(head[:HEAD])
    if found is None:
        return False
    header = head[found[0] : found[1]]
    return head.startswith(b"From ") or (b"ontent-" in header.replace(b"CONTENT", b"ontent") and fields_of(header).holds)


def may_have_uuencode(head: bytes) -> bool:
    """Whether it is a mail whose text may have files in it by uuencode: it has a field that mails have."""
    found = head_of(head[:HEAD])
    return found is not None and _OWN.search(head, *found) is not None
