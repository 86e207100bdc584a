"""The launcher's lock: only one process launches the jobs of one home at a time.

A second process that launches DBOS on the same database under the same executor id would recover, and so run twice, the live
steps of the first. The lock is an flock on ``HOME/lock``: the kernel drops it when the process dies, however it dies, so "the
lock is free" means "nobody runs jobs here". The file stays; its text (who holds it) is for people only and is never believed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["PATIENCE", "LauncherLock"]

PATIENCE = 1.0
"""Seconds a worker tries before it believes that the lock is taken: who only looks holds it for microseconds."""

_RETRY = 0.01
"""Seconds between tries of a patient taker."""


class LauncherLock:
    """The lock of one home. Not inherited by programs that this process starts; a bare ``os.fork`` would share it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self._guard = threading.Lock()

    @property
    def file(self) -> Path:
        return self._file

    def acquire(self, kind: str, *, patience: float = 0.0) -> bool:
        """Take the lock for a ``kind`` of launcher ("worker", "command"); False when another process (or object) has it.

        ``patience``: seconds to keep trying; who only looks (`free`) holds it for microseconds.

        Raises:
            OSError: the file cannot be opened, or its file system cannot lock.
        """
        ends = time.monotonic() + patience
        while not (taken := self._try()) and time.monotonic() < ends:
            time.sleep(_RETRY)
        if taken and self._descriptor is not None:
            holder = {
                "kind": kind,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            with contextlib.suppress(OSError):  # on a full disk nobody reads who has it, and it is a lock none the less
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, json.dumps(holder).encode(), 0)
        return taken

    def _try(self) -> bool:
        with self._guard:
            if self._descriptor is not None:
                return False
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException as error:
                os.close(descriptor)
                if isinstance(error, BlockingIOError):
                    return False
                raise
            self._descriptor = descriptor
            return True

    def free(self) -> bool:
        """Whether nobody holds the lock at this moment: a hint, for only `acquire` makes it so."""
        if not self._try():
            return False
        with self._guard:
            self._close()
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held by this object."""
        with self._guard:
            if self._descriptor is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, 0)
                self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> str:
        """Who says to hold it, for people: "worker, process 123 on host since …", or "" when unknown."""
        try:
            row = json.loads(self._file.read_text(encoding="utf-8"))
            return f"{row['kind']}, process {row['pid']} on {row['host']} since {row['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return ""
