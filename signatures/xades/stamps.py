"""What a time-stamp of XAdES was made over, by its kind (EN 319 132-1, 5.3, 5.5 and annex A; TS 101 903 1.1.1 to 1.4.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from policies.phrases import phrase
from signatures.cms import Content
from signatures.xades.properties import Properties, local
from signatures.xmldsig.c14n import C14N, METHODS, Method, Nodes, Refused
from signatures.xmldsig.names import ds
from signatures.xmldsig.octets import Octets
from signatures.xmldsig.references import Reading, followed, method_of, target_of, transformed
from signatures.xmldsig.signature import XmlSignature

__all__ = ["ARCHIVE", "CONTENT", "REFERENCES", "REFS", "SIGNATURE", "STAMP", "Making", "archived", "refs_of", "stamped"]

CONTENT = frozenset({"AllDataObjectsTimeStamp", "IndividualDataObjectsTimeStamp"})
SIGNATURE = frozenset({"SignatureTimeStamp"})
REFERENCES = frozenset({"SigAndRefsTimeStamp", "SigAndRefsTimeStampV2", "RefsOnlyTimeStamp", "RefsOnlyTimeStampV2"})
ARCHIVE = frozenset({"ArchiveTimeStamp", "ArchiveTimeStampV2"})

_FIRST = ("CompleteCertificateRefs", "CompleteRevocationRefs", "AttributeCertificateRefs", "AttributeRevocationRefs")
_SECOND = ("CompleteCertificateRefsV2", "CompleteRevocationRefs", "AttributeCertificateRefsV2", "AttributeRevocationRefs")

STAMP = 1500
"""Steps of `Work` that a time-stamp or a record takes, besides what it is long."""

REFS = frozenset((*_FIRST, *_SECOND))
"""The properties that refer to validation data by its digest."""

_Piece = Nodes | Octets | None


@dataclass(frozen=True)
class Making:
    """All that the input of a time-stamp can be taken from."""

    reading: Reading
    signature: XmlSignature
    properties: Properties
    container: Any
    every_object: bool = False
    """Take a ds:Object along though a reference covers it, as esig/dss does."""


def stamped(reading: Reading, signature: XmlSignature, properties: Properties, container: Any) -> list[Content]:
    """`Content`s: the digest of what ``container`` (one of the time-stamp properties) stamps, as the standard says first, then as it has
    been understood otherwise; None when some of it is not there.

    They raise ValueError: it asks for what is not understood or refused."""
    standard = Making(reading, signature, properties, container)
    readings = [standard, replace(standard, every_object=True)] if local(container) in ARCHIVE else [standard]
    return [_content(each) for each in readings]


def _content(making: Making) -> Content:
    def digest(algorithm: str) -> bytes | None:
        hasher, some = hashlib.new(algorithm), False
        try:
            method = _method(making.container)
            for piece in _pieces(making):
                if piece is None:
                    return None
                making.reading.into(piece, hasher.update, method)
                some = True
        except Refused as error:
            raise ValueError(error.reason) from error
        return hasher.digest() if some else None  # a stamp over nothing is over nothing that is here

    return digest


def _method(container: Any) -> Method:
    named = container.find(ds("CanonicalizationMethod"))
    return METHODS[C14N] if named is None else method_of(named)


def _pieces(making: Making) -> Iterator[_Piece]:
    name = local(making.container)
    hashed = [each for each in making.container.iterchildren() if local(each) == "HashDataInfo"]
    if hashed:
        return _by_hash_data(making, hashed)
    return _KINDS[name](making)


def _by_hash_data(making: Making, hashed: list[Any]) -> Iterator[_Piece]:
    """TS 101 903 1.1.1, 7.1.4.3: the container itself says what and how.

    Nobody signed the container. So it is believed only where it says what the standard says too: a token over something else, put there
    with the address of that, would prove an earlier time."""
    name = local(making.container)
    if name in SIGNATURE:
        own = making.signature.element.find(ds("SignatureValue"))
        if len(hashed) != 1 or not _is_whole(making, hashed[0], own):
            raise Refused(phrase("dsig-stamp-other"))
    elif name not in CONTENT:
        raise Refused(phrase("dsig-stamp-itself"))
    for each in hashed:
        target, _ = target_of(making.reading, each.get("uri", each.get("URI")))
        listed = next((child for child in each.iterchildren() if local(child) == "Transforms"), None)
        data = None if target is None else transformed(making.reading, listed, target).data
        yield data


def _is_whole(making: Making, hashed: Any, own: Any) -> bool:
    """Whether a HashDataInfo points at the element ``own``, with nothing between but a canonical form."""
    target, _ = target_of(making.reading, hashed.get("uri", hashed.get("URI")))
    steps = [each.get("Algorithm") for each in hashed.iter(ds("Transform"))]
    return isinstance(target, Nodes) and target.top is own and all(each in METHODS for each in steps)


def _element(element: Any) -> Nodes:
    return Nodes(element, comments=True)


def _own(making: Making, *names: str) -> Iterator[_Piece]:
    """Parts of the ds:Signature itself, where they are there."""
    for name in names:
        found = making.signature.element.find(ds(name))
        if found is not None:
            yield _element(found)


def _over_signature(making: Making) -> Iterator[_Piece]:
    yield from _own(making, "SignatureValue")


def _all_objects(making: Making) -> Iterator[_Piece]:
    """Every reference of the SignedInfo but the one to the signed properties, which hold this very time-stamp."""
    for reference in making.signature.references:
        if reference.nodes is None or reference.nodes.top is not making.properties.signed:
            yield _referenced(making, reference.element)


def _individual_objects(making: Making) -> Iterator[_Piece]:
    for include in (each for each in making.container.iterchildren() if local(each) == "Include"):
        target, _ = target_of(making.reading, include.get("URI"))
        if not isinstance(target, Nodes):
            yield None
        elif target.top.tag == ds("Reference") and include.get("referencedData") in ("true", "1"):
            yield _referenced(making, target.top)
        else:
            yield _element(target.top)


def _referenced(making: Making, element: Any) -> _Piece:
    """What the transforms of a ds:Reference make of what it points at."""
    found, _ = followed(making.reading, element)
    return None if found is None else found.data


def _before(making: Making) -> Iterator[Any]:
    """The unsigned properties that stand before this one."""
    for each in making.properties.unsigned:
        if each is making.container:
            return
        yield each


def refs_of(name: str) -> tuple[str, ...]:
    """The properties that a time-stamp over references, called ``name``, is made over where they stand before it."""
    return _SECOND if name.endswith("V2") else _FIRST


def _references_only(making: Making) -> Iterator[_Piece]:
    yield from (_element(each) for each in _before(making) if local(each) in refs_of(local(making.container)))


def _signature_and_references(making: Making) -> Iterator[_Piece]:
    yield from _over_signature(making)
    wanted = (*SIGNATURE, *refs_of(local(making.container)))
    yield from (_element(each) for each in _before(making) if local(each) in wanted)


def archived(making: Making) -> Iterator[_Piece]:
    """EN 319 132-1, 5.5.2: everything signed, the signature, all properties before this one, and other objects of the signature."""
    for reference in making.signature.references:
        yield _referenced(making, reference.element)
    yield from _own(making, "SignedInfo", "SignatureValue", "KeyInfo")
    yield from (_element(each) for each in _before(making))
    pointed = [each.nodes.top for each in making.signature.references if each.nodes is not None]
    for holder in making.signature.element.iterchildren(ds("Object")):
        qualifying = any(local(each) == "QualifyingProperties" for each in holder.iterchildren())
        if not qualifying and (making.every_object or not any(holder is each for each in pointed)):
            yield _element(holder)


_KINDS: dict[str, Callable[[Making], Iterator[_Piece]]] = {
    "SignatureTimeStamp": _over_signature,
    "AllDataObjectsTimeStamp": _all_objects,
    "IndividualDataObjectsTimeStamp": _individual_objects,
    "RefsOnlyTimeStamp": _references_only,
    "RefsOnlyTimeStampV2": _references_only,
    "SigAndRefsTimeStamp": _signature_and_references,
    "SigAndRefsTimeStampV2": _signature_and_references,
    "ArchiveTimeStamp": archived,
    "ArchiveTimeStampV2": archived,
}
