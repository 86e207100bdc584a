"""A counter-signature counts only where the signature whose value it signs stands in the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, Role, SubIndication
from signatures.signed import SignedObject
from tests import packed
from tests.signatures import asic_builder, office_signing
from tests.signatures.judging import read
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import DS, EXCLUSIVE, XADES, Ref, Signing, canonical, enveloped

ODF = "urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0"
VALUE = f'<ds:SignatureValue xmlns:ds="{DS}" Id="v">QUFBQQ==</ds:SignatureValue>'
COUNTERSIGNED = "http://uri.etsi.org/01903#CountersignedSignature"


def over(pki: Pki, value: str = VALUE, *, transforms: str = EXCLUSIVE, xades: bool = True, objects: str = "") -> str:
    """A genuine counter-signature over ``value``, as it can be taken out of the file in which it was made."""
    data = canonical(etree.fromstring(value)) if transforms == EXCLUSIVE else b""
    making = Signing(pki, name="c1", xades=xades, objects=objects, references=[Ref("#v", data, transforms, COUNTERSIGNED)])
    return str(etree.tostring(making.signature(), encoding="unicode"))


def in_xml(pki: Pki) -> bytes:
    return f"<decision><p>evil</p>{VALUE}{over(pki)}</decision>".encode()


def in_plain_xml(pki: Pki) -> bytes:
    return f"<decision><p>evil</p>{VALUE}{over(pki, xades=False)}</decision>".encode()


def in_its_own_object(pki: Pki) -> bytes:
    return f"<decision><p>evil</p>{over(pki, objects=f'<ds:Object>{VALUE}</ds:Object>')}</decision>".encode()


def in_a_container(pki: Pki) -> bytes:
    signatures = f'<a:XAdESSignatures xmlns:a="{asic_builder.NS}">{VALUE}{over(pki)}</a:XAdESSignatures>'
    return asic_builder.zipped({"a.txt": b"evil", "META-INF/signatures0.xml": signatures.encode()})


def in_open_document(pki: Pki) -> bytes:
    signatures = f'<document-signatures xmlns="{ODF}">{VALUE}{over(pki)}</document-signatures>'
    return packed.zipped({**office_signing.ODT, "META-INF/documentsignatures.xml": signatures.encode()})


def in_office_open_xml(pki: Pki) -> bytes:
    members = office_signing.sign_docx(pki)
    name = next(each for each in members if each.endswith("sig1.xml"))
    return packed.zipped({**members, name: over(pki, objects=f"<ds:Object>{VALUE}</ds:Object>").encode()})


@pytest.mark.parametrize("make", [in_xml, in_plain_xml, in_its_own_object, in_a_container, in_open_document, in_office_open_xml])
def test_a_counter_signature_with_a_value_from_elsewhere_is_a_signature_over_nothing(
    tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes]
) -> None:
    found = [each for each in read(tmp_path, make(pki)).objects if each.role is not Role.TIMESTAMP]
    assert [nothing(each) for each in found] == [True]


def nothing(read: SignedObject) -> bool:
    why = read.why.code if read.why is not None else ""
    return (read.role, read.integrity, read.failure, why) == (
        Role.SIGNATURE,
        Integrity.UNKNOWN,
        SubIndication.SIG_CONSTRAINTS_FAILURE,
        "SIG-XML-REFUSED",
    )


def test_one_beside_the_signature_whose_value_it_signs_is_a_counter_signature(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(f"<both>{enveloped(pki).decode().partition('?>')[2]}</both>")
    value = root.find(f".//{{{DS}}}SignatureValue")
    value.set("Id", "v")
    root.append(etree.fromstring(over(pki, etree.tostring(value, with_tail=False).decode())))
    found = {each.name: each for each in read(tmp_path, etree.tostring(root)).objects}
    assert (found["c1"].role, found["c1"].integrity, found["c1"].failure) == (Role.COUNTERSIGNATURE, Integrity.INTACT, None)


def test_a_signature_around_a_value_that_nobody_made_is_told_as_broken(tmp_path: Path, pki: Pki) -> None:
    """Whoever puts the value into a signature, so that it is one's, has to show that signature."""
    data = f'<decision><ds:Signature xmlns:ds="{DS}">{VALUE}</ds:Signature>{over(pki)}</decision>'.encode()
    assert Integrity.BROKEN in [each.integrity for each in read(tmp_path, data).objects]


@pytest.mark.parametrize("hung", [False, True], ids=["beside", "as property"])
def test_a_value_that_a_filter_takes_away_is_not_signed(tmp_path: Path, pki: Pki, hung: bool) -> None:
    root = etree.fromstring(f"<both>{enveloped(pki).decode().partition('?>')[2]}</both>")
    value = root.find(f".//{{{DS}}}SignatureValue")
    value.set("Id", "v")
    keeping = f'<ds:XPath xmlns:ds="{DS}">not(ancestor-or-self::ds:Signature)</ds:XPath>'
    away = f'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">{keeping}</ds:Transform>'
    holder = root
    if hung:
        properties = root.find(f".//{{{XADES}}}UnsignedSignatureProperties")
        holder = etree.SubElement(properties, f"{{{XADES}}}CounterSignature")
    holder.append(etree.fromstring(over(pki, transforms=away + EXCLUSIVE)))
    counter = {each.name: each for each in read(tmp_path, etree.tostring(root)).objects}["c1"]
    assert counter.failure is not None
