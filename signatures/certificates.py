"""Certificates: one typed face over the two parsers that this package needs (cryptography verifies, pyHanko's path validation wants
asn1crypto). Both are made only when they are asked for.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from asn1crypto import core  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from policies.phrases import phrase
from signatures import der
from signatures.algorithms import HASHES, ODD, Scheme, hash_of, scheme_of, signed_by
from signatures.ber import Malformed, element, guard
from signatures.certificate_parts import extensions_read, key_of, loaded, one_of, text_of
from signatures.list_parts import directory_names, points_of
from signatures.lone_extension import is_critical, read_alone, said
from signatures.mended import WORDS, Mended, Signed, cut, inside, mended
from signatures.odd_account import at_hand
from signatures.report import CertificateFacts

__all__ = ["Certificate", "certificates_of"]

LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Certificates "for ever" end on 9999-12-31, behind which there is no calendar to reckon with."""


class Certificate:
    """An X.509 certificate, known by the SHA-256 of its DER. Without ``mend`` one that is odd (`signatures.mended`) is none.

    Raises:
        ValueError: the bytes are no certificate.
    """

    def __init__(self, data: bytes, *, mend: bool = True) -> None:
        self.der = cut(data)
        guard(self.der)
        self.sha256 = hashlib.sha256(self.der).digest()
        self._behind = len(self.der) < len(data)
        self._mended: Mended | None = None
        try:
            self.x509 = loaded(self.der)
        except ValueError:
            if not mend:
                raise
            self._mended = mended(self.der)
            self.x509 = loaded(self._mended.data)
        self._signers: dict[bytes, bool] = {}
        self._alone: dict[x509.ObjectIdentifier, Any] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"<Certificate {self.facts.common_name} {self.sha256.hex()[:12]}>"

    @cached_property
    def odd(self) -> tuple[str, ...]:
        """What is not written in it as the standard has it, and was read all the same: phrases (`signatures.mended`)."""
        found = (*(self._again.odd if self._again else ()), *(("behind",) if self._behind else ()))
        return tuple(phrase(WORDS[each]) for each in found)

    @cached_property
    def plain(self) -> bool:
        """Whether it, its key and its extensions are read as they stand: else it is written anew, which takes longer."""
        return self._mended is None and key_of(self.x509) is not None and extensions_read(self.x509)

    @cached_property
    def _again(self) -> Mended | None:
        """The same written anew, where it is not plain."""
        if self._mended is None and not self.plain:
            with suppress(ValueError):
                return mended(self.der)
        return self._mended

    @cached_property
    def key(self) -> PublicKeyTypes | None:
        """The public key; None when it is of a kind that is not understood: then nothing is known of what it signed."""
        found = key_of(self.x509)
        if found is None and self._again is not self._mended and self._again is not None:
            with suppress(ValueError):
                return key_of(loaded(self._again.data))
        return found

    @cached_property
    def asn1(self) -> Any:
        """The same for pyHanko's path validation, which must take `stands` for what was signed."""
        return asn1.Certificate.load(self.der if self._again is None else self._again.data)

    @property
    def written(self) -> bytes:
        """What was signed of it as the libraries are given it; `stands` says what was signed."""
        return bytes(self.asn1["tbs_certificate"].dump())

    @cached_property
    def stands(self) -> Signed:
        """What was signed of it, and its fields, as they stand there."""
        return Signed.of(self.der)

    @cached_property
    def subject(self) -> bytes:
        return self.x509.subject.public_bytes() if self._mended is None else self.stands.versionless[4]

    @cached_property
    def issuer(self) -> bytes:
        return self.x509.issuer.public_bytes() if self._mended is None else self.stands.versionless[2]

    @property
    def plain_issuer(self) -> bytes:
        """The issuer's name as libraries write it that read names in lists: with the same letters, and not the same bytes."""
        return self.x509.issuer.public_bytes()

    @cached_property
    def not_before(self) -> datetime:
        return self.x509.not_valid_before_utc

    @cached_property
    def not_after(self) -> datetime:
        return self.x509.not_valid_after_utc

    @cached_property
    def serial(self) -> int:
        with warnings.catch_warnings():  # zero and negative numbers are against RFC 5280, and out there
            warnings.simplefilter("ignore")
            return self.x509.serial_number

    @cached_property
    def self_issued(self) -> bool:
        return self.subject == self.issuer

    @cached_property
    def key_id(self) -> bytes | None:
        found = self._extension(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
        return None if found is None else found.digest

    @cached_property
    def key_octets(self) -> bytes:
        """The public key as RFC 6960 hashes it: the BIT STRING without tag, length and unused bits."""
        bits = inside(self.stands.versionless[5])[1]
        return bits[element(bits).body + 1 :]

    @cached_property
    def key_sha1(self) -> bytes:
        return hashlib.sha1(self.key_octets, usedforsecurity=False).digest()

    @cached_property
    def key_sha256(self) -> bytes:
        """Of the whole public key: two certificates with the same one are the same root."""
        return hashlib.sha256(self.asn1.public_key.dump()).digest()

    @cached_property
    def authority_key_id(self) -> bytes | None:
        found = self._extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
        return None if found is None else found.key_identifier

    @cached_property
    def scheme(self) -> Scheme | None:
        """How the issuer signed it; None when it is not understood, or when its two places say different things (RFC 5280, 4.1.1.2)."""
        try:
            algorithm = self.asn1["signature_algorithm"]
            if algorithm.dump() != self.asn1["tbs_certificate"]["signature"].dump():
                return None
            parameters = algorithm["parameters"]
            raw = b"" if isinstance(parameters, core.Void) else parameters.dump()
            oid = algorithm["algorithm"].dotted
            name = hash_of(oid)
            if not name and (digest := self.x509.signature_hash_algorithm):
                name = HASH_NAMES.get(digest.name, digest.name)
            return scheme_of(oid, raw, name or "sha512")
        except (ValueError, TypeError, KeyError, UnsupportedAlgorithm):
            return None

    @property
    def signed_with(self) -> tuple[str, str]:
        """(scheme, hash) of the issuer's signature, in the words of `policies.trust`; ("", "") when it is not understood."""
        return (self.scheme.name, self.scheme.hash) if self.scheme is not None else ("", "")

    @cached_property
    def usages(self) -> frozenset[str]:
        """Extended key usages as dotted identifiers; empty when the certificate names none."""
        found = self._extension(ExtensionOID.EXTENDED_KEY_USAGE)
        return frozenset() if found is None else frozenset(each.dotted_string for each in found)

    @property
    def may_stamp(self) -> bool:
        """Whether its key may sign, and its extended key usage is time-stamping, alone and critical (RFC 3161, 2.3)."""
        rows = self._extensions.get(said(der.write_oid(ExtensionOID.EXTENDED_KEY_USAGE.dotted_string)), ())
        alone = self.usages == {ExtendedKeyUsageOID.TIME_STAMPING.dotted_string}
        return self.may_sign and alone and all(map(is_critical, rows))

    @property
    def may_sign(self) -> bool:
        """Whether its key usage, if it names any, includes signing documents (RFC 5280, 4.2.1.3)."""
        usage = self._extension(ExtensionOID.KEY_USAGE)
        if usage is None:
            return not self._has(ExtensionOID.KEY_USAGE)
        return bool(usage.digital_signature or usage.content_commitment)

    @property
    def signs_lists(self) -> bool | None:
        """Whether its key usage lets it sign revocation lists (RFC 5280, 4.2.1.3); None when it names no usage."""
        usage = self._extension(ExtensionOID.KEY_USAGE)
        if usage is None:
            return False if self._has(ExtensionOID.KEY_USAGE) else None
        return bool(usage.crl_sign)

    @property
    def is_authoritys(self) -> bool:
        """Whether its key signs certificates (RFC 5280, 4.2.1.9)."""
        constraints = self._extension(ExtensionOID.BASIC_CONSTRAINTS)
        return constraints is not None and bool(constraints.ca)

    @property
    def may_answer_ocsp(self) -> bool:
        return ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string in self.usages

    @property
    def never_revoked(self) -> bool:
        """Whether nobody need ask about it, by its CA's word: a responder with id-pkix-ocsp-nocheck (RFC 6960, 4.2.2.2.1), or the
        validity-assured short-term mark (ETSI EN 319 412-1, 5.2). What is said of it all the same counts."""
        free = self.may_answer_ocsp and self._extension(ExtensionOID.OCSP_NO_CHECK) is not None
        return free or self._has(x509.ObjectIdentifier(SHORT_TERM))

    @cached_property
    def facts(self) -> CertificateFacts:
        subject = self.x509.subject
        return CertificateFacts(
            subject=text_of(subject),
            common_name=one_of(subject, NameOID.COMMON_NAME),
            title=one_of(subject, NameOID.TITLE),
            organisation=one_of(subject, NameOID.ORGANIZATION_NAME),
            issuer=text_of(self.x509.issuer),
            serial=f"{self.serial:x}",
            not_before=self.not_before.astimezone(UTC),
            not_after=self.not_after.astimezone(UTC),
            sha256=self.sha256.hex(),
        )

    @property
    def name(self) -> str:
        """How people are told of it."""
        return self.facts.common_name or self.facts.subject

    @property
    def key_bits(self) -> int:
        if isinstance(self.key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            return 255 if isinstance(self.key, ed25519.Ed25519PublicKey) else 448
        return int(getattr(self.key, "key_size", 0))

    def issued_by(self, issuer: Certificate) -> bool:
        """Whether the names and key identifiers say so; whether it is true is asked of `signed_by`."""
        if self.issuer != issuer.subject:
            return False
        mine, theirs = self.authority_key_id, issuer.key_id
        return mine is None or theirs is None or mine == theirs

    def signed_by(self, issuer: Certificate) -> bool:
        """Whether names and key identifiers agree, and the signature is the issuer's. Remembered.

        With whatever algorithm: until when it may be relied on is for the dated policy to say, and a library that refuses SHA-1 refuses
        what was sound in its time, too.
        """
        if not self.issued_by(issuer):
            return False
        if issuer.sha256 not in self._signers:
            plain = self._mended is None  # then the library has read it as it stands, and has no other bytes
            value = self.x509.signature if plain else self.stands.signature
            body = self.x509.tbs_certificate_bytes if plain else self.stands.body
            signed = self.scheme is not None and signed_by(issuer.key, self.scheme, value, body)
            self._signers[issuer.sha256] = signed
        return self._signers[issuer.sha256]

    def addresses(self) -> Iterator[tuple[str, str]]:
        """("ca" | "ocsp" | "crl", URL): where issuer, status and list may be had (RFC 5280, 4.2.1.13 and 4.2.2.1)."""
        access = self._extension(ExtensionOID.AUTHORITY_INFORMATION_ACCESS)
        for each in access or ():
            kind = {"1.3.6.1.5.5.7.48.1": "ocsp", "1.3.6.1.5.5.7.48.2": "ca"}.get(each.access_method.dotted_string)
            if kind and isinstance(each.access_location, x509.UniformResourceIdentifier):
                yield kind, each.access_location.value
        for point in self._extension(ExtensionOID.CRL_DISTRIBUTION_POINTS) or ():
            for name in point.full_name or ():
                if isinstance(name, x509.UniformResourceIdentifier):
                    yield "crl", name.value

    @cached_property
    def list_issuers(self) -> frozenset[bytes]:
        """Names of those who keep the list of it in the issuer's place (cRLIssuer, RFC 5280, 4.2.1.13)."""
        points = self._extension(ExtensionOID.CRL_DISTRIBUTION_POINTS) or ()
        return frozenset(name for point in points for name in directory_names(point.crl_issuer))

    @cached_property
    def list_points(self) -> frozenset[Hashable]:
        """Names of the lists that tell of it (`signatures.list_parts`)."""
        points = self._extension(ExtensionOID.CRL_DISTRIBUTION_POINTS)
        unread = points is None and self._has(ExtensionOID.CRL_DISTRIBUTION_POINTS)
        return frozenset() if unread else points_of(points, self.issuer)

    @cached_property
    def _extensions(self) -> dict[bytes, list[bytes]]:
        """The extensions as they stand there, by what their identifiers say (`said`)."""
        found: dict[bytes, list[bytes]] = {}
        try:
            for held in (each for each in self.stands.versionless[6:] if each[:1] == b"\xa3"):
                for row in inside(inside(held)[0]):
                    found.setdefault(said(inside(row)[0]), []).append(row)
        except (Malformed, IndexError):
            pass
        return found

    @property
    def doubled(self) -> bool:
        """Whether an extension stands there twice, which none may (RFC 5280, 4.2): readers take the first, the last, or none."""
        return any(len(rows) > 1 for rows in self._extensions.values())

    @property
    def unread_rules(self) -> bool:
        """Whether what bounds a path stands in it, and cannot be read (basic and name constraints, key usage): of readers each makes of it
        what it likes."""
        rules = ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.NAME_CONSTRAINTS, ExtensionOID.KEY_USAGE
        return any(self._has(each) and self._extension(each) is None for each in rules)

    def _has(self, oid: x509.ObjectIdentifier) -> bool:
        """Whether it has this extension, be it one that can be read or not."""
        return said(der.write_oid(oid.dotted_string)) in self._extensions

    def _extension(self, oid: x509.ObjectIdentifier) -> Any:
        """What an extension says; None where it is not there, stands there twice or is broken: path validation refuses what matters."""
        try:
            return self.x509.extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            return None
        except (ValueError, *ODD):  # one that cannot be read makes the library silent on all of them, at every question
            pass
        if oid not in self._alone:
            rows = self._extensions.get(said(der.write_oid(oid.dotted_string)), ())
            self._alone[oid] = read_alone(rows[0], oid) if len(rows) == 1 else None
        return self._alone[oid]


HASH_NAMES = {each.replace("_", "-"): each for each in HASHES}
"""The names that cryptography gives hashes → those of hashlib."""

LONGEST_PLAIN = 4 << 10
"""Bytes of a certificate that is read on no account: real ones have two thousand. In longer ones may be names of thousands of
parts, over which the library takes long."""

SHORT_TERM = "0.4.0.194121.2.1"


def certificates_of(ders: Iterable[bytes]) -> Iterator[Certificate]:
    """Those of ``ders`` that are certificates; of what is not plain, or long, no more than the account of the file has, each once."""
    account = at_hand()
    for each in ders:
        found = account.known[each] if each in account.known else _read(each, mend=False) if len(each) <= LONGEST_PLAIN else None
        if not (found and found.plain) and each not in account.known:
            found = account.known[each] = (found or _read(each, mend=True)) if account.take(each) else None
        if found:
            yield found


def _read(data: bytes, *, mend: bool) -> Certificate | None:
    with suppress(ValueError):
        return Certificate(data, mend=mend)
    return None
