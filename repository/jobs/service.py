"""Jobs: the one door to work in the background, for every process of a home."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from dbos import error as dbos_error

from policies.findings import KhoError
from policies.phrases import phrase
from repository.clock import Clock, SystemClock
from repository.jobs.client import Client, Job, JobState, database_failure
from repository.jobs.errors import (
    Cancelled,
    Conflict,
    GaveUp,
    Interrupted,
    LauncherBusy,
    StillRunning,
    UnknownFlow,
    UnknownJob,
    unpack,
)
from repository.jobs.executor import PROGRESS_KEY, Executor, Unrecorded
from repository.jobs.flow import Flow, Json, Leaving, Progress, Report, Throttle, normal
from repository.jobs.launcher import Launcher
from repository.jobs.lock import PATIENCE
from repository.jobs.records import Recorded
from repository.jobs.settings import APPLICATION_VERSION, COMMAND, QUEUE, SHORT_QUEUE, Settings

__all__ = ["Jobs"]

_TAKEOVER_EVERY = 0.25
"""Seconds between a waiting command's looks at the launcher's lock: two system calls."""

_PROGRESS_EVERY = 0.5
"""Seconds between a waiting command's reads of recorded progress."""

_LOOKED_AT = 10_000
"""Jobs that are looked at when those of one flow are wanted."""

_ID_LIMIT = 255
"""Characters of a job id: it is a primary key in both databases."""


P = ParamSpec("P")
T = TypeVar("T")


