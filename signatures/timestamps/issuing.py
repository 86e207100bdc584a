"""An authority of one's own: for the demo and for tests, which need decades of authorities in a second. Never evidence.

Whoever holds the archive and the authority's key can stamp any time he likes; so what such an authority says proves nothing to
others. The demo authority's name says so, wherever it shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from signatures import der
from signatures.algorithms import HASH_OIDS, HASHES, SIZES
from signatures.der import DerError
from signatures.timestamps.signer_info import issuer_and_serial

__all__ = ["DEMO_NAME", "IssuingAuthority", "demo_authority", "make_authority"]

DEMO_NAME = "Kho demo time-stamps - NOT EVIDENCE"
DEMO_POLICY = "1.3.6.1.4.1.99999.1"
"""Of no registered organisation."""

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_SHA: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4"}
_PKCS1 = {"sha256": "1.2.840.113549.1.1.11", "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13"}


@dataclass
class IssuingAuthority:
    """Answers requests with its own key, at the time its clock says. ``hash`` is what its signatures stand on, ``key`` the signing
    key, ``certificate`` its certificate, ``root`` the self-signed one above it (both DER)."""

    key: Key
    certificate: bytes
    root: bytes
    clock: Callable[[], datetime]
    hash: str = "sha256"
    policy: str = DEMO_POLICY
    revocations: tuple[bytes, ...] = ()
    serial: int = 0

    def answer(self, request: bytes) -> bytes:
        """A TimeStampResp; a refusal when the request cannot be read."""
        try:
            imprint, nonce = _asked(request)
        except (DerError, IndexError, ValueError):
            return der.sequence(der.sequence(der.write_integer(2)))
        return der.sequence(der.sequence(der.write_integer(0)), self.token(imprint, nonce))

    def token(self, imprint: bytes, nonce: bytes = b"") -> bytes:
        """A token over an encoded MessageImprint; ``nonce`` is an encoded INTEGER or nothing."""
        self.serial += 1
        time = self.clock().astimezone(UTC).replace(microsecond=0)
        info = der.sequence(
            der.write_integer(1),
            der.write_oid(self.policy),
            imprint,
            der.write_integer(int(time.timestamp()) << 20 | self.serial),
            der.encode(der.GENERALIZED_TIME, time.strftime("%Y%m%d%H%M%SZ").encode("ascii")),
            nonce,
        )
        digest = der.sequence(der.write_oid(HASHES[self.hash]), b"\x05\x00")
        members = self._attributes(info)
        value, scheme = self._sign(der.set_of(members))
        issuer, serial = issuer_and_serial(self.certificate)
        signer = der.sequence(
            der.write_integer(1),
            der.sequence(issuer, serial),
            digest,
            der.set_of(members, 0xA0),
            scheme,
            der.encode(der.OCTET_STRING, value),
        )
        content = der.encode(0xA0, der.encode(der.OCTET_STRING, info))
        lists = (der.set_of(self.revocations, 0xA1),) if self.revocations else ()
        signed = der.sequence(
            der.write_integer(3),
            der.encode(der.SET, digest),
            der.sequence(der.write_oid("1.2.840.113549.1.9.16.1.4"), content),
            der.set_of([self.certificate], 0xA0),
            *lists,
            der.encode(der.SET, signer),
        )
        return der.sequence(der.write_oid("1.2.840.113549.1.7.2"), der.encode(0xA0, signed))

    def _attributes(self, info: bytes) -> list[bytes]:
        def attribute(oid: str, value: bytes) -> bytes:
            return der.sequence(der.write_oid(oid), der.encode(der.SET, value))

        reference = der.sequence(der.encode(der.OCTET_STRING, hashlib.sha256(self.certificate).digest()))
        return [
            attribute("1.2.840.113549.1.9.3", der.write_oid("1.2.840.113549.1.9.16.1.4")),
            attribute("1.2.840.113549.1.9.4", der.encode(der.OCTET_STRING, hashlib.new(self.hash, info).digest())),
            attribute("1.2.840.113549.1.9.16.2.47", der.sequence(der.sequence(reference))),
        ]

    def _sign(self, message: bytes) -> tuple[bytes, bytes]:
        """(signature value, AlgorithmIdentifier)."""
        hasher = _SHA[self.hash]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA(hasher)), der.sequence(der.write_oid(_ECDSA[self.hash]))
        return self.key.sign(message, padding.PKCS1v15(), hasher), der.sequence(der.write_oid(_PKCS1[self.hash]), b"\x05\x00")


def _asked(request: bytes) -> tuple[bytes, bytes]:
    """(MessageImprint, nonce), both encoded. Raises DerError, IndexError, ValueError."""
    parts = der.children(request, der.whole(request))
    imprint = parts[1]
    algorithm, digest = der.children(request, imprint)
    name = HASH_OIDS.get(der.oid(request, der.children(request, algorithm)[0]), "")
    if not name or len(der.octets(request, digest)) != SIZES[name]:
        raise ValueError(name)
    nonces = [each for each in parts[2:] if each.tag == der.INTEGER]
    nonce = request[nonces[0].start : nonces[0].end] if nonces else b""
    return request[imprint.start : imprint.end], nonce


def make_authority(
    name: str,
    key: Key,
    *,
    clock: Callable[[], datetime],
    begins: datetime,
    ends: datetime,
    hash_name: str = "sha256",
    root_key: Key | None = None,
    crl_url: str = "",
    ocsp_url: str = "",
) -> IssuingAuthority:
    """A new authority: a root of its own, and a signing certificate valid from ``begins`` to ``ends``, which says that its revocation
    list is at ``crl_url`` and its responder at ``ocsp_url``."""
    root_key = root_key or ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} root")])
    authority = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    usage = dict.fromkeys(
        ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
    )
    root = (
        x509.CertificateBuilder(root_name, root_name, root_key.public_key(), x509.random_serial_number(), begins, ends)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage), True)
        .add_extension(authority, False)
        .sign(root_key, _SHA[hash_name])
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(root_name, subject, key.public_key(), x509.random_serial_number(), begins, ends)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), False)
    )
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
    if ocsp_url:
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url))
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
    leaf = builder.sign(root_key, _SHA[hash_name])
    encoding = serialization.Encoding.DER
    return IssuingAuthority(key, leaf.public_bytes(encoding), root.public_bytes(encoding), clock, hash_name)


def demo_authority(file: Path, *, clock: Callable[[], datetime]) -> IssuingAuthority:
    """The demo authority whose key and certificates are in ``file``, made when there is none. Raises OSError."""
    pem = serialization.Encoding.PEM
    if not file.exists():
        now = clock()
        key = ec.generate_private_key(ec.SECP256R1())
        made = make_authority(DEMO_NAME, key, clock=clock, begins=now - timedelta(days=1), ends=now + timedelta(days=3650))
        text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for encoded in (made.certificate, made.root):
            text += x509.load_der_x509_certificate(encoded).public_bytes(pem)
        beside = file.with_name(file.name + ".new")
        beside.touch(0o600)
        beside.write_bytes(text)
        beside.rename(file)
    data = file.read_bytes()
    loaded = serialization.load_pem_private_key(data, None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    leaf, root = (each.public_bytes(serialization.Encoding.DER) for each in x509.load_pem_x509_certificates(data))
    return IssuingAuthority(loaded, leaf, root, clock)
