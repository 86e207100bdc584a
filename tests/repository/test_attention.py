"""What needs attention: each way in which an archive goes wrong silently stands on one list, with what to do, and nothing else does."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from test_cli_corridor import agrees, shapes

from policies.codes import register
from repository.archive import Archive
from repository.attention.entries import DRILL, SILENCE, attention
from repository.catalog import LedgerDay
from repository.checks.audit import AuditScope, audit_some
from repository.checks.forecast import Forecast, forecasts
from repository.demo import flip_one_bit, make_records
from repository.ledger.days import day_end
from repository.ledger.events import ledger_of
from repository.ledger.keys import ring_of
from repository.progress import Silent
from repository.services.overview import Overview
from repository.settings.authorities import AuthorityPlace
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier
from tests.clocks import RunningClock


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    made = ArchiveUnderTest(tmp_path_factory.mktemp("attention"), identifier)
    made.deposit(make_records(made.folder / "records")[0])
    made.audit()
    ledger_of(made.engine.archive).append([ledger_of(made.engine.archive).event(DRILL, "success")])
    yield made
    made.close()


def later(held: ArchiveUnderTest, **more: int) -> Archive:
    return replace(held.engine.archive, clock=RunningClock(datetime.now(UTC) + timedelta(**more)))


def codes(archive: Archive) -> set[str]:
    return {each.code for each in attention(archive)}


def test_an_archive_that_is_well_needs_nothing(held: ArchiveUnderTest) -> None:
    assert attention(held.engine.archive, held.engine.jobs) == []


def test_the_dead_man_speaks(held: ArchiveUnderTest) -> None:
    assert "ATT-SILENT" not in codes(later(held, hours=SILENCE.days * 24 - 1))
    assert "ATT-SILENT" in codes(later(held, days=SILENCE.days + 1))


def test_what_is_due_and_old_is_told(held: ArchiveUnderTest) -> None:
    found = codes(later(held, days=200))
    assert {"ATT-OVERDUE", "ATT-DRILL-OLD", "ATT-SILENT"} <= found


def test_a_check_that_just_fell_due_is_no_news(held: ArchiveUnderTest) -> None:
    """Some copy falls due every hour, and the worker comes every hour, or after the quiet hours: there was a notice each time."""
    (aip,) = held.engine.holdings.list().items
    due = min(each.check_next for each in aip.copies if each.check_next)
    at = replace(held.engine.archive, clock=RunningClock(due + timedelta(hours=23)))
    assert "ATT-OVERDUE" not in codes(at)
    assert "ATT-OVERDUE" in codes(replace(at, clock=RunningClock(due + timedelta(hours=25))))


def test_a_policy_of_formats_by_which_no_campaign_would_run(held: ArchiveUnderTest) -> None:
    own = held.engine.archive.settings.home / "formats.toml"
    own.write_text('[paths.picture-tiff]\ntool = "pillow"\n')
    try:
        (found,) = attention(held.engine.archive)
    finally:
        own.unlink()
    assert found.code.startswith("POL-")
    assert str(own) in found.text("en")


def test_a_clock_that_stands_behind_what_was_entered(held: ArchiveUnderTest) -> None:
    assert "ATT-CLOCK" in codes(later(held, hours=-2))


def test_a_drill_by_a_clock_that_was_ahead_is_none(held: ArchiveUnderTest) -> None:
    """It would have been the newest for as long as that clock had been ahead, and half a year more."""
    assert "ATT-DRILL-OLD" not in codes(later(held, days=1))
    assert "ATT-DRILL-OLD" in codes(later(held, days=-1))


def test_damage_and_a_tier_that_is_away(held: ArchiveUnderTest) -> None:
    tier = held.home / "tiers" / "b"
    flip_one_bit(tier)
    held.audit()
    found = {(each.code, each.path) for each in attention(held.engine.archive)}
    assert found == {("ATT-DAMAGED", "b"), ("ATT-SHORT", "")}
    held.repair()
    tier.rename(tier.with_name("away"))
    try:
        assert {"ATT-TIER", "ATT-SHORT"} == codes(held.engine.archive)
    finally:
        tier.with_name("away").rename(tier)
    assert codes(held.engine.archive) == set()


def test_a_full_disk(held: ArchiveUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.attention.entries.FREE_LEAST", 1 << 62)
    monkeypatch.setattr("repository.attention.entries.FREE_SHARE", 2.0)
    assert "ATT-DISK" in codes(held.engine.archive)


def test_a_ledger_of_which_no_day_was_ever_closed(held: ArchiveUnderTest) -> None:
    """Where no worker ever ran, nothing can be proven to anybody, and nothing else on the list says so."""
    assert held.catalog.days.last() is None
    assert "ATT-LEDGER-STOPPED" not in codes(later(held, days=1))
    assert "ATT-LEDGER-STOPPED" in codes(later(held, days=4))


def a_head(held: ArchiveUnderTest) -> bytes:
    """As much of the head of a day as is asked for here."""
    return json.dumps({"keys": hashlib.sha256(ring_of(held.engine.archive).statements).hexdigest()}).encode()


def test_a_ledger_that_stands_still(held: ArchiveUnderTest) -> None:
    today = datetime.now(UTC).date()
    held.catalog.days.add(LedgerDay(1, today, today - timedelta(days=1), 1, 1, 1, a_head(held), b""))
    assert codes(held.engine.archive) == set()
    assert {"ATT-LEDGER-WAITING", "ATT-LEDGER-STOPPED"} <= codes(later(held, days=3))
    assert "ATT-CLOCK" in codes(later(held, days=-2))


def test_an_authority_that_is_silent_for_days_does_not_answer_at_midnight(held: ArchiveUnderTest) -> None:
    """Each day's first six hours looked as if a silence of weeks had ended, and a notice said so."""
    midnight = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC) + timedelta(days=3)
    place = AuthorityPlace("x", "http://127.0.0.1:9/", ())
    settings = replace(held.engine.archive.settings, authorities=(place,))
    head = a_head(held)
    for number, token in ((2, b"stamp"), (3, b""), (4, b"")):
        day = (midnight + timedelta(days=number - 3)).date()
        held.catalog.days.add(LedgerDay(number, day, day, number, number, 1, head, b"", token))
        told = {
            hours: "ATT-TSA"
            in codes(replace(held.engine.archive, settings=settings, clock=RunningClock(day_end(day) + timedelta(hours=hours))))
            for hours in (5, 7)
        }
        assert told == {5: number == 4, 7: number != 2}
    held.catalog.days.stamped(4, b"stamp")
    at = RunningClock(day_end(day) + timedelta(hours=7))
    assert "ATT-TSA" not in codes(replace(held.engine.archive, settings=settings, clock=at))


