"""A drive with logical block protection: the virtual library's drive, which has none, behind a part that keeps to SSC-4 in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import google_crc32c

from storage.tape.transport import Reply, ScsiTransport, open_transport
from tests.storage.tape.canned import check

WRITE, READ, SENSE, SELECT = 0x0A, 0x08, 0x1A, 0x15
GUARD = check(0xB, 0x1001)
"""Logical block guard check failed."""


@dataclass
class Guarding:
    """Opens transports; what the drives are set to outlives them. ``harm`` changes a block (with its value) on the way, by the number of
    the transfer; ``methods``: what can be chosen."""

    methods: frozenset[int] = frozenset({0, 2})
    harm: Callable[[int, bytes], bytes] = lambda number, block: block
    settings: dict[str, bytes] = field(default_factory=dict)
    transfers: int = 0
    guarded: int = 0

    def __call__(self, address: str) -> ScsiTransport:
        return _Drive(open_transport(address), self, address)


class _Drive:
    def __init__(self, inner: ScsiTransport, guarding: Guarding, address: str) -> None:
        self._inner, self._guarding, self._address = inner, guarding, address
        self.name = inner.name

    @property
    def _settings(self) -> bytes:
        return self._guarding.settings.get(self._address, bytes(3))

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        if cdb[0] == SENSE and (cdb[2] & 0x3F, cdb[3]) == (0x0A, 0xF0) and receive is not None:
            page = bytes([0x4A, 0xF0, 0, 0x1C]) + self._settings + bytes(25)
            receive[: 4 + len(page)] = bytes([3 + len(page), 0, 0, 0]) + page
            return Reply(0, b"", 4 + len(page))
        if cdb[0] == SELECT and send is not None and bytes(send[4:6]) == b"\x4a\xf0":
            if send[8] not in self._guarding.methods or len(send) != 4 + 32:
                return check(5, 0x2600)
            self._guarding.settings[self._address] = bytes(send[8:11])
            return Reply(0, b"")
        method, length, ways = self._settings
        if method == 2 and length == 4 and cdb[0] == WRITE and ways & 0x80 and send is not None:
            return self._write(cdb, bytes(send), timeout)
        if method == 2 and length == 4 and cdb[0] == READ and ways & 0x40 and receive is not None:
            return self._read(cdb, receive, timeout)
        return self._inner.execute(cdb, send=send, receive=receive, timeout=timeout)

    def _write(self, cdb: bytes, send: bytes, timeout: float) -> Reply:
        assert int.from_bytes(cdb[2:5], "big") == len(send)
        self._guarding.transfers += 1
        came = self._guarding.harm(self._guarding.transfers, send)
        block, value = came[:-4], came[-4:]
        if google_crc32c.value(block) != int.from_bytes(value, "little"):
            return GUARD
        self._guarding.guarded += 1
        return self._inner.execute(bytes([*cdb[:2], *len(block).to_bytes(3, "big"), cdb[5]]), send=block, timeout=timeout)

    def _read(self, cdb: bytes, receive: bytearray, timeout: float) -> Reply:
        room = bytearray(len(receive) - 4)
        reply = self._inner.execute(bytes([*cdb[:2], *len(room).to_bytes(3, "big"), cdb[5]]), receive=room, timeout=timeout)
        size = len(room)
        if reply.status:
            sense = reply.sense
            if not sense[2] & 0x20 or sense[2] & 0x80:  # another thing than a block of another length
                return reply
            size -= int.from_bytes(sense[3:7], "big", signed=True)
            if size > len(room):
                return reply
        block = bytes(room[:size])
        self._guarding.transfers += 1
        data = self._guarding.harm(self._guarding.transfers, block + int(google_crc32c.value(block)).to_bytes(4, "little"))
        receive[: len(data)] = data
        return Reply(reply.status, reply.sense, len(data))

    def close(self) -> None:
        self._inner.close()
