"""The file itself: header, trailer, indirect objects and streams as they are written (ISO 19005-1 and -2, 6.1)."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator

import pikepdf

from formats.validate.pdfa.subject import Subject

__all__ = ["check_syntax"]

HEADER = re.compile(rb"%PDF-1\.[0-7]\r?\n?\r?")
TAIL_BYTES = 2048
OBJECT = re.compile(rb"(?<![0-9])(\d{1,10})([\x00\t\n\f\r ]+)(\d{1,5})([\x00\t\n\f\r ]+)obj(?![a-z])")
LENGTH = re.compile(rb"/Length[\x00\t\n\f\r ]+(\d+)(?!\d|[\x00\t\n\f\r ]+\d+[\x00\t\n\f\r ]+R)")
HEX = re.compile(rb"(?<!<)<(?!<)([^>]*)>")
STRINGS = re.compile(rb"\((?:\\.|[^\\()])*\)", re.DOTALL)
XREF = re.compile(rb"[\r\n]xref([\x00\t\n\f\r ]*)(\d+)([\x00\t\n\f\r ]+)(\d+)([\x00\t\n\f\r ]+)")
EOLS = (b"\r\n", b"\n", b"\r")
WHITE = b"\x00\t\n\f\r "


def check_syntax(subject: Subject) -> None:
    """Everything that a library hides when it reads a document kindly. Raises OSError."""
    with subject.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _header(subject, data)
        _trailer(subject, data)
        _tables(subject, data)
        for start, end, body in _objects(subject, data):
            _stream(subject, data, start, end, body)


def _header(subject: Subject, data: mmap.mmap) -> None:
    head = data[:1024]
    match = HEADER.match(head)
    if match is None:
        subject.add(("6.1.2", "6.1.2"), "the file does not begin with %PDF-1.n at its first byte")
        return
    line = head[match.end() :]
    second = re.split(rb"[\r\n]", line, maxsplit=1)[0]
    if not second.startswith(b"%") or len(second) < 5 or any(byte < 128 for byte in second[1:5]):
        subject.add(("6.1.2", "6.1.2"), "the second line is no comment of at least four bytes above 127")


def _trailer(subject: Subject, data: mmap.mmap) -> None:
    tail = data[max(len(data) - TAIL_BYTES, 0) :]
    after = tail.rpartition(b"%%EOF")[2]
    if b"%%EOF" in tail and after not in (b"", *EOLS):
        subject.add(("6.1.3", "6.1.3"), "there are bytes after the last %%EOF")
    trailer = subject.pdf.trailer
    identifiers = trailer.get("/ID")
    if not isinstance(identifiers, pikepdf.Array) or len(identifiers) != 2:
        subject.add(("6.1.3", "6.1.3"), "the trailer has no file identifier (ID)")
    if "/Encrypt" in trailer:
        subject.add(("6.1.3", "6.1.3"), "the document is encrypted")
    if subject.part == 1 and name_of(trailer) == "/XRef":
        subject.add(("6.1.4", ""), "the document has a cross-reference stream, which PDF 1.4 does not know")


def name_of(trailer: pikepdf.Object) -> str:
    return str(trailer.get("/Type", ""))


def _tables(subject: Subject, data: mmap.mmap) -> None:
    for match in XREF.finditer(data):
        if match[1] not in EOLS:
            subject.add(("6.1.4", "6.1.4"), "the keyword xref and its first section are not apart by one end of line")
        if match[3] != b" ":
            subject.add(("6.1.4", "6.1.4"), "the numbers of a section of the cross-reference table are not apart by one space")


def _objects(subject: Subject, data: mmap.mmap) -> Iterator[tuple[int, int, bytes]]:
    """(start, end, dictionary as written) of the indirect objects that stand in the file plainly."""
    clause = ("6.1.8", "6.1.9")
    position = 0
    while (match := OBJECT.search(data, position)) is not None:
        start, end = match.span()
        if match[2] != b" " or match[4] != b" ":
            subject.add(clause, "the numbers of an object and the word obj are not apart by one space each")
        if start and data[start - 1 : start] not in (b"\n", b"\r"):
            subject.add(clause, "the number of an object does not follow an end of line")
        if data[end : end + 1] not in (b"\n", b"\r"):
            subject.add(clause, "the word obj is not followed by an end of line")
        close = data.find(b"endobj", end)
        content = data.find(b"stream", end, close if close >= 0 else len(data))
        if close < 0:
            return
        if content >= 0 and data[end:content].rstrip(WHITE).endswith(b">>"):
            body = data[end:content]
            length = LENGTH.search(body)
            after = content + 6 + (int(length[1]) if length else 0)
            close = data.find(b"endobj", data.find(b"endstream", min(after, len(data))))
            if close < 0:
                return
            _hexadecimal(subject, body)
            yield content, close, body
        else:
            _hexadecimal(subject, data[end:close])
        if data[close - 1 : close] not in (b"\n", b"\r"):
            subject.add(clause, "the word endobj does not follow an end of line")
        if data[close + 6 : close + 7] not in (b"\n", b"\r"):
            subject.add(clause, "the word endobj is not followed by an end of line")
        position = close + 6


def _hexadecimal(subject: Subject, written: bytes) -> None:
    for match in HEX.finditer(STRINGS.sub(b"", written)):
        digits = bytes(byte for byte in match[1] if byte not in WHITE)
        if any(byte not in b"0123456789abcdefABCDEF" for byte in digits):
            subject.add(("6.1.6", "6.1.6"), "a hexadecimal string has other signs than digits")
        elif len(digits) % 2:
            subject.add(("6.1.6", "6.1.6"), "a hexadecimal string has an odd number of digits")


def _stream(subject: Subject, data: mmap.mmap, start: int, end: int, body: bytes) -> None:
    clause = ("6.1.7", "6.1.7.1")
    begin = start + 6
    if data[begin : begin + 2] == b"\r\n":
        begin += 2
    elif data[begin : begin + 1] == b"\n":
        begin += 1
    else:
        subject.add(clause, "the word stream is not followed by CR LF or LF")
        return
    length = LENGTH.search(body)
    close = data.rfind(b"endstream", begin, end)
    if close < 0 or length is None:
        return
    if data[close - 1 : close] not in (b"\n", b"\r"):
        subject.add(clause, "the word endstream does not follow an end of line")
    gap = data[begin + int(length[1]) : close]
    if gap not in EOLS:
        subject.add(clause, "a stream is not as long as its Length says")
