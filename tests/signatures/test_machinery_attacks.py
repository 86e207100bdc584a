"""Content that poses as a part of the signature: in its namespaces, among its unsigned properties, in its attributes and texts. Each
signature is right, leaves itself out, and says what it leaves. What does belong there is not named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from lxml import etree

from signatures.report import SignatureReport
from tests.packed import zipped
from tests.signatures import asic_builder, xml_signing
from tests.signatures.office_signing import BARE, sign_docx, sign_odt
from tests.signatures.pki import Pki
from tests.signatures.test_left import LETTER, judged, whole
from tests.signatures.xml_signing import DS, EXCLUSIVE, XADES, XADES141, Ref, Signing, b64, canonical

SIGNATURE = "/edoc/Signature"
PROPERTIES = SIGNATURE + "/Object/QualifyingProperties"
UNSIGNED = PROPERTIES + "/UnsignedProperties/UnsignedSignatureProperties"
SPACES = f'xmlns:ds="{DS}" xmlns:x="{XADES}" xmlns:y="{XADES141}"'
WORDS = "I approve payment of 1000000"


def put(pki: Pki, at: str, text: str) -> bytes:
    """A signed letter with something more at the end of an element of its signature."""
    root = etree.fromstring(whole(pki))
    holder = root[-1] if at == "." else root[-1].find(at, {"ds": DS, "x": XADES})
    holder.append(etree.fromstring(f"<all {SPACES}>{text}</all>")[0])
    return bytes(etree.tostring(root))


KEY, OBJECT = "ds:KeyInfo", "ds:Object"
ADDED = ".//x:UnsignedSignatureProperties"
LISTED = "<x:CRLRefs><x:CRLRef><x:CRLIdentifier>{}</x:CRLIdentifier></x:CRLRef></x:CRLRefs>"
REFS = f"<x:CompleteRevocationRefs>{LISTED}</x:CompleteRevocationRefs>"
POSING = {
    "name of a key": (KEY, f"<ds:KeyName>{WORDS}</ds:KeyName>", "/KeyInfo/KeyName"),
    "name of a subject": (
        KEY,
        "<ds:X509Data><ds:X509SubjectName>CN=Bo truong, O=Approved</ds:X509SubjectName></ds:X509Data>",
        "/KeyInfo/X509Data[2]/X509SubjectName",
    ),
    "certificate": (
        KEY,
        f"<ds:X509Data><ds:X509Certificate>{b64(WORDS.encode())}</ds:X509Certificate></ds:X509Data>",
        "/KeyInfo/X509Data[2]/X509Certificate",
    ),
    "words as base64": (KEY, f"<ds:X509Data><ds:X509SKI>{WORDS}</ds:X509SKI></ds:X509Data>", "/KeyInfo/X509Data[2]/X509SKI"),
    "data of management": (KEY, f"<ds:MgmtData>{WORDS}</ds:MgmtData>", "/KeyInfo/MgmtData"),
    "element that XAdES has not": (".", f"<ds:Object><x:Order>{WORDS}</x:Order></ds:Object>", "/Object[2]/Order"),
    "element of the canonical form": (
        ".",
        f'<ds:Object><Order xmlns="http://www.w3.org/2001/10/xml-exc-c14n#">{WORDS}</Order></ds:Object>',
        "/Object[2]/Order",
    ),
    "name of a key in an object": (".", f"<ds:Object><ds:KeyName>{WORDS}</ds:KeyName></ds:Object>", "/Object[2]/KeyName"),
    "signature property": (
        ".",
        f'<ds:Object><ds:SignatureProperties><ds:SignatureProperty Target="#sig-1">{WORDS}</ds:SignatureProperty>'
        "</ds:SignatureProperties></ds:Object>",
        "/Object[2]/SignatureProperties/SignatureProperty",
    ),
    "manifest": (".", '<ds:Object><ds:Manifest><ds:Reference URI="a"/></ds:Manifest></ds:Object>', "/Object[2]/Manifest"),
    "signed information": (".", f"<ds:Object><ds:SignedInfo>{WORDS}</ds:SignedInfo></ds:Object>", "/Object[2]/SignedInfo"),
    "signature in an object": (
        ".",
        f'<ds:Object><ds:Signature Id="b">{WORDS}</ds:Signature></ds:Object>',
        "/Object[2]/Signature",
    ),
    "signed properties": (
        ".//x:QualifyingProperties",
        f"<x:SignedProperties><x:SignerRole>{WORDS}</x:SignerRole></x:SignedProperties>",
        "/Object/QualifyingProperties/SignedProperties[2]",
    ),
    "signed property": (ADDED, f"<x:SignerRole><x:ClaimedRole>{WORDS}</x:ClaimedRole></x:SignerRole>", f"{UNSIGNED}/SignerRole"),
    "unsigned property of the data": (
        ".//x:UnsignedProperties",
        "<x:UnsignedDataObjectProperties><x:UnsignedDataObjectProperty>I approve</x:UnsignedDataObjectProperty>"
        "</x:UnsignedDataObjectProperties>",
        "/Object/QualifyingProperties/UnsignedProperties/UnsignedDataObjectProperties/UnsignedDataObjectProperty",
    ),
    "other certificate": (
        ADDED,
        f"<x:CertificateValues><x:OtherCertificate>{WORDS}</x:OtherCertificate></x:CertificateValues>",
        f"{UNSIGNED}/CertificateValues/OtherCertificate",
    ),
    "value that is none": (
        ADDED,
        f"<x:CertificateValues><x:EncapsulatedX509Certificate>{WORDS}</x:EncapsulatedX509Certificate></x:CertificateValues>",
        f"{UNSIGNED}/CertificateValues/EncapsulatedX509Certificate",
    ),
    "issuer of a list": (
        ADDED,
        REFS.format(f"<x:Issuer>{WORDS}</x:Issuer>"),
        f"{UNSIGNED}/CompleteRevocationRefs/CRLRefs/CRLRef/CRLIdentifier/Issuer",
    ),
    "time of a list": (
        ADDED,
        REFS.format(f"<x:IssueTime>{WORDS}</x:IssueTime>"),
        f"{UNSIGNED}/CompleteRevocationRefs/CRLRefs/CRLRef/CRLIdentifier/IssueTime",
    ),
    "description of a policy": (
        ADDED,
        "<y:SignaturePolicyStore><y:SPDocSpecification><x:Identifier>urn:a</x:Identifier>"
        f"<x:Description>{WORDS}</x:Description></y:SPDocSpecification></y:SignaturePolicyStore>",
        f"{UNSIGNED}/SignaturePolicyStore/SPDocSpecification/Description",
    ),
    "time-stamp in another place": (
        KEY,
        f"<x:SignatureTimeStamp><x:EncapsulatedTimeStamp>{b64(b'0')}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp>",
        "/KeyInfo/SignatureTimeStamp",
    ),
    "prefixes": (
        ADDED,
        '<x:SignatureTimeStamp><ds:CanonicalizationMethod Algorithm="a">'
        f'<InclusiveNamespaces xmlns="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="{WORDS}"/></ds:CanonicalizationMethod>'
        "</x:SignatureTimeStamp>",
        f"{UNSIGNED}/SignatureTimeStamp/CanonicalizationMethod/InclusiveNamespaces (attributes)",
    ),
}


@pytest.mark.parametrize("attack", POSING)
def test_content_that_poses_as_a_part_of_the_signature(tmp_path: Path, pki: Pki, attack: str) -> None:
    at, text, named = POSING[attack]
    left = judged(tmp_path, pki, put(pki, at, text)).coverage.left
    assert left == (named if named.startswith(SIGNATURE) else SIGNATURE + named,)


@pytest.mark.parametrize(
    "at", [".", "ds:SignatureValue", KEY, "ds:KeyInfo/ds:X509Data", OBJECT, ".//x:QualifyingProperties", ADDED]
)
@pytest.mark.parametrize(("name", "value"), [("title", "approved"), ("Id", WORDS), ("{urn:q}Id", "a")])
def test_attributes_that_a_part_of_the_signature_has_not(tmp_path: Path, pki: Pki, at: str, name: str, value: str) -> None:
    root = etree.fromstring(whole(pki))
    element = root[-1] if at == "." else root[-1].find(at, {"ds": DS, "x": XADES})
    element.set(name, value)
    if element is root[-1] and name == "Id":
        element.find(".//x:QualifyingProperties", {"x": XADES}).set("Target", f"#{quote(value)}")
    (left,) = judged(tmp_path, pki, etree.tostring(root)).coverage.left
    assert left.endswith(f"/{etree.QName(element).localname} (attributes)")


def test_a_signed_element_moved_into_another_part_of_the_signature(tmp_path: Path, pki: Pki) -> None:
    """Its id is found wherever it stands; what stands around it says something else."""

    def signed() -> Any:
        content = '<ds:Object Id="c"><q xmlns="urn:q" Id="q">x</q></ds:Object>'
        data = canonical(etree.fromstring(content.replace("<ds:Object", f'<ds:Object xmlns:ds="{DS}"'))[0])
        return Signing(pki, references=[Ref("#q", data, EXCLUSIVE)], objects=content).signature()

    def moved(to: str) -> SignatureReport:
        root = signed()
        element = root.find(".//{urn:q}q")
        root.find(to, {"ds": DS, "x": XADES}).append(element)
        return judged(tmp_path, pki, etree.tostring(root))

    assert judged(tmp_path, pki, etree.tostring(signed())).coverage.left == ()
    assert moved(KEY).coverage.left == ("/Signature/KeyInfo (name)",)
    assert moved(".//x:UnsignedProperties").coverage.left == (
        "/Signature/Object[1]/QualifyingProperties/UnsignedProperties (name)",
    )


def test_signed_properties_moved_out_of_their_place(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(whole(pki))
    properties = root[-1].find(f".//{{{XADES}}}SignedProperties")
    root[-1].find(f"{{{DS}}}KeyInfo").append(properties)
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/edoc/Signature/KeyInfo (name)",)


# -- what does belong there ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["B", "T", "LT", "LTA"])
def test_the_levels_leave_nothing(tmp_path: Path, pki: Pki, level: str) -> None:
    data = xml_signing.enveloped(pki, level=level).replace(b"<!-- note -->", b"")
    assert judged(tmp_path, pki, data).coverage.left == ()


def test_a_signature_beside_leaves_what_its_signer_did_not_sign(tmp_path: Path, pki: Pki) -> None:
    """What another signer signs along (time, place) is told with that signature."""
    root = etree.fromstring(LETTER)
    space = "http://www.w3.org/2002/06/xmldsig-filter2"
    path = f'<XPath xmlns="{space}" xmlns:ds="{DS}" Filter="subtract">//ds:Signature</XPath>'
    steps = f'<ds:Transform Algorithm="{space}">{path}</ds:Transform>{EXCLUSIVE}'
    for name in ("sig-1", "sig-2"):
        root.append(Signing(pki, references=[Ref("", canonical(etree.fromstring(LETTER)), steps)], name=name).signature())
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ()
    etree.SubElement(root[-1].find(f"{{{DS}}}KeyInfo"), f"{{{DS}}}KeyName").text = WORDS
    assert judged(tmp_path, pki, etree.tostring(root)).coverage.left == ("/edoc/Signature[2]/KeyInfo/KeyName",)


KEYS: dict[str, Callable[[x509.Certificate], str]] = {
    "subject": lambda each: (
        f"<ds:X509Data><ds:X509SubjectName>{each.subject.rfc4514_string()}</ds:X509SubjectName></ds:X509Data>"
    ),
    "subject, the other way round": lambda each: (
        "<ds:X509Data><ds:X509SubjectName>"
        + ", ".join(f"{one.rfc4514_attribute_name} = {one.value}" for one in each.subject)
        + "</ds:X509SubjectName></ds:X509Data>"
    ),
    "issuer and number": lambda each: (
        f"<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>{each.issuer.rfc4514_string()}"
        f"</ds:X509IssuerName><ds:X509SerialNumber>{each.serial_number}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>"
    ),
    "common name": lambda each: (
        f"<ds:KeyName>{each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value}</ds:KeyName>"
    ),
    "number": lambda each: f"<ds:KeyName>{each.serial_number:X}</ds:KeyName>",
    "key": lambda _: (
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>\n  AQAB\n</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue>"
        "</ds:KeyValue>"
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_what_a_certificate_says_may_stand_beside_it(tmp_path: Path, pki: Pki, case: str) -> None:
    certificate = x509.load_der_x509_certificate(Signing(pki).der(""))
    assert judged(tmp_path, pki, put(pki, KEY, KEYS[case](certificate))).coverage.left == ()


def test_references_to_validation_data_that_is_not_here(tmp_path: Path, pki: Pki) -> None:
    """XAdES-C names issuers that no certificate at hand has."""
    words = (
        "<x:Issuer>CN=Root CA, O=Cơ yếu, C=VN</x:Issuer><x:IssueTime>2026-03-01T12:00:00Z</x:IssueTime><x:Number>12</x:Number>"
    )
    assert judged(tmp_path, pki, put(pki, ADDED, REFS.format(words))).coverage.left == ()


# -- in containers ------------------------------------------------------------------------------------------------------------------------

CONTAINERS: dict[str, tuple[str, Callable[[Pki], dict[str, bytes]]]] = {
    "odf": ("META-INF/documentsignatures.xml", sign_odt),
    "ooxml": ("_xmlsignatures/sig1.xml", lambda pki: sign_docx(pki, BARE)),
    "asic": ("META-INF/signatures001.xml", asic_builder.with_xades),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("node", "named"), [(etree.Comment(WORDS), "comment()"), (etree.PI("go", WORDS), "processing-instruction(go)")]
)
def test_comments_and_instructions_in_the_signature_of_a_container(
    tmp_path: Path, pki: Pki, container: str, node: Any, named: str
) -> None:
    part, make = CONTAINERS[container]
    parts = make(pki)
    assert judged(tmp_path, pki, zipped_as(container, parts)).coverage.left == ()
    for at in (f"{{{DS}}}KeyInfo", f".//{{{XADES}}}UnsignedSignatureProperties"):
        root = etree.fromstring(parts[part])
        signature = next(root.iter(f"{{{DS}}}Signature"))
        signature.find(at).append(copy.copy(node))
        (left,) = judged(tmp_path, pki, zipped_as(container, parts | {part: etree.tostring(root)})).coverage.left
        assert left.startswith(f"{part}: /")
        assert left.endswith(named)


def test_a_comment_around_the_signature_of_an_office_document(tmp_path: Path, pki: Pki) -> None:
    part, make = CONTAINERS["ooxml"]
    parts = make(pki)
    parts[part] = parts[part].replace(b"<ds:Signature ", b"<!-- I approve --><ds:Signature ", 1)
    assert judged(tmp_path, pki, zipped(parts)).coverage.left == (f"{part}: /comment()",)


def zipped_as(container: str, parts: dict[str, bytes]) -> bytes:
    return asic_builder.zipped(parts) if container == "asic" else zipped(parts)
