"""The drive: blocks, file marks and positions on one loaded cartridge (SSC-4), and the one rule that keeps records from harm:

**No block is written but with an `EndOfData`**: a proof, made by reading, that the tape stands behind its last block. Every event that
may have moved the tape (a unit attention, a deferred or transport error, any positioning, any reading) makes all proofs stale.
After a reset a drive stands at the beginning, and the next WRITE would destroy the cartridge.
"""

from __future__ import annotations

import contextlib
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

from policies.phrases import phrase
from storage.errors import StorageError
from storage.tape.device import LONG, MODE_SELECT_6, MODE_SENSE_6, Device, Identity
from storage.tape.errors import IllegalRequest, NotReady, PositionLost, ScsiError, TransportError, UnitAttention
from storage.tape.protection import ADDED, checked, guarded, switch
from storage.tape.sense import Key, Sense
from storage.tape.transport import ScsiTransport

__all__ = ["BLOCK", "Drive", "EndOfData", "Mark", "Medium"]

REWIND, READ_6, WRITE_6, WRITE_FILEMARKS, SPACE_6, LOAD = 0x01, 0x08, 0x0A, 0x10, 0x11, 0x1B
READ_POSITION, LOCATE_16, READ_BLOCK_LIMITS = 0x34, 0x92, 0x05

BLOCK = 256 * 1024
"""Bytes of a data block: what large archives use; every drive since LTO-1 takes it, and drives stream at it."""

_BLOCKS, _FILEMARKS, _END = 0, 1, 3
"""What SPACE counts."""

_MOST_SPACE = 0x7FFFFF
"""SPACE(6) counts in 24 bits, one of them the sign."""

LOADING = 600.0
"""Seconds for a cartridge to become ready: threading and calibration take minutes on some generations."""


class Mark(enum.Enum):
    """What was read instead of a block."""

    FILEMARK = "file mark"
    END = "end of data"


