"""Certificates, revocation lists and answers made one by one, for tests that need a CA as it should not be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import keys
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign import signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signatures.certificates import Certificate

__all__ = ["LISTS", "NOCHECK", "OCSP", "Holder", "at_url", "root", "year"]

DER = serialization.Encoding.DER

LISTS = frozenset({"crl_sign"})
OCSP = ExtendedKeyUsageOID.OCSP_SIGNING
NOCHECK = x509.OCSPNoCheck()

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def year(number: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(number, month, day, 12, tzinfo=UTC)


BEGIN, END = year(2020), year(2036)


def at_url(url: str) -> x509.ExtensionType:
    """A distribution point of revocation lists."""
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)])


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, eq=False)
class Holder:
    """Who holds a key and a certificate."""

    name: str
    key: ec.EllipticCurvePrivateKey
    x509: x509.Certificate

    @property
    def certificate(self) -> Certificate:
        return Certificate(self.x509.public_bytes(DER))

    def issue(
        self,
        name: str,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        ca: bool = False,
        usage: Iterable[str] | None = None,
        purposes: Sequence[x509.ObjectIdentifier] = (),
        begins: datetime = BEGIN,
        ends: datetime = END,
        more: Sequence[x509.ExtensionType] = (),
    ) -> Holder:
        """A certificate for ``name``: a CA's, or else a signer's. ``usage``: its key usage, when it is not what that has."""
        key = key or new_key()
        return Holder(name, key, _certificate(self, name, key, ca, usage, purposes, begins, ends, more))

    def crl(
        self,
        *revoked: Holder | tuple[Holder, datetime, x509.ReasonFlags],
        made: datetime,
        name: str = "",
        days: int = 30,
        more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> bytes:
        """A list in its own name, or that of ``name``: what is on it was revoked at the beginning of 2025 for no reason."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(_named(name or self.name))
        builder = builder.last_update(made).next_update(made + timedelta(days=days))
        for each in revoked:
            who, when, why = each if isinstance(each, tuple) else (each, year(2025), x509.ReasonFlags.unspecified)
            row = x509.RevokedCertificateBuilder().serial_number(who.x509.serial_number).revocation_date(when)
            if why is not x509.ReasonFlags.unspecified:
                row = row.add_extension(x509.CRLReason(why), False)
            builder = builder.add_revoked_certificate(row.build())
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(DER)

    def answer(
        self,
        about: Holder,
        issuer: Holder,
        *,
        made: datetime,
        revoked: datetime | None = None,
        days: int = 30,
        bare: bool = False,
    ) -> bytes:
        """An OCSP answer that brings along the certificate of who signed it, unless it is ``bare``."""
        status = ocsp.OCSPCertStatus.GOOD if revoked is None else ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            about.x509, issuer.x509, hashes.SHA1(), status, made, made + timedelta(days=days), revoked, None
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.x509).certificates([self.x509])
        response = asn1_ocsp.OCSPResponse.load(builder.sign(self.key, hashes.SHA256()).public_bytes(DER))
        basic = response.basic_ocsp_response  # which that builder dates by the clock
        basic["tbs_response_data"]["produced_at"] = made
        basic["signature"] = self.key.sign(basic["tbs_response_data"].dump(force=True), ec.ECDSA(hashes.SHA256()))
        if bare:
            basic["certs"] = None
        response["response_bytes"]["response"] = basic
        return bytes(response.dump(force=True))

    def signer(self, *along: Holder) -> Any:
        """For pyHanko; ``along`` are the certificates that come with the signature."""
        private = self.key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return signers.SimpleSigner(
            signing_cert=asn1.Certificate.load(self.x509.public_bytes(DER)),
            signing_key=keys.PrivateKeyInfo.load(private),
            cert_registry=SimpleCertificateStore.from_certs([asn1.Certificate.load(e.x509.public_bytes(DER)) for e in along]),
        )

    def sign(self, data: bytes, *along: Holder) -> bytes:
        """CAdES B-B with ``data`` enclosed."""
        work = self.signer(*along).async_sign_general_data(data, "sha256", detached=False, use_cades=True)
        return bytes(asyncio.run(work).dump())


def root(name: str = "R", **settings: Any) -> Holder:
    """A certificate that signed itself."""
    key = new_key()
    return Holder(name, key, _certificate(None, name, key, True, None, (), year(2020), settings.get("ends", year(2060)), ()))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    issuer: Holder | None,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    ca: bool,
    usage: Iterable[str] | None,
    purposes: Sequence[x509.ObjectIdentifier],
    begins: datetime,
    ends: datetime,
    more: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    wanted = set(("key_cert_sign", "crl_sign") if ca else ("digital_signature",)) if usage is None else set(usage)
    builder = x509.CertificateBuilder().subject_name(_named(name)).issuer_name(_named(issuer.name if issuer else name))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(ends).add_extension(x509.BasicConstraints(ca, None), True)
    if wanted:
        builder = builder.add_extension(x509.KeyUsage(**{each: each in wanted for each in USAGES}), True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    for each in more:
        builder = builder.add_extension(each, False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())
