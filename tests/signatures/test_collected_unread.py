"""What an authority sends and cannot be read: it is kept, counts, is asked for again, and is over once there is newer news."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from policies.trust import default_algorithms
from signatures.anchors import Anchors
from signatures.judgement import Context, ValidationData, judge
from signatures.lasting import lasting_copy
from signatures.poe import Proof
from signatures.signed import SignedFile
from signatures.validation_data import Collector, Kept, read_kept
from tests.signatures.authorities import authority
from tests.signatures.houses import Holder, at_url, root, year
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day, make_pdf

LISTED, NOW = year(2025, 6), year(2025, 6, 10)
ASKED = x509.AuthorityInformationAccess(
    [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ca.example/ocsp"))]
)
TOP = root()
SIGNER = TOP.issue("Signer", more=[ASKED, at_url("http://ca.example/top.crl")])
GOOD, GONE = (TOP.answer(SIGNER, TOP, made=NOW, revoked=each) for each in (None, year(2025)))
NOT_KNOWN = "INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE"
REVOKED = "INDETERMINATE/REVOKED_NO_POE"


class Served:
    def __init__(self, answer: bytes, listed: bytes | None = None) -> None:
        self.answer, self.listed, self.asked = answer, listed, 0

    def get(self, url: str) -> bytes:
        return TOP.crl(made=LISTED) if self.listed is None else self.listed

    def post(self, url: str, body: bytes, media_type: str) -> bytes:
        self.asked += 1
        return self.answer


@pytest.fixture
def file(tmp_path: Path) -> SignedFile:
    return read(tmp_path, SIGNER.sign(b"x", TOP))


def anchors(who: Holder = TOP) -> Anchors:
    return Anchors.of([who.certificate])


def verdict(file: SignedFile, *beside: ValidationData, at: datetime = NOW) -> str:
    (report,) = judge(file, Context(anchors(), default_algorithms(), at), beside=beside)
    return str(report.verdict)


def codes(kept: Kept) -> Sequence[str]:
    return [each.code for each in kept.failures]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (GOOD, "TOTAL-PASSED"),
        (GONE, REVOKED),
        (GONE[:-30], NOT_KNOWN),
        (GOOD[:-30], NOT_KNOWN),
        (base64.encodebytes(GONE), REVOKED),
        (base64.encodebytes(GONE[:-30]), NOT_KNOWN),
        (b"<html>out of order</html>", "TOTAL-PASSED"),
        (b"\x30\x03\x0a\x01\x03", "TOTAL-PASSED"),  # try later
    ],
)
def test_an_answer_as_it_came(file: SignedFile, answer: bytes, found: str) -> None:
    """Besides it there is a list that says nothing of the signer, and is older."""
    kept = Collector(Served(answer), anchors()).collect(file, NOW)
    assert verdict(file, kept.data()) == found
    assert verdict(file, read_kept(kept.files())) == found  # and ever after
    assert ("SIG-REVOCATION-UNREAD" in codes(kept)) is (found == NOT_KNOWN)


def test_so_does_a_list(file: SignedFile) -> None:
    cut = TOP.crl(SIGNER, made=NOW)[:-30]
    kept = Collector(Served(b"", cut), anchors()).collect(file, NOW)
    assert cut in kept.crls
    assert "SIG-REVOCATION-UNREAD" in codes(kept)
    assert verdict(file, read_kept(kept.files())) != "TOTAL-PASSED"


def again(file: SignedFile, kept: Kept, served: Served, at: datetime) -> Kept:
    """What is collected when all that was ``kept`` is at hand."""
    before = read_kept(kept.files())
    whole = replace(file, crls=(*file.crls, *before.crls), ocsps=(*file.ocsps, *before.ocsps))
    return Collector(served, anchors()).collect(whole, at)


def test_it_is_asked_for_again_and_over_once_there_is_newer_news(file: SignedFile) -> None:
    first = Collector(Served(GONE[:-30]), anchors()).collect(file, NOW)
    later = NOW + timedelta(days=2)
    for revoked, found in ((None, "TOTAL-PASSED"), (year(2025, 6, 11), REVOKED)):
        served = Served(TOP.answer(SIGNER, TOP, made=later, revoked=revoked))
        second = again(file, first, served, later)
        assert served.asked == 1
        before = read_kept(first.files())
        unproven = found if revoked else NOT_KNOWN
        assert verdict(file, before, second.data(), at=later) == unproven  # it may be newer than what was said since
        proof = Proof(NOW + timedelta(days=1), "evidence")
        assert verdict(file, replace(before, existed=proof), second.data(), at=later) == found
    old = again(file, first, Served(b"out of order"), later)
    assert verdict(file, replace(read_kept(first.files()), existed=proof), old.data(), at=later) == NOT_KNOWN


def test_lists_beside_the_anchors_are_at_hand(file: SignedFile) -> None:
    served = Served(GOOD)
    kept = Collector(served, anchors().with_revocations([GONE])).collect(file, NOW)
    assert served.asked == 0
    assert not kept.ocsps


def test_a_copy_for_readers_holds_what_can_be_read(pki: Pki) -> None:
    original = pki.sign_pdf(make_pdf(), day(2026, 3), level="T")
    kept = ValidationData(crls=(TOP.crl(made=LISTED)[:-30], TOP.crl(made=NOW)), ocsps=(GONE[:-30], GOOD))
    copy, _ = lasting_copy(original, [kept], [authority(clock=lambda: day(2026, 3))], day(2026, 3))
    assert copy.startswith(original)
