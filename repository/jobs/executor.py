"""The executor: DBOS, launched in this process. Only the holder of the launcher's lock may make one."""

from __future__ import annotations

import contextvars
import logging
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import error as dbos_error

from policies.findings import KhoError
from repository.jobs.client import database_failure
from repository.jobs.errors import JobDatabase, step_failure, unpack
from repository.jobs.flow import Flow, Json, Leaving, Progress, Report, Step, StepFunction, Throttle, normal
from repository.jobs.records import Recorded, RecordSerializer
from repository.jobs.settings import APPLICATION, APPLICATION_VERSION, MAX_RECOVERIES, Settings
from repository.log import bound

__all__ = ["PROGRESS_KEY", "Executor", "Unrecorded"]

PROGRESS_KEY = "progress"
"""The DBOS event under which a running job publishes its progress."""

_BACKOFF = 1.0
"""Seconds before a step's second attempt; doubled for each further one."""

_FIRST_PROGRESS = 0.5
"""Seconds before the first progress report is recorded: most interactive jobs are over by then, and save the commit."""

_log = logging.getLogger("kho.jobs")


class Unrecorded(Leaving):
    """The database did not take what a job has done (the disk is full, the server away): no failure of its work, so the job is left as it
    is and continued later. ``failure`` is for whoever waits for it here."""

    def __init__(self, job_id: str, failure: JobDatabase) -> None:
        super().__init__(job_id)
        self.failure = failure


class Executor:
    """DBOS with our flows. ``queues``: what it takes jobs from, besides those started with `run_here`."""

    def __init__(self, settings: Settings, flows: Sequence[Flow], queues: Sequence[str]) -> None:
        self._settings = settings
        self._active: dict[str, str] = {}  # job id → flow name
        self._guard = threading.Lock()
        self._here: dict[str, Report] = {}
        self.stopping = threading.Event()
        self.done = 0
        self.failed = 0
        self.left_behind: Sequence[str] = ()
        DBOS(config=self._config())
        try:
            self._workflows: Mapping[str, Callable[[Json], Json]] = {flow.name: self._workflow(flow) for flow in flows}
            DBOS.listen_queues(queues)
            DBOS.launch()
        except BaseException:
            DBOS.destroy(destroy_registry=True)
            raise

    def _config(self) -> DBOSConfig:
        return {
            "name": APPLICATION,
            "system_database_url": self._settings.database_url,
            "application_version": APPLICATION_VERSION,
            "executor_id": self._settings.executor_id,
            "serializer": RecordSerializer(),
            "run_migrations": False,  # `Jobs.upgrade` owns that
            "log_level": "WARNING",
            # Nothing of ours waits for notifications; the interval only bounds how long closing takes.
            "notification_listener_polling_interval_sec": 0.05,
        }

    def run_here(self, flow: str, job_id: str, argument: Json, report: Report) -> Json:
        """Run a new job in this thread, now.

        Raises:
            Recorded: the job's error.
            DBOSWorkflowIDInUseError: the job is known already.
            Leaving: the process is told to stop.
            DBOSException: cancelled, or given up.
        """
        self._here[job_id] = report
        try:
            with SetWorkflowID(job_id, workflow_id_reuse_policy="reject"):
                return self._workflows[flow](argument)
        finally:
            self._here.pop(job_id, None)

    @property
    def active(self) -> Sequence[str]:
        """The ids of the jobs that run in this process now."""
        with self._guard:
            return list(self._active)

    @contextmanager
    def watched(self, job_id: str, report: Report) -> Iterator[None]:
        """Report the progress of a job that this executor takes from a queue, too, until the block ends."""
        self._here[job_id] = report
        try:
            yield
        finally:
            if self._here.get(job_id) is report:  # not another's who waits for the same
                del self._here[job_id]

    def stop(self, within: float) -> Sequence[str]:
        """Take no new jobs, leave the running ones at their next step or report, and shut down.

        Returns the jobs that did not leave ``within`` seconds: while they run the launcher's lock must not be given back.
        """
        self.stopping.set()
        # DBOS stops claiming jobs first and then waits, in whole seconds; without jobs there is nothing to wait for.
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=math.ceil(within) if self.active else 0)
        self.left_behind = self.active
        return self.left_behind

    def _workflow(self, flow: Flow) -> Callable[[Json], Json]:
        def body(argument: Json) -> Json:
            job_id = DBOS.workflow_id
            assert job_id is not None
            with self._running(job_id, flow.name), bound(job=job_id, flow=flow.name):
                steps = _DurableSteps(job_id, self, self._reporter(job_id))
                try:
                    result = normal(flow.run(steps, argument), f"{flow.name} {job_id}")
                except (dbos_error.DBOSException, Recorded):
                    raise
                except KhoError as error:
                    self._failed(error)
                    raise Recorded.of(error) from None
                except Exception as error:
                    if (refused := database_failure(self._settings, error)) is not None:
                        raise Unrecorded(job_id, refused) from error
                    self.leave_when_stopping(job_id)
                    failure = step_failure(flow.name, error)
                    self._failed(failure, unplanned=True)
                    raise Recorded.of(failure) from None
                self.done += 1
                _log.info("job done")
                return result

        return DBOS.workflow(name=flow.name, max_recovery_attempts=MAX_RECOVERIES)(body)

    def leave_when_stopping(self, job_id: str) -> None:
        """What breaks once the process is told to stop may do so because what it works with was closed beneath it: that is no answer to be
        recorded. Raises Leaving then."""
        if self.stopping.is_set():
            raise Leaving(job_id)

    def _failed(self, error: KhoError, *, unplanned: bool = False) -> None:
        self.failed += 1
        _log.error("job failed: %s", error, exc_info=unplanned)

    @contextmanager
    def _running(self, job_id: str, flow: str) -> Iterator[None]:
        self.leave_when_stopping(job_id)
        with self._guard:
            self._active[job_id] = flow
        try:
            yield
        finally:
            with self._guard:
                self._active.pop(job_id, None)

    def _reporter(self, job_id: str) -> Report:
        """Where a job's progress goes: at once to who waits in this process; now and then to the database, for all doors."""
        recorded = Throttle(self._settings.progress_every, _FIRST_PROGRESS)

        def report(progress: Progress) -> None:
            here = self._here.get(job_id)
            if here is not None:
                here(progress)
            if recorded.due():
                DBOS.set_event(PROGRESS_KEY, [progress.step, progress.done, progress.total, progress.unit])

        return report


