"""Which files carry signatures, from their bytes alone."""

from __future__ import annotations

import base64
import io

import pytest

from signatures.detect import covered_names, detect, named_beside
from signatures.report import Kind
from tests.signatures.pki import Pki, day, make_pdf
from tests.signatures.xml_signing import LETTER, enveloped


def test_pdf_with_and_without(pki: Pki) -> None:
    assert detect(io.BytesIO(make_pdf())) is None
    found = detect(io.BytesIO(pki.sign_pdf(make_pdf(), day(2026, 3), level="B")))
    assert found is not None
    assert found.kind is Kind.PADES


@pytest.mark.parametrize("gap", [4096 - 5, (1 << 20) + 4096 - 3, 3 << 20])
def test_the_key_is_found_across_the_borders_of_reading(gap: int) -> None:
    assert detect(io.BytesIO(b"%PDF-1.7\n".ljust(gap, b" ") + b"/ByteRange [0 1 2 3]")) is not None


def test_cms_in_its_forms(pki: Pki) -> None:
    inside, outside = pki.sign_cms(b"x", detached=False), pki.sign_cms(b"x")
    for data, detached in ((inside, False), (outside, True)):
        found = detect(io.BytesIO(data))
        assert found is not None
        assert (found.kind, found.detached, found.armoured) == (Kind.CADES, detached, False)
        body = base64.encodebytes(data)
        pem = b"-----BEGIN PKCS7-----\n" + body + b"-----END PKCS7-----\n"
        for text in (pem, body):
            armoured = detect(io.BytesIO(text))
            assert armoured is not None
            assert (armoured.kind, armoured.armoured) == (Kind.CADES, True)


def test_a_signed_pdf_inside_a_cms_is_a_cms(pki: Pki) -> None:
    found = detect(io.BytesIO(pki.sign_cms(make_pdf(), detached=False)))
    assert found is not None
    assert found.kind is Kind.CADES


@pytest.mark.parametrize(
    "data", [b"", b"0", b"\x30\x80", b"MII", b"-----BEGIN PKCS7-----\n!!", b"\x30" + b"\xff" * 5000, b"PK\x03\x04"]
)
def test_what_is_none(data: bytes) -> None:
    assert detect(io.BytesIO(data)) is None


def test_names_of_what_is_covered() -> None:
    assert covered_names(b"a/b.pdf.p7s") == [b"a/b.pdf"]
    assert covered_names(b"x.P7M") == [b"x"]
    assert covered_names(b"x.pdf") == covered_names(b".p7s") == []


def test_xml_with_and_without(pki: Pki) -> None:
    signed = enveloped(pki)
    for data in (signed, b"\xef\xbb\xbf" + signed, b"\n" + signed.split(b"?>", 1)[1]):
        found = detect(io.BytesIO(data))
        assert found is not None
        assert found.kind is Kind.XADES
    assert detect(io.BytesIO(LETTER.encode())) is None
    assert detect(io.BytesIO(signed.replace(b"SignatureValue", b"SignatureText"))) is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("b.txt", b"x/b.txt"),
        ("./sub/b.txt", b"x/sub/b.txt"),
        ("công văn.txt", "x/công văn.txt".encode()),
        ("../b.txt", None),
        ("/b.txt", None),
        ("sub//b.txt", None),
        ("http://a/b", None),
        ("C:b", None),
        ("a\\b", None),
        ("", None),
    ],
)
def test_what_a_signature_calls_by_name_lies_in_its_folder(wanted: str, found: bytes | None) -> None:
    assert named_beside(b"x/sig.xml", wanted) == found
