"""Signatures, time-stamps and evidence are held against the same lists and answers, wherever those were given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from signatures import der
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context, ValidationData, judge
from signatures.report import SignatureReport
from signatures.validation_data import read_any
from tests.signatures.judging import read
from tests.signatures.odd_house import AT, SIGNER, YES, House, cms_by, extension, named, stamp_by, strings

HOUSE = House()
NUMBER = b"\x02\x04\x30\x05\x11\x22"
STAMPS = extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.8")), YES)
MADE = HOUSE.issued(named(strings(0x0C, b"A")), own="one", serial=NUMBER, extensions=[*SIGNER, STAMPS])
TOKEN = stamp_by(MADE, "one")
SHA256 = der.sequence(der.write_oid("2.16.840.1.101.3.4.2.1"))
RECORD = der.sequence(b"\x02\x01\x01", der.sequence(SHA256), der.sequence(der.sequence(der.sequence(TOKEN))))

GONE = der.encode(0xA1, b"\x18\x0f20260301000000Z")
LIST = HOUSE.list(der.sequence(NUMBER, b"\x17\x0d260301000000Z"))
ANSWER = HOUSE.answer(MADE, GONE, responder=HOUSE.anchor(), by="root", produced=b"\x18\x0f20260501000000Z")
HELPER = HOUSE.issued(
    named(strings(0x0C, b"H")),
    own="helper",
    serial=b"\x02\x02\x05\x05",
    extensions=[*SIGNER, extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.9")))],
)
HELPED = HOUSE.answer(MADE, GONE, responder=HELPER, by="helper", produced=b"\x18\x0f20260501000000Z")
SAYS = {"list": LIST, "answer": ANSWER, "responder": HELPED, "cut list": LIST[:-40], "cut answer": ANSWER[:-40]}


def signed() -> dict[str, tuple[bytes, str, dict[str, bytes]]]:
    return {
        "signature": (cms_by(MADE, "one"), "a.p7m", {}),
        "stamp": (TOKEN, "a.tst", {"a": b"hello"}),
        "evidence": (RECORD, "a.ers", {"a": b"hello"}),
    }


def beside(folder: Path, what: str, said: bytes) -> SignatureReport:
    return found(folder, what, data=[read_any(said)])


def with_anchors(folder: Path, what: str, said: bytes) -> SignatureReport:
    return found(folder, what, anchors=(said,))


def inside(folder: Path, what: str, said: bytes) -> SignatureReport:
    answers = (said,) if said in (ANSWER, HELPED) else ()
    return found(folder, what, crls=() if answers else (said,), ocsps=answers)


def found(
    folder: Path,
    what: str,
    *,
    data: list[ValidationData] | None = None,
    anchors: tuple[bytes, ...] = (),
    crls: tuple[bytes, ...] = (),
    ocsps: tuple[bytes, ...] = (),
) -> SignatureReport:
    content, name, others = signed()[what]
    trusted = Anchors.of([Certificate(HOUSE.anchor())]).with_revocations(anchors)
    file = read(folder, content, name, others)
    file = replace(file, crls=(*file.crls, *crls), ocsps=(*file.ocsps, *ocsps))
    fine = ValidationData(crls=(HOUSE.list(),))
    (report,) = judge(file, Context(trusted, default_algorithms(), AT), beside=[fine, *(data or ())])
    return report


@pytest.mark.parametrize("what", ["signature", "stamp", "evidence"])
@pytest.mark.parametrize("place", [beside, with_anchors, inside])
def test_what_says_that_a_certificate_was_revoked_is_heard(
    tmp_path: Path, what: str, place: Callable[[Path, str, bytes], SignatureReport]
) -> None:
    assert found(tmp_path, what).verdict.passed
    for name, said in SAYS.items():
        verdict = place(tmp_path, what, said).verdict
        assert not verdict.passed, name
        assert str(verdict).startswith("INDETERMINATE"), name
        if what != "evidence":
            assert ("REVOKED_NO_POE" in str(verdict)) is not name.startswith("cut"), name


def test_a_list_by_somebody_whose_certificate_lies_beside_is_heard(tmp_path: Path) -> None:
    """The key that signs lists for the root is not among the certificates that a token brings."""
    lists = HOUSE.issued(
        HOUSE.root, own="lists", serial=b"\x02\x02\x06\x06", extensions=[extension("2.5.29.15", b"\x03\x02\x01\x02", YES)]
    )
    said = HOUSE.list(der.sequence(NUMBER, b"\x17\x0d260301000000Z"), by="lists")
    news = [ValidationData((Certificate(lists),), crls=(said,))]
    for what in ("signature", "stamp", "evidence"):
        assert not found(tmp_path, what, data=news).verdict.passed, what
