"""SHA-1 wherever a signature or a time-stamp stands on it is said, and what signatures stand on has an end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from signatures import der
from signatures.signed import WEAK
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day
from tests.signatures.token_builder import Token, ess_v1, ess_v2, numbered
from tests.signatures.xml_signing import Signing

NAMING = ("1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47")
SHA1 = "1.3.14.3.2.26"
DATA = b"Cong van so 1"


def naming(pki: Pki, *names: str) -> bytes:
    """A CMS over `DATA` that names its certificate by these hashes."""
    info = cms.ContentInfo.load(pki.sign_cms(DATA))
    signer = info["content"]["signer_infos"][0]
    certificate = Signing(pki).der("")
    references = {"sha1": ess_v1(hashlib.sha1(certificate).digest()), "sha256": ess_v2(hashlib.sha256(certificate).digest())}
    attributes = [each.dump() for each in signer["signed_attrs"] if each["type"].dotted not in NAMING]
    attributes += [references[each] for each in names]
    signer["signed_attrs"] = cms.CMSAttributes.load(der.set_of(attributes))
    signer["signature"] = _value(pki, der.set_of(attributes))
    return bytes(info.dump(force=True))


def _value(pki: Pki, message: bytes) -> bytes:
    key = Signing(pki).key()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    ("names", "verdict", "weak"),
    [
        (("sha256",), "TOTAL-PASSED", False),
        (("sha1",), "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE_NO_POE", True),
        (("sha1", "sha256"), "TOTAL-PASSED", False),
    ],
)
def test_a_certificate_that_a_cms_names_by_sha1(tmp_path: Path, pki: Pki, names: Iterable[str], verdict: str, weak: bool) -> None:
    """As in XAdES: the strongest of the hashes by which it is named counts (EN 319 102-1, 5.2.8)."""
    report = signature(tmp_path, pki, naming(pki, *names), day(2026, 6), beside={"a": DATA})
    assert (str(report.verdict), WEAK in report.notes) == (verdict, weak)
    assert report.digest_algorithm == ("sha1" if weak else "sha256")


def _sha1_imprint(parts: list[bytes]) -> list[bytes]:
    imprint = der.sequence(numbered(SHA1, null=True), der.encode(der.OCTET_STRING, hashlib.sha1(DATA).digest()))
    return [*parts[:2], imprint, *parts[3:]]


TOKEN = Token(hashlib.sha256(DATA).digest())


@pytest.mark.parametrize(
    ("token", "weak"),
    [
        (TOKEN, False),
        (TOKEN.with_(info=_sha1_imprint), True),
        (TOKEN.with_(references=lambda each: [ess_v1(hashlib.sha1(each).digest())]), True),
    ],
)
def test_a_time_stamp_that_stands_on_sha1(tmp_path: Path, token: Token, weak: bool) -> None:
    (found,) = read(tmp_path, token.encoded, "a.tst", {"a": DATA}).objects
    assert (found.failure, WEAK in found.notes) == (None, weak)
