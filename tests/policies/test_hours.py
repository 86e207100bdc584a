"""Hours of the day by the wall clock, and what a policy says with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.archive import ArchivePolicyError, default_policy_text, parse_policy
from policies.audits import RISKY_FOR, ahead
from policies.hours import VIETNAM, Hours, hours, offset

COPIES = '[copies.default]\ntiers = ["a", "b"]\nneed = 2\n'
NOON = datetime(2026, 11, 26, 5, 0, tzinfo=UTC)
"""Noon in Ha Noi."""

MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minutes: timedelta(minutes=minutes))


@given(start=MINUTES, length=st.integers(1, 24 * 60 - 1), at=st.integers(0, 3 * 24 * 60), against=st.sampled_from([-11, 0, 7]))
def test_hours_hold_the_moments_between_their_ends_and_no_others(start: timedelta, length: int, at: int, against: int) -> None:
    some = Hours(start, start + timedelta(minutes=length), timedelta(hours=against))
    now = datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=at)
    wall = now + some.offset
    since = (wall - datetime(2000, 1, 1, tzinfo=UTC) - start) % timedelta(days=1)
    end = some.until(now)
    assert (end is not None) == (since < some.length)
    if end is not None:
        assert end - now == some.length - since
        assert some.until(end) is None or some.length == timedelta(days=1)


def test_office_hours_of_ha_noi() -> None:
    some = Hours(*hours("07:30-17:30"))
    end = some.until(NOON)
    assert end is not None
    assert (f"{end:%H:%M}", end - NOON) == ("17:30", timedelta(hours=5, minutes=30))
    assert some.until(NOON + timedelta(hours=6)) is None


@pytest.mark.parametrize("text", ["", "7:30-17:30", "07:30", "07:30-25:00", "07:30-24:30", "08:00-08:00", "00:00-24:00", "7h-9h"])
def test_what_is_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match="hours"):
        hours(text)


@pytest.mark.parametrize("text", ["7", "+7:00", "+15:00", "07:00", "+07:60"])
def test_what_is_no_offset(text: str) -> None:
    with pytest.raises(ValueError, match="offset"):
        offset(text)


def test_a_policy_says_hours_for_all_tiers_or_one() -> None:
    policy = parse_policy(
        COPIES + '[audit.default]\nquiet = "22:00-06:00"\ntime_per_day = "10h"\n'
        '[audit.a]\nutc_offset = "+00:00"\n[audit.b]\nquiet = ""\n'
    )
    default, a, b = policy.audit_default, policy.audit("a"), policy.audit("b")
    assert default.quiet == Hours(timedelta(hours=22), timedelta(hours=30), VIETNAM)
    assert a.quiet == Hours(timedelta(hours=22), timedelta(hours=30), timedelta(0))
    assert b.quiet is None
    assert default.open_per_day == timedelta(hours=10)
    assert parse_policy(COPIES + '[audit.default]\nquiet = "07:00-19:00"\n').audit("a").open_per_day == timedelta(hours=12)
    assert parse_policy(COPIES).audit("a").open_per_day == timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('quiet = "always"\n', "audit.default.quiet"),
        ('utc_offset = "ICT"\n', "audit.default.utc_offset"),
        ('time_per_day = "0h"\n', "audit.default.time_per_day"),
    ],
)
def test_hours_that_cannot_be_read_are_named(text: str, key: str) -> None:
    with pytest.raises(ArchivePolicyError, match=key):
        parse_policy(COPIES + "[audit.default]\n" + text)


def test_a_tier_in_a_bucket_and_one_on_tape_are_read_more_seldom() -> None:
    policy = parse_policy(default_policy_text(["đĩa", "b", "t"], kinds={"b": "s3", "t": "tape", "đĩa": "local"}))
    assert [policy.audit(tier).every.days for tier in ("đĩa", "b", "t")] == [90, 180, 730]


def test_a_tier_with_damage_of_late_goes_first_by_half_a_period() -> None:
    policy = parse_policy(COPIES)
    assert ahead(policy, "a", None, NOON) == timedelta(0)
    assert ahead(policy, "a", NOON - timedelta(days=1), NOON) == timedelta(days=45)
    assert ahead(policy, "a", NOON - RISKY_FOR, NOON) == timedelta(0)
