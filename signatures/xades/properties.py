"""The qualifying properties of an XAdES signature (EN 319 132-1; ETSI TS 101 903 back to 1.1.1): what the signer signed along, and what
was added since. Only properties that the signature really covers count as signed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from policies.phrases import phrase
from signatures.certificates import Certificate
from signatures.cms import basic_to_response
from signatures.xmldsig.c14n import Nodes, Refused
from signatures.xmldsig.document import Document, text_of
from signatures.xmldsig.names import digest_named, ds
from signatures.xmldsig.references import Reference, State, pointed
from signatures.xmldsig.signature import Failure, decoded

__all__ = ["XADES141", "Properties", "digests_in", "has_policy", "local", "properties_of", "property_time", "values_in"]

XADES = (
    "http://uri.etsi.org/01903/v1.3.2#",
    "http://uri.etsi.org/01903/v1.2.2#",
    "http://uri.etsi.org/01903/v1.1.1#",
)
XADES141 = "http://uri.etsi.org/01903/v1.4.1#"
FAMILY = frozenset((*XADES, XADES141))

SIGNED_PROPERTIES = frozenset({"http://uri.etsi.org/01903#SignedProperties", *(f"{each}SignedProperties" for each in XADES)})

MOST_VALUES = 2000
"""Certificates, lists and answers of one signature that are taken; real ones have a few dozen."""


MOST_PROPERTIES = 1000
"""Unsigned properties of one signature; decades of renewals leave a hundred."""


def local(element: Any) -> str:
    """The name of an element of XAdES, in whichever of its namespaces; "" for any other node."""
    if not isinstance(element.tag, str):
        return ""
    uri, _, name = element.tag[1:].partition("}") if element.tag[0] == "{" else ("", "", "")
    return name if uri in FAMILY else ""


@dataclass(frozen=True)
class Properties:
    """``signed`` are the SignedProperties that the signature covers, None when it covers none; ``unsigned`` the children of
    UnsignedSignatureProperties in their order."""

    namespace: str
    signed: Any
    unsigned: tuple[Any, ...] = ()

    def _signed(self, *names: str) -> Any:
        node = self.signed
        for name in names:
            node = next((each for each in node.iterchildren() if local(each) == name), None) if node is not None else None
        return node

    def signed_named(self, name: str) -> Iterator[Any]:
        """Signed properties of that name, of the signature or of the signed objects."""
        for group in ("SignedSignatureProperties", "SignedDataObjectProperties"):
            found = self._signed(group)
            if found is not None:
                yield from (each for each in found.iterchildren() if local(each) == name)

    def unsigned_named(self, *names: str) -> list[Any]:
        return [each for each in self.unsigned if local(each) in names]

    @property
    def claimed(self) -> datetime | None:
        element = self._signed("SignedSignatureProperties", "SigningTime")
        return None if element is None else _time(text_of(element))

    @property
    def place(self) -> str:
        """SignatureProductionPlace, or its second version, as one line."""
        for name in ("SignatureProductionPlaceV2", "SignatureProductionPlace"):
            element = self._signed("SignedSignatureProperties", name)
            if element is not None:
                texts = (text_of(each).strip() for each in element.iterchildren() if local(each))
                return ", ".join(each for each in texts if each)[:200]
        return ""

    @property
    def has_policy(self) -> bool:
        return self.signed is not None and has_policy(self.signed)

    @property
    def names_certificate(self) -> bool:
        return any(True for name in _REFERENCES for _ in self.signed_named(name))

    def names(self, certificate: Certificate) -> frozenset[str]:
        """The hashes in which SigningCertificate, or its second version, has the digest of ``certificate``; none: it is another one."""
        same = {name for name, values in self._digests.items() if hashlib.new(name, certificate.der).digest() in values}
        return frozenset(same)

    @cached_property
    def _digests(self) -> dict[str, set[bytes]]:
        """Hash → digests of certificates in SigningCertificate, read once: there may be thousands of certificates, and of digests."""
        found: dict[str, set[bytes]] = {}
        listed = (element for name in _REFERENCES for element in self.signed_named(name))
        for cert in (each for element in listed for each in element.iterchildren() if local(each) == "Cert"):
            digest = next((each for each in cert.iterchildren() if local(each) == "CertDigest"), None)
            with suppress(ValueError, Failure):
                if digest is not None:
                    name, value = _digest(digest)
                    found.setdefault(name, set()).add(value)
        return found


def has_policy(signed: Any) -> bool:
    """Whether SignedProperties name a signature policy (5.2.9)."""
    steps = ("SignedSignatureProperties", "SignaturePolicyIdentifier", "SignaturePolicyId")
    found = [signed] if local(signed) == "SignedProperties" else []
    for name in steps:
        found = [each for one in found for each in one.iterchildren() if local(each) == name]
    return bool(found)


_MIDNIGHT = re.compile(r"T24:00:00(?:[.,]0{1,20})?(?=Z|[+-]|\Z)")
"""The end of a day, which is the begin of the next (XML Schema 2, 3.2.7.1)."""


def _time(text: str) -> datetime | None:
    """A time as a signer wrote it: in UTC, or without a zone where none was written: nobody knows which was meant."""
    text = text.strip()
    begin = _MIDNIGHT.sub("T00:00:00", text)
    try:
        found = datetime.fromisoformat(begin) + timedelta(days=begin != text)
        return None if found.year < 1900 else found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


PROPERTY_TIMES = (
    "{http://schemas.openxmlformats.org/package/2006/digital-signature}Value",
    "{http://purl.org/dc/elements/1.1/}date",
    ds("SigningTime"),
    "SigningTime",
)
"""Where programs say when they signed, in a ds:SignatureProperty: of office documents (ECMA-376-2, 12.2.4.21; ODF 1.3 part 2, 5.2), and
of Vietnamese invoices (Decision 1450/QĐ-TCT), which often have these elements in no namespace."""


def property_time(document: Document, element: Any, references: tuple[Reference, ...]) -> datetime | None:
    """The time in signature properties of the ds:Signature ``element`` that it signs. Raises `Refused`."""
    covered = _covered(references)
    for group in document.taken(element.iter(ds("SignatureProperty"), "SignatureProperty")):
        document.work.visit(2)
        own = next(group.iterancestors(ds("Signature")), None) is element
        if own and _is_covered(group, covered) and not _is_of_another(document, group, element):
            times = document.taken(group.iter(*PROPERTY_TIMES))
            found = next((time for one in times if (time := _time(text_of(one)))), None)
            if found is not None:
                return found
    return None


def _covered(references: Sequence[Reference]) -> dict[Any, None]:
    """The elements that sound references cover as a whole."""
    good = (each.nodes for each in references if each.state is State.GOOD)
    return {nodes.top: None for nodes in good if nodes is not None and not nodes.filters}


def _is_of_another(document: Document, group: Any, signature: Any) -> bool:
    """Whether a ds:SignatureProperty is about another signature of the document (XML-DSig 5.2: Target); many programs name none there."""
    name = pointed(group.get("Target"))
    target = document.by_id(name) if name else None
    return target is not None and target is not signature and target.tag == ds("Signature")


_REFERENCES = ("SigningCertificateV2", "SigningCertificate")


def properties_of(document: Document, element: Any, references: tuple[Reference, ...]) -> Properties:
    """The properties of the ds:Signature ``element``, wherever they stand (EN 319 132-1, 4.3). Those in another signature, or that no sound
    reference covers, are not its own.

    Raises `Refused`: there are too many, or what is signed as its properties cannot be told to be that."""
    good = [each for each in references if each.state is State.GOOD]
    covered = _covered(references)
    alone = (top for top in covered if local(top) == "SignedProperties" and _is_own(top, element))
    every, unsigned, namespace = dict.fromkeys(alone), [], ""
    for qualifying in _qualifying(document, element, covered):
        if not _is_meant(document, qualifying, element):
            raise Refused(phrase("xad-target", target=qualifying.get("Target", "")[:80]))
        namespace = namespace or qualifying.tag[1:].partition("}")[0]
        for child in qualifying.iterchildren():
            if local(child) == "SignedProperties" and _is_covered(child, covered):
                every[child] = None
            elif local(child) == "UnsignedProperties":
                groups = (each for each in child.iterchildren() if local(each) == "UnsignedSignatureProperties")
                unsigned += [each for group in groups for each in group.iterchildren() if isinstance(each.tag, str)]
    if len(unsigned) > MOST_PROPERTIES:
        raise Refused(phrase("xad-properties", count=len(unsigned), most=MOST_PROPERTIES))
    signed = next(iter(every), None)
    called = [each.nodes for each in good if each.type in SIGNED_PROPERTIES]
    if len(every) > 1 or not all(_is_only(nodes, signed) for nodes in called):
        raise Refused(phrase("xad-properties-elsewhere"))
    return Properties(namespace, signed, tuple(unsigned))


def _is_meant(document: Document, qualifying: Any, signature: Any) -> bool:
    """Whether properties say that they are those of ``signature`` (4.3.1). Before XAdES 1.2.2 they need not. Raises `Refused`: the id is
    there twice."""
    target: str | None = qualifying.get("Target")
    if target is None:
        return f"{qualifying.tag}" == f"{{{XADES[-1]}}}QualifyingProperties"
    name = pointed(target)
    return name is not None and document.by_id(name) is signature


def _is_own(element: Any, signature: Any) -> bool:
    """Whether it stands in that signature, or in none."""
    return next(element.iterancestors(ds("Signature")), signature) is signature


def _is_only(nodes: Nodes | None, signed: Any) -> bool:
    """Whether what is signed as properties is ``signed``. DigiDoc before 1.3 has them in the name space of XML-DSig: those
    are not read."""
    if nodes is None or nodes.filters:
        return False
    return nodes.top.tag == ds("SignedProperties") or (signed is not None and _is_covered(signed, (nodes.top,)))


def _qualifying(document: Document, element: Any, covered: Collection[Any]) -> Iterator[Any]:
    """The QualifyingProperties of a signature: in its objects, where those refer to, and where it signs them outside every signature."""
    found: dict[Any, None] = {}
    for each in (one for holder in element.iterchildren(ds("Object")) for one in holder.iterchildren()):
        if local(each) == "QualifyingProperties":
            found[each] = None
        elif local(each) == "QualifyingPropertiesReference":
            found[_referred(document, each, element)] = None
    for each in covered:
        around = each.getparent() if local(each) == "SignedProperties" else each
        if around is not None and local(around) == "QualifyingProperties" and _is_own(around, element):
            found[around] = None
    yield from found


def _referred(document: Document, reference: Any, signature: Any) -> Any:
    """The properties that a QualifyingPropertiesReference points at. Raises `Refused`: they are in another file or signature, or none."""
    name = pointed(reference.get("URI"))
    found = document.by_id(name) if name else None
    if found is None or local(found) != "QualifyingProperties":
        raise Refused(phrase("xad-properties-elsewhere"))
    if not _is_own(found, signature):
        raise Refused(phrase("xad-properties-elsewhere"))
    return found


def _is_covered(element: Any, covered: Collection[Any]) -> bool:
    return element in covered or any(each in covered for each in element.iterancestors())


def values_in(element: Any) -> Iterator[tuple[str, bytes]]:
    """("certificate" | "crl" | "ocsp", DER) of the validation data below ``element``, as it stands there."""
    count = 0
    for each in element.iter():
        kind = _VALUES.get(local(each))
        if kind is None:
            continue
        count += 1
        if count > MOST_VALUES:
            return
        try:
            der = decoded(text_of(each), kind)
        except Failure:
            continue
        yield kind, basic_to_response(der) if kind == "ocsp" and _is_basic(der) else der


def digests_in(element: Any) -> Iterator[tuple[str, bytes]]:
    """(hash name, digest) of every reference to validation data below ``element`` (CompleteCertificateRefs and their like)."""
    for each in islice((one for one in element.iter() if local(one) in ("CertDigest", "DigestAlgAndValue")), MOST_VALUES):
        try:
            yield _digest(each)
        except (ValueError, Failure):
            continue


def _digest(element: Any) -> tuple[str, bytes]:
    """Raises ValueError, `Failure`: it is none that is understood."""
    method, value = (_of_digest(element, name) for name in ("DigestMethod", "DigestValue"))
    name = digest_named("" if method is None else method.get("Algorithm", ""))
    return name, decoded(text_of(value), "a digest")


def _of_digest(element: Any, name: str) -> Any:
    """A child in the namespace of XML-DSig; before XAdES 1.3.2 it was in that of XAdES."""
    found = element.find(ds(name))
    return found if found is not None else next((each for each in element.iterchildren() if local(each) == name), None)


_VALUES = {"EncapsulatedX509Certificate": "certificate", "EncapsulatedCRLValue": "crl", "EncapsulatedOCSPValue": "ocsp"}


def _is_basic(der: bytes) -> bool:
    """Whether it is a BasicOCSPResponse (a SEQUENCE first) and not a whole OCSPResponse (an ENUMERATED first)."""
    at = 2 + (der[1] & 0x7F if len(der) > 2 and der[1] & 0x80 else 0)
    return der[at : at + 1] == b"\x30"
