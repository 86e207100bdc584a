"""What lists and answers say of a certificate: until when their silence counts, what makes it count for nothing, and that a revocation
counts wherever it is said, also of certificates that nobody need ask about."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from signatures import der
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context, ValidationData, judge
from signatures.poe import Proof
from signatures.report import SignatureReport
from signatures.validation_data import read_any
from tests.signatures.judging import read
from tests.signatures.odd_house import AT, SIGNER, YES, House, cms_by, extension, named, stamp_by, strings, times
from tests.signatures.pki import day

HOUSE = House()
NUMBER = b"\x02\x04\x30\x05\x11\x22"
NULL = b"\x05\x00"
WHEN = b"\x17\x0d260401000000Z"
ROW = der.sequence(NUMBER, WHEN)
GOOD = der.encode(0x80)
GONE = der.encode(0xA1, b"\x18\x0f20260401000000Z")
PRODUCED = b"\x18\x0f20260501000000Z"
UNKNOWN = extension("1.2.3.4.5", NULL, YES)
REVOKED = "INDETERMINATE/REVOKED_NO_POE"
MISSING = "INDETERMINATE/TRY_LATER"
PASSED = "TOTAL-PASSED"


def signer(*more: bytes, **changes: bytes) -> bytes:
    return HOUSE.issued(named(strings(0x0C, b"A")), serial=NUMBER, extensions=[*SIGNER, *more], **changes)


def told(
    folder: Path, signed: bytes, *data: bytes, existed: datetime | None = None, at: datetime = AT, anchors: tuple[bytes, ...] = ()
) -> SignatureReport:
    """How what is ``signed`` fares by the ``data`` beside it, and by that among the ``anchors``."""
    trusted = Anchors.of([Certificate(HOUSE.anchor())]).with_revocations(anchors)
    beside: list[ValidationData] = [read_any(each) for each in data]
    proof = Proof(existed, "evidence") if existed else None
    (report,) = judge(read(folder, signed), Context(trusted, default_algorithms(), at), existed=proof, beside=beside)
    return report


def answer(status: bytes, *, rules: tuple[bytes, ...] = (), each_with: tuple[bytes, ...] = ()) -> bytes:
    return HOUSE.answer(
        signer(), status, responder=HOUSE.anchor(), by="root", produced=PRODUCED, rules=rules, each_with=each_with
    )


# -- lists that keep what expired ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "verdict"),
    [
        (b"\x18\x0f20250101000000Z", PASSED),
        (b"\x18\x0f20260415000000Z", PASSED),  # the very end
        (b"\x18\x0f20260415000001Z", "INDETERMINATE/NO_POE"),  # it has dropped those that ended before
        (b"\x18\x0f20261301000000Z", "INDETERMINATE/NO_POE"),
        (b"\x18\x0e20250101000000", "INDETERMINATE/NO_POE"),  # of which zone?
        (NULL, "INDETERMINATE/NO_POE"),
        (b"", "INDETERMINATE/NO_POE"),
    ],
)
def test_a_list_speaks_of_what_ended_since_the_day_it_names(tmp_path: Path, since: bytes, verdict: str) -> None:
    made = signer(validity=times(end=b"\x17\x0d260415000000Z"))
    keeping = HOUSE.list(rules=[extension("2.5.29.60", since)])
    assert str(told(tmp_path, cms_by(made), keeping, existed=day(2026, 3)).verdict) == verdict


# -- since when a key was known to others -------------------------------------------------------------------------------------

COMPROMISED = extension("2.5.29.21", b"\x0a\x01\x01")


def known_since(moment: bytes) -> bytes:
    return der.sequence(
        NUMBER, b"\x17\x0d260701000000Z", der.sequence(COMPROMISED, extension("2.5.29.24", der.encode(0x18, moment)))
    )


@pytest.mark.parametrize(
    ("moment", "verdict"), [(b"20260601000000Z", REVOKED), (b"20260615000000Z", PASSED), (b"20260801000000Z", PASSED)]
)
def test_what_was_signed_when_the_key_was_known_to_others(tmp_path: Path, moment: bytes, verdict: str) -> None:
    """It was proven on 10 June, and the certificate revoked on 1 July. A signer might disown what he signed; who stamps does not."""
    listed, proven, at = HOUSE.list(known_since(moment)), day(2026, 6, 10), day(2026, 7, 20)
    report = told(tmp_path, cms_by(signer()), listed, existed=proven, at=at)
    assert str(report.verdict) == PASSED
    assert [each.code for each in report.notes] == (["SIG-KEY-KNOWN"] if moment < b"20260701" else [])
    stamped = signer(extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.8")), YES))
    file = read(tmp_path, stamp_by(stamped, "signer"), "a.tst", {"a": b"hello"})
    context = Context(Anchors.of([Certificate(HOUSE.anchor())]), default_algorithms(), at)
    (report,) = judge(file, context, existed=Proof(proven, "evidence"), beside=[read_any(listed)])
    assert str(report.verdict) == verdict


def test_of_two_entries_the_one_that_reaches_back_further_counts(tmp_path: Path) -> None:
    for rows in ((ROW, known_since(b"20260201000000Z")), (known_since(b"20260201000000Z"), ROW)):
        (found,) = told(tmp_path, cms_by(signer()), HOUSE.list(*rows), existed=day(2026, 3)).notes
        assert found.args["since"] == "2026-02-01"


# -- certificates that nobody need ask about ----------------------------------------------------------------------------------

NOCHECK = extension("1.3.6.1.5.5.7.48.1.5", NULL)
SHORT_TERM = extension("0.4.0.194121.2.1", NULL)


@pytest.mark.parametrize(("mark", "silent"), [(NOCHECK, MISSING), (SHORT_TERM, PASSED)], ids=["nocheck", "short term"])
def test_a_signer_who_is_marked_as_never_revoked(tmp_path: Path, mark: bytes, silent: str) -> None:
    """ocsp-nocheck is a responder's (RFC 6960, 4.2.2.2.1); what is said of either counts."""
    signed = cms_by(signer(mark))
    assert str(told(tmp_path, signed).verdict) == silent
    assert str(told(tmp_path, signed, HOUSE.list(ROW)).verdict) == REVOKED
    unread = HOUSE.list(ROW)[:-40]
    found = "CERTIFICATE_CHAIN_GENERAL_FAILURE" if mark == SHORT_TERM else "TRY_LATER"
    assert str(told(tmp_path, signed, unread).verdict) == f"INDETERMINATE/{found}"


