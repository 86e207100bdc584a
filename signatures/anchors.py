"""Trust anchors: whom the operator trusts, for what, and in which years. Kho ships none.

The operator's data is a folder. Every certificate in it (``.crt``, ``.cer``, ``.pem``, ``.der``, ``.p7b``) is an anchor for
signatures and time-stamps for as long as the certificate says; ``anchors.toml`` beside them narrows or widens that, by fingerprint;
every ``.xml`` is an ETSI TS 119 612 trusted list, of which granted services are taken. Nothing is fetched.
"""

from __future__ import annotations

import enum
import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from policies.phrases import os_phrase, phrase
from signatures.certificates import Certificate, parse_certificates
from signatures.errors import AnchorsUnusable
from signatures.trusted_list import services

__all__ = ["PERIODS", "Anchor", "Anchors", "Purpose", "load_anchors"]

PERIODS = "anchors.toml"

CERTIFICATE_SUFFIXES = frozenset({".crt", ".cer", ".pem", ".der", ".p7b", ".p7c"})

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

    def vouches(self, purpose: Purpose, at: datetime) -> bool:
        return purpose in self.purposes and self.since <= at < self.until


@dataclass(frozen=True)
class Anchors:
    """All that is trusted. ``digest`` (SHA-256, hexadecimal) changes whenever any of it does; it stands in reports."""

    anchors: tuple[Anchor, ...] = ()
    known: tuple[Certificate, ...] = ()
    """Certificates that help to build paths and are not trusted by themselves."""

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

    def of_certificate(self, certificate: Certificate) -> Iterator[Anchor]:
        """The anchors that are this certificate: one it can be for several periods."""
        return (each for each in self.anchors if each.certificate == certificate)


def anchor_of(certificate: Certificate, source: str = "") -> Anchor:
    return Anchor(certificate, certificate.not_before, certificate.not_after, EVERYTHING, source)


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
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in CERTIFICATE_SUFFIXES:
            certificates = list(parse_certificates(_read(folder / name)))
            if not certificates:
                raise AnchorsUnusable(name, phrase("anc-none"))
            found += [anchor_of(each, name) for each in certificates]
        elif suffix == ".xml":
            found += _listed(name, _read(folder / name))
    periods, known = _periods(_read(folder / PERIODS)) if PERIODS in names else ({}, frozenset())
    return _applied(found, periods, known)


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
