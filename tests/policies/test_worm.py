"""Write-once promises: never beyond the record's own end, and never so short that they lapse between two audits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policies.archive import ArchivePolicyError, parse_policy
from policies.disposal import Term, disposal
from policies.worm import lock_until

BASE = '[copies.default]\ntiers = ["a", "s"]\nneed = 2\n[audit.s]\nevery = "90d"\n'
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_a_lock_ends_with_the_record() -> None:
    year = timedelta(days=365)
    assert lock_until(NOW, year) == NOW + year
    assert lock_until(NOW, year, NOW + 2 * year) == NOW + year
    assert lock_until(NOW, year, NOW + timedelta(days=9)) == NOW + timedelta(days=9)
    assert lock_until(NOW, year, NOW) == NOW


def test_what_is_promised_is_read_by_tier() -> None:
    assert parse_policy(BASE).worm == {}
    assert parse_policy(BASE + '[worm.s]\nlock = "180d"\n').worm == {"s": timedelta(days=180)}


@pytest.mark.parametrize(
    ("text", "word"), [('[worm.s]\nlock = "179d"\n', "two audits"), ('[worm.x]\nlock = "2y"\n', "x"), ("[worm.s]\n", "lock")]
)
def test_what_cannot_be_kept_is_refused(text: str, word: str) -> None:
    with pytest.raises(ArchivePolicyError, match=word):
        parse_policy(BASE + text)


@pytest.mark.parametrize(
    ("retention", "date", "ends"),
    [
        ([], ["2020"], Term.FOR_EVER),
        (["01"], ["2020"], Term.FOR_EVER),
        (["Vĩnh viễn"], [], Term.FOR_EVER),
        (["  VĨNH  VIỄN. "], [], Term.FOR_EVER),
        (["Permanent"], [], Term.FOR_EVER),
        (["20 năm", "Vĩnh viễn"], ["2020"], Term.FOR_EVER),  # the longest of several
        (["06"], ["31/12/2020"], 2031),
        (["02"], ["01/02/2001", "15/06/2003"], 2074),  # from the year in which the work ended
        (["10 năm"], ["2020-05-01"], 2031),
        (["5 years", "10"], ["2020"], 2031),
        (["10 năm"], [], Term.UNKNOWN),
        (["10 năm"], ["không rõ"], Term.UNKNOWN),
        (["07"], ["2020"], Term.UNKNOWN),
        (["Khác"], ["2020"], Term.UNKNOWN),
        (["10 năm", "đến khi hết hiệu lực"], ["2020"], Term.UNKNOWN),
        (["0 năm"], ["2020"], Term.UNKNOWN),
        (["99"], ["12020"], Term.UNKNOWN),
        (["", " "], ["2020"], Term.FOR_EVER),
    ],
)
def test_when_a_record_may_be_disposed_of(retention: list[str], date: list[str], ends: Term | int) -> None:
    found = disposal({"retention": retention, "date": date})
    assert found == (ends if isinstance(ends, Term) else datetime(ends - 1, 12, 31, 17, tzinfo=UTC)), "midnight in Vietnam"
