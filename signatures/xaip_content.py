"""What a protected object of a TR-ESOR package holds, told by the names of its elements and by their place in the schema
(BSI TR-03125-F, 3.1.3 to 3.1.6).

What a record covers is one kind of content. Where a second one stood beside the first, or inside what only looks like it, a reader could
show what no record has ever covered.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from formats.xml import NotWellFormed
from policies.phrases import phrase
from signatures.algorithms import HASH_OIDS
from signatures.evidence.objects import ObjectDigests
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import DIGESTS, ds

__all__ = [
    "DIGEST_METHOD",
    "DIGEST_VALUE",
    "NAMESPACE",
    "CheckSum",
    "Content",
    "check_sum",
    "content_of",
    "decoded",
    "has_text",
    "id_attribute",
    "in_place",
    "is_ours",
    "is_section",
    "local_name",
    "only_child",
]

NAMESPACE = "http://www.bsi.bund.de/tr-esor/xaip"
"""Of version 1.3; older ones have their number behind it."""

_SPACE = re.compile(re.escape(NAMESPACE) + r"(/[0-9.]+)?\Z")

_DSS = "{urn:oasis:names:tc:dss:1.0:core:schema}"
_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
REFERENCE = "{http://uri.etsi.org/02918/v1.2.1#}DataObjectReference"
"""What stands in the place of content that lies beside (LXAIP); its digest is written as in XML-DSig."""

DIGEST_METHOD, DIGEST_VALUE = ds("DigestMethod"), ds("DigestValue")

_ENCODED = {
    _DSS + "Base64Signature",
    _DSS + "RFC3161TimeStampToken",
    _XADES + "EncapsulatedX509Certificate",
    _XADES + "EncapsulatedCRLValue",
    _XADES + "EncapsulatedOCSPValue",
    _XADES + "EncapsulatedTimeStamp",
}
"""Elements of others whose decoded content is the object, where a credential leads to them and to nothing else."""

_PLACES = {
    "dataObjectID": ("dataObject", "dataObjectsSection"),
    "metaDataID": ("metaDataObject", "metaDataSection"),
    "credentialID": ("credential", "credentialsSection"),
    "VersionID": ("versionManifest", "packageHeader"),
}
"""Which element has which id, and in which section of the package it stands."""

_HOLDERS = {"dataObject": ("binaryData", "xmlData"), "metaDataObject": ("binaryMetaData", "xmlMetaData")}
"""Of each object the element of its binary content, and that of its XML content: it has one of them."""

_BESIDE = ("checkSum", "dataObjectCheckSum", "transformInfo")
"""What may stand beside the content of an object."""


@dataclass(frozen=True)
class Content:
    """What an object holds: one of the three, or none of them: then it is hashed as the element that it is."""

    binary: Any = None
    xml: Any = None
    reference: Any = None


def _space_of(element: Any) -> str:
    """The namespace of an element."""
    return str(element.tag).rpartition("}")[0].removeprefix("{") if isinstance(element.tag, str) else ""


def is_ours(element: Any, name: str) -> bool:
    """Whether it is the element ``name`` of TR-ESOR, in any of its versions."""
    return bool(_SPACE.match(_space_of(element))) and element.tag == f"{{{_space_of(element)}}}{name}"


def in_place(element: Any, attribute: str) -> bool:
    """Whether an element stands where the schema has what ``attribute`` names. Parts of others have an Id wherever they stand."""
    if attribute not in _PLACES:
        return element.tag not in _ENCODED or any(is_ours(each, "credential") for each in element.iterancestors())
    name, section = _PLACES[attribute]
    parent = element.getparent()
    root = parent.getparent() if parent is not None else None
    if root is None or root.getparent() is not None:
        return False
    return is_ours(element, name) and is_ours(parent, section) and _space_of(element) == _space_of(parent) == _space_of(root)


def id_attribute(element: Any) -> str:
    """The attribute that is the id of an object that stands in its place; "" where it is none."""
    return next((name for name in _PLACES if in_place(element, name)), "")


def is_section(element: Any) -> bool:
    """Whether it is called as a section of a package is that holds objects."""
    return any(is_ours(element, name) for _, name in _PLACES.values())


def plain(name: str) -> str:
    """An id as readers of the schema have it (XML Schema 2, 3.3.8: white space collapses)."""
    return " ".join(name.split())


def decoded(element: Any) -> bytes:
    """The bytes that stand in an element as base64. Raises NotWellFormed: it is none."""
    try:
        if element.find("*") is not None:
            raise ValueError(phrase("xai-inside"))
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        why = phrase("xai-base64", name=local_name(element), why=str(error))
        raise NotWellFormed(why, element.sourceline or 0) from error


def content_of(element: Any) -> Content:
    """What an object holds. Raises NotWellFormed: more than one kind of content, or what the schema has not there."""
    space = "{" + _space_of(element) + "}"
    if element.tag in _ENCODED:
        return Content(binary=element)
    for name, (binary, xml) in _HOLDERS.items():
        if is_ours(element, name):
            return _held(element, space + binary, space + xml, {space + each for each in _BESIDE})
    return _led_to(element, space) if is_ours(element, "credential") else Content()


def _held(element: Any, binary: str, xml: str, beside: set[str]) -> Content:
    inside = list(element.iterchildren("*"))
    held = [each for each in inside if each.tag in (binary, xml)]
    if not held:
        return Content()
    names = [each.tag for each in inside]
    if len(held) > 1 or len(set(names)) < len(names) or set(names) - beside - {binary, xml} or has_text(element):
        raise NotWellFormed(phrase("xai-content", name=local_name(element)), element.sourceline or 0)
    (found,) = held
    if found.tag == binary:
        return Content(binary=found)
    alone = only_child(found)
    return Content(reference=alone) if alone is not None and alone.tag == REFERENCE else Content(xml=found)


def _led_to(element: Any, space: str) -> Content:
    """A credential holds one thing: down to it, every element has but the one below it."""
    below = only_child(element)
    while below is not None:
        if below.tag in _ENCODED or below.tag == space + "asn1EvidenceRecord":
            return Content(binary=below)
        if below.tag == REFERENCE:
            return Content(reference=below)
        below = only_child(below)
    return Content()


def only_child(element: Any) -> Any:
    """The one element in another one; None where there is more, or text."""
    inside = list(element.iterchildren("*"))
    return inside[0] if len(inside) == 1 and not has_text(element) else None


def has_text(element: Any) -> bool:
    """Whether text stands between the elements in it."""
    return bool("".join(filter(None, (element.text, *(each.tail for each in element)))).strip())


@dataclass(frozen=True)
class CheckSum:
    """What an object says of its own content (3.1.4): a digest, and hashlib's name of its algorithm, "" where it is none that is known."""

    value: str
    algorithm: str
    said: str

    def is_of(self, digests: ObjectDigests) -> bool:
        return digests[self.algorithm].hex() == self.value.lower()


def check_sum(element: Any) -> CheckSum | None:
    """The checkSum of an object; None where it has none."""
    found = next((each for each in element.iterchildren("*") if is_ours(each, "checkSum")), None)
    if found is None:
        return None
    said = {local_name(each): text_of(each).strip() for each in found.iterchildren("*")}
    name = said.get("checkSumAlgorithm", "")
    return CheckSum(said.get("checkSum", ""), _hash_said(name), name)


def _hash_said(name: str) -> str:
    """hashlib's name of an algorithm that is an address, an object identifier or a name ("SHA-256"); "" where it is none that is known."""
    if found := DIGESTS.get(name) or HASH_OIDS.get(name.lower().removeprefix("urn:oid:")):
        return found
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return {re.sub(r"[^a-z0-9]", "", each): each for each in HASH_OIDS.values()}.get(plain, "")


def local_name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2] if isinstance(element.tag, str) else ""
