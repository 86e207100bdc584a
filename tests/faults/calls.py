"""Standing between storage and the operating system: every write-like call of `storage.durable` goes through one hook."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from typing import Any

from storage import durable

CALLS = (
    "chmod",
    "close",
    "create",
    "fsync",
    "fsync_folder",
    "link",
    "mkdir",
    "rename",
    "rmdir",
    "syncfs",
    "unlink",
    "write",
)  # fmt: skip
SYNCS = ("fsync", "fsync_folder", "syncfs")

Hook = Callable[[str, tuple[Any, ...], Callable[[], Any]], Any]


@contextlib.contextmanager
def through(hook: Hook) -> Iterator[None]:
    """``hook(name, arguments, act)`` is called for every call; ``act()`` does it."""
    real = {name: getattr(durable, name) for name in CALLS}

    def wrapped(name: str) -> Callable[..., Any]:
        return lambda *arguments: hook(name, arguments, lambda: real[name](*arguments))

    for name in CALLS:
        setattr(durable, name, wrapped(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(durable, name, function)


def without_syncs(name: str, arguments: tuple[Any, ...], act: Callable[[], Any]) -> Any:
    """What outlives the process needs no sync: tests of killed processes and of modelled power losses need not wait for disks."""
    return None if name in SYNCS else act()


class Counter:
    """Counts calls and does nothing else (but syncs)."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, name: str, arguments: tuple[Any, ...], act: Callable[[], Any]) -> Any:
        self.count += 1
        return without_syncs(name, arguments, act)


class Dies(Counter):
    """Ends the process at call ``n``, like kill -9; a write is torn in the middle first."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self._n = n

    def __call__(self, name: str, arguments: tuple[Any, ...], act: Callable[[], Any]) -> Any:
        if self.count == self._n:
            if name == "write":
                os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            os._exit(9)
        return super().__call__(name, arguments, act)


class Fails(Counter):
    """Call ``n`` (and with ``lasting`` every one after it that takes room) fails with ``number``."""

    TAKES_ROOM = ("create", "mkdir", "write", "link")

    def __init__(self, n: int, number: int = errno.EIO, *, lasting: bool = False) -> None:
        super().__init__()
        self._n, self._number, self._lasting = n, number, lasting
        self.failed: list[str] = []

    def __call__(self, name: str, arguments: tuple[Any, ...], act: Callable[[], Any]) -> Any:
        now = self.count == self._n or (self._lasting and self.count > self._n and name in self.TAKES_ROOM)
        if not now or name == "close":
            return super().__call__(name, arguments, act)
        self.count += 1
        self.failed.append(name)
        if name == "write":
            os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        raise OSError(self._number, os.strerror(self._number))
