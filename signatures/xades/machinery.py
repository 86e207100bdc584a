"""What a signature is made of: which element may stand where, with which attributes and text (the schemas of XML-DSig, XAdES and RFC 6283).

An enveloped signature leaves itself out, and unsigned properties are signed by nobody. So whatever somebody puts there must be told from
what belongs there: by a closed list of names, each in its own place. Text belongs there where it is no words (base64, numbers, times,
addresses), or where it says what a certificate says that came along.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from signatures.ber import Malformed, element
from signatures.certificates import Certificate
from signatures.xades.naming import Names
from signatures.xades.properties import FAMILY
from signatures.xades.sealing import SPACE
from signatures.xmldsig.attributes import attributes, in_scope
from signatures.xmldsig.c14n import Work
from signatures.xmldsig.document import ID_ATTRIBUTES
from signatures.xmldsig.key_info import WSSE, bare
from signatures.xmldsig.names import DS, DSIG11, MORE
from signatures.xmldsig.references import EXCLUSIVE

__all__ = ["Machinery", "Shape"]

_PREFIXES = {
    DS: "ds",
    DSIG11: "dsig11",
    MORE: "more",
    EXCLUSIVE: "ec",
    SPACE: "seal",
    "urn:ietf:params:xml:ns:ers": "er",
    WSSE[1:-1]: "w",
    **dict.fromkeys(FAMILY, "x"),
}
"""Namespaces of what signatures are made of. Those of XAdES are one: later ones took over what the earlier had."""

_TOKEN = re.compile(r"[^\s]{0,2000}")
_NUMBER = re.compile(r"\s*-?[0-9A-Fa-f:]{1,120}\s*")
"""A number; some programs write the serial number of a certificate in hexadecimal."""
_TIME = re.compile(r"\s*[0-9T:.+Z-]{1,40}\s*")
_ADDRESS = re.compile(r"\s*[^\s]{0,2000}\s*")
_DESCRIPTION = re.compile(r"\s*[^\n]{0,200}\s*")
"""What the specification of a signature policy is called, in words: they stand beside its identifier, and no reader shows them."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")

LINE = 16
"""Characters that a line of base64 has at least, where there are several: words have fewer."""


def _is_base64(text: str) -> bool:
    """Lines of one length, the last one aside: words would be base64, too."""
    lines = text.split()
    even = len({len(each) for each in lines[:-1]}) <= 1 and all(LINE <= len(lines[0]) >= len(each) for each in lines[1:])
    return even and _BASE64.fullmatch("".join(lines)) is not None


