"""The list of faulty files in a report: each once, however often checks met it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from test_fixity_period import Steps

from repository.checks.audit import AuditScope, audit_some
from repository.copies.repair import repair_some
from repository.ledger.flow import LedgerFlow
from repository.progress import Silent
from repository.reports.pages import page
from repository.reports.period import PeriodScope, gather
from tests.builders_archive import ArchiveUnderTest, write_tree
from tests.clocks import RunningClock


def test_damage_that_is_met_again_is_one_fault_that_was_detected_once(archive: ArchiveUnderTest) -> None:
    """Copies that are not good are read every day until they are repaired: that makes neither the list longer nor detection quicker."""
    day, clock = timedelta(days=1), RunningClock(datetime.now(UTC))
    running = replace(archive.engine.archive, clock=clock)
    archive.deposit(write_tree(archive.folder / "in", {"x.txt": b"x" * 100, "y.txt": b"y" * 100}))
    files = sorted(path for path in archive.tier("a").root.rglob("?.txt") if path.is_file())
    clock.advance(30 * day)
    files[0].chmod(0o644)
    files[0].write_bytes(b"?" * 100)
    first = clock.now()
    for number in range(4):
        if number == 2:
            files[1].unlink()
        audit_some(running, AuditScope(everything=True, tier="a").as_json(), clock.now().isoformat(), [], Silent())
        clock.advance(day)
    LedgerFlow(running)(Steps(), {})  # type: ignore[arg-type]
    document = gather(running, PeriodScope(first.date(), clock.now().date()))
    assert [(row["name"], row["outcome"], row["times"]) for row in document["faulty"]] == [
        ("x.txt", "altered", 4),
        ("y.txt", "missing", 2),
    ]
    assert [row["number"] for row in document["faulty"]] == [1, 2]
    assert document["faulty_count"] == 2
    figures = document["figures"]["a"]
    assert (figures["files_altered"], figures["files_missing"], figures["damaged"]) == (4, 2, 4)
    assert figures["detected_count"] == 1
    assert figures["detected_longest"] // 86_400 in (29, 30)
    for language, words in (("vi", "4 lượt kiểm tra gặp"), ("en", "met by 4 checks")):
        assert words in page(document, language)


def test_time_to_repair_runs_from_the_day_on_which_damage_was_first_met(archive: ArchiveUnderTest) -> None:
    day, clock = timedelta(days=1), RunningClock(datetime.now(UTC))
    running = replace(archive.engine.archive, clock=clock)
    aip = archive.deposit(write_tree(archive.folder / "in", {"x.txt": b"x" * 100})).aip_id
    (file,) = (path for path in archive.tier("a").root.rglob("x.txt") if path.is_file())
    clock.advance(day)
    file.unlink()
    first: list[datetime] = []
    for _ in range(10):
        started = clock.now()
        audit_some(running, AuditScope(everything=True).as_json(), started.isoformat(), [], Silent())
        (damage,) = running.catalog.copies.damages(since=started)
        first = first or [damage.detected]
        assert [damage.detected] == first
        clock.advance(day)
    assert list(running.catalog.copies.damages(since=clock.now())) == []
    assert repair_some(running, aip, "", Silent())["repaired"] == 1
    clock.advance(day)
    LedgerFlow(running)(Steps(), {})  # type: ignore[arg-type]
    figures = gather(running, PeriodScope(first[0].date(), clock.now().date()))["figures"]["a"]
    assert (figures["mended_count"], figures["mended_seconds"]) == (1, 10 * 86_400)
