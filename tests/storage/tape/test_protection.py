"""Logical block protection: the virtual library has none, so a part before its drives keeps to SSC-4 in their place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import Unavailable
from storage.tape.device import Device
from storage.tape.drive import Drive
from storage.tape.errors import TransportError
from storage.tape.protection import checked, guarded, switch
from tests.storage.sealed import two_versions
from tests.storage.tape.canned import Canned, check
from tests.storage.tape.guarding import Guarding
from tests.storage.tape.tapes import Tapes, tape_files, tapes
from tests.storage.tape.target import needs_target

ONE = "LPD001L8"


def flipped(block: bytes) -> bytes:
    return bytes([block[0] ^ 1]) + block[1:]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Tapes]:
    with tapes(tmp_path / "tier", {ONE: 64}) as made:
        made.create(ONE)
        yield made


@needs_target
def test_blocks_are_guarded_both_ways_and_the_cartridge_is_the_same(scene: Tapes, tmp_path: Path) -> None:
    made, drives = two_versions(tmp_path / "spool"), Guarding()
    tier = scene.tier(drives)
    assert [each.error for each in tier.write(made.versions)] == [None, None]
    assert drives.guarded > 6
    assert tier.verify(made.object_id, made.expected).ok
    tier.close()
    plain = scene.tier()
    assert plain.verify(made.object_id, made.expected).ok
    assert all(len(block) in (80, 256 * 1024) for file in tape_files(scene.library(), ONE) for block in file)


@needs_target
def test_it_is_switched_off_before_the_cartridge_leaves(scene: Tapes, tmp_path: Path) -> None:
    made, drives = two_versions(tmp_path / "spool"), Guarding()
    tier = scene.tier(drives)
    tier.write(made.versions)
    assert [each[0] for each in drives.settings.values()] == [2]
    with tier.shelf() as shelf:
        shelf.library.take_out(ONE)
    assert [each[0] for each in drives.settings.values()] == [0]


@needs_target
def test_what_is_changed_on_the_way_to_the_drive_is_not_written(scene: Tapes, tmp_path: Path) -> None:
    made, drives = two_versions(tmp_path / "spool"), Guarding()
    first = scene.tier(drives)
    (good, *_) = first.write(made.versions[:1])
    assert good.error is None
    drives.harm = lambda number, block: flipped(block) if len(block) > 5_000 else block
    written = first.write(made.versions[1:])
    assert all(isinstance(each.error, Unavailable) for each in written)
    drives.harm = lambda number, block: block
    assert [each.error for each in first.write(made.versions[1:])] == [None]
    assert first.verify(made.object_id, made.expected).ok


@needs_target
def test_what_is_changed_on_the_way_back_is_unreadable_and_not_altered(scene: Tapes, tmp_path: Path) -> None:
    made, drives = two_versions(tmp_path / "spool"), Guarding()
    writer = scene.tier(drives)
    writer.write(made.versions)
    writer.close()  # another one reads again what this one has read back
    drives.harm = lambda number, block: flipped(block) if len(block) > 5_000 else block
    tier = scene.tier(drives)
    with pytest.raises(Unavailable):
        tier.verify(made.object_id, made.expected)
    drives.harm = lambda number, block: block
    assert tier.verify(made.object_id, made.expected).ok


def test_a_value_guards_every_bit() -> None:
    assert guarded(b"123456789") == b"123456789" + bytes.fromhex("839206e3")
    assert checked("d", guarded(b"abc")) == b"abc"
    for bit in range(7 * 8):
        wrong = bytearray(guarded(b"abc"))
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TransportError):
            checked("d", bytes(wrong))
    with pytest.raises(TransportError):
        checked("d", b"abc")


def canned_page(settings: bytes, *, refused: bool) -> Canned:
    page = bytes([0xCA, 0xF0, 0, 0x1C]) + settings + bytes(25)
    sense = bytes([3 + len(page), 0, 0, 0]) + page
    return Canned({0x1A: lambda cdb, _sent, _room: sense if cdb[3] == 0xF0 else None, 0x15: check(5, 0x2600) if refused else b""})


def test_canned_a_drive_that_knows_another_code_only_is_used_without() -> None:
    drive = Device(canned_page(bytes(3), refused=True))
    assert switch(drive, on=True) is False


def test_canned_what_another_program_left_on_is_no_data_of_ours() -> None:
    with pytest.raises(TransportError):
        switch(Device(canned_page(bytes([1, 4, 0xC0]), refused=True)), on=True)


def test_canned_after_a_reset_the_drive_is_asked_again() -> None:
    transport = canned_page(bytes([2, 4, 0xC0]), refused=False)
    drive = Drive(transport)
    assert drive.is_guarded()
    asked = len(transport.commands)
    assert drive.is_guarded()
    assert len(transport.commands) == asked
    transport.answers[0x08] = check(6, 0x2900)
    with pytest.raises(Unavailable):
        drive.read(bytearray(80))
    transport.answers[0x1A] = b"\x03\0\0\0"
    assert not drive.is_guarded()
