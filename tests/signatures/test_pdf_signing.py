"""Signing the archive's own documents: only with a certificate that is in force, and a stamp that is one over this very signature."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from policies.findings import spoken
from signatures.errors import SigningFailed
from signatures.pdf_signing import Pkcs12Key, sign_pdf
from signatures.timestamps import Authority
from signatures.timestamps.request import Request
from tests.signatures.authorities import NOW, authority, key
from tests.signatures.pki import make_pdf

DAY = timedelta(days=1)


def packed(folder: Path, *, first: datetime = NOW - 9 * DAY, last: datetime = NOW + 900 * DAY) -> Pkcs12Key:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trung tâm Lưu trữ")])
    pair = key("rsa")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(pair.public_key()).serial_number(5)
    builder = builder.not_valid_before(first).not_valid_after(last)
    protection = serialization.BestAvailableEncryption(b"secret")
    made = pkcs12.serialize_key_and_certificates(b"kho", pair, builder.sign(pair, hashes.SHA256()), None, protection)
    file = folder / "sign.p12"
    file.write_bytes(made)
    return Pkcs12Key(file, "secret")


def signed(using: Pkcs12Key, *authorities: Authority, now: datetime = NOW) -> bytes:
    return sign_pdf(make_pdf(), using, reason="Kho", authorities=list(authorities), now=now)


class Lying:
    """Stamps something else than was asked for, under the right nonce."""

    def __init__(self, honest: Authority) -> None:
        self._honest = honest

    def answer(self, request: bytes) -> bytes:
        nonce = tsp.TimeStampReq.load(request)["nonce"].native
        return self._honest.client.answer(Request("sha256", b"\1" * 32, nonce).encoded)


def test_a_stamp_of_an_authority_whose_roots_are_trusted(tmp_path: Path) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    (signature,) = PdfFileReader(io.BytesIO(signed(packed(tmp_path), authority()))).embedded_signatures
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=[signature.signer_cert], moment=NOW))
    assert status.valid
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.valid


@pytest.mark.parametrize(
    "lying",
    [
        lambda: replace(authority(), client=Lying(authority())),
        lambda: replace(authority(), anchors=authority("another", "p384").anchors),
        lambda: authority(clock=lambda: NOW - 3 * DAY),
    ],
    ids=["another imprint", "another root", "another time"],
)
def test_a_stamp_that_cannot_be_accepted_is_none(tmp_path: Path, lying: object) -> None:
    """A document with a stamp that proves nothing looks like one with a stamp that does."""
    with pytest.raises(SigningFailed, match="A: "):
        signed(packed(tmp_path), lying())  # type: ignore[operator]


def test_the_next_authority_is_asked_where_one_lies(tmp_path: Path) -> None:
    liar = replace(authority("liar"), client=Lying(authority()))
    assert signed(packed(tmp_path), liar, authority("honest", "p384")).startswith(b"%PDF")


@pytest.mark.parametrize("period", [(NOW - 90 * DAY, NOW - DAY), (NOW + DAY, NOW + 90 * DAY)])
def test_nothing_is_signed_with_a_certificate_that_is_not_in_force(tmp_path: Path, period: tuple[datetime, datetime]) -> None:
    using = packed(tmp_path, first=period[0], last=period[1])
    with pytest.raises(SigningFailed) as refused:
        signed(using)
    assert f"{period[1]:%Y-%m-%d}" in spoken(str(refused.value))


def test_a_file_that_is_not_there_is_not_a_wrong_password(tmp_path: Path) -> None:
    with pytest.raises(SigningFailed) as refused:
        signed(Pkcs12Key(tmp_path / "absent.p12", "secret"))
    assert "No such file" in spoken(str(refused.value))
    using = packed(tmp_path)
    with pytest.raises(SigningFailed, match="password") as refused:
        signed(Pkcs12Key(using.path, "sesame"))
    assert "sesame" not in str(refused.value)
