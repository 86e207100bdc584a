"""What a revocation says besides its date: why, and since when the key was known to others (RFC 5280, 5.3.1 and 5.3.2; RFC 3161, 4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from signatures.anchors import Anchors, anchor_of
from signatures.certificates import Certificate
from signatures.timestamps import Authority, Believed, Token, Trust, make_authority, read_token
from tests.signatures.authorities import VirtualClock, key
from tests.signatures.evidence_builder import stamped

DER = serialization.Encoding.DER
MADE = datetime(2027, 1, 1, tzinfo=UTC)
RENEWED, LATER = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
REVOKED = datetime(2030, 6, 1, tzinfo=UTC)
F = x509.ReasonFlags


class Stamping:
    """An authority of 2025 to 2035, a token of 2027, and what its CA says of it in 2030."""

    def __init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        begins, ends = datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
        clock = VirtualClock(MADE)
        made = make_authority("M", key("p256"), clock=clock, begins=begins, ends=ends, root_key=self.root_key)
        self.root, self.leaf = (Certificate(each) for each in (made.root, made.certificate))
        self.anchors = Anchors.of([self.root])
        self.token: Token = read_token(stamped(Authority("M", made, self.anchors), "sha256", bytes(32)))

    def listed(self, *extensions: x509.ExtensionType, since: datetime = REVOKED, of: Certificate | None = None) -> bytes:
        row = x509.RevokedCertificateBuilder().serial_number((of or self.leaf).serial).revocation_date(since)
        for each in extensions:
            row = row.add_extension(each, False)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.root.x509.subject)
        builder = builder.last_update(datetime(2030, 7, 1, tzinfo=UTC)).next_update(LATER).add_revoked_certificate(row.build())
        return builder.sign(self.root_key, hashes.SHA256()).public_bytes(DER)

    def believed(self, at: datetime, *lists: bytes) -> bool:
        return Trust(self.anchors.with_revocations(lists)).of(self.token, at).believed is Believed.YES


@pytest.fixture
def stamping() -> Stamping:
    return Stamping()


def invalid_since(year: int) -> x509.InvalidityDate:
    return x509.InvalidityDate(datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None))


def test_a_token_that_was_renewed_before_the_revocation_stays_believed(stamping: Stamping) -> None:
    stolen = stamping.listed(x509.CRLReason(F.key_compromise))
    assert stamping.believed(RENEWED, stolen)
    assert not stamping.believed(LATER, stolen)


@pytest.mark.parametrize("year", [2026, 2028])
def test_unless_the_key_was_known_to_others_before_the_renewal(stamping: Stamping, year: int) -> None:
    """Of 2026: when the token was made. Of 2028: a token of 2027 could be made until it was renewed in 2030."""
    assert not stamping.believed(RENEWED, stamping.listed(x509.CRLReason(F.key_compromise), invalid_since(year)))


def test_a_date_of_others_that_lies_behind_the_renewal(stamping: Stamping) -> None:
    listed = stamping.listed(x509.CRLReason(F.key_compromise), x509.InvalidityDate(datetime(2030, 3, 1)))
    assert stamping.believed(RENEWED, listed)
    assert not stamping.believed(datetime(2030, 4, 1, tzinfo=UTC), listed)


def test_a_certificate_that_was_no_longer_right_when_the_token_was_made(stamping: Stamping) -> None:
    assert stamping.believed(LATER, stamping.listed(x509.CRLReason(F.cessation_of_operation)))
    assert stamping.believed(LATER, stamping.listed(x509.CRLReason(F.cessation_of_operation), invalid_since(2028)))
    assert not stamping.believed(LATER, stamping.listed(x509.CRLReason(F.cessation_of_operation), invalid_since(2026)))


def test_no_reason_is_none_that_spares_a_token(stamping: Stamping) -> None:
    assert not stamping.believed(LATER, stamping.listed())
    assert stamping.believed(LATER, stamping.listed(x509.CRLReason(F.unspecified)))
    assert not stamping.believed(LATER, stamping.listed(x509.CRLReason(F.certificate_hold)))


def test_what_was_taken_off_the_list_is_not_revoked(stamping: Stamping) -> None:
    assert stamping.believed(LATER, stamping.listed(x509.CRLReason(F.remove_from_crl)))


def test_a_list_of_somebody_else_under_the_name_of_the_root(stamping: Stamping) -> None:
    other = Stamping()
    slander = other.listed(x509.CRLReason(F.key_compromise), of=stamping.leaf)
    assert stamping.believed(LATER, slander)
    assert (
        Trust(Anchors((anchor_of(stamping.root), anchor_of(other.root)), revocations=(slander,)))
        .of(stamping.token, LATER)
        .believed
        is Believed.YES
    )