def _is_der(text: str) -> bool:
    """Base64 of one ASN.1 SEQUENCE (in DER or BER), which certificates, lists, answers and tokens are."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    try:
        return data[:1] == b"\x30" and element(data).end == len(data)
    except Malformed:
        return False


def _matching(pattern: re.Pattern[str]) -> Callable[[str, Names], bool]:
    return lambda text, _: pattern.fullmatch(text) is not None


_Text = Callable[[str, Names], bool]
BASE64: _Text = lambda text, _: _is_base64(text)  # noqa: E731
DER: _Text = lambda text, _: _is_der(text)  # noqa: E731
CERTIFICATE: _Text = lambda text, _: _is_der(bare(text))  # noqa: E731
NUMBER, TIME, ADDRESS, DESCRIPTION = map(_matching, (_NUMBER, _TIME, _ADDRESS, _DESCRIPTION))
NAME: _Text = lambda text, names: names.say(text)  # noqa: E731
REFERRED: _Text = lambda text, names: names.refer(text)  # noqa: E731
"""A name in a reference: what it refers to need not be here (XAdES-C)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an element may hold, besides ids: elements, attributes, and text. ``text`` None: none at all."""

    children: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    text: _Text | None = None


def _of(children: str = "", attributes: str = "", text: _Text | None = None) -> Shape:
    return Shape(frozenset(children.split()), frozenset(attributes.split()), text)


_STAMP = _of("x:HashDataInfo x:Include x:ReferenceInfo ds:CanonicalizationMethod x:EncapsulatedTimeStamp x:XMLTimeStamp")
_STAMPS = "x:SignatureTimeStamp x:SigAndRefsTimeStamp x:SigAndRefsTimeStampV2 x:RefsOnlyTimeStamp x:RefsOnlyTimeStampV2 x:ArchiveTimeStamp"
_CERTIFICATES = _of("x:EncapsulatedX509Certificate x:OtherCertificate")
_REVOCATIONS = _of("x:CRLValues x:OCSPValues x:OtherValues x:EncapsulatedCRLValue x:EncapsulatedOCSPValue")  # the last two: 1.1.1
_VALIDATION = _of("x:CertificateValues x:RevocationValues", "URI")
_ENCAPSULATED = _of("", "Encoding", DER)
_DIGEST = _of("ds:DigestMethod ds:DigestValue x:DigestMethod x:DigestValue")
_CERTIFICATE_REFS = _of("x:CertRefs x:Cert")
_REVOCATION_REFS = _of("x:CRLRefs x:OCSPRefs x:OtherRefs")
_ALGORITHM = _of("ec:InclusiveNamespaces", "Algorithm")
_VALUE = _of(text=BASE64)
_ADDRESSED = _of(text=ADDRESS)

_SHAPES: dict[str, Shape] = {
    # XML-DSig 4
    "ds:Signature": _of("ds:SignedInfo ds:SignatureValue ds:KeyInfo ds:Object"),
    "ds:SignatureValue": _VALUE,
    "ds:Object": _of("x:QualifyingProperties x:QualifyingPropertiesReference ds:SignatureProperties", "MimeType Encoding"),
    "ds:SignatureProperties": _of(),
    "ds:KeyInfo": _of(
        "ds:KeyName ds:KeyValue ds:RetrievalMethod ds:X509Data ds:PGPData ds:SPKIData dsig11:DEREncodedKeyValue dsig11:KeyInfoReference "
        "w:SecurityTokenReference"
    ),
    "ds:KeyName": _of(text=NAME),
    "ds:KeyValue": _of("ds:RSAKeyValue ds:DSAKeyValue dsig11:ECKeyValue more:ECDSAKeyValue"),
    "ds:RSAKeyValue": _of("ds:Modulus ds:Exponent"),
    "ds:DSAKeyValue": _of("ds:P ds:Q ds:G ds:Y ds:J ds:Seed ds:PgenCounter"),
    **{f"ds:{each}": _VALUE for each in ("Modulus", "Exponent", "P", "Q", "G", "Y", "J", "Seed", "PgenCounter")},
    "dsig11:ECKeyValue": _of("dsig11:NamedCurve dsig11:PublicKey"),
    "dsig11:NamedCurve": _of("", "URI"),
    "dsig11:PublicKey": _VALUE,
    "more:ECDSAKeyValue": _of("more:DomainParameters more:PublicKey"),
    "more:DomainParameters": _of("more:NamedCurve"),
    "more:NamedCurve": _of("", "URN"),
    "more:PublicKey": _of("more:X more:Y"),
    "more:X": _of("", "Value"),
    "more:Y": _of("", "Value"),
    "dsig11:DEREncodedKeyValue": _of(text=DER),
    "dsig11:KeyInfoReference": _of("", "URI"),
    "ds:RetrievalMethod": _of("ds:Transforms", "URI Type"),
    "w:SecurityTokenReference": _of("w:Reference"),
    "w:Reference": _of("", "URI ValueType"),
    "ds:Transforms": _of("ds:Transform"),
    "ds:Transform": _ALGORITHM,
    "ds:CanonicalizationMethod": _ALGORITHM,
    "ec:InclusiveNamespaces": _of("", "PrefixList"),
    "ds:X509Data": _of(
        "ds:X509IssuerSerial ds:X509SKI ds:X509SubjectName ds:X509Certificate ds:X509CRL dsig11:X509Digest dsig11:OCSPResponse"
    ),
    "ds:X509IssuerSerial": _of("ds:X509IssuerName ds:X509SerialNumber"),
    "ds:X509IssuerName": _of(text=REFERRED),
    "ds:X509SerialNumber": _of(text=NUMBER),
    "ds:X509SKI": _VALUE,
    "ds:X509SubjectName": _of(text=NAME),
    "ds:X509Certificate": _of(text=CERTIFICATE),
    "ds:X509CRL": _of(text=DER),
    "dsig11:X509Digest": _of("", "Algorithm", BASE64),
    "dsig11:OCSPResponse": _of(text=DER),
    "ds:PGPData": _of("ds:PGPKeyID ds:PGPKeyPacket"),
    "ds:PGPKeyID": _VALUE,
    "ds:PGPKeyPacket": _VALUE,
    "ds:SPKIData": _of("ds:SPKISexp"),
    "ds:SPKISexp": _VALUE,
    "ds:DigestMethod": _of("", "Algorithm"),
    "ds:DigestValue": _VALUE,
    "x:DigestMethod": _of("", "Algorithm"),
    "x:DigestValue": _VALUE,
    # EN 319 132-1, 4.3 and 4.4
    "x:QualifyingProperties": _of("x:SignedProperties x:UnsignedProperties", "Target"),
    "x:QualifyingPropertiesReference": _of("ds:Transforms", "URI"),
    "x:UnsignedProperties": _of("x:UnsignedSignatureProperties x:UnsignedDataObjectProperties", "Target"),
    "x:UnsignedDataObjectProperties": _of(),
    "x:UnsignedSignatureProperties": _of(
        "x:CounterSignature x:CompleteCertificateRefs x:CompleteCertificateRefsV2 x:CompleteRevocationRefs x:AttributeCertificateRefs "
        "x:AttributeCertificateRefsV2 x:AttributeRevocationRefs x:CertificateValues x:RevocationValues x:AttrAuthoritiesCertValues "
        "x:AttributeRevocationValues x:TimeStampValidationData x:AnyValidationData x:SignaturePolicyStore x:RenewedDigests "
        f"x:RenewedDigestsV2 seal:SealingEvidenceRecords {_STAMPS}"
    ),
    "x:CounterSignature": _of("ds:Signature"),
    # 5.3 to 5.5: time-stamps
    **dict.fromkeys(_STAMPS.split(), _STAMP),
    "x:HashDataInfo": _of("ds:Transforms x:Transforms", "uri URI"),
    "x:Transforms": _of("ds:Transform"),
    "x:Include": _of("", "URI referencedData"),
    "x:ReferenceInfo": _of("ds:DigestMethod ds:DigestValue", "URI"),
    "x:EncapsulatedTimeStamp": _ENCAPSULATED,
    "x:XMLTimeStamp": _of(),
    # 5.4: validation data
    "x:CertificateValues": _CERTIFICATES,
    "x:AttrAuthoritiesCertValues": _CERTIFICATES,
    "x:EncapsulatedX509Certificate": _ENCAPSULATED,
    "x:OtherCertificate": _of(),
    "x:RevocationValues": _REVOCATIONS,
    "x:AttributeRevocationValues": _REVOCATIONS,
    "x:CRLValues": _of("x:EncapsulatedCRLValue"),
    "x:OCSPValues": _of("x:EncapsulatedOCSPValue"),
    "x:OtherValues": _of(),
    "x:EncapsulatedCRLValue": _ENCAPSULATED,
    "x:EncapsulatedOCSPValue": _ENCAPSULATED,
    "x:TimeStampValidationData": _VALIDATION,
    "x:AnyValidationData": _VALIDATION,
    # Annex A: references to validation data
    "x:CompleteCertificateRefs": _CERTIFICATE_REFS,
    "x:CompleteCertificateRefsV2": _CERTIFICATE_REFS,
    "x:AttributeCertificateRefs": _CERTIFICATE_REFS,
    "x:AttributeCertificateRefsV2": _CERTIFICATE_REFS,
    "x:CertRefs": _of("x:Cert"),
    "x:Cert": _of("x:CertDigest x:IssuerSerial x:IssuerSerialV2", "URI"),
    "x:CertDigest": _DIGEST,
    "x:IssuerSerial": _of("ds:X509IssuerName ds:X509SerialNumber", text=NUMBER),
    "x:IssuerSerialV2": _of(text=DER),
    "x:CompleteRevocationRefs": _REVOCATION_REFS,
    "x:AttributeRevocationRefs": _REVOCATION_REFS,
    "x:CRLRefs": _of("x:CRLRef"),
    "x:CRLRef": _of("x:DigestAlgAndValue x:CRLIdentifier"),
    "x:DigestAlgAndValue": _DIGEST,
    "x:CRLIdentifier": _of("x:Issuer x:IssueTime x:Number", "URI"),
    "x:Issuer": _of(text=REFERRED),
    "x:IssueTime": _of(text=TIME),
    "x:Number": _of(text=NUMBER),
    "x:OCSPRefs": _of("x:OCSPRef"),
    "x:OCSPRef": _of("x:OCSPIdentifier x:DigestAlgAndValue"),
    "x:OCSPIdentifier": _of("x:ResponderID x:ProducedAt", "URI"),
    "x:ResponderID": _of("x:ByName x:ByKey", text=REFERRED),
    "x:ByName": _of(text=REFERRED),
    "x:ByKey": _VALUE,
    "x:ProducedAt": _of(text=TIME),
    "x:OtherRefs": _of(),
    # 5.2.10 and 5.5.3: the policy that was signed, renewed digests
    "x:SignaturePolicyStore": _of("x:SPDocSpecification x:SignaturePolicyDocument x:SigPolDocLocalURI"),
    "x:SPDocSpecification": _of("x:Identifier x:Description x:DocumentationReferences"),
    "x:Description": _of(text=DESCRIPTION),
    "x:Identifier": _of("", "Qualifier", ADDRESS),
    "x:DocumentationReferences": _of("x:DocumentationReference"),
    "x:DocumentationReference": _ADDRESSED,
    "x:SignaturePolicyDocument": _VALUE,
    "x:SigPolDocLocalURI": _ADDRESSED,
    "x:RenewedDigests": _of("ds:DigestMethod x:RecomputedDigestValue"),
    "x:RenewedDigestsV2": _of("ds:DigestMethod x:RecomputedDigestValue"),
    "x:RecomputedDigestValue": _of("", "Order", BASE64),
    # TS 119 132-3; RFC 6283
    "seal:SealingEvidenceRecords": _of("seal:ASN1EvidenceRecord er:EvidenceRecord"),
    "seal:ASN1EvidenceRecord": _of(text=DER),
    "er:EvidenceRecord": _of("er:ArchiveTimeStampSequence", "Version"),
    "er:ArchiveTimeStampSequence": _of("er:ArchiveTimeStampChain"),
    "er:ArchiveTimeStampChain": _of("er:DigestMethod er:CanonicalizationMethod er:ArchiveTimeStamp", "Order"),
    "er:DigestMethod": _of("", "Algorithm"),
    "er:CanonicalizationMethod": _ALGORITHM,
    "er:ArchiveTimeStamp": _of("er:HashTree er:TimeStamp", "Order"),
    "er:HashTree": _of("er:Sequence"),
    "er:Sequence": _of("er:DigestValue", "Order"),
    "er:DigestValue": _VALUE,
    "er:TimeStamp": _of("er:TimeStampToken er:CryptographicInformationList"),
    "er:TimeStampToken": _of("", "Type", DER),
    "er:CryptographicInformationList": _of("er:CryptographicInformation"),
    "er:CryptographicInformation": _of("", "Order Type", DER),
}
"""What nobody signs and belongs to a signature all the same. Signed properties, signature properties and manifests belong there only where
they are signed; what schemas leave open (other certificates, unsigned properties of the data) is somebody's content."""

