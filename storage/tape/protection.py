"""Logical block protection (SSC-4): a CRC32C goes with every block between this machine and the drive, which refuses to write a block that
was changed on the way, and keeps the value with the block on the medium. What is on the cartridge is the same with it or without.

A drive that has it says so by a mode page of its own (Control Data Protection, 0Ah/F0h); drives before LTO-7 know only another code,
which is left alone. It is switched off before a cartridge leaves the drive: whoever comes next may not know of it, and would take the
four bytes for data.
"""

from __future__ import annotations

import google_crc32c

from policies.phrases import phrase
from storage.tape.device import MODE_SELECT_6, Device
from storage.tape.errors import IllegalRequest, TransportError

__all__ = ["ADDED", "checked", "guarded", "switch"]

PAGE, SUBPAGE = 0x0A, 0xF0

CRC32C = 2
"""The protection method: the Castagnoli code, as in iSCSI."""

ADDED = 4
"""Bytes that come behind each block, the lowest first."""

_BOTH_WAYS = 0xC0
"""LBP_W and LBP_R: writing and reading."""


def _is(page: bytes, on: bool) -> bool:
    if not on:
        return not page[4]
    return page[4] == CRC32C and page[5] & 0x3F == ADDED and page[6] & _BOTH_WAYS == _BOTH_WAYS


def switch(device: Device, *, on: bool) -> bool:
    """Switch the protection, and whether it is on then: as the drive, asked again, says. Raises TransportError where
    it is on in a way of another program's and stays so."""
    page = device.mode_page(PAGE, SUBPAGE)
    if page is None or not page[0] & 0x40 or len(page) < 7:
        return False
    for wanted in (True, False) if on else (False,):  # what another program has left on in its own way is switched off at least
        if not _is(page, wanted):
            data = bytes([0, 0, 0x10, 0]) + _changed(page, on=wanted)
            try:
                device.command("MODE SELECT protection", bytes([MODE_SELECT_6, 0x10, 0, 0, len(data), 0]), send=data)
            except IllegalRequest:
                continue
            page = device.mode_page(PAGE, SUBPAGE) or page
        if _is(page, wanted):
            return wanted
    raise TransportError(device.name, phrase("tape-guard-strange", method=page[4]))


def _changed(page: bytes, *, on: bool) -> bytes:
    others = page[6] & 0x3F
    return bytes([page[0] & 0x7F, *page[1:4], *((CRC32C, ADDED, others | _BOTH_WAYS) if on else (0, 0, others)), *page[7:]])


def guarded(block: bytes | bytearray) -> bytes:
    """The block with its value behind it."""
    plain = bytes(block)
    return plain + int(google_crc32c.value(plain)).to_bytes(ADDED, "little")


def checked(device: str, data: bytes) -> bytes:
    """The block without its value. Raises TransportError: it was changed between the drive and here, which says nothing of the medium."""
    block, value = data[:-ADDED], data[-ADDED:]
    if len(data) < ADDED or int.from_bytes(value, "little") != google_crc32c.value(block):
        raise TransportError(device, phrase("tape-guard-wrong"))
    return block
