"""Trust anchors: whom the operator trusts, for what, and in which years. Kho ships none.

The operator's data is a folder. Every certificate in it (``.crt``, ``.cer``, ``.pem``, ``.der``, ``.p7b``) is an anchor for
signatures and time-stamps for as long as the certificate says; ``anchors.toml`` beside them narrows or widens that, by fingerprint;
every ``.xml`` is an ETSI TS 119 612 trusted list, of which granted services are taken; revocation lists and OCSP answers (``.crl``,
``.ocsp``) are held against what the anchors issued. Nothing is fetched.
"""

from __future__ import annotations

import enum
import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from policies.phrases import os_phrase, phrase
from signatures.certificates import Certificate, parse_certificates
from signatures.errors import AnchorsUnusable
from signatures.revocation import as_revocation
from signatures.trusted_list import services

__all__ = ["PERIODS", "Anchor", "Anchors", "Purpose", "anchor_of", "anchors_at", "load_anchors", "write_periods"]

PERIODS = "anchors.toml"

CERTIFICATE_SUFFIXES = frozenset({".crt", ".cer", ".pem", ".der", ".p7b", ".p7c"})

REVOCATION_SUFFIXES = frozenset({".crl", ".ocsp", ".ors"})

LARGEST = 64 << 20
"""Bytes of one file of anchors: the largest national trusted list has 12 MB."""


class Purpose(enum.StrEnum):
    """What an anchor may vouch for."""

    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"


