"""Comments are free to put anywhere. What they cost grows with their number, and not with its square."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lxml import etree

from signatures.certificates import Certificate
from signatures.report import Integrity
from signatures.xades.properties import Properties
from signatures.xaip_left import unprotected
from signatures.xmldsig.c14n import Method, Work
from signatures.xmldsig.document import Document, text_of
from tests.signatures.judging import read
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import DS, SHA256, XADES, enveloped

MANY = 20_000
"""Twelve seconds where the square counts."""

LETTER = '<edoc xmlns="urn:test:letter"><p>{}</p></edoc>'


def taken(tmp_path: Path, data: bytes) -> float:
    """Seconds of processor to read a file whose signature is right."""
    begin = time.process_time()
    (found,) = read(tmp_path, data).objects
    assert found.integrity is Integrity.INTACT
    return time.process_time() - begin


@pytest.mark.parametrize("piece", ["x<!--c-->", "x<?p c?>"])
def test_comments_in_text_take_no_longer_than_elements(tmp_path: Path, pki: Pki, piece: str) -> None:
    plain = taken(tmp_path, enveloped(pki, LETTER.format("x<c/>" * MANY)))
    assert taken(tmp_path, enveloped(pki, LETTER.format(piece * MANY))) < 8 * plain


def test_the_text_between_many_comments_is_joined(pki: Pki) -> None:
    element = etree.fromstring("<d>" + "A<!--c-->" * 100_000 + "B<e>no</e>C<?p q?><![CDATA[<]]></d>")
    assert text_of(element) == "A" * 100_000 + "BC<"
    assert text_of(None) == ""


def test_comments_around_a_root_are_found() -> None:
    assert [Document(each).plain for each in (b"<!--c--><d/>", b"<d/><?p?>", b"<d><e><!--c--></e></d>", b"<d>x<e/></d>")] == [
        False,
        False,
        False,
        True,
    ]


def test_what_a_package_leaves_is_told_whatever_its_comments() -> None:
    root = etree.fromstring("<XAIP>" + "x<!--c-->" * 100_000 + "</XAIP>")
    assert len(list(unprotected(root, (), Method(), Work()))) == 2


def test_digests_of_the_signers_certificate_are_read_once(pki: Pki) -> None:
    """They are held against every certificate that came along, of which there may be thousands."""
    digest = f'<d:DigestMethod Algorithm="{SHA256}"/><d:DigestValue>{"<!--c-->" * 50_000}QUFB</d:DigestValue>'
    listed = f"<x:SigningCertificate><x:Cert><x:CertDigest>{digest}</x:CertDigest></x:Cert></x:SigningCertificate>"
    group = f"<x:SignedSignatureProperties>{listed}</x:SignedSignatureProperties>"
    signed = etree.fromstring(f'<x:SignedProperties xmlns:x="{XADES}" xmlns:d="{DS}">{group}</x:SignedProperties>')
    properties, certificate = Properties(XADES, signed), Certificate(bytes(pki.asn1("signer1").dump()))
    begin = time.process_time()
    assert not properties.names(certificate)
    once = time.process_time() - begin
    begin = time.process_time()
    assert not any(properties.names(certificate) for _ in range(100))
    assert time.process_time() - begin < 10 * once
