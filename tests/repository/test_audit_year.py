"""A year of audits under a virtual clock: random damage of eight kinds to any file on three tiers, one of them in memory; every one is
found in time and named right, and there is no false alarm. In full (100,000 damages, over a million undamaged files and ten thousand
undamaged copies checked) with the proofs."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_objects import keep_objects

from repository.archive import Archive
from repository.checks.audit import AuditScope, audit_some
from repository.engine import Engine
from repository.progress import Silent
from storage.ocfl.medium import Medium
from storage.ocfl.tier import LocalTier
from storage.tier import ObjectId
from storage.verifiers import Verifiers
from tests.clocks import RunningClock

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(days=30)
WINDOW = timedelta(days=1)
"""The budget's window: what falls due today is read today."""

KINDS = {
    "flipped": "altered",
    "truncated": "altered",
    "grown": "altered",
    "emptied": "altered",
    "replaced": "altered",
    "missing": "missing",
    "extra": "extra",
    "unreadable": "unreadable",
}
"""Kind of damage → what it is to be called. Replaced: by a link or a folder of that name."""

INVENTORIES = ("inventory.json", "v1/inventory.json")
"""Where both are damaged nobody can say what content is right: at most one of them is."""

Place = tuple[str, str, str]
"""Tier, object, path."""


@dataclass(frozen=True, slots=True)
class Planted:
    kind: str
    time: datetime
    data: bytes


