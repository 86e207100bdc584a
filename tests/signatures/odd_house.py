"""A house of certificates written byte by byte, so that each of them may be as odd as those that are out there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from asn1crypto import cms, tsp  # type: ignore[import-untyped]
from asn1crypto import core as asn1
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from policies.trust import default_algorithms
from signatures import der
from signatures.anchors import Anchors
from signatures.ber import element
from signatures.certificates import Certificate
from signatures.judgement import Context, ValidationData, judge
from signatures.report import SignatureReport
from tests.signatures.judging import read
from tests.signatures.pki import day

__all__ = ["AT", "House", "attribute", "cms_by", "extension", "judged", "named", "spki", "stamp_by", "strings", "times"]

AT = day(2026, 6)
BASIC, USAGE, CONSTRAINTS = "2.5.29.19", "2.5.29.15", "2.5.29.30"
SIGN = extension_value = bytes.fromhex("030206c0")
ISSUE = bytes.fromhex("03020106")
SHA256_ECDSA = der.sequence(der.write_oid("1.2.840.10045.4.3.2"))


@cache
def key(name: str) -> Any:
    return rsa.generate_private_key(65537, 2048) if name.startswith("rsa") else ec.generate_private_key(ec.SECP256R1())


def strings(tag: int, letters: bytes) -> bytes:
    return der.encode(tag, letters)


def attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.write_oid(oid), value)


def named(value: bytes, *more: bytes) -> bytes:
    """A name of one common name, and what else stands in the same set."""
    return der.sequence(der.encode(0x31, attribute("2.5.4.3", value), *more))


def times(begin: bytes = b"\x17\x0d250101000000Z", end: bytes = b"\x17\x0d300101000000Z") -> bytes:
    return der.sequence(begin, end)


def extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    return der.sequence(der.write_oid(oid), critical, der.encode(der.OCTET_STRING, value))


def spki(name: str) -> bytes:
    return bytes(key(name).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


YES = b"\x01\x01\xff"
CA = (extension(BASIC, bytes.fromhex("30030101ff"), YES), extension(USAGE, ISSUE, YES))
SIGNER = (extension(USAGE, SIGN, YES),)


@dataclass
class House:
    """``root`` issues; each of the names may be odd. Certificates are DER as it is told."""

    root: bytes = field(default_factory=lambda: named(strings(0x0C, b"Root")))

    def issued(
        self,
        subject: bytes,
        *,
        own: str = "signer",
        by: str = "root",
        issuer: bytes | None = None,
        version: bytes = b"\xa0\x03\x02\x01\x02",
        serial: bytes = b"\x02\x01\x05",
        validity: bytes | None = None,
        public: bytes | None = None,
        extensions: Sequence[bytes] = SIGNER,
    ) -> bytes:
        rows = der.encode(0xA3, der.sequence(*extensions)) if extensions else b""
        fields = (
            serial,
            SHA256_ECDSA,
            self.root if issuer is None else issuer,
            validity or times(),
            subject,
            public or spki(own),
        )
        return self.signed(der.sequence(version, *fields, rows), by)

    def signed(self, body: bytes, by: str = "root") -> bytes:
        value = key(by).sign(body, ec.ECDSA(hashes.SHA256()))
        return der.sequence(body, SHA256_ECDSA, der.encode(der.BIT_STRING, b"\0", value))

    def anchor(self, **changes: Any) -> bytes:
        return self.issued(self.root, own="root", serial=b"\x02\x01\x01", **({"extensions": CA} | changes))

    def list(
        self,
        *rows: bytes,
        issuer: bytes | None = None,
        by: str = "root",
        update: bytes = b"\x17\x0d260501000000Z",
        version: bytes = b"\x02\x01\x01",
        rules: Sequence[bytes] = (),
    ) -> bytes:
        listed = der.sequence(*rows) if rows else b""
        fields = (SHA256_ECDSA, self.root if issuer is None else issuer, update, b"\x17\x0d260801000000Z", listed)
        extensions = der.encode(0xA0, der.sequence(*rules)) if rules else b""
        return self.signed(der.sequence(version, *fields, extensions), by)

    def answer(
        self,
        certificate: bytes,
        *statuses: bytes,
        responder: bytes,
        by: str,
        produced: bytes,
        keyed: bool = False,
        until: bytes = b"\x18\x0f20260801000000Z",
        rules: Sequence[bytes] = (),
        each_with: Sequence[bytes] = (),
    ) -> bytes:
        """An OCSP answer (RFC 6960, 4.2.1) that says each of ``statuses`` of ``certificate``, and names ``responder`` (``keyed``: a key of
        another) as who signed it. ``rules`` are extensions of the whole, ``each_with`` of each status."""
        found = Certificate(self.anchor())
        sha1 = der.sequence(der.write_oid("1.3.14.3.2.26"), b"\x05\x00")
        hashed = (der.encode(0x04, hashlib.sha1(each).digest()) for each in (self.root, found.key_octets))
        about = der.sequence(sha1, *hashed, der.write_integer(Certificate(certificate).serial))
        update, until = b"\x18\x0f20260501000000Z", der.encode(0xA0, until)
        name = der.encode(0xA1, Certificate(responder).subject)
        name = der.encode(0xA2, der.encode(0x04, bytes(20))) if keyed else name
        inner, outer = (der.encode(0xA1, der.sequence(*rows)) if rows else b"" for rows in (each_with, rules))
        singles = (der.sequence(about, each, update, until, inner) for each in statuses)
        body = der.sequence(name, produced, der.sequence(*singles), outer)
        basic = self.signed(body, by)
        whole = der.sequence(basic[element(basic).body :], der.encode(0xA0, der.sequence(responder)))
        answered = der.sequence(der.write_oid("1.3.6.1.5.5.7.48.1.1"), der.encode(0x04, whole))
        return der.sequence(b"\x0a\x01\x00", der.encode(0xA0, answered))


def stamp_by(certificate: bytes, own: str) -> bytes:
    """A token over "hello" of 1 June 2026."""
    info = {
        "version": 1,
        "policy": "1.2.3.4",
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(b"hello").digest()},
        "serial_number": 1,
        "gen_time": AT,
    }
    return cms_by(certificate, own, content=("tst_info", tsp.TSTInfo(info).dump()))


def cms_by(certificate: bytes, own: str = "signer", *, along: Sequence[bytes] = (), **changes: Any) -> bytes:
    """A CMS over "hello" by the key ``own``. ``changes``: ``sid``, or ``reference`` (the bytes that the signed attribute names)."""
    found = asn1_x509.Certificate.load(certificate)
    named_by = {"issuer": found.issuer, "serial_number": found.serial_number}
    reference = changes.get("reference", certificate)
    kind, content = changes.get("content", ("data", b"hello"))
    rows: list[dict[str, Any]] = [
        {"type": "content_type", "values": [kind]},
        {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
    ]
    if reference is not None:
        one = {"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(reference).digest()}
        rows.append({"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [one]})]})
    attributes = cms.CMSAttributes.load(cms.CMSAttributes(rows).dump(force=True))
    owner = key(own)
    is_rsa = isinstance(owner, rsa.RSAPrivateKey)
    how: tuple[Any, ...] = (padding.PKCS1v15(), hashes.SHA256()) if is_rsa else (ec.ECDSA(hashes.SHA256()),)
    info = {
        "version": "v1",
        "sid": changes.get("sid", {"issuer_and_serial_number": named_by}),
        "digest_algorithm": {"algorithm": "sha256"},
        "signature_algorithm": {"algorithm": "sha256_rsa" if is_rsa else "sha256_ecdsa"},
        "signature": owner.sign(attributes.dump(), *how),
        "signed_attrs": attributes,
    }
    held = asn1.OctetString if kind == "data" else asn1.ParsableOctetString
    made = cms.SignedData(
        {
            "version": "v1" if kind == "data" else "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": kind, "content": held(content)},
            "certificates": [asn1_x509.Certificate.load(each) for each in (certificate, *along)],
            "signer_infos": [info],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": made}).dump())


def judged(
    folder: Path, data: bytes, anchor: bytes, *, crls: Sequence[bytes] = (), ocsps: Sequence[bytes] = (), at: datetime = AT
) -> SignatureReport:
    context = Context(Anchors.of([Certificate(anchor)]), default_algorithms(), at)
    (report,) = judge(read(folder, data), context, beside=[ValidationData(crls=tuple(crls), ocsps=tuple(ocsps))])
    return report
