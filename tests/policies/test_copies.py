"""Counting copies, when they are checked, and how long refused deposits stay."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from policies.archive import ArchivePolicyError, parse_policy
from policies.audits import algorithm, next_check
from policies.copies import is_stored, safety
from policies.findings import Verdict
from policies.promise import Place
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
    found = safety(copies, POLICY.copies, version=1)
    assert (found.good, found.lacking, found.stored, found.complete) == (("a", "b"), ("c",), True, False)
    assert is_stored(copies, POLICY.copies, version=1)


@pytest.mark.parametrize("state", [state for state in State if state is not State.GOOD])
def test_no_other_state_counts(state: State) -> None:
    assert not is_stored([Fact("a", 1, State.GOOD), Fact("b", 1, state)], POLICY.copies, version=1)


def test_older_versions_other_tiers_and_repetitions_do_not_count() -> None:
    assert not is_stored([Fact("a", 2, State.GOOD), Fact("b", 1, State.GOOD)], POLICY.copies, version=2)
    assert not is_stored([Fact("a", 1, State.GOOD), Fact("z", 1, State.GOOD)], POLICY.copies, version=1)
    assert not is_stored([Fact("a", 1, State.GOOD), Fact("a", 1, State.GOOD)], POLICY.copies, version=1)
    assert not is_stored([], POLICY.copies, version=1)


SPREAD = """
[copies.default]
tiers = ["a", "b", "c"]
need = 2
sites = 2
media = 2
"""
PLACES = {
    "a": Place("Hà Nội"),
    "b": Place("Hà Nội", "tape", online=False),
    "c": Place("Đà Nẵng"),
    "d": Place("Huế", "tape", online=False),
}


@pytest.mark.parametrize(
    ("good", "enough"),
    [("a", False), ("ab", False), ("ac", False), ("bc", True), ("abc", True), ("ad", False), ("cd", False), ("", False)],
)
def test_copies_count_by_sites_and_kinds_of_media(good: str, enough: bool) -> None:
    policy = parse_policy(SPREAD, tiers=PLACES)
    copies = [Fact(tier, 1, State.GOOD) for tier in good]
    assert policy.copies.enough(good) is enough
    assert is_stored(copies, policy.copies, version=1) is enough


def test_a_tier_whose_site_is_not_said_may_stand_beside_any_other() -> None:
    unsaid = parse_policy(
        SPREAD.replace("media = 2\n", ""), tiers={**PLACES, "c": Place("")} | {"a": Place("x"), "b": Place("y")}
    ).copies
    assert unsaid.enough("ab")
    assert not unsaid.enough("ac")
    assert [[(spread.key, *numbers) for spread, *numbers in unsaid.short(good)] for good in ("c", "cc", "", "abc")] == [
        [("sites", 1, 2)],
        [("sites", 1, 2)],
        [("sites", 0, 2), ("media", 0, 1)],
        [],
    ]


LOCKS = '[worm.b]\nlock = "3y"\n[worm.c]\nlock = "3y"\n'
FAR = {"a": Place(), "b": Place(), "c": Place(online=False)}


@pytest.mark.parametrize(
    ("good", "enough"), [("ab", True), ("ac", True), ("bc", True), ("abc", True), ("b", False), ("ad", False), ("", False)]
)
def test_copies_count_by_locks_and_by_what_is_at_hand(good: str, enough: bool) -> None:
    said = '[copies.default]\ntiers = ["a", "b", "c"]\nneed = 2\nworm = 1\nonline = 1\n' + LOCKS
    assert parse_policy(said, tiers=FAR).copies.enough(good) is enough
    assert parse_policy(said.replace("worm = 1", "worm = 2"), tiers=FAR).copies.enough(good) is (
        enough and {"b", "c"} <= set(good)
    )
    assert parse_policy(said.replace("online = 1", "online = 2"), tiers=FAR).copies.enough(good) is (
        enough and {"a", "b"} <= set(good)
    )


@pytest.mark.parametrize(
    ("key", "code"), [("sites", "POL-SITES"), ("media", "POL-MEDIA"), ("worm", "POL-WORM"), ("online", "POL-ONLINE")]
)
def test_more_sites_media_locks_or_copies_at_hand_than_tiers_have_are_refused(key: str, code: str) -> None:
    text = '[copies.default]\ntiers = ["a", "b", "c"]\nneed = 2\n' + f"{key} = 3\n" + LOCKS
    with pytest.raises(ArchivePolicyError) as refused:
        parse_policy(text, tiers=PLACES)
    assert (refused.value.code, refused.value.finding.args["have"]) == (code, 2)
    assert f"{key} (line 4)" in str(refused.value)
    parse_policy(text.replace("= 3", "= 2", 1), tiers=PLACES)


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
