"""Mails as they come: what is one, what its parts are, what is signed of it and what is not, in time and memory that are in proportion."""

from __future__ import annotations

import base64
import io
import tracemalloc
from pathlib import Path

import pytest

from signatures import mail as mails
from signatures.inside_marks import Holder, holders
from signatures.mail import mails_in
from signatures.report import Integrity
from signatures.signed import SignedObject
from signatures.xmldsig.c14n import Work
from tests.signatures.test_inside import found, pki, read
from tests.signatures.test_inside_archives import ENTITY, damaged, signed, smime

GOOD, BAD, UNSURE = Integrity.INTACT, Integrity.BROKEN, Integrity.UNKNOWN
HTML = b"Content-Type: text/html\r\n\r\n<b>PAY 1000</b>"


def genuine() -> bytes:
    return smime(ENTITY, pki().sign_cms(ENTITY))


def one(folder: Path, data: bytes) -> SignedObject:
    file = read(folder, data, "x.eml")
    assert file is not None
    (only,) = file.objects
    return only


def mixed(*parts: bytes) -> bytes:
    held = b"".join(b"--y\r\n" + each + b"\r\n" for each in parts)
    return b"Subject: x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n" + held + b"--y--\r\n"


# -- bounds ----------------------------------------------------------------------------------------------------------------------------


def nested(levels: int, leaf: bytes) -> bytes:
    for level in range(levels):
        leaf = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) + leaf + b"\n--b%d--\n" % level
    return leaf


def test_parts_in_one_another_are_not_copied() -> None:
    data = nested(mails.DEEPEST - 1, b"Content-Type: application/octet-stream\n\n" + b"-- x\n" * 400_000)
    tracemalloc.start()
    try:
        (part,) = mails_in(data, Work(free=1 << 30))
        assert tracemalloc.get_traced_memory()[1] < len(data) // 2
        assert part.open is not None
        assert len(part.open()) == 2_000_000
    finally:
        tracemalloc.stop()


def test_multiparts_without_parts_are_accounted_for(tmp_path: Path) -> None:
    data = mixed(*[b"Content-Type: multipart/mixed; boundary=a\n\n--a--"] * 20_000)
    assert [each for _, each in found(tmp_path, data, "x.eml")] == [UNSURE]
    assert found(tmp_path, mixed(*[b"Content-Type: multipart/mixed; boundary=a\n\n--a--"] * 20), "x.eml") == []


# -- what says that it is a signature --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media", ["application/pkcs7-signature", "application/x-pkcs7-signature", "Application/ PKCS7-Mime", "application/cms"]
)
def test_what_is_said_to_be_a_signature_and_cannot_be_read_is_told(tmp_path: Path, media: str) -> None:
    for der in (b"", signed().replace(bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d014702"), 1)):
        part = b"Content-Type: " + media.encode() + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(der)
        assert [each for _, each in found(tmp_path, b"Subject: x\r\n" + part, "x.eml")] == [UNSURE]
        assert [each for _, each in found(tmp_path, mixed(HTML, part), "x.eml")] == [UNSURE]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (b'boundary="=_b(1)"', b"boundary=c"),
        (b'boundary="=_b(1)"', b"b=c"),
        (b"multipart/signed", b"multi part/signed"),
        (b"multipart/signed", b"multipart/signed (hi)"),
        (b"multipart/signed", b"(a (b) c) multipart / signed"),
    ],
)
def test_a_signed_mail_that_is_damaged_is_not_unsigned(tmp_path: Path, here: bytes, there: bytes) -> None:
    data = genuine().replace(here, there, 1)
    assert [each for _, each in found(tmp_path, data, "x.eml")] == [UNSURE if here.startswith(b"b") else GOOD]


def test_a_signed_mail_without_its_second_part_is_told(tmp_path: Path) -> None:
    data = genuine()
    at = data.index(b"--=_b(1)\r\nContent-Type: application/pkcs7")
    assert [each for _, each in found(tmp_path, data[:at] + b"--=_b(1)--\r\n", "x.eml")] == [UNSURE]
    other = data[:at] + b"--=_b(1)\r\n" + HTML + b"\r\n--=_b(1)--\r\n"
    assert [each for _, each in found(tmp_path, other, "x.eml")] == [UNSURE]


def test_what_is_enciphered_is_not_called_a_signature(tmp_path: Path) -> None:
    enciphered = bytes.fromhex("3012 06092a864886f70d010703 a005 3003 020100")
    part = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(enciphered)
    assert found(tmp_path, b"Subject: x\r\n" + part, "x.eml") == []


# -- what is signed of a mail ----------------------------------------------------------------------------------------------------------


def test_a_genuine_signed_mail_is_signed_in_its_part(tmp_path: Path) -> None:
    only = one(tmp_path, genuine().replace(b"This is a signed", b"This is an S/MIME signed"))
    assert (only.name, only.integrity, only.coverage.name) == ("smime.p7s", GOOD, "1 text/plain")
    assert (only.coverage.scope, only.coverage.left, only.notes) == ("beside", (), ())


def left(only: SignedObject) -> list[str]:
    assert only.integrity is GOOD
    assert not only.coverage.whole
    assert [each.code for each in only.notes] == ["SIG-PART-ONLY"]
    return [each.partition(" \x02")[0].partition(" {")[0] for each in only.coverage.left]


