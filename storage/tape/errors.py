"""The errors of tape, below those of storage: what a device could not do says nothing of the bytes; what it may not do is Refused.

Unavailable
├── ScsiError             a device answered with an error; by its sense key:
│   ├── NotReady          no cartridge, becoming ready, somebody has to help
│   ├── MediumError       these bytes could not be read, or not be written
│   ├── IllegalRequest    the device does not know the command, or cannot do it now
│   ├── UnitAttention     something happened that voids what was known: a reset, another cartridge, other settings
│   ├── DeferredError     an *earlier* command failed after it was answered with good
│   ├── EndOfMedium       nothing more can be written (volume overflow)
│   └── Busy              busy, or reserved by another: the command was not done
├── TransportError        no answer: the command may have been done, or not
├── PositionLost          where the tape stands is not known (any more), so nothing may be written
├── NoCartridge           a cartridge that is needed is not in the library (MediumAway, Cold)
├── NoRoom                no cartridge of this pool has room
└── LibraryBusy           another process is using the library, or all drives are in use
Refused
└── WriteProtected        the cartridge may not be written
Damaged
└── WrongVolume           a label is not what it must be at this place
"""

from __future__ import annotations

from policies.findings import KhoError
from policies.phrases import phrase
from storage.errors import Cold, Damaged, MediumAway, Refused, Unavailable
from storage.tape.sense import Key, Sense

__all__ = [
    "Busy",
    "DeferredError",
    "EndOfMedium",
    "IllegalRequest",
    "LibraryBusy",
    "MediumError",
    "NoCartridge",
    "NoRoom",
    "NotReady",
    "PositionLost",
    "ScsiError",
    "TransportError",
    "UnitAttention",
    "WriteProtected",
    "WrongVolume",
    "error_of",
]

GOOD, BUSY, CONFLICT, FULL = 0x00, 0x08, 0x18, 0x28
"""Status bytes (SAM-5 §5.3): good, busy, reservation conflict, task set full. 0x02 is check condition: the sense tells."""


class ScsiError(Unavailable):
    def __init__(self, device: str, command: str, sense: Sense, reason: str = "") -> None:
        KhoError.__init__(self, "TAPE-SCSI", device, command=command, reason=reason or sense.words)
        self.sense = sense


class NotReady(ScsiError): ...


class MediumError(ScsiError): ...


class IllegalRequest(ScsiError): ...


class UnitAttention(ScsiError): ...


class DeferredError(ScsiError): ...


class EndOfMedium(ScsiError): ...


class Busy(ScsiError): ...


class TransportError(Unavailable):
    def __init__(self, device: str, reason: str) -> None:
        KhoError.__init__(self, "TAPE-TRANSPORT", device, reason=reason)


class PositionLost(Unavailable):
    def __init__(self, device: str, reason: str) -> None:
        KhoError.__init__(self, "TAPE-POSITION", device, reason=reason)


class NoCartridge(MediumAway, Cold):
    """``finding.path`` is its barcode."""

    def __init__(self, volume: str, reason: str) -> None:
        KhoError.__init__(self, "TAPE-NO-CARTRIDGE", volume, reason=reason)


class NoRoom(Unavailable):
    def __init__(self, pool: str) -> None:
        KhoError.__init__(self, "TAPE-NO-ROOM", pool)


class LibraryBusy(Unavailable):
    def __init__(self, device: str, reason: str) -> None:
        KhoError.__init__(self, "TAPE-BUSY", device, reason=reason)


class WriteProtected(Refused):
    def __init__(self, volume: str, reason: str) -> None:
        KhoError.__init__(self, "TAPE-PROTECTED", volume, reason=reason)


class WrongVolume(Damaged):
    def __init__(self, place: str, reason: str) -> None:
        KhoError.__init__(self, "TAPE-LABEL", place, reason=reason)


_BY_KEY: dict[int, type[ScsiError]] = {
    Key.NOT_READY: NotReady,
    Key.MEDIUM: MediumError,
    Key.ILLEGAL: IllegalRequest,
    Key.ATTENTION: UnitAttention,
    Key.OVERFLOW: EndOfMedium,
}


def error_of(device: str, command: str, status: int, sense: Sense) -> Unavailable | Refused | None:
    """The error that an answer means; None when the command succeeded, be it with something to tell (file mark, early warning)."""
    if status in (BUSY, CONFLICT, FULL):
        return Busy(device, command, sense, phrase("tape-reserved") if status == CONFLICT else phrase("tape-busy-or-reserved"))
    if status == GOOD or (status == 0x02 and not sense.is_error):
        return None
    if sense.deferred:
        return DeferredError(device, command, sense)
    if sense.key == Key.PROTECT:
        return WriteProtected(device, sense.words)
    reason = "" if status == 0x02 else phrase("tape-status", status=f"{status:02X}")
    return _BY_KEY.get(sense.key, ScsiError)(device, command, sense, reason)
