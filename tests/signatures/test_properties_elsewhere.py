"""Qualifying properties that stand outside their signature (EN 319 132-1, 4.3): what is signed there counts as inside."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, SubIndication
from signatures.signed import SignedObject
from tests.signatures.judging import read
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import DS, EXCLUSIVE, SHA256, XADES, Ref, Signing, b64, canonical

TYPE = "http://uri.etsi.org/01903#SignedProperties"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
BY_REFERENCE = f'<ds:Object><x:QualifyingPropertiesReference xmlns:x="{XADES}" URI="#qp"/></ds:Object>'
NOWHERE = BY_REFERENCE.replace("#qp", "elsewhere.xml#qp")


def properties(pki: Pki, names: str, number: int = 1) -> str:
    digest = b64(hashlib.sha256(bytes(pki.asn1(names).dump())).digest())
    cert = f'<x:CertDigest><d:DigestMethod Algorithm="{SHA256}"/><d:DigestValue>{digest}</d:DigestValue></x:CertDigest>'
    return (
        f'<x:SignedProperties xmlns:x="{XADES}" xmlns:d="{DS}" Id="p{number}"><x:SignedSignatureProperties>'
        f"<x:SigningTime>2026-03-01T12:00:00Z</x:SigningTime><x:SigningCertificateV2><x:Cert>{cert}</x:Cert></x:SigningCertificateV2>"
        "</x:SignedSignatureProperties></x:SignedProperties>"
    )


def signed(
    tmp_path: Path,
    pki: Pki,
    names: str,
    *,
    objects: str = "",
    type_: str = TYPE,
    more: str = "",
    around: tuple[str, str] = ("", ""),
    transforms: str = EXCLUSIVE,
) -> SignedObject:
    """What is read of a signature over a letter and properties beside it, which say that ``names`` is the signer's."""
    body, own = '<p Id="body">1</p>', properties(pki, names)
    data = canonical(etree.fromstring(own)) if transforms == EXCLUSIVE else b""
    making = Signing(pki, xades=False, objects=objects)
    making.references = [Ref("#body", canonical(etree.fromstring(body)), EXCLUSIVE), Ref("#p1", data, transforms, type_)]
    if more:
        making.references.append(Ref("#p2", canonical(etree.fromstring(more)), EXCLUSIVE, type_))
    signature = etree.tostring(making.signature()).decode()
    beside = f'<x:QualifyingProperties xmlns:x="{XADES}" Id="qp" Target="#sig-1">{own}{more}</x:QualifyingProperties>'
    document = f"<d>{body}{signature}{around[0]}{beside}{around[1]}</d>"
    return read(tmp_path, document.encode()).objects[0]


@pytest.mark.parametrize("objects", ["", BY_REFERENCE], ids=["signed", "referred to"])
@pytest.mark.parametrize("type_", [TYPE, ""])
def test_signed_properties_count_wherever_they_stand(tmp_path: Path, pki: Pki, objects: str, type_: str) -> None:
    found = signed(tmp_path, pki, "signer1", objects=objects, type_=type_)
    assert (found.integrity, found.failure, found.level) == (Integrity.INTACT, None, "XAdES-B")
    assert found.claimed is not None
    other = signed(tmp_path, pki, "signer2", objects=objects, type_=type_)
    assert other.failure is SubIndication.NO_SIGNING_CERTIFICATE_FOUND


def test_signed_properties_without_anything_around_them_count_too(tmp_path: Path, pki: Pki) -> None:
    found = signed(tmp_path, pki, "signer2", around=("<!--", "-->" + properties(pki, "signer2")))
    assert found.failure is SubIndication.NO_SIGNING_CERTIFICATE_FOUND


@pytest.mark.parametrize("case", ["another file", "two", "in another signature", "taken away by a filter", "no properties"])
def test_what_cannot_be_told_to_be_properties_is_not_passed_over(tmp_path: Path, pki: Pki, case: str) -> None:
    keeping = f'<ds:XPath xmlns:ds="{DS}" xmlns:x="{XADES}">not(ancestor-or-self::x:SignedProperties)</ds:XPath>'
    away = f'<ds:Transform Algorithm="{XPATH}">{keeping}</ds:Transform>'
    other = (f'<ds:Signature xmlns:ds="{DS}"><ds:Object>', "</ds:Object></ds:Signature>")
    found = {
        "another file": lambda: signed(tmp_path, pki, "signer1", objects=NOWHERE),
        "two": lambda: signed(tmp_path, pki, "signer1", more=properties(pki, "signer2", 2)),
        "in another signature": lambda: signed(tmp_path, pki, "signer1", around=other),
        "taken away by a filter": lambda: signed(tmp_path, pki, "signer1", transforms=away + EXCLUSIVE),
        "no properties": lambda: signed(tmp_path, pki, "signer1", more='<p Id="p2">2</p>'),
    }[case]()
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE)
