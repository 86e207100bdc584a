"""Where the events of a closed day come from when it is handed out: from whoever has the very bytes that the signed head was made of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_scene import LedgerScene
from sqlalchemy import text

from repository.catalog import LedgerDay
from repository.checks.comparison import compare
from repository.coming import day_object
from repository.errors import LedgerChanged
from repository.ledger import keeper
from repository.ledger.keeper import close_days, export_days, keep_day
from repository.ledger.segments import CONTENT, SEGMENT, bring_segment
from repository.ledger.verifier import Verifier
from repository.progress import Silent
from repository.reports.period import PeriodScope, gather
from storage.errors import Refused
from storage.ocfl.tier import LocalTier
from storage.tier import ObjectId
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier
from tests.rights import ordinary_rights

DAY = 2


@pytest.fixture
def scene(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[LedgerScene]:
    made = ArchiveUnderTest(tmp_path, identifier)
    yield LedgerScene(made)
    made.close()


def sealed(scene: LedgerScene, tier: str) -> Path:
    """The segment of the day as it lies on a tier."""
    there = scene.archive.tiers[tier]
    assert isinstance(there, LocalTier)
    place = there.root / there.place_of(ObjectId(day_object(scene.head(DAY)))) / CONTENT / SEGMENT
    assert place.is_file()
    return place


def alter(path: Path) -> None:
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data.replace(b'"success"', b'"failure"', 1))
    assert path.read_bytes() != data


def change_catalog(scene: LedgerScene) -> None:
    with scene.archive.catalog.begin() as transaction:
        transaction.execute(text("DROP TRIGGER event_no_update"))
        transaction.execute(text("UPDATE event SET outcome = 'fail'"))


def brought(scene: LedgerScene, target: Path) -> bytes:
    (day,) = scene.archive.catalog.days.between(DAY, DAY)
    bring_segment(scene.archive, day, target)
    return target.read_bytes()


def test_a_sealed_day_comes_from_a_tier_whatever_the_catalog_says(scene: LedgerScene, tmp_path: Path) -> None:
    before = sealed(scene, "a").read_bytes()
    change_catalog(scene)
    assert brought(scene, tmp_path / "out") == before
    alter(sealed(scene, "a"))
    assert brought(scene, tmp_path / "out") == before, "the other tier has it"


def test_a_day_that_no_tier_has_whole_is_made_again(scene: LedgerScene, tmp_path: Path) -> None:
    before = sealed(scene, "a").read_bytes()
    alter(sealed(scene, "a"))
    sealed(scene, "b").unlink()
    assert brought(scene, tmp_path / "out") == before
    change_catalog(scene)
    with pytest.raises(LedgerChanged):
        brought(scene, tmp_path / "out")


def test_a_tier_that_cannot_be_read_is_passed_over(scene: LedgerScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sealed(scene, "b").read_bytes()
    change_catalog(scene)
    opened = LocalTier.open

    def broken(tier: LocalTier, object_id: ObjectId, path: str) -> object:
        stream = opened(tier, object_id, path)
        if tier.name == "a":
            stream.close()
            return Broken()
        return stream

    class Broken:
        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(LocalTier, "open", broken)
    assert brought(scene, tmp_path / "out") == before


def test_a_report_sums_what_it_hands_out(scene: LedgerScene, tmp_path: Path) -> None:
    """The catalog was changed after the days were sealed: figures and days agree, and the verifier finds nothing."""
    change_catalog(scene)
    first = datetime(2026, 3, 1, tzinfo=UTC).date()
    scope = PeriodScope(first, first + timedelta(days=9))
    document = gather(scene.archive, scope, tmp_path)
    assert {tier: count["good"] for tier, count in document["figures"].items() if "done" in count} == {"a": 18, "b": 12}
    (tmp_path / "report.json").write_text(json.dumps({"kho": 1, "kind": "fixity_report", **document}))
    verifier = Verifier(str(tmp_path), [scene.line]).run()
    assert verifier.found == []
    assert ("FIGURES", {"place": "report.json", "first": 1, "last": 6}) in verifier.proven
    assert gather(scene.archive, scope)["figures"] == document["figures"], "the same without a folder"
    assert not list(scene.archive.settings.home.glob("report-*"))


def test_the_verifier_is_handed_out_with_the_days(scene: LedgerScene, tmp_path: Path) -> None:
    segments = list(export_days(scene.archive, tmp_path, 1, 3))
    assert [segment.parent.name[:6] for segment in segments] == ["000001", "000002", "000003"]
    assert (tmp_path / "kho-ledger-verify.py").read_bytes().startswith(b"#!/usr/bin/env python3")


def on_too_few_tiers(scene: LedgerScene, monkeypatch: pytest.MonkeyPatch) -> tuple[LedgerDay, Path]:
    """A closed day that is not kept yet, and where it lies on tier a."""
    scene.record(7)
    scene.clock.advance(timedelta(days=1))
    with monkeypatch.context() as patch:
        patch.setattr(keeper, "promise", lambda *_: "no lock now")
        day = close_days(scene.archive)
        assert day is not None
        assert not keep_day(scene.archive, day)
    tier = scene.archive.tiers["a"]
    assert isinstance(tier, LocalTier)
    return day, tier.root / tier.place_of(ObjectId(day_object(json.loads(day.head))))


def test_a_day_that_is_on_too_few_tiers_yet_is_no_stranger(scene: LedgerScene, monkeypatch: pytest.MonkeyPatch) -> None:
    day, place = on_too_few_tiers(scene, monkeypatch)
    assert place.is_dir()
    assert compare(scene.archive, "a", "once", Silent())["strangers"] == []
    assert keep_day(scene.archive, day)
    assert compare(scene.archive, "a", "again", Silent())["strangers"] == []


def files_of(place: Path) -> dict[Path, tuple[int, int]]:
    return {each: (each.stat().st_ino, each.stat().st_mtime_ns) for each in place.rglob("*") if each.is_file()}


def test_a_day_that_is_kept_again_writes_to_no_copy_of_it(scene: LedgerScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a day that is on too few tiers are copies by a second name where the home and a tier are on one disk. They were written
    again in place: read-only for everybody but root, who rewrote what was stored."""
    day, place = on_too_few_tiers(scene, monkeypatch)
    before = files_of(place)
    with ordinary_rights():
        assert keep_day(scene.archive, day)
    assert files_of(place) == before


