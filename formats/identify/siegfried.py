"""Siegfried through pygfried: the first answer for every file, from a worker process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.identify.conversation import Conversation
from formats.identify.identification import Identification
from formats.identify.limits import Limits
from formats.identify.process import WorkerProcess

__all__ = ["SiegfriedIdentifier"]


class SiegfriedIdentifier:
    """Keeps worker processes: one a conversation, so that calls from several threads do not wait for each other.

    A worker is started when it is first needed and stays for the next call (some 0.3 s and 155 MB). It ends with `close`, and
    with this process, however that ends. ``workers`` is how many files Siegfried looks at at once; by default one a core.
    ``signature`` is a signature file of Siegfried's (a newer PRONOM, as data); by default the one that came with pygfried.
    """

    def __init__(self, *, workers: int | None = None, limits: Limits | None = None, signature: Path | None = None) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._limits = limits or Limits()
        self._signature = signature
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self._busy: list[WorkerProcess] = []
        self._owner = os.getpid()
        self._closed = False

    def identify(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Identification]]:
        """See `formats.identify.identification.Identifier.identify`. ``paths`` is read as answers are taken."""
        return Conversation(self, self._limits, paths).answers()

    def signatures(self) -> str:
        """Which signatures answer: "PRONOM V125; container 20260119". Raises IdentifierUnavailable when they cannot be loaded."""
        worker = self.take()
        self.give_back(worker, usable=True)
        return str(worker.about["signatures"])

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the workers that run now."""
        with self._lock:
            return tuple(worker.pid for worker in self._idle + self._busy)

    def take(self) -> WorkerProcess:
        """For a conversation: an idle worker or a new one. Raises IdentifierUnavailable."""
        with self._lock:
            self._forget_if_forked()
            worker = self._idle.pop() if self._idle else None
        if worker is not None and not worker.alive:
            worker.stop()
            worker = None
        worker = worker or WorkerProcess(self._workers, self._limits.start_seconds, self._signature)
        with self._lock:
            self._busy.append(worker)
        return worker

    def give_back(self, worker: WorkerProcess, *, usable: bool) -> None:
        """For a conversation: a worker that owes no reply is kept, another is ended."""
        with self._lock:
            self._busy.remove(worker)
            usable = usable and not self._closed
            if usable:
                self._idle.append(worker)
        if not usable:
            worker.stop(kill=True)

    def _forget_if_forked(self) -> None:
        if self._owner != os.getpid():
            for worker in self._idle + self._busy:
                worker.forget()
            self._idle, self._busy, self._owner = [], [], os.getpid()

    def close(self) -> None:
        """End the idle workers; one in a conversation ends with it."""
        with self._lock:
            self._forget_if_forked()
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
