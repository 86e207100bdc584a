"""The seam to a SCSI device: one command out, one answer back. Whatever goes over it, the modules above are the same.

Addresses: ``/dev/sg3`` (Linux, SG_IO) or ``iscsi://HOST:PORT/TARGET/LUN`` (libiscsi).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from policies.phrases import phrase
from storage.errors import Unavailable
from storage.tape.errors import BUSY, FULL

__all__ = ["Patient", "Reply", "ScsiTransport", "open_transport"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a device answered: SAM status, sense data (empty unless it is a check condition), and the bytes it put into the buffer."""

    status: int
    sense: bytes = b""
    received: int = 0


class ScsiTransport(Protocol):
    """One device. Calls are made one at a time."""

    name: str

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        """Do one command. ``send`` is given to the device whole; ``receive`` is filled from the device, up to its length; at most one
        of them. ``timeout`` is in seconds.

        Every answer of the device is a `Reply`, errors too.

        Raises:
            TransportError: there was no answer: whether the command was done is not known.
        """
        ...

    def close(self) -> None:
        """Let the device go. More than once is fine."""
        ...


def open_transport(address: str) -> ScsiTransport:
    """The transport to ``address``. Raises Unavailable when the device cannot be opened."""
    if address.startswith("/dev/"):
        from storage.tape.sg import SgTransport

        return SgTransport(address)
    if address.startswith("iscsi://"):
        from storage.tape.iscsi import IscsiTransport

        return IscsiTransport(address)
    raise Unavailable(address, phrase("tape-scsi-address"))


PATIENCE = 10.0
"""Seconds that a busy device is asked again: other initiators' short commands end by then; a longer one is said to the caller."""

PAUSE = 0.05
"""Seconds before the first time it is asked again; doubled each time."""


class Patient:
    """Asks a busy device again for a while. Only *busy* and *task set full*: by them a device says that it did not do the command."""

    def __init__(self, inner: ScsiTransport, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep) -> None:
        self._inner = inner
        self._patience = patience
        self._sleep = sleep
        self.name = inner.name

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        waited, pause = 0.0, PAUSE
        while True:
            reply = self._inner.execute(cdb, send=send, receive=receive, timeout=timeout)
            if reply.status not in (BUSY, FULL) or waited >= self._patience:
                return reply
            self._sleep(pause)
            waited, pause = waited + pause, pause * 2

    def close(self) -> None:
        self._inner.close()
