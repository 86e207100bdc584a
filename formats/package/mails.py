"""Files that came with mails (RFC 5322, MIME) and mailboxes (RFC 4155), as a receiver takes those of an archive.

Read once through, line by line: memory is that of some lines, whatever the mail was made to be. A part is a file when it has a name,
or is no text; a forwarded mail is gone through like the one around it.
"""

from __future__ import annotations

import binascii
import email.errors
import email.header
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from formats.package.defects import Defect, Hostile
from formats.package.limits import Limits
from formats.package.mail_parameters import MOST_FIELD, Parameters, parameters_of
from formats.package.meter import Meter
from formats.package.names import shown_name
from formats.package.receiving import Receiver
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["read_mails"]

LONGEST_LINE: Final = 1 << 16
"""Bytes of a line that are read at once; RFC 5322 allows 998."""

MOST_FIELDS: Final = 2000
"""Lines of one header: what travelled through many servers has a hundred."""

DEEPEST: Final = 20
"""Parts in parts; mail programs make four."""

MOST_PARTS: Final = 10_000
"""Parts of one mail, bodies and all; each takes some 20 microseconds, however short it is."""

LONGEST_NAME: Final = 200

WANTED: Final = (b"content-type", b"content-disposition", b"content-transfer-encoding")

PLAIN: Final = ("", "7bit", "8bit", "binary")

_NOT_BASE64: Final = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))

_FROM: Final = re.compile(rb"From \S{1,300} [^\r\n]{1,300}\d\d:\d\d")


def read_mails(file: BinaryIO, receiver: Receiver, findings: Findings, *, box: bool, limits: Limits) -> None:
    """Hand what came with the mail ``file`` (with the mails of a mailbox, when it is a ``box``) to ``receiver``; what could not be
    looked at becomes findings. Raises OSError of the file itself, and what ``receiver`` raises."""
    meter = Meter(limits)
    lines = _Lines(file, box)
    try:
        while lines.more():
            _read_mail(lines, receiver, findings, meter)
    except Hostile as end:
        findings.append(end.finding)


class _Lines:
    """Lines of a mailbox (a mail is one with one mail), each with what it is to the parts around: a boundary ends the content before it."""

    def __init__(self, file: BinaryIO, box: bool) -> None:
        self._file, self._box = file, box
        self.boundaries: list[bytes] = []
        self._empty = True
        self._held: bytes | None = None

    def more(self) -> bool:
        """Whether another mail comes; its header is what is read next."""
        self.boundaries.clear()
        while (line := self._take()) and self._box and not _FROM.match(line):
            continue
        if line and not _FROM.match(line):
            self._held = line
        return bool(line)

    def next(self) -> bytes | None:
        """The next line of the content that is being read; None at its end: a boundary around it, the next mail, the end of the file."""
        empty, line = self._empty, self._take()
        self._empty = line in (b"\n", b"\r\n")
        if not line:
            return None
        if (self._box and empty and _FROM.match(line)) or (line.startswith(b"--") and self._level(line) is not None):
            self._held = line
            return None
        return line

    def turn(self) -> int | None:
        """After an end: how many boundaries are around the part that begins now; None when no part does, and the mail is over."""
        line = self._take()
        level = self._level(line) if line.startswith(b"--") else None
        if level is None:
            self._held = line or None
            return None
        ends = line.rstrip() != b"--" + self.boundaries[level]
        del self.boundaries[level + (not ends) :]
        return len(self.boundaries)

    def _level(self, line: bytes) -> int | None:
        stripped = line.rstrip()[2:]
        for level in range(len(self.boundaries) - 1, -1, -1):
            if stripped in (self.boundaries[level], self.boundaries[level] + b"--"):
                return level
        return None

    def _take(self) -> bytes:
        if self._held is not None:
            line, self._held = self._held, None
            return line
        return self._file.readline(LONGEST_LINE)


