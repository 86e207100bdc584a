"""The catalog follows the policy: collections of AIPs, dates of their copies, forecasts and reports by collection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from repository.checks.following import FOLLOWED, follow_policy
from repository.model import Copy
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree

DAY = timedelta(days=1)
CIVIL = '\n[collections."Hộ tịch"]\nproducers = ["Sở Tư pháp"]\naudit.a.every = "30d"\naudit.a.look_every = "7d"\n'


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    made = ArchiveUnderTest(tmp_path, identifier)
    yield made
    made.close()


def deposit(archive: ArchiveUnderTest, producer: str, name: str) -> str:
    return archive.deposit(write_tree(archive.folder / name, {"x.txt": name.encode() * 100}), producer=producer).aip_id


def copy(archive: ArchiveUnderTest, aip: str, tier: str) -> Copy:
    return next(each for each in archive.catalog.copies.of(aip) if each.tier == tier)


def wait(archive: ArchiveUnderTest, aip: str, tier: str) -> tuple[timedelta | None, timedelta | None]:
    """How long after its last check a copy is read again, and looked at."""
    one = copy(archive, aip, tier)
    assert one.check_next is not None
    assert one.last_check is not None
    return one.check_next - one.last_check, one.look_next - one.last_check if one.look_next else None


def test_a_deposit_has_the_dates_of_its_collection_from_the_first_day(archive: ArchiveUnderTest) -> None:
    archive.collections(CIVIL)
    civil, other = deposit(archive, "Sở Tư pháp", "one"), deposit(archive, "UBND", "two")
    assert archive.catalog.holdings.get(civil).collection == "Hộ tịch"
    assert archive.catalog.holdings.get(other).collection == ""
    assert wait(archive, civil, "a") == (30 * DAY, 7 * DAY)
    assert wait(archive, civil, "b") == wait(archive, other, "a") == (90 * DAY, None)
    archive.audit()
    assert wait(archive, civil, "a") == (30 * DAY, 7 * DAY)
    assert wait(archive, civil, "b") == wait(archive, other, "a") == (90 * DAY, None)


def test_an_update_and_a_rebuild_keep_the_collection(archive: ArchiveUnderTest) -> None:
    archive.collections(CIVIL)
    civil = deposit(archive, "Sở Tư pháp", "one")
    archive.deposit(write_tree(archive.folder / "new", {"y.txt": b"y"}), producer="Sở Tư pháp", update=civil)
    assert wait(archive, civil, "a") == (30 * DAY, 7 * DAY)
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    assert archive.catalog.holdings.get(civil).collection == "Hộ tịch"
    archive.audit()
    assert wait(archive, civil, "a") == (30 * DAY, 7 * DAY)


def test_dates_and_collections_follow_a_new_policy_with_the_next_audit(archive: ArchiveUnderTest) -> None:
    civil, other = deposit(archive, "Sở Tư pháp", "one"), deposit(archive, "UBND", "two")
    archive.collections(CIVIL)
    assert archive.engine.audits.run(everything=False, progress=Silent()).checked == 0
    assert archive.catalog.holdings.get(civil).collection == "Hộ tịch"
    assert wait(archive, civil, "a") == (30 * DAY, 7 * DAY)
    assert wait(archive, civil, "b") == wait(archive, other, "a") == (90 * DAY, None)
    (event,) = archive.catalog.events.newest(FOLLOWED, 9)
    assert (event.detail["aips"], event.detail["copies"]) == (1, 1)
    assert event.detail["policy"] == archive.engine.archive.policy.digest
    archive.collections("")
    assert follow_policy(archive.engine.archive) == {"aips": 1, "copies": 1}
    assert archive.catalog.holdings.get(civil).collection == ""
    assert wait(archive, civil, "a") == (90 * DAY, None)


def test_what_is_not_known_to_be_good_keeps_its_own_date(archive: ArchiveUnderTest) -> None:
    civil = deposit(archive, "Sở Tư pháp", "one")
    next(path for path in archive.tier("a").root.rglob("x.txt")).unlink()
    archive.audit()
    before = copy(archive, civil, "a")
    archive.collections(CIVIL)
    follow_policy(archive.engine.archive)
    assert copy(archive, civil, "a").check_next == before.check_next
    assert copy(archive, civil, "a").look_next is None


def test_the_forecast_counts_each_collection_in_its_own_period(archive: ArchiveUnderTest) -> None:
    for number, producer in enumerate(("Sở Tư pháp", "UBND")):
        deposit(archive, producer, f"d{number}")
    plain = {each.tier: each for each in archive.engine.overview.forecasts()}
    archive.collections(CIVIL)
    follow_policy(archive.engine.archive)
    found = {each.tier: each for each in archive.engine.overview.forecasts()}
    assert found["b"].need == plain["b"].need
    parts = archive.catalog.collections.bytes_on()
    need = parts["a", "Hộ tịch"] / 30 + parts["a", ""] / 90
    assert need <= found["a"].need < need + 1
    assert sum(size for (tier, _), size in parts.items() if tier == "a") == found["a"].bytes == plain["a"].bytes


def test_a_report_on_a_collection_tells_of_its_copies_only(archive: ArchiveUnderTest) -> None:
    from repository.reports.period import PeriodScope, gather

    archive.collections(CIVIL)
    civil = deposit(archive, "Sở Tư pháp", "one")
    for name in ("two", "three"):
        deposit(archive, "UBND", name)
    now = archive.engine.archive.clock.now().date()
    document = gather(archive.engine.archive, PeriodScope(now, now, collection="Hộ tịch"))
    assert document["scope"]["aips"] == [civil]
    assert {row["tier"]: row["copies"] for row in document["state"]} == {"a": 1, "b": 1}
    assert document["policy"]["collections"] == {"Hộ tịch": {"a": 30}}
    by_producer = gather(archive.engine.archive, PeriodScope(now, now, tier="a", collection="UBND"))
    assert [(row["tier"], row["copies"]) for row in by_producer["state"]] == [("a", 2)]


def test_many_copies_are_moved_in_turns(archive: ArchiveUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.catalog.collections.MOVED_AT_ONCE", 2)
    monkeypatch.setattr("repository.catalog.collections.ASSIGNED_AT_ONCE", 2)
    for number in range(5):
        deposit(archive, "Sở Tư pháp", f"d{number}")
    archive.collections(CIVIL)
    assert follow_policy(archive.engine.archive) == {"aips": 5, "copies": 5}
