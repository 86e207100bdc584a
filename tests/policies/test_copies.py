"""Counting copies, when they are checked, and how long refused deposits stay."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from policies.archive import parse_policy
from policies.audits import algorithm, next_check
from policies.copies import is_stored, safety
from policies.findings import Verdict
from policies.retention import expires

POLICY = parse_policy('[copies.default]\ntiers = ["a", "b", "c"]\nneed = 2\n[audit.b]\nevery = "30d"\n')
NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class State(enum.Enum):
    WRITTEN = "written"
    GOOD = "good"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fact:
    tier: str
    version: int
    state: State


def test_stored_when_enough_good_copies() -> None:
    copies = [Fact("a", 1, State.GOOD), Fact("b", 1, State.GOOD), Fact("c", 1, State.WRITTEN)]
    found = safety(copies, POLICY, version=1)
    assert (found.good, found.lacking, found.stored, found.complete) == (("a", "b"), ("c",), True, False)
    assert is_stored(copies, POLICY, version=1)


@pytest.mark.parametrize("state", [state for state in State if state is not State.GOOD])
def test_no_other_state_counts(state: State) -> None:
    assert not is_stored([Fact("a", 1, State.GOOD), Fact("b", 1, state)], POLICY, version=1)


def test_older_versions_other_tiers_and_repetitions_do_not_count() -> None:
    assert not is_stored([Fact("a", 2, State.GOOD), Fact("b", 1, State.GOOD)], POLICY, version=2)
    assert not is_stored([Fact("a", 1, State.GOOD), Fact("z", 1, State.GOOD)], POLICY, version=1)
    assert not is_stored([Fact("a", 1, State.GOOD), Fact("a", 1, State.GOOD)], POLICY, version=1)
    assert not is_stored([], POLICY, version=1)


def test_next_check_by_tier_and_sooner_when_not_good() -> None:
    assert next_check(POLICY, "a", NOW) == NOW + 90 * DAY
    assert next_check(POLICY, "b", NOW) == NOW + 30 * DAY
    assert next_check(POLICY, "b", NOW, good=False) == NOW + DAY


def test_the_full_check_is_never_late() -> None:
    assert algorithm(POLICY, "a", None, NOW) == "sha512"
    last_full, now = NOW, NOW
    for _ in range(20):
        now = next_check(POLICY, "a", now)
        if algorithm(POLICY, "a", last_full, now) == "sha512":
            last_full = now
        assert now + POLICY.audit("a").every - last_full <= POLICY.audit("a").full_every
    assert last_full > NOW


def test_a_full_check_from_the_future_is_not_believed() -> None:
    assert algorithm(POLICY, "a", NOW + DAY, NOW) == "sha512"


def test_how_long_deposits_are_kept() -> None:
    assert expires(Verdict.REFUSE, POLICY, NOW) == NOW + 180 * DAY
    assert expires(Verdict.HOLD, POLICY, NOW) == NOW + 30 * DAY
    assert expires(Verdict.ACCEPT, POLICY, NOW) is None
