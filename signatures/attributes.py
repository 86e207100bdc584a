"""CMS attributes that Kho reads, by their identifiers; values as the bytes that stand there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core, tsp  # type: ignore[import-untyped]

from signatures.ber import Malformed, element, guard, parts, row
from signatures.certificates import Certificate, certificates_of
from signatures.cms import basic_to_response

__all__ = ["Attributes", "claimed_time", "ess_hashes", "revocation_values", "text_of"]

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
COUNTERSIGNATURE = "1.2.840.113549.1.9.6"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
SIGNATURE_POLICY = "1.2.840.113549.1.9.16.2.15"
SIGNATURE_STAMP = "1.2.840.113549.1.9.16.2.14"
CONTENT_STAMP = "1.2.840.113549.1.9.16.2.20"
ESC_STAMP = "1.2.840.113549.1.9.16.2.25"
CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
ARCHIVE_STAMP_V3 = "0.4.0.1733.2.4"
ARCHIVE_STAMPS = frozenset({"1.2.840.113549.1.9.16.2.27", "1.2.840.113549.1.9.16.2.48", ARCHIVE_STAMP_V3})
ATS_HASH_INDEXES = ("0.4.0.19122.1.5", "0.4.0.19122.1.4", "0.4.0.1733.2.5")
EVIDENCE_INTERNAL = "1.2.840.113549.1.9.16.2.49"
EVIDENCE_EXTERNAL = "1.2.840.113549.1.9.16.2.50"
ADOBE_REVOCATION = "1.2.840.113583.1.1.8"


class Attributes:
    """The attributes of one signer info. ``first`` and ``all`` give values as DER (or what stands there for it); ``unreadable`` are those
    of which there are no values, or none that can be read."""

    def __init__(self, found: Any) -> None:
        self._values: dict[str, list[bytes]] = {}
        self.counts: dict[str, int] = {}
        self.unreadable: set[str] = set()
        if isinstance(found, core.Void) or found is None:
            return
        for attribute in found:
            oid = attribute["type"].dotted
            self.counts[oid] = self.counts.get(oid, 0) + 1
            try:
                values = list(row(attribute["values"].contents))
            except Malformed:
                values = []
            if not values:
                self.unreadable.add(oid)
            self._values.setdefault(oid, []).extend(values)

    def all(self, oid: str) -> list[bytes]:
        return self._values.get(oid, [])

    def first(self, oid: str) -> bytes | None:
        return next(iter(self.all(oid)), None)

    def __contains__(self, oid: str) -> bool:
        return oid in self.counts


def claimed_time(attributes: Attributes) -> datetime | None:
    """signing-time as the signer says (RFC 5652, 11.3), or None."""
    raw = attributes.first(SIGNING_TIME)
    if raw is None:
        return None
    try:
        value = cms.Time.load(raw).native
    except (ValueError, TypeError):
        return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:  # a day on which the calendar has ended elsewhere
        return None


def ess_hashes(attributes: Attributes) -> list[tuple[str, bytes]]:
    """(hash name, certificate hash) of the first entry of each signing-certificate attribute (RFC 5035). Raises ValueError."""
    found = []
    for raw in attributes.all(SIGNING_CERTIFICATE):
        certificates = tsp.SigningCertificate.load(raw)["certs"]
        found += [("sha1", certificates[0]["cert_hash"].native)] if len(certificates) else []
    for raw in attributes.all(SIGNING_CERTIFICATE_V2):
        certificates = tsp.SigningCertificateV2.load(raw)["certs"]
        if len(certificates):
            found.append((certificates[0]["hash_algorithm"]["algorithm"].native, certificates[0]["cert_hash"].native))
    return found


def text_of(raw: bytes | None) -> str:
    """A string value for people, whatever string type it has; "" when it is none."""
    try:
        return "" if raw is None else str(core.load(raw).native)
    except (ValueError, TypeError):
        return ""


def certificate_values(attributes: Attributes) -> Iterator[Certificate]:
    """certificate-values (EN 319 122-1, 5.5.1)."""
    for raw in attributes.all(CERTIFICATE_VALUES):
        yield from certificates_in(raw)


def certificates_in(value: bytes) -> Iterator[Certificate]:
    """The certificates of one value of certificate-values."""
    yield from certificates_of(_inside(value))


def revocation_values(attributes: Attributes) -> Iterator[tuple[str, bytes]]:
    """("crl" | "ocsp", DER) of revocation-values (EN 319 122-1, 5.5.2) and of Adobe's RevocationInfoArchival (ISO 32000-2, 12.8.3.3.2)."""
    for oid, basic in ((REVOCATION_VALUES, True), (ADOBE_REVOCATION, False)):
        for raw in attributes.all(oid):
            yield from revocations_in(raw, basic=basic)


def revocations_in(value: bytes, *, basic: bool = True) -> Iterator[tuple[str, bytes]]:
    """What one value of such an attribute holds; ``basic``: answers stand without what says that there is one."""
    for tag, body in _parts_of(value):
        for each in _inside(body):
            if tag == 0xA0:
                yield "crl", each
            elif tag == 0xA1:
                yield "ocsp", basic_to_response(each) if basic else each


def _parts_of(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, the SEQUENCE OF inside it) of every explicitly tagged field."""
    try:
        guard(raw)
        for part in parts(raw, element(raw)):
            yield part.tag, raw[part.body : part.body_end]
    except Malformed:
        return


def _inside(raw: bytes) -> Iterator[bytes]:
    try:
        for part in parts(raw, element(raw)):
            yield raw[part.start : part.end]
    except Malformed:
        return