def _read_mail(lines: _Lines, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    number = 0
    level: int | None = 0
    while level is not None:
        number += 1
        if number > MOST_PARTS:
            raise Hostile("PKG-TOO-MANY", limit=MOST_PARTS)
        _read_part(lines, number, receiver, findings, meter)
        while lines.next() is not None:  # what is behind the last part of a part
            continue
        level = lines.turn()


def _read_part(lines: _Lines, number: int, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    """The part whose header comes next, with those in it up to their first content."""
    head = _head(lines)
    while head.media == "message/rfc822" and head.disposition.word != "attachment":
        head = _head(lines)
    boundary = head.content.value(b"boundary").strip()
    if head.media.startswith("multipart/") and boundary:
        if len(lines.boundaries) >= DEEPEST:
            findings.add("PKG-TOO-DEEP", limit=DEEPEST)
        else:
            lines.boundaries.append(boundary)
        return
    name = _name(head)
    if not name and head.media.startswith(("text/", "multipart/")):
        return
    _hand_over(lines, head.encoding, name or f"{number}".encode(), receiver, findings, meter)


def _hand_over(lines: _Lines, encoding: str, name: bytes, receiver: Receiver, findings: Findings, meter: Meter) -> None:
    content = _Content(lines, encoding, meter)
    try:
        if not content.known:
            raise Defect("IDENT-PART-UNREAD", shown_name(name), reason=phrase("mail-encoding", name=encoding[:60]))
        meter.entry(name, 0)
        receiver.add_file(name, content, size=0)  # type: ignore[arg-type]
    except Hostile:
        raise
    except Defect as bad:
        findings.append(bad.finding)


class _Content:
    """The decoded bytes of a part."""

    def __init__(self, lines: _Lines, encoding: str, meter: Meter) -> None:
        self._lines, self._meter = lines, meter
        self.known = encoding in (*PLAIN, "base64", "quoted-printable")
        self._decoded = self._base64() if encoding == "base64" else self._by_line(encoding == "quoted-printable")
        self._held = bytearray()

    def read(self, size: int = -1) -> bytes:
        while len(self._held) < size or size < 0:
            more = next(self._decoded, None)
            if more is None:
                size = len(self._held)
                break
            self._meter.count(len(more))
            self._held += more
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    def _base64(self) -> Iterator[bytes]:
        left = bytearray()
        for line in iter(self._lines.next, None):
            left += line.translate(None, _NOT_BASE64)
            if len(left) >= LONGEST_LINE:
                whole = len(left) - len(left) % 4
                yield binascii.a2b_base64(bytes(left[:whole]))
                del left[:whole]
        left += b"=" * (-len(left) % 4)
        try:
            yield binascii.a2b_base64(bytes(left))
        except binascii.Error:  # one character too many
            yield binascii.a2b_base64(bytes(left[: len(left) - 4]))

    def _by_line(self, printable: bool) -> Iterator[bytes]:
        ending = b""  # the last one belongs to the boundary behind it (RFC 2046, 5.1.1)
        for line in iter(self._lines.next, None):
            decoded = binascii.a2b_qp(line) if printable else line
            content = decoded.removesuffix(b"\n").removesuffix(b"\r")
            yield ending + content
            ending = decoded[len(content) :]
        if not self._lines.boundaries:
            yield ending


@dataclass(frozen=True, slots=True)
class _Head:
    """What the header of a part says of it."""

    content: Parameters
    disposition: Parameters
    encoding: str

    @property
    def media(self) -> str:
        """A part that says no type is text (RFC 2045, 5.2)."""
        return self.content.word if self.content.word.count("/") == 1 else "text/plain"


def _head(lines: _Lines) -> _Head:
    """The fields of the header that comes next, as far as they say what the part is: the first of each."""
    found: dict[bytes, bytearray] = {}
    field: bytearray | None = None
    for _ in range(MOST_FIELDS):
        line = lines.next()
        if line is None or line in (b"\n", b"\r\n"):
            break
        if line[:1] in (b" ", b"\t"):
            if field is not None and len(field) < MOST_FIELD:
                field += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        field = found.setdefault(name, bytearray(value.strip())) if colon and name in WANTED else None
    content, disposition, encoding = (parameters_of(bytes(found.get(name, b""))) for name in WANTED)
    return _Head(content, disposition, encoding.word)


def _name(head: _Head) -> bytes:
    """The name that a part gives itself, without folders; b"" when it gives none."""
    try:
        given = head.disposition.text(b"filename") or head.content.text(b"name")
        words = [
            part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
            for part, charset in email.header.decode_header(given)
        ]
        name = "".join(words)
    except (ValueError, LookupError, TypeError, AttributeError, email.errors.MessageError):  # it is a stranger's
        return b""
    plain = re.sub(r"[\x00-\x1f\x7f]", "", name.replace("\\", "/").rpartition("/")[2]).strip()
    return plain.encode("utf-8", "replace")[:LONGEST_NAME]
