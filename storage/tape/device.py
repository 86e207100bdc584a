"""What changer and drive have in common: commands with their errors, who the device is, mode and log pages where it has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from storage.errors import StorageError
from storage.tape.errors import IllegalRequest, UnitAttention, error_of
from storage.tape.sense import NO_SENSE, Sense, read_sense
from storage.tape.transport import Reply, ScsiTransport

__all__ = ["Device", "Identity"]

INQUIRY, TEST_UNIT_READY, MODE_SENSE_6, MODE_SELECT_6, LOG_SENSE = 0x12, 0x00, 0x1A, 0x15, 0x4D

SHORT, LONG = 60.0, 3 * 3600.0
"""Seconds: for commands that move nothing, and for those that may wind a whole tape (LTO: below two hours, with a margin)."""

ATTENTIONS = 8
"""Unit attentions that are read away at once when a device is greeted: each kind queues one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is (standard inquiry data, and page 80h). ``type`` is 1 for a tape drive, 8 for a changer."""

    type: int
    vendor: str
    product: str
    revision: str
    serial: str


class Listener(Protocol):
    """Told of every error before it is raised."""

    def __call__(self, error: StorageError) -> None: ...


class Device:
    """One device. ``on_error`` hears of everything that went wrong, and may forget what it knew."""

    def __init__(self, transport: ScsiTransport, on_error: Listener | None = None) -> None:
        self._transport = transport
        self._on_error = on_error
        self.name = transport.name

    def command(
        self,
        words: str,
        cdb: bytes,
        *,
        send: bytes | bytearray | None = None,
        receive: bytearray | None = None,
        timeout: float = SHORT,
    ) -> tuple[Reply, Sense]:
        """Do one command; ``words`` name it for people. Raises the errors of `storage.tape.errors`."""
        try:
            reply = self._transport.execute(cdb, send=send, receive=receive, timeout=timeout)
            sense = read_sense(reply.sense) if reply.status else NO_SENSE
            error = error_of(self.name, words, reply.status, sense)
            if error is not None:
                raise error
        except StorageError as error:
            if self._on_error is not None:
                self._on_error(error)
            raise
        return reply, sense

    def ask(self, words: str, cdb: bytes, size: int) -> bytes:
        """The answer to a question, at most ``size`` bytes."""
        buffer = bytearray(size)
        reply, _ = self.command(words, cdb, receive=buffer)
        return bytes(buffer[: reply.received])

    def offered(self, words: str, cdb: bytes, size: int) -> bytes | None:
        """`ask`; None where the device does not have it."""
        try:
            return self.ask(words, cdb, size)
        except IllegalRequest:
            return None

    def ready(self) -> None:
        """Test unit ready. Raises NotReady, UnitAttention."""
        self.command("TEST UNIT READY", bytes(6))

    def greet(self) -> list[Sense]:
        """Read away the unit attentions that wait for a new initiator, and return them. Raises what remains (NotReady …)."""
        heard: list[Sense] = []
        while True:
            try:
                self.ready()
                return heard
            except UnitAttention as error:
                heard.append(error.sense)
                if len(heard) == ATTENTIONS:
                    raise

    def identity(self) -> Identity:
        """Who the device is. Raises TransportError, ScsiError."""
        data = self.ask("INQUIRY", bytes([INQUIRY, 0, 0, 0, 96, 0]), 96).ljust(36, b"\0")
        page = self.offered("INQUIRY 80h", bytes([INQUIRY, 1, 0x80, 0, 252, 0]), 252) or b""
        serial = page[4 : 4 + page[3]] if len(page) > 4 else b""
        return Identity(data[0] & 0x1F, _text(data[8:16]), _text(data[16:32]), _text(data[32:36]), _text(serial))

    def mode_page(self, page: int, subpage: int = 0) -> bytes | None:
        """One mode page from its first byte on, without headers; None where the device does not have it."""
        data = self.offered(f"MODE SENSE {page:02X}h", bytes([MODE_SENSE_6, 0x08, page, subpage, 252, 0]), 252)
        if data is None or len(data) < 4:
            return None
        found = data[4 + data[3] : 1 + data[0]]
        return found if found and found[0] & 0x3F == page else None

    def log_page(self, page: int) -> dict[int, bytes] | None:
        """The cumulative parameters of a log page by their codes; None where the device does not have it."""
        cdb = bytes([LOG_SENSE, 0, 0x40 | page, 0, 0, 0, 0, 0x10, 0, 0])
        data = self.offered(f"LOG SENSE {page:02X}h", cdb, 0x1000)
        if data is None or len(data) < 4 or data[0] & 0x3F != page:
            return None
        found, rest = {}, data[4 : 4 + int.from_bytes(data[2:4], "big")]
        while len(rest) >= 4:
            found[int.from_bytes(rest[:2], "big")] = rest[4 : 4 + rest[3]]
            rest = rest[4 + rest[3] :]
        return found

    def close(self) -> None:
        self._transport.close()


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace").strip(" \0")