@dataclass(frozen=True, slots=True)
class EndOfData:
    """A proof that the tape stands at the end of its data; good as long as nothing happened since. Made by `Drive.confirm_end`."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Medium:
    """What the drive says of the loaded cartridge. ``worm`` and ``append_only`` None: the drive does not tell, or does not have it."""

    protected: bool
    density: int
    worm: bool | None
    append_only: bool | None


class Drive:
    """One tape drive. ``sleep`` and ``clock`` are for waiting until a cartridge is ready."""

    def __init__(
        self,
        transport: ScsiTransport,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = Device(transport, self._happened)
        self._sleep, self._clock = sleep, clock
        self._epoch = 0
        self._guards: bool | None = None
        self._locates: bool | None = None
        self._tells: bool | None = None
        self.name = transport.name
        self.early_warning = False
        """Whether the end of the medium came near since the cartridge was loaded."""

    # --- what happened ----------------------------------------------------------------------------------------------------

    def _happened(self, error: StorageError) -> None:
        """Any error at all: whatever was known of the position is not known any more."""
        if not isinstance(error, IllegalRequest):  # a command that is not known was not begun
            self._epoch += 1
        if isinstance(error, (UnitAttention, NotReady, TransportError)):
            self._guards = None  # a reset takes the settings of the drive back

    @property
    def epoch(self) -> int:
        """Changes with every event after which the position may be another one."""
        return self._epoch

    # --- cartridges -------------------------------------------------------------------------------------------------------

    def greet(self) -> None:
        """Clear what waits for a new initiator; no cartridge is fine."""
        try:
            self._device.greet()
        except NotReady:
            return

    def ready(self) -> None:
        """Whether the cartridge is still there; attentions that wait are read away (and make proofs stale). Raises NotReady."""
        self._device.greet()

    def identity(self) -> Identity:
        return self._device.identity()

    def load(self) -> None:
        """Wait until the cartridge that was put in is ready, at its beginning, for blocks of any length.

        Raises NotReady when it is not within `LOADING` seconds.
        """
        until = self._clock() + LOADING
        asked = False
        while True:
            try:
                self._device.greet()
                if asked:
                    break
                self._device.command("LOAD", bytes([LOAD, 0, 0, 0, 1, 0]), timeout=LONG)
                asked = True
            except (NotReady, UnitAttention):
                if self._clock() > until:
                    raise
                self._sleep(0.5)
        self._epoch += 1
        self.early_warning = False
        self._device.command(
            "MODE SELECT", bytes([MODE_SELECT_6, 0x10, 0, 0, 12, 0]), send=bytes([0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0])
        )  # buffered mode 1; the current density; block length 0: each block as long as it is

    def unload(self) -> None:
        """Rewind and let the cartridge go, and the drive as it was found."""
        self._epoch += 1
        if self._guards is not False:
            with contextlib.suppress(StorageError):  # a cartridge is let go whatever its drive thinks of blocks
                switch(self._device, on=False)
            self._guards = None
        self._device.command("UNLOAD", bytes([LOAD, 0, 0, 0, 0, 0]), timeout=LONG)

    def medium(self) -> Medium:
        """What the drive says of the cartridge."""
        header = self._device.ask("MODE SENSE", bytes([MODE_SENSE_6, 0, 0x3F, 0, 252, 0]), 252).ljust(12, b"\0")
        worm = self._device.mode_page(0x1D)
        extension = self._device.mode_page(0x10, 0x01)
        return Medium(
            protected=bool(header[2] & 0x80),
            density=header[4] if header[3] >= 8 else 0,
            worm=bool(worm[2] & 0x01) if worm and len(worm) > 2 else None,
            append_only=(extension[5] >> 4) == 1 if extension and extension[0] & 0x40 and len(extension) > 5 else None,
        )

    def make_append_only(self) -> bool:
        """Ask the drive itself to refuse every write that is not at the end of the data (SSC-4 §4.2.21); False where it cannot."""
        page = self._device.mode_page(0x10, 0x01)
        if page is None or not page[0] & 0x40 or len(page) < 6:
            return False
        page = bytes([page[0] & 0x7F, *page[1:5], (page[5] & 0x0F) | 0x10, *page[6:]])
        data = bytes([0, 0, 0x10, 0]) + page
        try:
            self._device.command("MODE SELECT append-only", bytes([MODE_SELECT_6, 0x10, 0, 0, len(data), 0]), send=data)
        except IllegalRequest:
            return False
        return True

    # --- positions --------------------------------------------------------------------------------------------------------

    def rewind(self) -> None:
        self._epoch += 1
        self._device.command("REWIND", bytes([REWIND, 0, 0, 0, 0, 0]), timeout=LONG)

    def space_filemarks(self, count: int) -> bool:
        """Move forward over ``count`` file marks; False: the end of the data came first, and there it stands. Where it stands has
        to be read: tgt says yes at the end of the data, too. (Never backwards: it does not stop where it should.)"""
        return self._space(_FILEMARKS, count)

    def space_blocks(self, count: int) -> bool:
        """Move forward over ``count`` blocks of one tape file; False: a file mark or the end of the data came first, and was told of."""
        return self._space(_BLOCKS, count)

    def space_to_end(self) -> None:
        """Move behind the last block."""
        self._space(_END, 0)

    def _space(self, what: int, count: int) -> bool:
        self._epoch += 1
        while True:
            step = min(count, _MOST_SPACE)
            cdb = bytes([SPACE_6, what, *step.to_bytes(3, "big"), 0])
            try:
                _, sense = self._device.command("SPACE", cdb, timeout=LONG)
            except ScsiError as error:
                if error.sense.key == Key.BLANK:
                    return False
                raise
            if sense.filemark and what == _BLOCKS:
                return False
            count -= step
            if not count:
                return True

    def locate(self, block: int) -> bool:
        """Move to a logical block by LOCATE(16); False where the drive does not have it (nothing moved)."""
        if self._locates is False:
            return False
        self._epoch += 1
        try:
            self._device.command("LOCATE", bytes([LOCATE_16, 0, 0, 0, *block.to_bytes(8, "big"), 0, 0, 0, 0]), timeout=LONG)
        except IllegalRequest:
            self._locates = False
            return False
        self._locates = True
        return True

    def position(self) -> int | None:
        """The logical block the tape stands before; None where the drive does not tell, or not truly (see `believe_position`)."""
        return self._told_position() if self._tells else None

    def believe_position(self, after_block: int) -> None:
        """Hold what the drive says against what must be so now; a drive that says otherwise is not asked again."""
        if self._tells is None:
            self._tells = self._told_position() == after_block

    def _told_position(self) -> int | None:
        data = self._device.offered("READ POSITION", bytes([READ_POSITION, 6, 0, 0, 0, 0, 0, 0, 0, 0]), 32)
        if data is None or len(data) < 32 or data[0] & 0x0C:  # long form; bits 2, 3: position unknown
            return None
        return int.from_bytes(data[8:16], "big")

    # --- blocks -----------------------------------------------------------------------------------------------------------

    def is_guarded(self) -> bool:
        """Whether each block goes to the drive and comes from it with a value to check it by; switched on where the drive has that."""
        if self._guards is None:
            self._guards = switch(self._device, on=True)
        return self._guards

    def read(self, buffer: bytearray) -> int | Mark:
        """Read the next block into ``buffer``: its length; or what came instead of one.

        Raises:
            MediumError: it could not be read. ScsiError: it is longer than the buffer. TransportError: it was changed on the way.
        """
        if not self.is_guarded():
            return self._read(buffer, len(buffer))
        room = bytearray(len(buffer) + ADDED)
        size = self._read(room, len(buffer))
        if isinstance(size, Mark):
            return size
        try:
            block = checked(self.name, bytes(memoryview(room)[:size]))
        except TransportError as error:
            self._happened(error)
            raise
        buffer[: len(block)] = block
        return len(block)

    def _read(self, buffer: bytearray, most: int) -> int | Mark:
        self._epoch += 1
        cdb = bytes([READ_6, 0, *len(buffer).to_bytes(3, "big"), 0])
        try:
            reply, sense = self._device.command("READ", cdb, receive=buffer, timeout=LONG)
        except ScsiError as error:
            if error.sense.key == Key.BLANK:
                return Mark.END
            raise
        if sense.filemark:
            return Mark.FILEMARK
        if sense.length and sense.information is not None:
            if sense.information < 0:
                raise ScsiError(self.name, "READ", sense, phrase("tape-block-longer", most=most))
            return len(buffer) - sense.information
        return reply.received

    def confirm_end(self) -> EndOfData:
        """Prove, by reading, that the tape stands at the end of its data.

        Raises PositionLost when something can be read there.
        """
        found = self.read(bytearray(BLOCK))
        if found is not Mark.END:
            raise PositionLost(self.name, phrase("tape-not-at-end"))
        return EndOfData(self._epoch)

    def write(self, block: bytes | bytearray, end: EndOfData) -> None:
        """Append a block (into the drive's buffer: it is on the medium only after `write_filemarks` that waits).

        Raises:
            PositionLost: something happened since ``end`` was proven; nothing was written.
            EndOfMedium: it was not written, nothing more can be.
        """
        self._check(end)
        if self.is_guarded():
            block = guarded(block)
        _, sense = self._device.command("WRITE", bytes([WRITE_6, 0, *len(block).to_bytes(3, "big"), 0]), send=block, timeout=LONG)
        self._warned(sense)

    def write_filemarks(self, count: int, end: EndOfData, *, wait: bool) -> None:
        """Append file marks. ``wait``: return when all that was written is on the medium (a synchronising file mark); else they go
        into the buffer like blocks, and the drive need not stop."""
        self._check(end)
        cdb = bytes([WRITE_FILEMARKS, 0 if wait else 1, *count.to_bytes(3, "big"), 0])
        try:
            _, sense = self._device.command("WRITE FILEMARKS", cdb, timeout=LONG)
        except IllegalRequest:
            if wait:
                raise
            cdb = bytes([WRITE_FILEMARKS, 0, *count.to_bytes(3, "big"), 0])  # a drive without the buffered kind
            _, sense = self._device.command("WRITE FILEMARKS", cdb, timeout=LONG)
        self._warned(sense)

    def _check(self, end: EndOfData) -> None:
        if end.epoch != self._epoch:
            raise PositionLost(self.name, phrase("tape-end-unsure"))

    def _warned(self, sense: Sense) -> None:
        if sense.end:
            self.early_warning = True

    # --- what the drive tells of itself -----------------------------------------------------------------------------------

    def alerts(self) -> list[int] | None:
        """The TapeAlert flags that are set (SSC-4 annex A); None where the drive has none. Reading clears them in the drive."""
        page = self._device.log_page(0x2E)
        return None if page is None else sorted(code for code, value in page.items() if value and value[-1] & 1)

    def error_counters(self) -> dict[str, int] | None:
        """Corrected and uncorrected errors of writing and reading since power on; None where the drive does not count."""
        found: dict[str, int] = {}
        for name, number in (("write", 0x02), ("read", 0x03)):
            page = self._device.log_page(number)
            if page is not None:
                found[f"{name}_corrected"] = int.from_bytes(page.get(3, b""), "big")
                found[f"{name}_uncorrected"] = int.from_bytes(page.get(6, b""), "big")
        return found or None

    def largest_block(self) -> int:
        """Bytes of the largest block that the drive takes."""
        data = self._device.ask("READ BLOCK LIMITS", bytes([READ_BLOCK_LIMITS, 0, 0, 0, 0, 0]), 6).ljust(6, b"\0")
        return int.from_bytes(data[1:4], "big")

    def close(self) -> None:
        self._device.close()
