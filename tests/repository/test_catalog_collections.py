"""Collections, dates that follow them, and looks in the catalog, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from catalog_builders import DAY, NOW, a_check, a_registration, aip_id

from repository.catalog import Catalog, Members, Periods
from repository.model import Copy, CopyState

YEAR = Periods(365 * DAY, None)
MONTH = Periods(30 * DAY, 7 * DAY)


def belongs(producer: str, fields: Mapping[str, Any]) -> str:
    return "đất" if "đất" in fields.get("subject", ()) else ""


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """AIPs 1 to 6 on two tiers; the even ones are of the collection."""
    for number in range(1, 7):
        subject = "đất" if number % 2 == 0 else "nước"
        catalog.register(a_registration(number, fields={"subject": (subject,)}, producer=f"p{number % 3}"))
    assert catalog.collections.assign(belongs) == 3
    return catalog


def copy(catalog: Catalog, number: int, tier: str) -> Copy:
    return next(each for each in catalog.copies.of(aip_id(number)) if each.tier == tier)


def test_members_are_found_by_collection_or_producer(filled: Catalog) -> None:
    assert filled.collections.ids_of(Members(collection="đất")) == {aip_id(number) for number in (2, 4, 6)}
    assert filled.collections.ids_of(Members(producer="p1")) == {aip_id(1), aip_id(4)}
    assert filled.collections.has_producer("p2")
    assert not filled.collections.has_producer("đất")
    assert copy(filled, 2, "a").collection == "đất"
    assert copy(filled, 1, "a").collection == ""
    assert filled.collections.assign(belongs) == 0
    assert filled.collections.assign(lambda producer, fields: "") == 3


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_dates_follow_in_turns_of_any_size(filled: Catalog, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr("repository.catalog.collections.MOVED_AT_ONCE", at_once)
    filled.copies.record([a_check(4, "a", state=CopyState.DAMAGED, check_next=NOW + 2 * DAY)])
    before = copy(filled, 4, "a")
    periods = {"": {"a": YEAR, "b": YEAR}, "đất": {"a": MONTH, "b": YEAR}}
    assert filled.collections.reschedule(periods) == 11
    assert copy(filled, 4, "a") == before, "what is not good keeps its date"
    for number, tier, every, look in ((1, "a", 365, None), (2, "a", 30, 7), (6, "b", 365, None)):
        one = copy(filled, number, tier)
        assert one.check_next == NOW + every * DAY
        assert one.look_next == (None if look is None else NOW + look * DAY)
    assert filled.collections.reschedule(periods) == 0
    assert filled.collections.reschedule({"": {"b": YEAR}, "đất": {"a": YEAR}}) == 2, "a tier that is not named keeps its dates"


def test_bytes_and_counts_by_collection(filled: Catalog) -> None:
    sizes = filled.collections.bytes_on()
    assert sizes.keys() == {(tier, name) for tier in "ab" for name in ("", "đất")}
    assert sum(size for (tier, _), size in sizes.items() if tier == "a") == filled.copies.summary(NOW)[0].bytes
    (a, b) = filled.copies.summary(NOW + 99 * DAY, Members(collection="đất"))
    assert (a.copies, a.overdue, b.copies) == (3, 3, 3)
    assert filled.copies.ages(NOW + 40 * DAY, Members(producer="p0")) == {"a": {"90": 2}, "b": {"90": 2}}


def test_looks_are_due_recorded_and_move_nothing_else(filled: Catalog) -> None:
    filled.collections.reschedule({"": {"a": YEAR}, "đất": {"a": MONTH}})
    now = NOW + 8 * DAY
    assert filled.looks.due("a", NOW, limit=9) == []
    assert [each.aip_id for each in filled.looks.due("a", now, limit=2)] == [aip_id(2), aip_id(4)]
    assert filled.looks.overdue(now) == {"a": 3}
    assert filled.looks.overdue(now, Members(producer="p1")) == {"a": 1}
    before = copy(filled, 2, "a")
    with filled.begin() as transaction:
        filled.looks.record("a", [(aip_id(2), now + timedelta(days=7)), (aip_id(4), None)], now, within=transaction)
    after = copy(filled, 2, "a")
    assert (after.last_look, after.look_next) == (now, now + 7 * DAY)
    assert (after.last_check, after.check_next, after.state) == (before.last_check, before.check_next, before.state)
    assert [each.aip_id for each in filled.looks.due("a", now, limit=9)] == [aip_id(6)]
    assert copy(filled, 2, "b").last_look is None


def test_what_the_last_reading_counted(filled: Catalog) -> None:
    filled.copies.record([a_check(1, "a", version=1, bytes=90), a_check(2, "a", version=1), a_check(1, "b", version=1)])
    filled.copies.record([a_check(1, "a", version=1, bytes=101, files=4), a_check(2, "a", version=1, state=CopyState.UNREADABLE)])
    copies = [copy(filled, number, "a") for number in (1, 2, 3)]
    assert filled.looks.last_read(copies) == {aip_id(1): (1, 4, 101)}


def test_what_lacks_copies_and_what_has_too_many_is_told_by_collection(filled: Catalog) -> None:
    filled.holdings.keep("urn:kho:ledger:x:1", b"1" * 64)
    filled.holdings.keep("urn:kho:ledger:x:1", b"2" * 64, 2)
    filled.copies.put([Copy("urn:kho:ledger:x:1", "a", 2, CopyState.GOOD, NOW, NOW, NOW, 7, 3)])
    even, odd = [[aip_id(number) for number in range(first, 7, 2)] for first in (2, 1)]
    same = {"": ("a", "b"), "đất": ("b", "a")}
    assert filled.placements.lacking("a", same) == (0, 0)
    assert filled.placements.lacking_ids("b", same, limit=9) == [("urn:kho:ledger:x:1", 2, 7)]
    assert filled.placements.beyond(same) == []
    apart = {"": ("a",), "đất": ("b", "c"), "trống": ("c",)}
    assert [row[0] for row in filled.placements.lacking_ids("c", apart, limit=9)] == even
    assert filled.placements.lacking("c", apart)[0] == 3
    assert filled.placements.lacking("a", apart) == (0, 0)
    assert [row[:2] for row in filled.placements.beyond(apart)] == [("a", 3), ("b", 3)]
    found = filled.placements.beyond_ids(apart, after=(), limit=9)
    assert sorted(found) == found
    assert set(found) == {(each, "a") for each in even} | {(each, "b") for each in odd}
    assert filled.placements.beyond_ids(apart, after=found[1], limit=2) == found[2:4]
    only = {"": ("c",), "đất": ("a", "b")}
    assert [row[0] for row in filled.placements.lacking_ids("c", only, limit=9)] == ["urn:kho:ledger:x:1", *odd]
    assert [row[:2] for row in filled.placements.beyond(only)] == [("a", 4), ("b", 3)]
    assert filled.copies.short(lambda name, good: len(good) >= (2 if name else 1), ("a",)) == 3
