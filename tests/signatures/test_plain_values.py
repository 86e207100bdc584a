"""Values that are made in other ways: EdDSA over a content itself (RFC 8419), and r and s of ECDSA side by side (BSI TR-03111)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import algos, cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signatures import cms as cms_module
from signatures.certificates import Certificate
from signatures.report import Integrity, SubIndication
from signatures.signed import SignedObject
from tests.signatures import asic_builder
from tests.signatures.judging import read

CONTENT = b"cong van so 1"
PLAIN = "0.4.0.127.0.7.1.1.4.1."
HASHES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "1": ("1.3.14.3.2.26", hashes.SHA1()),
    "2": ("2.16.840.1.101.3.4.2.4", hashes.SHA224()),
    "3": ("2.16.840.1.101.3.4.2.1", hashes.SHA256()),
    "4": ("2.16.840.1.101.3.4.2.2", hashes.SHA384()),
    "5": ("2.16.840.1.101.3.4.2.3", hashes.SHA512()),
    "8": ("2.16.840.1.101.3.4.2.7", hashes.SHA3_224()),
    "9": ("2.16.840.1.101.3.4.2.8", hashes.SHA3_256()),
    "10": ("2.16.840.1.101.3.4.2.9", hashes.SHA3_384()),
    "11": ("2.16.840.1.101.3.4.2.10", hashes.SHA3_512()),
}
SHA512 = HASHES["5"][0]


def certificate(key: Any, name: str = "signer", issuer: tuple[str, Any] | None = None) -> bytes:
    """Self-signed; or in the name of an issuer whose own value it lacks (`plainly_signed`)."""
    above, by = issuer or (name, key)
    hasher = None if isinstance(by, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    built = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, above)]),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        key.public_key(),
        x509.random_serial_number(),
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    return built.sign(by, hasher).public_bytes(Encoding.DER)


def attributes_of(algorithm: hashes.HashAlgorithm) -> Any:
    hasher = hashes.Hash(algorithm)
    hasher.update(CONTENT)
    return cms.CMSAttributes(
        [{"type": "content_type", "values": ["data"]}, {"type": "message_digest", "values": [hasher.finalize()]}]
    )


def signed(
    der: bytes,
    algorithm: str,
    digest: str,
    sign: Callable[[bytes], bytes],
    *,
    content: bytes | None = CONTENT,
    attributes: bool = False,
) -> bytes:
    """A CMS over `CONTENT`, with ``content`` in it."""
    own = asn1_x509.Certificate.load(der)
    info: dict[str, Any] = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
        "digest_algorithm": {"algorithm": digest},
        "signature_algorithm": {"algorithm": algorithm},
    }
    if attributes:
        info["signed_attrs"] = attributes_of(next(each for oid, each in HASHES.values() if oid == digest))
    info["signature"] = sign(info["signed_attrs"].dump() if attributes else CONTENT)
    held = {"content_type": "data"} | ({} if content is None else {"content": content})
    structure = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": digest}],
        "encap_content_info": held,
        "certificates": [own],
        "signer_infos": [info],
    }
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(structure)}).dump())


def only(folder: Path, data: bytes, beside: dict[str, bytes] | None = None, name: str = "a.p7m") -> SignedObject:
    (found,) = read(folder, data, name, beside).objects
    return found


# -- EdDSA --------------------------------------------------------------------------------------------------------------------------------

KEYS = {"1.3.101.112": ed25519.Ed25519PrivateKey.generate(), "1.3.101.113": ed448.Ed448PrivateKey.generate()}
SHAKE256 = "2.16.840.1.101.3.4.2.12"


def eddsa(oid: str, digest: str = SHA512, *, enclosed: bool = True, attributes: bool = False) -> bytes:
    key: Any = KEYS[oid]
    return signed(certificate(key), oid, digest, key.sign, content=CONTENT if enclosed else None, attributes=attributes)


@pytest.mark.parametrize("oid", KEYS)
@pytest.mark.parametrize("digest", [SHA512, SHAKE256])
def test_a_content_that_is_signed_itself(tmp_path: Path, oid: str, digest: str) -> None:
    data = eddsa(oid, digest)
    assert only(tmp_path, data).integrity is Integrity.INTACT
    found = only(tmp_path, data.replace(CONTENT, CONTENT.replace(b"1", b"2")))
    assert (found.integrity, found.failure) == (Integrity.BROKEN, SubIndication.SIG_CRYPTO_FAILURE)


@pytest.mark.parametrize("oid", KEYS)
def test_a_content_beside_that_is_signed_itself(tmp_path: Path, oid: str) -> None:
    data = eddsa(oid, enclosed=False)
    assert only(tmp_path, data, {"b": b"other", "a": CONTENT}, "a.p7s").integrity is Integrity.INTACT
    assert only(tmp_path, data, {"a": CONTENT + b"!"}, "a.p7s").integrity is Integrity.BROKEN
    found = only(tmp_path, data, {}, "a.p7s")
    assert (found.integrity, getattr(found.why, "code", "")) == (Integrity.UNKNOWN, "SIG-CONTENT-MISSING")


def test_a_content_with_signed_attributes(tmp_path: Path) -> None:
    data = eddsa("1.3.101.112", attributes=True)
    assert only(tmp_path, data).integrity is Integrity.INTACT
    found = only(tmp_path, data.replace(CONTENT, CONTENT.replace(b"1", b"2")))
    assert (found.integrity, found.failure) == (Integrity.BROKEN, SubIndication.HASH_FAILURE)


def test_signed_attributes_passed_off_as_a_content(tmp_path: Path) -> None:
    """Their value without them is right over them."""
    key: Any = KEYS["1.3.101.112"]
    message = attributes_of(hashes.SHA512()).dump()
    data = signed(certificate(key), "1.3.101.112", SHA512, lambda _: key.sign(message), content=message)
    found = only(tmp_path, data)
    assert (found.integrity, found.failure) == (Integrity.BROKEN, SubIndication.FORMAT_FAILURE)


def test_a_content_that_is_too_long_to_be_read_as_a_whole_is_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cms_module, "MOST_MESSAGE", len(CONTENT) - 1)
    found = only(tmp_path, eddsa("1.3.101.112"))
    assert (found.integrity, getattr(found.why, "code", "")) == (Integrity.UNKNOWN, "SIG-CONTENT-UNREAD")


def test_contents_of_many_signers_are_read_within_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cms_module, "MOST_MESSAGES", 30)
    message = cms_module.Message(lambda most: CONTENT[:most])
    assert [message.whole() for _ in range(3)] == [CONTENT, CONTENT, None]


def test_in_containers(tmp_path: Path) -> None:
    key: Any = KEYS["1.3.101.112"]
    der = certificate(key)
    own = asic_builder.manifest("META-INF/signature001.p7s", {"a.txt": CONTENT})
    sealed = signed(der, "1.3.101.112", SHA512, lambda _: key.sign(own), content=None)
    members = {"a.txt": CONTENT, "META-INF/ASiCManifest001.xml": own, "META-INF/signature001.p7s": sealed}
    assert only(tmp_path, asic_builder.zipped(members)).integrity is Integrity.INTACT
    members["META-INF/ASiCManifest001.xml"] = own.replace(b"a.txt", b"b.txt")
    assert only(tmp_path, asic_builder.zipped(members | {"b.txt": CONTENT})).integrity is Integrity.BROKEN
    simple = {"a.txt": CONTENT, "META-INF/signature.p7s": eddsa("1.3.101.112", enclosed=False)}
    kind = "application/vnd.etsi.asic-s+zip"
    assert only(tmp_path, asic_builder.zipped(simple, kind=kind)).integrity is Integrity.INTACT


# -- ECDSA in the plain form --------------------------------------------------------------------------------------------------------------

CURVES: list[ec.EllipticCurve] = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), ec.BrainpoolP256R1(), ec.BrainpoolP512R1()]


def plainly(key: ec.EllipticCurvePrivateKey, hasher: hashes.HashAlgorithm, *, length: int = 0) -> Callable[[bytes], bytes]:
    size = length or (key.curve.group_order.bit_length() + 7) // 8

    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hasher)))
        return r.to_bytes(size) + s.to_bytes(size)

    return sign


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
@pytest.mark.parametrize("number", HASHES)
def test_a_plain_value(tmp_path: Path, number: str, curve: ec.EllipticCurve) -> None:
    key, (oid, hasher) = ec.generate_private_key(curve), HASHES[number]
    data = signed(certificate(key), PLAIN + number, oid, plainly(key, hasher), attributes=number in ("3", "9"))
    found = only(tmp_path, data)
    assert (found.integrity, found.scheme) == (Integrity.INTACT, "ecdsa")
    assert only(tmp_path, data.replace(CONTENT, CONTENT.upper())).integrity is Integrity.BROKEN


def test_a_plain_value_of_another_length_is_wrong(tmp_path: Path) -> None:
    key, (oid, hasher) = ec.generate_private_key(ec.SECP256R1()), HASHES["3"]
    der = certificate(key)
    exact = plainly(key, hasher)
    for sign in (
        plainly(key, hasher, length=33),
        lambda message: exact(message)[1:],
        lambda message: exact(message) + b"\0",
        lambda message: (value := exact(message))[:32] + b"\0" + value[32:],  # the same numbers
        lambda message: b"",
        lambda message: key.sign(message, ec.ECDSA(hasher)),
        lambda message: bytes(64),
    ):
        found = only(tmp_path, signed(der, PLAIN + "3", oid, sign))
        assert (found.integrity, found.failure) == (Integrity.BROKEN, SubIndication.SIG_CRYPTO_FAILURE)
    assert only(tmp_path, signed(der, "1.2.840.10045.4.3.2", oid, exact)).integrity is Integrity.BROKEN


def test_a_plain_value_with_a_hash_that_is_not_understood_is_unknown(tmp_path: Path) -> None:
    key, (oid, hasher) = ec.generate_private_key(ec.SECP256R1()), HASHES["3"]
    found = only(tmp_path, signed(certificate(key), PLAIN + "6", oid, plainly(key, hasher)))
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def plainly_signed(der: bytes, number: str, sign: Callable[[bytes], bytes]) -> bytes:
    """A certificate whose value is made in the plain form."""
    built = asn1_x509.Certificate.load(der)
    algorithm = algos.SignedDigestAlgorithm({"algorithm": PLAIN + number})
    built["tbs_certificate"]["signature"] = algorithm
    built["signature_algorithm"] = algorithm
    built["signature_value"] = sign(built["tbs_certificate"].dump(force=True))
    return bytes(built.dump(force=True))


@pytest.mark.parametrize("number", HASHES)
def test_a_certificate_that_is_signed_in_the_plain_form(number: str) -> None:
    key, above, other = (ec.generate_private_key(ec.BrainpoolP384R1()) for _ in range(3))
    issuer = Certificate(certificate(above, "issuer"))
    der = certificate(key, "signer", ("issuer", above))
    made = Certificate(plainly_signed(der, number, plainly(above, HASHES[number][1])))
    assert made.scheme is not None
    assert (made.scheme.name, made.scheme.hash) == ("ecdsa", HASHES[number][1].name.replace("-", "_"))
    assert made.signed_by(issuer)
    assert not Certificate(plainly_signed(der, number, plainly(other, HASHES[number][1]))).signed_by(issuer)
    assert not Certificate(plainly_signed(der, number, lambda data: plainly(above, HASHES[number][1])(data)[:-1])).signed_by(
        issuer
    )
