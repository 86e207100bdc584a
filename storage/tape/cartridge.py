"""One mounted cartridge: finding its tape files, reading them, and coming to the end of its data. Labels are checked at every stop.

Tape file ``s`` of a volume is three things between file marks: its header labels, its data, its trailer labels. So what begins at file
mark ``3 × (s - 1)`` is header ``s``; what a killed writer left is first closed to that pattern (`volumes`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle

from policies.phrases import phrase
from storage.tape.drive import BLOCK, Drive, EndOfData, Mark
from storage.tape.errors import PositionLost, ScsiError, WrongVolume
from storage.tape.labels import LABEL, BadLabel, FileLabel, Trailer, file_of, trailer_of, volume_id, volume_of
from storage.tape.rows import BundleRow, Volume

__all__ = ["Cartridge", "DataFile", "Leftover"]

HEADER, DATA, TRAILER = 0, 1, 2
LABELS = 4
"""Labels of a header, and of a trailer."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What stands behind the last tape file that is accounted for: ``marks`` file marks, and whether blocks follow the last of them."""

    marks: int
    blocks: bool


class Cartridge:
    """The cartridge of ``volume`` in ``drive``; its VOL1 has been checked by `check_label`."""

    def __init__(self, drive: Drive, volume: Volume, tier_uuid: str) -> None:
        self.drive = drive
        self.volume = volume
        self._tier = tier_uuid
        self._file = -1
        self._epoch = -1
        self._buffer = bytearray(BLOCK)
        self._proof: tuple[int, EndOfData] | None = None

    @property
    def place(self) -> str:
        return f"{self.volume.barcode}"

    # --- where we are -----------------------------------------------------------------------------------------------------

    @property
    def file(self) -> int:
        """The tape file (counted in file marks) in which the tape stands; -1 when that is not known."""
        return self._file if self._epoch == self.drive.epoch else -1

    def is_in(self, file: int) -> None:
        """Remember in which tape file we are now."""
        self._file, self._epoch = file, self.drive.epoch

    def check_label(self) -> None:
        """Rewind and read VOL1. Raises WrongVolume when another cartridge carries this barcode."""
        self.drive.rewind()
        size = self._read()
        try:
            found = volume_of(bytes(self._buffer[:size]) if not isinstance(size, Mark) else b"")
        except BadLabel as error:
            raise WrongVolume(self.place, str(error)) from None
        if found != volume_id(self.volume.barcode):
            raise WrongVolume(self.place, f"VOL1 says {found}")
        self.drive.believe_position(1)
        self.is_in(0)

    def _read(self) -> int | Mark:
        """Read on. A block longer than ours is no block of ours."""
        try:
            return self.drive.read(self._buffer)
        except ScsiError as error:
            if error.sense.length:
                raise WrongVolume(self.place, phrase("tape-block-long")) from error
            raise

    def go_to(self, file: int, address: int | None = None) -> None:
        """Move to the beginning of a tape file (counted in file marks): onwards where it lies ahead, else by LOCATE where the drive has it,
        else from the beginning. Whoever comes there checks the label."""
        here = self.file
        if here >= 0 and file > here:
            self.drive.space_filemarks(file - here)
        elif address is not None and self.drive.position() is not None and self.drive.locate(address):
            pass
        else:
            self.drive.rewind()
            if file:
                self.drive.space_filemarks(file)
        self.is_in(file)

    # --- reading ----------------------------------------------------------------------------------------------------------

    def labels(self) -> list[bytes]:
        """The label blocks up to the next file mark, which is passed. A part of them when the end of the data comes first."""
        found: list[bytes] = []
        file = self.file
        while not isinstance(size := self._read(), Mark):
            if size == LABEL and len(found) < 2 * LABELS:
                found.append(bytes(self._buffer[:size]))
            elif size != LABEL:
                raise WrongVolume(self.place, phrase("tape-block-among-labels", size=size))
        self.is_in(file + 1 if size is Mark.FILEMARK else file)
        return found

    def header(self, sequence: int, address: int | None = None) -> FileLabel:
        """Move to a tape file, read its header labels and check that it is the one (whose volume, whose tier, which sequence); afterwards
        the tape stands before its data.

        Raises:
            WrongVolume: it is not.
        """
        self.go_to(3 * (sequence - 1), address)
        labels = self.labels()
        if sequence == 1:
            labels = labels[1:]
        try:
            found = file_of(labels)
        except BadLabel as error:
            raise WrongVolume(f"{self.place}/{sequence}", str(error)) from None
        if found.sequence != sequence or found.volume_uuid != self.volume.uuid or found.tier_uuid != self._tier:
            reason = phrase("tape-uhl-other", file=found.sequence, volume=found.volume_uuid, tier=found.tier_uuid)
            raise WrongVolume(f"{self.place}/{sequence}", reason)
        return found

    def trailer(self, sequence: int) -> Trailer:
        """The trailer of a tape file. Raises WrongVolume."""
        if self.file != 3 * (sequence - 1) + TRAILER:
            self.go_to(3 * (sequence - 1) + TRAILER)
        try:
            return trailer_of(self.labels())
        except BadLabel as error:
            raise WrongVolume(f"{self.place}/{sequence}", str(error)) from None

    def data(self, bundle: BundleRow, *, hashing: bool = False) -> DataFile:
        """Open the data of a tape file: its header is read and checked against the register. Raises WrongVolume."""
        found = self.header(bundle.sequence, bundle.address)
        if found.uuid != bundle.uuid or found.number != bundle.number:
            raise WrongVolume(f"{self.place}/{bundle.sequence}", phrase("tape-uhl1-bundle", uuid=found.uuid, number=found.number))
        return DataFile(self, bundle, hashing=hashing)

    # --- the end ----------------------------------------------------------------------------------------------------------

    def to_end(self, last: BundleRow) -> tuple[Leftover, EndOfData]:
        """Come to the end of the data behind ``last``, the last tape file that is accounted for, whose trailer is checked on the way.

        Where that was just done (the group before was read back) and nothing happened since, nothing is moved.

        Raises:
            WrongVolume: the trailer is not there or not its own: somebody else wrote on this cartridge, or it lost data.
        """
        if self._proof is not None and self._proof[0] == last.sequence and self._proof[1].epoch == self.drive.epoch:
            return Leftover(0, blocks=False), self._proof[1]
        self.go_to(3 * (last.sequence - 1) + TRAILER)
        labels = self.labels()
        if last.counted:
            try:
                trailer = trailer_of(labels)
            except BadLabel as error:
                raise WrongVolume(f"{self.place}/{last.sequence}", phrase("tape-last-trailer", why=str(error))) from None
            if (trailer.uuid, trailer.blocks, trailer.sha256) != (last.uuid, last.blocks, last.sha256):
                raise WrongVolume(f"{self.place}/{last.sequence}", phrase("tape-last-trailer-other"))
        elif len(labels) < LABELS:
            raise WrongVolume(f"{self.place}/{last.sequence}", phrase("tape-no-last-trailer"))
        if self.file != 3 * last.sequence:
            raise WrongVolume(f"{self.place}/{last.sequence}", phrase("tape-no-last-mark"))
        marks, blocks = 0, False
        # By reading, not by spacing: a drive may not tell whether SPACE met a file mark or the end.
        while (found := self._read()) is not Mark.END:
            marks, blocks = (marks + 1, False) if found is Mark.FILEMARK else (marks, True)
        end = self.drive.confirm_end()
        self.is_in(3 * last.sequence + marks)
        return Leftover(marks, blocks), end

    def confirm_end(self, sequence: int) -> None:
        """Check that the data ends behind the tape file ``sequence``, whose trailer was just read. Raises PositionLost."""
        if self.file != 3 * sequence:
            raise PositionLost(self.place, phrase("tape-wrong-file", found=self.file, expected=3 * sequence))
        self._proof = sequence, self.drive.confirm_end()
        self.is_in(3 * sequence)


