"""News of a revocation that cannot be used as it is: from somebody of whom nothing is known, in letters or wrappings of another kind, or of
another part of what an authority lists. None of it is silence.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from asn1crypto import pem  # type: ignore[import-untyped]

from policies.trust import default_algorithms
from signatures import der
from signatures.alike import alike
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context, judge
from signatures.validation_data import read_any
from tests.signatures.judging import read
from tests.signatures.odd_house import AT, SIGNER, YES, House, cms_by, extension, judged, named, strings

HOUSE = House()
NUMBER, WHEN = b"\x02\x04\x30\x05\x11\x22", b"\x17\x0d260301000000Z"
NEWER, OLDER = b"\x17\x0d260520000000Z", b"\x17\x0d260501000000Z"
PASSED, REVOKED = "TOTAL-PASSED", "INDETERMINATE/REVOKED_NO_POE"
UNKNOWN, MISSING = "INDETERMINATE/CERTIFICATE_CHAIN_GENERAL_FAILURE", "INDETERMINATE/TRY_LATER"
INDIRECT = extension("2.5.29.28", der.sequence(b"\x84\x01\xff"), YES)
ROOT = HOUSE.root
MADE = HOUSE.issued(named(strings(0x0C, b"A")), serial=NUMBER)


def row(*extensions: bytes) -> bytes:
    return der.sequence(NUMBER, WHEN, *((der.sequence(*extensions),) if extensions else ()))


def of_issuer(value: bytes) -> bytes:
    return extension("2.5.29.29", value, YES)


def verdict(folder: Path, *beside: bytes, made: bytes = MADE, good: bool = True) -> str:
    data = [read_any(each) for each in beside]
    lists = [each for one in data for each in (*one.crls, *one.unread)]
    lists += [HOUSE.list(update=OLDER)] if good else []
    answers = [each for one in data for each in one.ocsps]
    return str(judged(folder, cms_by(made), HOUSE.anchor(), crls=lists, ocsps=answers).verdict)


def responder(number: bytes = b"\x02\x04\x31\x77\x55\x67") -> bytes:
    usage = extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.9")))
    return HOUSE.issued(named(strings(0x0C, b"Responder")), own="responder", serial=number, extensions=[*SIGNER, usage])


def gone(by: bytes) -> bytes:
    told = der.encode(0xA1, b"\x18\x0f20260301000000Z")
    return HOUSE.answer(MADE, told, responder=by, by="responder", produced=b"\x18\x0f20260521000000Z")


def test_nobody_is_silenced_by_what_cannot_be_read_of_him(tmp_path: Path) -> None:
    who = responder()
    assert verdict(tmp_path, gone(who)) == REVOKED
    junk = der.sequence(der.encode(0x04, ROOT + b"\x02\x04\x31\x77\x55\x67"))
    assert verdict(tmp_path, gone(who), junk) == UNKNOWN


OTHERS = [named(strings(0x0C, b"ROOT ")), named(strings(0x13, b"Root")), named(strings(0x1E, "root".encode("utf-16-be")))]


@pytest.mark.parametrize("name", OTHERS, ids=["other size", "other kind", "both"])
def test_a_name_is_the_same_in_other_letters(tmp_path: Path, name: bytes) -> None:
    assert alike(name) == alike(ROOT) != alike(named(strings(0x0C, b"Rout")))
    assert verdict(tmp_path, HOUSE.list(row(), issuer=name, update=NEWER)) == REVOKED
    entry = row(of_issuer(der.sequence(der.encode(0xA4, name))))
    assert verdict(tmp_path, HOUSE.list(entry, update=NEWER, rules=[INDIRECT])) == REVOKED


@pytest.mark.parametrize("value", [b"\x30\x03\xa4\x05\x00", der.sequence(b"\x86\x08http://a")], ids=["unreadable", "no name"])
def test_an_entry_of_nobody_knows_whom_may_be_of_ours(tmp_path: Path, value: bytes) -> None:
    lists = HOUSE.list(row(of_issuer(value)), update=NEWER, rules=[INDIRECT])
    assert verdict(tmp_path, lists) == UNKNOWN
    before = HOUSE.list(der.sequence(b"\2\1\7", WHEN, der.sequence(of_issuer(value))), row(), update=NEWER, rules=[INDIRECT])
    assert verdict(tmp_path, before) == UNKNOWN


def test_a_list_in_an_algorithm_that_is_not_understood_may_be_right(tmp_path: Path) -> None:
    known = der.sequence(der.write_oid("1.2.840.10045.4.3.2"))
    unknown = der.sequence(der.write_oid("1.2.840.10045.4.3.9"))
    assert verdict(tmp_path, HOUSE.list(row(), update=NEWER).replace(known, unknown)) == UNKNOWN


def test_an_answer_that_names_the_issuer_by_an_unknown_hash_may_be_of_ours(tmp_path: Path) -> None:
    sha1, other = der.write_oid("1.3.14.3.2.26"), der.write_oid("1.3.14.3.2.99")
    assert verdict(tmp_path, gone(responder()).replace(sha1, other)) == UNKNOWN


NEWS = HOUSE.list(row(), update=NEWER)
TEXT = base64.encodebytes(NEWS)
ARMOURED = pem.armor("X509 CRL", NEWS)
BAG = der.sequence(
    der.write_oid("1.2.840.113549.1.7.2"),
    der.encode(
        0xA0,
        der.sequence(
            b"\2\1\1",
            der.encode(0x31),
            der.sequence(der.write_oid("1.2.840.113549.1.7.1")),
            der.encode(0xA0, HOUSE.anchor()),
            der.encode(0xA1, NEWS),
            der.encode(0x31),
        ),
    ),
)
WRAPPED = {
    "DER": NEWS,
    "base64": TEXT,
    "PEM": ARMOURED,
    "PEM of another label": pem.armor("CRL", NEWS),
    "PEM behind a text": b"0 lists of ours\n" + ARMOURED,
    "PEM with a header": ARMOURED.replace(b"CRL-----\n", b"CRL-----\nProc-Type: 4,CRL\n\n"),
    "PEM without its end": ARMOURED[: ARMOURED.index(b"-----END")],
    "behind a certificate": HOUSE.anchor() + NEWS,
    "behind a certificate in PEM": pem.armor("CERTIFICATE", HOUSE.anchor()) + ARMOURED,
    "in a bag of certificates": BAG,
}
DAMAGED = {
    "PEM cut off": ARMOURED[:-60],
    "PEM cut off behind a certificate": pem.armor("CERTIFICATE", HOUSE.anchor()) + ARMOURED[:-60],
    "base64 cut off": TEXT[:-30],
    "cut off before the entry": NEWS[: NEWS.index(NUMBER)],
}


@pytest.mark.parametrize("how", WRAPPED)
def test_a_list_is_read_in_any_wrapping(tmp_path: Path, how: str) -> None:
    assert verdict(tmp_path, WRAPPED[how]) == REVOKED
    assert read_any(WRAPPED[how]).crls == (NEWS,)


@pytest.mark.parametrize("how", DAMAGED)
def test_what_is_cut_off_in_any_wrapping_may_revoke(tmp_path: Path, how: str) -> None:
    assert verdict(tmp_path, DAMAGED[how]) == UNKNOWN


def test_what_is_cut_off_behind_its_entries_revokes_nobody_else(tmp_path: Path) -> None:
    other = HOUSE.list(der.sequence(b"\2\4\x31\5\x11\x22", WHEN))
    assert verdict(tmp_path, other[:-40]) == PASSED


@pytest.mark.parametrize("data", [b"hello", b"", b"-----BEGIN X-----", b"\x30", b"MII=", b"\x30\x80"])
def test_what_is_nothing_is_told(data: bytes) -> None:
    assert list(read_any(data).digests()) == []
    assert len(read_any(data).unread) == 1


def point(name: bytes) -> bytes:
    return der.encode(0xA0, der.encode(0xA0, name))


HERS, OTHER = (der.encode(0xA4, named(strings(0x0C, each))) for each in (b"List 1", b"List 2"))
PLACED = HOUSE.issued(
    named(strings(0x0C, b"A")),
    serial=NUMBER,
    extensions=[*SIGNER, extension("2.5.29.31", der.sequence(der.sequence(point(HERS))))],
)


def of_point(name: bytes) -> bytes:
    return HOUSE.list(update=NEWER, rules=[extension("2.5.29.28", der.sequence(point(name)), YES)])


def test_the_list_of_another_part_says_nothing(tmp_path: Path) -> None:
    assert verdict(tmp_path, of_point(HERS), made=PLACED, good=False) == PASSED
    assert verdict(tmp_path, of_point(OTHER), made=PLACED, good=False) == MISSING
    assert verdict(tmp_path, of_point(OTHER), good=False) == MISSING
    assert verdict(tmp_path, of_point(der.encode(0xA4, ROOT)), good=False) == PASSED


def test_a_list_of_changes_is_none_of_all_though_its_mark_is_not_critical(tmp_path: Path) -> None:
    delta = HOUSE.list(update=NEWER, rules=[extension("2.5.29.27", b"\2\1\1")])
    assert verdict(tmp_path, delta, good=False) == MISSING


@pytest.mark.parametrize("mark", ["1.3.6.1.5.5.7.48.1.5", "0.4.0.194121.2.1"], ids=["no check", "short term"])
def test_who_need_not_be_asked_about_may_be_revoked(tmp_path: Path, mark: str) -> None:
    made = HOUSE.issued(named(strings(0x0C, b"A")), serial=NUMBER, extensions=[*SIGNER, extension(mark, b"\5\0")])
    assert verdict(tmp_path, NEWS, made=made) == REVOKED
    silent = verdict(tmp_path, made=made, good=False)
    assert silent == (MISSING if mark.startswith("1") else PASSED)


def test_lists_beside_the_anchors_count_for_signatures(tmp_path: Path) -> None:
    anchors = Anchors.of([Certificate(HOUSE.anchor())])
    for lists, said in (([HOUSE.list()], PASSED), ([NEWS], REVOKED)):
        context = Context(anchors.with_revocations(lists), default_algorithms(), AT)
        assert str(judge(read(tmp_path, cms_by(MADE)), context)[0].verdict) == said


def test_bounds_of_a_path_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    for basic, passes in ((b"\x30\x03\1\1\xff", True), (b"\x30\x02\1\0", False)):
        usage = extension("2.5.29.15", bytes.fromhex("03020106"), YES)
        middle = HOUSE.issued(
            named(strings(0x0C, b"CA")), own="ca", serial=b"\2\1\x40", extensions=[extension("2.5.29.19", basic, YES), usage]
        )
        made = HOUSE.issued(named(strings(0x0C, b"E")), by="ca", issuer=Certificate(middle).subject, serial=b"\2\1\x41")
        lists = [HOUSE.list(), HOUSE.list(issuer=Certificate(middle).subject, by="ca")]
        report = judged(tmp_path, cms_by(made, along=[middle]), HOUSE.anchor(), crls=lists)
        assert report.verdict.passed is passes
