"""Transports that do harm at a chosen command, around the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from storage.tape.errors import TransportError
from storage.tape.transport import Reply, ScsiTransport, open_transport
from tests.storage.tape.canned import check

WRITE, FILEMARKS, REWIND, MOVE, READ, SPACE = 0x0A, 0x10, 0x01, 0xA5, 0x08, 0x11


class Killed(BaseException):
    """The process died here."""


@dataclass
class Watch:
    """Counts commands over all devices, and calls ``harm`` when ``matches`` says so for the number-th time. What it returns is the
    answer (None: the real one)."""

    harm: Callable[[ScsiTransport, bytes], Reply | None] | None = None
    number: int = 0
    matches: Callable[[bytes], bool] = lambda cdb: True
    after: bool = False
    counts: Counter[int] = field(default_factory=Counter)
    seen: int = 0

    def __call__(self, address: str) -> ScsiTransport:
        return _Watched(open_transport(address), self)


class _Watched:
    def __init__(self, inner: ScsiTransport, watch: Watch) -> None:
        self._inner, self._watch = inner, watch
        self.name = inner.name

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        watch = self._watch
        watch.counts[cdb[0]] += 1
        hit = False
        if watch.matches(cdb):
            watch.seen += 1
            hit = watch.harm is not None and watch.seen == watch.number
        if hit and not watch.after:
            assert watch.harm is not None
            answer = watch.harm(self._inner, cdb)
            if answer is not None:
                return answer
        reply = self._inner.execute(cdb, send=send, receive=receive, timeout=timeout)
        if hit and watch.after:
            assert watch.harm is not None
            return watch.harm(self._inner, cdb) or reply
        return reply

    def close(self) -> None:
        self._inner.close()


def is_write(cdb: bytes) -> bool:
    return cdb[0] in (WRITE, FILEMARKS)


def killed(inner: ScsiTransport, cdb: bytes) -> Reply | None:
    raise Killed


def no_answer(inner: ScsiTransport, cdb: bytes) -> Reply | None:
    raise TransportError(inner.name, "the answer was lost")


def reset(inner: ScsiTransport, cdb: bytes) -> Reply | None:
    """A reset of the drive: it stands at the beginning of the tape, and says so once."""
    inner.execute(bytes([REWIND, 0, 0, 0, 0, 0]), timeout=60)
    return check(6, 0x2900)


def deferred(inner: ScsiTransport, cdb: bytes) -> Reply | None:
    """The drive could not write what it had taken into its buffer before."""
    return check(3, 0x0C00, deferred=True)


def overflow(inner: ScsiTransport, cdb: bytes) -> Reply | None:
    return check(0xD, 0x0002, flags=0x40)


def early_warning(inner: ScsiTransport, cdb: bytes) -> Reply | None:
    """The command was done, and the end of the medium comes near."""
    return check(0, 0x0002, flags=0x40)