def _asking(method: Callable[Concatenate[Jobs, P], T]) -> Callable[Concatenate[Jobs, P], T]:
    """Errors of the database, which belong to a library of the catalog's, become `JobDatabase`."""

    @functools.wraps(method)
    def asked(self: Jobs, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if (failure := database_failure(self.settings, error)) is not None:
                raise failure from error
            raise

    return asked


class Jobs:
    """The jobs of one home. Cheap to make; DBOS is loaded with this module. Threads may share one; close it."""

    def __init__(self, settings: Settings, flows: Sequence[Flow], *, clock: Clock | None = None) -> None:
        self.settings = settings
        self._flows = {flow.name: flow for flow in flows}
        self._clock = clock or SystemClock()
        self._client = Client(settings)
        self._launcher = Launcher(settings, flows, self._client)

    @classmethod
    def at(cls, home: Path, database_url: str, flows: Sequence[Flow]) -> Jobs:
        """Jobs of ``home`` with the usual settings."""
        return cls(Settings(home, database_url), flows)

    @_asking
    def run(
        self,
        flow: str,
        job_id: str,
        argument: Json,
        *,
        progress: Report | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Json:
        """Run a job and return its result. ``job_id`` is its identity: the same id twice runs once and gives the recorded result.

        When no process launches jobs for this home, this one does, and runs the job at once; else the job is queued for the
        launcher, and this process waits (and takes over should the launcher die). ``wait=False`` only queues, and returns None.
        ``progress`` is called with `Progress` in this or another thread. Not to be called from a step: a step may queue only.

        Raises:
            KhoError: the job's own error, `StepFailed` for an unplanned one, `Cancelled`, `GaveUp`.
            UnknownFlow, Conflict, NotJson: the job cannot be.
            StillRunning: ``timeout`` seconds are over; the job goes on.
            Interrupted: this process was told to stop; the job continues later.
        """
        argument = self._checked(flow, job_id, argument)
        if not wait:
            self._enqueue(flow, job_id, argument)
            return None
        with self._launcher.lease(COMMAND) as executor:
            if executor is not None:
                return self._run_here(executor, flow, job_id, argument, progress, timeout)
        self._enqueue(flow, job_id, argument)
        return self.wait(job_id, flow=flow, progress=progress, timeout=timeout)

    def enqueue_in(self, connection: Any, flow: str, job_id: str, argument: Json) -> None:
        """Queue a job within the caller's transaction (a SQLAlchemy connection or session on the same database): state change and
        job are committed, or rolled back, together. The tables must be there (`ready`). Raises `UnknownFlow`, `NotJson`, `Conflict`."""
        with _conflicts(job_id):
            argument = self._checked(flow, job_id, argument)
            self._client.enqueue(flow, job_id, argument, connection=connection, short=self._flows[flow].short)

    @_asking
    def later(self, flow: str, job_id: str, argument: Json, seconds: float) -> None:
        """Queue a job that is not begun before so many seconds are over: meanwhile it holds no worker, and it outlives them all. May be
        called from a step. Raises `UnknownFlow`, `NotJson`, `Conflict`."""
        self._enqueue(flow, job_id, self._checked(flow, job_id, argument), delay=seconds)

    @_asking
    def sooner(self, flow: str, which: Callable[[Json], bool]) -> int:
        """Let those jobs of ``flow`` that were queued for `later`, and of whose argument ``which`` is true, begin now; how many."""
        return self._client.sooner(flow, which)

    @_asking
    def wait(self, job_id: str, *, flow: str = "", progress: Report | None = None, timeout: float | None = None) -> Json:
        """Wait for a queued job and return its result; when nobody launches jobs here, run it here. Raises as `run`."""
        ends = None if timeout is None else time.monotonic() + timeout
        job = self._poll(job_id, progress, ends, here=False)
        if job is not None:
            return job.outcome(flow)
        with self._launcher.lease(COMMAND) as executor:
            if executor is not None:
                left = None if ends is None else ends - time.monotonic()
                return self._run_here(executor, flow or self.get(job_id).flow, job_id, None, progress, left)
        left = None if ends is None else ends - time.monotonic()
        return self.wait(job_id, flow=flow, progress=progress, timeout=left)

    def session(self) -> AbstractContextManager[bool]:
        """Keep the executor between several `run`s of one command (saves a launch each). Gives whether this process launches."""
        return self._leased(COMMAND, serve=False)

    @contextmanager
    def serving(self, kind: str = "worker", *, leave_within: float) -> Iterator[Executor]:
        """Launch, and take jobs from the queue, as a worker or a server does, until the block ends.

        Raises:
            LauncherBusy: another process launches the jobs of this home.
        """
        with self._launcher.lease(kind, serve=True, leave_within=leave_within) as executor:
            if executor is None or not self._launcher.serves_all:
                raise LauncherBusy(str(self._launcher.lock.file), self._launcher.lock.holder())
            self._client.register_queues()  # settings may have changed
            yield executor

    def resume_dead(self) -> int:
        """Queue again what nobody runs though it stands as running: on dead hosts (PostgreSQL), and here; returns how many. A worker does
        so now and then, and so does who waits."""
        return self._launcher.heartbeat.resume_dead() + self._launcher.resume_lost()

    @_asking
    def forget(self, older_than: timedelta, *, but: Collection[str] = ()) -> int:
        """Delete the records of jobs that ended well, or were cancelled, that long ago, ``but`` not those of these flows; returns how many.
        Their ids mean new jobs."""
        flows = self._flows.keys() - set(but)
        return self._client.forget(self._clock.now() - older_than, flows) if flows else 0

    @_asking
    def drop(self, job_id: str) -> None:
        """Delete the record of one job that has ended; of any other nothing happens."""
        job = self._client.job(job_id)
        if job is not None and job.state.ended:
            self._client.drop(job_id)

    @_asking
    def get(self, job_id: str) -> Job:
        """One job. Raises `UnknownJob`."""
        job = self._client.job(job_id)
        if job is None:
            raise UnknownJob(job_id)
        return job

    @_asking
    def list(self, states: Collection[JobState] = (), *, limit: int = 100, prefix: str = "") -> Sequence[Job]:
        """Jobs in these states (all when empty) whose id begins with ``prefix``, youngest first."""
        return self._client.jobs(states, limit=limit, prefix=prefix)

    @_asking
    def idle(self) -> bool:
        """Whether no process launches jobs at this moment, of this home or of another host: nobody has anything in hand."""
        return self._launches_nobody() and not self._launcher.heartbeat.others()

    @_asking
    def unattended(self) -> bool:
        """Whether nobody takes the jobs that wait: no process launches those of this home, and no other host has a worker. A command of
        another host may live: it runs its own jobs only."""
        return self._launches_nobody() and not self._launcher.heartbeat.served()

    def _launches_nobody(self) -> bool:
        return not self._launcher.here and self._launcher.lock.free()

    @_asking
    def waiting(self, flow: str) -> Sequence[str]:
        """The ids of the jobs of ``flow`` that nobody has begun or taken for itself, or whose process is known to be dead; oldest first."""
        alive = self._launcher.alive()
        unfinished = self._client.jobs([JobState.WAITING, JobState.RUNNING], limit=_LOOKED_AT)
        waiting = [job for job in unfinished if job.flow == flow and not self._foreign(job) and job.holder not in alive]
        return [job.id for job in sorted(waiting, key=lambda job: job.created)]

    @_asking
    def arguments(self, flow: str) -> Sequence[Json]:
        """The arguments of all jobs of ``flow`` that have not ended."""
        return self._client.arguments(flow)

    @_asking
    def run_waiting(self, flow: str, report: Report) -> int:
        """Run the waiting jobs of ``flow`` here, one after the other, unless another process takes them; how many there were.
        A job's own error is no error of this call.

        Raises:
            Interrupted: this process was told to stop; the rest continues later.
        """
        with self._launcher.lease(COMMAND) as executor:
            if executor is None or self._launcher.serves_all or self._launcher.heartbeat.served():
                return 0
            self._launcher.heartbeat.resume_dead()  # else each would wait for the next look
            ids = self.waiting(flow)
            for job_id in ids:
                try:
                    self._run_here(executor, flow, job_id, None, report, None)
                except KhoError:
                    if not self.get(job_id).state.ended:
                        raise
            return len(ids)

    @_asking
    def progress(self, job_id: str) -> Progress | None:
        """The last progress that was recorded (about once a second), or None."""
        return self._client.progress(job_id, PROGRESS_KEY)

    @_asking
    def cancel(self, job_id: str) -> None:
        """Cancel a job: a queued one never starts, a running one ends at its next step or recorded progress.

        Raises `UnknownJob`.
        """
        self.get(job_id)
        self._client.cancel(job_id)

    @_asking
    def retry(self, job_id: str) -> None:
        """Queue an ended job again under its id, from the step that failed. Raises `UnknownJob`, `StillRunning`."""
        job = self.get(job_id)
        if not job.state.ended:
            raise StillRunning(job_id, job.state.value)
        self._client.retry(job_id)

    @_asking
    def stuck(self, older_than: timedelta) -> Sequence[Job]:
        """Unfinished jobs that want a look: unchanged for ``older_than``, of another shape or an unknown flow; oldest first."""
        before: datetime = self._clock.now() - older_than
        unfinished = self._client.jobs([JobState.WAITING, JobState.RUNNING], limit=10_000)
        found = [job for job in unfinished if job.updated < before or self._foreign(job)]
        return sorted(found, key=lambda job: job.created)

    @_asking
    def upgrade(self, first: Callable[[], None] | None = None) -> None:
        """Make or renew the job tables (`kho init`, `kho upgrade`); ``first`` is done before, while no job can start here, and its
        exceptions come through. Raises `LauncherBusy` while jobs run, `JobTables`."""
        if not self._launcher.lock.acquire("upgrade", patience=PATIENCE):
            raise LauncherBusy(str(self._launcher.lock.file), self._launcher.lock.holder())
        try:
            if first is not None:
                first()
            self._client.upgrade()
        finally:
            self._launcher.lock.release()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _foreign(self, job: Job) -> bool:
        return job.flow not in self._flows or job.version not in ("", APPLICATION_VERSION)

    @contextmanager
    def _leased(self, kind: str, *, serve: bool) -> Iterator[bool]:
        with self._launcher.lease(kind, serve=serve) as executor:
            yield executor is not None

    def _checked(self, flow: str, job_id: str, argument: Json) -> Json:
        if flow not in self._flows:
            raise UnknownFlow(flow)
        if not 0 < len(job_id) <= _ID_LIMIT or not job_id.isprintable() or job_id != job_id.strip():
            raise Conflict(job_id[:_ID_LIMIT], phrase("job-id", longest=_ID_LIMIT))
        return normal(argument, f"{flow} {job_id}")

    @_asking
    def ready(self) -> None:
        """Make the job tables where they were lost with the catalog, before a transaction in which a job shall be queued. Raises
        `JobTables`."""
        if self._client.fresh():
            # Whoever holds the lock at this moment is making the tables itself, also one that has not yet said that it holds it.
            with contextlib.suppress(LauncherBusy):
                if not self._launcher.lock.holder():
                    self.upgrade()
            self._client.await_tables()

    def _enqueue(self, flow: str, job_id: str, argument: Json, *, delay: float = 0.0) -> None:
        self.ready()
        with _conflicts(job_id):
            self._client.enqueue(flow, job_id, argument, delay=delay, short=self._flows[flow].short)

    def _run_here(
        self, executor: Executor, flow: str, job_id: str, argument: Json, progress: Report | None, timeout: float | None
    ) -> Json:
        job = self._client.job(job_id)
        if job is None:
            try:
                with _endings(job_id, executor):
                    return executor.run_here(flow, job_id, argument, progress or _ignore)
            except dbos_error.DBOSWorkflowIDInUseError:
                job = self.get(job_id)  # another process queued it a moment ago
        if not job.state.ended:
            ends = None if timeout is None else time.monotonic() + timeout
            with executor.watched(job_id, progress or _ignore):
                job = self._poll(job_id, progress, ends, here=True)
            assert job is not None
        return job.outcome(flow)

    def _poll(self, job_id: str, progress: Report | None, ends: float | None, *, here: bool) -> Job | None:
        """The job when it has ended. Who does not launch (``here``) gets None when the lock seems free, so that nobody will end it;
        who does, runs it when nobody else does or will."""
        pause = self.settings.wait_poll
        look = Throttle(_TAKEOVER_EVERY, 0.0)
        dead = Throttle(self.settings.heartbeat, self.settings.heartbeat)
        report = Throttle(_PROGRESS_EVERY, _PROGRESS_EVERY)
        while True:
            job = self.get(job_id)
            if job.state.ended:
                return job
            if ends is not None and time.monotonic() >= ends:
                raise StillRunning(job_id, job.state.value)
            elsewhere = not here or job.executor != self.settings.executor_id  # else the executor tells at once
            if progress is not None and elsewhere and report.due() and (last := self.progress(job_id)) is not None:
                progress(last)
            if look.due():
                if here:
                    self._take(job)
                elif self._launcher.here or self._launcher.lock.free():
                    return None
            if here and dead.due():
                self.resume_dead()
            time.sleep(pause)
            pause = min(pause * 1.2, self.settings.wait_poll_limit)

    def _take(self, job: Job) -> None:
        """Run a job here that waits for a worker when there is none. Asked again and again while it waits: a worker may have begun on
        this job's behalf a moment ago, or be gone by now, whichever way it went."""
        anybodys = job.state is JobState.WAITING and job.queue in (QUEUE, SHORT_QUEUE)
        if anybodys and not self._launcher.serves_all and not self._launcher.heartbeat.served():
            self._client.take(job.id)


def _ignore(_: Progress) -> None:
    pass


@contextmanager
def _conflicts(job_id: str) -> Iterator[None]:
    try:
        yield
    except dbos_error.DBOSConflictingWorkflowError as error:
        raise Conflict(job_id, str(error)) from error


@contextmanager
def _endings(job_id: str, executor: Executor) -> Iterator[None]:
    """DBOS's ways to end a job, in our words."""
    try:
        yield
    except Recorded as recorded:
        raise unpack(recorded.packed) from None
    except dbos_error.DBOSAwaitedWorkflowCancelledError:
        raise Cancelled(job_id) from None
    except dbos_error.DBOSAwaitedWorkflowMaxRecoveryAttemptsExceeded:
        raise GaveUp(job_id) from None
    except Unrecorded as refused:
        raise refused.failure from refused
    except Leaving:
        raise (Interrupted if executor.stopping.is_set() else Cancelled)(job_id) from None
