"""Time-stamp tokens that differ from a right one in exactly what a test wants: every part is a hook."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from signatures import der
from signatures.timestamps import IssuingAuthority
from signatures.timestamps.signer_info import issuer_and_serial
from tests.signatures.authorities import NOW, authority, issuing

__all__ = ["Token", "attribute", "ess_v1", "ess_v2", "issuer_serial", "numbered"]

SHA256 = "2.16.840.1.101.3.4.2.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
Parts = list[bytes]


@cache
def _authority() -> IssuingAuthority:
    return issuing(authority("built", years=40))


def numbered(oid: str, null: bool = False) -> bytes:
    """An AlgorithmIdentifier."""
    return der.sequence(der.write_oid(oid), b"\x05\x00" if null else b"")


def attribute(oid: str, *values: bytes) -> bytes:
    return der.sequence(der.write_oid(oid), der.encode(der.SET, *values))


def issuer_serial(certificate: bytes, *, serial: bytes = b"", issuer: bytes = b"") -> bytes:
    own_issuer, own_serial = issuer_and_serial(certificate)
    return der.sequence(der.sequence(der.encode(0xA4, issuer or own_issuer)), serial or own_serial)


def ess_v2(digest: bytes, *more: bytes, algorithm: bytes = b"") -> bytes:
    """SigningCertificateV2."""
    reference = der.sequence(algorithm, der.encode(der.OCTET_STRING, digest), *more)
    return attribute("1.2.840.113549.1.9.16.2.47", der.sequence(der.sequence(reference)))


def ess_v1(digest: bytes, *more: bytes) -> bytes:
    """SigningCertificate."""
    reference = der.sequence(der.encode(der.OCTET_STRING, digest), *more)
    return attribute("1.2.840.113549.1.9.16.2.12", der.sequence(der.sequence(reference)))


def _as_they_are(parts: Parts) -> Parts:
    return parts


def _by_digest(certificate: bytes) -> Parts:
    return [ess_v2(hashlib.sha256(certificate).digest())]


@dataclass(frozen=True)
class Token:
    """A token over a SHA-256 imprint. ``info`` changes the parts of the TSTInfo before it is signed, ``attributes`` the signed
    attributes, ``fields`` the parts of the SignedData; ``references`` the attribute that names the certificate (given: its DER)."""

    imprint: bytes
    at: datetime = NOW
    info: Callable[[Parts], Parts] = _as_they_are
    attributes: Callable[[Parts], Parts] = _as_they_are
    fields: Callable[[Parts], Parts] = _as_they_are
    references: Callable[[bytes], Parts] = _by_digest
    signers: int = 1
    content_type: str = TST_INFO

    def with_(self, **changes: object) -> Token:
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def certificate(self) -> bytes:
        return _authority().certificate

    @property
    def root(self) -> bytes:
        return _authority().root

    @property
    def encoded(self) -> bytes:
        made = _authority()
        info = der.sequence(*self.info(self._info()))
        attributes = [
            attribute("1.2.840.113549.1.9.3", der.write_oid(self.content_type)),
            attribute("1.2.840.113549.1.9.4", der.encode(der.OCTET_STRING, hashlib.sha256(info).digest())),
            *self.references(made.certificate),
        ]
        signer = self._signer(made, self.attributes(attributes))
        fields = [
            der.write_integer(3),
            der.encode(der.SET, numbered(SHA256)),
            der.sequence(der.write_oid(self.content_type), der.encode(0xA0, der.encode(der.OCTET_STRING, info))),
            der.encode(0xA0, made.certificate),
            der.encode(der.SET, *[signer] * self.signers),
        ]
        signed = der.sequence(*self.fields(fields))
        return der.sequence(der.write_oid("1.2.840.113549.1.7.2"), der.encode(0xA0, signed))

    def _info(self) -> Parts:
        return [
            der.write_integer(1),
            der.write_oid("1.3.6.1.4.1.99999.1"),
            der.sequence(numbered(SHA256, null=True), der.encode(der.OCTET_STRING, self.imprint)),
            der.write_integer(17),
            der.encode(der.GENERALIZED_TIME, self.at.strftime("%Y%m%d%H%M%SZ").encode()),
        ]

    def _signer(self, made: IssuingAuthority, attributes: Parts) -> bytes:
        assert isinstance(made.key, ec.EllipticCurvePrivateKey)
        assert isinstance(x509.load_der_x509_certificate(made.certificate).public_key(), ec.EllipticCurvePublicKey)
        value = made.key.sign(der.set_of(attributes), ec.ECDSA(hashes.SHA256()))
        return der.sequence(
            der.write_integer(1),
            der.sequence(*issuer_and_serial(made.certificate)),
            numbered(SHA256),
            der.set_of(attributes, 0xA0),
            numbered("1.2.840.10045.4.3.2"),
            der.encode(der.OCTET_STRING, value),
        )
