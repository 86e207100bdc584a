"""What rots while its deposit waits for copies: an AIP is nowhere yet, and no audit would find it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repository.model import Deposit, DepositState
from tests.builders_archive import ArchiveUnderTest, snapshot, write_tree
from tests.rights import writable

FILES = {"a.txt": b"a" * 3000, "thư mục/b.bin": bytes(range(256)) * 20}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "hồ sơ", FILES)


@contextmanager
def without(archive: ArchiveUnderTest, name: str) -> Iterator[None]:
    tier = archive.home / "tiers" / name
    tier.rename(tier.with_name("away"))
    try:
        yield
    finally:
        tier.with_name("away").rename(tier)


def waiting(archive: ArchiveUnderTest, source: Path, *, gone: str = "b") -> Deposit:
    with without(archive, gone):
        deposit = archive.deposit(source)
    assert deposit.state is DepositState.ACCEPTED
    return deposit


def harm(file: Path) -> None:
    """As a disk does it: whoever has this file by another name has it so, too."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    writable(file).write_bytes(bytes(data))


def harm_alone(file: Path) -> None:
    """On this name only."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.unlink()
    file.write_bytes(bytes(data))


def spooled(archive: ArchiveUnderTest, deposit: Deposit) -> list[Path]:
    return sorted(each for each in (archive.home / "spool" / deposit.id / "files").rglob("*") if each.is_file())


def in_copy(archive: ArchiveUnderTest, deposit: Deposit, tier: str = "a") -> list[Path]:
    return sorted(each for each in archive.object(deposit.aip_id, tier).rglob("*") if each.is_file())


def is_whole(archive: ArchiveUnderTest, deposit: Deposit, source: Path) -> None:
    assert archive.engine.deposits.get(deposit.id).state is DepositState.STORED
    assert archive.audit(deposit.aip_id).copies == {"good": 2}
    assert snapshot(archive.export(deposit.aip_id)) == snapshot(source)


def test_bytes_that_rot_in_the_spool_come_from_the_copy_that_is_there(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source)
    for file in spooled(archive, deposit):
        harm_alone(file)
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_copy_that_rots_comes_from_the_spool(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source)
    for file in in_copy(archive, deposit):
        if file.name != "inventory.json" or file.parent.name == "v1":  # without both of them it may be another object
            harm_alone(file)
    archive.repair()
    is_whole(archive, deposit, source)
    assert [each.outcome for each in archive.engine.holdings.events(deposit.aip_id) if each.type == "recovery"]


@pytest.mark.parametrize(
    "what", ["content", "inventory.json", "inventory.json.sha512", "0=ocfl_object_1.1", "METS.xml", "stray", "gone"]
)
def test_each_file_of_a_waiting_copy(archive: ArchiveUnderTest, source: Path, what: str) -> None:
    deposit = waiting(archive, source)
    top = archive.object(deposit.aip_id, "a")
    if what == "stray":
        (top / "v1" / "stray").write_bytes(b"x")
    elif what == "gone":
        next(each for each in top.rglob("a.txt")).unlink()
    else:
        harm_alone(next(each for each in in_copy(archive, deposit) if each.name == ("a.txt" if what == "content" else what)))
    archive.repair()
    is_whole(archive, deposit, source)


def test_what_is_lost_in_both_comes_with_the_same_deposit(archive: ArchiveUnderTest, source: Path) -> None:
    """Home and tier on one disk have one file by two names. It could never be stored, nor refused, nor deposited anew."""
    deposit = waiting(archive, source)
    for file in spooled(archive, deposit):
        harm(file)
    for file in in_copy(archive, deposit):
        if file.read_bytes() in FILES.values():
            harm_alone(file)
    archive.repair()
    assert archive.engine.deposits.get(deposit.id).state is DepositState.ACCEPTED, "nobody has the bytes"
    again = archive.deposit(source)
    assert (again.state, again.reason) == (DepositState.REPEATED, deposit.id)
    is_whole(archive, deposit, source)


def test_an_update_that_rots(archive: ArchiveUnderTest, source: Path, tmp_path: Path) -> None:
    first = archive.deposit(source)
    newer = write_tree(tmp_path / "mới", {**FILES, "c.txt": b"c" * 500})
    with without(archive, "b"):
        deposit = archive.deposit(newer, update=first.aip_id)
    assert deposit.state is DepositState.ACCEPTED
    for file in in_copy(archive, deposit):
        if "/v2/" in str(file):
            harm_alone(file)
    archive.repair()
    assert archive.engine.deposits.get(deposit.id).state is DepositState.STORED
    assert archive.audit(first.aip_id).copies == {"good": 2}


def test_other_bytes_mend_nothing(archive: ArchiveUnderTest, source: Path, tmp_path: Path) -> None:
    deposit = waiting(archive, source)
    files = spooled(archive, deposit)
    for file in files:
        harm(file)
    before = [file.read_bytes() for file in files]
    archive.deposit(write_tree(tmp_path / "khác", {"a.txt": b"other"}))
    assert [file.read_bytes() for file in files] == before
    assert archive.engine.deposits.get(deposit.id).state is DepositState.ACCEPTED
