"""The changer: what lies where in a library, and moving it (SMC-3).

Element status is asked for each kind of element by itself, never for all at once: at least one target (tgt 1.0.85) dies of that.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies.phrases import phrase
from storage.tape.device import LONG, Device, Identity
from storage.tape.errors import NoCartridge
from storage.tape.transport import ScsiTransport

__all__ = ["Changer", "Element", "Kind", "is_cleaning", "loadable"]

READ_ELEMENT_STATUS, MOVE_MEDIUM, INITIALIZE_ELEMENT_STATUS, PREVENT_REMOVAL = 0xB8, 0xA5, 0x07, 0x1E

SHORTEST = 12
"""Bytes of a descriptor without volume tags and identifiers."""

ALLOCATION = 0x40000
"""Bytes for one kind of element: five thousand slots of 52 bytes."""


class Kind(enum.IntEnum):
    """Kinds of element (SMC-3 table 10)."""

    ARM = 1
    SLOT = 2
    MAIL_SLOT = 3
    DRIVE = 4


@dataclass(frozen=True, slots=True)
class Element:
    """One place for a cartridge. ``source`` is where what lies in it came from; ``barcode`` is "" without one; ``serial`` is the
    drive's, where the changer tells; ``exception`` is the code of what is wrong with it (0: nothing)."""

    kind: Kind
    address: int
    full: bool
    barcode: str = ""
    source: int | None = None
    serial: str = ""
    exception: int = 0


def is_cleaning(barcode: str) -> bool:
    """Whether a barcode is that of a cleaning cartridge: never loaded as data, never labelled (LTO: "CLN" and "CU")."""
    return barcode.upper().startswith("CLN") or barcode.upper()[6:7] == "C" or barcode.upper().startswith("CU")


class Changer:
    """One medium changer."""

    def __init__(self, transport: ScsiTransport) -> None:
        self._device = Device(transport)
        self.name = transport.name

    def greet(self) -> None:
        """Clear what waits for a new initiator. Raises Unavailable when it cannot work."""
        self._device.greet()

    def identity(self) -> Identity:
        return self._device.identity()

    def elements(self) -> list[Element]:
        """Everything, by kind and address, as the changer knows it now."""
        return [element for kind in Kind for element in self.elements_of(kind)]

    def elements_of(self, kind: Kind) -> list[Element]:
        """The elements of one kind."""
        for serials in (1, 0) if kind is Kind.DRIVE else (0,):
            size = ALLOCATION.to_bytes(3, "big")
            cdb = bytes([READ_ELEMENT_STATUS, 0x10 | kind, 0, 0, 0xFF, 0xFF, serials, *size, 0, 0])
            data = self._device.offered("READ ELEMENT STATUS", cdb, ALLOCATION)
            if data is not None:
                return list(_elements(data))
        return []

    def move(self, source: int, destination: int) -> None:
        """Move what lies in ``source`` (an element address) to ``destination``.

        Raises:
            NoCartridge: nothing lies there, or something lies in the destination already: the changer's answer says which.
            Unavailable: it could not be done.
        """
        arm = bytes(2)  # 0: the default transport element
        cdb = bytes([MOVE_MEDIUM, 0, *arm, *source.to_bytes(2, "big"), *destination.to_bytes(2, "big"), 0, 0, 0, 0])
        self._device.command("MOVE MEDIUM", cdb, timeout=LONG)

    def rescan(self) -> None:
        """Let the changer look into all its places (minutes on a large library)."""
        self._device.command("INITIALIZE ELEMENT STATUS", bytes([INITIALIZE_ELEMENT_STATUS, 0, 0, 0, 0, 0]), timeout=LONG)

    def find(self, barcode: str) -> Element:
        """Where a cartridge lies. Raises NoCartridge when the changer does not know it."""
        for element in self.elements():
            if element.full and element.barcode == barcode:
                return element
        raise NoCartridge(barcode, phrase("not-in-library"))

    def free(self, kind: Kind, *, preferred: int | None = None) -> Element:
        """An empty element, ``preferred`` if that one is. Raises NoCartridge when there is none."""
        empty = [element for element in self.elements_of(kind) if not element.full]
        for element in empty:
            if element.address == preferred:
                return element
        if not empty:
            raise NoCartridge("", phrase("tape-no-empty", place=kind.name.lower().replace("_", " ")))
        return empty[0]

    def close(self) -> None:
        self._device.close()


def loadable(elements: Iterable[Element]) -> frozenset[str]:
    """The barcodes of what may be put into a drive: not of what lies in a mail slot, for somebody is about to take it away."""
    return frozenset(each.barcode for each in elements if each.full and each.kind is not Kind.MAIL_SLOT)


def _elements(data: bytes) -> Iterator[Element]:
    """The descriptors of an answer (SMC-3 §6.11): pages of one kind, each with descriptors of one length."""
    end = 8 + int.from_bytes(data[5:8], "big")
    at = 8
    while at + 8 <= min(end, len(data)):
        kind, flags = data[at], data[at + 1]
        length, size = int.from_bytes(data[at + 2 : at + 4], "big"), int.from_bytes(data[at + 5 : at + 8], "big")
        at += 8
        for start in range(at, min(at + size, len(data)), max(length, 1)):
            each = data[start : min(start + length, at + size)]
            if len(each) >= SHORTEST:  # tgt cuts the last one short by eight bytes of its identifier
                yield _element(Kind(kind), each, tagged=bool(flags & 0x80), alternate=bool(flags & 0x40))
        at += size


def _element(kind: Kind, data: bytes, *, tagged: bool, alternate: bool) -> Element:
    rest = 12 + (36 if tagged else 0) + (36 if alternate else 0)
    full = bool(data[2] & 1)
    return Element(
        kind,
        int.from_bytes(data[:2], "big"),
        full,
        data[12:44].decode("ascii", "replace").strip(" \0") if tagged and full else "",
        int.from_bytes(data[10:12], "big") if data[9] & 0x80 else None,
        _serial(data[rest:]) if kind is Kind.DRIVE else "",
        int.from_bytes(data[4:6], "big") if data[2] & 4 else 0,
    )


def _serial(data: bytes) -> str:
    """The identifier of a drive: vendor and product may stand before the serial number, which is its last word."""
    if len(data) < 5 or data[0] & 0x0F != 2 or len(data) < 4 + data[3]:  # not in ASCII, or cut short
        return ""
    words = data[4 : 4 + data[3]].decode("ascii", "replace").replace("\0", " ").split()
    return words[-1] if words else ""
