"""A transport that gives prepared answers: for what the virtual library does not have (TapeAlert, LOCATE, WORM, overflow, deferred errors).

Tests that use it say "canned" in their names.
"""

from __future__ import annotations

from collections.abc import Callable

from storage.tape.errors import TransportError
from storage.tape.transport import Reply

Answer = Callable[[bytes, bytes, int], "Reply | bytes | None"]
"""(cdb, what was sent, room for the answer) → a reply, or data for a good one; None: not known (5/2000)."""


def fixed(key: int, code: int, *, flags: int = 0, information: int | None = None, deferred: bool = False) -> bytes:
    """Sense data in the fixed format."""
    first = (0x71 if deferred else 0x70) | (0x80 if information is not None else 0)
    number = (information or 0).to_bytes(4, "big", signed=True)
    return bytes([first, 0, key | flags]) + number + bytes([10, 0, 0, 0, 0]) + code.to_bytes(2, "big") + bytes(4)


def check(key: int, code: int, **more: int | bool | None) -> Reply:
    """A check condition with this sense."""
    return Reply(0x02, fixed(key, code, **more))  # type: ignore[arg-type]


class Canned:
    """Answers by operation code; what has no answer is "not known"."""

    name = "canned"

    def __init__(self, answers: dict[int, Answer | Reply | bytes | list[Reply | bytes]]) -> None:
        self.answers = answers
        self.commands: list[bytes] = []
        self.sent: list[bytes] = []

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        self.commands.append(bytes(cdb))
        self.sent.append(bytes(send or b""))
        answer = self.answers.get(cdb[0])
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else None
        if callable(answer):
            answer = answer(bytes(cdb), bytes(send or b""), len(receive or b""))
        if answer is None:
            return check(5, 0x2000)
        if isinstance(answer, Reply):
            return answer
        if receive is not None:
            receive[: len(answer)] = answer[: len(receive)]
        return Reply(0, b"", min(len(answer), len(receive or b"")))

    def close(self) -> None:
        pass


class Silent(Canned):
    """Never answers."""

    def execute(
        self, cdb: bytes, *, send: bytes | bytearray | None = None, receive: bytearray | None = None, timeout: float
    ) -> Reply:
        raise TransportError(self.name, "no answer")
