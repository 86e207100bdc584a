"""Whole files written in a text as base64 (RFC 4648, 4 and 5; also as ``data:`` addresses, RFC 2397): how those begin that may be signed,
and what they are. Readers of mail pass over what is no letter (RFC 2045, 6.8), others refuse the text: a character too many hides no file.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from signatures.transfer import from_base64

__all__ = ["HELD", "InLetters", "begins_file", "in_letters"]

_LETTER = r"[A-Za-z0-9+/_-]"
_PASSED = r"(?>(?:[^A-Za-z0-9+/_<>&=\"'\[-]{1,40}+|&#?\w{1,10};){0,40})"
"""What a reader may pass over in front: blanks, characters without width, also as references. Not what may stand before a file itself, so
that nothing is gone through twice."""

_FILE = (
    r"(?:JVBERi|UEsDB|MI|P[A-P]|77u[/_]P|[/_]{2}48|[/_]v8A|LS0tLS1CRUdJTi|H4sI|QlpoO|[/_]Td6WF)"
    rf"(?:{_LETTER}{{40}}|{_LETTER}{{0,39}}[^A-Za-z0-9+/_<>&=\s-]{{1,8}}{_LETTER}{{40}})"
)
"""A PDF, a zip, DER, XML with or without a mark or in UTF-16, PEM, what gzip, bzip2 and xz packed; perhaps with something between."""

_TEXT = rf"{_PASSED}(?>(?:data:[^,<>\"']{{0,200}}+,{_PASSED})?)({_FILE})"

HELD = re.compile(rb"[>\[\"']" + _TEXT.encode())
"""Where one begins in XML, as a text or as the value of an attribute."""

_BEGINS = re.compile(_TEXT)
_ALONE = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,40}+(?!MI)" + _FILE.encode())
_NO_LETTER = re.compile(rb"[^A-Za-z0-9+/_=\s-]")
_URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")

_LIKE = re.compile(
    rb"%PDF-|PK\x03\x04|\x30[\x80-\x84].{0,4}?[\x02\x06\x30]|(?:\xef\xbb\xbf)?<[!?A-Za-z_]|\xff\xfe<|\xfe\xff\x00<|-----BEGIN|\x1f\x8b\x08|BZh|\xfd7zXZ",
    re.DOTALL,
)
"""How what was decoded must begin to be taken for a file where a text is no right base64."""


@dataclass(frozen=True)
class InLetters:
    """``doubtful``: readers do not agree on what the text says."""

    data: bytes
    doubtful: bool


def begins_file(head: bytes) -> bool:
    """Whether a file that begins so is itself one in base64; a CMS in base64 is told where signatures are."""
    found = _ALONE.match(head)
    return found is not None and not _NO_LETTER.search(head, found.end())


def in_letters(text: str) -> InLetters | None:
    """The file that stands in a text, if one may."""
    found = _BEGINS.match(text)
    if found is None:
        return None
    letters = "".join(text[found.start(1) :].split())
    if _URL.fullmatch(letters) and ("-" in letters or "_" in letters):
        return InLetters(from_base64(letters.encode()), doubtful=False)
    try:
        return InLetters(
            base64.b64decode(letters, validate=True), doubtful=found.start(1) > 0 and not _usual(text, found.start(1))
        )
    except (binascii.Error, ValueError):
        data = from_base64(letters.encode("ascii", "ignore"))
        return InLetters(data, doubtful=True) if _LIKE.match(data) else None


def _usual(text: str, at: int) -> bool:
    return not text[:at].strip() or text[:at].lstrip().startswith("data:")
