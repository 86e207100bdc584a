"""What waits for copies and is lost from the spool: it comes from a tier that has it, or its depositor can hand it in again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repository.attention.entries import attention
from repository.jobs.errors import StepFailed
from repository.model import CopyState, Deposit, DepositState
from repository.progress import Silent
from repository.rebuilding import lost
from tests.builders_archive import ArchiveUnderTest, snapshot, write_tree
from tests.rights import ordinary_rights, writable

FILES = {"a.txt": b"a" * 3000, "thư mục/b.bin": bytes(range(256)) * 20}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "hồ sơ", FILES)


class Away:
    """Tiers that are not there meanwhile."""

    def __init__(self, archive: ArchiveUnderTest, *names: str) -> None:
        self._tiers = [archive.home / "tiers" / name for name in names]

    def __enter__(self) -> None:
        for tier in self._tiers:
            tier.rename(tier.with_name(f"{tier.name}-away"))

    def __exit__(self, *_: object) -> None:
        for tier in self._tiers:
            tier.with_name(f"{tier.name}-away").rename(tier)


def waiting(archive: ArchiveUnderTest, source: Path, *away: str) -> Deposit:
    with Away(archive, *away):
        deposit = archive.deposit(source)
    assert deposit.state is DepositState.ACCEPTED
    return deposit


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


def summary_gone(folder: Path) -> None:
    (folder / "sealed" / "sealed.json").unlink()


def summary_torn(folder: Path) -> None:
    writable(folder / "sealed" / "sealed.json").write_bytes(b'{"kho": 1, "ai')


def list_gone(folder: Path) -> None:
    next((folder / "sealed").glob("contents*")).unlink()


def list_torn(folder: Path) -> None:
    file = writable(next((folder / "sealed").glob("contents*")))
    file.write_bytes(file.read_bytes()[:-40])


def made_gone(folder: Path) -> None:
    """What Kho made for the version; nobody else can hand that in."""
    (folder / "sealed" / "g0001").unlink()


def inventory_rotten(folder: Path) -> None:
    file = writable(folder / "sealed" / "inventory.json")
    file.write_bytes(file.read_bytes()[:-40])


def sealed_gone(folder: Path) -> None:
    shutil.rmtree(folder / "sealed")


LOSSES = [gone, summary_gone, summary_torn, list_gone, list_torn, made_gone, inventory_rotten, sealed_gone]
losses = pytest.mark.parametrize("lose", LOSSES, ids=lambda each: each.__name__)


def spool_of(archive: ArchiveUnderTest, deposit: Deposit) -> Path:
    return archive.home / "spool" / deposit.id


def now(archive: ArchiveUnderTest, deposit: Deposit) -> Deposit:
    return archive.engine.deposits.get(deposit.id)


def is_whole(archive: ArchiveUnderTest, deposit: Deposit, source: Path) -> None:
    assert now(archive, deposit).state is DepositState.STORED
    assert now(archive, deposit).error == ""
    assert archive.audit(deposit.aip_id).copies == {"good": 2}
    assert snapshot(archive.export(deposit.aip_id)) == snapshot(source)
    assert not spool_of(archive, deposit).exists()
    assert not archive.catalog.coming.known_digests([], within=None)


@losses
def test_what_is_lost_comes_from_the_tier_that_has_it(
    archive: ArchiveUnderTest, source: Path, lose: Callable[[Path], None]
) -> None:
    deposit = waiting(archive, source, "b")
    lose(spool_of(archive, deposit))
    archive.repair()
    is_whole(archive, deposit, source)
    again = archive.deposit(source)
    assert (again.state, again.reason, again.aip_id) == (DepositState.REPEATED, deposit.id, deposit.aip_id)


def test_it_is_told_where_the_copies_came_from(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    archive.repair()
    events = [each for each in archive.engine.holdings.events(deposit.aip_id) if each.aip_version == 1]
    assert [each.detail["source"] for each in events if each.type == "replication" and each.tier == "b"] == ["a"]
    assert [each.outcome for each in events if each.type == "replication" and each.tier == "a"] == ["success"]
    assert [each.tier for each in events if each.type == "recovery" and each.deposit_id == deposit.id] == ["a"]
    assert [each for each in events if each.type == "ingestion"], "what was sealed in it"


def test_handing_it_in_again_takes_up_what_a_tier_has(archive: ArchiveUnderTest, source: Path) -> None:
    """Nobody ran a repair meanwhile. There must not be a second AIP of it."""
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    again = archive.deposit(source)
    assert (again.state, again.reason, again.aip_id) == (DepositState.REPEATED, deposit.id, deposit.aip_id)
    is_whole(archive, deposit, source)


def test_while_the_other_tier_is_still_away(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    with Away(archive, "b"):
        archive.repair()
        assert now(archive, deposit).state is DepositState.KEPT, "it is in the catalog, and not called stored"
        copies = {each.tier: each.state for each in archive.catalog.copies.of(deposit.aip_id)}
        assert copies["a"] is CopyState.GOOD
        assert copies["b"] is not CopyState.GOOD
    archive.repair()
    is_whole(archive, deposit, source)


def files_gone(folder: Path) -> None:
    shutil.rmtree(folder / "sealed")
    shutil.rmtree(folder / "files")


def files_rotten(folder: Path) -> None:
    shutil.rmtree(folder / "sealed")
    file = writable(next(each for each in (folder / "files").rglob("*") if each.is_file()))
    file.write_bytes(b"rotten")


def database_torn(folder: Path) -> None:
    shutil.rmtree(folder / "sealed")
    writable(folder / "spool.db").write_bytes(b"rotten")


@pytest.mark.parametrize("looked", [True, False], ids=["repaired first", "nobody looked"])
@pytest.mark.parametrize("lose", [gone, files_gone, files_rotten, database_torn], ids=lambda each: each.__name__)
def test_what_no_tier_has_is_said_and_can_be_handed_in_again(
    archive: ArchiveUnderTest, source: Path, lose: Callable[[Path], None], looked: bool
) -> None:
    deposit = waiting(archive, source, "a", "b")
    archive.engine.archive.spools.close(deposit.id)
    lose(spool_of(archive, deposit))
    if looked:
        archive.repair()
        failed = now(archive, deposit)
        assert failed.state is DepositState.FAILED
        assert [each.code for each in failed.findings] == ["DEP-LOST"]
        told = {each.code: each for each in attention(archive.engine.archive, archive.engine.jobs)}
        assert told["ATT-LOST"].args["deposits"] == "1"
    again = archive.deposit(source)
    assert again.state is DepositState.STORED, again.error
    assert now(archive, deposit).state is DepositState.FAILED
    assert not {each.code for each in again.findings} & {"DEP-DUPLICATE-HOLDINGS", "DEP-ID-KNOWN"}
    is_whole(archive, again, source)
    assert "ATT-LOST" not in {each.code for each in attention(archive.engine.archive, archive.engine.jobs)}


SEALED_ONLY = [each for each in LOSSES if each is not gone]


@pytest.mark.parametrize("handed_in", [False, True], ids=["repaired", "handed in again"])
@pytest.mark.parametrize("lose", SEALED_ONLY, ids=lambda each: each.__name__)
def test_what_was_received_is_sealed_again(
    archive: ArchiveUnderTest, source: Path, lose: Callable[[Path], None], handed_in: bool
) -> None:
    """Its depositor may have nothing any more."""
    with Away(archive, "a", "b"):
        deposit = archive.deposit(source, title="Hồ sơ cũ")
    lose(spool_of(archive, deposit))
    if handed_in:
        again = archive.deposit(source)
        assert (again.state, again.reason, again.aip_id) == (DepositState.REPEATED, deposit.id, deposit.aip_id)
    else:
        archive.repair()
        assert now(archive, deposit).error == ""
        archive.repair()
    is_whole(archive, deposit, source)
    assert archive.engine.holdings.show(deposit.aip_id).title == "Hồ sơ cũ"
    assert not now(archive, deposit).finding_counts.get("DEP-DUPLICATE-HOLDINGS")


def test_what_kho_made_itself_is_not_taken_for_something_received(archive: ArchiveUnderTest, source: Path) -> None:
    """A version that a migration made has the fingerprint of the deposit that it goes on from, and its results in the spool."""
    deposit = waiting(archive, source, "a", "b")
    archive.catalog.deposits.update(deposit.id, fingerprint="00" * 32)
    sealed_gone(spool_of(archive, deposit))
    archive.repair()
    assert [each.code for each in now(archive, deposit).findings] == ["DEP-LOST"]


def test_the_same_under_a_key_of_its_own(archive: ArchiveUnderTest, source: Path) -> None:
    with Away(archive, "a", "b"):
        deposit = archive.deposit(source, key="HS-1")
    gone(spool_of(archive, deposit))
    again = archive.deposit(source, key="HS-1")
    assert (again.state, again.key) == (DepositState.STORED, "HS-1")


def test_while_a_tier_cannot_be_asked_nothing_is_lost(archive: ArchiveUnderTest, source: Path) -> None:
    """It may be that tier which has the only copy."""
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    with Away(archive, "a"):
        archive.repair()
        waits = now(archive, deposit)
        assert waits.state is DepositState.ACCEPTED
        assert '"DEP-LOST-NOT-ASKED"' in waits.error
        assert '"tiers": "a"' in waits.error
        again = archive.deposit(source)
        assert (again.state, again.reason) == (DepositState.REPEATED, deposit.id), "no second AIP"
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_spool_that_is_not_mounted_is_not_lost(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source, "a", "b")
    spool = archive.home / "spool"
    spool.rename(spool.with_name("unmounted"))
    spool.mkdir()
    archive.repair()
    waits = now(archive, deposit)
    assert waits.state is DepositState.ACCEPTED
    assert "DEP-SPOOL-NOT-THERE" in waits.error
    shutil.rmtree(spool)
    archive.repair()
    assert now(archive, deposit).state is DepositState.ACCEPTED
    shutil.rmtree(spool, ignore_errors=True)
    spool.with_name("unmounted").rename(spool)
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_spool_that_goes_away_while_tiers_are_asked_is_not_lost(
    archive: ArchiveUnderTest, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit = waiting(archive, source, "a", "b")
    sealed_gone(spool_of(archive, deposit))
    spool = archive.home / "spool"
    asked = lost._asked

    def away(*arguments: Any) -> Any:
        spool.rename(spool.with_name("unmounted"))
        return asked(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(lost, "_asked", away)
        archive.repair()
    assert now(archive, deposit).state is DepositState.ACCEPTED
    spool.with_name("unmounted").rename(spool)
    archive.repair()
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_spool_that_cannot_be_read_is_not_lost(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source, "a", "b")
    sealed = spool_of(archive, deposit) / "sealed"
    sealed.chmod(0)
    try:
        with ordinary_rights():
            archive.repair()
            assert now(archive, deposit).state is DepositState.ACCEPTED
    finally:
        sealed.chmod(0o700)
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_copy_that_is_not_sound_is_no_source(archive: ArchiveUnderTest, source: Path) -> None:
    """Content that is lost there, too. What is left of it stays where it is, and comparisons tell of it."""
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    file = next(archive.object(deposit.aip_id, "a").rglob("a.txt"))
    writable(file).write_bytes(b"rotten")
    archive.repair()
    assert now(archive, deposit).state is DepositState.FAILED
    assert file.read_bytes() == b"rotten"
    again = archive.deposit(source)
    assert again.state is DepositState.STORED
    assert archive.audit().strangers


def test_copies_that_are_whole_together(tmp_path: Path, archive: ArchiveUnderTest, source: Path) -> None:
    """Each of two tiers lacks something that the other has."""
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    a, b = archive.object(deposit.aip_id, "a"), archive.object(deposit.aip_id, "b")
    shutil.copytree(a, b)
    writable(next(a.rglob("a.txt"))).write_bytes(b"rotten")
    writable(next(b.rglob("METS.xml"))).write_bytes(b"rotten")
    archive.repair()
    is_whole(archive, deposit, source)


def test_an_update_that_is_lost_comes_from_the_tier_that_has_it(archive: ArchiveUnderTest, source: Path, tmp_path: Path) -> None:
    first = archive.deposit(source)
    newer = write_tree(tmp_path / "mới", {**FILES, "c.txt": b"c" * 500})
    with Away(archive, "b"):
        deposit = archive.deposit(newer, update=first.aip_id)
    assert deposit.state is DepositState.ACCEPTED
    gone(spool_of(archive, deposit))
    archive.repair()
    assert now(archive, deposit).state is DepositState.STORED
    assert archive.audit(first.aip_id).copies == {"good": 2}
    assert archive.engine.holdings.show(first.aip_id).version == 2
    assert snapshot(archive.export(first.aip_id)) == snapshot(newer)


def test_an_update_that_no_tier_has(archive: ArchiveUnderTest, source: Path, tmp_path: Path) -> None:
    first = archive.deposit(source)
    newer = write_tree(tmp_path / "mới", {**FILES, "c.txt": b"c" * 500})
    with Away(archive, "a", "b"):
        deposit = archive.deposit(newer, update=first.aip_id)
    assert deposit.state is not DepositState.STORED
    if deposit.state is DepositState.ACCEPTED:
        gone(spool_of(archive, deposit))
        archive.repair()
        assert now(archive, deposit).state is DepositState.FAILED
    again = archive.deposit(newer, update=first.aip_id)
    assert again.state is DepositState.STORED
    assert again.aip_version == 2


@pytest.mark.parametrize("left", [None, b"", b"rotten" * 1000], ids=["gone", "empty", "torn"])
def test_a_database_that_is_lost_although_the_copies_are_made(
    archive: ArchiveUnderTest, source: Path, tmp_path: Path, left: bytes | None
) -> None:
    """What the catalog is told of an update is in the database only: it was kept on every tier, again and again, and never stored."""
    first = archive.deposit(source)
    newer = write_tree(tmp_path / "mới", {**FILES, "c.txt": b"c" * 500})
    with Away(archive, "b"):
        deposit = archive.deposit(newer, update=first.aip_id)
    archive.engine.archive.spools.close(deposit.id)
    (spool_of(archive, deposit) / "spool.db").unlink()
    if left is not None:
        (spool_of(archive, deposit) / "spool.db").write_bytes(left)
    archive.repair()
    assert now(archive, deposit).state is DepositState.STORED
    assert archive.audit(first.aip_id).copies == {"good": 2}
    assert snapshot(archive.export(first.aip_id)) == snapshot(newer)


def test_a_spool_that_is_lost_is_not_made_again_by_looking(archive: ArchiveUnderTest, source: Path) -> None:
    """Where collections are promised different tiers, what was sealed is asked whose it is."""
    archive.collections('\n[collections.more]\nproducers = ["x"]\ncopies.tiers = ["a", "b"]\n')
    deposit = waiting(archive, source, "b")
    gone(spool_of(archive, deposit))
    with Away(archive, "a"):
        archive.repair()
        assert not spool_of(archive, deposit).exists()
    archive.repair()
    is_whole(archive, deposit, source)


def test_what_somebody_else_wrote_there_is_not_taken_for_it(archive: ArchiveUnderTest, source: Path, tmp_path: Path) -> None:
    """An object by that id whose own records do not say what its inventory says."""
    deposit = waiting(archive, source, "a", "b")
    gone(spool_of(archive, deposit))
    other = archive.deposit(write_tree(tmp_path / "khác", {"a.txt": b"other"}))
    place = archive.object(deposit.aip_id, "a")
    shutil.copytree(archive.object(other.aip_id, "a"), place)
    archive.repair()
    assert now(archive, deposit).state is not DepositState.STORED
    assert place.exists()


@pytest.mark.parametrize("lose", [gone, sealed_gone, summary_torn], ids=lambda each: each.__name__)
def test_what_a_rebuild_entered_before_it_was_lost_waits_no_more(
    archive: ArchiveUnderTest, source: Path, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    """Its version is in the catalog; it waited for ever to be entered, and every update with it."""
    deposit = waiting(archive, source, "b")
    archive.engine.catalog.rebuild(None, progress=Silent())
    assert now(archive, deposit).state is DepositState.ACCEPTED, "its spool is there, from which the other copy is made"
    lose(spool_of(archive, deposit))
    archive.repair()
    archive.audit()
    archive.repair()
    is_whole(archive, deposit, source)
    newer = archive.deposit(write_tree(tmp_path / "newer", {"c.txt": b"c"}), update=deposit.aip_id)
    assert (newer.state, newer.aip_version) == (DepositState.STORED, 2)


def test_a_spool_that_an_older_catalog_waited_for_goes_once_the_copies_were_read(
    archive: ArchiveUnderTest, source: Path, tmp_path: Path
) -> None:
    deposit = waiting(archive, source, "b")
    archive.close()
    shutil.copyfile(archive.home / "catalog.db", tmp_path / "backup.db")
    shutil.copytree(spool_of(archive, deposit), tmp_path / "spooled")
    archive.open()
    archive.repair()
    archive.close()
    shutil.copyfile(tmp_path / "backup.db", archive.home / "catalog.db")
    shutil.copytree(tmp_path / "spooled", spool_of(archive, deposit))
    archive.open()
    archive.engine.catalog.rebuild(None, progress=Silent())
    assert spool_of(archive, deposit).exists(), "no copy was read yet"
    archive.audit()
    is_whole(archive, deposit, source)


@losses
@pytest.mark.parametrize("away", [("a", "b"), ("b",)], ids=["on no tier", "on one tier"])
def test_the_catalog_is_lost_with_it(
    archive: ArchiveUnderTest, source: Path, lose: Callable[[Path], None], away: tuple[str, ...]
) -> None:
    """A rebuild ended at the first such deposit, before it had taken back the open day of the ledger."""
    deposit = waiting(archive, source, *away)
    other = archive.deposit(write_tree(archive.home.parent / "khác", {"khác.txt": b"other"}))
    archive.engine.archive.spools.close(deposit.id)
    lose(spool_of(archive, deposit))
    archive.lose_catalog()
    archive.engine.catalog.rebuild(None, progress=Silent())
    assert list(archive.catalog.events.of_type("catalog rebuild"))
    for _ in range(2):
        archive.audit()
        archive.repair()
    again = archive.deposit(source)
    assert again.state in (DepositState.STORED, DepositState.REPEATED), again.error
    assert archive.audit().copies == {"good": 4}
    assert {each.id for each in archive.engine.holdings.list().items} == {other.aip_id, again.aip_id}
    assert snapshot(archive.export(again.aip_id)) == snapshot(source)


@pytest.mark.parametrize("where", ["repository.deposits.ingest.accept", "repository.deposits.settling.settle"])
def test_sealing_again_that_is_broken_off_is_done_later(
    archive: ArchiveUnderTest, source: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Nobody looked at it any more as long as a worker ran, and nothing was said."""
    deposit = waiting(archive, source, "a", "b")
    sealed_gone(spool_of(archive, deposit))

    def broken(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(where, broken)
        with pytest.raises(StepFailed):
            archive.repair()
    assert now(archive, deposit).state is DepositState.ACCEPTED
    archive.repair()
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_home_whose_empty_spool_no_backup_had(archive: ArchiveUnderTest, source: Path) -> None:
    shutil.rmtree(archive.home / "spool")
    assert archive.deposit(source).state is DepositState.STORED


def test_an_archive_of_before_there_were_marks_gets_none_while_the_disk_of_its_spool_may_be_away(
    archive: ArchiveUnderTest, tmp_path: Path
) -> None:
    os.rename(archive.home / "tiers" / "b", archive.home / "tiers" / "b.away")
    os.rename(archive.home / "tiers" / "a", archive.home / "tiers" / "a.away")
    waits = archive.deposit(write_tree(tmp_path / "một", {"a.txt": b"first"}))
    assert waits.state is DepositState.ACCEPTED
    for tier in ("a", "b"):
        os.rename(archive.home / "tiers" / f"{tier}.away", archive.home / "tiers" / tier)
    (archive.home / "spool.json").unlink()
    (archive.home / "spool" / "kho-spool.json").unlink()
    os.rename(archive.home / "spool", tmp_path / "spool")
    (archive.home / "spool").mkdir()
    archive.reopen()
    assert archive.deposit(write_tree(tmp_path / "hai", {"b.txt": b"second"})).state is DepositState.STORED
    archive.repair()
    told = archive.engine.deposits.get(waits.id)
    assert told.state is DepositState.ACCEPTED
    assert "DEP-SPOOL-NOT-THERE" in told.error
    shutil.rmtree(archive.home / "spool")
    os.rename(tmp_path / "spool", archive.home / "spool")
    archive.reopen()
    archive.repair()
    assert archive.engine.deposits.get(waits.id).state is DepositState.STORED
    archive.whole()
