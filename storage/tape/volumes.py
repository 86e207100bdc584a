"""Writing groups of tape files to a cartridge: the only way by which anything comes onto a tape.

A group is several tape files with buffered file marks between them, so that the drive need not stop, and **one** file mark at the end
that waits until all is on the medium. Then everything is read back; only what was read back may be counted. Anything that happens in
between (a unit attention, a deferred error, no answer) voids the whole group: nothing of it is counted, and the next writer finds
the end of the data anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policies.phrases import phrase
from storage.errors import Unavailable
from storage.tape.cartridge import Cartridge, Leftover
from storage.tape.drive import BLOCK, Drive, EndOfData, Mark
from storage.tape.errors import EndOfMedium, PositionLost, WriteProtected, WrongVolume
from storage.tape.labels import FileLabel, Trailer, header_labels, trailer_labels, void_trailer, volume_id, volume_label
from storage.tape.rows import BundleRow
from storage.tape.streaming import Stream

__all__ = ["Content", "Group", "NewFile", "Outgoing", "TapeFull", "begin_volume", "is_blank", "void_row", "write_group"]

Content = Callable[[Stream], None]
"""Puts the bytes of a tape file into a stream; their sum is a multiple of the block."""


class _NearEnd(Exception):
    """The end of the medium comes near: the rest is not written."""


class TapeFull(Unavailable):
    """The cartridge took no more, before a group was on it: nothing of the group is on this cartridge."""

    def __init__(self, volume: str) -> None:
        super().__init__(volume, phrase("tape-full"))


@dataclass(slots=True)
class Group:
    """What became of a group: ``written`` are the rows of the tape files that were read back, to be counted when they are entered;
    ``void`` those that hold nothing; ``left`` how many of the files did not fit; ``full``: this cartridge is not written again."""

    written: list[BundleRow]
    void: list[BundleRow]
    left: int = 0
    full: bool = False


class Outgoing(Protocol):
    """One bundle that is to be brought onto a tape. ``size`` is about how large it will be, ``largest`` how large
    the largest part in it."""

    @property
    def size(self) -> int: ...
    @property
    def largest(self) -> int: ...
    @property
    def file(self) -> NewFile: ...

    def enter(self, row: BundleRow) -> object:
        """Enter it into the register: it was read back. Inside a transaction."""
        ...


@dataclass(frozen=True, slots=True)
class NewFile:
    """One tape file to be written; its place on the volume is not known yet."""

    kind: str
    number: int
    uuid: str
    created: datetime
    content: Content


def void_row(volume: str, sequence: int) -> BundleRow:
    """The register's row of a tape file that holds nothing."""
    return BundleRow(volume, sequence, 0, "", "-", counted=False, size=0, blocks=0, sha256=b"", created="", block=BLOCK)


def close_leftover(cartridge: Cartridge, left: Leftover, end: EndOfData, sequence: int, now: datetime) -> list[BundleRow]:
    """Bring what a killed writer left to whole tape files (header, data, trailer, each ended by a file mark), so that the pattern of
    file marks holds; returns their rows. Nothing is overwritten: what is there stays, and is not counted.

    ``sequence`` is that of the first tape file behind the last that is accounted for.
    """
    files, stage = divmod(left.marks, 3)
    if stage or left.blocks:
        drive = cartridge.drive
        for _ in range(stage, 2):
            drive.write_filemarks(1, end, wait=False)
        for label in void_trailer(volume_id(cartridge.volume.barcode), sequence + files, now):
            drive.write(label, end)
        drive.write_filemarks(1, end, wait=True)
        files += 1
        cartridge.is_in(3 * (sequence + files - 1))
    return [void_row(cartridge.volume.barcode, sequence + number) for number in range(files)]


def check_writable(cartridge: Cartridge) -> None:
    """Raises WriteProtected."""
    if cartridge.drive.medium().protected:
        raise WriteProtected(cartridge.volume.barcode, phrase("tape-write-protect"))


def is_blank(cartridge: Cartridge) -> bool:
    """Whether nothing stands on a cartridge; of one that cannot be read nothing is believed."""
    cartridge.drive.rewind()
    try:
        return cartridge.drive.read(bytearray(BLOCK)) is Mark.END
    except Unavailable:
        return False


def begin_volume(cartridge: Cartridge, tier_uuid: str, owner: str, about: NewFile) -> Group:
    """Make a blank cartridge a volume: VOL1, and the first tape file, which tells about it. Where all that stands on it is the beginning
    of just this (whoever wrote that was killed), the rest is written behind it.

    Raises:
        Refused (WriteProtected): it is not blank, or may not be written.
    """
    drive = cartridge.drive
    check_writable(cartridge)
    label = _file_label(cartridge, tier_uuid, 1, about)
    blocks: list[bytes] = []
    with Stream(lambda block: blocks.append(bytes(block))) as stream:
        about.content(stream)
    trailer = Trailer(about.uuid, len(blocks), len(blocks) * BLOCK, stream.digest)
    labels = [volume_label(label.volume, owner), *header_labels(label)]
    planned: list[bytes | Mark] = [*labels, Mark.FILEMARK, *blocks, Mark.FILEMARK, *trailer_labels(label, trailer), Mark.FILEMARK]
    drive.rewind()
    try:
        begun = _begun(drive, planned)
        end = drive.confirm_end()
    except Unavailable as error:
        raise WriteProtected(
            cartridge.volume.barcode, phrase("tape-not-blank", why=error.finding.args.get("reason", ""))
        ) from error
    drive.make_append_only()
    for number, each in enumerate(planned[begun:], begun + 1):
        if isinstance(each, Mark):
            drive.write_filemarks(1, end, wait=number == len(planned))
        else:
            drive.write(each, end)
    cartridge.is_in(-1)
    group = Group([_row(cartridge, label, trailer)], [], full=drive.early_warning)
    _read_back(cartridge, group)
    return group


