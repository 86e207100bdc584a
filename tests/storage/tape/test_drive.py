"""The drive against the virtual library, and against canned answers where that lacks something (the names say so)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.tape.changer import Changer, Kind, is_cleaning
from storage.tape.drive import BLOCK, Drive, EndOfData, Mark
from storage.tape.errors import (
    DeferredError,
    EndOfMedium,
    IllegalRequest,
    NoCartridge,
    PositionLost,
    ScsiError,
    UnitAttention,
    WriteProtected,
)
from storage.tape.transport import Reply, open_transport
from tests.storage.tape.canned import Canned, check
from tests.storage.tape.target import FIRST_DRIVE, FIRST_MAIL_SLOT, FIRST_SLOT, Target, needs_target, running

SLOT = FIRST_SLOT + 1
WRITE, FILEMARKS, READ, SPACE = 0x0A, 0x10, 0x08, 0x11


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running({"LPD001L8": 8, "LPD002L8": 64}) as started:
        yield started


@pytest.fixture
def changer(target: Target) -> Iterator[Changer]:
    opened = Changer(open_transport(target.changer))
    opened.greet()
    yield opened
    opened.close()


@pytest.fixture
def drive(target: Target, changer: Changer) -> Iterator[Drive]:
    """The first drive with the second cartridge in it."""
    opened = Drive(open_transport(target.drives[0]))
    opened.greet()
    changer.move(SLOT + 1, FIRST_DRIVE)
    opened.load()
    yield opened
    opened.close()
    changer.move(FIRST_DRIVE, SLOT + 1)


@needs_target
class TestChanger:
    def test_the_inventory(self, changer: Changer) -> None:
        found = changer.elements()
        assert [each.kind for each in found].count(Kind.SLOT) == 12
        assert [each.kind for each in found].count(Kind.DRIVE) == 2
        assert [each.kind for each in found].count(Kind.MAIL_SLOT) == 2
        assert [each.barcode for each in found if each.full] == ["CLN001L1", "LPD001L8", "LPD002L8"]
        assert next(each for each in found if each.kind is Kind.DRIVE).serial == "DRV0000001"
        assert changer.identity().type == 8

    def test_moving_there_and_back(self, changer: Changer) -> None:
        changer.move(SLOT, FIRST_MAIL_SLOT)
        there = changer.find("LPD001L8")
        assert (there.kind, there.source) == (Kind.MAIL_SLOT, SLOT)
        with pytest.raises(IllegalRequest, match="3B0E"):
            changer.move(SLOT, FIRST_DRIVE)
        changer.move(FIRST_MAIL_SLOT, changer.free(Kind.SLOT, preferred=SLOT).address)
        with pytest.raises(IllegalRequest, match="3B0D"):
            changer.move(SLOT, SLOT + 1)
        assert changer.find("LPD001L8").address == SLOT
        with pytest.raises(NoCartridge):
            changer.find("LPD099L8")

    def test_cleaning_cartridges_are_known_by_their_barcode(self) -> None:
        assert is_cleaning("CLN001L1")
        assert is_cleaning("CLNU01CU")
        assert not is_cleaning("LPD001L8")


@needs_target
class TestDrive:
    def test_what_is_written_is_read(self, drive: Drive) -> None:
        drive.rewind()
        end = drive.confirm_end() if drive.read(bytearray(80)) is Mark.END else drive_to_end(drive)
        blocks = [bytes([n]) * size for n, size in enumerate((80, BLOCK, 1, 4096))]
        for block in blocks:
            drive.write(block, end)
        drive.write_filemarks(1, end, wait=False)
        drive.write(b"x" * 80, end)
        drive.write_filemarks(1, end, wait=True)
        drive.rewind()
        assert read_all(drive)[-4:] == blocks
        assert read_all(drive) == [b"x" * 80]
        assert drive.read(bytearray(BLOCK)) is Mark.END
        drive.rewind()
        assert drive.space_filemarks(1)
        assert drive.read(bytearray(BLOCK)) == 80
        drive.space_filemarks(2)
        drive.confirm_end()
        drive.rewind()
        assert drive.space_blocks(2)
        assert drive.read(bytearray(BLOCK)) == 1

    def test_reading_and_moving_make_a_proof_stale(self, drive: Drive) -> None:
        end = drive_to_end(drive)
        drive.write(b"a" * 80, end)
        drive.rewind()
        for act in (lambda: drive.write(b"b" * 80, end), lambda: drive.write_filemarks(1, end, wait=True)):
            with pytest.raises(PositionLost):
                act()
        with pytest.raises(PositionLost):
            drive.confirm_end()  # at the beginning, where there is data
        drive.space_to_end()
        drive.confirm_end()

    def test_a_block_longer_than_the_buffer_is_no_block(self, drive: Drive) -> None:
        end = drive_to_end(drive)
        drive.write(b"a" * 4096, end)
        drive.write_filemarks(1, end, wait=True)
        drive.rewind()
        while drive.read(bytearray(BLOCK)) is not Mark.END:
            pass
        drive.rewind()
        assert drive.space_blocks(1)
        with pytest.raises(ScsiError, match="longer"):
            drive.read(bytearray(79))

    def test_what_this_library_does_not_have_is_not_asked_for_twice(self, drive: Drive) -> None:
        assert drive.alerts() is None
        assert drive.error_counters() is None
        assert drive.make_append_only() is False
        assert drive.locate(0) is False
        drive.rewind()
        drive.read(bytearray(BLOCK))
        drive.believe_position(1)
        assert drive.position() is None  # its READ POSITION always says 0
        assert drive.largest_block() >= BLOCK

    def test_the_end_of_the_medium_is_warned_of(self, target: Target, changer: Changer) -> None:
        drive = Drive(open_transport(target.drives[1]))
        drive.greet()
        changer.move(SLOT, FIRST_DRIVE + 1)
        drive.load()
        end = drive.confirm_end()
        for _ in range(30):
            drive.write(bytes(BLOCK), end)
        assert not drive.early_warning
        for _ in range(4):
            drive.write(bytes(BLOCK), end)
        assert drive.early_warning
        drive.unload()
        drive.close()
        changer.move(FIRST_DRIVE + 1, SLOT)

    def test_a_new_session_hears_of_the_power_on(self, target: Target) -> None:
        transport = open_transport(target.drives[0])
        drive = Drive(transport)
        with pytest.raises(ScsiError):
            drive.read(bytearray(80))
        transport.close()


def drive_to_end(drive: Drive) -> EndOfData:
    drive.space_to_end()
    return drive.confirm_end()


def read_all(drive: Drive) -> list[bytes]:
    found, buffer = [], bytearray(BLOCK)
    while not isinstance(size := drive.read(buffer), Mark):
        found.append(bytes(buffer[:size]))
    return found


def canned_at_end(**answers: object) -> tuple[Canned, Drive, EndOfData]:
    """A drive that stands at the end of its data."""
    transport = Canned({READ: check(8, 0x0005), WRITE: b"", FILEMARKS: b"", 0x00: b""})
    drive = Drive(transport)
    return transport, drive, drive.confirm_end()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (check(6, 0x2900), UnitAttention),
        (check(3, 0x0C00, deferred=True), DeferredError),
        (check(0xD, 0x0002, flags=0x40), EndOfMedium),
        (check(3, 0x0C00), ScsiError),
        (check(7, 0x2700), WriteProtected),
    ],
)
def test_canned_after_any_event_nothing_is_written(reply: Reply, error: type[Exception]) -> None:
    transport, drive, end = canned_at_end()
    drive.write(b"a", end)
    transport.answers[WRITE] = [reply, b"", b""]
    with pytest.raises(error):
        drive.write(b"b", end)
    written = len(transport.commands)
    for act in (lambda: drive.write(b"c", end), lambda: drive.write_filemarks(1, end, wait=True)):
        with pytest.raises(PositionLost):
            act()
    assert len(transport.commands) == written


def test_canned_an_attention_on_another_command_voids_the_proof_too() -> None:
    transport, drive, end = canned_at_end()
    transport.answers[0x1A] = check(6, 0x2800)
    with pytest.raises(UnitAttention):
        drive.medium()
    with pytest.raises(PositionLost):
        drive.write(b"a", end)


def test_canned_early_warning_is_no_error() -> None:
    transport, drive, end = canned_at_end()
    transport.answers[WRITE] = check(0, 0x0002, flags=0x40)
    drive.write(b"a", end)
    drive.write(b"b", end)
    assert drive.early_warning


def test_canned_locate_and_an_honest_position() -> None:
    long = bytes([0, 0, 0, 0, 0, 0, 0, 0]) + (7).to_bytes(8, "big") + bytes(16)
    transport = Canned({0x92: b"", 0x34: long})
    drive = Drive(transport)
    assert drive.locate(7)
    assert transport.commands[0][4:12] == (7).to_bytes(8, "big")
    drive.believe_position(7)
    assert drive.position() == 7
    drive.believe_position(1)
    assert drive.position() == 7


def test_canned_tape_alerts_and_counters() -> None:
    def page(number: int, parameters: dict[int, bytes]) -> bytes:
        body = b"".join(code.to_bytes(2, "big") + bytes([0, len(value)]) + value for code, value in parameters.items())
        return bytes([number, 0]) + len(body).to_bytes(2, "big") + body

    pages = {
        0x2E: page(0x2E, {3: b"\x01", 4: b"\x00", 20: b"\x01"}),
        0x02: page(2, {3: b"\0\x09", 6: b"\x02"}),
        0x03: page(3, {}),
    }
    drive = Drive(Canned({0x4D: lambda cdb, _sent, _room: pages[cdb[2] & 0x3F]}))
    assert drive.alerts() == [3, 20]
    counters = {"write_corrected": 9, "write_uncorrected": 2, "read_corrected": 0, "read_uncorrected": 0}
    assert drive.error_counters() == counters


def test_canned_write_protected_worm_and_append_only() -> None:
    extension = bytes([0x50, 0x01, 0, 0x1C, 0, 0x02]) + bytes(26)
    worm = bytes([0x1D, 0x02, 0x01, 0x00])

    def sense(cdb: bytes, _sent: bytes, _room: int) -> Reply | bytes | None:
        match cdb[2] & 0x3F, cdb[3]:
            case 0x3F, 0:
                return bytes([11, 0x9C, 0x90, 8, 0x5E]) + bytes(7)
            case 0x1D, 0:
                return bytes([3 + len(worm), 0, 0, 0]) + worm
            case 0x10, 1:
                return bytes([3 + len(extension), 0, 0, 0]) + extension
        return None

    transport = Canned({0x1A: sense, 0x15: b""})
    drive = Drive(transport)
    medium = drive.medium()
    assert (medium.protected, medium.worm, medium.density, medium.append_only) == (True, True, 0x5E, False)
    assert drive.make_append_only()
    assert transport.sent[-1][4:10] == bytes([0x50, 0x01, 0, 0x1C, 0, 0x12])


def test_canned_a_drive_without_buffered_file_marks_gets_plain_ones() -> None:
    transport, drive, end = canned_at_end()
    transport.answers[FILEMARKS] = lambda cdb, _sent, _room: check(5, 0x2400) if cdb[1] & 1 else b""
    drive.write_filemarks(1, end, wait=False)
    drive.write(b"a", end)
    assert [cdb[1] for cdb in transport.commands if cdb[0] == FILEMARKS] == [1, 0]
