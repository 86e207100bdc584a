"""What stands among the credentials of a TR-ESOR package (BSI TR-03125-F, 3.1.6): evidence records, signatures, time-stamps, what helps to
validate them, and what cannot be read as any of these. That is told, never passed over: a name that nobody knows may hide a broken record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from formats.xml import NotWellFormed
from policies.phrases import phrase
from signatures.ber import Beyond, Malformed
from signatures.evidence.xmlers import NAMESPACE as ERS
from signatures.report import Role
from signatures.xaip_content import REFERENCE, decoded, has_text, is_ours, local_name
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import ds

__all__ = ["Credential", "Handed", "Unread", "credentials_in", "wrapped_record"]

_DSS = "{urn:oasis:names:tc:dss:1.0:core:schema}"
_SIGNATURE, _TOKEN = _DSS + "Base64Signature", _DSS + "RFC3161TimeStampToken"
_RECORD = f"{{{ERS}}}EvidenceRecord"

_READ = {
    "evidenceRecord",
    "asn1EvidenceRecord",
    "xmlEvidenceRecord",
    "EvidenceRecord",
    "Base64Signature",
    "RFC3161TimeStampToken",
}
"""Elements that are evidence, in whatever namespace they stand."""

_HELPFUL = {"certificateValues", "revocationValues", "CertificateValues", "RevocationValues", "VerificationReport"}
"""What a signature is validated with, or what another said of it."""


@dataclass(frozen=True)
class Handed:
    """An evidence record as it was handed over: for which package and version it says it was made ("" where it does not)."""

    encoded: bytes
    name: str = ""
    aoid: str = ""
    version: str = ""


@dataclass(frozen=True)
class Credential:
    """A signature in CMS, or a time-stamp token, and the ids of what it is related to."""

    role: Role
    encoded: bytes
    name: str = ""
    related: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unread:
    """What cannot be read: it is broken, or (where ``why`` is `Beyond`) nothing is known of it."""

    role: Role
    why: Malformed
    name: str = ""


def wrapped_record(element: Any, name: str = "") -> Handed | None:
    """The record in an evidenceRecord element of TR-ESOR; None when it is another element. Raises NotWellFormed: it holds none, or
    something besides."""
    if not is_ours(element, "evidenceRecord"):
        return None
    record = _only(element)
    if is_ours(record, "asn1EvidenceRecord"):
        encoded = decoded(record)
    else:
        inner = _only(record) if is_ours(record, "xmlEvidenceRecord") else record
        if inner.tag != _RECORD:
            raise NotWellFormed(phrase("xai-no-record", name=local_name(inner)), element.sourceline or 0)
        encoded = bytes(etree.tostring(inner, with_tail=False))
    return Handed(encoded, name, element.get("AOID", ""), element.get("VersionID", ""))


def _only(element: Any) -> Any:
    inside = list(element.iterchildren("*"))
    if len(inside) != 1:
        raise NotWellFormed(phrase("xai-not-one", name=local_name(element), count=len(inside)), element.sourceline or 0)
    return inside[0]


def credentials_in(root: Any) -> Iterator[Handed | Credential | Unread]:
    """What stands in the sections of credentials, in order; signatures in XML aside. Then what is called as evidence is and stands
    elsewhere."""
    met: set[Any] = set()
    for section in root.iterchildren("*"):
        if is_ours(section, "credentialsSection"):
            for credential in section.iterchildren("*"):
                yield from _inside(credential, credential, met)
    for element in root.iter(*("{*}" + each for each in sorted(_READ))):
        if element not in met and not any(each in met or each.tag == ds("Signature") for each in element.iterancestors()):
            met.add(element)
            yield _unknown(element, "")


def _inside(element: Any, credential: Any, met: set[Any]) -> Iterator[Handed | Credential | Unread]:
    """What an element of a credential is, or else what the elements in it are."""
    inside = list(element.iterchildren("*"))
    name = credential.get("credentialID", "")
    if element.tag == ds("Signature") or element.tag == REFERENCE or local_name(element) in _HELPFUL:
        return
    try:
        if is_ours(element, "evidenceRecord"):
            met.add(element)
            if (record := wrapped_record(element, name)) is not None:
                yield record
        elif element.tag in (_SIGNATURE, _TOKEN):
            met.add(element)
            role = Role.TIMESTAMP if element.tag == _TOKEN else Role.SIGNATURE
            yield Credential(role, decoded(element), name, tuple(credential.get("relatedObjects", "").split()))
        elif _holds(element, credential) and inside and not has_text(element):
            for each in inside:
                yield from _inside(each, credential, met)
        elif inside or text_of(element).strip() or element is not credential:
            met.add(element)
            yield _unknown(element, name)
    except NotWellFormed as error:
        yield Unread(_role(element), Malformed(error.reason), name)


def _holds(element: Any, credential: Any) -> bool:
    """Whether it is an element that only holds others."""
    return element is credential or element.tag in (_DSS + "SignatureObject", _DSS + "Timestamp") or is_ours(element, "other")


def _unknown(element: Any, name: str) -> Unread:
    return Unread(_role(element), Beyond(phrase("xai-unread", name=local_name(element)[:100])), name)


def _role(element: Any) -> Role:
    return Role.EVIDENCE if "evidencerecord" in local_name(element).lower() else Role.SIGNATURE
