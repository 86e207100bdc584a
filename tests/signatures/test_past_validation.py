"""The story of one record from 2026 to 2045, and everything that may happen to it: the outcome of each date, with only roots trusted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from signatures.anchors import Anchor, Anchors, Purpose
from signatures.judgement import Context, ValidationData, judge
from signatures.poe import Proof
from signatures.report import Integrity, Role, Verdict
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day, make_pdf

SUNSET_2035 = replace(default_algorithms(), hashes={**default_algorithms().hashes, "sha256": datetime(2035, 1, 1, tzinfo=UTC)})
SUNSET_2050 = replace(default_algorithms(), hashes={**default_algorithms().hashes, "sha256": datetime(2050, 1, 1, tzinfo=UTC)})


@pytest.mark.parametrize(
    ("state", "at", "expected"),
    [
        ("2026", day(2026, 6), "TOTAL-PASSED"),
        ("2026", day(2028), "TOTAL-PASSED"),  # the signer's certificate has expired
        ("2026", day(2031), "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"),  # not renewed: the authority's has expired too
        ("2029", day(2031), "TOTAL-PASSED"),
        ("2029", day(2035), "TOTAL-PASSED"),  # the issuing CA has expired (L1)
        ("2029", day(2045), "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"),  # the second authority has expired
        ("2039", day(2045), "TOTAL-PASSED"),  # no certificate of 2026 is left
    ],
)
def test_the_dated_outcomes_with_time_stamps_inside(
    tmp_path: Path, pki: Pki, archived: dict[str, bytes], state: str, at: datetime, expected: str
) -> None:
    report = signature(tmp_path, pki, archived[state], at)
    assert str(report.verdict) == expected
    if report.verdict.passed:
        assert report.proven == day(2026, 3)
        assert report.proven_by == "time-stamp"
        assert [each.common_name for each in report.chain] == ["Nguyễn Văn A", "Test Issuing CA", "Test Root CA"]


@pytest.mark.parametrize("at", [day(2035), day(2045)])
def test_evidence_proves_what_no_stamp_inside_does(tmp_path: Path, pki: Pki, at: datetime) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="LT")
    assert not signature(tmp_path, pki, pdf, at).verdict.passed
    report = signature(tmp_path, pki, pdf, at, existed=Proof(day(2026, 3, 2), "evidence"))
    assert report.verdict.passed, report.verdict


@pytest.mark.parametrize("at", [day(2035), day(2045)])
def test_cms_with_data_beside_it_and_evidence_over_both(tmp_path: Path, pki: Pki, at: datetime) -> None:
    when = day(2026, 3)
    cms = pki.sign_cms(b"cong van", when)
    content = {"cong-van.txt": b"cong van"}
    data = ValidationData(
        certificates=(pki.certificate("interm"), pki.certificate("tsa")),
        crls=tuple(pki.crls(when)),
        ocsps=(pki.ocsp("signer1", when),),
    )
    without = signature(tmp_path, pki, cms, at, beside=content, kept=[data])
    assert str(without.verdict) == "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"
    proof = Proof(day(2026, 3, 2), "evidence")
    report = signature(tmp_path, pki, cms, at, beside=content, existed=proof, kept=[replace(data, existed=proof)])
    assert report.verdict.passed, report.verdict
    assert report.coverage.scope == "beside"
    assert report.coverage.name == "cong-van.txt"


def test_evidence_that_came_too_late_proves_nothing(tmp_path: Path, pki: Pki) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="LT")
    late = Proof(day(2030, 6), "evidence")
    assert str(signature(tmp_path, pki, pdf, day(2045), existed=late).verdict) == "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"


def test_data_that_was_collected_after_the_proof_is_no_part_of_it(tmp_path: Path, pki: Pki) -> None:
    """Evidence over the file alone: the revocation data beside it is not known to be from then."""
    when = day(2026, 3)
    cms = pki.sign_cms(b"x", when)
    data = ValidationData(crls=tuple(pki.crls(when)), ocsps=(pki.ocsp("signer1", when),), existed=Proof(day(2044), "evidence"))
    report = signature(tmp_path, pki, cms, day(2045), beside={"x": b"x"}, existed=Proof(day(2026, 3, 2), "evidence"), kept=[data])
    assert not report.verdict.passed


def test_one_changed_byte_fails_for_ever(tmp_path: Path, pki: Pki, archived: dict[str, bytes]) -> None:
    damaged = bytearray(archived["2039"])
    damaged[damaged.index(b"Cong van")] ^= 1
    report = signature(tmp_path, pki, bytes(damaged), day(2045))
    assert str(report.verdict) == "TOTAL-FAILED/HASH_FAILURE"
    assert report.integrity is Integrity.BROKEN


def test_a_hash_that_ends_before_the_renewal(tmp_path: Path, pki: Pki, archived: dict[str, bytes]) -> None:
    """L5: the authority's own hash counts, not only the imprint's."""
    ended = signature(tmp_path, pki, archived["2039"], day(2045), algorithms=SUNSET_2035)
    assert str(ended.verdict) == "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    assert signature(tmp_path, pki, archived["2039"], day(2045), algorithms=SUNSET_2050).verdict.passed


def test_before_and_after_revocation(tmp_path: Path, pki: Pki) -> None:
    before = pki.sign_pdf(make_pdf(), day(2026, 3), signer="signer2", level="T")
    after = pki.sign_pdf(make_pdf(), day(2026, 5), signer="signer2", level="T")
    assert signature(tmp_path, pki, before, day(2026, 6)).verdict.passed
    report = signature(tmp_path, pki, after, day(2026, 6))
    assert str(report.verdict) == "INDETERMINATE/REVOKED_NO_POE"
    assert report.verdict.why is not None
    assert report.verdict.why.args["reason"] == "keyCompromise"


def test_a_revocation_list_after_the_end_of_a_certificate_is_no_news_of_it(
    tmp_path: Path, pki: Pki, archived: dict[str, bytes]
) -> None:
    """L2: the CA goes on giving lists after the signer's certificate expired; the early ones stay what counts."""
    at = day(2031)
    late = [pki.crl("interm", day(2029, 6)), pki.crl("interm", day(2030, 12)), *pki.crls(at)]
    assert signature(tmp_path, pki, archived["2029"], at, crls=late).verdict.passed