def test_news_that_is_old_takes_nothing_from_who_need_not_be_asked_about(tmp_path: Path) -> None:
    later = datetime(2027, 1, 1, tzinfo=AT.tzinfo)
    assert str(told(tmp_path, cms_by(signer(SHORT_TERM)), HOUSE.list(), at=later).verdict) == PASSED
    assert str(told(tmp_path, cms_by(signer()), HOUSE.list(), at=later).verdict) != PASSED


# -- what makes silence count for nothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("critical", [YES, b""])
def test_a_delta_says_nothing_by_silence(tmp_path: Path, critical: bytes) -> None:
    delta = extension("2.5.29.27", b"\x02\x01\x01", critical)
    assert str(told(tmp_path, cms_by(signer()), HOUSE.list(rules=[delta])).verdict) == MISSING
    assert str(told(tmp_path, cms_by(signer()), HOUSE.list(ROW, rules=[delta])).verdict) == REVOKED


@pytest.mark.parametrize("truth", [YES, b"\x01\x01\x01", b""], ids=["critical", "oddly critical", "not critical"])
def test_a_list_with_an_entry_that_is_not_understood(tmp_path: Path, truth: bytes) -> None:
    strange = extension("1.2.3.4.5", NULL, truth)
    others = der.sequence(b"\x02\x04\x31\x05\x11\x22", WHEN, der.sequence(strange))
    assert str(told(tmp_path, cms_by(signer()), HOUSE.list(others)).verdict) == (MISSING if truth else PASSED)
    assert str(told(tmp_path, cms_by(signer()), HOUSE.list(others, ROW)).verdict) == REVOKED


def test_a_list_with_critical_extensions_that_are_understood(tmp_path: Path) -> None:
    reason = extension("2.5.29.21", b"\x0a\x01\x01", YES)
    others = der.sequence(b"\x02\x04\x31\x05\x11\x22", WHEN, der.sequence(reason))
    listed = HOUSE.list(others, rules=[extension("2.5.29.20", b"\x02\x01\x01", YES)])
    assert str(told(tmp_path, cms_by(signer()), listed).verdict) == PASSED


@pytest.mark.parametrize("where", ["rules", "each_with"])
def test_an_answer_with_what_is_not_understood(tmp_path: Path, where: str) -> None:
    harmless = extension("1.2.3.4.5", NULL)
    reference = extension("1.3.6.1.5.5.7.48.1.6", b"\x18\x0f20200101000000Z", YES)
    for rows, verdict in (((UNKNOWN,), MISSING), ((harmless, reference), PASSED)):
        assert str(told(tmp_path, cms_by(signer()), answer(GOOD, **{where: rows})).verdict) == verdict  # type: ignore[arg-type]
        assert str(told(tmp_path, cms_by(signer()), answer(GONE, **{where: rows})).verdict) == REVOKED  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [GOOD, GONE])
def test_what_ends_before_it_begins(tmp_path: Path, status: bytes) -> None:
    """Nobody knows when it was right; what it says of a revocation counts."""
    until, at = b"\x18\x0f20260430235959Z", day(2026, 5, 1)
    said = HOUSE.answer(signer(), status, responder=HOUSE.anchor(), by="root", produced=PRODUCED, until=until)
    rows = [ROW] if status == GONE else []
    listed = HOUSE.list(*rows, update=b"\x17\x0d260801000001Z")
    for data, moment in ((said, at), (listed, day(2026, 8, 1))):
        assert str(told(tmp_path, cms_by(signer()), data, at=moment).verdict) == (MISSING if status == GOOD else REVOKED)
