"""Events and the ledger, on SQLite and on PostgreSQL: append-only, and names of people erasable."""

from __future__ import annotations

from dataclasses import replace

import pytest
from catalog_builders import DAY, NOW, a_check, a_copy, a_deposit, aip_id

from fixity.verify import Outcome, Problem
from repository.catalog import Catalog, CatalogUnavailable
from repository.ledger.events import Ledger, note_digest
from repository.model import CopyState, DepositState, Event
from storage.errors import Unavailable
from tests.clocks import RunningClock

POLICY = "ab" * 32


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    return Ledger(catalog, RunningClock(NOW), "user:an", "kho 0.1.0", POLICY)


def events(catalog: Catalog, number: int = 1) -> list[Event]:
    return list(catalog.events.for_aip(aip_id(number)))


def test_an_event_comes_back_as_it_was(catalog: Catalog) -> None:
    event = Event("e1", "ingestion", NOW, "kho", "success", aip_id(1), 3, "d1", "a", {"n": 3, "words": "đ\udcff\x00"})
    catalog.events.append([event, replace(event, id="e2", aip_id=aip_id(2))])
    assert events(catalog) == [event]


def test_appending_again_changes_nothing(catalog: Catalog) -> None:
    event = Event("e1", "ingestion", NOW, "kho", "success", aip_id(1))
    catalog.events.append([event])
    catalog.events.append([replace(event, outcome="fail"), replace(event, id="e2")])
    assert [(each.id, each.outcome) for each in events(catalog)] == [("e1", "success"), ("e2", "success")]


@pytest.mark.parametrize(
    "statement", ["UPDATE event SET outcome = 'success'", "DELETE FROM event", "DELETE FROM event WHERE id = 'e1'"]
)
def test_the_database_itself_refuses_to_change_the_past(catalog: Catalog, statement: str) -> None:
    from sqlalchemy import text

    catalog.events.append([Event("e1", "ingestion", NOW, "kho", "fail", aip_id(1))])
    with pytest.raises(CatalogUnavailable, match="append-only"), catalog.begin() as transaction:
        transaction.execute(text(statement))
    assert [each.outcome for each in events(catalog)] == ["fail"]


def test_many_events_stream_in_order(catalog: Catalog) -> None:
    given = [Event(f"e{number}", "fixity check", NOW, "kho", "success", aip_id(1)) for number in range(12_001)]
    catalog.events.append(iter(given))
    assert [each.id for each in events(catalog)] == [each.id for each in given]


def test_lists_by_kind_deposit_and_time(catalog: Catalog) -> None:
    for number in range(6):
        kind = "ingestion" if number % 2 else "fixity check"
        catalog.events.append([Event(f"e{number}", kind, NOW + number * DAY, "kho", "success", deposit_id=f"d{number % 3}")])
    assert [each.id for each in catalog.events.list(type="ingestion").items] == ["e1", "e3", "e5"]
    assert [each.id for each in catalog.events.list(deposit_id="d0").items] == ["e0", "e3"]
    assert [each.id for each in catalog.events.list(since=NOW + 4 * DAY).items] == ["e4", "e5"]
    first = catalog.events.list(limit=4)
    assert [each.id for each in catalog.events.list(limit=4, cursor=first.cursor).items] == ["e4", "e5"]


def test_checks_become_events(catalog: Catalog, ledger: Ledger) -> None:
    states = [CopyState.GOOD, CopyState.DAMAGED, CopyState.UNREADABLE]
    ledger.checked([a_check(1, "a", state=state, damages=[("v1/Nguyễn Văn A.pdf", "altered")]) for state in states])
    found = [each for each in events(catalog) if each.type == "fixity check"]
    assert [each.outcome for each in found] == ["success", "fail", "warning"]
    assert found[1].detail == {
        "algorithm": "sha512",
        "files": 3,
        "bytes": 100,
        "inventory": a_check(1, "a").inventory_sha512,
        "altered": 1,
        "policy": POLICY,
        "asked_by": "user:an",
    }
    assert found[1].time == NOW + DAY
    assert found[1].tier == "a"
    damages = [each for each in events(catalog) if each.type == "damage"]
    assert [(each.outcome, each.tier, each.detail["problem"]) for each in damages] == [("fail", "a", "altered")] * 3
    assert "Nguyễn" not in repr(events(catalog)), "a name is for the note, which can be erased"
    notes = [catalog.events.note(each.id) for each in damages]
    assert [note and note[1]["path"] for note in notes] == ["v1/Nguyễn Văn A.pdf"] * 3


