"""A home that came back from an older backup: the tiers hold what its catalog has never heard of, and nothing of that is put aside."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from repository.attention.entries import attention
from repository.cli.run import run
from repository.model import DepositState
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree

FIRST = {"a.txt": b"one", "b.txt": b"stays"}
SECOND = {"a.txt": b"two", "b.txt": b"stays"}
THIRD = {"a.txt": b"three", "b.txt": b"stays", "c.txt": b"new"}


@pytest.fixture
def behind(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[tuple[ArchiveUnderTest, str]]:
    """An archive whose AIP has three versions on both tiers, and whose catalog knows the first; with the AIP's id."""
    archive = ArchiveUnderTest(tmp_path, identifier)
    source = write_tree(tmp_path / "source", FIRST)
    aip = archive.deposit(source).aip_id
    archive.close()
    shutil.copytree(archive.home, tmp_path / "backup", ignore=shutil.ignore_patterns("tiers"))
    archive.open()
    for files in (SECOND, THIRD):
        shutil.rmtree(source)
        assert archive.deposit(write_tree(source, files), update=aip).state is DepositState.STORED
    archive.close()
    (archive.home / "tiers").rename(tmp_path / "backup" / "tiers")
    shutil.rmtree(archive.home)
    (tmp_path / "backup").rename(archive.home)
    archive.open()
    yield archive, aip
    archive.close()


def _tiers(archive: ArchiveUnderTest, aip: str) -> list[object]:
    return [snapshot(archive.object(aip, name), times=False) for name in ("a", "b")]


@pytest.mark.parametrize("named", [False, True])
def test_repair_leaves_versions_that_came_after_the_catalog_and_a_rebuild_takes_them_in(
    behind: tuple[ArchiveUnderTest, str], named: bool
) -> None:
    archive, aip = behind
    before = _tiers(archive, aip)
    archive.audit()
    report = archive.repair(aip if named else None)
    assert (report.repaired, report.quarantined, report.failed) == (0, 0, [])
    assert report.ahead == {(aip, "a"), (aip, "b")}
    assert _tiers(archive, aip) == before
    archive.engine.catalog.rebuild(progress=Silent())
    assert archive.engine.holdings.show(aip).version == 3
    archive.whole()


def codes(archive: ArchiveUnderTest) -> dict[str, dict[str, str | int]]:
    return {each.code: dict(each.args) for each in attention(archive.engine.archive)}


def test_audit_and_status_say_what_repair_says(behind: tuple[ArchiveUnderTest, str]) -> None:
    archive, aip = behind
    archive.audit()
    summary = archive.engine.reports.fixity()
    assert summary.behind.copies == {(aip, "a"), (aip, "b")}
    assert summary.behind.damages == ()
    found = codes(archive)
    assert found["ATT-BEHIND"] == {"aips": 1}
    assert "ATT-DAMAGED" not in found
    for arguments in (["audit", "--all"], ["audit"], ["audit", "--aip", aip], ["audit", "--tier", "a"], ["report", "fixity"]):
        out = io.StringIO()
        archive.close()
        with redirect_stdout(out):
            code = run([*arguments, "--json", "--home", str(archive.home)])
        archive.open()
        said = {each["code"] for each in json.loads(out.getvalue())["findings"]}
        assert code == 4, arguments
        assert "OPS-CATALOG-BEHIND" in said, arguments
        assert "OPS-DAMAGE" not in said, arguments


def test_damage_to_what_the_catalog_knows_is_damage_all_the_same(behind: tuple[ArchiveUnderTest, str]) -> None:
    archive, aip = behind
    (place,) = archive.object(aip, "b").glob("v1/content/**/b.txt")
    place.chmod(0o644)
    place.write_bytes(b"other")
    archive.audit()
    summary = archive.engine.reports.fixity()
    assert summary.behind.copies == {(aip, "a"), (aip, "b")}
    assert {(each.tier, each.path.rpartition("/")[2]) for each in summary.behind.damages} == {("b", "b.txt")}
    assert codes(archive)["ATT-DAMAGED"] == {"copies": 1}


