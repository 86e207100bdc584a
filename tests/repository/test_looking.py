"""Looks between readings: they see what is gone or of another size, have it read at once, and never count as a check."""

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
from repository.checks.following import FOLLOWED, follow_policy
from repository.checks.looking import LOOKED, look_some
from repository.engine import Engine
from repository.ledger.flow import LedgerFlow
from repository.model import Copy, CopyState
from repository.progress import Silent
from repository.reports.period import PeriodScope, gather
from storage.ocfl import tier as local_tier
from storage.ocfl.tier import LocalTier
from storage.tier import ObjectId
from tests.builders_archive import new_archive
from tests.clocks import RunningClock

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
COUNT = 5


class Scene:
    """Objects on two tiers, each of which is read every 90 days and looked at every week."""

    def __init__(self, folder: Path) -> None:
        home = folder / "archive"
        new_archive(home, {name: home / "tiers" / name for name in "ab"})
        file = home / "policy.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace('retry = "1d"\n', 'retry = "1d"\nlook_every = "7d"\n', 1), encoding="utf-8")
        self.clock = RunningClock(START)
        self.engine = Engine.open(home, actor="user:test", clock=self.clock)
        self.archive: Archive = replace(self.engine.archive, clock=self.clock)
        self.ids = keep_objects(self.archive, folder / "work", COUNT, 3, START, over=timedelta(seconds=1))
        self.clock.advance(timedelta(seconds=2))
        while self.read()["checked"]:
            pass
        self.clock.advance(8 * DAY)

    def read(self) -> dict[str, Any]:
        return audit_some(self.archive, AuditScope().as_json(), self.clock.now().isoformat(), [], Silent())

    def look(self, tier: str = "") -> dict[str, Any]:
        """Every step of one audit's looks, added up."""
        started, total = self.clock.now().isoformat(), 0
        found: dict[str, Any] = {"copies": {}}
        while True:
            step = look_some(self.archive, started, sorted(found.get("unavailable", {})), Silent(), tier=tier)
            total += step["looked"]
            copies = {key: found["copies"].get(key, 0) + count for key, count in step["copies"].items()}
            found = {**step, "copies": {**found["copies"], **copies}, "looked": total}
            if not step["looked"]:
                return found

    def copy(self, tier: str, number: int = 0) -> Copy:
        return next(each for each in self.archive.catalog.copies.of(self.ids[number]) if each.tier == tier)

    def content(self, tier: str, number: int = 0) -> Path:
        there = self.archive.tiers[tier]
        assert isinstance(there, LocalTier)
        folder = there.root / there.place_of(ObjectId(self.ids[number])) / "v1" / "content"
        return next(path for path in sorted(folder.rglob("*")) if path.is_file())

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [
            {**each.detail, "tier": each.tier, "outcome": each.outcome} for each in self.archive.catalog.events.newest(kind, 99)
        ]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.engine.close()


def test_a_look_moves_no_date_of_a_reading(scene: Scene) -> None:
    before = scene.copy("a")
    began = scene.clock.now()
    found = scene.look()
    after = scene.copy("a")
    assert (found["looked"], found["checked"]) == (2 * COUNT, 0)
    assert after.last_look is not None
    assert began < after.last_look <= scene.clock.told
    assert after.look_next == after.last_look + 7 * DAY
    assert replace(after, last_look=None, look_next=None) == replace(before, last_look=None, look_next=None)
    assert all(each.time < began for each in scene.archive.catalog.checks.list(limit=100).items)
    assert scene.look()["looked"] == 0, "not due again"


def test_looks_do_not_keep_a_reading_from_being_overdue(scene: Scene) -> None:
    for _ in range(14):
        scene.look()
        scene.clock.advance(7 * DAY)
    assert scene.archive.catalog.copies.overdue(scene.clock.now()) == 2 * COUNT
    scene.look()
    assert scene.archive.catalog.copies.overdue(scene.clock.now()) == 2 * COUNT
    assert scene.read()["checked"] == 2 * COUNT
    assert scene.look()["looked"] == 0, "a reading is a look, too"


@pytest.mark.parametrize("kind", ["missing", "truncated", "extra"])
def test_what_is_seen_is_read_at_once(scene: Scene, kind: str) -> None:
    path = scene.content("b")
    path.chmod(0o644)
    if kind == "missing":
        path.unlink()
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.with_name("stray").write_bytes(b"x")
    began = scene.clock.now()
    found = scene.look()
    assert (found["looked"], found["copies"]) == (2 * COUNT, {"damaged": 1})
    assert scene.copy("b").state is CopyState.DAMAGED
    assert scene.copy("b").look_next is None
    assert began < (scene.copy("b").last_check or began)
    (damage,) = scene.archive.catalog.copies.damages()
    assert damage.outcome == {"missing": "missing", "truncated": "altered", "extra": "extra"}[kind]
    warned = [each for each in scene.events(LOOKED) if each["off"]]
    assert [(each["tier"], each["outcome"], each["off"], each["copies"]) for each in warned] == [("b", "warning", 1, COUNT)]