def test_keeping_is_one_event_a_tier(catalog: Catalog, ledger: Ledger) -> None:
    deposit = a_deposit(1, aip_id=aip_id(1), aip_version=2)
    ledger.kept([(deposit, {"a": {"ok": True, "bytes": 5}, "b": {"ok": False, "error": "down"}})])
    assert [(each.tier, each.outcome, each.aip_version) for each in events(catalog)] == [("a", "success", 2), ("b", "fail", 2)]


def test_an_officers_words_can_be_erased_and_the_event_stays(catalog: Catalog, ledger: Ledger) -> None:
    deposit = a_deposit(1, state=DepositState.REFUSED, decided_by="user:Nguyễn Văn An", aip_id=aip_id(1))
    event = ledger.decided(deposit, "bản trùng của bà Lê")
    assert event.detail["decision"] == "refuse"
    note = catalog.events.note(event.id)
    assert note is not None
    assert note[1] == {"by": "user:Nguyễn Văn An", "reason": "bản trùng của bà Lê"}
    assert note_digest(note) == event.detail["note_sha256"]
    assert note_digest((note[0], {**note[1], "reason": "x"})) != event.detail["note_sha256"]
    assert "Lê" not in repr(events(catalog))
    assert catalog.events.erase_note(event.id)
    assert not catalog.events.erase_note(event.id)
    assert catalog.events.note(event.id) is None
    assert events(catalog) == [event]


def test_equal_words_have_unequal_digests(catalog: Catalog, ledger: Ledger) -> None:
    deposit = a_deposit(1, state=DepositState.SPOOLED, aip_id=aip_id(1))
    first, second = ledger.decided(deposit, "same"), ledger.decided(deposit, "same")
    assert first.detail["decision"] == "release"
    assert first.detail["note_sha256"] != second.detail["note_sha256"]


def test_repairs_name_no_paths(catalog: Catalog, ledger: Ledger) -> None:
    problem = Problem("v1/content/Nguyễn Văn A.pdf", Outcome.ALTERED, "aa", "bb")
    copy = a_copy(1, "a")
    mended = ledger.repaired(copy, problem, "b")
    moved = ledger.quarantined(copy, replace(problem, outcome=Outcome.EXTRA), "/quarantine/Nguyễn Văn A.pdf")
    failed = ledger.repair_failed(copy, problem, Unavailable("v1/content/Nguyễn Văn A.pdf", "EIO"))
    assert events(catalog) == [mended, moved, failed]
    assert [(each.type, each.outcome) for each in events(catalog)] == [
        ("recovery", "success"),
        ("quarantine", "success"),
        ("recovery", "fail"),
    ]
    assert "Nguyễn" not in repr(events(catalog))
    assert mended.detail["source"] == "b"
    assert failed.detail["error"] == "STO-UNAVAILABLE"
    note = catalog.events.note(moved.id)
    assert note is not None
    assert note[1] == {"path": problem.path, "place": "/quarantine/Nguyễn Văn A.pdf"}


def test_handing_out_is_an_event(catalog: Catalog, ledger: Ledger) -> None:
    ledger.exported(aip_id(1), 2, "bagit", 5, 100)
    (event,) = events(catalog)
    assert (event.type, event.agent, event.aip_version) == ("dissemination", "kho 0.1.0", 2)
    assert event.asked_by == "user:an"
    assert event.detail == {"form": "bagit", "files": 5, "bytes": 100, "policy": POLICY, "asked_by": "user:an"}


def test_an_event_belongs_to_its_transaction(catalog: Catalog, ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="power"), catalog.begin() as transaction:  # noqa: PT012
        ledger.decided(a_deposit(1, aip_id=aip_id(1)), "reason", within=transaction)
        raise RuntimeError("power")
    assert events(catalog) == []
