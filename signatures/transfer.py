"""What mails and XML write in letters (RFC 2045, 6; uuencode), decoded as readers of mail do: what is no letter of it is passed over."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

__all__ = ["UUENCODED", "UU_BEGIN", "decoded", "from_base64", "uuencoded"]

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS = bytes(set(range(256)) - set(_LETTERS))
_FROM_URL = bytes.maketrans(b"-_", b"+/")

UUENCODED = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
"""What mails call uuencode, which no standard names."""

UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)


def from_base64(text: bytes) -> bytes:
    """The letters of RFC 4648, 4 or 5, up to the first pad; what is left of a last one that is cut short is given up."""
    if (b"-" in text or b"_" in text) and b"+" not in text and b"/" not in text:
        text = text.translate(_FROM_URL)
    letters = text.translate(None, _OTHERS).split(b"=", 1)[0]
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def decoded(body: bytes, encoding: str) -> bytes:
    """What a body holds; one in an encoding that nobody here knows is as it stands."""
    if encoding == "base64":
        return from_base64(body)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding in UUENCODED:
        return next((data for _, data in uuencoded(body)), b"")
    return body


def uuencoded(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that stand in a text by uuencode, with their names."""
    at = 0
    while found := UU_BEGIN.search(text, at):
        end = _UU_END.search(text, found.end())
        at = end.end() if end else len(text)
        lines = text[found.end() : end.start() if end else len(text)].splitlines()
        yield found[1].decode("utf-8", "replace").strip(), b"".join(map(_line, lines))


def _line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:  # some write more behind a line than its length says
        length = (line[0] - 32 & 63) * 4 // 3 + 2 if line else 0
        try:
            return binascii.a2b_uu(line[:length])
        except binascii.Error:
            return b""
