"""ETSI TS 119 612 trusted lists, read for one thing: which certificates a scheme vouches for, for what, and in which years.

The list's own signature is not judged here: the operator who puts a list into the folder of anchors vouches for it.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from formats.xml import Element, NotWellFormed, subtrees
from policies.phrases import phrase
from signatures.certificates import Certificate

__all__ = ["Service", "services"]

TSL = "http://uri.etsi.org/02231/v2#"
KINDS = {
    "http://uri.etsi.org/TrstSvc/Svctype/CA/QC": "signature",
    "http://uri.etsi.org/TrstSvc/Svctype/CA/PKC": "signature",
    "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST": "timestamp",
    "http://uri.etsi.org/TrstSvc/Svctype/TSA": "timestamp",
    "http://uri.etsi.org/TrstSvc/Svctype/TSA/TSS-QC": "timestamp",
    "http://uri.etsi.org/TrstSvc/Svctype/TSA/TSS-AdESQCandQES": "timestamp",
}
"""Kinds of service → what their certificates may vouch for (5.5.1)."""

GOOD = frozenset(
    {"granted", "recognisedatnationallevel", "undersupervision", "supervisionincessation", "accredited", "setbynationallaw"}
)
"""Last segments of the states in which a service may be relied on (5.5.4, and those used before 2016)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A certificate that a list names, from ``since`` to ``until`` (None: it still does)."""

    certificate: Certificate
    purpose: str
    since: datetime
    until: datetime | None


def _q(path: str) -> str:
    return "/".join(f"{{{TSL}}}{name}" for name in path.split("/"))


def services(data: bytes) -> Iterator[Service]:
    """Every period in which a list relied on a service. Raises ValueError: no trusted list, or one that cannot be read."""
    found = False
    try:
        for element in subtrees(io.BytesIO(data), [_q("TSPService")]):
            found = True
            yield from _service(element)
    except NotWellFormed as error:
        raise ValueError(str(error)) from error
    if not found:
        raise ValueError(phrase("tsl-none"))


def _service(element: Element) -> Iterator[Service]:
    present = element.find(_q("ServiceInformation"))
    if present is None:
        return
    certificates = list(_certificates(present))
    ends: datetime | None = None
    for each in [present, *element.iterfind(_q("ServiceHistory/ServiceHistoryInstance"))]:  # newest first (5.5.10)
        start = _time(each.findtext(_q("StatusStartingTime")))
        kind = KINDS.get((each.findtext(_q("ServiceTypeIdentifier")) or "").strip())
        status = (each.findtext(_q("ServiceStatus")) or "").strip().rsplit("/", 1)[-1]
        if kind and status in GOOD:
            for certificate in certificates:
                yield Service(certificate, kind, start, ends)
        ends = start


def _certificates(information: Element) -> Iterator[Certificate]:
    for text in information.iterfind(_q("ServiceDigitalIdentity/DigitalId/X509Certificate")):
        try:
            yield Certificate(base64.b64decode("".join((text.text or "").split()), validate=True))
        except (binascii.Error, ValueError):
            continue  # a certificate that cannot be read vouches for nothing


def _time(text: str | None) -> datetime:
    value = datetime.fromisoformat((text or "").strip())
    return value if value.tzinfo else value.replace(tzinfo=UTC)
