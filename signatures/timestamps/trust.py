"""Whether a sound token is to be believed at a date: a certificate path to the operator's anchors, and no revocation known by then.

Every question names its date. The path is validated as of that date by pyhanko-certvalidator, with nothing fetched; revocation is
looked for in what the token brings along and what was collected beside it.
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from policies.phrases import os_phrase
from signatures.algorithms import load_certificate
from signatures.errors import AuthoritySettings
from signatures.timestamps.token import CLOCKS_APART, Token

__all__ = ["Anchors", "Answer", "Believed", "Trust", "as_pem", "load_anchors"]

_STAYS_VALID = frozenset(
    {x509.ReasonFlags.unspecified, x509.ReasonFlags.affiliation_changed}
    | {x509.ReasonFlags.superseded, x509.ReasonFlags.cessation_of_operation}
)
"""Reasons of revocation after which tokens made before it stay valid (RFC 3161 §4, item 1). With any other, or with none, all
tokens of that key are invalid."""


class Believed(enum.Enum):
    YES = "trusted"
    NO = "not trusted"
    UNASKED = "not checked"  # there are no anchors to hold it against


@dataclass(frozen=True, slots=True)
class Answer:
    """``root`` is the subject of the anchor that the path ends at; ``ends`` the earliest end of validity on the path."""

    believed: Believed
    reason: str = ""
    root: str = ""
    ends: datetime | None = None


@dataclass(frozen=True)
class Anchors:
    """Certificates the operator trusts (DER), further ones that help to build paths, and revocation lists that were collected."""

    certificates: tuple[bytes, ...] = ()
    others: tuple[bytes, ...] = ()
    revocations: tuple[bytes, ...] = ()

    def with_revocations(self, more: Iterable[bytes]) -> Anchors:
        return Anchors(self.certificates, self.others, (*self.revocations, *more))

    def __add__(self, other: Anchors) -> Anchors:
        return Anchors(
            (*self.certificates, *other.certificates), (*self.others, *other.others), (*self.revocations, *other.revocations)
        )


def load_anchors(name: str, places: Sequence[Path]) -> Anchors:
    """Anchors from files, or folders of files, of certificates (PEM with any number, or DER). A file that is a revocation list (PEM or
    DER) is held against what these certificates issued.

    Raises:
        AuthoritySettings: a file cannot be read or holds neither; ``name`` says whose.
    """
    found: list[bytes] = []
    lists: list[bytes] = []
    for place in places:
        try:
            files = sorted(each for each in place.iterdir() if each.is_file()) if place.is_dir() else [place]
            for file in files:
                data = file.read_bytes()
                revocations = _revocation_list(data)
                lists += revocations
                found += [] if revocations else _certificates(data)
        except OSError as error:
            raise AuthoritySettings(name, f"{place}: {os_phrase(error)}") from error
        except ValueError as error:
            raise AuthoritySettings(name, f"{place}: {error}") from error
    return Anchors(tuple(found), revocations=tuple(lists))


def _revocation_list(data: bytes) -> list[bytes]:
    try:
        read = x509.load_pem_x509_crl if data.lstrip().startswith(b"-----BEGIN X509 CRL") else x509.load_der_x509_crl
        return [read(data).public_bytes(Encoding.DER)]
    except ValueError:
        return []


def _certificates(data: bytes) -> list[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if b"-----BEGIN CERTIFICATE-----" in data:
            return [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(data)]
    load_certificate(data)
    return [data]


def as_pem(anchors: Anchors) -> bytes:
    """The trusted certificates as PEM, one after another."""
    return b"".join(load_certificate(each).public_bytes(Encoding.PEM) for each in anchors.certificates)


@dataclass
class Trust:
    """Answers for one set of anchors; answers are remembered, since a record of a million may stand on one token."""

    anchors: Anchors
    _paths: dict[tuple[bytes, tuple[bytes, ...], datetime], tuple[str, tuple[bytes, ...]]] = field(default_factory=dict)
    """By all that a path is made of besides the anchors: another token may bring the certificates that one lacks."""

    def of(self, token: Token, at: datetime) -> Answer:
        """Whether ``token`` is believed at ``at``: when its successor was made, or when it is looked at."""
        if not self.anchors.certificates:
            return Answer(Believed.UNASKED, "there are no anchors")
        if at < token.time - CLOCKS_APART:
            return Answer(Believed.NO, f"the token is of {token.time.isoformat()}, which is later than {at.isoformat()}")
        at = max(at, token.time)
        if not _valid_at(token.certificate, token.time):
            return Answer(Believed.NO, "the token was made outside the validity of its certificate")
        key = (token.certificate_der, token.certificates, at)
        if key not in self._paths:
            self._paths[key] = _path(token, self.anchors, at)
        reason, path = self._paths[key]
        if reason:
            return Answer(Believed.NO, reason)
        certificates = [load_certificate(each) for each in path]
        revoked = _revoked(certificates, (*token.revocations, *self.anchors.revocations), token.time, at)
        if revoked:
            return Answer(Believed.NO, revoked)
        ends = min(each.not_valid_after_utc for each in certificates)
        return Answer(Believed.YES, "", certificates[0].subject.rfc4514_string(), ends)


def _valid_at(certificate: x509.Certificate, moment: datetime) -> bool:
    return certificate.not_valid_before_utc <= moment.replace(microsecond=0) <= certificate.not_valid_after_utc


def _path(token: Token, anchors: Anchors, at: datetime) -> tuple[str, tuple[bytes, ...]]:
    """("", path from the anchor to the signing certificate), or (why there is none, ())."""
    import asyncio

    from asn1crypto import x509 as asn1  # type: ignore[import-untyped]
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import PathError, ValidationError

    def loaded(encodings: Iterable[bytes]) -> list[asn1.Certificate]:
        return [asn1.Certificate.load(each) for each in encodings]

    try:
        context = ValidationContext(
            trust_roots=loaded(anchors.certificates),
            other_certs=loaded((*token.certificates, *anchors.others)),
            moment=at,
            best_signature_time=at,
            time_tolerance=timedelta(0),
            allow_fetching=False,
            revocation_mode="soft-fail",
        )
        validator = CertificateValidator(asn1.Certificate.load(token.certificate_der), validation_context=context)
        usage = validator.async_validate_usage(set(), {"time_stamping"}, extended_optional=False)  # type: ignore[no-untyped-call]
        path = asyncio.run(usage)
    except (PathError, ValidationError, ValueError, TypeError, OSError) as error:
        return " ".join(str(error).split()), ()
    return "", tuple(each.dump() for each in path.iter_certs(include_root=True))


def _revoked(path: Sequence[x509.Certificate], lists: Iterable[bytes], made: datetime, at: datetime) -> str:
    """Why a certificate of the path counts as revoked at ``at``; "" when nothing says so. A revocation after ``at`` was not known
    then: what was stamped over before it stays proved."""
    for encoded in lists:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = x509.load_der_x509_crl(encoded)
        except ValueError:
            continue  # an OCSP answer or something else; the collector of validation data reads those
        for issuer, certificate in pairwise(path):
            if found.issuer == certificate.issuer and found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                row = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
                if row is not None and row.revocation_date_utc <= at and not _harmless(row, made):
                    name = certificate.subject.rfc4514_string()
                    return f"the certificate of {name} was revoked on {row.revocation_date_utc.date().isoformat()}"
    return ""


def _harmless(row: x509.RevokedCertificate, made: datetime) -> bool:
    try:
        reason = row.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return False
    return reason in _STAYS_VALID and made < row.revocation_date_utc