def test_what_a_look_cannot_see_the_next_reading_finds(scene: Scene) -> None:
    path = scene.content("a")
    path.chmod(0o644)
    path.write_bytes(b"!" + path.read_bytes()[1:])
    assert scene.look()["checked"] == 0
    assert scene.copy("a").state is CopyState.GOOD
    scene.clock.advance(90 * DAY)
    assert scene.read()["copies"] == {"good": 2 * COUNT - 1, "damaged": 1}


def test_a_look_that_sees_nothing_is_seen_through(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Canaries: a look that calls everything fine misses what is missing and extra; one that sees ghosts misses what is sound."""
    real = local_tier.glance_at
    assert all(count["found"] == count["planted"] == 3 for count in scene.look("a")["looked_canaries"].values())
    monkeypatch.setattr(local_tier, "glance_at", lambda top, expected: replace(real(top, expected), off=""))
    scene.clock.advance(8 * DAY)
    (step,) = [look_some(scene.archive, scene.clock.now().isoformat(), [], Silent(), tier="a")]
    assert step["looked_canaries"]["a"]["missed"] in (["missing", "extra"], ["extra", "missing"])
    assert scene.archive.catalog.events.newest("canary check", 1)[0].outcome == "fail"
    monkeypatch.setattr(local_tier, "glance_at", lambda top, expected: replace(real(top, expected), off="ghost"))
    scene.clock.advance(8 * DAY)
    step = look_some(scene.archive, scene.clock.now().isoformat(), [], Silent(), tier="a")
    assert step["looked_canaries"]["a"]["missed"] == ["sound"]
    assert step["copies"] == {"good": COUNT}, "what looks wrong is read, and the reading decides"


def test_a_tier_that_is_away_is_named_and_its_copies_stay_due(scene: Scene) -> None:
    before = scene.copy("b")
    marker = Path(scene.archive.settings.tier("b").path) / "kho-tier.json"
    marker.rename(marker.with_name("away"))
    found = scene.look()
    assert set(found["unavailable"]) == {"b"}
    assert found["looked"] == COUNT
    assert scene.copy("b") == before
    assert scene.archive.catalog.looks.overdue(scene.clock.now()) == {"b": COUNT}


def test_a_tier_that_cannot_be_looked_at_says_so(scene: Scene) -> None:
    class Blind:
        """A tier of another kind."""

        name = "b"

    archive = replace(scene.archive, tiers={**scene.archive.tiers, "b": Blind()})
    step = look_some(archive, scene.clock.now().isoformat(), ["a"], Silent())
    assert step["looked"] == 0
    assert "look_every" in spoken(step["postponed"]["b"], "en")


def test_the_report_shows_looks_apart_from_checks(scene: Scene, tmp_path: Path) -> None:
    class Steps:
        def run(self, name: str, step: Any, *arguments: Any) -> Any:
            return step(self, *arguments)

        def check(self) -> None:
            return None

    scene.look()
    scene.clock.advance(DAY)
    LedgerFlow(scene.archive)(Steps(), {})  # type: ignore[arg-type]
    scene.clock.advance(9 * DAY)
    day = START.date() + 8 * DAY
    document = gather(scene.archive, PeriodScope(day, day))
    figures = document["figures"]["a"]
    assert figures["looked"] == COUNT
    assert "done" not in figures
    assert "good" not in figures
    assert document["policy"]["look_every"] == {"a": 7.0, "b": 7.0}
    assert {"tier": "a", "reason": "look_overdue", "count": COUNT} in document["not_checked"]


def test_a_policy_that_asks_for_looks_no_more_is_followed(scene: Scene) -> None:
    file = scene.archive.settings.policy_file
    file.write_text(file.read_text(encoding="utf-8").replace('look_every = "7d"\n', ""), encoding="utf-8")
    archive = replace(scene.archive, policy=scene.archive.settings.policy())
    assert follow_policy(archive) == {"aips": 0, "copies": 2 * COUNT}
    assert scene.copy("a").look_next is None
    assert scene.look()["looked"] == 0
    assert len(scene.events(FOLLOWED)) == 1
    assert follow_policy(archive) == {"aips": 0, "copies": 0}
    assert len(scene.events(FOLLOWED)) == 1
