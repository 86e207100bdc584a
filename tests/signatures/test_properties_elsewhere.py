"""Qualifying properties that stand outside their signature (EN 319 132-1, 4.3): what is signed there counts as inside."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from lxml import etree

from signatures.left_words import NAME
from signatures.report import Integrity, SubIndication
from signatures.signed import SignedObject
from tests.signatures import xml_signing
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
    target: str = "#sig-1",
    unsigned: str = "",
) -> SignedObject:
    """What is read of a signature over a letter and properties beside it, which say that ``names`` is the signer's."""
    body, own = '<p Id="body">1</p>', properties(pki, names)
    data = canonical(etree.fromstring(own)) if transforms == EXCLUSIVE else b""
    making = Signing(pki, xades=False, objects=objects)
    making.references = [Ref("#body", canonical(etree.fromstring(body)), EXCLUSIVE), Ref("#p1", data, transforms, type_)]
    if more:
        making.references.append(Ref("#p2", canonical(etree.fromstring(more)), EXCLUSIVE, type_))
    signature = etree.tostring(making.signature()).decode()
    beside = f'<x:QualifyingProperties xmlns:x="{XADES}" Id="qp" Target="{target}">{own}{more}{unsigned}</x:QualifyingProperties>'
    document = f"<d>{body}{signature}{around[0]}{beside}{around[1]}</d>"
    return read(tmp_path, document.encode()).objects[0]


@pytest.mark.parametrize("objects", ["", BY_REFERENCE], ids=["signed", "referred to"])
@pytest.mark.parametrize("type_", [TYPE, ""])
def test_signed_properties_count_wherever_they_stand(tmp_path: Path, pki: Pki, objects: str, type_: str) -> None:
    found = signed(tmp_path, pki, "signer1", objects=objects, type_=type_)
    assert (found.integrity, found.failure, found.level) == (Integrity.INTACT, None, "XAdES-B")
    assert found.claimed is not None
    assert found.coverage.left == (f"/d{NAME}",)
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


TARGETS = ["", "#", "sig-1", "#other", "#body", "#qp", "elsewhere.xml#sig-1", "#xpointer(/)"]


@pytest.mark.parametrize("target", TARGETS)
def test_properties_that_say_they_are_not_of_this_signature(tmp_path: Path, pki: Pki, target: str) -> None:
    """EN 319 132-1, 4.3.1: the Target is the id of the signature."""
    found = signed(tmp_path, pki, "signer1", target=target)
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE)
    letter = etree.fromstring(xml_signing.enveloped(pki))
    within = letter.find(f".//{{{XADES}}}QualifyingProperties")
    assert within is not None
    assert read(tmp_path, etree.tostring(letter)).objects[0].integrity is Integrity.INTACT
    within.set("Target", target)
    inside = read(tmp_path, etree.tostring(letter)).objects[0]
    assert (inside.integrity, inside.failure) == (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert target in getattr(inside.why, "args", {})["reason"]
    del within.attrib["Target"]
    assert read(tmp_path, etree.tostring(letter)).objects[0].integrity is Integrity.UNKNOWN


def test_what_stands_beside_signed_properties_is_named(tmp_path: Path, pki: Pki) -> None:
    more = f'<x:UnsignedProperties xmlns:x="{XADES}"><q/></x:UnsignedProperties>'
    left = (f"/d{NAME}", "/d/QualifyingProperties/UnsignedProperties/q")
    assert signed(tmp_path, pki, "signer1", unsigned=more).coverage.left == left
    wrapped = signed(tmp_path, pki, "signer1", around=("<meta>", "</meta>"))
    assert wrapped.coverage.left == (f"/d{NAME}", f"/d/meta{NAME}")


def test_properties_of_another_signature_are_its_own(tmp_path: Path, pki: Pki) -> None:
    """Each of two signatures says of itself what it leaves; properties that nobody signed are content."""
    body, own = '<p Id="body">1</p>', properties(pki, "signer1")
    covered = Ref("#body", canonical(etree.fromstring(body)), EXCLUSIVE)
    ref = Ref("#p1", canonical(etree.fromstring(own)), EXCLUSIVE, TYPE)
    first = etree.tostring(Signing(pki, xades=False, references=[covered, ref]).signature()).decode()
    second = etree.tostring(Signing(pki, xades=False, references=[covered], name="sig-2").signature()).decode()
    beside = f'<x:QualifyingProperties xmlns:x="{XADES}" Target="#sig-1">{own}</x:QualifyingProperties>'
    found = read(tmp_path, f"<d>{body}{first}{second}{beside}</d>".encode()).objects
    assert [each.coverage.left for each in found] == [(f"/d{NAME}",)] * 2
    found = read(tmp_path, f"<d>{body}{second}{beside}</d>".encode()).objects
    assert found[0].coverage.left == (f"/d{NAME}", "/d/QualifyingProperties")


STORE = (
    '<y:SignaturePolicyStore xmlns:y="http://uri.etsi.org/01903/v1.4.1#" xmlns:x="{space}"><y:SPDocSpecification><x:Identifier>urn:a'
    "</x:Identifier><x:Description>{words}</x:Description></y:SPDocSpecification><y:SignaturePolicyDocument>AAAA"
    "</y:SignaturePolicyDocument></y:SignaturePolicyStore>"
)
POLICY = (
    '<x:SignaturePolicyIdentifier xmlns:x="{space}"><x:SignaturePolicyId><x:SigPolicyId><x:Identifier>urn:p</x:Identifier></x:SigPolicyId>'
    '<x:SigPolicyHash><d:DigestMethod xmlns:d="{ds}" Algorithm="{sha}"/><d:DigestValue xmlns:d="{ds}">AAAA</d:DigestValue>'
    "</x:SigPolicyHash></x:SignaturePolicyId></x:SignaturePolicyIdentifier>"
)


@pytest.mark.parametrize(("words", "policy"), [("A policy in ASN.1", True), ("A policy", False), ("A\npolicy " * 50, True)])
def test_the_store_of_a_policy_that_was_signed_may_describe_it(tmp_path: Path, pki: Pki, words: str, policy: bool) -> None:
    """EN 319 132-1, 5.2.10: by which specification the policy is written is said by an identifier, and in words."""
    named = POLICY.format(space=XADES, ds=DS, sha=SHA256) if policy else ""
    own = properties(pki, "signer1").replace("</x:SignedSignature", f"{named}</x:SignedSignature")
    body = '<p Id="body">1</p>'
    held = (
        f'<ds:Object xmlns:ds="{DS}"><x:QualifyingProperties xmlns:x="{XADES}" Target="#sig-1">{own}<x:UnsignedProperties>'
        f"<x:UnsignedSignatureProperties>{STORE.format(space=XADES, words=words)}</x:UnsignedSignatureProperties>"
        "</x:UnsignedProperties></x:QualifyingProperties></ds:Object>"
    )
    making = Signing(pki, xades=False, objects=held)
    making.references = [
        Ref("#body", canonical(etree.fromstring(body)), EXCLUSIVE),
        Ref("#p1", canonical(etree.fromstring(own)), EXCLUSIVE, TYPE),
    ]
    found = read(tmp_path, f"<d>{body}{etree.tostring(making.signature()).decode()}</d>".encode()).objects[0]
    assert (found.integrity, found.level) == (Integrity.INTACT, "XAdES-EPES" if policy else "XAdES-B")
    named_too = any(each.endswith("/Description") for each in found.coverage.left)
    assert named_too is (not policy or "\n" in words)