_SIGNED = {
    "ds:SignedInfo": "ds:Signature",
    "ds:Manifest": "ds:Object",
    "ds:SignatureProperties": "ds:Object",
    "ds:SignatureProperty": "ds:SignatureProperties",
    "x:SignedProperties": "x:QualifyingProperties",
}
"""What belongs to a signature only where it is signed → where it stands then."""


def _kind(element: Any) -> str:
    """The name of an element in the words of this module; "" for what is in none of its namespaces."""
    uri, _, name = element.tag[1:].partition("}") if element.tag[:1] == "{" else ("", "", "")
    prefix = _PREFIXES.get(uri, "")
    kind = f"{prefix}:{name}" if prefix else ""
    older = f"x:{name}"  # XAdES before it had a namespace of its own (DigiDoc before 1.3)
    return (
        older
        if prefix == "ds" and kind not in _SHAPES and kind not in _SIGNED and (older in _SHAPES or older in _SIGNED)
        else kind
    )


class Machinery:
    """What belongs into signatures next to which those of ``certificates`` lie. ``policy``: the signer signed which policy was followed,
    and its store may say in words by which specification it is written."""

    def __init__(self, certificates: Sequence[Certificate], work: Work, *, policy: bool = False) -> None:
        self._names, self._work, self._policy = Names(certificates, work), work, policy

    @staticmethod
    def belongs(element: Any) -> bool:
        """Whether an element that nobody signed is part of a signature, where it stands."""
        kind, holder = _kind(element), _SHAPES.get(_kind(element.getparent())) if element.getparent() is not None else None
        return kind in _SHAPES and holder is not None and kind in holder.children

    @staticmethod
    def is_placed(element: Any) -> bool:
        """Whether an element that is signed stands where such a one does: of a signature's own parts each in its place, content in an
        object."""
        kind, holder = _kind(element), _kind(element.getparent())
        if kind in _SIGNED:
            return holder == _SIGNED[kind]
        return kind in _SHAPES[holder].children or (holder == "ds:Object" and kind not in _SHAPES) if holder in _SHAPES else False

    @staticmethod
    def only_signed(element: Any) -> bool:
        """Whether it is a part of signatures only where it is signed."""
        return _kind(element) in _SIGNED

    def strange(self, element: Any, text: str) -> Iterator[str]:
        """What an element of a signature has that does not belong to it: "text", "attributes". Raises `Refused`."""
        kind = _kind(element)
        shape = _SHAPES[kind]
        formal = shape.text is not None and (self._policy or kind != "x:Description")
        if text.strip() and not (formal and shape.text is not None and shape.text(text, self._names)):
            yield "text"
        if any(not self._is_formal(element, shape, name, value) for name, value in attributes(element, self._work.visit)):
            yield "attributes"

    def _is_formal(self, element: Any, shape: Shape, name: str, value: str) -> bool:
        if name == "PrefixList" and name in shape.attributes:
            return {*value.split()} <= {*filter(None, in_scope(element, self._work.visit)), "#default"}
        return (name in shape.attributes or name in ID_ATTRIBUTES) and _TOKEN.fullmatch(value) is not None
