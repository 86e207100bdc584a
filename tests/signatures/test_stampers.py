"""Whose certificate lets him stamp (RFC 3161, 2.3), asked by the two that read tokens: both say the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from policies.trust import default_algorithms
from signatures import der
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.errors import InvalidToken
from signatures.judgement import Context, ValidationData, judge
from signatures.timestamps.token import read_token
from tests.signatures.judging import read
from tests.signatures.odd_house import AT, ISSUE, SIGNER, USAGE, YES, House, extension, named, stamp_by, strings

HOUSE = House()
STAMPS, ANSWERS = der.write_oid("1.3.6.1.5.5.7.3.8"), der.write_oid("1.3.6.1.5.5.7.3.9")
EXTENDED = "2.5.29.37"
ODD_YES, NO = b"\x01\x01\x01", b"\x01\x01\x00"
ALONE = extension(EXTENDED, der.sequence(STAMPS), YES)
RULES: dict[str, tuple[Sequence[bytes], bool]] = {
    "as it is to be": ([*SIGNER, ALONE], True),
    "no key usage": ([ALONE], True),
    "critical, in an odd way": ([*SIGNER, extension(EXTENDED, der.sequence(STAMPS), ODD_YES)], True),
    "a key that may not sign": ([extension(USAGE, ISSUE, YES), ALONE], False),
    "not critical": ([*SIGNER, extension(EXTENDED, der.sequence(STAMPS))], False),
    "critical written out as no": ([*SIGNER, extension(EXTENDED, der.sequence(STAMPS), NO)], False),
    "something else, too": ([*SIGNER, extension(EXTENDED, der.sequence(STAMPS, ANSWERS), YES)], False),
    "something else": ([*SIGNER, extension(EXTENDED, der.sequence(ANSWERS), YES)], False),
    "no purpose": (SIGNER, False),
}


@pytest.mark.parametrize("what", RULES)
def test_who_may_stamp(tmp_path: Path, what: str) -> None:
    rules, may = RULES[what]
    token = stamp_by(HOUSE.issued(named(strings(0x0C, b"T")), own="tsa", extensions=rules), "tsa")
    context = Context(Anchors.of([Certificate(HOUSE.anchor())]), default_algorithms(), AT)
    file = read(tmp_path, token, "a.tsr", {"a": b"hello"})
    (report,) = judge(file, context, beside=[ValidationData(crls=(HOUSE.list(),))])
    assert str(report.verdict) == ("TOTAL-PASSED" if may else "INDETERMINATE/CHAIN_CONSTRAINTS_FAILURE")
    if may:
        assert read_token(token).encoded == token
        return
    with pytest.raises(InvalidToken):
        read_token(token)