def test_a_list_that_was_put_into_the_file_with_the_renewal(tmp_path: Path, pki: Pki, archived: dict[str, bytes]) -> None:
    """L2 as pyHanko writes it: renewing embeds every list at hand, of the issuing CA too."""
    renewed = pki.restamp(archived["2026"], "tsa2", day(2029, 6), more_crls=("interm",))
    assert signature(tmp_path, pki, renewed, day(2035)).verdict.passed


def test_pkcs1_must_be_proven_before_2029(tmp_path: Path) -> None:
    rsa = Pki("rsa")
    signed = rsa.sign_pdf(make_pdf(), day(2026, 3))
    assert signature(tmp_path, rsa, signed, day(2028, 12)).verdict.passed
    report = signature(tmp_path, rsa, signed, day(2029, 2))
    assert str(report.verdict) == "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    proof = Proof(day(2028, 12), "evidence")
    collected = ValidationData(crls=tuple(rsa.crls(day(2028, 12))), existed=proof)  # of the outermost stamp's authority
    proven = signature(tmp_path, rsa, signed, day(2045), existed=proof, kept=[collected])
    assert proven.verdict.passed, proven.verdict


def test_asked_about_an_earlier_date_later_things_are_not_known(tmp_path: Path, pki: Pki, archived: dict[str, bytes]) -> None:
    """--at: what was stamped and revoked afterwards does not count."""
    assert signature(tmp_path, pki, archived["2039"], day(2028)).verdict.passed
    after = pki.sign_pdf(make_pdf(), day(2026, 3), signer="signer2", level="T")
    early = signature(tmp_path, pki, after, day(2026, 3, 15), crls=[*pki.crls(day(2026, 3, 15)), *pki.crls(day(2026, 6))])
    assert early.verdict.passed


