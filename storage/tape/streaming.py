"""A stream of bytes into whole blocks: filled in place, digested beside their being written, in one other thread.

The digests cost as much processor time as the drive's own transfer, and libiscsi, SG_IO and hashlib all let other threads run. *One* thread
for all digests, woken once a block: a second would take the core that the other side of the transfer runs on.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from storage.tape.drive import BLOCK

__all__ = ["Stream"]

BUFFERS = 4
"""Blocks under way at once, however much is written: digests need not keep step block by block."""

_Tasks = list[tuple[Callable[[Any], object], Any]]


class Stream:
    """What is put in goes to ``write``, a block at a time; ``offset`` is how much was put in. To be left (``with``) before the digest is
    asked for: then everything that was to be done `later` has been done. An error of ``write`` comes through whoever puts in."""

    def __init__(self, write: Callable[[bytearray], None]) -> None:
        self._write = write
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(BUFFERS):
            self._free.put(bytearray(BLOCK))
        self._full: SimpleQueue[_Tasks | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="digests", daemon=True)
        self._failed: BaseException | None = None
        self._hasher = hashlib.sha256(usedforsecurity=False)
        self._block, self._filled = self._free.get(), 0
        self._tasks: _Tasks = []
        self.offset = 0

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._full.put(self._tasks)
        self._full.put(None)
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    @property
    def digest(self) -> bytes:
        """SHA-256 of all whole blocks."""
        return self._hasher.digest()

    def put(self, data: bytes, also: Callable[[memoryview], object] | None = None) -> None:
        """Put bytes in. ``also`` is given them too, in the other thread."""
        rest = memoryview(data)
        while rest:
            room = self.room(len(rest))
            count = len(room)
            room[:] = rest[:count]
            rest = rest[count:]
            self.filled(count, also)

    def zeros(self, count: int) -> None:
        """Put ``count`` zeros in."""
        while count:
            piece = min(count, BLOCK)
            self.put(bytes(piece))
            count -= piece

    def room(self, most: int) -> memoryview:
        """Where the next bytes may be put without copying, at most so many: fill some of it, and say how many by `filled`."""
        return memoryview(self._block)[self._filled : min(self._filled + most, BLOCK)]

    def filled(self, count: int, also: Callable[[memoryview], object] | None = None) -> None:
        """``count`` bytes were put into the `room`."""
        if also is not None:
            self._tasks.append((also, self.room(count)))
        self._filled += count
        self.offset += count
        if self._filled == BLOCK:
            self._hand_over()

    def _hand_over(self) -> None:
        block = self._block
        self._tasks += [(self._hasher.update, block), (self._free.put, block)]  # no block is filled until this one is written
        self._full.put(self._tasks)
        self._tasks = []
        self._write(block)
        self._block, self._filled = self._free.get(), 0

    def later(self, call: Callable[[Any], object], argument: object) -> None:
        """Have something done in the other thread, after all digests that were begun by now."""
        self._tasks.append((call, argument))

    def _work(self) -> None:
        while (tasks := self._full.get()) is not None:
            for call, argument in tasks:
                try:
                    call(argument)
                except BaseException as error:  # raised where the stream is left; the blocks must come back until then
                    self._failed = self._failed or error
