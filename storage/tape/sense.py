"""Sense data: what a SCSI device says when a command did not simply succeed (SPC-4 §4.5), in both of its formats."""

from __future__ import annotations

from dataclasses import dataclass

from policies.phrases import phrase

__all__ = ["NO_SENSE", "Key", "Sense", "read_sense"]


class Key:
    """Sense keys (SPC-4 table 48)."""

    NONE = 0x0
    RECOVERED = 0x1
    NOT_READY = 0x2
    MEDIUM = 0x3
    HARDWARE = 0x4
    ILLEGAL = 0x5
    ATTENTION = 0x6
    PROTECT = 0x7
    BLANK = 0x8
    ABORTED = 0xB
    OVERFLOW = 0xD


WORDS = {
    0x0000: phrase("sense-nothing"),
    0x0001: phrase("sense-filemark"),
    0x0002: phrase("sense-end-near"),
    0x0004: phrase("sense-begin"),
    0x0005: phrase("sense-end-of-data"),
    0x0400: phrase("sense-not-ready"),
    0x0401: phrase("sense-becoming-ready"),
    0x0403: phrase("sense-needs-help"),
    0x1100: phrase("sense-unread"),
    0x0C00: phrase("sense-unwritten"),
    0x1004: phrase("sense-check-value"),
    0x2000: phrase("sense-command"),
    0x2400: phrase("sense-field"),
    0x2700: phrase("sense-protected"),
    0x2800: phrase("sense-changed"),
    0x2900: phrase("sense-reset"),
    0x2A01: phrase("sense-settings"),
    0x300C: phrase("sense-worm"),
    0x3A00: phrase("sense-no-cartridge"),
    0x3B0D: phrase("sense-place-full"),
    0x3B0E: phrase("sense-place-empty"),
    0x5302: phrase("sense-removal"),
    0x7406: phrase("sense-over-data"),
}
"""Words for additional sense codes that an operator meets; the others are shown as their numbers."""


@dataclass(frozen=True, slots=True)
class Sense:
    """``code`` is ASC and ASCQ as one number (0x3A00). ``deferred`` is about an earlier command, which had been answered with good.

    ``information`` is signed: a residue. ``filemark``, ``end`` (early warning, or an end of the medium) and ``length`` (the block had
    another length) are those of a tape (SSC-4 §4.2.3).
    """

    key: int = Key.NONE
    code: int = 0
    deferred: bool = False
    filemark: bool = False
    end: bool = False
    length: bool = False
    information: int | None = None

    @property
    def is_error(self) -> bool:
        """Whether the command failed, or an earlier one did; conditions of a tape alone are none."""
        return self.deferred or self.key not in (Key.NONE, Key.RECOVERED)

    @property
    def words(self) -> str:
        """What it says, as a phrase: the reason of an error."""
        words = WORDS.get(self.code) or WORDS.get(self.code & 0xFF00) or phrase("sense-unknown")
        code = f"{self.key:X}/{self.code:04X}"
        return phrase("sense-deferred", words=words, code=code) if self.deferred else phrase("sense-said", words=words, code=code)


NO_SENSE = Sense()


def read_sense(data: bytes) -> Sense:
    """The sense in ``data``; `NO_SENSE` where it is too short or of no known format (then only the status tells)."""
    form = data[0] & 0x7F if data else 0
    if form in (0x70, 0x71) and len(data) >= 8:
        code = int.from_bytes(data[12:14], "big") if len(data) >= 14 else 0
        information = int.from_bytes(data[3:7], "big", signed=True) if data[0] & 0x80 else None
        return _sense(data[2] & 0x0F, code, form == 0x71, data[2], information)
    if form in (0x72, 0x73) and len(data) >= 8:
        flags, information = _descriptors(data[8 : 8 + data[7]])
        return _sense(data[1] & 0x0F, int.from_bytes(data[2:4], "big"), form == 0x73, flags, information)
    return NO_SENSE


def _sense(key: int, code: int, deferred: bool, flags: int, information: int | None) -> Sense:
    return Sense(key, code, deferred, bool(flags & 0x80), bool(flags & 0x40), bool(flags & 0x20), information)


def _descriptors(data: bytes) -> tuple[int, int | None]:
    """Flags of a stream command and the information field, from descriptors (SPC-4 §4.5.2)."""
    flags, information = 0, None
    while len(data) >= 2:
        size = data[1] + 2
        if data[0] == 0x00 and size >= 12 and len(data) >= 12 and data[2] & 0x80:
            information = int.from_bytes(data[4:12], "big", signed=True)
        elif data[0] == 0x04 and len(data) >= 4:
            flags = data[3]
        data = data[size:]
    return flags, information
