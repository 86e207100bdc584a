"""Asking again what was unavailable. Retries live here only, never inside backends: `Again` says how often and with which pauses,
`Retrying` is a `Backend` that asks another one so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from storage.backend import Backend, Stat
from storage.errors import StorageError, Unavailable

__all__ = ["Again", "Retrying"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Again:
    """Up to ``attempts`` calls, with pauses that double from ``pause`` seconds; then the last Unavailable comes through."""

    attempts: int = 4
    pause: float = 0.2
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, act: Callable[[], T], *, unless: Callable[[StorageError], bool] = lambda error: False) -> T:
        """What ``act`` returns. Answers (any other error) and what ``unless`` picks out are not asked for again."""
        for attempt in range(self.attempts - 1):
            try:
                return act()
            except Unavailable as error:
                if unless(error):
                    raise
                self.sleep(self.pause * 2**attempt)
        return act()


class Retrying:
    """The same six verbs; Unavailable is raised only after as many calls as `Again` says.

    Answers (NotFound, AlreadyExists, Refused) are never asked again. A put whose source cannot be wound back is tried once. One
    that failed after it took effect meets its own bytes when it is repeated and is then AlreadyExists: as for any interrupted
    put, the caller compares. Reading from an opened stream and listing beyond the first entry are not repeated.
    """

    def __init__(
        self, backend: Backend, *, attempts: int = 4, pause: float = 0.2, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._backend = backend
        self._again = Again(attempts, pause, sleep)

    def put(self, key: str, source: BinaryIO) -> None:
        if not source.seekable():
            self._backend.put(key, source)
            return
        start = source.tell()

        def act() -> None:
            source.seek(start)
            self._backend.put(key, source)

        self._again(act)

    def replace(self, key: str, data: bytes, *, expected: bytes | None) -> None:
        self._again(lambda: self._backend.replace(key, data, expected=expected))

    def open(self, key: str) -> BinaryIO:
        return self._again(lambda: self._backend.open(key))

    def stat(self, key: str) -> Stat:
        return self._again(lambda: self._backend.stat(key))

    def list(self, prefix: str) -> Iterator[Stat]:
        def begin() -> tuple[list[Stat], Iterator[Stat]]:
            entries = iter(self._backend.list(prefix))
            first = next(entries, None)
            return ([] if first is None else [first]), entries

        first, rest = self._again(begin)
        yield from first
        yield from rest

    def delete(self, key: str) -> None:
        self._again(lambda: self._backend.delete(key))