def test_what_does_not_go_on_from_what_the_catalog_knows_is_damage(behind: tuple[ArchiveUnderTest, str]) -> None:
    archive, aip = behind
    for path in (archive.object(aip, "b"), *archive.object(aip, "b").rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    (archive.object(aip, "b") / "inventory.json").write_bytes(b"{}")
    archive.audit()
    summary = archive.engine.reports.fixity()
    assert summary.behind.copies == {(aip, "a")}
    assert {each.tier for each in summary.behind.damages} == {"b"}


@pytest.mark.parametrize(
    "harm",
    [
        lambda top: (top / "v2/content/stranger").write_bytes(b"stranger"),
        lambda top: (top / "v1/inventory.json").unlink(),
        lambda top: (top / "v3/inventory.json").unlink(),
    ],
)
def test_a_copy_that_goes_on_and_is_damaged_is_not_taken_for_sound(
    behind: tuple[ArchiveUnderTest, str], harm: Callable[[Path], object]
) -> None:
    """Nor is it put right by a catalog that does not know what it was: another copy shows that the catalog is behind."""
    archive, aip = behind
    top = archive.object(aip, "b")
    for path in (top, *top.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    harm(top)
    before = _tiers(archive, aip)
    archive.audit()
    report = archive.repair()
    assert (report.repaired, report.quarantined) == (0, 0)
    assert report.ahead == {(aip, "a")}
    assert {(each.aip_id, each.tier) for each in report.failed} == {(aip, "b")}
    assert _tiers(archive, aip) == before


def test_an_update_that_waits_takes_nothing_from_the_versions_that_came_after_the_catalog(
    behind: tuple[ArchiveUnderTest, str], tmp_path: Path
) -> None:
    """It was made for the second version, which another record is since long: it is not kept, and repair does not make room for it."""
    archive, aip = behind
    before = _tiers(archive, aip)
    waiting = archive.deposit(write_tree(tmp_path / "late", {"late.txt": b"late"}), update=aip)
    assert (waiting.state, waiting.aip_version) == (DepositState.ACCEPTED, 2)
    archive.audit()
    report = archive.repair()
    assert (report.repaired, report.quarantined, report.failed) == (0, 0, [])
    assert report.ahead == {(aip, "a"), (aip, "b")}
    archive.serve_until_idle()
    assert archive.engine.deposits.get(waiting.id).state is DepositState.ACCEPTED
    assert _tiers(archive, aip) == before


def test_what_waits_in_an_older_catalog_and_became_a_version_meanwhile_stands_in_nobodys_way(
    tmp_path: Path, identifier: SharedIdentifier
) -> None:
    archive = ArchiveUnderTest(tmp_path, identifier)
    source = write_tree(tmp_path / "source", FIRST)
    os.rename(archive.home / "tiers" / "b", archive.home / "tiers" / "b.away")
    first = archive.deposit(source)
    assert first.state is DepositState.ACCEPTED
    archive.close()
    shutil.copyfile(archive.home / "catalog.db", tmp_path / "backup.db")
    os.rename(archive.home / "tiers" / "b.away", archive.home / "tiers" / "b")
    archive.open()
    archive.repair()
    assert archive.engine.deposits.get(first.id).state is DepositState.STORED
    shutil.rmtree(source)
    assert archive.deposit(write_tree(source, SECOND), update=first.aip_id).state is DepositState.STORED
    archive.close()
    shutil.copyfile(tmp_path / "backup.db", archive.home / "catalog.db")
    archive.open()
    archive.engine.catalog.rebuild(None, progress=Silent())
    assert archive.engine.deposits.get(first.id).state is DepositState.STORED
    archive.audit()
    shutil.rmtree(source)
    assert archive.deposit(write_tree(source, THIRD), update=first.aip_id).state is DepositState.STORED
    assert archive.engine.holdings.show(first.aip_id).version == 3
    archive.whole()
    archive.close()
