"""Fields of mails: what they say, in whatever way it is written, in time that is in proportion, and never an error of a library's."""

from __future__ import annotations

import time
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.package.mail_parameters import MOST_FIELD, parameters_of
from signatures.mail_head import Fields, fields_of
from signatures.report import Integrity
from tests.packed import zipped
from tests.signatures.test_inside import found

HEADER = b"From: a@b\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: "
BODY = b"\r\n\r\nhello\r\n"


def said(content: bytes, disposition: bytes = b"") -> Fields:
    more = b"\r\nContent-Disposition: " + disposition if disposition else b""
    return fields_of(HEADER + content + more + b"\r\n")


@pytest.mark.parametrize(
    ("content", "boundary"),
    [
        (b"multipart/mixed; boundary=x", b"x"),
        (b'multipart/mixed; boundary="x y"', b"x y"),
        (b'multipart/mixed;\r\n\tboundary="x;=\\"y"; charset=utf-8', b'x;="y'),
        (b"multipart/mixed (a (b) \\) c); (d)(e) boundary (f) = x(1) (g)", b"x(1)"),
        (b"multipart/mixed; boundary*=us-ascii'en'x%20y", b"x y"),
        (b"multipart/mixed; boundary*1=b; boundary*0=a; boundary*2*=%63", b"abc"),
        (b"MULTIPART/Mixed ; BOUNDARY = x", b"x"),
        (b"multipart/mixed; boundary*=undefined'en'x", b"x"),
        (b'multipart/mixed; a="(b"; boundary=x', b"x"),
    ],
)
def test_a_boundary_is_read_as_it_is_meant(content: bytes, boundary: bytes) -> None:
    assert said(content) == Fields("multipart/mixed", boundary)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b"attachment; filename=a.txt", "a.txt"),
        (b'attachment; filename="C\xc3\xb4ng \\"v\xc4\x83n\\".txt"', 'Công "văn".txt'),
        (b"attachment; filename*=utf-8'vi'C%C3%B4ng.txt", "Công.txt"),
        (b"attachment; filename*0*=windows-1252''C%F4; filename*1=ng.txt", "Công.txt"),
        (b"attachment; filename*=undefined'en'x", "x"),
        (b"attachment; filename*=idna'en'x%ff", "x\ufffd"),
        (b"attachment; filename*=a\0b'en'x", "x"),
        (b"attachment; filename*=punycode'en'x%80", "x\ufffd"),
        (b"attachment; filename*=unicode_escape'en'%5Cx", "\\x"),
        (b"attachment; filename*=utf-16'en'%00", "\ufffd"),
        (b"attachment; filename*=iso-8859-99'en'x", "x"),
        (b"attachment; filename*='", "'"),
        (b"attachment; filename*" + b"9" * 3000 + b"=x", ""),
    ],
)
def test_a_name_is_read_whatever_characters_it_is_said_to_be_in(tmp_path: Path, disposition: bytes, name: str) -> None:
    assert said(b"application/octet-stream", disposition).name == name
    data = HEADER + b"application/octet-stream\r\nContent-Disposition: " + disposition + BODY
    assert found(tmp_path, data, "x.eml") == []


@pytest.mark.parametrize("content", [b'boundary="x" y', b'boundary="x', b"boundary=x; boundary=y"])
def test_what_readers_do_not_agree_on_is_doubtful(content: bytes) -> None:
    assert said(b"multipart/mixed; " + content).ambiguous


LONG = {
    "escaped quotes": b'x="' + b'\\"' * 30_000 + b"(",
    "semicolons": b'boundary="' + b";" * 60_000,
    "comments": b"x=" + b" (" * 30_000,
    "sections": b"".join(b"boundary*%d=x;" % number for number in range(4000)),
    "backslashes": b'x="' + b"\\" * 60_001,
}


@pytest.mark.parametrize("form", LONG)
def test_a_long_field_takes_no_more_than_it_must_and_is_told(tmp_path: Path, form: str) -> None:
    data = HEADER + b"multipart/mixed; " + LONG[form] + BODY
    start = time.process_time()
    assert [each for _, each in found(tmp_path, data, "x.eml")] == [Integrity.UNKNOWN]
    members = {f"{number}.eml": data[:60_000] + b"%d" % number + BODY for number in range(15)}
    assert {each for _, each in found(tmp_path, zipped(members))} == {Integrity.UNKNOWN}
    assert time.process_time() - start < 2


def test_many_fields_are_gone_through_once() -> None:
    disposition = b"Content-Disposition: attachment; x=" + b";" * (MOST_FIELD - 100) + b"\r\n"
    start = time.process_time()
    fields_of(b"Content-Type: a/b;c\r\n" * 2000 + disposition)
    assert time.process_time() - start < 1


@given(
    st.lists(st.sampled_from([b'"', b"\\", b"(", b")", b";", b"=", b" ", b"*", b"0", b"'", b"%", b"x", b"boundary"]), max_size=40)
)
def test_whatever_stands_there_is_read(tokens: list[bytes]) -> None:
    value = b"".join(tokens)
    read = parameters_of(b"a/b;" + value)
    assert isinstance(read.value(b"boundary"), bytes)
    assert isinstance(read.text(b"boundary"), str)


@given(st.text("abc (;=", min_size=1, max_size=20), st.booleans())
def test_it_is_what_the_library_says_where_that_can(text: str, spaced: bool) -> None:
    content = b'multipart/mixed; a=b;%sboundary="%s"' % (b" " if spaced else b"", text.encode())
    message: Message = BytesHeaderParser().parsebytes(b"Content-Type: " + content + b"\n\n")
    assert said(content).boundary.decode() == (message.get_boundary() or "").strip()