def test_what_a_signed_mail_holds_besides_is_named(tmp_path: Path) -> None:
    data = genuine()
    third = data.replace(b"\r\n--=_b(1)--", b"\r\n--=_b(1)\r\n" + HTML + b"\r\n--=_b(1)--")
    assert left(one(tmp_path, third)) == ["3 text/html"]
    assert left(one(tmp_path, mixed(HTML, data, HTML))) == ["1 text/html", "3 text/html"]
    for more in (data.replace(b"This is a signed message.", b"Pay 1000"), data + b"Pay 1000\r\n"):
        (around,) = left(one(tmp_path, more))
        assert around.startswith("multipart/signed ")
    forwarded = mixed(HTML, b"Content-Type: message/rfc822\r\n\r\n" + data)
    assert left(one(tmp_path, forwarded)) == ["1 text/html"]
    opaque = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    opaque += base64.encodebytes(signed())
    assert left(one(tmp_path, mixed(HTML, opaque))) == ["1 text/html"]
    assert one(tmp_path, b"Subject: x\r\n" + opaque).coverage.left == ()


def test_many_parts_beside_are_named_in_bounds(tmp_path: Path) -> None:
    names = left(one(tmp_path, mixed(*[HTML] * 50, genuine())))
    assert len(names) == mails.MOST_LEFT + 1
    assert names[-1] == "…"


def test_an_attachment_that_is_signed_leaves_nothing_of_the_mail(tmp_path: Path) -> None:
    part = b"Content-Type: application/pkcs7-mime; name=a.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
        signed()
    )
    assert one(tmp_path, mixed(HTML, part)).coverage.left == ()


# -- what is a mail --------------------------------------------------------------------------------------------------------------------

ENCODED = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(damaged())


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=smime.p7m\r\n",
        b"Content-Disposition: attachment; filename=smime.p7m\r\n",
        b"Content-Type: text/xml; name=hoadon.xml\r\n",
        b"content-type: text/plain\r\n",
        b"Content-Type: (a) application/octet-stream (b)\r\n",
        b"Content-Type: application / octet-stream\r\n",
        b"",
    ],
)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\r\n \r\n", b"From a@b\r\n 00:00\r\n"])
def test_a_mail_of_one_part_is_looked_into(tmp_path: Path, header: bytes, before: bytes) -> None:
    assert [each for _, each in found(tmp_path, before + b"Subject: x\r\n" + header + ENCODED, "x.eml")] == [BAD]


def test_two_types_are_told(tmp_path: Path) -> None:
    for data in (
        b"Content-Type: text/plain\r\n" + genuine(),
        genuine().replace(b"MIME-V", b"Content-Type: text/plain\r\nMIME-V"),
    ):
        only = one(tmp_path, data)
        assert (only.integrity, [each.code for each in only.notes]) == (GOOD, ["SIG-INSIDE-LEFT"])
    twice = b"Content-Type: text/plain\r\nContent-Type: image/png\r\n\r\nhello\r\n"
    assert [each for _, each in found(tmp_path, twice, "x.eml")] == [UNSURE]


@pytest.mark.parametrize(
    "stations", [b"X-Way: " + b"station " * 100 + b"\r\n", b"X-Way: a\r\n " + b"station" * 100_000 + b"\r\n"]
)
def test_a_mail_whose_header_is_longer_than_is_looked_at_is_told(tmp_path: Path, stations: bytes) -> None:
    kept = b"From: a\r\nSubject: x\r\n"
    data = (
        kept + stations * (1 + 100_000 // len(stations)) + b"MIME-Version: 1.0\r\n" + mixed(HTML).replace(b"Subject: x\r\n", b"")
    )
    assert [each for _, each in found(tmp_path, data, "x.eml")] == [UNSURE]
    assert found(tmp_path, kept + b"X-Way: station\r\n" * 10_000 + b"\r\nwords\r\n", "x.eml") == [("1", UNSURE)]
    assert found(tmp_path, b"X-Way: station\r\n" * 10_000, "x.eml") == []


@pytest.mark.parametrize("header", [b"Subject: x\n", b"From: a\nDate: b\nContent-Type: text/plain\n"])
def test_files_that_stand_in_the_text_are_read(tmp_path: Path, header: bytes) -> None:
    import binascii

    lines = b"".join(binascii.b2a_uu(signed()[at : at + 45]) for at in range(0, len(signed()), 45))
    data = header + b"\nhello\n\nbegin 644 a.p7m\n" + lines + b"`\nend\n"
    assert found(tmp_path, data, "x.eml") == [("a.p7m", GOOD)]
    assert found(tmp_path, data.replace(b"\n", b"\r\n"), "x.eml") == [("a.p7m", GOOD)]


@pytest.mark.parametrize(
    "data",
    [
        b"Package: a\nVersion: 1\nDescription: x\n more\n\nPackage: b\n",
        b"Metadata-Version: 2.1\nName: a\nDescription-Content-Type: text/markdown\n\nwords\n",
        b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n',
        b"Subject: x\n\nto begin 644 times\nbegin now\n",
        b"key: value\nbegin 644 a.p7m\n",
    ],
)
def test_texts_that_are_no_mails(data: bytes) -> None:
    assert Holder.MAIL not in holders(io.BytesIO(data))