def test_every_entry_says_what_to_do_in_both_languages() -> None:
    rows = [row for code, row in register().items() if code.startswith("ATT-")]
    assert len(rows) > 20
    assert all(row.todo[language] for row in rows for language in ("en", "vi"))


def a_forecast(**more: object) -> Forecast:
    facts: dict[str, object] = {"tier": "a", "copies": 10, "bytes": 900, "every": 90.0, "need": 10, "backlog": 0}
    return Forecast(**{**facts, "speed": 1, "capacity": 100, **more})  # type: ignore[arg-type]


def test_a_forecast_never_guesses() -> None:
    assert a_forecast(speed=None, capacity=None).fits is None
    assert a_forecast(speed=None, capacity=None, backlog=5).days_left is None
    assert a_forecast().fits is True
    assert a_forecast(need=101).fits is False
    assert a_forecast(backlog=91).days_left == 2
    assert a_forecast(backlog=91, need=100).days_left is None


def test_speed_is_measured_by_audits(held: ArchiveUnderTest) -> None:
    held.audit()
    found = forecasts(held.engine.archive, datetime.now(UTC))
    assert [each.tier for each in found] == ["a", "b"]
    assert all(each.speed is not None and each.fits for each in found)


def test_metrics_are_in_the_format_of_prometheus(held: ArchiveUnderTest) -> None:
    text = Overview(later(held, days=200), lambda: held.engine.jobs).metrics()
    line = re.compile(r'(# (HELP|TYPE) kho_\w+ .+|kho_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?\d+)')
    assert all(line.fullmatch(each) for each in text.splitlines()), text
    assert 'kho_copies{tier="a",state="good"} 1' in text
    assert 'kho_attention{code="ATT-SILENT"' in text


def test_status_on_the_command_line(tmp_path: Path) -> None:
    from kho_inside import ArchiveInside as Commands

    made = Commands(tmp_path)
    assert made.kho("init").code == 0
    said = made.kho("status", "--json")
    assert said.json["kind"] == "status", said.err
    assert agrees(dict(shapes())["status"], said.json) == []
    assert "Cần chú ý" in made.kho("status", language="vi").out
    assert "# TYPE kho_copies gauge" in made.kho("status", "--metrics").out


def test_the_dead_man_is_silent_where_nothing_is_due_and_the_checker_is_at_work(held: ArchiveUnderTest) -> None:
    """Where every copy was read on one day none is due for three months: an archive whose worker ran was called a stopped one."""
    for days in range(1, 12):
        at = later(held, days=days)
        step = audit_some(at, AuditScope().as_json(), at.clock.now().isoformat(), [], Silent())
        assert (step["checked"], sorted(step["canaries"])) == (0, ["a", "b"])
    assert "ATT-SILENT" not in codes(at)
    again = audit_some(at, AuditScope().as_json(), at.clock.now().isoformat(), [], Silent())
    assert again["canaries"] == {}, "once a day is enough"
    assert "ATT-SILENT" in codes(later(held, days=11 + SILENCE.days + 1))
