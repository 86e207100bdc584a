"""Certificates that a signature brings in other ways than in ds:X509Certificate, and properties as old versions of XAdES write them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, SignatureReport
from signatures.xades.properties import Properties
from tests.signatures import xml_signing
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day
from tests.signatures.test_xml_attacks import path_filter
from tests.signatures.xml_signing import DS, EXCLUSIVE, Ref, Signing, b64, enveloped

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
DATA = "http://www.w3.org/2000/09/xmldsig#X509Data"


def judged(folder: Path, pki: Pki, info: str, beside: str, *, twice: bool = False) -> SignatureReport:
    root = etree.fromstring('<d><b Id="b">x</b></d>')
    made = Signing(pki, xades=False, references=[Ref("#b", b'<b Id="b">x</b>', EXCLUSIVE)]).signature()
    held = made.find(f"{{{DS}}}KeyInfo")
    certificates = "".join(etree.tostring(each, encoding="unicode") for each in held)
    der = [each.text for each in held.iter(f"{{{DS}}}X509Certificate")]
    for each in list(held):
        held.remove(each)
    words = {"x509": certificates, "der": der[0], "ds": DS, "wsse": WSSE, "wsu": WSU}
    for each in etree.fromstring(f'<i xmlns:ds="{DS}" xmlns:w="{WSSE}">{info.format(**words)}</i>'):
        held.append(each)
    root.append(made)
    for _ in range(1 + twice):
        root.extend(etree.fromstring(f'<i xmlns:ds="{DS}" xmlns:w="{WSSE}" xmlns:wsu="{WSU}">{beside.format(**words)}</i>'))
    return signature(folder, pki, etree.tostring(root), day(2026, 6))


SECURITY = '<w:SecurityTokenReference><w:Reference URI="#t" ValueType="' + TOKEN + '"/></w:SecurityTokenReference>'
BINARY = '<w:BinarySecurityToken wsu:Id="t" ValueType="' + TOKEN + '">{der}</w:BinarySecurityToken>'
KEYS = {
    "a part of the document": (
        f'<ds:RetrievalMethod URI="#t" Type="{DATA}"/>',
        "<k Id='o'><ds:X509Data Id='t'>{x509}</ds:X509Data></k>",
    ),
    "another key info": (
        '<r:KeyInfoReference xmlns:r="http://www.w3.org/2009/xmldsig11#" URI="#t"/>',
        "<ds:KeyInfo Id='t'>{x509}</ds:KeyInfo>",
    ),
    "a token": (SECURITY, BINARY),
    "armour": (
        "<ds:X509Data><ds:X509Certificate>-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
        "</ds:X509Certificate></ds:X509Data>",
        "",
    ),
}


@pytest.mark.parametrize("way", KEYS)
def test_a_certificate_in_the_same_document(tmp_path: Path, pki: Pki, way: str) -> None:
    info, beside = KEYS[way]
    report = judged(tmp_path, pki, info, beside)
    assert report.integrity is Integrity.INTACT
    assert report.signer is not None
    assert report.signer.sha256 == pki.certificate("signer1").sha256.hex()
    assert not any("Signature" in each for each in report.coverage.left)


OTHERS = {
    "elsewhere": (f'<ds:RetrievalMethod URI="http://a.vn/x" Type="{DATA}"/>', ""),
    "a file": (f'<ds:RetrievalMethod URI="x.xml" Type="{DATA}"/>', ""),
    "through transforms": (
        f'<ds:RetrievalMethod URI="#t" Type="{DATA}"><ds:Transforms><ds:Transform Algorithm="x"/></ds:Transforms></ds:RetrievalMethod>',
        "<ds:X509Data Id='t'>{x509}</ds:X509Data>",
    ),
    "at something else": ('<ds:RetrievalMethod URI="#t"/>', "<k Id='t'>{x509}</k>"),
    "in two steps": ('<ds:RetrievalMethod URI="#t"/>', "<ds:X509Data Id='t'><ds:RetrievalMethod URI='#u'/></ds:X509Data>"),
    "a token of another kind": (SECURITY, BINARY.replace("#X509v3", "#PKCS7")),
    "a reference that stands alone": ('<w:Reference URI="#t"/>', BINARY),
}


@pytest.mark.parametrize("way", OTHERS)
def test_nothing_else_is_followed(tmp_path: Path, pki: Pki, way: str) -> None:
    info, beside = OTHERS[way]
    report = judged(tmp_path, pki, info, beside)
    assert str(report.verdict) == "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"
    assert report.integrity is Integrity.UNKNOWN


def test_what_is_there_twice_is_not_followed(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, *KEYS["a token"], twice=True)
    assert str(report.verdict) == "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"


def test_the_digest_of_a_certificate_in_the_namespace_of_old_xades(tmp_path: Path, pki: Pki) -> None:
    """XAdES 1.1.1 and 1.2.2 (DigiDoc 1.3): DigestMethod and DigestValue of CertDigest are their own elements."""
    for wrong in (False, True):
        der = pki.certificate("interm" if wrong else "signer1").der
        value = b64(hashlib.sha1(der, usedforsecurity=False).digest())
        old = "http://uri.etsi.org/01903/v1.1.1#"
        signed = etree.fromstring(
            f'<SignedProperties xmlns="{old}"><SignedSignatureProperties><SigningCertificate><Cert><CertDigest>'
            f'<DigestMethod Algorithm="{DS}sha1"/><DigestValue>{value}</DigestValue></CertDigest></Cert></SigningCertificate>'
            "</SignedSignatureProperties></SignedProperties>"
        )
        assert Properties(old, signed).names(pki.certificate("signer1")) == (frozenset() if wrong else {"sha1"})


@pytest.mark.parametrize("path", ["d/b", "b", "*"])
def test_a_path_from_nowhere_is_not_followed(tmp_path: Path, pki: Pki, path: str) -> None:
    """XPath Filter 2.0 goes from the document, programs from its root element: what is meant is not known."""
    root = etree.fromstring("<d><b>x</b></d>")
    root.append(Signing(pki, xades=False, references=[Ref("", b"<b>x</b>", path_filter(path) + EXCLUSIVE)]).signature())
    report = signature(tmp_path, pki, etree.tostring(root), day(2026, 6))
    assert str(report.verdict) == "INDETERMINATE/SIG_CONSTRAINTS_FAILURE"


@pytest.mark.parametrize(
    "beside",
    ["<x>" * 300 + "</x>" * 300, f"<{'x' * 60_000}/>", f"<x {'y' * 60_000}='1'/>"],
    ids=["deep", "long name", "long attribute"],
)
def test_what_is_beyond_what_is_read_is_not_broken(tmp_path: Path, pki: Pki, beside: str) -> None:
    data = xml_signing.enveloped(pki, level="B").decode().replace("</edoc>", f"{beside}</edoc>")
    report = signature(tmp_path, pki, data.encode(), day(2026, 6))
    assert str(report.verdict) == "INDETERMINATE/SIG_CONSTRAINTS_FAILURE"
    assert report.integrity is Integrity.UNKNOWN
    assert report.verdict.why is not None
    assert "PARSE_HUGE" not in report.verdict.why.text("en")


def test_thousands_of_ways_to_one_place_are_gone_once(tmp_path: Path, pki: Pki) -> None:
    """A megabyte took half a minute: each looked through all of a ds:X509Data in which there is no certificate."""
    root = etree.fromstring(enveloped(pki))
    info = root.find(f".//{{{DS}}}KeyInfo")
    for _ in range(5000):
        etree.SubElement(info, f"{{{DS}}}RetrievalMethod", URI="#there")
    there = etree.SubElement(root, f"{{{DS}}}X509Data", Id="there")
    for _ in range(100_000):
        etree.SubElement(there, "a")
    data = etree.tostring(root)
    begin = time.process_time()
    read(tmp_path, data)
    assert time.process_time() - begin < 3