class DataFile:
    """The data of one tape file, read forwards. ``at`` is the offset of the next byte."""

    def __init__(self, cartridge: Cartridge, bundle: BundleRow, *, hashing: bool = False) -> None:
        self._cartridge = cartridge
        self.bundle = bundle
        self.at = 0
        self._rest = memoryview(b"")
        self._block = 0
        self._ended = False
        self._hasher = hashlib.sha256() if hashing else None

    def finish(self) -> bytes:
        """Read to the end; the SHA-256 of everything. Only of data that was opened for hashing, and read without skipping."""
        assert self._hasher is not None
        self._rest = memoryview(b"")
        buffers = cycle([bytearray(self.bundle.block) for _ in range(3)])
        with ThreadPoolExecutor(1, "hash") as pool:
            hashing: Future[None] | None = None
            while not self._ended:  # reading goes on while the block before is hashed
                buffer = next(buffers)
                size = self._next(buffer)
                if hashing is not None:
                    hashing.result()
                hashing = pool.submit(self._hasher.update, memoryview(buffer)[:size])
            if hashing is not None:
                hashing.result()
        self.at = self._block * self.bundle.block
        return self._hasher.digest()

    def _next(self, buffer: bytearray) -> int:
        """Read the next block; 0 at the end."""
        size = self._cartridge.drive.read(buffer)
        self._cartridge.is_in(3 * (self.bundle.sequence - 1) + (TRAILER if size is Mark.FILEMARK else DATA))
        if isinstance(size, Mark):
            self._ended = True
            return 0
        self._block += 1
        return size

    def skip_to(self, offset: int) -> None:
        """Move on to the block that holds ``offset``, and to it. Going back is an error of ours."""
        assert offset >= self.at, "tape is read forwards"
        target = offset // self.bundle.block
        if target > self._block and not self._ended:
            # A drive that stops at the file mark stands on one of its sides: which one is not asked, what follows is found anew.
            self._ended = not self._cartridge.drive.space_blocks(target - self._block)
            self._cartridge.is_in(-1 if self._ended else 3 * (self.bundle.sequence - 1) + DATA)
            self._block, self._rest = target, memoryview(b"")
            self.at = target * self.bundle.block
        while self.at < offset and self._advance(offset - self.at):
            pass

    def _advance(self, most: int) -> memoryview:
        """At most so many of the next bytes; none at the end."""
        if not self._rest and not self._ended:
            buffer = bytearray(self.bundle.block)
            self._rest = memoryview(buffer)[: self._next(buffer)]
            if self._hasher is not None:
                self._hasher.update(self._rest)
        piece = self._rest[:most]
        self._rest = self._rest[len(piece) :]
        self.at += len(piece)
        return piece

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes; fewer when the data ends before. Raises MediumError where they cannot be read."""
        while size and (piece := self._advance(size)):
            size -= len(piece)
            yield piece

    def step_over(self) -> None:
        """After a MediumError: come to the block behind the one that could not be read.

        Raises PositionLost, MediumError when that does not work.
        """
        bad = self._block
        self._cartridge.data(self.bundle)
        self._cartridge.drive.space_blocks(bad + 1)
        self._cartridge.is_in(3 * (self.bundle.sequence - 1) + DATA)
        self._block, self._rest = bad + 1, memoryview(b"")
        self.at = self._block * self.bundle.block
