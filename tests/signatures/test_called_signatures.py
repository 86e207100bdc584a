"""Files whose names or bytes say signature, and that cannot be read as one: never "no signature", whatever byte is damaged."""

from __future__ import annotations

import base64
import random
import re
from pathlib import Path

import pytest

from signatures.reading import read_signatures
from signatures.report import Integrity, Kind, Role, SubIndication
from signatures.signed import SignedObject, Source
from tests.signatures.pki import Pki, day, make_pdf
from tests.signatures.xml_signing import enveloped

CONTENT = b"Cong van so 1"


def objects(folder: Path, name: str, data: bytes, *, beside: bool = True) -> tuple[SignedObject, ...]:
    path, content = folder / name, folder / "content"
    path.write_bytes(data)
    content.write_bytes(CONTENT)
    others = [("content", lambda: content.open("rb"))] if beside else []
    file = read_signatures(Source(path, name, lambda: others))
    return file.objects if file else ()


def forms(pki: Pki) -> dict[str, bytes]:
    der = pki.sign_cms(CONTENT)
    lines = base64.encodebytes(der)
    return {
        "a.p7s": der,
        "a.p7m": pki.sign_cms(CONTENT, detached=False),
        "b.p7s": lines,
        "c.p7s": b"-----BEGIN PKCS7-----\n" + lines + b"-----END PKCS7-----\n",
    }


@pytest.mark.parametrize("name", ["a.p7s", "a.p7m", "b.p7s", "c.p7s"])
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_no_flipped_byte_makes_a_signature_file_none(tmp_path: Path, pki: Pki, name: str, every: bool) -> None:
    data, draw = forms(pki)[name], random.Random(name)
    assert all(each.integrity is Integrity.INTACT for each in objects(tmp_path, name, data))
    places = range(len(data)) if every else [*range(64), *draw.sample(range(64, len(data)), 60)]
    for at in places:
        for mask in (0x01, 0x20, 0x80, 0xFF) if every else (0x01, draw.choice((0x20, 0x80, 0xFF))):
            flipped = data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]
            assert objects(tmp_path, name, flipped), (at, mask)


def test_what_is_around_the_content_is_looked_at(tmp_path: Path, pki: Pki) -> None:
    """Tags that no digest is over: [0] around SignedData and around the content, and the string that holds the content."""
    data = pki.sign_cms(CONTENT, detached=False)
    value = data.index(CONTENT)
    for at, byte in ((data.index(b"\xa0"), 0xA1), (value - 4, 0xA1), (value - 2, 0x05)):
        assert data[at] in (0xA0, 0x04)
        (found,) = objects(tmp_path, "a.p7m", data[:at] + bytes((byte,)) + data[at + 1 :])
        assert found.failure is SubIndication.FORMAT_FAILURE


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [
        ("a.txt.p7s", Kind.CADES, Role.SIGNATURE),
        ("A.P7M", Kind.CADES, Role.SIGNATURE),
        ("a.tsr", Kind.TIMESTAMP, Role.TIMESTAMP),
        ("a.xml.xades", Kind.XADES, Role.SIGNATURE),
        ("a.ers", Kind.EVIDENCE, Role.EVIDENCE),
        ("a.ers.xml", Kind.EVIDENCE, Role.EVIDENCE),
        ("a.er.xml", Kind.EVIDENCE, Role.EVIDENCE),
        ("a.asice", Kind.ASIC, Role.SIGNATURE),
        ("a.bdoc", Kind.ASIC, Role.SIGNATURE),
        ("a.ddoc", Kind.XADES, Role.SIGNATURE),
    ],
)
@pytest.mark.parametrize("data", [b"", b"\0", b"308204", b"nothing of the kind\n", b"\xff" * 5000], ids=range(5))
def test_a_file_that_is_called_a_signature_is_not_known(tmp_path: Path, name: str, kind: Kind, role: Role, data: bytes) -> None:
    (found,) = objects(tmp_path, name, data, beside=False)
    assert (found.kind, found.role, found.integrity, found.failure) == (kind, role, Integrity.UNKNOWN, SubIndication.GENERIC)


def test_endings_that_others_use_too_count_beside_a_file(tmp_path: Path) -> None:
    pgp = b"-----BEGIN PGP SIGNATURE-----\n\niQEzBAAB\n-----END PGP SIGNATURE-----\n"
    (found,) = objects(tmp_path, "content.sig", pgp)
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.GENERIC), "it is one, and is not read"
    assert objects(tmp_path, "letter.sig", b"Yours sincerely\n", beside=False) == ()


@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "p7s", "a.p7s.txt", "a.signature-policy", "a.p7c", "a.cer"])
def test_what_is_not_called_a_signature_is_none(tmp_path: Path, name: str) -> None:
    for data in (b"", b"MINUTES of the meeting", make_pdf(), b"\x30\x03\x02\x01\x01"):
        assert objects(tmp_path, name, data) == ()


def test_an_enciphered_message_is_no_signature_and_a_signature_called_one_is_told(tmp_path: Path, pki: Pki) -> None:
    oid, data = bytes.fromhex("06092a864886f70d010703"), bytes.fromhex("06092a864886f70d010701")
    content = b"\x30\x10" + data + b"\x05\x00\x80\x01x"
    inner = b"\x02\x01\x00\x31\x00" + content
    enveloped = b"\x30" + bytes((len(oid) + 4 + len(inner),)) + oid + b"\xa0" + bytes((len(inner) + 2,)) + b"\x30"
    enveloped += bytes((len(inner),)) + inner
    assert objects(tmp_path, "a.p7m", enveloped) == ()
    (found,) = objects(tmp_path, "a.p7s", enveloped)
    assert found.failure is SubIndication.GENERIC
    signed = pki.sign_cms(CONTENT, day(2026, 3), detached=False)
    (found,) = objects(tmp_path, "a.p7m", signed.replace(bytes.fromhex("06092a864886f70d010702"), oid, 1))
    assert found.failure is SubIndication.GENERIC


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_no_flipped_byte_behind_its_beginning_makes_signed_xml_none(tmp_path: Path, pki: Pki, every: bool) -> None:
    data, draw = enveloped(pki), random.Random(2)
    marked = [at for found in re.finditer(rb"xmlns:ds=.*?>|</?ds:Sign[^>]*>", data) for at in range(*found.span())]
    for at in range(1, len(data)) if every else draw.sample(marked, 120):
        flipped = data[:at] + bytes((data[at] ^ draw.choice((0x01, 0x20, 0x80, 0xFF)),)) + data[at + 1 :]
        assert objects(tmp_path, "a.xml", flipped), at


def test_a_value_that_is_no_signatures_is_none(tmp_path: Path) -> None:
    for data in (b"<a><SignatureValue/></a>", b"<a><SignedInfo/></a>", b"<SignedInfo>x</SignedInfo>", b"<SignatureValue/>"):
        assert objects(tmp_path, "a.xml", data) == ()
    (found,) = objects(tmp_path, "a.xml", b"<a><SignedInfo/><SignatureValue/></a>")
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.GENERIC)
