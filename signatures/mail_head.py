"""The head of a mail or of one of its parts: what it says the body is (RFC 2045, RFC 2183), and whether a file that begins so is a mail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from formats.package.mail_parameters import Parameters, parameters_of
from signatures.transfer import UUENCODED

__all__ = ["HEAD", "Fields", "fields_of", "head_of", "is_mail", "may_have_uuencode"]

HEAD = 1 << 16
"""Bytes in which the header of a mail says what it is: way stations add some kB."""

_BEFORE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t]{0,80}\r?\n){0,20}(?:From [^\r\n]{0,500}\r?\n(?:[ \t][^\r\n]{0,500}\r?\n){0,20})?"
)
"""A mark of the encoding, empty lines, the first line of a mail box, folded perhaps: readers pass over them."""

_HEADER = re.compile(rb"(?:[!-9;-~]{1,100}+[ \t]*+:[^\n]*+\n(?>(?:[ \t][^\n]*+\n)*))+")
_FIELD = re.compile(
    rb"^content-(type|transfer-encoding|disposition)[ \t]*:([^\n]*+(?>(?:\n[ \t][^\n]*+)*))", re.IGNORECASE | re.MULTILINE
)
_OWN = re.compile(rb"^(?:from|to|date|subject|message-id|received|mime-version)[ \t]*:", re.IGNORECASE | re.MULTILINE)
"""Fields that mails have."""

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
        found.setdefault(name.lower(), []).append(value)
    disposition = parameters_of(found.get(b"disposition", [b""])[0])
    each = [_said(parameters_of(value), disposition) for value in found.get(b"type", [b""])]
    best = max(each, key=lambda fields: (bool(fields.boundary), fields.holds))
    encodings = [parameters_of(value).first.decode("ascii", "replace").lower() for value in found.get(b"transfer-encoding", [])]
    encoding = max(encodings, key=lambda value: value in _ENCODED, default="")
    several = len({fields.media for fields in each}) > 1 or len(set(encodings)) > 1
    return Fields(best.media, best.boundary, encoding, best.name, several or any(fields.ambiguous for fields in each))


def _said(content: Parameters, disposition: Parameters) -> Fields:
    media = content.word
    parts = media.startswith("multipart/")
    name = disposition.text(b"filename") or content.text(b"name")
    ambiguous = content.cut or disposition.cut or (parts and content.doubtful(b"boundary"))
    return Fields(media, content.value(b"boundary").strip() if parts else b"", name=name, ambiguous=ambiguous)


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
    if _goes_on(head, found[1]) and len({each.lower() for each in _OWN.findall(header)}) > 1:
        return True  # what it says of its body may stand further on: whoever takes it apart tells that this was not read
    return head.startswith(b"From ") or (b"ontent-" in header.replace(b"CONTENT", b"ontent") and fields_of(header).holds)


def _goes_on(head: bytes, end: int) -> bool:
    """Whether a header whose lines, as far as they are whole, end there goes on behind what is looked at."""
    return len(head) >= HEAD and b"\n" not in head[end:HEAD]


def may_have_uuencode(head: bytes) -> bool:
    """Whether it is a mail whose text may have files in it by uuencode: it has a field that mails have."""
    found = head_of(head[:HEAD])
    return found is not None and _OWN.search(head, *found) is not None
