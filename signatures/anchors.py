"""Trust anchors: whom the operator trusts, for what, and in which years. Kho ships none.

The operator's data is a folder. Every certificate in it (``.crt``, ``.cer``, ``.pem``, ``.der``, ``.p7b``) is an anchor for
signatures and time-stamps for as long as the certificate says; ``anchors.toml`` beside them narrows, widens or takes back that, by
fingerprint; every ``.xml`` is an ETSI TS 119 612 trusted list, of which granted services are taken; revocation lists and OCSP answers
(``.crl``, ``.ocsp``) are held against what the anchors issued. Nothing is fetched.
"""

from __future__ import annotations

import enum
import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from policies.phrases import os_phrase, phrase
from signatures.certificate_files import parse_certificates
from signatures.certificates import Certificate
from signatures.errors import AnchorsUnusable
from signatures.odd_account import ELEMENT, one_account
from signatures.revocation import as_revocation
from signatures.trusted_list import services

__all__ = ["PERIODS", "Anchor", "Anchors", "Purpose", "anchor_of", "anchors_at", "load_anchors", "write_rows"]

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

    @property
    def never(self) -> bool:
        """Whether the trust in it was ended before it began: it vouches at no time."""
        return self.until <= self.since

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
    taken_back: frozenset[tuple[Certificate, Purpose]] = frozenset()
    """What somebody said a certificate is not trusted for: no other place that names it makes it trusted for that again."""

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
        """Both together. What one side takes back is taken back. Where one side dates a certificate, that holds: who names it elsewhere
        without a date widens nothing; where both do, what both say."""
        agreed = list(_agreed(self.anchors, other.anchors))
        disputed = (_dated(self.anchors) & _dated(other.anchors)) - {(a.certificate, p) for a in agreed for p in a.purposes}
        back = self.taken_back | other.taken_back | disputed
        anchors = (*_left(self.anchors, _dated(other.anchors)), *_left(other.anchors, _dated(self.anchors)), *agreed)
        known = dict.fromkeys((*self.known, *other.known))
        revocations = (*self.revocations, *other.revocations)
        return Anchors(tuple(dict.fromkeys(_left(anchors, back))), tuple(known), revocations, back)

    def dated_by(self, other: Anchors) -> Anchors:
        """The same certificates, with what ``other`` says of them: periods that it sets, and what it takes back."""
        own = {each.certificate for each in self.anchors}
        dates = tuple(each for each in other.anchors if each.dated and each.certificate in own)
        both = self + Anchors(dates, taken_back=frozenset(each for each in other.taken_back if each[0] in own))
        return replace(self, anchors=both.anchors, taken_back=both.taken_back)

    @property
    def untrusted(self) -> tuple[Certificate, ...]:
        """What is trusted for nothing, because somebody took it back."""
        trusted = {each.certificate for each in self.anchors}
        return tuple(dict.fromkeys(each for each, _ in self.taken_back if each not in trusted))

    def taken_back_for(self, purpose: Purpose) -> tuple[Certificate, ...]:
        return tuple(certificate for certificate, each in self.taken_back if each is purpose)

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


_Spoken = AbstractSet[tuple[Certificate, Purpose]]
"""Certificates, and for what something was said of them."""


def _dated(anchors: Iterable[Anchor]) -> _Spoken:
    return {(each.certificate, purpose) for each in anchors if each.dated for purpose in each.purposes}


def _left(anchors: Iterable[Anchor], without: _Spoken) -> Iterator[Anchor]:
    """``anchors`` for what is left of their purposes."""
    for each in anchors:
        left = frozenset(purpose for purpose in each.purposes if (each.certificate, purpose) not in without)
        if left:
            yield replace(each, purposes=left)


def _agreed(anchors: Iterable[Anchor], others: Iterable[Anchor]) -> Iterator[Anchor]:
    """The periods that both sides set for a certificate and a purpose, as far as they are common."""
    by_certificate: dict[Certificate, list[Anchor]] = {}
    for each in others:
        if each.dated:
            by_certificate.setdefault(each.certificate, []).append(each)
    for each in anchors:
        for other in by_certificate.get(each.certificate, ()) if each.dated else ():
            since, until, purposes = max(each.since, other.since), min(each.until, other.until), each.purposes & other.purposes
            if purposes and since < until:
                yield replace(each, since=since, until=until, purposes=purposes)


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
    certificates: list[Anchor] = []
    revocations: list[bytes] = []
    lists: list[Anchors] = []
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in CERTIFICATE_SUFFIXES | REVOCATION_SUFFIXES:
            one = _one(folder / name)
            certificates += one.anchors
            revocations += one.revocations
        elif suffix == ".xml":
            lists.append(Anchors(tuple(_listed(name, _read(folder / name)))))
    # Certificates alone say nothing against one another: a folder of a thousand is no work.
    found = [Anchors(tuple(certificates), revocations=tuple(revocations)), *lists]
    return _applied(found, read_rows(_read(folder / PERIODS)) if PERIODS in names else {})


def _one(file: Path) -> Anchors:
    """A file of certificates or of revocation data."""
    data = _read(file)
    if revocation := as_revocation(data):
        return Anchors(revocations=(revocation,))
    with one_account(ELEMENT * len(data)):
        certificates = list(parse_certificates(data))
    if not certificates:
        raise AnchorsUnusable(file.name, phrase("anc-none"))
    return Anchors(tuple(anchor_of(each, file.name) for each in certificates))


