"""What rots while its deposit waits for copies: an AIP is nowhere yet, and no audit would find it."""

from __future__ import annotations

import errno
import hashlib
import io
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from repository.copies.waiting import keep_put_right
from repository.deposits.mending import mend_sealed, mend_waiting
from repository.model import Deposit, DepositState
from repository.progress import Silent
from storage import durable
from storage.tier import ContentPath, ObjectId, SealedFile, SealedVersion
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


@pytest.fixture
def known_no_more(archive: ArchiveUnderTest, source: Path, tmp_path: Path) -> Deposit:
    """A deposit that waits, in a home that came back from a backup; the tiers went on to version 2 meanwhile."""
    deposit = waiting(archive, source)
    archive.close()
    aside = tmp_path / "backup"
    shutil.copytree(archive.home, aside, ignore=shutil.ignore_patterns("tiers"))
    archive.open()
    archive.repair()
    second = archive.deposit(write_tree(tmp_path / "mới", {**FILES, "c.txt": b"c" * 500}), update=deposit.aip_id)
    assert (second.state, second.aip_version) == (DepositState.STORED, 2)
    archive.close()
    for each in archive.home.iterdir():
        if each.name != "tiers":
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    shutil.copytree(aside, archive.home, dirs_exist_ok=True)
    archive.open()
    assert archive.engine.deposits.get(deposit.id).state is DepositState.ACCEPTED
    return deposit


@pytest.mark.parametrize("what", ["inventory.json", "inventory.json.sha512", "v2/inventory.json"])
def test_a_copy_that_went_on_to_a_newer_version_is_not_put_back(
    archive: ArchiveUnderTest, known_no_more: Deposit, what: str
) -> None:
    """What this version knows of the root files and of strangers is the past."""
    top = archive.object(known_no_more.aip_id, "a")
    harm_alone(top / what)
    before = {each: each.read_bytes() for each in in_copy(archive, known_no_more)}
    archive.repair()
    assert {each: each.read_bytes() for each in in_copy(archive, known_no_more)} == before


def test_of_a_copy_that_went_on_the_bytes_of_this_version_are_put_right(
    archive: ArchiveUnderTest, known_no_more: Deposit
) -> None:
    file = next((archive.object(known_no_more.aip_id, "a") / "v1").rglob("METS.xml"))
    before = {each: each.read_bytes() for each in in_copy(archive, known_no_more)}
    harm_alone(file)
    archive.repair()
    assert {each: each.read_bytes() for each in in_copy(archive, known_no_more)} == before


def part_of(folder: Path, data: bytes) -> tuple[SealedVersion, Path]:
    """A version whose only content is rotten."""
    folder.mkdir()
    content, inventory = folder / "1", folder / "inventory.json"
    content.write_bytes(b"rotten")
    inventory.write_bytes(b"{}")
    sha256, sha512 = hashlib.sha256(data).digest(), hashlib.sha512(data).digest()
    file = SealedFile(ContentPath("v1/content/1"), content, len(data), sha256, sha512)
    digest = hashlib.sha512(b"{}").digest()
    return SealedVersion(ObjectId("urn:x"), 1, inventory, digest, None, lambda: iter([file])), content


class Halves(io.BytesIO):
    """Given in two reads, with something happening between them."""

    def __init__(self, data: bytes, between: Callable[[], None]) -> None:
        super().__init__(data)
        self._between = between

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == 0:
            return super().read(len(self.getvalue()) // 2)
        self._between()
        return super().read(size)


def test_two_that_mend_one_file_at_once(tmp_path: Path) -> None:
    """The same deposit handed in twice, each by a process: what one has written by half is not what the other puts in place."""
    data = b"0123456789" * 100
    sealed, content = part_of(tmp_path / "spool", data)
    began, seen = threading.Event(), []

    def killed() -> None:
        began.set()
        first.join(10)
        seen.append(content.read_bytes())
        raise OSError(errno.EIO, "gone")

    def wait() -> None:
        began.wait(10)

    first = threading.Thread(target=mend_sealed, args=(sealed, lambda part: [lambda: Halves(data, wait)]))
    first.start()
    mend_sealed(sealed, lambda part: [lambda: Halves(data, killed)])
    assert seen == [data]
    assert content.read_bytes() == data
    assert sorted(each.name for each in content.parent.iterdir()) == ["1", "inventory.json"]


def test_a_full_disk_keeps_nothing_half_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"0123456789" * 100
    sealed, content = part_of(tmp_path / "spool", data)

    def full(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(OSError, match="full"):
        mend_sealed(sealed, lambda part: [lambda: io.BytesIO(data)])
    assert sorted(each.name for each in content.parent.iterdir()) == ["1", "inventory.json"]


def test_a_tier_that_is_away_is_asked_for_one_of_many_parts(
    archive: ArchiveUnderTest, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit = waiting(archive, source)
    for file in spooled(archive, deposit):
        harm_alone(file)
    asked = []
    away = archive.engine.archive.tiers["b"]
    opened = away.open

    def noted(object_id: ObjectId, path: str) -> BinaryIO:
        asked.append(path)
        return opened(object_id, path)

    for file in in_copy(archive, deposit):
        if file.read_bytes() in FILES.values():
            harm_alone(file)
    monkeypatch.setattr(away, "open", noted)
    with without(archive, "b"):
        mended = keep_put_right(archive.engine.archive, "a", deposit.id, Silent())
    assert not mended
    assert len(asked) == 1


class Left(BaseException):
    """As a step is left when its process is to stop."""


class Leaving(Silent):
    def advance(self, amount: int) -> None:
        raise Left


def test_mending_can_be_left(archive: ArchiveUnderTest, source: Path) -> None:
    """A large deposit is read whole for it."""
    deposit = archive.engine.deposits.get(waiting(archive, source).id)
    with pytest.raises(Left):
        mend_waiting(archive.engine.archive, deposit, archive.engine.archive.spools.get(deposit.id), Leaving())


def test_a_folder_of_the_spool_that_is_lost(archive: ArchiveUnderTest, source: Path) -> None:
    deposit = waiting(archive, source)
    shutil.rmtree(archive.home / "spool" / deposit.id / "files")
    archive.repair()
    is_whole(archive, deposit, source)


def test_a_spool_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    sealed, content = part_of(tmp_path / "deposit", b"data")
    content.unlink()
    gone = replace(sealed, files=lambda: (each._replace(source=tmp_path / "gone" / "files" / "1") for each in sealed.files()))
    given = io.BytesIO(b"data")
    with pytest.raises(FileNotFoundError):
        mend_sealed(gone, lambda part: [lambda: given])
    assert given.closed
    assert not (tmp_path / "gone").exists()
