"""Which files carry signatures, from their bytes alone."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from signatures.detect import covered_names, detect, detected, named_beside
from signatures.reading import read_signatures
from signatures.report import Integrity, Kind
from signatures.signed import Source
from tests import packed
from tests.signatures import asic_builder, office_signing, test_xaip
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


def test_a_cms_that_was_cut_anywhere_is_one_from_its_identifier_on(pki: Pki) -> None:
    whole = pki.sign_cms(b"cong van", day(2026, 3), detached=False)
    known = whole.index(bytes.fromhex("06092a864886f70d010702")) + 11
    for length in range(min(len(whole), 300)):
        assert (detect(io.BytesIO(whole[:length])) is not None) is (length >= known), length


def test_a_signed_pdf_inside_a_cms_is_a_cms(pki: Pki) -> None:
    found = detect(io.BytesIO(pki.sign_cms(make_pdf(), detached=False)))
    assert found is not None
    assert found.kind is Kind.CADES


@pytest.mark.parametrize(
    "data", [b"", b"0", b"\x30\x80", b"MII", b"-----BEGIN PKCS7-----\n!!", b"\x30" + b"\xff" * 5000, b"PK\x03\x04"]
)
def test_what_is_none(data: bytes) -> None:
    assert detect(io.BytesIO(data)) is None


def kinds(data: bytes) -> list[Kind]:
    return [each.kind for each in detected(io.BytesIO(data))]


@pytest.mark.parametrize(
    "before",
    [
        b"\n" * 5_000,
        b"<!-- %PDF-1.4 /ByteRange -->",
        b"<!--" + b"x" * 70_000 + b"-->",
        b"\xef\xbb\xbf" + b" " * 4_096,
        b"<?p q?>" * 1_000,
    ],
    ids=["blanks", "speaks of PDF", "a long comment", "mark and blanks", "instructions"],
)
def test_xml_is_no_less_signed_for_what_stands_before_its_root(pki: Pki, before: bytes) -> None:
    """None of it is covered by most signatures, so that anybody could put it there."""
    signed = enveloped(pki).partition(b"?>")[2].lstrip()
    assert kinds(before + signed) == [Kind.XADES]
    assert kinds(before + LETTER.encode().partition(b"?>")[2].lstrip()) == []
    package = test_xaip.package().partition(b"?>")[2].lstrip() or test_xaip.package()
    assert kinds(before + package) == [Kind.XAIP]
    record = b'<x:EvidenceRecord xmlns:x="urn:ietf:params&#58;xml:ns:ers" Version="1.0"/>'
    assert kinds(before + record) == [Kind.EVIDENCE]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp037", "cp500"])
def test_xml_in_any_encoding(pki: Pki, encoding: str) -> None:
    text = enveloped(pki).decode().partition("?>")[2].lstrip()
    assert kinds(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding, "xmlcharrefreplace")) == [Kind.XADES]


def test_the_namespace_of_a_signature_may_be_written_with_references(pki: Pki) -> None:
    signed = enveloped(pki)
    written = signed.replace(b"http://www.w3.org/2000/09/xmldsig#", b"http&#58;//www.w3.org/2000/09/xmldsig#")
    assert written != signed
    assert kinds(written) == [Kind.XADES]


def test_a_zip_is_told_from_its_end(pki: Pki, tmp_path: Path) -> None:
    for data, kind in (
        (packed.zipped(office_signing.sign_docx(pki)), Kind.OOXML),
        (packed.zipped(office_signing.sign_odt(pki)), Kind.ODF),
        (asic_builder.zipped(asic_builder.simple(pki), kind=asic_builder.SIMPLE), Kind.ASIC),
    ):
        damaged = data[:-8] + b"\xff" * 6 + data[-2:]
        for front in (b"", b"#!/bin/sh\n", b"PK00", b"\xff\xd8\xff"):
            assert kinds(front + data) == [kind], front
        assert kinds(damaged) == [kind], "its directory cannot be found, and its members tell"
        path = tmp_path / "x"
        path.write_bytes(b"junk" + data)
        file = read_signatures(Source(path, "x"))
        assert file is not None
        assert all(each.failure is not None for each in file.objects), "it is not believed either"


def test_a_document_with_a_doctype_is_told_by_its_root(tmp_path: Path) -> None:
    """It is refused then, which is not the same as carrying nothing."""
    package = test_xaip.package().partition(b"?>")[2].lstrip()
    data = b'<!DOCTYPE x [<!ENTITY e "f">]>' + package
    assert kinds(data) == [Kind.XAIP]
    path = tmp_path / "x.xml"
    path.write_bytes(data)
    file = read_signatures(Source(path, "x.xml"))
    assert file is not None
    assert all(each.failure is not None for each in file.objects)


def test_text_may_begin_as_a_zip_does(pki: Pki) -> None:
    pem = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(pki.sign_cms(b"x")) + b"-----END PKCS7-----\n"
    assert kinds(b"PKCS #7 signature of the letter:\n" + pem) == [Kind.CADES]
    assert kinds(b"PK\n" + pki.sign_pdf(make_pdf(), day(2026, 3), level="B")) == [Kind.PADES]
    assert kinds(b"PK\3\4 is how a zip begins\n" + pem.replace(b"\0", b"")) == [Kind.CADES]


def test_text_may_stand_before_pem(pki: Pki) -> None:
    pem = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(pki.sign_cms(b"x")) + b"-----END PKCS7-----\n"
    for before in (b"", b"x" * 5_000 + b"\n", b"y" * ((1 << 20) - 10) + b"\n"):
        (found,) = detected(io.BytesIO(before + pem))
        assert (found.kind, found.detached, found.armoured) == (Kind.CADES, True, True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_armour_in_any_encoding_of_editors(pki: Pki, tmp_path: Path, encoding: str) -> None:
    body = base64.encodebytes(pki.sign_cms(b"x", detached=False)).decode()
    for text in (body, f"Letter\n-----BEGIN PKCS7-----\n{body}-----END PKCS7-----\n"):
        path = tmp_path / "x.p7m"
        path.write_bytes(text.encode(encoding))
        file = read_signatures(Source(path, "x.p7m"))
        assert file is not None
        assert [each.integrity for each in file.objects] == [Integrity.INTACT]
    assert kinds("Công văn số 1".encode(encoding)) == []


def test_a_file_that_two_programs_take_for_theirs_is_read_for_both(pki: Pki, tmp_path: Path) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="B")
    both = b"<!-- " + pdf[:-6] + b" --><a><SignatureValue/></a> startxref\n%%EOF"
    assert kinds(both) == [Kind.XADES, Kind.PADES]
    path = tmp_path / "x.pdf"
    path.write_bytes(both)
    file = read_signatures(Source(path, "x.pdf"))
    assert file is not None
    assert {each.kind for each in file.objects} >= {Kind.PADES}


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
    without = signed.replace(b"SignatureValue", b"SignatureText")
    assert detect(io.BytesIO(without)) is not None, "it has a SignedInfo yet"
    assert detect(io.BytesIO(without.replace(b"SignedInfo", b"SignedText"))) is None


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
