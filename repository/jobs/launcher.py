"""The launcher: makes this process the one that runs the jobs of the home, for as long as somebody here needs it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dbos import error as dbos_error

from repository.jobs.client import Client, database_failure
from repository.jobs.errors import JobTables
from repository.jobs.executor import Executor
from repository.jobs.flow import Flow
from repository.jobs.heartbeat import Heartbeat
from repository.jobs.lock import PATIENCE, LauncherLock
from repository.jobs.settings import APPLICATION_VERSION, QUEUE, SHORT_QUEUE, Settings

__all__ = ["LEAVE_WITHIN", "Launcher"]

LEAVE_WITHIN = 2.0
"""Seconds a command waits at its end for jobs that it runs for others: they stop at their next step or report."""

_log = logging.getLogger("kho.jobs")


class Launcher:
    """One a `Jobs`. Several threads may lease it at once; the executor lives as long as one of them does."""

    def __init__(self, settings: Settings, flows: Sequence[Flow], client: Client) -> None:
        self._settings = settings
        self._flows = flows
        self._client = client
        self.lock = LauncherLock(settings.home / "lock")
        self.heartbeat = Heartbeat(settings, client)
        self._guard = threading.Lock()
        self._leases = 0
        self._executor: Executor | None = None
        self._idle: Mapping[tuple[str, int], float] = {}  # (job id, tries) → since when it is not at work
        self.serves_all = False

    @property
    def here(self) -> bool:
        """Whether this process launches now."""
        return self._executor is not None

    def alive(self) -> frozenset[str]:
        """The executors that live: whoever launches the jobs of this home, and those of other hosts."""
        others = self.heartbeat.others()
        return others if self.lock.free() else others | {self._settings.executor_id}

    @contextmanager
    def lease(self, kind: str, *, serve: bool = False, leave_within: float = LEAVE_WITHIN) -> Iterator[Executor | None]:
        """The executor of this process, launched if need be; None when another process has the lock.

        ``serve``: take jobs from the common queue too, as a worker does; else only those of this process.

        Raises:
            JobTables: the job tables do not fit.
        """
        with self._guard:
            if self._executor is None and self.lock.acquire(kind, patience=PATIENCE if serve else 0.0):
                try:
                    self._executor = self._launch(kind, serve)
                except BaseException:
                    self.lock.release()
                    raise
            executor = self._executor
            if executor is not None:
                self._leases += 1
        try:
            yield executor
        finally:
            if executor is not None:
                self._return(leave_within)

    def resume_lost(self) -> int:
        """Queue again the jobs that stand as running here and are not at work: their end could not be recorded, because the disk was full
        or the database away. Only after a while, for what was just taken is not at work yet. Returns how many."""
        executor = self._executor
        if executor is None:
            return 0
        mine, now = self._settings.executor_id, time.monotonic()
        standing = [job for job in self._client.running() if job.executor == mine]
        active = frozenset(executor.active)
        idle = {(job.id, job.tries): job for job in standing if job.id not in active}
        self._idle = {each: self._idle.get(each, now) for each in idle}
        return self._client.requeue([job for each, job in idle.items() if now - self._idle[each] >= self._settings.heartbeat])

    def _return(self, leave_within: float) -> None:
        with self._guard:
            self._leases -= 1
            if self._leases or self._executor is None:
                return
            executor, self._executor = self._executor, None
            remaining = executor.stop(leave_within)
            if remaining:
                # They still work: whoever got the lock now would run them a second time. The kernel drops it with the process.
                _log.warning("%d jobs did not leave in time; the lock is kept until this process ends", len(remaining))
                return
            self.heartbeat.end()
            self.lock.release()

    def _launch(self, kind: str, serve: bool) -> Executor:
        try:
            if self._client.fresh():
                self._client.upgrade()
            self._recover()
            self.heartbeat.begin(kind)
            queues = [QUEUE, SHORT_QUEUE] if serve else [self._settings.own_queue]
            self.serves_all = serve
            try:
                return Executor(self._settings, self._flows, queues)
            except BaseException:
                self.heartbeat.end()
                raise
        except dbos_error.DBOSInitializationError as error:
            raise JobTables(self._settings.database_url.rsplit("@", 1)[-1], str(error)) from error
        except Exception as error:
            if (failure := database_failure(self._settings, error)) is not None:
                raise failure from error
            raise

    def _recover(self) -> None:
        """Before the launch, so that DBOS finds nothing to recover by itself: its own recovery runs beside the first new jobs.

        On SQLite the lock says that every other executor is dead; on PostgreSQL only our own last life surely is.
        """
        mine = self._settings.executor_id
        dead = [
            job
            for job in self._client.running()
            if job.version == APPLICATION_VERSION and (self._settings.sqlite or job.executor == mine)
        ]
        resumed = self._client.requeue(dead)
        self._client.put_back()
        if resumed:
            _log.info("%d interrupted jobs are queued again", resumed)