def test_an_anchor_has_a_period(tmp_path: Path, pki: Pki) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="T")
    stampers = [Anchor(each, each.not_before, each.not_after) for each in pki.anchors()[1:]]
    root = pki.certificate("root")

    def found(since: datetime, until: datetime) -> Verdict:
        anchors = Anchors((Anchor(root, since, until, frozenset({Purpose.SIGNATURE})), *stampers))
        context = Context(anchors, default_algorithms(), day(2026, 6))
        data = ValidationData(crls=tuple(pki.crls(day(2026, 6))))
        return judge(read(tmp_path, pdf), context, beside=[data])[0].verdict

    def verdict(since: datetime, until: datetime) -> str:
        return str(found(since, until))

    assert verdict(day(2020), day(2026, 4)) == "TOTAL-PASSED"
    assert verdict(day(2020), day(2026, 2)) == "INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
    assert verdict(day(2026, 4), day(2030)) == "INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND"
    never = found(day(2026), day(2020))  # and no proof of any day could mend that
    assert str(never) == "INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND"
    assert never.why is not None
    assert "never trusted" in never.why.text("en")


@pytest.mark.parametrize(
    ("periods", "passes"),
    [
        ([(day(2020), day(2030))], True),
        ([(day(2026, 4), day(2030))], False),  # trusted now, and not when it spoke
        ([(day(2020), day(2026, 4)), (day(2026, 4), day(2030))], True),
    ],
)
def test_a_time_stamp_must_speak_while_its_anchor_is_trusted(
    tmp_path: Path, pki: Pki, periods: list[tuple[datetime, datetime]], passes: bool
) -> None:
    """The same rule as for the time-stamps of evidence."""
    root, *stampers = pki.anchors()
    dated = tuple(Anchor(each, *period) for each in stampers for period in periods)
    context = Context(Anchors((*Anchors.of([root]).anchors, *dated)), default_algorithms(), day(2026, 6))
    data = ValidationData(crls=tuple(pki.crls(day(2026, 6))))
    reports = judge(read(tmp_path, pki.sign_pdf(make_pdf(), day(2026, 3), level="T")), context, beside=[data])
    (stamp,) = reports[0].stamps
    assert stamp.verdict.passed is passes
    assert stamp.verdict.why is None or stamp.verdict.why.code == "SIG-ANCHOR-PERIOD"


def test_nobody_trusted_and_nothing_collected_are_said(tmp_path: Path, pki: Pki) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="T")
    nobody = signature(tmp_path, pki, pdf, day(2026, 6), anchors=[])
    assert str(nobody.verdict) == "INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND"
    assert nobody.integrity is Integrity.INTACT
    assert [each.code for each in nobody.missing] == ["SIG-ROOT-UNTRUSTED"]
    bare = signature(tmp_path, pki, pdf, day(2026, 6), crls=[])
    assert str(bare.verdict) == "INDETERMINATE/TRY_LATER"
    assert [each.code for each in bare.missing] == ["SIG-MISSING-REVOCATION"]


def test_a_signer_whose_certificate_may_not_stamp_stamps_nothing(tmp_path: Path, pki: Pki) -> None:
    reports = judge(
        read(tmp_path, pki.sign_pdf(make_pdf(), day(2026, 3))),
        Context(Anchors.of(pki.anchors()), default_algorithms(), day(2026, 6)),
        beside=[ValidationData(crls=tuple(pki.crls(day(2026, 6))))],
    )
    assert {each.role for each in reports} == {Role.SIGNATURE, Role.TIMESTAMP}
    stamper = next(each for each in reports if each.role is Role.TIMESTAMP)
    assert stamper.verdict.passed
    assert stamper.signer is not None
    assert stamper.signer.common_name == "Test TSA"


def test_old_news_of_a_certificate_that_is_still_valid_can_be_renewed(
    tmp_path: Path, pki: Pki, archived: dict[str, bytes]
) -> None:
    """Without fresh data about the authority nothing is proven; as long as the certificates are valid, that can be mended."""
    report = signature(tmp_path, pki, archived["2026"], day(2026, 11), crls=[])
    assert str(report.verdict) == "INDETERMINATE/TRY_LATER"
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-REVOCATION-OLD"
