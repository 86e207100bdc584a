"""Lists and answers that nobody who may made: they say nothing, and how many are held against keys is on an account of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.trust import default_algorithms
from signatures import chains, revocation, revocation_lists
from signatures.anchors import Anchors
from signatures.heard import Heard
from signatures.judgement import Context, ValidationData, judge
from signatures.odd_account import one_account
from signatures.report import SignatureReport
from tests.signatures.houses import OCSP, Holder, root, year
from tests.signatures.judging import read

MADE = year(2025, 6)
AT = year(2025, 6, 10)
TOP = root()
SIGNER = TOP.issue("Signer")
HELPER = TOP.issue("Helper", purposes=[OCSP])
FALSE = root("Nobody")


def under(name: str) -> Holder:
    """Somebody who says that ``TOP`` made him a responder."""
    return replace(FALSE, name=TOP.name).issue(name, purposes=[OCSP])


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The keys with which signatures of lists, answers and certificates are checked."""
    found: list[Any] = []
    true = revocation_lists.signed_by

    def counted(key: Any, *args: Any) -> bool:
        found.append(key)
        return true(key, *args)

    for module in (revocation, revocation_lists):
        monkeypatch.setattr(module, "signed_by", counted, raising=False)
    return found


def told(folder: Path, *, lists: tuple[bytes, ...] = (), answers: tuple[bytes, ...] = ()) -> SignatureReport:
    file = replace(read(folder, SIGNER.sign(b"x")), crls=lists, ocsps=answers)
    good = ValidationData(crls=(TOP.crl(made=MADE),))
    (report,) = judge(file, Context(Anchors.of([TOP.certificate]), default_algorithms(), AT), beside=[good])
    return report


def test_what_is_false_says_nothing(tmp_path: Path) -> None:
    gone = year(2025)
    answers = [who.answer(SIGNER, TOP, made=MADE, revoked=gone) for who in (FALSE, under("Helper"), SIGNER)]
    lists = (FALSE.crl(SIGNER, made=MADE, name=TOP.name),)
    assert told(tmp_path, lists=lists, answers=tuple(answers)).verdict.passed
    true = HELPER.answer(SIGNER, TOP, made=MADE, revoked=gone)
    assert str(told(tmp_path, answers=(*answers, true)).verdict) == "INDETERMINATE/REVOKED_NO_POE"


def false_answers(count: int) -> tuple[bytes, ...]:
    return tuple(under("Helper").answer(SIGNER, TOP, made=year(2025, 5, day)) for day in range(1, 1 + count))


def test_false_ones_are_charged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checks: list[Any]) -> None:
    """More than is looked at may hide who says that it was revoked: then nothing passes."""
    answers = false_answers(20)
    lists = tuple(FALSE.crl(made=year(2025, 5, day), name=TOP.name) for day in range(1, 21))
    assert told(tmp_path, lists=lists, answers=answers).verdict.passed
    monkeypatch.setattr(chains, "MOST_NEWS", 10)
    for given in ({"answers": answers}, {"lists": lists}):
        checks.clear()
        report = told(tmp_path, **given)
        assert str(report.verdict) == "INDETERMINATE/GENERIC"
        assert report.verdict.why is not None
        assert report.verdict.why.code == "SIG-PATHS-MANY"
        assert len(checks) <= 10
    assert told(tmp_path, answers=answers[:2]).verdict.passed


def test_who_is_not_named_is_not_held_against_an_answer(tmp_path: Path, checks: list[Any]) -> None:
    """Certificates that came along cost nothing but their reading."""
    others = tuple(under(f"Helper {number}").certificate for number in range(30))
    found = revocation.Ocsp(HELPER.answer(SIGNER, TOP, made=MADE))
    found.certificates = (*others, *found.certificates)
    anchors = Anchors.of([TOP.certificate])
    known = chains.Chains(anchors, ())
    issuer = chains.Chain((), anchors.anchors[0])
    path = found.responder(issuer, known)
    assert path is not None
    assert path.head == HELPER.certificate
    assert len(checks) <= 2
    assert known._left == chains.MOST_CHECKS - 1


def test_an_answer_is_held_against_a_key_once(checks: list[Any]) -> None:
    found = revocation.Ocsp(HELPER.answer(SIGNER, TOP, made=MADE))
    anchors = Anchors.of([TOP.certificate])
    for _ in range(3):
        assert found.responder(chains.Chain((), anchors.anchors[0]), chains.Chains(anchors, ())) is not None
    assert len(checks) == 2


def test_an_answer_with_more_certificates_than_is_looked_at_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = HELPER.answer(SIGNER, TOP, made=MADE)
    assert revocation.load_ocsp(answer) is not None
    monkeypatch.setattr(revocation, "MOST_BROUGHT", 0)
    assert revocation.load_ocsp(answer) is None


def test_the_answers_of_a_file_bring_along_no_more_certificates_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "MOST_BROUGHT_IN_ALL", 2)
    first, again, second, third = (
        each.answer(SIGNER, TOP, made=made)
        for each, made in ((HELPER, MADE), (HELPER, AT), (under("Second"), MADE), (FALSE, MADE))
    )
    with one_account():
        assert [revocation.load_ocsp(each) is not None for each in (first, again, second, third, first)] == [True] * 3 + [
            False,
            True,
        ]
        found = Heard.of((), (first, third))
    assert found.unheard == (third,)
    assert found.unread.about(SIGNER.certificate, lambda _: True)[0]
    assert revocation.load_ocsp(third) is not None
