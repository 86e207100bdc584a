"""Revocation data that cannot be read, or is more than is looked at: a certificate that it may revoke is not known to be good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from signatures import der, heard
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context, ValidationData, judge
from signatures.mended import MOST_MENDED
from signatures.odd_account import MOST_ODD_NEWS
from signatures.poe import digest_of
from signatures.report import SignatureReport
from signatures.timestamps.token import read_token
from signatures.timestamps.trust import Believed, Trust
from signatures.validation_data import read_any
from tests.signatures.judging import read
from tests.signatures.odd_house import AT, SIGNER, YES, House, cms_by, extension, named, stamp_by, strings

HOUSE = House()
NUMBER = b"\x02\x04\x30\x05\x11\x22"
MADE = HOUSE.issued(named(strings(0x0C, b"A")), serial=NUMBER)
WHEN, NO_SECONDS = b"\x17\x0d260301000000Z", b"\x17\x0b2605010000Z"
ODD = HOUSE.list(der.sequence(NUMBER, WHEN), update=NO_SECONDS)
OTHER = HOUSE.list(der.sequence(b"\x02\x04\x31\x05\x11\x22", WHEN), update=NO_SECONDS)
LONG = HOUSE.list(*[der.sequence(NUMBER, WHEN)] * (MOST_MENDED // 3), update=NO_SECONDS)
JUNK = der.sequence(der.sequence(der.encode(der.OCTET_STRING, bytes(MOST_ODD_NEWS - 60))), der.sequence(), b"\3\1\0")


def verdict(tmp_path: Path, *beside: bytes, inside: tuple[bytes, ...] = (), good: bool = True) -> SignatureReport:
    """How a signature fares by what lies ``beside`` and ``inside``, and by a list that names nobody, where there is a ``good`` one."""
    context = Context(Anchors.of([Certificate(HOUSE.anchor())]), default_algorithms(), AT)
    data = [read_any(each) for each in beside] + ([ValidationData(crls=(HOUSE.list(),))] if good else [])
    (report,) = judge(replace(read(tmp_path, cms_by(MADE)), crls=inside), context, beside=data)
    return report


NOT_KNOWN = "INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE"
PARTS = {
    each: HOUSE.list(der.sequence(NUMBER, der.encode(der.GENERALIZED_TIME, each.encode())), update=NO_SECONDS)
    for each in ("2026050112.5Z", "202605011200,5Z")
}
"""Lists that revoke at a part of an hour, or of a minute, of which nobody drops the part."""
UNREAD = {
    **PARTS,
    "too long": LONG,
    "cut off": ODD[:-40],
    "cut off, in DER": HOUSE.list(der.sequence(NUMBER, WHEN))[:-40],
}


@pytest.mark.parametrize("what", UNREAD)
@pytest.mark.parametrize("beside", [True, False], ids=["beside", "inside"])
def test_what_cannot_be_read_and_may_revoke_is_told(tmp_path: Path, what: str, *, beside: bool) -> None:
    report = verdict(tmp_path, UNREAD[what]) if beside else verdict(tmp_path, inside=(UNREAD[what],))
    assert str(report.verdict) == NOT_KNOWN
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-REVOCATION-UNREAD"
    assert "⟦" not in report.verdict.why.text("vi")


def test_so_is_an_answer(tmp_path: Path) -> None:
    gone = der.encode(0xA1, b"\x18\x0f20260301000000Z")
    answer = HOUSE.answer(MADE, gone, responder=HOUSE.anchor(), by="root", produced=b"\x18\x0f20260501000000Z")
    assert str(verdict(tmp_path, answer[:-40]).verdict) == NOT_KNOWN


def test_what_names_another_takes_nothing_away(tmp_path: Path) -> None:
    assert verdict(tmp_path, OTHER[:-40], JUNK, b"\x30\x03\x02\x01\x05").verdict.passed
    assert verdict(tmp_path, inside=(OTHER[:-40], JUNK, MADE)).verdict.passed


def test_where_there_is_nothing_else_it_is_told_that_something_is_there(tmp_path: Path) -> None:
    report = verdict(tmp_path, OTHER[:-40], good=False)
    assert str(report.verdict) == "INDETERMINATE/TRY_LATER"
    assert {each.code for each in report.missing} == {"SIG-MISSING-REVOCATION", "SIG-REVOCATION-UNREAD"}


def test_what_a_file_brings_hides_nothing_that_lies_beside(tmp_path: Path) -> None:
    assert str(verdict(tmp_path, ODD).verdict) == "INDETERMINATE/REVOKED_NO_POE"
    for junk in (JUNK, LONG, OTHER + bytes(MOST_ODD_NEWS - 60)):
        assert str(verdict(tmp_path, ODD, inside=(junk,)).verdict) == "INDETERMINATE/REVOKED_NO_POE"


def test_what_lies_behind_more_than_is_looked_at_is_not_lost(tmp_path: Path) -> None:
    assert str(verdict(tmp_path, inside=(ODD,)).verdict) == "INDETERMINATE/REVOKED_NO_POE"
    assert str(verdict(tmp_path, inside=(JUNK, ODD)).verdict) == NOT_KNOWN


def test_an_answer_among_the_lists_is_heard(tmp_path: Path) -> None:
    gone = der.encode(0xA1, b"\x18\x0f20260301000000Z")
    answer = HOUSE.answer(MADE, gone, responder=HOUSE.anchor(), by="root", produced=b"\x18\x0f20260501000000Z")
    assert str(verdict(tmp_path, inside=(answer,)).verdict) == "INDETERMINATE/REVOKED_NO_POE"


def test_an_authority_that_may_have_been_revoked_is_not_believed() -> None:
    stamps = extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.8")), YES)
    made = HOUSE.issued(named(strings(0x0C, b"T")), own="tsa", serial=NUMBER, extensions=[*SIGNER, stamps])
    anchors = Anchors.of([Certificate(HOUSE.anchor())])
    token = read_token(stamp_by(made, "tsa"))
    assert Trust(anchors.with_revocations([OTHER[:-40], JUNK])).of(token, AT).believed is Believed.YES
    answer = Trust(anchors.with_revocations([HOUSE.list(), ODD[:-40]])).of(token, AT)
    assert answer.believed is Believed.NO
    assert not answer.fallen


def test_no_more_is_searched_than_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it may speak of everybody. What was searched is not searched again."""
    monkeypatch.setattr(heard, "MOST_SEARCHED", 3 * len(ODD))
    found = heard.Unheard([OTHER[:-40], ODD[:-40]])
    signer, other = Certificate(MADE), Certificate(HOUSE.issued(named(strings(0x0C, b"A")), serial=b"\x02\x04\x32\x05\x11\x22"))
    for _ in range(3):
        assert found.about(signer, lambda _: True) == (True, True)
    assert found.about(signer, lambda each: each == digest_of(OTHER[:-40])) == (True, False)
    assert found.about(other, lambda each: each == digest_of(OTHER[:-40])) == (True, False)
    assert found.about(other, lambda _: True) == (True, True)
