"""Whether a sound token is to be believed at a date: a certificate path to the operator's anchors, and no revocation known by then.

Every question names its date. The path is validated as of that date by pyhanko-certvalidator, with nothing fetched; revocation is
looked for in what the token brings along and what was collected beside it.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.ocsp import OCSPCertStatus

from policies.phrases import os_phrase
from signatures.algorithms import load_certificate
from signatures.certificates import Certificate
from signatures.errors import AuthoritySettings
from signatures.revocation import ODD, Crl, Ocsp, load_ocsp
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
    """``root`` is the subject of the anchor that the path ends at, ``root_key`` the SHA-256 of its public key (one root may have several
    certificates); ``ends`` the earliest end of validity on the path. ``revoked``: it is not believed because of a revocation."""

    believed: Believed
    reason: str = ""
    root: str = ""
    ends: datetime | None = None
    root_key: bytes = b""
    revoked: bool = False


@dataclass(frozen=True)
class Anchors:
    """Certificates the operator trusts (DER), further ones that help to build paths, and what was collected of revocation: lists and
    OCSP answers."""

    certificates: tuple[bytes, ...] = ()
    others: tuple[bytes, ...] = ()
    revocations: tuple[bytes, ...] = ()

    @property
    def keys(self) -> frozenset[bytes]:
        """SHA-256 of the public keys of what is trusted: who stands under one of them stands under that root, whatever its certificate."""
        return frozenset(map(_key, self.certificates))

    def with_revocations(self, more: Iterable[bytes]) -> Anchors:
        return Anchors(self.certificates, self.others, (*self.revocations, *more))

    def __add__(self, other: Anchors) -> Anchors:
        return Anchors(
            (*self.certificates, *other.certificates), (*self.others, *other.others), (*self.revocations, *other.revocations)
        )


def load_anchors(name: str, places: Sequence[Path]) -> Anchors:
    """Anchors from files, or folders of files, of certificates (PEM with any number, or DER). A file that is a revocation list (PEM or
    DER) or an OCSP answer (DER) is held against what these certificates issued.

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
                revocations = _revocation_data(data)
                lists += revocations
                found += [] if revocations else _certificates(data)
        except OSError as error:
            raise AuthoritySettings(name, f"{place}: {os_phrase(error)}") from error
        except ValueError as error:
            raise AuthoritySettings(name, f"{place}: {error}") from error
    return Anchors(tuple(found), revocations=tuple(lists))


def _revocation_data(data: bytes) -> list[bytes]:
    try:
        if data.lstrip().startswith(b"-----BEGIN X509 CRL"):
            return [x509.load_pem_x509_crl(data).public_bytes(Encoding.DER)]
    except ValueError:
        return []
    return [] if _told_by(data) is None else [data]


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
        revoked = _revoked(path, (*token.revocations, *self.anchors.revocations), token.time, at)
        if revoked:
            return Answer(Believed.NO, revoked, revoked=True)
        certificates = [load_certificate(each) for each in path]
        ends = min(each.not_valid_after_utc for each in certificates)
        return Answer(Believed.YES, "", certificates[0].subject.rfc4514_string(), ends, _key(path[0]))


def _key(certificate: bytes) -> bytes:
    key = load_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


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


def _revoked(path: Sequence[bytes], data: Iterable[bytes], made: datetime, at: datetime) -> str:
    """Why a certificate of the path (the anchor first) counts as revoked at ``at``; "" when nothing says so. A revocation after ``at``
    was not known then: what was stamped over before it stays proved."""
    for encoded in data:
        told = _told_by(encoded)
        if told is None:
            continue  # of another kind: an extension of the standard, or damaged
        for issuer, certificate in pairwise(path):
            found = told(_certificate(issuer), _certificate(certificate))
            if found is not None and found.when <= at and not (found.harmless and made < found.when):
                name = load_certificate(certificate).subject.rfc4514_string()
                return f"the certificate of {name} was revoked on {found.when.date().isoformat()}"
    return ""


class _Revocation(NamedTuple):
    """``harmless``: for a reason that spares what was made before."""

    when: datetime
    harmless: bool


_Told = Callable[[Certificate, Certificate], "_Revocation | None"]
"""What a piece of revocation data says of (issuer, certificate): since when it is revoked."""

_certificate = functools.lru_cache(maxsize=256)(Certificate)


@functools.lru_cache(maxsize=32)
def _told_by(encoded: bytes) -> _Told | None:
    """A list or an OCSP answer, parsed once: the same few stand beside thousands of records. None when it is neither."""
    if (answer := load_ocsp(encoded)) is not None:
        return functools.partial(_by_ocsp, answer)
    try:
        return functools.partial(_by_list, Crl(encoded))
    except (ValueError, TypeError, *ODD):
        return None


def _by_list(found: Crl, issuer: Certificate, certificate: Certificate) -> _Revocation | None:
    if found.issuer != certificate.issuer or not found.signed_by(issuer):
        return None
    row = found.list.get_revoked_certificate_by_serial_number(certificate.serial)
    if row is None:
        return None
    try:
        reason = row.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = None
    return _Revocation(row.revocation_date_utc, reason in _STAYS_VALID)


def _by_ocsp(found: Ocsp, issuer: Certificate, certificate: Certificate) -> _Revocation | None:
    answer = found.answer(certificate, issuer)
    if answer is None or answer.certificate_status is not OCSPCertStatus.REVOKED or found.responder(issuer, ()) is None:
        return None
    return _Revocation(answer.revocation_time_utc, answer.revocation_reason in _STAYS_VALID)