EVERYTHING = frozenset(Purpose)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A certificate that is believed without looking further, from ``since`` until before ``until`` (aware), for ``purposes``."""

    certificate: Certificate
    since: datetime
    until: datetime
    purposes: frozenset[Purpose] = EVERYTHING
    source: str = ""

    @property
    def dated(self) -> bool:
        """Whether somebody set its period: it is not simply that of the certificate."""
        return (self.since, self.until) != (self.certificate.not_before, self.certificate.not_after)

    def vouches(self, purpose: Purpose, at: datetime) -> bool:
        return purpose in self.purposes and self.since <= at < self.until


@dataclass(frozen=True)
class Anchors:
    """All that is trusted. ``digest`` (SHA-256, hexadecimal) changes whenever any of it does; it stands in reports."""

    anchors: tuple[Anchor, ...] = ()
    known: tuple[Certificate, ...] = ()
    """Certificates that help to build paths and are not trusted by themselves."""
    revocations: tuple[bytes, ...] = ()
    """Revocation lists and OCSP answers (DER) that were put or collected beside them."""

    @classmethod
    def of(cls, certificates: Iterable[Certificate], *, known: Iterable[Certificate] = ()) -> Anchors:
        """Anchors for everything, each for as long as its certificate says."""
        return cls(tuple(anchor_of(each) for each in certificates), tuple(known))

    def __bool__(self) -> bool:
        return bool(self.anchors)

    @property
    def digest(self) -> str:
        rows = sorted(
            f"{a.certificate.sha256.hex()} {a.since.isoformat()} {a.until.isoformat()} {' '.join(sorted(a.purposes))}"
            for a in self.anchors
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    @property
    def keys(self) -> frozenset[bytes]:
        """SHA-256 of the public keys of what is trusted: who stands under one of them stands under that root, whatever its certificate."""
        return frozenset(each.certificate.key_sha256 for each in self.anchors)

    def with_revocations(self, more: Iterable[bytes]) -> Anchors:
        return replace(self, revocations=(*self.revocations, *more))

    def __add__(self, other: Anchors) -> Anchors:
        """Both together. Where one side dates a certificate, that holds: who names it elsewhere without a date widens nothing."""
        anchors = (*_narrowed(self.anchors, other.anchors), *_narrowed(other.anchors, self.anchors))
        known = dict.fromkeys((*self.known, *other.known))
        return Anchors(tuple(dict.fromkeys(anchors)), tuple(known), (*self.revocations, *other.revocations))

    def dated_by(self, other: Anchors) -> Anchors:
        """The same certificates, with the periods that ``other`` sets for them."""
        own = {each.certificate for each in self.anchors}
        dates = tuple(each for each in other.anchors if each.dated and each.certificate in own)
        return replace(self, anchors=(self + Anchors(dates)).anchors)

    def vouches(self, anchor: Anchor, purpose: Purpose, at: datetime, *, said: datetime | None = None) -> bool:
        """Whether ``anchor`` vouches at ``at``. ``said`` is the time that a time-stamp names: it must lie in a period of the same
        certificate, this one or one before. What was said while nobody trusted it is not believed later either; but a root's newer
        certificate does not disown what its key said before."""
        if not anchor.vouches(purpose, at):
            return False
        moment = None if said is None else max(said, anchor.certificate.not_before)
        return moment is None or any(each.vouches(purpose, moment) for each in self.of_certificate(anchor.certificate))

    def of_certificate(self, certificate: Certificate) -> Iterator[Anchor]:
        """The anchors that are this certificate: one it can be for several periods."""
        return (each for each in self.anchors if each.certificate == certificate)


def anchor_of(certificate: Certificate, source: str = "") -> Anchor:
    return Anchor(certificate, certificate.not_before, certificate.not_after, EVERYTHING, source)


def _narrowed(anchors: Iterable[Anchor], others: Sequence[Anchor]) -> Iterator[Anchor]:
    """``anchors`` without the purposes for which one of ``others`` dates the same certificate."""
    for each in anchors:
        dated = [other.purposes for other in others if other.dated and other.certificate == each.certificate]
        left = each.purposes if each.dated else each.purposes.difference(*dated)
        if left:
            yield replace(each, purposes=left)


def write_periods(anchors: Iterable[Anchor]) -> str:
    """An ``anchors.toml`` that says the periods of those that are dated; "" when none is."""
    rows = ""
    for each in dict.fromkeys((each.certificate.sha256.hex(), each.since, each.until) for each in anchors if each.dated):
        fingerprint, since, until = each
        rows += f'[[anchor]]\nsha256 = "{fingerprint}"\nsince = {since.isoformat()}\nuntil = {until.isoformat()}\n\n'
    return rows


def anchors_at(places: Iterable[Path]) -> Anchors:
    """What several folders (each as `load_anchors` reads it) and files hold together. A file is a trusted list when it is called
    ``.xml``, else what is in it: certificates (PEM with any number, DER, PKCS #7), a revocation list or an OCSP answer.

    Raises:
        AnchorsUnusable: as `load_anchors`.
    """
    found = Anchors()
    for place in places:
        if place.is_dir():
            found += load_anchors(place)
        elif place.suffix.lower() == ".xml":
            found += Anchors(tuple(_listed(place.name, _read(place))))
        else:
            found += _one(place)
    return found


def load_anchors(folder: Path) -> Anchors:
    """What the operator trusts, from ``folder``; nothing when it is not there.

    Raises:
        AnchorsUnusable: a file cannot be read or is not what its name says, or ``anchors.toml`` is wrong. Half a list of anchors
            would judge records by chance.
    """
    try:
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
    except OSError as error:
        raise AnchorsUnusable(str(folder), os_phrase(error)) from error
    found: list[Anchor] = []
    revocations: list[bytes] = []
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in CERTIFICATE_SUFFIXES | REVOCATION_SUFFIXES:
            one = _one(folder / name)
            found += one.anchors
            revocations += one.revocations
        elif suffix == ".xml":
            found += _listed(name, _read(folder / name))
    periods, known = _periods(_read(folder / PERIODS)) if PERIODS in names else ({}, frozenset())
    return _applied(found, periods, known).with_revocations(revocations)


def _one(file: Path) -> Anchors:
    """A file of certificates or of revocation data."""
    data = _read(file)
    if revocation := as_revocation(data):
        return Anchors(revocations=(revocation,))
    certificates = list(parse_certificates(data))
    if not certificates:
        raise AnchorsUnusable(file.name, phrase("anc-none"))
    return Anchors(tuple(anchor_of(each, file.name) for each in certificates))


def _applied(found: list[Anchor], periods: Mapping[str, Mapping[str, Any]], known: frozenset[str]) -> Anchors:
    present = {each.certificate.sha256.hex() for each in found}
    if strangers := (periods.keys() | known) - present:
        raise AnchorsUnusable(PERIODS, phrase("anc-stranger", digest=sorted(strangers)[0]))
    anchors = tuple(
        replace(each, **periods.get(each.certificate.sha256.hex(), {}))
        for each in dict.fromkeys(found)
        if each.certificate.sha256.hex() not in known
    )
    helpers = tuple(dict.fromkeys(each.certificate for each in found if each.certificate.sha256.hex() in known))
    return Anchors(anchors, helpers)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise AnchorsUnusable(path.name, os_phrase(error)) from error
    if len(data) > LARGEST:
        raise AnchorsUnusable(path.name, phrase("larger-than", most=LARGEST))
    return data


def _listed(name: str, data: bytes) -> list[Anchor]:
    try:
        return [
            Anchor(
                each.certificate, each.since, each.until or each.certificate.not_after, frozenset({Purpose(each.purpose)}), name
            )
            for each in services(data)
        ]
    except ValueError as error:
        raise AnchorsUnusable(name, str(error)) from error


def _periods(data: bytes) -> tuple[dict[str, dict[str, Any]], frozenset[str]]:
    """(fingerprint → what `anchors.toml` says of it, fingerprints that only help to build paths)."""
    try:
        table = tomllib.loads(data.decode())
        rows = table.pop("anchor", [])
        if table:
            raise ValueError(phrase("anc-only", name=sorted(table)[0]))
        known: set[str] = set()
        periods: dict[str, dict[str, Any]] = {}
        for row in rows:
            fingerprint = str(row.pop("sha256")).replace(":", "").lower()
            if row.pop("trusted", True) is False:
                known.add(fingerprint)
            periods[fingerprint] = _said(row)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise AnchorsUnusable(PERIODS, phrase("anc-no-digest") if isinstance(error, KeyError) else str(error)) from error
    return periods, frozenset(known)


def _said(row: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {key: _instant(row.pop(key)) for key in ("since", "until") if key in row}
    if "purposes" in row:
        said["purposes"] = frozenset(Purpose(each) for each in row.pop("purposes"))
    row.pop("name", None)
    if row:
        raise ValueError(phrase("anc-key", name=sorted(row)[0]))
    return said


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(phrase("anc-date", value=f"{value!r}"))
