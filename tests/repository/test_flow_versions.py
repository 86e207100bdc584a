"""Versions that are added to copies with damage: what is known is not forgotten, and what was not read is not good."""

from __future__ import annotations

import os
from pathlib import Path

from policies.findings import spoken
from repository.model import DepositState
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest, write_tree


def test_a_new_version_makes_no_damage_good(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Only what it brings is read when it is kept: what it takes over from earlier versions is not looked at."""
    first = archive.deposit(write_tree(tmp_path / "one", {"a.txt": b"one"}))
    alter(archive, first.aip_id, "b")
    archive.audit()
    second = archive.deposit(write_tree(tmp_path / "two", {"a.txt": b"one", "b.txt": b"two"}), update=first.aip_id)
    assert second.state is DepositState.ACCEPTED
    assert archive.states(first.aip_id) == {"a": "good", "b": "damaged"}
    archive.repair()  # and what waited for it is stored by the same
    assert archive.engine.deposits.get(second.id).state is DepositState.STORED
    archive.whole()


def test_a_version_taken_over_from_damage_everywhere_waits_with_its_bytes(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "one", {"a.txt": b"one"}))
    for tier in ("a", "b"):
        alter(archive, first.aip_id, tier)
    archive.audit()
    second = archive.deposit(write_tree(tmp_path / "two", {"a.txt": b"one", "b.txt": b"two"}), update=first.aip_id)
    assert second.state is DepositState.ACCEPTED
    assert set(archive.states(first.aip_id).values()) == {"damaged"}
    assert (archive.home / "spool" / second.id).is_dir()


def test_a_version_on_copies_that_nobody_has_read_waits_for_an_audit(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """After the catalog was rebuilt nothing is known of what earlier versions brought."""
    first = archive.deposit(write_tree(tmp_path / "one", {"a.txt": b"one"}))
    archive.lose_catalog()
    archive.engine.catalog.rebuild(None, progress=Silent())
    second = archive.deposit(write_tree(tmp_path / "two", {"a.txt": b"one", "b.txt": b"two"}), update=first.aip_id)
    assert second.state is DepositState.ACCEPTED
    assert "not been read since the catalog was rebuilt" in spoken(second.error, "en")
    assert (archive.home / "spool" / second.id).is_dir()
    assert set(archive.states(first.aip_id).values()) == {"unknown"}
    archive.audit()
    archive.repair()
    assert archive.engine.deposits.get(second.id).state is DepositState.STORED
    archive.whole()


def test_what_earlier_versions_brought_is_due_when_it_was(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(write_tree(tmp_path / "one", {"a.txt": b"one"}))
    before = {copy.tier: copy.check_next for copy in archive.catalog.copies.of(first.aip_id)}
    archive.deposit(write_tree(tmp_path / "two", {"a.txt": b"one", "b.txt": b"two"}), update=first.aip_id)
    assert {copy.tier: copy.check_next for copy in archive.catalog.copies.of(first.aip_id)} == before


def alter(archive: ArchiveUnderTest, aip: str, tier: str) -> None:
    (file,) = archive.object(aip, tier).rglob("a.txt")
    file.chmod(0o644)
    file.write_bytes(b"bad")


def test_a_version_whose_earlier_ones_are_away_is_told_so_and_taken_when_they_are_back(
    archive: ArchiveUnderTest, tmp_path: Path
) -> None:
    """Nobody could look: that is no damage, and no audit or repair is asked for."""
    aip = archive.deposit(write_tree(tmp_path / "hồ sơ", {"a.txt": b"first"})).aip_id
    changed = write_tree(tmp_path / "mới", {"a.txt": b"second"})
    for tier in ("a", "b"):
        os.rename(archive.home / "tiers" / tier, archive.home / "tiers" / f"{tier}.away")
    told = archive.deposit(changed, update=aip)
    assert told.state is DepositState.FAILED
    assert spoken(told.error).startswith("AIP-NOT-REACHED")
    assert archive.damages() == {}
    for tier in ("a", "b"):
        os.rename(archive.home / "tiers" / f"{tier}.away", archive.home / "tiers" / tier)
    assert archive.deposit(changed, update=aip).state is DepositState.STORED
    assert archive.engine.holdings.show(aip).version == 2


def test_a_version_that_was_overtaken_does_not_come_back_with_a_lost_catalog(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Its depositor was told that it failed; and of two that wait for one number, one would wait for ever."""
    aip = archive.deposit(write_tree(tmp_path / "một", {"a.txt": b"first"})).aip_id
    os.rename(archive.home / "tiers" / "b", archive.home / "tiers" / "b.away")
    waits = archive.deposit(write_tree(tmp_path / "hai", {"a.txt": b"second"}), update=aip)
    overtaken = archive.deposit(write_tree(tmp_path / "ba", {"a.txt": b"third"}), update=aip)
    assert (waits.state, overtaken.state) == (DepositState.ACCEPTED, DepositState.FAILED)
    os.rename(archive.home / "tiers" / "b.away", archive.home / "tiers" / "b")
    archive.lose_catalog()
    archive.engine.catalog.rebuild(None, progress=Silent())
    told = archive.engine.deposits.get(overtaken.id)
    assert (told.state, spoken(told.error)[:13]) == (DepositState.FAILED, "DEP-OVERTAKEN")
    archive.audit()
    archive.repair()
    assert archive.engine.deposits.get(waits.id).state is DepositState.STORED
    assert archive.deposit(tmp_path / "ba", update=aip).state is DepositState.STORED
    assert archive.engine.holdings.show(aip).version == 3
    archive.whole()
