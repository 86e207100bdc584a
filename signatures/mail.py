"""The parts of a mail (RFC 5322, RFC 2045 and 2046), as bytes: attachments decoded, what S/MIME signed as it was signed (RFC 8551, 3.5.3).

Only taken apart, never judged; what lies too deep raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesHeaderParser

__all__ = ["MailPart", "TooDeep", "is_mail", "mails_in"]

DEEPEST = 20
"""Multiparts in one another; forwarded mails have five."""

HEAD = 1 << 16
"""Bytes in which the header of a mail says what it is: way stations add some kB."""

_HEADER = re.compile(rb"(?:From [^\r\n]*\r?\n)?(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+")
_HOLDS = re.compile(rb"^content-type[ \t]*:\s*(multipart|application|message)/", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_PREFIX = re.compile(rb"\AFrom [^\r\n]*\r?\n")
_NEXT = re.compile(rb"(?<=\n)(?=From [^\r\n]*\d\d:\d\d[^\r\n]*\r?\n[!-9;-~]+:)")
"""Where the next mail of a mail box begins; in a mail such a line is written otherwise (RFC 4155)."""


class TooDeep(ValueError):
    """More multiparts in one another than are looked at."""


@dataclass(frozen=True)
class MailPart:
    """A part that holds no others. ``name`` as its sender calls it, else its place ("2.1"). ``over`` are the forms of the part that it
    may be a signature over, ``signed`` the place of that."""

    name: str
    data: bytes
    over: tuple[bytes, ...] = ()
    signed: str = ""


def is_mail(head: bytes) -> bool:
    """Whether a file that begins so is a mail, or a part of one, that may hold others, or a mail box."""
    found = _HEADER.match(head[:HEAD])
    return found is not None and (_HOLDS.search(found[0]) is not None or head.startswith(b"From "))


def mails_in(data: bytes) -> Iterator[MailPart]:
    """The parts of a mail, or of each in a mail box. Raises `TooDeep`."""
    several = _NEXT.split(data) if data.startswith(b"From ") else [data]
    for number, mail in enumerate(several, 1):
        yield from parts_of(mail, f"{number}" if len(several) > 1 else "")


def parts_of(data: bytes, place: str = "", depth: int = 0) -> Iterator[MailPart]:
    """Raises `TooDeep`."""
    if depth > DEEPEST:
        raise TooDeep(place)
    entity = _PREFIX.sub(b"", data, count=1)
    end = _BLANK.search(entity)
    header, body = (entity[: end.start()], entity[end.end() :]) if end else (entity, b"")
    message = BytesHeaderParser().parsebytes(header + b"\n\n")
    boundary = message.get_boundary()
    if message.get_content_maintype() == "multipart" and boundary:
        pieces = _split(body, boundary.encode("utf-8", "surrogateescape"))
        signed = message.get_content_subtype() == "signed"
        for number, piece in enumerate(pieces, 1):
            for each in parts_of(piece, f"{place}.{number}".lstrip("."), depth + 1):
                if signed and number == 2 and not each.over:
                    yield replace(each, over=_forms(pieces[0]), signed=f"{place}.1".lstrip("."))
                else:
                    yield each
        return
    decoded = _decoded(message, body)
    if message.get_content_type() == "message/rfc822":
        yield from parts_of(decoded, place, depth + 1)
    else:
        yield MailPart(message.get_filename() or place or "1", decoded)


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the lines of a boundary; the end of a line before one belongs to it (RFC 2046, 5.1.1)."""
    lines = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    pieces, at = [], -1
    found = lines.search(body)
    while found is not None:
        if at >= 0:
            pieces.append(body[at : found.start()])
        at = found.end()
        if found[1]:
            return pieces
        # The end of this line may be the begin of the next: an empty part.
        found = lines.search(body, max(at - 2, found.start() + 1)) if body[at : at + 2] == b"--" else lines.search(body, at)
    return [*pieces, body[at:]] if at >= 0 else pieces


def _forms(signed: bytes) -> tuple[bytes, ...]:
    """As it was signed, with the ends of lines that mails have, which a file system may have changed; then as it lies here."""
    canonical = re.sub(rb"\r?\n", b"\r\n", signed)
    return (canonical,) if canonical == signed else (canonical, signed)


def _decoded(message: Message, body: bytes) -> bytes:
    message.set_payload(body.decode("ascii", "surrogateescape"))
    found = message.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""