ROTTEN = b"damaged"


def rot(place: Path, names: str) -> int:
    """As a disk does it: whoever has such a file by another name has it so, too."""
    files = [each for each in place.rglob(names) if each.is_file()]
    for each in files:
        each.chmod(0o600)
        each.write_bytes(ROTTEN)
        each.chmod(0o444)
    return len(files)


@pytest.mark.parametrize(
    "names", ["events.ndjson", "head.*", "keys.ndjson", "content/**/*", "v1/inventory.json", "v1/inventory.json.sha512"]
)
def test_a_day_whose_first_copy_rots_before_the_second_is_made(
    scene: LedgerScene, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """No audit knew of it, and nothing put it right: the day was on too few tiers for ever."""
    day, place = on_too_few_tiers(scene, monkeypatch)
    tiers = {name: tier for name, tier in scene.archive.tiers.items() if isinstance(tier, LocalTier)}
    other = tiers["b"].root / tiers["b"].place_of(ObjectId(day_object(json.loads(day.head))))
    before = {each.relative_to(place): each.read_bytes() for each in place.rglob("*") if each.is_file()}
    shutil.rmtree(other)
    count = rot(place, names)
    assert count
    with ordinary_rights():
        assert keep_day(scene.archive, day)
    for copy in (place, other):
        assert {each.relative_to(copy): each.read_bytes() for each in copy.rglob("*") if each.is_file()} == before
    quarantined = [
        each for each in (tiers["a"].root.parent / "quarantine").rglob("*") if each.is_file() and each.read_bytes() == ROTTEN
    ]
    assert len(quarantined) == count, "nothing is thrown away"
    events = [
        each for each in scene.archive.catalog.events.of_type("recovery") if each.aip_id == day_object(json.loads(day.head))
    ]
    assert {(each.tier, each.outcome) for each in events} == {("a", "success")}
    assert len(events) == count
    assert {each.detail["source"] for each in events} <= {"home", "rule"}


def test_a_day_that_cannot_be_put_right_waits(scene: LedgerScene, monkeypatch: pytest.MonkeyPatch) -> None:
    day, place = on_too_few_tiers(scene, monkeypatch)
    rot(place, "events.ndjson")

    def full(*_: object) -> None:
        raise Refused("a", "full")

    with monkeypatch.context() as patch:
        patch.setattr(LocalTier, "restore", full)
        assert not keep_day(scene.archive, day)
    assert keep_day(scene.archive, day)