def _begun(drive: Drive, planned: Sequence[bytes | Mark]) -> int:
    """How many of the first things of ``planned`` are all that stands on the cartridge; the tape stands behind them, unless more does.

    Raises PositionLost: what stands there is something else.
    """
    buffer = bytearray(BLOCK)
    for number, each in enumerate(planned):
        found = drive.read(buffer)
        if found is Mark.END:
            return number
        if each != (found if isinstance(found, Mark) else bytes(memoryview(buffer)[:found])):
            raise PositionLost(drive.name, phrase("tape-not-at-end"))
    return len(planned)


def write_group(cartridge: Cartridge, tier_uuid: str, last: BundleRow, files: Sequence[NewFile], now: datetime) -> Group:
    """Append tape files behind ``last``, synchronise, and read back labels, bytes and trailers. The caller may look at the content again
    while it holds the same cartridge; what it counts must be among ``written``.

    Raises:
        TapeFull: nothing of it is on this cartridge, which can take no more.
        WrongVolume: what is on the cartridge is not what must be; or what was read back is not what was written.
        Unavailable: the group is void.
    """
    check_writable(cartridge)
    cartridge.drive.make_append_only()
    left, end = cartridge.to_end(last)
    voided = close_leftover(cartridge, left, end, last.sequence + 1, now)
    try:
        group = _write(cartridge, tier_uuid, end, last.sequence + 1 + len(voided), files)
    except EndOfMedium as error:
        raise TapeFull(cartridge.volume.barcode) from error
    group.void = voided + group.void
    return group


def _write(cartridge: Cartridge, tier_uuid: str, end: EndOfData, sequence: int, files: Sequence[NewFile]) -> Group:
    group = Group([], [])
    drive = cartridge.drive
    for number, file in enumerate(files):
        label = _file_label(cartridge, tier_uuid, sequence + number, file)
        row = _write_file(cartridge, end, label, file, last=number == len(files) - 1)
        if row.counted:
            group.written.append(row)
        else:
            group.void.append(row)
        if drive.early_warning:
            group.full, group.left = True, len(files) - len(group.written)
            break
    if drive.early_warning:
        drive.write_filemarks(0, end, wait=True)  # writes none: waits for the drive's buffer
    cartridge.is_in(-1)
    _read_back(cartridge, group)
    return group


def _file_label(cartridge: Cartridge, tier_uuid: str, sequence: int, file: NewFile) -> FileLabel:
    volume = cartridge.volume
    return FileLabel(
        volume_id(volume.barcode), volume.uuid, tier_uuid, sequence, file.number, file.kind, file.uuid, BLOCK, file.created
    )


def _write_file(cartridge: Cartridge, end: EndOfData, label: FileLabel, file: NewFile, *, last: bool) -> BundleRow:
    """One tape file into the drive's buffer. Not counted, and closed as void, when the end of the medium comes near before its data is
    whole: it goes to the next cartridge as a whole."""
    drive = cartridge.drive
    address = drive.position()
    for each in header_labels(label):
        drive.write(each, end)
    drive.write_filemarks(1, end, wait=False)
    count = 0

    def write(block: bytearray) -> None:
        nonlocal count
        if drive.early_warning:
            raise _NearEnd
        drive.write(block, end)
        count += 1

    with contextlib.suppress(_NearEnd), Stream(write) as stream:
        file.content(stream)
        assert not stream.offset % BLOCK, "a tape file ends with a whole block"
    whole = not drive.early_warning
    drive.write_filemarks(1, end, wait=False)
    trailer = Trailer(file.uuid, count, count * BLOCK, stream.digest)
    labels = trailer_labels(label, trailer) if whole else void_trailer(label.volume, label.sequence, label.created)
    for each in labels:
        drive.write(each, end)
    drive.write_filemarks(1, end, wait=last or drive.early_warning)
    if not whole:
        return void_row(cartridge.volume.barcode, label.sequence)
    return _row(cartridge, label, trailer, address)


def _row(cartridge: Cartridge, label: FileLabel, trailer: Trailer, address: int | None = None) -> BundleRow:
    """The register's row of a whole tape file."""
    return BundleRow(
        cartridge.volume.barcode,
        label.sequence,
        label.number,
        label.uuid,
        label.kind,
        counted=True,
        size=trailer.size,
        blocks=trailer.blocks,
        sha256=trailer.sha256,
        created=label.created.isoformat(),
        block=BLOCK,
        address=address,
    )


def _read_back(cartridge: Cartridge, group: Group) -> None:
    """Read everything again from the medium: header, every byte, trailer, and that the data ends there. Raises WrongVolume, Unavailable."""
    for row in group.written:
        digest = cartridge.data(row, hashing=True).finish()
        trailer = cartridge.trailer(row.sequence)
        if digest != row.sha256 or trailer != Trailer(row.uuid, row.blocks, row.size, row.sha256):
            raise WrongVolume(f"{cartridge.place}/{row.sequence}", phrase("tape-read-back"))
    last = max((row.sequence for row in (*group.written, *group.void)), default=0)
    if group.void:
        cartridge.go_to(3 * last)
    cartridge.confirm_end(last)
