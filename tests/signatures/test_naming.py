"""Names beside a key in the ways in which programs write them, held against what the certificate says."""

from __future__ import annotations

from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signatures.certificates import Certificate
from signatures.xades.naming import Names
from signatures.xmldsig.c14n import Work

SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Hà Nội"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Công ty "A, B" TNHH + C'),
        x509.NameAttribute(NameOID.COMMON_NAME, "CÔNG TY A; B/C"),
        x509.NameAttribute(NameOID.USER_ID, "MST:0101234567"),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.vn"),
    ]
)

WRITTEN = {
    "RFC 4514": SUBJECT.rfc4514_string(),
    ".NET": "E=a@b.vn, OID.0.9.2342.19200300.100.1.1=MST:0101234567, CN=CÔNG TY A; B/C, "
    'O="Công ty ""A, B"" TNHH + C", S=Hà Nội, C=VN',
    "Java": 'EMAILADDRESS=a@b.vn, UID=MST:0101234567, CN=CÔNG TY A\\; B/C, O="Công ty \\"A, B\\" TNHH + C", ST=Hà Nội, C=VN',
    "hexadecimal": "1.2.840.113549.1.9.1=#16066140622e766e,UID=MST:0101234567,C=VN",
    "OpenSSL, RFC 2253": "emailAddress=a@b.vn,UID=MST:0101234567,CN=C\\C3\\94NG TY A\\; B/C,"
    'O=C\\C3\\B4ng ty \\"A\\, B\\" TNHH \\+ C,ST=H\\C3\\A0 N\\E1\\BB\\99i,C=VN',
    "OpenSSL, older": "/C=VN/ST=H\\xC3\\xA0 N\\xE1\\xBB\\x99i/CN=C\\xC3\\x94NG TY A; B\\/C/UID=MST:0101234567/emailAddress=a@b.vn",
    "one value": "Công ty a; b/c",
    "its number": "77",
}
OTHER = (
    "I approve",
    "CN=I approve, C=VN",
    "CN=CÔNG TY A; B/C I approve",
    "approve=VN",
    "CN=VN, note=paid",
    "CN=VN paid",
    "VN paid",
)


@pytest.fixture(scope="module")
def names() -> Names:
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder().subject_name(SUBJECT).issuer_name(SUBJECT).public_key(key.public_key()).serial_number(77)
    made = made.not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2030, 1, 1))
    return Names([Certificate(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))], Work())


@pytest.mark.parametrize("way", WRITTEN)
def test_what_the_certificate_says(names: Names, way: str) -> None:
    assert names.say(WRITTEN[way])


@pytest.mark.parametrize("text", OTHER)
def test_what_it_does_not_say(names: Names, text: str) -> None:
    assert not names.say(text)


MARKS = {
    "=" * 1999: False,
    "\\" * 1999: False,
    '"' * 1999: False,
    "cn=vn," * 330 + "!": False,
    "cn=" * 600: True,
    "/" * 1999: True,
}
"""The longest that are looked at; marks and types alone say nothing that is not so."""


@pytest.mark.parametrize("text", MARKS, ids=lambda text: text[:6])
def test_a_name_of_many_marks(names: Names, text: str) -> None:
    assert names.say(text) == MARKS[text]
