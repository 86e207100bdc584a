"""The certificates that a ds:KeyInfo brings, or points at in its own document. Which of them signed is judged elsewhere: to be pointed at
gives none of them any right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from signatures.certificates import Certificate
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.document import Document, text_of
from signatures.xmldsig.failure import Failure, decoded
from signatures.xmldsig.names import DSIG11, ds
from signatures.xmldsig.references import pointed

__all__ = ["CERTIFICATE", "bare", "charged", "key_certificates", "long_certificate"]

MOST_CERTIFICATES = 100
"""Certificates in one KeyInfo that are looked at."""

CERTIFICATE = 32
"""Steps of `Work` that parsing a certificate takes."""

LONG = 4096
"""Bytes of a certificate beyond which its names, of thousands of parts, take longer: a step for every 16."""

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_X509 = ("", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3")
_BASE64 = ("", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary")

_ARMOUR = re.compile(r"\s*-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]*+)-----END CERTIFICATE-----\s*")


_POINTED = {ds("RetrievalMethod"): ds("X509Data"), f"{{{DSIG11}}}KeyInfoReference": ds("KeyInfo")}
"""What points → what it may point at."""


def bare(text: str) -> str:
    """The base64 of a certificate, without the lines that PEM (RFC 7468) puts around one."""
    found = _ARMOUR.fullmatch(text)
    return found[1] if found else text


def long_certificate(der: bytes) -> int:
    """The steps that a certificate takes more than an ordinary one."""
    return max(0, len(der) - LONG) >> 4


def charged(der: bytes, work: Work) -> Certificate:
    """The certificate, with what reading it takes on the account, several times as much where it is odd. Raises ValueError,
    `Refused`."""
    work.visit(CERTIFICATE + long_certificate(der))
    found: Certificate | None = None
    with suppress(ValueError):
        found = Certificate(der, mend=False)
    if found is None or not found.plain:
        work.visit(len(der) >> 2)
    return found or Certificate(der)


def key_certificates(document: Document, signature: Any) -> tuple[Certificate, ...]:
    """Those in the KeyInfo of a signature, in their order, then those that it points at; what is none is passed over. Raises `Refused`."""
    info = signature.find(ds("KeyInfo"))
    return tuple(dict.fromkeys(_certificates(document, info))) if info is not None else ()


def _certificates(document: Document, info: Any) -> Iterator[Certificate]:
    found = (each for way in (info.iter(ds("X509Certificate")), _pointed_at(document, info)) for each in way)
    for each in islice(found, MOST_CERTIFICATES):
        try:
            der = decoded(bare(text_of(each)), "a certificate")
            yield charged(der, document.work)
        except (ValueError, Failure):
            continue


def _pointed_at(document: Document, info: Any) -> Iterator[Any]:
    """The elements with a certificate at which ``info`` points, by an id and in one of these ways: a ds:RetrievalMethod without transforms
    at a ds:X509Data (XML-DSig 4.5.3), a dsig11:KeyInfoReference at another KeyInfo (1.1, 4.5.10), a reference of WS-Security at a token
    (X.509 Token Profile 1.1, 3.2.1). What is pointed at points no further. Raises `Refused`."""
    read: set[Any] = set()
    for each in info.iter(*_POINTED, f"{WSSE}Reference"):
        document.work.visit()
        name = pointed(each.get("URI"))
        target = _called(document, name) if name else None
        if target is None or target in read:
            continue
        if each.tag == f"{WSSE}Reference":
            own = each.getparent().tag == f"{WSSE}SecurityTokenReference" and each.get("ValueType", "") in _X509
            if own and target.tag == f"{WSSE}BinarySecurityToken" and _is_x509(target):
                yield target
        elif target.tag == _POINTED[each.tag] and each.find(ds("Transforms")) is None:
            read.add(target)
            document.work.visit(document.passing)
            yield from islice(target.iter(ds("X509Certificate")), MOST_CERTIFICATES)


def _called(document: Document, name: str) -> Any:
    """The one element of that id; None where there are several, for which is meant nobody knows: then no certificate is found."""
    try:
        return document.by_id(name)
    except Refused:
        if document.work.left < 0:
            raise
        return None


def _is_x509(token: Any) -> bool:
    return token.get("ValueType", "") in _X509 and token.get("EncodingType", "") in _BASE64