class _DurableSteps:
    """`repository.jobs.flow.Steps` on DBOS."""

    def __init__(self, job_id: str, executor: Executor, report: Report) -> None:
        self._job_id = job_id
        self._executor = executor
        self._report = report

    @property
    def job_id(self) -> str:
        return self._job_id

    def run(self, name: str, function: StepFunction, *args: Json, attempts: int = 1, again_on: Collection[str] = ()) -> Json:
        self._executor.leave_when_stopping(self._job_id)
        clean = [normal(arg, f"{name} {self._job_id}") for arg in args]

        def once() -> Json:
            step = Step(self._job_id, name, _in_context(self._report), self._executor.stopping)
            return self._attempt(step, lambda: function(step, *clean), attempts, again_on)

        try:
            return DBOS.run_step({"name": name}, once)
        except Recorded as recorded:
            raise unpack(recorded.packed) from None

    def _attempt(self, step: Step, work: Callable[[], Json], attempts: int, again_on: Collection[str]) -> Json:
        wait = _BACKOFF
        while True:
            try:
                step.progress(0)
                return normal(work(), f"{step.name} {step.job_id}")
            except dbos_error.DBOSException:
                raise
            except KhoError as error:
                attempts -= 1
                if attempts < 1 or error.code not in again_on:
                    raise Recorded.of(error) from None
                _log.warning("step %s is tried again in %.0f s: %s", step.name, wait, error)
            except Exception as error:
                _log.exception("step %s broke", step.name)
                self._executor.leave_when_stopping(self._job_id)
                raise Recorded.of(step_failure(step.name, error)) from None
            step.sleep(wait)
            wait *= 2


def _in_context(report: Report) -> Report:
    """``report`` for any thread of the step: DBOS knows by a context variable for whom it records."""
    context = contextvars.copy_context()
    guard = threading.Lock()  # a context can be entered by one thread at a time

    def everywhere(progress: Progress) -> None:
        if not guard.acquire(blocking=False):
            return  # another thread reports at this moment; progress is worth no waiting
        try:
            # Raises a DBOSBaseException, which no step may stop, when the job was cancelled or resumed elsewhere.
            context.run(report, progress)
        except Exception:
            _log.warning("progress could not be recorded", exc_info=True)
        finally:
            guard.release()

    return everywhere
