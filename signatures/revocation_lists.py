"""Revocation lists (RFC 5280, 5), and what lists and answers of responders have in common. Who may sign them: `signatures.revocation`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtensionOID

from signatures.algorithms import ODD, Scheme, hash_of, scheme_of, signed_by
from signatures.alike import alike
from signatures.certificates import HASH_NAMES, Certificate
from signatures.list_parts import NOBODY, of_entry, point_names, rows_of, whose
from signatures.mended import Signed, cut, mended
from signatures.poe import digest_of

__all__ = ["Crl", "Data", "Entry", "scheme_in"]

EXPIRED_KEPT = x509.ObjectIdentifier("2.5.29.60")
"""expiredCertsOnCRL (X.509, 9.5.2.8): the list keeps certificates that expired, from the day it names on, so its silence says something
of them too."""

_TIME = re.compile(rb"\x18\x0f([0-9]{14})Z")
"""A GeneralizedTime as RFC 5280, 4.1.2.5.2, has it."""

DELTA = ExtensionOID.DELTA_CRL_INDICATOR

_NOT_KNOWN = re.compile(rb"(?<!\x06\x03\x55\x1d[\x12\x14\x15\x18\x1c\x1d\x23\x2e\x3c])\x01\x01[^\0]\x04", re.DOTALL)
"""Where a critical extension may stand that is none of those which are known of a list (`KNOWN_CRL`) and its entries (RFC 5280, 5.3)."""

LONGEST_OID = 64

KNOWN_CRL = frozenset(
    {
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.FRESHEST_CRL,
        EXPIRED_KEPT,
    }
)


class Entry(NamedTuple):
    """What revocation data says of a certificate that was revoked; see `Status`."""

    since: datetime
    reason: str
    invalid: datetime | None

    @property
    def begins(self) -> datetime:
        return self.since if self.invalid is None else min(self.since, self.invalid)


class Data:
    """One piece of revocation data, parsed when it is first asked. Its name are the bytes as they were given, for these were proven. Raises
    `Malformed`."""

    def __init__(self, data: bytes) -> None:
        self.der, self.given = cut(data), data
        self.sha256 = digest_of(data)
        self._signers: dict[bytes, bool] = {}

    @property
    def scheme(self) -> Scheme | None:
        """How it is signed; None when that is not understood."""
        raise NotImplementedError

    @property
    def stands(self) -> Signed:
        """What is signed of it, as it stands there."""
        raise NotImplementedError

    def signed_by(self, certificate: Certificate, pays_for: Callable[[PublicKeyTypes | None], bool]) -> bool:
        """Whether the key of ``certificate`` signed it, and that is paid for. Remembered."""
        if self.scheme is None:
            return False
        if certificate.sha256 not in self._signers:
            if not pays_for(certificate.key):
                return False
            self._signers[certificate.sha256] = signed_by(certificate.key, self.scheme, self.stands.signature, self.stands.body)
        return self._signers[certificate.sha256]


class Crl(Data):
    """Raises ValueError when the bytes are no CRL."""

    def __init__(self, data: bytes, *, mend: bool = True) -> None:
        super().__init__(data)
        der, self._odd = self.der, False
        try:
            self.list = _list(der)
        except (ValueError, *ODD):
            if not mend:
                raise
            self.list, self._odd = _list(mended(der).data), True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.made: datetime = self.list.last_update_utc
            self.next: datetime | None = self.list.next_update_utc
        self._signed = Signed.of(der)

    @property
    def stands(self) -> Signed:
        return self._signed

    @cached_property
    def issuer(self) -> bytes:
        """The name as it stands there: behind the version, if there is one, and the algorithm (5.1)."""
        if not self._odd:
            return self.list.issuer.public_bytes()
        fields = self.stands.fields
        return fields[2 if fields[0][:1] == b"\x02" else 1]

    @cached_property
    def rules(self) -> dict[x509.ObjectIdentifier, Any]:
        """The extensions by identifier."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {each.oid: each for each in self.list.extensions}

    @cached_property
    def indirect(self) -> bool:
        """Whether it lists the certificates of others, too (5.2.5)."""
        point = self.rules.get(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
        return point is not None and bool(point.value.indirect_crl)

    def speaks_of(self, certificate: Certificate) -> bool:
        """Whether it is the list of the certificate's issuer, or one that the certificate itself refers to instead (6.3.3 (b) (1))."""
        mine = alike(self.issuer)
        return mine == alike(certificate.issuer) or (self.indirect and mine in map(alike, certificate.list_issuers))

    def in_scope(self, certificate: Certificate) -> bool:
        """Whether silence of this list means *good* for ``certificate`` (RFC 5280, 5.2.5 and 6.3.3): a partial list, a delta, or one with
        rules that are not understood says nothing, nor does one that has its number: under somebody else's name without a right to, or as
        taken off again."""
        extensions = self.rules
        if DELTA in extensions or self._bound or (self.next is not None and self.next < self.made):
            return False
        if self._rows_of(certificate) or (self.indirect and (NOBODY, certificate.serial) in self._rows):
            return False
        point = extensions.get(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
        if point is None:
            return True
        value: x509.IssuingDistributionPoint = point.value
        if value.only_some_reasons or value.only_contains_attribute_certs:
            return False
        authority = certificate.is_authoritys
        if (value.only_contains_user_certs and authority) or (value.only_contains_ca_certs and not authority):
            return False
        names = point_names(value)
        return not names or bool(names & certificate.list_points)

    @cached_property
    def _bound(self) -> bool:
        """Whether an extension of it, or of any of its entries, is critical and not known: then it says nothing of anybody (5.2, 5.3)."""
        if any(each.critical and oid not in KNOWN_CRL for oid, each in self.rules.items()):
            return True
        body = self.list.tbs_certlist_bytes
        return any(_behind_identifier(body, each.start()) for each in _NOT_KNOWN.finditer(body))

    def keeps_expired(self, since: datetime) -> bool:
        """Whether it lists certificates that expired at ``since`` if they were revoked."""
        if EXPIRED_KEPT not in self.rules or self.made < since:
            return False
        found = _TIME.fullmatch(getattr(self.rules[EXPIRED_KEPT].value, "value", b""))
        with suppress(ValueError):
            return found is not None and datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC) <= since
        return False

    def _rows_of(self, certificate: Certificate) -> Sequence[x509.RevokedCertificate]:
        """All entries with its number: more than one is against the standard, and no order makes one of them count for less."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.indirect or certificate.serial < 0:  # the library looks for no negative number
                return self._rows.get((alike(certificate.plain_issuer), certificate.serial), ())
            if self.list.get_revoked_certificate_by_serial_number(certificate.serial) is None:
                return ()
            return [each for each in self.list if each.serial_number == certificate.serial]

    def _misnamed(self, certificate: Certificate, row: x509.RevokedCertificate) -> bool:
        """Whether an entry names somebody else as the issuer, in a list that is of one issuer only. One that cannot be read does not."""
        named = None if self.indirect else whose(row)
        return bool(named and alike(certificate.plain_issuer) not in named)

    @cached_property
    def _rows(self) -> Mapping[tuple[Hashable, int], Sequence[x509.RevokedCertificate]]:
        return rows_of(self.list, self.list.issuer.public_bytes())

    def entry(self, certificate: Certificate) -> Entry | None:
        """What the list says when it names ``certificate``, the earliest revocation of several; of one that was taken off again it says
        nothing (5.3.1), and an entry that names another issuer is not of this one's certificate with that number."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = (each for each in self._rows_of(certificate) if not self._misnamed(certificate, each))
            found = (_entry(each) for each in rows)
            kept = (each for each in found if each.reason != x509.ReasonFlags.remove_from_crl.value)
            return min(kept, key=lambda each: each.begins, default=None)

    @cached_property
    def scheme(self) -> Scheme | None:
        return scheme_in(self.list)

    @property
    def whole(self) -> bool:
        """Whether nothing is lost of what it may say: how it is signed is understood, and of each entry is known whose it is."""
        return self.scheme is not None and not (self.indirect and any(issuer == NOBODY for issuer, _ in self._rows))


def _behind_identifier(data: bytes, at: int) -> bool:
    """Whether an OBJECT IDENTIFIER ends at ``at``."""
    longest = range(1, min(LONGEST_OID, at - 1))
    return any(data[at - length - 2 : at - length] == bytes((0x06, length)) for length in longest)


def _entry(row: x509.RevokedCertificate) -> Entry:
    why, invalid = of_entry(row, x509.CRLReason), of_entry(row, x509.InvalidityDate)
    reason = why.reason.value if why is not None else ""
    return Entry(row.revocation_date_utc, reason, invalid.invalidity_date_utc if invalid is not None else None)


def _list(data: bytes) -> x509.CertificateRevocationList:
    """Raises ValueError, and those of `ODD`: what is read late must be readable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = x509.load_der_x509_crl(data)
        _ = (found.issuer, found.extensions, found.last_update_utc, found.next_update_utc)
        return found


def scheme_in(data: Any) -> Scheme | None:
    """How a CRL or response is signed; None when it is not understood."""
    try:
        oid = data.signature_algorithm_oid.dotted_string
        if name := hash_of(oid):
            return scheme_of(oid, b"", name)
        digest = data.signature_hash_algorithm
        if oid == "1.2.840.113549.1.1.10":
            parameters = getattr(data, "signature_algorithm_parameters", None)
            mask = getattr(getattr(parameters, "mgf", None), "_algorithm", digest)
            salt = getattr(parameters, "_salt_length", digest.digest_size)
            return Scheme("rsa-pss", _hash_name(digest), _hash_name(mask), salt)
        return scheme_of(oid, b"", _hash_name(digest) if digest is not None else "sha512")
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        return None


def _hash_name(algorithm: hashes.HashAlgorithm) -> str:
    return HASH_NAMES.get(algorithm.name, algorithm.name)
