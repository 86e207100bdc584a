"""Putting together what several threads bring to a tape at the same time, so that small batches share one group: one synchronising
file mark, one reading back, and a drive that does not stop and start for each.

Whoever comes first waits for others a while, if it is told to, and writes for all; who comes meanwhile waits for the next group.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from policies.phrases import phrase
from storage.errors import StorageError, Unavailable
from storage.tier import SealedVersion, Written

__all__ = ["Gathering"]

Write = Callable[[Sequence[SealedVersion]], list[Written]]


class _Brought:
    """What one caller brought, and what became of it."""

    def __init__(self, versions: Sequence[SealedVersion]) -> None:
        self.versions = versions
        self.written: list[Written] | None = None
        self.error: StorageError | None = None

    @property
    def done(self) -> bool:
        return self.written is not None or self.error is not None

    def result(self) -> list[Written]:
        if self.error is not None:
            raise self.error
        assert self.written is not None
        return self.written


class Gathering:
    """``write`` is called by one thread at a time. A group is closed ``seconds`` after its first caller came, or when ``enough`` bytes are
    together; what comes while a group is written waits for the next one all the same."""

    def __init__(self, name: str, write: Write, *, enough: int, seconds: float = 0.0) -> None:
        self._name = name
        self._write = write
        self._enough = enough
        self._seconds = seconds
        self._changed = threading.Condition()
        self._waiting: list[_Brought] = []
        self._led = False

    def __call__(self, versions: Sequence[SealedVersion]) -> list[Written]:
        """Raises what ``write`` raises of the group that these were part of."""
        mine = _Brought(versions)
        with self._changed:
            self._waiting.append(mine)
            self._changed.notify_all()
            self._changed.wait_for(lambda: mine.done or not self._led)
            leads = not mine.done
            self._led = self._led or leads
        if leads:
            try:
                self._write_for_all(self._gathered())
            finally:
                with self._changed:
                    self._led = False
                    self._changed.notify_all()
        return mine.result()

    def _gathered(self) -> list[_Brought]:
        until = time.monotonic() + self._seconds
        with self._changed:
            while self._bytes() < self._enough and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            group, self._waiting = self._waiting, []
        return group

    def _bytes(self) -> int:
        return sum(version.bytes for each in self._waiting for version in each.versions)

    def _write_for_all(self, group: Sequence[_Brought]) -> None:
        error: StorageError = Unavailable(self._name, phrase("tape-not-yet"))  # who writes for the others may be stopped
        results: list[Written] | None = None
        try:
            results = self._write([version for each in group for version in each.versions])
        except StorageError as problem:
            error = problem
        finally:
            for each in group:
                if results is None:
                    each.error = error
                else:
                    each.written, results = results[: len(each.versions)], results[len(each.versions) :]
