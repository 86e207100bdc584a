"""A clock that was wrong for a while, and was set right: nothing stands still until the day that it told, and nothing is read for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from catalog_builders import a_registration
from job_flows import jobs
from kept_objects import keep_objects

from repository.archive import Archive
from repository.attention.entries import attention
from repository.checks.audit import AuditReport, AuditScope, audit_some
from repository.checks.budgets import left_today, pause
from repository.checks.looking import look_some
from repository.engine import Engine
from repository.flow_names import LEDGER
from repository.ledger.flow import PLAN
from repository.progress import Silent
from repository.worker import Metronome, Plan
from tests.builders_archive import new_archive
from tests.clocks import RunningClock

RIGHT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)

YEAR = timedelta(days=365)

COUNT = 4


class WildClock(RunningClock):
    """A clock that people set."""

    def set(self, moment: datetime) -> None:
        self._now = moment


class Scene:
    """An archive whose clock was a year ahead while everything that was due was audited, and is right again."""

    def __init__(self, home: Path, clock: WildClock, said: str = "") -> None:
        self.home, self.clock = home, clock
        file = home / "policy.toml"
        text = file.read_text(encoding="utf-8").replace('retry = "1d"\n', f'retry = "1d"\n{said}\n', 1)
        file.write_text(text, encoding="utf-8")
        self.engine = Engine.open(home, actor="user:test", clock=clock)

    @property
    def archive(self) -> Archive:
        return replace(self.engine.archive, clock=self.clock)

    def step(self, started: datetime | None = None, **scope: Any) -> dict[str, Any]:
        asked = AuditScope(**scope).as_json()
        return audit_some(self.archive, asked, (started or self.clock.now()).isoformat(), [], Silent())

    def audit(self, **scope: Any) -> AuditReport:
        """All steps of an audit that begins now, at most ten."""
        report, started = AuditReport(), self.clock.now()
        for _ in range(10):
            counts = self.step(started, **scope)
            report.merge(counts)
            if not counts["checked"]:
                return report
            self.clock.advance(timedelta(seconds=1))
        raise AssertionError("an audit that does not end")


@pytest.fixture(params=["", 'bytes_per_day = "1TiB"\ntime_per_day = "8h"\nlook_every = "7d"'])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    home = tmp_path / "archive"
    new_archive(home, {name: home / "tiers" / name for name in "ab"})
    clock = WildClock(RIGHT - timedelta(days=200))
    scene = Scene(home, clock, request.param)
    keep_objects(scene.archive, tmp_path / "work", COUNT, 3, clock.now(), over=timedelta(days=90))
    clock.advance(timedelta(days=1))
    assert scene.audit(everything=True).checked == 2 * COUNT
    clock.set(RIGHT + YEAR)
    assert scene.audit().checked == 2 * COUNT
    clock.set(RIGHT)
    yield scene
    scene.engine.close()


def test_who_asks_for_everything_gets_it_read(scene: Scene) -> None:
    assert scene.audit(everything=True).checked == 2 * COUNT
    assert scene.audit(everything=True).checked == 2 * COUNT


def test_what_was_dated_by_the_wrong_clock_is_due_by_the_right_one(scene: Scene) -> None:
    """A date is never further away than a period: else a copy would be read a year late, and nobody would count it as overdue."""
    scene.clock.advance(timedelta(hours=1))
    with scene.engine.jobs.session():
        done = scene.engine.jobs.run("audit", "now", {**AuditScope().as_json(), "actor": ""})
    assert isinstance(done, dict)
    assert done["checked"] == 2 * COUNT
    for summary in scene.archive.catalog.copies.summary(scene.clock.now() + timedelta(days=91)):
        assert summary.overdue == COUNT


def test_looks_that_were_dated_by_the_wrong_clock_come_by_the_right_one(scene: Scene) -> None:
    if scene.archive.policy.audit("a").look_every is None:
        pytest.skip("nothing is looked at")
    with scene.engine.jobs.session():
        scene.engine.jobs.run("audit", "now", {**AuditScope().as_json(), "actor": ""})
    scene.clock.advance(timedelta(days=8))
    assert look_some(scene.archive, scene.clock.now().isoformat(), [], Silent(), tier="a")["looked"] == COUNT


def test_what_was_read_in_days_to_come_uses_up_nothing_of_today(scene: Scene) -> None:
    limit = scene.archive.policy.audit("a").bytes_per_day
    assert left_today(scene.archive, "a", scene.clock.now(), None) == limit
    assert pause(scene.archive, "a", scene.clock.now()) == ""


def test_the_dead_man_is_not_kept_silent_by_a_check_in_days_to_come(scene: Scene) -> None:
    scene.archive.catalog.register(a_registration(1))  # with nothing to check nobody is missed
    scene.clock.advance(timedelta(days=20))
    assert "ATT-SILENT" in {each.code for each in attention(scene.archive)}


def test_the_daily_count_goes_on(scene: Scene) -> None:
    scene.clock.set(RIGHT + YEAR)
    with scene.engine.jobs.session():
        scene.engine.jobs.run(LEDGER, "ahead", {"actor": ""})
        scene.clock.set(RIGHT)
        scene.engine.jobs.run(LEDGER, "right", {"actor": ""})
    newest = scene.archive.catalog.events.latest(PLAN, "a")
    assert newest is not None
    assert RIGHT <= newest.time <= scene.clock.told


def test_an_audit_under_way_while_the_clock_is_set_back_ends(scene: Scene) -> None:
    """Whatever it reads from then on was read, by the clock, before it began: it would read it again and again."""
    scene.clock.set(RIGHT + YEAR)
    begun = scene.clock.now()
    scene.clock.set(RIGHT)
    counts = scene.step(begun, everything=True)
    assert counts["checked"] == 0
    assert set(counts["postponed"]) == {"a", "b"}


def test_the_metronome_goes_on(tmp_path: Path) -> None:
    machine = jobs(tmp_path)
    machine.upgrade()
    try:
        metronome = Metronome(machine, [Plan("p", "three", {"seconds": 0}, every=timedelta(hours=1))])
        assert metronome.tick(RIGHT + YEAR) == ["p:2027-11-26T03:00Z"]
        with machine.session():
            machine.wait("p:2027-11-26T03:00Z")
        assert metronome.tick(RIGHT) == ["p:2026-11-26T03:00Z"]
        assert metronome.tick(RIGHT + timedelta(minutes=1)) == []
    finally:
        machine.close()