class BadSectors:
    """Files whose reading fails. A stand-in for the medium, since nothing is unreadable for root."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inodes: set[int] = set()
        real = Medium.digest

        def digest(medium: Medium, descriptor: int, algorithm: str) -> tuple[int, bytes]:
            if self.inodes and os.fstat(descriptor).st_ino in self.inodes:
                os.close(descriptor)
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(medium, descriptor, algorithm)

        monkeypatch.setattr(Medium, "digest", digest)


class Year:
    """Damages something every day, audits what is due, and holds every report against what was done."""

    def __init__(self, archive: Archive, ids: list[str], clock: RunningClock, seed: int, bad: BadSectors) -> None:
        self.archive, self.ids, self.clock, self.bad = archive, ids, clock, bad
        self.random = random.Random(seed)
        self.planted: dict[Place, Planted] = {}
        self.kinds: Counter[str] = Counter()
        self.found = self.good_files = self.good_copies = 0
        self.worst = timedelta(0)
        self.sound = {each: self.files(each) for each in ids}

    def top(self, tier: str, object_id: str) -> Path:
        there = self.archive.tiers[tier]
        assert isinstance(there, LocalTier)
        return there.root / there.place_of(ObjectId(object_id))

    def path(self, place: Place) -> Path:
        return self.top(place[0], place[1]) / place[2]

    def files(self, object_id: str) -> list[str]:
        """Every file of an object."""
        top = self.top("a", object_id)
        return sorted(str(each.relative_to(top)) for each in top.rglob("*") if each.is_file())

    def damage(self) -> bool:
        """Most damage hits a quarter of the objects, so that many copies are hit often and many never."""
        among = self.ids if self.random.random() < 0.2 else self.ids[: len(self.ids) // 4]
        tier, object_id = self.random.choice(list(self.archive.tiers)), self.random.choice(among)
        kind, path = self.random.choice(list(KINDS)), self.random.choice(self.sound[object_id])
        if kind == "extra":
            path = str(Path(path).with_name(f"x{self.random.randrange(10**9)}"))
        place = (tier, object_id, path)
        if place in self.planted or (path in INVENTORIES and not self._may_damage_inventory(place, kind)):
            return False
        target = self.path(place)
        data = b"" if kind == "extra" else target.read_bytes()
        self.do(kind, target, data)
        self.planted[place] = Planted(kind, self.clock.now() - WINDOW * self.random.random(), data)  # since the last audit
        self.kinds[kind] += 1
        return True

    def _may_damage_inventory(self, place: Place, kind: str) -> bool:
        return kind != "unreadable" and not any((*place[:2], other) in self.planted for other in INVENTORIES)

    def do(self, kind: str, target: Path, data: bytes) -> None:
        if kind == "unreadable":
            self.bad.inodes.add(target.stat().st_ino)
            return
        if kind in ("missing", "replaced"):
            target.unlink()
            if kind == "replaced":
                target.symlink_to("/etc/hostname") if self.random.randrange(2) else target.mkdir()
            return
        at = self.random.randrange(len(data)) if data else 0
        new = {
            "flipped": data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1 :] if data else b"",
            "truncated": data[:at],
            "grown": data + b"\n",
            "emptied": b"",
            "extra": b"stray",
        }
        if target.exists():
            target.chmod(0o644)
        target.write_bytes(new[kind])

    def mend(self, place: Place) -> None:
        path, done = self.path(place), self.planted.pop(place)
        if done.kind == "unreadable":
            self.bad.inodes.remove(path.stat().st_ino)
            return
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif path.is_symlink() or path.exists():
            path.unlink()
        if done.kind != "extra":
            path.write_bytes(done.data)

    def audit(self) -> None:
        """Everything that is due; what was found is compared, then mended."""
        now = self.clock.now()
        while True:
            counts = audit_some(self.archive, AuditScope().as_json(), now.isoformat(), [], Silent())
            assert not counts["unavailable"]
            assert not any(each["missed"] for each in counts["canaries"].values())
            self.good_files += counts["files"].get("good", 0)
            self.good_copies += counts["copies"].get("good", 0)
            if not counts["checked"]:
                break
        for damage in list(self.archive.catalog.copies.damages(since=now, limit=1_000_000)):
            place = (damage.tier, damage.aip_id, damage.path)
            assert place in self.planted, f"a false alarm: {place} {damage.outcome}"
            done = self.planted[place]
            assert damage.outcome == KINDS[done.kind], (place, done.kind, damage.outcome)
            self.worst = max(self.worst, now - done.time)
            self.mend(place)
            self.found += 1

    def run(self, days: int, damages: int) -> None:
        made = 0
        for day in range(days):
            while made < damages * (day + 1) // days:
                made += self.damage()
            self.audit()
            self.clock.advance(WINDOW)
        for _ in range(EVERY.days + 2):  # one more cycle: what was damaged on the last day is found, too
            self.audit()
            self.clock.advance(WINDOW)
        assert not self.planted, f"never found: {list(self.planted)[:3]}"
        assert self.found == damages
        assert self.worst <= EVERY + WINDOW


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder of a file system in memory, where there is one."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="kho-year-", dir=shared if os.access(shared, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


def year(tmp_path: Path, memory: Path, bad: BadSectors, *, objects: int, files: int, days: int, damages: int, seed: int) -> Year:
    home = tmp_path / "archive"
    Engine.create(home, tiers={"a": home / "tiers" / "a", "b": home / "tiers" / "b", "memory": memory / "tier"}).close()
    policy = (home / "policy.toml").read_text(encoding="utf-8")
    (home / "policy.toml").write_text(policy.replace('every = "90d"', f'every = "{EVERY.days}d"', 1), encoding="utf-8")
    clock = RunningClock(START)
    with Engine.open(home, actor="user:test", clock=clock) as engine:
        # In this process, where sectors can be bad.
        archive = replace(engine.archive, clock=clock, verifiers=Verifiers(1))
        ids = keep_objects(archive, tmp_path / "work", objects, files, START, over=EVERY)
        lived = Year(archive, list(ids), clock, seed, bad)
        lived.run(days, damages)
    return lived


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> BadSectors:
    return BadSectors(monkeypatch)


@pytest.fixture(autouse=True)
def _fewer_plantings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Canaries are planted once a cycle of checks, not once a virtual day: each planting waits for the disk."""
    monkeypatch.setattr("repository.checks.canaries.CYCLE", EVERY)


def test_damage_of_a_season_is_found_in_time_and_named_right(tmp_path: Path, memory: Path, bad: BadSectors) -> None:
    lived = year(tmp_path, memory, bad, objects=12, files=6, days=40, damages=160, seed=1)
    assert lived.good_files > 1_000
    assert lived.good_copies > 30
    assert lived.kinds.keys() == KINDS.keys()


@pytest.mark.proof
def test_damage_of_a_year_is_found_in_time_and_named_right(tmp_path: Path, memory: Path, bad: BadSectors) -> None:
    lived = year(tmp_path, memory, bad, objects=500, files=60, days=365, damages=100_000, seed=2)
    assert lived.good_files > 1_000_000
    assert lived.good_copies > 10_000
    assert min(lived.kinds[kind] for kind in KINDS) > 10_000
    print(
        f"{lived.found} damages {dict(lived.kinds)}; good: {lived.good_files} files, {lived.good_copies} copies; latest {lived.worst}"
    )
