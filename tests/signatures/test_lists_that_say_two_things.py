"""Lists and answers that say two things of one certificate: that it was revoked counts, in whatever order they stand."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from signatures import der
from tests.signatures.odd_house import SIGNER, House, cms_by, extension, judged, named, strings

HOUSE = House()
SIGNER_CERTIFICATE = HOUSE.issued(named(strings(0x0C, b"A")))
NUMBER = b"\x02\x01\x05"
LATE, EARLY = b"\x17\x0d260501000000Z", b"\x17\x0d260301000000Z"


def row(*rules: bytes, when: bytes = EARLY) -> bytes:
    return der.sequence(NUMBER, when, *((der.sequence(*rules),) if rules else ()))


TAKEN_OFF = row(extension("2.5.29.21", b"\x0a\x01\x08"))
ANOTHERS = row(extension("2.5.29.29", der.sequence(der.encode(0xA4, named(strings(0x0C, b"B")))), b"\x01\x01\xff"))


@pytest.mark.parametrize("first", [TAKEN_OFF, ANOTHERS], ids=["taken off", "another's"])
def test_a_list_that_revokes_revokes_in_any_order(tmp_path: Path, first: bytes) -> None:
    for rows in permutations((first, row())):
        report = judged(tmp_path, cms_by(SIGNER_CERTIFICATE), HOUSE.anchor(), crls=[HOUSE.list(*rows)])
        assert str(report.verdict) == "INDETERMINATE/REVOKED_NO_POE"
    alone = judged(tmp_path, cms_by(SIGNER_CERTIFICATE), HOUSE.anchor(), crls=[HOUSE.list(TAKEN_OFF)])
    assert str(alone.verdict) == "INDETERMINATE/TRY_LATER", "it is neither revoked nor said to be good"


def test_the_earlier_of_two_revocations_counts(tmp_path: Path) -> None:
    for rows in permutations((row(), row(when=LATE))):
        report = judged(tmp_path, cms_by(SIGNER_CERTIFICATE), HOUSE.anchor(), crls=[HOUSE.list(*rows)])
        assert report.verdict.why is not None
        assert str(report.verdict.why.args["since"]).startswith("2026-03-01")


NEVER = extension("1.3.6.1.5.5.7.48.1.5", b"\x05\x00")
GOOD, UNKNOWN = b"\x80\x00", b"\x82\x00"
GONE = der.encode(0xA1, b"\x18\x0f20260301000000Z")
SAYS = {
    (GOOD, GOOD): "TOTAL-PASSED",
    (GOOD, GONE): "INDETERMINATE/REVOKED_NO_POE",
    (UNKNOWN, GONE): "INDETERMINATE/REVOKED_NO_POE",
    (GOOD, UNKNOWN): "INDETERMINATE/TRY_LATER",
}


@pytest.mark.parametrize("said", SAYS)
def test_the_worst_of_two_answers_counts(tmp_path: Path, said: tuple[bytes, bytes]) -> None:
    rules = [*SIGNER, extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.9"))), NEVER]
    responder = HOUSE.issued(named(strings(0x0C, b"R")), own="responder", serial=b"\x02\x01\x07", extensions=rules)
    for order in permutations(said):
        answer = HOUSE.answer(
            SIGNER_CERTIFICATE, *order, responder=responder, by="responder", produced=b"\x18\x0f20260501000000Z"
        )
        report = judged(tmp_path, cms_by(SIGNER_CERTIFICATE), HOUSE.anchor(), ocsps=[answer])
        assert str(report.verdict) == SAYS[said]
