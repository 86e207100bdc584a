"""Write-once promises: never beyond the record's own end, and never so short that they lapse between two audits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policies.archive import ArchivePolicyError, parse_policy
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