def _applied(found: Sequence[Anchors], rows: Mapping[str, Sequence[Row]]) -> Anchors:
    """What the files say together; of a certificate that has rows, what the rows make of it."""
    named = {each.certificate.sha256.hex(): each.certificate for file in found for each in file.anchors}
    if strangers := rows.keys() - named.keys():
        raise AnchorsUnusable(PERIODS, phrase("anc-stranger", digest=sorted(strangers)[0]))
    together = sum(found, Anchors())
    spoken = {named[digest]: said for digest, said in rows.items()}
    anchors = [each for each in together.anchors if each.certificate not in spoken]
    back = {each for each in together.taken_back if each[0] not in spoken}
    for certificate, said in spoken.items():
        given = [each for file in found for each in file.of_certificate(certificate)]
        anchors += [row.applied(each) for row in said if row.trusted for each in given]
        back |= {(certificate, purpose) for purpose in EVERYTHING.difference(*(row.speaks_of for row in said if row.trusted))}
    helpers = tuple(certificate for certificate, said in spoken.items() if not all(row.trusted for row in said))
    return Anchors(tuple(dict.fromkeys(anchors)), helpers, together.revocations, frozenset(back))


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


@dataclass(frozen=True, slots=True)
class Row:
    """What one ``[[anchor]]`` says of a certificate; None where it says nothing."""

    since: datetime | None = None
    until: datetime | None = None
    purposes: frozenset[Purpose] | None = None
    trusted: bool = True

    @property
    def speaks_of(self) -> frozenset[Purpose]:
        return EVERYTHING if self.purposes is None else self.purposes

    def against(self, other: Row) -> bool:
        """Whether both speak of one purpose and one time: only one of them could hold."""
        if not self.speaks_of & other.speaks_of:
            return False
        apart = (self.until and other.since and self.until <= other.since) or (
            other.until and self.since and other.until <= self.since
        )
        return not (self.trusted and other.trusted and apart)

    def applied(self, anchor: Anchor) -> Anchor:
        purposes = anchor.purposes if self.purposes is None else self.purposes
        return replace(anchor, since=self.since or anchor.since, until=self.until or anchor.until, purposes=purposes)


def read_rows(data: bytes) -> dict[str, tuple[Row, ...]]:
    """What an ``anchors.toml`` says, by fingerprint: several rows of one are for different purposes or times.

    Raises:
        AnchorsUnusable: it is none, or two of its rows cannot both hold.
    """
    try:
        text = data.decode()
        table = tomllib.loads(text)
        rows = table.pop("anchor", [])
        if table:
            raise ValueError(phrase("anc-only", name=sorted(table)[0]))
        found: dict[str, tuple[Row, ...]] = {}
        for row in rows:
            fingerprint = str(row.pop("sha256")).replace(":", "").lower()
            said, before = _row(row), found.get(fingerprint, ())
            if any(said.against(each) for each in before):
                raise ValueError(phrase("anc-twice", digest=fingerprint, lines=_lines(text, fingerprint)))
            found[fingerprint] = (*before, said)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise AnchorsUnusable(PERIODS, phrase("anc-no-digest") if isinstance(error, KeyError) else str(error)) from error
    return found


def _lines(text: str, fingerprint: str) -> str:
    """The lines that name a certificate: the reader of TOML does not tell where a row stood."""
    lines = enumerate(text.split("\n"), 1)
    return ", ".join(str(number) for number, line in lines if fingerprint in line.replace(":", "").lower())


def _row(row: dict[str, Any]) -> Row:
    since, until = (_instant(row.pop(key)) if key in row else None for key in ("since", "until"))
    purposes = frozenset(Purpose(each) for each in row.pop("purposes")) if "purposes" in row else None
    trusted = row.pop("trusted", True)
    if not isinstance(trusted, bool):
        raise ValueError(phrase("anc-trusted", value=f"{trusted!r}"))
    row.pop("name", None)
    if row:
        raise ValueError(phrase("anc-key", name=sorted(row)[0]))
    return Row(since, until, purposes, trusted)


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(phrase("anc-date", value=f"{value!r}"))


def write_rows(anchors: Anchors) -> str:
    """The ``anchors.toml`` of which, beside the certificates, `load_anchors` makes ``anchors`` again; "" when there is nothing to say."""
    spoken = {each.certificate for each in anchors.anchors if each.dated} | {each for each, _ in anchors.taken_back}
    periods: dict[tuple[str, datetime, datetime], set[Purpose]] = {}
    for certificate in spoken:
        for purpose in Purpose:
            own = [(each.since, each.until) for each in anchors.of_certificate(certificate) if purpose in each.purposes]
            for period in _merged(own):
                periods.setdefault((certificate.sha256.hex(), *period), set()).add(purpose)
    rows = [f'[[anchor]]\nsha256 = "{each.sha256.hex()}"\ntrusted = false\n\n' for each in anchors.untrusted]
    for (fingerprint, since, until), purposes in periods.items():
        named = ", ".join(f'"{each}"' for each in sorted(purposes))
        dates = f"since = {since.isoformat()}\nuntil = {until.isoformat()}\n"
        rows.append(f'[[anchor]]\nsha256 = "{fingerprint}"\n{dates}purposes = [{named}]\n\n')
    return "".join(sorted(rows))


def _merged(periods: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time in as few periods as can be."""
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted(periods):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(until, found[-1][1])
        else:
            found.append((since, until))
    return found
