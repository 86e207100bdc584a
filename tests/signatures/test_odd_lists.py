"""Lists that are not written as DER has it, and are out there: what they say is heard, and that another list says nothing bad is no
excuse."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from signatures import der
from signatures.report import SignatureReport
from signatures.validation_data import read_any
from tests.signatures.odd_house import YES, House, cms_by, extension, judged, named, strings

HOUSE = House()
MADE = HOUSE.issued(named(strings(0x0C, b"A")), serial=b"\x02\x02\x30\x05")
NUMBER, WHEN = b"\x02\x02\x30\x05", b"\x17\x0d260301000000Z"
ROW = der.sequence(NUMBER, WHEN)
NO_SECONDS = b"\x17\x0b2605010000Z"


def with_others(tmp_path: Path, one: bytes) -> SignatureReport:
    """How a signature fares by the list ``one``, and an older one that does not name its certificate."""
    older = HOUSE.list(update=b"\x17\x0d260401000000Z")
    return judged(tmp_path, cms_by(MADE), HOUSE.anchor(), crls=[older, *read_any(one).crls])


def armoured(data: bytes) -> bytes:
    return b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(data) + b"-----END X509 CRL-----\n"


REASON = der.sequence(NUMBER, WHEN, der.sequence(extension("2.5.29.21", b"\x0a\x02\x00\x01")))
PLAIN, ODD = HOUSE.list(ROW), HOUSE.list(ROW, update=NO_SECONDS)
REVOKING = {
    "plain": PLAIN,
    "a line behind": PLAIN + b"\r\n",
    "a zero behind": PLAIN + b"\0",
    "odd, a line behind": ODD + b"\n",
    "odd, a zero behind": ODD + b"\0",
    "PEM": armoured(PLAIN),
    "odd in PEM": armoured(ODD),
    "its number with a zero": HOUSE.list(ROW, rules=[extension("2.5.29.20", b"\x02\x02\x00\x01")]),
    "a reason with a zero": HOUSE.list(REASON),
    "a reason with a zero, and odd": HOUSE.list(REASON, update=NO_SECONDS),
    "version 1 written out": HOUSE.list(ROW, version=b"\x02\x01\x00"),
    "of certificates of people": HOUSE.list(ROW, rules=[extension("2.5.29.28", b"\x30\x03\x81\x01\x01", YES)]),
    "not of those of authorities, which is written out": HOUSE.list(
        ROW, rules=[extension("2.5.29.28", b"\x30\x06\x81\x01\xff\x82\x01\x00", YES)]
    ),
}


@pytest.mark.parametrize("what", REVOKING)
def test_an_odd_list_is_heard(tmp_path: Path, what: str) -> None:
    assert str(with_others(tmp_path, REVOKING[what]).verdict) == "INDETERMINATE/REVOKED_NO_POE"


SCOPES = {b"\x81\x01\x01": True, b"\x82\x01\x01": False, b"\x81\x01\xff\x82\x01\x00": True, b"\x85\x01\x01": False}


@pytest.mark.parametrize("scope", SCOPES)
def test_an_odd_list_is_silent_where_it_speaks_of_others(tmp_path: Path, scope: bytes) -> None:
    made = HOUSE.list(rules=[extension("2.5.29.28", der.sequence(scope), YES)])
    report = judged(tmp_path, cms_by(MADE), HOUSE.anchor(), crls=[made])
    assert report.verdict.passed is SCOPES[scope]


@pytest.mark.parametrize("behind", [b"", b"\0", b"\r\n"])
def test_so_is_an_answer_with_something_behind(tmp_path: Path, behind: bytes) -> None:
    gone = der.encode(0xA1, b"\x18\x0f20260301000000Z")
    answer = HOUSE.answer(MADE, gone, responder=HOUSE.anchor(), by="root", produced=b"\x18\x0f20260501000000Z") + behind
    report = judged(tmp_path, cms_by(MADE), HOUSE.anchor(), crls=[HOUSE.list()], ocsps=read_any(answer).ocsps)
    assert str(report.verdict) == "INDETERMINATE/REVOKED_NO_POE"
