"""Thousands of certificates that issued one another: building paths ends, and what was not looked at is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from policies.findings import Finding
from policies.trust import default_algorithms
from signatures import certificates, chains
from signatures.algorithms import Scheme, signed_by
from signatures.anchors import Anchors, Purpose
from signatures.chains import MOST_CHECKS, Chains
from signatures.fetch import Fetcher
from signatures.judgement import Context, ValidationData, judge
from signatures.report import SignatureReport
from signatures.validation_data import Collector
from tests.signatures.houses import Holder, new_key, root, year
from tests.signatures.judging import read

AT = year(2026, 6)
EARLIER = year(2026, 5, 20)
MANY = 300


@cache
def _one_another() -> tuple[Holder, tuple[Holder, ...]]:
    """A signer under a CA of two names, with many certificates of each that those of the other issued."""
    key = new_key()
    one, other = (replace(root(name), key=key) for name in ("Hostile", "Other"))
    several = [issuer.issue(name, key=key, ca=True) for issuer, name in ((one, "Other"), (other, "Hostile")) for _ in range(MANY)]
    return one.issue("Signer"), tuple(several)


def _judged(
    folder: Path, signer: Holder, anchor: Holder, crls: tuple[bytes, ...], known: tuple[Holder, ...], along: Holder
) -> SignatureReport:
    beside = ValidationData(tuple(each.certificate for each in known), crls)
    context = Context(Anchors.of([anchor.certificate]), default_algorithms(), AT)
    return judge(read(folder, signer.sign(b"cong van", along)), context, beside=[beside])[0]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """One entry for each signature of a certificate that is checked."""
    done: list[datetime] = []

    def counted(certificate: x509.Certificate, scheme: Scheme, value: bytes, message: bytes) -> bool:
        done.append(AT)
        return signed_by(certificate, scheme, value, message)

    monkeypatch.setattr(certificates, "signed_by", counted)
    return done


def test_certificates_that_issued_one_another_cost_no_more_than_is_allowed(tmp_path: Path, checks: list[datetime]) -> None:
    signer, several = _one_another()
    found = _judged(tmp_path, signer, root(), (), several, several[0])
    assert len(checks) <= MOST_CHECKS
    assert str(found.verdict) == "INDETERMINATE/GENERIC"
    assert found.verdict.why == Finding("SIG-PATHS-MANY")


def test_a_good_path_among_more_than_is_looked_at_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not looked at may have told of a revocation."""
    top = root()
    ca = top.issue("Hostile", ca=True)
    signer, lists = ca.issue("Signer"), (top.crl(made=EARLIER), ca.crl(made=EARLIER))
    assert str(_judged(tmp_path, signer, top, lists, _one_another()[1], ca).verdict) == "TOTAL-PASSED"
    monkeypatch.setattr(chains, "MOST_CHECKS", MANY // 2)
    found = _judged(tmp_path, signer, top, lists, _one_another()[1], ca)
    assert str(found.verdict) == "INDETERMINATE/GENERIC"
    assert found.verdict.why == Finding("SIG-PATHS-MANY")


def test_strangers_by_the_hundred_take_nothing_from_a_good_path(tmp_path: Path, checks: list[datetime]) -> None:
    top = root()
    ca = top.issue("CA", ca=True)
    lists = (top.crl(made=EARLIER), ca.crl(made=EARLIER))
    assert str(_judged(tmp_path, ca.issue("Signer"), top, lists, _one_another()[1], ca).verdict) == "TOTAL-PASSED"


def test_collecting_for_them_costs_no_more_either(tmp_path: Path, checks: list[datetime]) -> None:
    signer, several = _one_another()
    file = read(tmp_path, signer.sign(b"cong van", *several))
    kept = Collector(Fetcher(patience=1), Anchors.of([root().certificate])).collect(file, AT)
    assert len(checks) <= 3 * MOST_CHECKS
    assert kept.failures


def test_each_pair_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST_CHECKS", 4)
    top = root()
    ca = top.issue("CA", ca=True)
    signer = ca.issue("Signer").certificate
    built = Chains(Anchors.of([top.certificate]), [ca.certificate])
    for _ in range(50):
        assert built.of(signer, Purpose.SIGNATURE)
    assert not built.exhausted


def test_a_key_that_takes_long_counts_for_more(checks: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    signer, several = _one_another()
    monkeypatch.setattr(chains, "effort", lambda certificate: 1_000)
    built = Chains(Anchors.of([root().certificate]), [each.certificate for each in several])
    built.of(signer.certificate, Purpose.SIGNATURE)
    assert built.exhausted
    assert len(checks) <= MOST_CHECKS // 1_000 + 1
