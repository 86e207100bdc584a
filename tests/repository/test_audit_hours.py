"""When audits of what is due may read, and which tier comes first: quiet hours, time and bytes of a day, damage of late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kept_objects import keep_objects

from policies.findings import spoken
from repository.archive import Archive
from repository.checks.audit import AuditScope, audit_some
from repository.checks.budgets import pause
from repository.checks.forecast import forecasts
from repository.engine import Engine
from repository.ledger.events import DAMAGE, ledger_of
from repository.progress import Silent
from tests.builders_archive import new_archive
from tests.clocks import RunningClock

NIGHT = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
"""Midnight in Ha Noi."""

COUNT = 6


class Scene:
    def __init__(self, home: Path, clock: RunningClock) -> None:
        self.home, self.clock = home, clock
        self.engine = Engine.open(home, actor="user:test", clock=clock)
        self.archive = self._archive()

    def _archive(self) -> Archive:
        return replace(self.engine.archive, clock=self.clock, policy=self.engine.archive.settings.policy())

    def promise(self, said: str) -> None:
        """Put keys into [audit.default]."""
        file = self.home / "policy.toml"
        file.write_text(
            file.read_text(encoding="utf-8").replace('retry = "1d"\n', f'retry = "1d"\n{said}\n', 1), encoding="utf-8"
        )
        self.archive = self._archive()

    def step(self, **scope: Any) -> dict[str, Any]:
        asked = AuditScope(**scope).as_json()
        return audit_some(self.archive, asked, self.clock.now().isoformat(), [], Silent())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    home = tmp_path / "archive"
    new_archive(home, {name: home / "tiers" / name for name in "ab"})
    clock = RunningClock(NIGHT - timedelta(days=200))
    scene = Scene(home, clock)
    keep_objects(scene.archive, tmp_path / "work", COUNT, 3, clock.now(), over=timedelta(days=90))
    clock.advance(timedelta(days=200))
    yield scene
    scene.engine.close()


def test_in_quiet_hours_what_is_due_waits_and_says_why(scene: Scene) -> None:
    scene.promise('quiet = "07:30-17:30"')
    scene.clock.advance(timedelta(hours=10))
    counts = scene.step()
    assert counts["checked"] == 0
    assert set(counts["postponed"]) == {"a", "b"}
    assert "17:30" in spoken(counts["postponed"]["a"], "en")
    assert "17:30" in spoken(counts["postponed"]["a"], "vi")
    scene.clock.advance(timedelta(hours=7, minutes=30))
    assert scene.step()["checked"] == 2 * COUNT


def test_who_asks_for_all_or_for_one_record_does_not_wait(scene: Scene) -> None:
    scene.promise('quiet = "07:30-17:30"')
    scene.clock.advance(timedelta(hours=10))
    assert scene.step(aip="urn:uuid:00000000-0000-4000-8000-000000000001")["checked"] == 2
    scene.clock.advance(timedelta(minutes=1))
    assert scene.step(everything=True)["checked"] == 2 * COUNT


def test_one_tier_may_have_hours_of_its_own(scene: Scene) -> None:
    scene.promise('quiet = "07:30-17:30"\n[audit.b]\nquiet = ""')
    scene.clock.advance(timedelta(hours=10))
    counts = scene.step()
    assert counts["checked"] == COUNT
    assert set(counts["postponed"]) == {"a"}


def test_the_time_of_a_day_is_used_up_by_what_was_read_in_it(scene: Scene) -> None:
    scene.promise('time_per_day = "1h"')
    assert pause(scene.archive, "a", scene.clock.now()) == ""
    ledger = ledger_of(scene.archive)
    for milliseconds in (1_800_000, 1_800_000):
        event = ledger.event("canary check", "success", detail={"milliseconds": milliseconds, "bytes": 1})
        ledger.append([replace(event, tier="a")])
        scene.clock.advance(timedelta(hours=1))
    counts = scene.step()
    assert set(counts["postponed"]) == {"a"}
    assert counts["checked"] == COUNT
    scene.clock.advance(timedelta(hours=23))
    assert pause(scene.archive, "a", scene.clock.now()) == ""


def test_the_bytes_of_a_day_are_told_of_when_they_are_read(scene: Scene) -> None:
    scene.promise("bytes_per_day = 1")
    assert scene.step()["checked"] >= 1
    after = scene.step()
    assert after["checked"] == 0 or after["postponed"]
    while scene.step()["checked"]:
        pass
    assert set(scene.step()["postponed"]) == {"a", "b"}


def test_the_tier_with_damage_of_late_is_read_first(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.checks.audit.STEP_COPIES", COUNT)
    since = scene.clock.now()
    assert scene.step()["checked"] == COUNT
    looked = {copy.tier for copy in _checked(scene, since)}
    assert looked == {"a", "b"}, "on sound tiers the oldest come first, whatever tier they are on"
    assert scene.step()["checked"] == COUNT
    scene.clock.advance(timedelta(days=200))
    event = ledger_of(scene.archive).event(DAMAGE, "fail", detail={"problem": "altered"})
    ledger_of(scene.archive).append([replace(event, tier="b")])
    since = scene.clock.now()
    assert scene.step()["checked"] == COUNT
    assert {copy.tier for copy in _checked(scene, since)} == {"b"}
    assert scene.step()["checked"] == COUNT, "and then the other"


def _checked(scene: Scene, since: datetime) -> list[Any]:
    ids = [f"urn:uuid:00000000-0000-4000-8000-{number:012d}" for number in range(COUNT)]
    return [
        copy for each in ids for copy in scene.archive.catalog.copies.of(each) if copy.last_check and copy.last_check >= since
    ]


def test_the_forecast_counts_the_hours_that_are_left(scene: Scene) -> None:
    ledger = ledger_of(scene.archive)
    event = ledger.event("canary check", "success", detail={"milliseconds": 1_000, "bytes": 1_000})
    ledger.append([replace(event, tier="a")])
    (whole,) = (each.capacity for each in forecasts(scene.archive, scene.clock.now()) if each.tier == "a")
    scene.promise('quiet = "06:00-18:00"\ntime_per_day = "6h"')
    (rest,) = (each.capacity for each in forecasts(scene.archive, scene.clock.now()) if each.tier == "a")
    assert (whole, rest) == (86_400 * 1_000, 6 * 3_600 * 1_000)
