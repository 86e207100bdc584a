"""Short texts and short XML of which a glance tells that they are not signed and hold nothing that is: nearly all that large archives of
small files hold, each of which would take a tenth of a millisecond to be looked at in every way.

It may only ever say too seldom that a file is plain: everything by which a signature, or a file that holds others, is told needs one of the
bytes or words below.
"""

from __future__ import annotations

from formats.xml_errors import UnknownEncoding
from formats.xml_prolog import HEAD, PLAIN, encoding_of
from signatures.letters import HELD, begins_file
from signatures.mail_head import is_mail

__all__ = ["MOST_PLAIN", "is_plain"]

MOST_PLAIN = 1 << 16
"""Bytes of a file that is told at a glance."""

_TEXT = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F), *range(0x80, 0x100)))
"""What text consists of. Every binary structure has a byte besides, and so has text with letters of two or four bytes."""

_WORDS = (
    b"signature",  # of XML, and of JSON
    b"signedinfo",
    b"evidencerecord",
    b"timestamptoken",
    b"xaip",
    b"!doctype",
    b"!entity",
    b"%pdf-",
    b"startxref",
    b"ustar",
    b"-----begin",
    b"untrusted comment",
    b"\nbegin ",  # of uuencode, in mails
)
"""Words, in small letters, one of which each file has that is told by words."""

_BEGINS = (b"mi", b"eyj", b"pk", b"bzh", b"0707", b"!<arch>")
"""And how those begin, behind blanks and in small letters, that are told by it: base64 of DER and of JSON, zip, bzip2, cpio, ar."""


def is_plain(data: bytes) -> bool:
    """Whether ``data``, the whole of a file, are surely nothing that is signed, and hold no file that may be."""
    if not data or len(data) > MOST_PLAIN or data[0] >= 0x80 or data.translate(None, _TEXT):
        return False
    small = data.lower()
    if small.lstrip().startswith(_BEGINS) or any(word in small for word in _WORDS):
        return False
    try:
        if not data.isascii():
            data.decode()
        encoding = encoding_of(data[:HEAD])
    except (UnicodeDecodeError, UnknownEncoding):
        return False
    return encoding in (None, PLAIN) and not (is_mail(data) or begins_file(data[:HEAD]) or (encoding and HELD.search(data)))
