"""Copies, checks and damages in the catalog, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from catalog_builders import DAY, NOW, a_check, a_copy, a_registration, aip_id

from policies.archive import parse_policy
from policies.copies import is_stored
from repository.catalog import BadCursor, Catalog
from repository.catalog.columns import moment
from repository.model import Copy, CopyState

LATER = NOW + 100 * DAY
BOTH = ("a", "b")


def places(copies: object) -> list[tuple[str, int]]:
    return [(each.tier, int(each.aip_id[-3:])) for each in copies]  # type: ignore[attr-defined]


def fill(catalog: Catalog, count: int) -> None:
    """AIP n has a copy on a that is due n days after NOW, and one on b that is due half a day later."""
    for number in range(1, count + 1):
        due = number * DAY
        copies = (a_copy(number, "a", due=due), a_copy(number, "b", due=due + timedelta(hours=12), size=1000))
        catalog.register(replace(a_registration(number), copies=copies))


def test_due_copies_come_oldest_first(catalog: Catalog) -> None:
    fill(catalog, 9)
    due = catalog.copies.due("a", NOW + 5 * DAY, limit=10)
    assert [int(aip_id[-3:]) for aip_id, _, _ in due] == [1, 2, 3, 4, 5]
    assert [(moment(then), size) for _, then, size in due] == [(NOW + number * DAY, 100) for number in (1, 2, 3, 4, 5)]
    assert [int(aip_id[-3:]) for aip_id, _, _ in catalog.copies.due("a", LATER, limit=3)] == [1, 2, 3]
    assert catalog.copies.due("none", LATER, limit=3) == []


def test_candidates_over_several_tiers_within_a_budget(catalog: Catalog) -> None:
    fill(catalog, 4)
    taken = catalog.copies.candidates(tiers=BOTH, checked_before=LATER, due=NOW + 3 * DAY)
    assert places(taken) == [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)]
    assert taken[0] == catalog.holdings.get(aip_id(1)).copies[0]
    some = catalog.copies.candidates(tiers=BOTH, checked_before=LATER, due=LATER, budget=1_200)
    assert places(some) == [("a", 1), ("b", 1), ("a", 2)]
    assert places(catalog.copies.candidates(tiers=BOTH, checked_before=LATER, due=LATER, budget=1)) == [("a", 1)]
    assert places(catalog.copies.candidates(tiers=("b",), checked_before=LATER, limit=2)) == [("b", 1), ("b", 2)]
    assert places(catalog.copies.candidates(tiers=BOTH, checked_before=LATER, aip_id=aip_id(3))) == [("a", 3), ("b", 3)]


def test_an_audit_of_everything_ends(catalog: Catalog) -> None:
    """Each step records what it took, so the next step takes others, damaged ones too, until nothing is left."""
    fill(catalog, 7)
    started = NOW + 50 * DAY
    seen: list[tuple[str, int]] = []
    while taken := catalog.copies.candidates(tiers=BOTH, checked_before=started, limit=3):
        seen += places(taken)
        states = [CopyState.DAMAGED if copy.aip_id == aip_id(2) else CopyState.GOOD for copy in taken]
        records = [
            a_check(int(copy.aip_id[-3:]), copy.tier, state=state, time=started, check_next=started + DAY)
            for copy, state in zip(taken, states, strict=True)
        ]
        assert catalog.copies.record(records) == len(records)
        assert len(seen) <= 14
    assert sorted(seen) == sorted((tier, number) for tier in BOTH for number in range(1, 8))


def test_the_outcome_of_a_check(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    assert catalog.copies.record([a_check(1, "a")]) == 1
    good, other = catalog.holdings.get(aip_id(1)).copies
    assert good.state is CopyState.GOOD
    assert good.last_check == good.last_full == NOW + DAY
    assert good.check_next == NOW + 91 * DAY
    assert other.last_full is None
    catalog.copies.record([a_check(1, "a", algorithm="sha256", time=NOW + 2 * DAY)])
    quick = catalog.copies.of(aip_id(1))[0]
    assert quick.last_check == NOW + 2 * DAY
    assert quick.last_full == NOW + DAY, "only SHA-512 is a full check"
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, time=NOW + 3 * DAY, damages=[("v1/x", "altered")])])
    assert catalog.copies.of(aip_id(1))[0].last_full == NOW + DAY, "a damaged copy was not found good"


def test_damages_are_replaced_and_vanish_when_good(catalog: Catalog) -> None:
    catalog.register([a_registration(1), a_registration(2)])
    strange = "v1/content/\udcff\x00"
    first = a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/a", "altered"), (strange, "extra")])
    catalog.copies.record([first, a_check(1, "b"), a_check(2, "a", state=CopyState.DAMAGED, damages=[("v1/c", "missing")])])
    assert [each.path for each in catalog.copies.damages(aip_id=aip_id(1))] == ["v1/a", strange]
    assert [each.outcome for each in catalog.copies.of(aip_id(1))[0].damages] == ["altered", "extra"]
    assert catalog.copies.of(aip_id(1))[0].damages[0].detected == NOW + DAY
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/b", "missing")], time=NOW + 5 * DAY)])
    assert [each.path for each in catalog.copies.damages()] == ["v1/b", "v1/c"]
    assert [each.path for each in catalog.copies.damages(since=NOW + 4 * DAY)] == ["v1/b"]
    catalog.copies.record([a_check(1, "a")])
    assert [each.path for each in catalog.copies.damages()] == ["v1/c"]
    assert [each.path for each in catalog.copies.damages(tier="b")] == []


def test_a_tier_that_cannot_be_read_does_not_make_damage_forgotten(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/a", "altered")])])
    catalog.copies.record([a_check(1, "a", state=CopyState.UNREADABLE)])
    copy = catalog.copies.of(aip_id(1))[0]
    assert copy.state is CopyState.UNREADABLE
    assert [each.path for each in copy.damages] == ["v1/a"]


def test_a_check_of_an_older_version_says_nothing_of_the_newer(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    newer = replace(a_registration(1, version=2), copies=(a_copy(1, "a", version=2, state=CopyState.WRITTEN),))
    catalog.register(newer)
    assert catalog.copies.record([a_check(1, "a", version=1)]) == 0
    assert catalog.copies.of(aip_id(1))[0].state is CopyState.WRITTEN
    assert catalog.copies.record([a_check(1, "a", version=2)]) == 1
    assert catalog.copies.of(aip_id(1))[0].state is CopyState.GOOD
    assert len(catalog.checks.list(aip_id=aip_id(1)).items) == 2


def test_a_copy_that_good_bytes_were_written_to_has_no_damage(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/a", "altered")])])
    catalog.copies.put([a_copy(1, "a"), a_copy(1, "c", state=CopyState.WRITTEN)])
    assert [(each.tier, each.state.value, each.damages) for each in catalog.copies.of(aip_id(1))] == [
        ("a", "good", ()),
        ("b", "good", ()),
        ("c", "written", ()),
    ]
    with pytest.raises(ValueError, match="never be checked"):
        catalog.copies.put([Copy(aip_id(1), "d", 1, CopyState.UNKNOWN, None, None, None, 0, 0)])


def test_a_copy_without_a_date_is_due_at_once(catalog: Catalog) -> None:
    unknown = Copy(aip_id(1), "a", 1, CopyState.UNKNOWN, None, None, None, 0, 0)
    given = replace(a_registration(1), copies=(unknown,))
    catalog.register(given)
    assert catalog.copies.of(aip_id(1))[0].check_next == given.aip.updated
    assert places(catalog.copies.candidates(tiers=["a"], checked_before=LATER, due=LATER)) == [("a", 1)]


def test_copies_that_are_not_known_to_be_good(catalog: Catalog) -> None:
    fill(catalog, 12)
    states = [CopyState.DAMAGED, CopyState.UNREADABLE, CopyState.UNKNOWN, CopyState.WRITTEN, CopyState.ABSENT]
    catalog.copies.record([a_check(number, "b", state=state) for number, state in enumerate(states, 1)])
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=[("v1/a", "altered")])])
    seen: list[tuple[str, int]] = []
    cursor = None
    for _page in range(3):
        page = catalog.copies.not_good(cursor=cursor, limit=2)
        seen += places(page.items)
        cursor = page.cursor
    assert cursor is None
    assert seen == [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("b", 4), ("b", 5)]
    assert places(catalog.copies.not_good(tier="a").items) == [("a", 1)]
    assert places(catalog.copies.not_good(aip_id=aip_id(3)).items) == [("b", 3)]
    assert catalog.copies.not_good(tier="a").items[0].damages[0].path == "v1/a"
    with pytest.raises(BadCursor):
        catalog.copies.not_good(cursor="WzFd")


def test_summary_counts_every_copy_once(catalog: Catalog) -> None:
    fill(catalog, 5)
    unknown = replace(a_copy(6, "a", state=CopyState.UNKNOWN), last_check=None)
    catalog.register(replace(a_registration(6), copies=(unknown,)))
    catalog.copies.record(
        [a_check(1, "a", state=CopyState.DAMAGED), a_check(2, "a", time=NOW + 9 * DAY, check_next=NOW + 99 * DAY)]
    )
    first, second = catalog.copies.summary(NOW + 4 * DAY)
    assert (first.name, first.copies, first.bytes) == ("a", 6, 600)
    assert first.states == {CopyState.GOOD: 4, CopyState.DAMAGED: 1, CopyState.UNKNOWN: 1}
    assert first.count(CopyState.GOOD) == 4
    assert first.count(CopyState.ABSENT) == 0
    assert first.overdue == 1
    assert first.never_checked == 1
    assert first.oldest_check == NOW
    assert (second.name, second.overdue, second.bytes) == ("b", 3, 5_000)
    assert catalog.copies.overdue(NOW + 4 * DAY) == 4
    assert catalog.copies.overdue(NOW + 4 * DAY, tier="b") == 3


def test_aips_with_too_few_good_copies(catalog: Catalog) -> None:
    fill(catalog, 4)
    catalog.register(replace(a_registration(5), copies=()))
    catalog.copies.record([a_check(2, "a", state=CopyState.UNREADABLE)])
    newer = replace(a_registration(3, version=2), copies=(a_copy(3, "a", version=2),))
    catalog.register(newer)
    assert catalog.copies.short(lambda _, good: len(good) >= 2, BOTH) == 3
    assert catalog.copies.short(lambda _, good: len(good) >= 1, BOTH) == 1
    assert catalog.copies.short(lambda _, good: len(good) >= 1, ("b",)) == 2
    assert catalog.copies.short(lambda _, good: "a" in good, BOTH) == 2
    assert catalog.copies.short(lambda *_: False, ()) == 5
    policy = parse_policy('[copies.default]\ntiers = ["a", "b"]\nneed = 2\n')
    aips = [catalog.holdings.get(aip_id(number)) for number in range(1, 6)]
    stored = [aip.id for aip in aips if is_stored(aip.copies, policy.copies, version=aip.version)]
    assert len(stored) == 5 - catalog.copies.short(lambda _, good: policy.copies.enough(good), policy.copies.tiers)
    assert stored == [aip_id(1), aip_id(4)]


def test_history_of_checks(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    damages = [("v1/a", "altered"), ("v1/b", "altered"), ("v1/c", "missing")]
    catalog.copies.record([a_check(1, "a", bytes=2**40), a_check(1, "b")])
    catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED, damages=damages, time=NOW + 9 * DAY, inventory_sha512="")])
    page = catalog.checks.list(aip_id=aip_id(1), tier="a", limit=1)
    assert page.items[0].problems == {"altered": 2, "missing": 1}
    assert page.items[0].state is CopyState.DAMAGED
    assert page.items[0].inventory_sha512 == ""
    rest = catalog.checks.list(aip_id=aip_id(1), tier="a", cursor=page.cursor)
    assert [(each.time, each.bytes, each.inventory_sha512) for each in rest.items] == [(NOW + DAY, 2**40, "ab" * 64)]
    assert catalog.checks.bytes_since("a", NOW, LATER) == 2**40 + 100
    assert catalog.checks.bytes_since("a", NOW + 2 * DAY, LATER) == 100
    assert catalog.checks.bytes_since("none", NOW, LATER) == 0


def test_recording_is_all_or_nothing(catalog: Catalog) -> None:
    catalog.register(a_registration(1))
    with pytest.raises(ValueError, match="hex"):
        catalog.copies.record([a_check(1, "a", state=CopyState.DAMAGED), a_check(1, "b", inventory_sha512="no hex")])
    assert {each.state for each in catalog.copies.of(aip_id(1))} == {CopyState.GOOD}
    assert catalog.copies.record([]) == 0


def test_the_due_query_uses_its_index_alone(catalog: Catalog) -> None:
    from sqlalchemy import text

    fill(catalog, 3)
    with catalog.begin() as transaction:
        if transaction.dialect.name != "sqlite":
            pytest.skip("SQLite's planner says so in words; PostgreSQL decides by table size")
        plan = transaction.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT tier, check_next, aip_id, last_check, bytes, last_full FROM copy"
                " WHERE tier = 'a' AND check_next <= 9 ORDER BY check_next, aip_id LIMIT 5"
            )
        ).all()
        lazy = transaction.execute(
            text("EXPLAIN QUERY PLAN SELECT aip_id, tier FROM copy WHERE state <> 'good' ORDER BY aip_id, tier LIMIT 5")
        ).all()
        looks = transaction.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT aip_id FROM copy WHERE tier = 'a' AND look_next <= 9 ORDER BY look_next, aip_id LIMIT 5"
            )
        ).all()
    assert "COVERING INDEX copy_due" in plan[0][3]
    assert not any("TEMP B-TREE" in row[3] for row in plan)
    assert "copy_not_good" in lazy[0][3]
    assert "COVERING INDEX copy_look" in looks[0][3]
    assert not any("TEMP B-TREE" in row[3] for row in looks)
