"""A changed policy: what it would move, the move, and that nothing is let go of before everything promised was read again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repository.checks.forecast import speed
from repository.copies.placement import announce, release_some
from repository.ledger.keeper import close_days, keep_day
from repository.progress import Silent
from storage.tier import ObjectId
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree

FILES = {"báo cáo.txt": "Nội dung".encode(), "thư mục/ảnh.bin": bytes(range(256)) * 300, "trống/": b""}


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    opened = ArchiveUnderTest(tmp_path, identifier, tiers=("a", "b", "c"))
    opened.policy(tiers='["a", "b"]', need="2")
    yield opened
    opened.close()


def planned(archive: ArchiveUnderTest) -> dict[str, tuple[int, int]]:
    return {tier.name: (tier.make, tier.release) for tier in archive.engine.copies.plan().tiers}


def test_a_tier_is_moved_to_another(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "hồ sơ", FILES)
    aip = archive.deposit(source).aip_id
    other = archive.deposit(write_tree(tmp_path / "khác", {"x.txt": b"another"})).aip_id
    (source / "mới.txt").write_bytes(b"new in two")
    assert archive.deposit(source, update=aip).state.value == "stored"
    assert planned(archive) == {"a": (0, 0), "b": (0, 0), "c": (0, 0)}
    archive.policy(tiers='["b", "c"]', need="2")
    assert planned(archive) == {"a": (0, 2), "b": (0, 0), "c": (2, 0)}
    line = archive.engine.copies.plan().tiers[2]
    assert (line.make_bytes > 70_000, line.make_seconds, line.mounts) == (True, None, 0), "nothing was read of late: nobody knows"
    archive.audit()
    line = archive.engine.copies.plan().tiers[2]
    assert line.make_seconds == math.ceil(
        line.make_bytes / min(speed(archive.engine.archive, tier, datetime.now(UTC)) or 0 for tier in "ab")
    )
    made = archive.engine.copies.apply(release=False, progress=Silent())
    assert (made.announced, made.released, made.kept, made.repair.failed) == (2, 0, 0, [])
    assert archive.states(aip) == {"a": "good", "b": "good", "c": "good"}
    assert planned(archive) == {"a": (0, 2), "b": (0, 0), "c": (0, 0)}
    done = archive.engine.copies.apply(release=True, progress=Silent())
    assert (done.announced, done.released, done.kept) == (0, 2, 0)
    for each in (aip, other):
        assert archive.states(each) == {"b": "good", "c": "good"}
    assert list(archive.tier("a").versions()) == []
    assert planned(archive) == {"a": (0, 0), "b": (0, 0), "c": (0, 0)}
    gone = [each for each in archive.engine.holdings.events(aip) if each.type == "deletion"]
    assert [each.tier for each in gone] == ["a"]
    assert snapshot(archive.export(aip)) == snapshot(source)
    archive.whole()


def test_nothing_is_let_go_of_before_the_count_is_right(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "hồ sơ", FILES)).aip_id
    archive.policy(tiers='["b", "c"]', need="2")
    assert release_some(archive.engine.archive, [], Silent()) == {"released": 0, "kept": 1, "cursor": None}  # c is not there yet
    announce(archive.engine.archive, Silent())
    assert announce(archive.engine.archive, Silent()) == 0
    archive.repair()
    assert archive.states(aip) == {"a": "good", "b": "good", "c": "good"}
    file = archive.object(aip, "c") / "inventory.json"
    file.chmod(0o600)
    file.write_bytes(b"damaged, and nobody has seen it yet")
    assert release_some(archive.engine.archive, [], Silent()) == {"released": 0, "kept": 1, "cursor": None}
    assert archive.damages()[("c", "inventory.json")] == "altered"
    (archive.home / "tiers" / "b").rename(archive.home / "tiers" / "b.away")
    assert release_some(archive.engine.archive, [], Silent())["released"] == 0
    (archive.home / "tiers" / "b.away").rename(archive.home / "tiers" / "b")
    assert [each.object_id for each in archive.tier("a").versions()] == [aip]
    done = archive.engine.copies.apply(release=True, progress=Silent())
    assert (done.released, done.kept) == (1, 0)
    assert archive.states(aip) == {"b": "good", "c": "good"}


def test_a_step_that_was_stopped_is_gone_on_with(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "hồ sơ", FILES)).aip_id
    archive.policy(tiers='["b", "c"]', need="2")
    archive.engine.copies.apply(release=False, progress=Silent())
    archive.tier("a").forget(ObjectId(aip))  # killed between the tier and the catalog
    assert release_some(archive.engine.archive, [], Silent())["released"] == 1
    assert archive.states(aip) == {"b": "good", "c": "good"}


class Later:
    """The clock of three days on."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=3)


def test_days_of_the_ledger_move_with_the_records(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "hồ sơ", FILES)).aip_id
    late = replace(archive.engine.archive, clock=Later())
    day = close_days(late)
    assert day is not None
    assert keep_day(late, day)
    archive.policy(tiers='["b", "c"]', need="2")
    assert planned(archive) == {"a": (0, 2), "b": (0, 0), "c": (2, 0)}
    done = archive.engine.copies.apply(release=True, progress=Silent())
    assert (done.announced, done.released, done.kept) == (2, 2, 0)
    assert list(archive.tier("a").versions()) == []
    held = {each.object_id for each in archive.tier("c").versions()}
    assert held == {each.object_id for each in archive.tier("b").versions()}
    assert {object_id.startswith("urn:kho:ledger:") for object_id in held - {aip}} == {True}
    for object_id in held:
        assert {each.tier: each.state.value for each in archive.catalog.copies.of(object_id)} == {"b": "good", "c": "good"}
